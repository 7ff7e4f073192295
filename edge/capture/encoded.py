"""A page as it goes into the PDF: layers from the bottom up on white. A layer is a picture, or a stencil through which one ink is laid."""

from __future__ import annotations

import enum
from typing import Final

import msgspec

BLACK: Final = (0, 0, 0)
Colour = tuple[int, int, int]  # sRGB, 0 to 255


class Codec(enum.StrEnum):
    """How the bytes of a layer are to be read. None of these knows symbols: they cannot swap one digit for another (BSI TR-03138)."""

    G4 = "g4"  # bare strip, 1 is ink
    JBIG2 = "jbig2"  # segments as in a PDF, 1 is ink
    GREY_JPEG = "grey-jpeg"
    COLOUR_JPEG = "colour-jpeg"


class Encoding(enum.StrEnum):
    """How a page is kept as a whole. `planes`: several stencils, or stencils and picture boxes."""

    G4 = "g4"
    JBIG2 = "jbig2"
    G4_PLANES = "g4-planes"
    JBIG2_PLANES = "jbig2-planes"
    GREY_JPEG = "grey-jpeg"
    COLOUR_JPEG = "colour-jpeg"


class Layer(msgspec.Struct, frozen=True):
    """`width` and `height`: pixels of `stream`. `place`: left, top, right, bottom in pixels of the page. `ink`: the colour laid through a
    stencil; None for a picture."""

    codec: Codec
    width: int
    height: int
    place: tuple[int, int, int, int]
    ink: Colour | None
    stream: bytes


class Encoded(msgspec.Struct, frozen=True):
    """`width` and `height`: pixels of the page at `dpi`; layers may be finer or coarser. `turned_degrees` (0, 90, 180, 270): by how much
    whoever shows it turns it counter-clockwise, because the visitor said so."""

    encoding: Encoding
    width: int
    height: int
    dpi: float
    blank: bool
    layers: tuple[Layer, ...]
    turned_degrees: int = 0

    @property
    def is_grey(self) -> bool:
        """Whether no layer has a colour."""
        return all(
            layer.codec != Codec.COLOUR_JPEG and (layer.ink is None or len(set(layer.ink)) == 1)
            for layer in self.layers
        )

    @property
    def bytes(self) -> int:
        """Of all streams."""
        return sum(len(layer.stream) for layer in self.layers)
