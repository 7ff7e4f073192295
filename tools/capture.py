"""`kabine capture`: what the cabin does to paper, by itself: pictures and PDFs in, one compact PDF/A-2b out.

In the same worker process as in a cabin, under the same bounds of memory and time: a hostile file ends its reader, and that is told.
"""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import click
import msgspec

from edge.capture.dialogue import PageTaken
from edge.capture.mode import Mode
from edge.capture.workshop import Workshop
from protocol.errors import Code, Refused
from tools.whole_file import STDOUT, expect_another, whole_file


class PageFound(msgspec.Struct, frozen=True):
    """One page of the result. `bytes` of its streams; angles in degrees counter-clockwise; `verdict`: `good` or the gravest fault."""

    encoding: str
    bytes: int
    dpi: float
    skew_deg: float
    turned_deg: int
    verdict: str
    advice: str
    seconds: float


class Found(msgspec.Struct, frozen=True):
    """`bytes`: of the whole PDF."""

    bytes: int
    pages: list[PageFound]


@click.command()
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path, readable=False))
@click.option(
    "--out",
    type=click.Path(path_type=Path, readable=False),
    help="Where the PDF goes, - is stdout; without it nothing is written.",
)
@click.option(
    "--mode",
    type=click.Choice([str(mode) for mode in Mode]),
    default=str(Mode.DOCUMENT),
    show_default=True,
    help="What lies there.",
)
@click.option("--g4-strict", is_flag=True, help="CCITT G4 only, for archives that refuse JBIG2. About twice the size.")
@click.option("--check", is_flag=True, help="Look whether the result has the shape of PDF/A-2b; fail where it has not.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def capture(files: tuple[Path, ...], out: Path | None, mode: str, g4_strict: bool, check: bool, as_json: bool) -> None:
    """Pages of pictures and PDFs become one compact, legible PDF/A-2b; says what is wrong with a page."""
    if out is not None:
        for file in files:
            expect_another(file, out)
    found, document = asyncio.run(_taken(files, Mode(mode), g4_strict))
    if out is not None:
        with whole_file(out, 0o600) as write:
            write(document)
    told_apart = str(out) == STDOUT  # the PDF goes there
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode(Found(len(document), found))), err=told_apart)
    else:
        for line in _lines(found, len(document)):
            click.echo(line, err=told_apart)
    if check:
        _check(document)


def _lines(found: list[PageFound], pdf_bytes: int) -> Iterator[str]:
    for number, page in enumerate(found, 1):
        turned = f", turned {page.turned_deg}°" if page.turned_deg else ""
        yield (
            f"page {number}: {page.encoding}, {page.bytes / 1000:.1f} kB at {page.dpi:.0f} dpi, skew {page.skew_deg:+.2f}°{turned}, "
            f"{page.verdict}, {page.seconds:.2f} s"
        )
        if page.advice:
            yield f"  {page.advice}"
    yield f"{len(found)} page{'s' * (len(found) != 1)}, {pdf_bytes / 1000:.1f} kB"


def _check(document: bytes) -> None:
    from edge.capture import pdfa  # late: it needs MuPDF

    if faults := pdfa.faults(document):
        raise Refused(
            Code.BAD_FILE, "The result is not PDF/A-2b: " + " ".join(faults), "Report this: it is our mistake."
        )


async def _taken(files: tuple[Path, ...], mode: Mode, g4_strict: bool) -> tuple[list[PageFound], bytes]:
    """What a worker of its own makes of the files. Raises Refused, Unavailable."""
    # Its spool has no name there: killed in the midst, nothing is left.
    workshop = Workshop(Path(tempfile.gettempdir()), g4_strict=g4_strict)
    try:
        async with contextlib.aclosing(workshop.capture(list(files), mode)) as reports:
            found = [_page(report) async for report in reports if isinstance(report, PageTaken)]
        async with contextlib.aclosing(workshop.document(datetime.now(UTC))) as pieces:
            return found, b"".join([piece async for piece in pieces])
    finally:
        await workshop.close()


def _page(page: PageTaken) -> PageFound:
    return PageFound(
        encoding=page.encoding,
        bytes=page.bytes,
        dpi=page.dpi,
        skew_deg=page.skew_degrees,
        turned_deg=page.turned_degrees,
        verdict=page.faults[0] if page.faults else "good",
        advice=page.advice,
        seconds=round(page.seconds, 3),
    )
