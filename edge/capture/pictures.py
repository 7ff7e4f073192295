"""Pages out of a picture (JPEG, PNG, TIFF with many pages, WebP), as finely as they are of use."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
from PIL import Image, UnidentifiedImageError

from edge.capture.delivered import Delivered, damaged, too_many_pixels, unread
from edge.capture.page import A4_LONG_INCHES, DPI, WORKING_PIXELS_MAX, Page
from edge.capture.scale import Pixels, shrunk
from hardware.scanner import Scan
from protocol import limits
from protocol.errors import Refused

FORMATS: Final = ("JPEG", "PNG", "TIFF", "WEBP")
FINER: Final = 1.3  # so much finer may a page stay here: what straightens it brings it down, and resamples only once
SHEET_INCHES_MAX: Final = 24.0  # the long side of A2: a picture that claims more has a wrong resolution
SHEET_INCHES_MIN: Final = 1.5
SMALL_INCHES: Final = 3.3  # less than a card is long: at more than SMALL_DPI_MAX nobody scans that; the resolution is wrong, and would make
SMALL_DPI_MAX: Final = 600  # a sheet so small that its print is lost
_EXIF_ORIENTATION: Final = 274

Image.MAX_IMAGE_PIXELS = limits.PAGE_PIXELS_MAX // 2  # Pillow warns here and refuses at twice this


def count(what: Delivered) -> int:
    """How many pages it holds, from headers only. Raises Refused(BAD_FILE)."""
    with _open(what) as picture:
        return _frames(picture, what)


def _open(what: Delivered) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            picture = Image.open(_opened(what), formats=FORMATS)
    except Image.DecompressionBombError as error:
        raise too_many_pixels(what) from error
    except UnidentifiedImageError as error:
        raise unread(what) from error
    except Exception as error:  # a decoder given hostile bytes fails in every way there is
        raise damaged(what, "picture") from error
    return picture


def _opened(what: Delivered) -> Path | io.BytesIO:
    return io.BytesIO(what.image) if isinstance(what, Scan) else what


def _frames(picture: Image.Image, what: Delivered) -> int:
    if picture.format == "MPO":  # a telephone's picture with a preview or a depth map behind it
        return 1
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of a file that breaks off; it is refused below
            return int(getattr(picture, "n_frames", 1))
    except Exception as error:
        raise damaged(what, "picture") from error


def pages(what: Delivered) -> Iterator[Page]:
    """Each decoded when it is asked for. Raises Refused(BAD_FILE)."""
    with _open(what) as picture:
        frames = _frames(picture, what)
        for frame in range(frames):
            try:
                yield _decode(picture, frame, frames, what)  # no name holds the page here while it is worked on
            except Image.DecompressionBombError as error:
                raise too_many_pixels(what) from error
            except (Refused, MemoryError):
                raise
            except Exception as error:
                raise damaged(what, "picture") from error


def _decode(picture: Image.Image, frame: int, frames: int, what: Delivered) -> Page:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if frame:
            picture.seek(frame)
        width, height = picture.size
        if width * height > limits.PAGE_PIXELS_MAX:
            raise too_many_pixels(what)
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
        tiny = longest < SMALL_INCHES and max(across, down) > SMALL_DPI_MAX
        if SHEET_INCHES_MIN <= longest <= SHEET_INCHES_MAX and not tiny and max(across / down, down / across) < 2.5:
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
