"""A page as the visitor will see it on the screen: what will be handed in, not what was scanned. Nothing of it touches a disk."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from typing import Any, Final

import msgspec
import pymupdf
from PIL import Image

from edge.capture import pdf
from edge.capture.encoded import Encoded, Layer

PIXELS_LIMITS: Final = (16, 4000)  # of the longer side: a thumbnail, a screen held close
QUALITY: Final = 80
MARGIN_INCHES: Final = 0.1
_NO_DAY: Final = datetime(2000, 1, 1, tzinfo=UTC)  # a preview carries no date


def close(page: Encoded) -> Encoded:
    """What lies on `page`, without the empty sheet around it: of a card on A4 nobody sees whether it can be read."""
    if not page.layers:
        return page
    margin = round(MARGIN_INCHES * page.dpi)
    lefts, tops, rights, bottoms = zip(*(layer.place for layer in page.layers), strict=True)
    left, top = max(0, min(lefts) - margin), max(0, min(tops) - margin)
    right, bottom = min(page.width, max(rights) + margin), min(page.height, max(bottoms) + margin)
    layers = tuple(_moved(layer, -left, -top) for layer in page.layers)
    return msgspec.structs.replace(page, width=right - left, height=bottom - top, layers=layers)


def _moved(layer: Layer, across: int, down: int) -> Layer:
    left, top, right, bottom = layer.place
    return msgspec.structs.replace(layer, place=(left + across, top + down, right + across, bottom + down))


def jpeg(page: Encoded, pixels_max: int) -> bytes:
    """`page` as a JPEG, its longer side at most `pixels_max` pixels; grey where the page is."""
    with pymupdf.open(stream=b"".join(pdf.write([page], _NO_DAY)), filetype="pdf") as document:
        sheet: Any = document[0]
        zoom = min(pixels_max / max(sheet.rect.width, sheet.rect.height), page.dpi / 72)
        grey = page.is_grey
        shown: Any = sheet.get_pixmap(
            matrix=pymupdf.Matrix(zoom, zoom), colorspace=pymupdf.csGRAY if grey else pymupdf.csRGB, alpha=False
        )
        image = Image.frombytes("L" if grey else "RGB", (shown.width, shown.height), shown.samples_mv)
    image.thumbnail((pixels_max, pixels_max))  # MuPDF rounds up
    file = io.BytesIO()
    image.save(file, "JPEG", quality=QUALITY)
    return file.getvalue()
