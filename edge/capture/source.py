"""Opens what a scanner or a person delivered and gives its pages one by one; refuses in plain words what is no whole document.

Sizes are checked from headers before anything is decoded. At most one page is in memory: 4 bytes per pixel while it is decoded
(480 MB for the largest that is let in), at most 3 bytes for each of `WORKING_PIXELS_MAX` afterwards.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pymupdf
from PIL import Image, UnidentifiedImageError

from edge.capture.scale import Pixels, shrunk
from hardware.scanner import Scan
from protocol import limits
from protocol.errors import Code, Refused

DPI: Final = 300  # finer than this nobody reads; G4 and OCR are at home here
FINER: Final = 1.3  # so much finer may a page stay here: what straightens it brings it down, and resamples only once
WORKING_PIXELS_MAX: Final = 36_000_000  # A2 at 300 dpi; larger sheets are kept coarser
SHEET_INCHES_MAX: Final = 24.0  # the long side of A2: a picture that claims more has a wrong resolution
SHEET_INCHES_MIN: Final = 1.5
A4_LONG_INCHES: Final = 11.69
COARSE_DPI_MIN: Final = 100.0  # a sheet that would have to be kept coarser than this is refused
FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP")
# What people bring that is whole and still cannot be read: its first bytes, what it is, and what to do. `ftyp` of HEIC and AVIF stands 4 bytes in.
_KNOWN: Final = (
    (4, (b"ftyphei", b"ftyphev", b"ftypmif1", b"ftypmsf1", b"ftypavif"), "picture in a telephone's own format (HEIC, AVIF)",
     "Save it as JPEG (on an iPhone: Settings, Camera, Formats, Most Compatible), or scan the paper."),
    (0, (b"GIF8", b"BM", b"\0\0\0\x0cjP  ", b"\xff\x4f\xff\x51"), "picture in a format that is not read", "Save it as PNG, JPEG or PDF."),
    (0, (b"PK\x03\x04", b"\xd0\xcf\x11\xe0"), "text of an office program", "Save it as PDF."),
)  # fmt: skip
KINDS: Final = "Hand in JPEG, PNG, TIFF, WebP or PDF."
AGAIN: Final = "Scan the page again, or copy the file anew from where it came from."

# What MuPDF says when bytes of a page are missing; it draws the rest and goes on, we do not.
_MISSING: Final = (
    "premature end",
    "ignoring error",  # a picture that cannot be decoded is left out, and its page is empty
    "failed to read",
    "failed to decode",
    "truncated",
    "zlib error",
    "unexpected end",
    "cannot find object",
    "object out of range",
)

_EXIF_ORIENTATION: Final = 274

pymupdf.TOOLS.mupdf_display_errors(False)
pymupdf.TOOLS.mupdf_display_warnings(False)
Image.MAX_IMAGE_PIXELS = limits.PAGE_PIXELS_MAX // 2  # Pillow warns here and refuses at twice this


@dataclass(frozen=True)
class Page:
    """One side of one sheet. `pixels`: uint8 [height, width] grey or [height, width, 3] RGB, at `dpi` (at most 390). `guessed`: nobody said
    at what resolution; it is as if the picture were A4."""

    pixels: Pixels
    dpi: float
    guessed: bool = False

    @property
    def width(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """In pixels."""
        return int(self.pixels.shape[0])


def count(what: Path | Scan) -> int:
    """How many pages `what` holds, from headers only. Raises Refused(BAD_FILE), or TOO_LARGE when these are more than a document may have."""
    if _is_pdf(what):
        with _open_pdf(what) as document:
            pages = int(document.page_count)
    else:
        with _open_image(what) as picture:
            pages = _frames(picture, what)
    if pages > limits.DOCUMENT_PAGES_MAX:
        raise too_many(pages)
    return pages


def pages(what: Path | Scan) -> Iterator[Page]:
    """The pages of a file, or of a scan that never was one, in order, each decoded when it is asked for. Raises Refused(BAD_FILE), also
    for a page that is too large: the visitor is told about that sheet, and not that there are too many of them."""
    return _pdf_pages(what) if _is_pdf(what) else _image_pages(what)


def too_many(pages: int) -> Refused:
    """What a visitor reads who brings more than a document may hold."""
    return Refused(
        Code.TOO_LARGE,
        f"The document has {pages} pages; at most {limits.DOCUMENT_PAGES_MAX} fit in one.",
        "Hand it in as several documents.",
    )


def _is_pdf(what: Path | Scan) -> bool:
    if isinstance(what, Scan):
        head, size_bytes = what.image[:1024], len(what.image)
    else:
        head, size_bytes = _look_at(what)
    if size_bytes == 0:
        raise Refused(Code.BAD_FILE, f"“{what.name}” is empty (0 bytes).", AGAIN)
    if size_bytes > limits.INPUT_BYTES_MAX:
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” has {size_bytes // 1_000_000} MB; at most {limits.INPUT_BYTES_MAX // 1_000_000} MB are read.",
            "Scan at 300 dpi, or hand it in as several documents.",
        )
    return b"%PDF-" in head


def _look_at(path: Path) -> tuple[bytes, int]:
    """The beginning and the size of a file."""
    try:
        if path.is_dir():
            raise Refused(Code.BAD_FILE, f"“{path.name}” is a folder, not a file.", "Name the files in it.")
        if not path.exists():
            raise Refused(Code.BAD_FILE, f"There is no file “{path.name}”.", "Check the name.")
        if not path.is_file():
            raise Refused(Code.BAD_FILE, f"“{path.name}” is no ordinary file.", KINDS)
        size_bytes = path.stat().st_size
        with path.open("rb") as file:
            return file.read(1024), size_bytes
    except OSError as error:
        raise Refused(
            Code.BAD_FILE, f"“{path.name}” cannot be read: {error.strerror}.", "Check that this user may read the file."
        ) from error


# --- pictures -----------------------------------------------------------------------------------------------------


def _open_image(what: Path | Scan) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(_opened(what), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise _too_many_pixels(what) from error
    except UnidentifiedImageError as error:
        raise _unread(what) from error
    except Exception as error:  # a decoder given hostile bytes fails in every way there is
        raise _damaged(what, "picture") from error
    return picture


def _unread(what: Path | Scan) -> Refused:
    """In the words of whoever brings it, where we know what it is."""
    head = what.image[:16] if isinstance(what, Scan) else _look_at(what)[0]
    for at, signs, kind, remedy in _KNOWN:
        if head[at:].startswith(signs):
            return Refused(Code.BAD_FILE, f"“{what.name}” is a {kind}.", remedy)
    return Refused(Code.BAD_FILE, f"“{what.name}” is neither a picture nor a PDF.", KINDS)


def _opened(what: Path | Scan) -> Path | io.BytesIO:
    return io.BytesIO(what.image) if isinstance(what, Scan) else what


def _frames(picture: Image.Image, what: Path | Scan) -> int:
    if picture.format == "MPO":  # a telephone's picture with a preview or a depth map behind it
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that breaks off; it is refused below
            return int(getattr(picture, "n_frames", 1))
    except Exception as error:
        raise _damaged(what, "picture") from error


def _image_pages(what: Path | Scan) -> Iterator[Page]:
    with _open_image(what) as picture:
        frames = _frames(picture, what)
        for frame in range(frames):
            try:
                yield _decode(picture, frame, frames, what)  # no name holds the page here while it is worked on
            except Image.DecompressionBombError as error:
                raise _too_many_pixels(what) from error
            except (Refused, MemoryError):
                raise
            except Exception as error:
                raise _damaged(what, "picture") from error


def _decode(picture: Image.Image, frame: int, frames: int, what: Path | Scan) -> Page:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if frame:
            picture.seek(frame)
        width, height = picture.size
        if width * height > limits.PAGE_PIXELS_MAX:
            raise _too_many_pixels(what)
        dpi_x, dpi_y, guessed = _stated_dpi(picture)
        dpi = min(float(DPI), max(dpi_x, dpi_y))
        dpi *= min(1.0, math.sqrt(WORKING_PIXELS_MAX / (width / dpi_x * dpi * height / dpi_y * dpi)))
        size = max(1, round(width * dpi / dpi_x)), max(1, round(height * dpi / dpi_y))
        picture.draft(None, size)
        image = _plain(picture)
        image.load()
        way_up = image.getexif().get(_EXIF_ORIENTATION, 1)
    if image.size == (height, width):  # Pillow has stood a TIFF up already
        size = size[1], size[0]
    if image.width >= 2 * size[0] and image.height >= 2 * size[1]:
        image = image.reduce(min(image.width // size[0], image.height // size[1]))
    pixels: Pixels = np.asarray(image)
    if frame == frames - 1:
        picture.close()
    del image
    across, down = pixels.shape[1] / size[0], pixels.shape[0] / size[1]
    near = abs(across - down) < 0.02 and across <= FINER and pixels.shape[0] * pixels.shape[1] <= WORKING_PIXELS_MAX / 2
    if across < 1 or down < 1:  # the oblong pixels of a fax
        pixels = np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))
    elif near:
        dpi *= across
    else:
        pixels = shrunk(pixels, size)
    return Page(_stood_up(pixels, way_up), dpi, guessed)


def _stood_up(pixels: Pixels, orientation: int) -> Pixels:
    """As the camera says that it was held: EXIF counts eight ways, four of them mirrored."""
    if orientation in (5, 6, 7, 8):
        pixels = np.swapaxes(pixels, 0, 1)
    if orientation in (2, 3, 6, 7):
        pixels = pixels[:, ::-1]
    if orientation in (3, 4, 7, 8):
        pixels = pixels[::-1]
    return np.ascontiguousarray(pixels)


def _stated_dpi(picture: Image.Image) -> tuple[float, float, bool]:
    """The file's own resolution, across and down (they differ in a fax), where it makes a plausible sheet; otherwise as if it were A4, which
    is a guess."""
    try:
        across, down = (float(value) for value in picture.info.get("dpi", (0.0, 0.0)))
    except (TypeError, ValueError, ZeroDivisionError):
        across = down = 0.0
    if min(across, down) >= 30 and math.isfinite(across + down):
        longest = max(picture.width / across, picture.height / down)
        if SHEET_INCHES_MIN <= longest <= SHEET_INCHES_MAX and max(across / down, down / across) < 2.5:
            return across, down, False
    assumed = max(30.0, max(picture.size) / A4_LONG_INCHES)
    return assumed, assumed, True


def _plain(picture: Image.Image) -> Image.Image:
    """Grey or RGB on white. Decodes; keeps the EXIF orientation in `info`."""
    if picture.mode.startswith(("I", "F")):
        return Image.fromarray(_eight_bits(picture))
    if picture.mode in ("1", "L") and "transparency" not in picture.info:
        return picture.convert("L")
    if picture.mode in ("LA", "PA", "RGBA", "RGBa", "La") or "transparency" in picture.info:
        see_through = picture.convert("RGBA")
        white = Image.new("RGB", picture.size, (255, 255, 255))
        white.paste(see_through, mask=see_through.getchannel("A"))
        white.info = picture.info
        return white
    return picture if picture.mode == "RGB" else picture.convert("RGB")


def _eight_bits(picture: Image.Image) -> Pixels:
    """Grey of more than eight bits, or between 0 and 1, in eight. White is the smallest usual one that nothing exceeds."""
    raw = np.asarray(picture)
    if raw.dtype == np.int32:
        raw = raw.view(np.uint32)  # Pillow reads 32 bits as signed, and white would be -1
    brightest = float(raw.max(initial=0))
    usual = (1.0, 255.0, 65535.0) if picture.mode == "F" else (255.0, 65535.0)
    white = next((each for each in usual if brightest <= each), brightest)
    return (raw.astype(np.float32) * (255.0 / white)).clip(0, 255).astype(np.uint8)


def _too_many_pixels(what: Path | Scan) -> Refused:
    return Refused(
        Code.BAD_FILE,
        f"A page of “{what.name}” has more than {limits.PAGE_PIXELS_MAX // 1_000_000} million pixels.",
        "Scan at 300 dpi.",
    )


def _damaged(what: Path | Scan, kind: str) -> Refused:
    return Refused(Code.BAD_FILE, f"“{what.name}” is damaged or incomplete: the {kind} breaks off.", AGAIN)


# --- PDF ----------------------------------------------------------------------------------------------------------


def _open_pdf(what: Path | Scan) -> Any:
    try:
        document: Any = (
            pymupdf.open(stream=what.image, filetype="pdf")
            if isinstance(what, Scan)
            else pymupdf.open(what, filetype="pdf")
        )
        pages = int(document.page_count) if not document.needs_pass else 0
    except Exception as error:
        raise _damaged(what, "PDF") from error
    if document.needs_pass:
        document.close()
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is locked with a password.",
            "Save it without a password and hand in that one.",
        )
    # MuPDF mends a PDF that breaks off and silently drops what is gone.
    if document.is_repaired or pages == 0:
        document.close()
        raise _damaged(what, "PDF")
    try:
        _expect_content_on_pages(document, what)
    except BaseException:
        document.close()
        raise
    return document


def _expect_content_on_pages(document: Any, what: Path | Scan) -> None:
    """Two kinds of PDF hold one page that says “open this with another program”, and what is handed in elsewhere. Raises Refused."""
    catalog = document.pdf_catalog()
    if document.xref_get_key(catalog, "Collection")[0] != "null":
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is a collection of files in the shape of a PDF (portfolio).",
            "Save the files in it one by one and hand in those.",
        )
    if document.xref_get_key(catalog, "NeedsRendering")[1] == "true":
        raise Refused(
            Code.BAD_FILE,
            f"“{what.name}” is a form that only Adobe Reader can show (XFA).",
            "Print it there, on paper or as a PDF, and hand in that one.",
        )


def _pdf_pages(what: Path | Scan) -> Iterator[Page]:
    with _open_pdf(what) as document:
        for number in range(document.page_count):
            try:
                yield _whole(document, number, what)
            except (Refused, MemoryError):
                raise
            except Exception as error:
                raise _damaged(what, "PDF") from error


def _whole(document: Any, number: int, what: Path | Scan) -> Page:
    pymupdf.TOOLS.reset_mupdf_warnings()
    try:
        page = _render(document[number], what)
    finally:
        pymupdf.TOOLS.store_shrink(100)
    said = pymupdf.TOOLS.mupdf_warnings(reset=True).lower()
    if document.is_repaired or any(sign in said for sign in _MISSING):
        raise _damaged(what, "PDF")
    return page


def _render(sheet: Any, what: Path | Scan) -> Page:
    for picture in sheet.get_images(full=True):
        if picture[2] * picture[3] > limits.PAGE_PIXELS_MAX:
            raise _too_many_pixels(what)
    width_inches, height_inches = sheet.rect.width / 72, sheet.rect.height / 72
    if width_inches <= 0 or height_inches <= 0:
        raise _damaged(what, "PDF")
    dpi = min(_scan_dpi(sheet), math.sqrt(WORKING_PIXELS_MAX / (width_inches * height_inches)))
    if dpi < min(COARSE_DPI_MIN, _scan_dpi(sheet)):
        raise Refused(
            Code.BAD_FILE,
            f"A page of “{what.name}” measures {width_inches * 2.54:.0f} × {height_inches * 2.54:.0f} cm.",
            "Hand in a copy of at most 1 × 1 m.",
        )
    pixmap: Any = sheet.get_pixmap(matrix=pymupdf.Matrix(dpi / 72, dpi / 72), colorspace=pymupdf.csRGB, alpha=False)
    pymupdf.TOOLS.store_shrink(100)  # the decoded picture, which would lie beside its own copy
    return Page(np.frombuffer(pixmap.samples, np.uint8).reshape(pixmap.height, pixmap.width, 3), dpi)


def _scan_dpi(sheet: Any) -> float:
    """300, or the resolution of the one picture that fills the page: drawing it finer adds bytes and no detail."""
    pictures = sheet.get_image_info()
    if len(pictures) != 1:
        return float(DPI)
    left, top, right, bottom = pictures[0]["bbox"]
    if (right - left) * (bottom - top) < 0.9 * sheet.rect.width * sheet.rect.height:
        return float(DPI)
    turned = (pictures[0]["width"] > pictures[0]["height"]) != (right - left > bottom - top)
    across = pictures[0]["height"] if turned else pictures[0]["width"]
    return float(min(DPI, max(50.0, across * 72 / (right - left))))
