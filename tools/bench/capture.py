"""How small and how legible pages become, beside what else there is, in one run: JPEG at quality 75, img2pdf, OCRmyPDF.

Legibility is consensus recall: the share of a page's words that OCR reads alike in three renderings of the original and still reads in
the result. References are used where they are installed, and named where they are not.
"""

from __future__ import annotations

import io
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
import pymupdf
from PIL import Image

from edge.capture import confinement, pdf, pipeline, source, workshop
from protocol.errors import Code, Refused
from tools.bench import defects, reading

KINDS: Final = {".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp", ".pdf"}
OCR_SECONDS_MAX: Final = 300.0
KABINE: Final = "Kabine"
SPOILT_PAGES: Final = 12


class Measured(msgspec.Struct, frozen=True):
    """One page in one variant. `recall` from 0 to 1; None where there is nothing to compare with or nobody to read. `cpu_s`: CPU seconds for
    the whole file; `peak_mb`: most memory of the process, None where it was not measured by itself."""

    file: str
    variant: str
    bytes: int
    pages: int
    recall: float | None
    cpu_s: float
    peak_mb: float | None = None
    encoding: str = ""


class Variant(msgspec.Struct, frozen=True):
    """One variant over all files. `recall`: pooled over words; `recall_min`: of the worst page."""

    variant: str
    pages: int
    mean_bytes: float
    median_bytes: float
    recall: float | None
    recall_min: float | None
    cpu_s_per_page: float
    peak_mb: float | None


class Result(msgspec.Struct, frozen=True):
    """The whole run. `missing`: what was not measured, and why. `defects`: how many spoilt pages are noticed; None where that was left out."""

    variants: list[Variant]
    files: list[Measured]
    missing: list[str]
    defects: defects.Found | None = None


def measure(
    folder: Path,
    *,
    references: bool = True,
    spoilt: int = SPOILT_PAGES,
    ocrmypdf: str = "ocrmypdf",
    tell: Callable[[str], None] = lambda _: None,
) -> Result:
    """All pictures and PDFs in `folder`; `tell` hears about each. `spoilt`: how many drawn pages are spoilt besides those of the folder; 0
    leaves that out. `ocrmypdf`: the command. Raises Refused where there are no pages."""
    paths = sorted(path for path in folder.iterdir() if path.suffix.lower() in KINDS)
    if not paths:
        raise Refused(Code.BAD_FILE, f"“{folder}” holds no pictures and no PDFs.", "Name a folder of scans.")
    missing = [] if reading.available() else [reading.MISSING]
    tools = {_img2pdf(ocrmypdf): "img2pdf", ocrmypdf: "OCRmyPDF"} if references else {}
    missing += [f"{name} is not installed; it is left out." for tool, name in tools.items() if not shutil.which(tool)]
    files: list[Measured] = []
    words: dict[str, int] = {}
    for path in paths:
        expected = reading.reference(folder, path)
        words[path.name] = sum(expected.consensus_words.values()) if expected else 0
        for made in _variants(path, references, ocrmypdf):
            files.append(_read(path, made, expected))
            told = files[-1]
            tell(
                f"{told.file}: {told.variant}, {told.bytes / 1000:.1f} kB, recall {_share(told.recall)}, {told.cpu_s:.2f} s"
            )
    names = list(dict.fromkeys(each.variant for each in files))
    noticed = defects.measure(folder, spoilt, tell) if spoilt else None
    return Result([_pooled(name, files, words) for name in names], files, missing, noticed)


def table(result: Result) -> Iterator[str]:
    """The run as people read it."""
    yield "variant            pages   mean kB  median kB   recall  worst    CPU s/page  peak MB"
    for row in result.variants:
        peak = f"{row.peak_mb:7.0f}" if row.peak_mb is not None else "      –"
        yield (
            f"{row.variant:<17} {row.pages:6d} {row.mean_bytes / 1000:9.1f} {row.median_bytes / 1000:10.1f}   {_share(row.recall)}   "
            f"{_share(row.recall_min)}   {row.cpu_s_per_page:11.2f}  {peak}"
        )
    yield from result.missing
    if result.defects is not None:
        yield from defects.table(result.defects)


class _Made(msgspec.Struct, frozen=True):
    variant: str
    document: bytes
    size_bytes: int
    cpu_s: float
    peak_mb: float | None = None
    encoding: str = ""


def _variants(path: Path, references: bool, ocrmypdf: str) -> Iterator[_Made]:
    yield _kabine(path)
    yield _jpeg(path)
    if not references:
        return
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / "plain.pdf"
        if path.suffix.lower() == ".pdf":
            plain.write_bytes(path.read_bytes())
        elif shutil.which(_img2pdf(ocrmypdf)) and (
            done := _run("img2pdf", [_img2pdf(ocrmypdf), "-o", str(plain), str(path)], plain)
        ):
            yield done
        else:
            with Image.open(path) as picture:
                picture.convert("RGB").save(plain, "PDF", resolution=picture.info.get("dpi", (300, 300))[0], quality=92)
        if shutil.which(ocrmypdf):
            for level in (1, 2, 3):
                out = Path(folder) / f"o{level}.pdf"
                order = [
                    ocrmypdf,
                    f"-O{level}",
                    "--tesseract-timeout",
                    "0",
                    "--skip-text",
                    "--deskew",
                    "--jobs",
                    "1",
                    str(plain),
                    str(out),
                ]
                if done := _run(f"OCRmyPDF -O{level}", order, out):
                    yield done


def _img2pdf(ocrmypdf: str) -> str:
    """Beside the given OCRmyPDF, where it is there."""
    beside = Path(ocrmypdf).with_name("img2pdf")
    return str(beside) if beside.is_file() else "img2pdf"


def _kabine(path: Path) -> _Made:
    """In a process of its own, so that its memory is its own."""
    order = [sys.executable, "-m", "tools.bench.capture", str(path)]
    done = subprocess.run(order, capture_output=True, check=True, env={**os.environ, **workshop.ENVIRONMENT})
    return msgspec.msgpack.decode(done.stdout, type=_Made)


def _alone(path: Path) -> _Made:
    """What `_kabine` runs, as a worker does it. The CPU time of starting Python is left out."""
    confinement.keep_memory()
    began = time.process_time()
    pages = [taken.page for taken in pipeline.take(source.pages(path))]
    document = b"".join(pdf.write(pages, datetime(2026, 1, 1, tzinfo=UTC)))
    # Not ru_maxrss: that remembers the parent, from before this program was started.
    status = Path("/proc/self/status").read_text()
    peak_mb = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    encodings = " ".join(dict.fromkeys(str(page.encoding) for page in pages))
    return _Made(KABINE, document, len(document), time.process_time() - began, peak_mb, encodings)


def _jpeg(path: Path) -> _Made:
    """Every page in colour at its resolution, quality 75: what a scanner's own software makes."""
    began, document = time.process_time(), pymupdf.open()
    size_bytes = 0
    for page in source.pages(path):
        file = io.BytesIO()
        Image.fromarray(page.pixels).convert("RGB").save(file, "JPEG", quality=75)
        size_bytes += len(file.getvalue())
        sheet: Any = document.new_page(width=page.width * 72 / page.dpi, height=page.height * 72 / page.dpi)
        sheet.insert_image(sheet.rect, stream=file.getvalue())
    return _Made("JPEG q75", document.tobytes(), size_bytes, time.process_time() - began)


def _run(variant: str, order: list[str], out: Path) -> _Made | None:
    """Another program; None where it fails on this file."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    try:
        subprocess.run(
            order, capture_output=True, check=True, timeout=OCR_SECONDS_MAX, env={**os.environ, "OMP_THREAD_LIMIT": "1"}
        )
    except (OSError, subprocess.SubprocessError):
        return None
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu_s = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    document = out.read_bytes()
    return _Made(variant, document, len(document), cpu_s)


def _read(path: Path, made: _Made, expected: reading.Reference | None) -> Measured:
    with pymupdf.open(stream=made.document, filetype="pdf") as document:
        pages = len(document)
        recall = None
        if expected is not None and reading.available():
            recall = reading.recall(expected.consensus_words, reading.words(_shown(document[0], path, expected.hints)))
    return Measured(path.name, made.variant, made.size_bytes, pages, recall, made.cpu_s, made.peak_mb, made.encoding)


def _shown(sheet: Any, path: Path, hints: reading.Hints) -> Image.Image:
    """At 300 dpi of the sheet's true size, where that is known."""
    zoom = 300 / 72
    if hints.width_mm:
        zoom = hints.width_mm / 25.4 * 300 / sheet.rect.width
    elif hints.dpi and path.suffix.lower() != ".pdf":
        with Image.open(path) as picture:
            zoom = picture.width * 300 / hints.dpi / sheet.rect.width
    pixmap: Any = sheet.get_pixmap(matrix=pymupdf.Matrix(zoom, zoom), alpha=False)
    return Image.frombytes("RGB", (pixmap.width, pixmap.height), pixmap.samples)


def _pooled(variant: str, files: list[Measured], words: dict[str, int]) -> Variant:
    own = [each for each in files if each.variant == variant]
    per_page = sorted(each.bytes / each.pages for each in own)
    read = [(each.recall, words[each.file]) for each in own if each.recall is not None]
    total = sum(count for _, count in read)
    peaks = [each.peak_mb for each in own if each.peak_mb is not None]
    pages = sum(each.pages for each in own)
    middle = len(per_page) // 2
    return Variant(
        variant=variant,
        pages=pages,
        mean_bytes=sum(each.bytes for each in own) / pages,
        median_bytes=per_page[middle] if len(per_page) % 2 else (per_page[middle - 1] + per_page[middle]) / 2,
        recall=sum(recall * count for recall, count in read) / total if total else None,
        recall_min=min((recall for recall, _ in read), default=None),
        cpu_s_per_page=sum(each.cpu_s for each in own) / pages,
        peak_mb=max(peaks, default=None),
    )


def _share(recall: float | None) -> str:
    return f"{recall:.3f}" if recall is not None else "    –"


if __name__ == "__main__":
    sys.stdout.buffer.write(msgspec.msgpack.encode(_alone(Path(sys.argv[1]))))
