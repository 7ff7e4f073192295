"""`kabine demo`: from paper to inbox on this machine, with a show in the terminal; with `--once` one document and figures."""

from __future__ import annotations

import fcntl
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
import msgspec

from protocol.errors import Code, Refused, Unavailable
from protocol.ids import AgencyId
from tools import folders
from tools.programme import SCANS
from tools.town import uckermark

if TYPE_CHECKING:
    from tools.rig import Rig

AGENCY: Final = "wohngeldstelle-uckermark"
SILENT_SECONDS: Final = 600.0  # capture of one page may take so long before we give up on a node
DRAWN_PAGES: Final = 3
MARKER: Final = ".kabine-demo"


class Seconds(msgspec.Struct, frozen=True):
    """`secured` and `opened` are counted from the confirmation."""

    capture: float
    seal: float
    secured: float
    opened: float


class Bytes(msgspec.Struct, frozen=True):
    """`wire`: all that went over the cabin's line for this document, both ways, above TCP."""

    input: int
    pdf: int
    envelope: int
    wire: int


class Outcome(msgspec.Struct, frozen=True):
    """What `--json` prints."""

    receipt: str
    pdf: str
    pages: int
    seconds: Seconds
    bytes: Bytes


class _InOrder(click.Command):
    """A command whose `--scan FILE` is a FILE like those behind it: pages lie in the order in which they were typed."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, list(_typed_in_order(args)))


@click.command(cls=_InOrder)
@click.option("--once", is_flag=True, help="One document through hub and one cabin, without a show.")
@click.option(
    "--screens", is_flag=True, help="No show: the cabins' screens and their devices, to be tried until Ctrl-C."
)
@click.option(
    "--scan",
    "scans",
    multiple=True,
    type=click.Path(path_type=Path),
    help="Image or PDF to hand in; drawn pages where none is named.",
)
@click.argument("more_scans", nargs=-1, type=click.Path(path_type=Path))
@click.option("--agency", default=AGENCY, show_default=True, help="Who shall get it.")
@click.option("--out", type=click.Path(path_type=Path), help="With --once: folder for <receipt>.pdf and receipt.json.")
@click.option("--state", type=click.Path(path_type=Path), help="Keep the folders of hub, cabins and agencies here.")
@click.option("--json", "as_json", is_flag=True, help="With --once: print the figures as JSON.")
def demo(
    once: bool,
    screens: bool,
    scans: tuple[Path, ...],
    more_scans: tuple[Path, ...],
    agency: str,
    out: Path | None,
    state: Path | None,
    as_json: bool,
) -> None:
    """From paper to inbox: a hub, cabins and agencies on this machine.

    Without options: five cabins, a few pages at each, a line that is cut for some seconds; in a terminal the cabins' screens stay open behind
    it. --scan may be followed by several files."""
    files = [*scans, *more_scans]
    _end_as_with_ctrl_c()
    if not once:
        if out is not None or as_json:
            raise Refused(Code.MALFORMED, "--out and --json go with --once.", "Add --once.")
        from tools import show  # late: what only prints its help need not draw tables

        with state_folder(state or Path("demo-run")) as place:
            if screens:
                show.visit(place)
            else:
                show.show(place, files)
        return
    if screens:
        raise Refused(Code.MALFORMED, "--screens does not go with --once.", "Leave one of them out.")
    if out is None:
        raise Refused(Code.MALFORMED, "Where shall the opened document go?", "Name a folder with --out.")
    for file in files:
        if not file.is_file():
            raise Refused(Code.BAD_FILE, f"{file} is no file.", "Name an image or a PDF that is there.")
    if AgencyId(agency) not in [each.id for each in uckermark().agencies]:
        names = ", ".join(each.id for each in uckermark().agencies)
        raise Refused(Code.UNKNOWN_AGENCY, f"There is no agency “{agency}” in the demo.", f"Choose one of: {names}.")
    with ExitStack() as stack:
        kept = state_folder(state) if state else _passing_folder()
        folder = stack.enter_context(kept)
        outcome = _once(folder, files, AgencyId(agency), out)
    if as_json:
        click.echo(msgspec.json.encode(outcome))
    else:
        seconds, size = outcome.seconds, outcome.bytes
        click.echo(
            f"{outcome.receipt}: {outcome.pages} page{'s' * (outcome.pages != 1)}, "
            f"{size.input / 1000:.0f} kB on paper, {size.envelope / 1000:.0f} kB sealed."
        )
        click.echo(f"gesichert {seconds.secured:.2f} s and opened {seconds.opened:.2f} s after the confirmation.")
        click.echo(outcome.pdf)


def _typed_in_order(words: Sequence[str]) -> Iterator[str]:
    rest = iter(words)
    for word in rest:
        if word == "--":
            yield word
            break
        option, equals, told = word.partition("=")
        name = told if equals else next(rest, None) if option == "--scan" else None
        if option != "--scan" or name is None:
            yield word
        else:
            yield f"./{name}" if name.startswith("-") else name
    yield from rest


def _once(folder: Path, files: list[Path], agency: AgencyId, out: Path) -> Outcome:
    from hardware.simulated import paper
    from protocol.runtime.folder import write_file
    from tools.rig import rig

    folders.made(out, "--out")
    with rig(folder / "house", [agency]) as house:
        scans = files or paper.draw_scan(7, DRAWN_PAGES, folders.made(folder / "drawn"))
        site = house.town.sites[0]
        house.enrol([site])
        house.start_cabin(site.id)
        house.until_connected(site.id)
        taken_into = folders.made(folder / "opened")
        connector = house.start_connector(agency, taken_into)
        relay = house.lines[site.id]
        before_bytes = relay.up_bytes + relay.down_bytes
        handed = hand_in(house, site.id, agency, scans)
        opened_line = connector.stdout.readline() if connector.stdout else b""
        opened_at = time.monotonic()
        if not opened_line:
            raise Unavailable("The agency's connector ended.", f"Look into {house.folder / 'logs'}.")
        opened = msgspec.json.decode(opened_line)
        wire_bytes = relay.up_bytes + relay.down_bytes - before_bytes
        # The connector signs and tells *accepted* before it says so here, so all events are in the record.
        pdf = out.absolute() / f"{handed.receipt}.pdf"
        write_file(pdf, Path(opened["pdf"]).read_bytes())
        write_file(out.absolute() / "receipt.json", Path(opened["record"]).read_bytes())
    return Outcome(
        receipt=handed.receipt,
        pdf=str(pdf),
        pages=handed.pages,
        seconds=Seconds(
            handed.capture_seconds, handed.seal_seconds, handed.secured_seconds, opened_at - handed.confirmed_at
        ),
        bytes=Bytes(handed.input_bytes, handed.pdf_bytes, handed.envelope_bytes, wire_bytes),
    )


class HandedIn(msgspec.Struct):
    """What a cabin told about one document. `confirmed_at`: monotonic seconds."""

    receipt: str = ""
    pages: int = 0
    input_bytes: int = 0
    pdf_bytes: int = 0
    envelope_bytes: int = 0
    capture_seconds: float = 0.0
    seal_seconds: float = 0.0
    secured_seconds: float = 0.0
    confirmed_at: float = 0.0


def hand_in(house: Rig, site: str, agency: AgencyId, scans: list[Path]) -> HandedIn:
    """Hand these files in at a running cabin and wait until they are *gesichert*. Raises what the cabin says."""
    from edge.knock import knock
    from edge.orders import Accepted, Captured, SealedUp, Secured, Submit

    order = Submit(agency=agency, paths=tuple(str(scan.absolute()) for scan in scans), wait="secured")
    handed = HandedIn()
    for told in knock(house.cabin(site), order, SILENT_SECONDS) or ():
        match told:
            case Captured(pages=pages, input_bytes=input_bytes, seconds=seconds):
                handed.pages, handed.input_bytes, handed.capture_seconds = pages, input_bytes, seconds
            case SealedUp(pdf_bytes=pdf_bytes, envelope_bytes=envelope_bytes, seconds=seconds):
                handed.pdf_bytes, handed.envelope_bytes, handed.seal_seconds = pdf_bytes, envelope_bytes, seconds
            case Accepted(receipt=receipt, seconds=seconds):
                handed.receipt, handed.confirmed_at = receipt, time.monotonic() - seconds
            case Secured(seconds=seconds):
                handed.secured_seconds = seconds
                return handed
            case _:
                pass
    raise Unavailable(f"The cabin {site} ended before the document was secured.", f"Look into {house.folder / 'logs'}.")


@contextmanager
def state_folder(path: Path) -> Iterator[Path]:
    """An empty folder, ours while this lasts; one that an earlier demo left is made anew, but for the papers it drew. Raises Refused for anything
    else, Unavailable while another demo works there."""
    if path.exists() and any(path.iterdir() if path.is_dir() else [path]) and not (path / MARKER).is_file():
        raise Refused(Code.BAD_FILE, f"{path} is not empty.", "Name a new folder with --state.")
    folders.made(path)
    with (path / MARKER).open("a") as marker:
        try:
            fcntl.flock(marker, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Unavailable(
                f"Another `kabine demo` works in {path}.", "End it, or name another folder with --state."
            ) from error
        for old in path.iterdir():
            if old.is_dir() and old.name != SCANS:
                shutil.rmtree(old)
            elif not old.is_dir() and old.name != MARKER:
                old.unlink()
        marker.truncate(0)
        marker.write("Made by `kabine demo`, which may delete this folder when it is run again.\n")
        marker.flush()
        yield path.absolute()


@contextmanager
def _passing_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="kabine-") as folder:
        yield Path(folder)


def _end_as_with_ctrl_c() -> None:
    """Told to end, its window closed, or Ctrl-\\: then nothing that was started may go on by itself, either."""
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        if signal.getsignal(number) is signal.SIG_DFL:  # `nohup` keeps its meaning
            signal.signal(number, signal.default_int_handler)
