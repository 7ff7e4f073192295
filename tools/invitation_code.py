"""An invitation as a QR code: on a terminal, on paper, as a file. SPEC.md section 7.1; edge/invitation_picture.py reads it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Final

import click
import segno

from protocol.errors import Code, Refused
from tools.whole_file import whole_file

ENDINGS: Final = (".svg", ".png")
PIXELS: Final = 8  # of a module: small enough for a screen, large enough for a poor camera
MODULE_MM: Final = 1.5  # on paper: about 11 cm for the whole code
READABLE_BY_OWNER: Final = 0o600  # whoever has it can claim the site


def check_ending(path: Path) -> None:
    """Raises Refused where nobody knows what kind of file this should be."""
    if path.suffix.lower() not in ENDINGS:
        raise Refused(
            Code.MALFORMED,
            f"“{path}” is neither an SVG nor a PNG file.",
            "Give a name that ends in .svg (to be printed) or .png.",
        )


def lines(text: str) -> str:
    """For a terminal, two rows of modules a line; dark on light whatever the terminal's own colours are."""
    drawn = io.StringIO()
    _code(text).terminal(drawn, compact=True)
    # Blocks are the light modules.
    return "\n".join(click.style(line, fg="bright_white", bg="black") for line in drawn.getvalue().splitlines())


def draw(text: str, path: Path) -> None:
    """Write the file that `path` ends in. Raises Unavailable when it cannot be written."""
    drawn = io.BytesIO()
    if path.suffix.lower() == ".svg":
        _code(text).save(drawn, kind="svg", scale=MODULE_MM, unit="mm", light="white")
    else:
        _code(text).save(drawn, kind="png", scale=PIXELS)
    with whole_file(path, READABLE_BY_OWNER) as write:
        write(drawn.getvalue())


def _code(text: str) -> segno.QRCode:
    # In capitals it takes a third fewer modules; a reader folds case first.
    return segno.make(text.upper(), error="m", boost_error=False, micro=False)
