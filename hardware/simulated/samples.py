"""One of everything that people bring to a cabin, as files: to be laid on a simulated scanner, or given to any other program."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageFilter

from hardware.simulated import wear
from hardware.simulated.paper import draw_page
from hardware.simulated.pile import encode


def draw_samples(folder: Path, seed: int = 1, dpi: int = 300) -> dict[str, Path]:
    """Writes JPEG files and says which is which: letter, form, receipt, the two sides of a card, an empty sheet, and letters that are worn,
    photographed, blurred and upside down. Files of the same names are overwritten. Raises OSError."""
    letter = draw_page(seed, dpi, "letter")
    sheets: dict[str, Image.Image] = {
        "letter": letter,
        "form": draw_page(seed, dpi, "form"),
        "receipt": draw_page(seed, dpi, "receipt"),
        "id-front": draw_page(seed, dpi, "id-front"),
        "id-back": draw_page(seed, dpi, "id-back"),
        "empty": Image.new("RGB", letter.size, (247, 246, 243)),
        "worn": wear.wear(draw_page(seed + 1, dpi, "letter"), seed),
        "photographed": wear.photograph(draw_page(seed + 2, dpi, "form"), seed),
        "blurred": letter.filter(ImageFilter.GaussianBlur(dpi / 60)),
        "upside-down": letter.rotate(180),
    }
    paths = {name: folder / f"{name}-{seed:04d}.jpg" for name in sheets}
    for name, page in sheets.items():
        paths[name].write_bytes(encode(page, None if name == "photographed" else dpi))
    return paths
