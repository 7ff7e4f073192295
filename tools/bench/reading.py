"""What OCR still reads on a page: the measure of legibility. Uses Debian's tesseract where it is installed; the product never does."""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Final

import msgspec
from PIL import Image

from protocol.errors import Unavailable

LANGUAGES: Final = ("deu", "eng")
MISSING: Final = "Recall is not measured: tesseract is not installed (apt-get install tesseract-ocr tesseract-ocr-deu)."


class Hints(msgspec.Struct, frozen=True):
    """How large the sheet really is: its resolution, or its width in millimetres."""

    dpi: float = 0.0
    width_mm: float = 0.0


class Reference(msgspec.Struct, frozen=True):
    """The words that OCR reads the same in three renderings of a page."""

    consensus_words: dict[str, int]
    hints: Hints = Hints()


def available() -> bool:
    """Whether there is somebody to read."""
    return shutil.which("tesseract") is not None


def reference(folder: Path, page: Path) -> Reference | None:
    """From `folder`/reference/NAME.json; None where there is none."""
    path = folder / "reference" / f"{page.name}.json"
    return msgspec.json.decode(path.read_bytes(), type=Reference) if path.is_file() else None


def words(image: Image.Image) -> list[Counter[str]]:
    """What tesseract reads at 300 dpi, in each of the languages that are installed. Raises Unavailable."""
    file = io.BytesIO()
    image.save(file, "PNG", compress_level=1)
    return [Counter(plain(text)) for text in (_read(file.getvalue(), language) for language in LANGUAGES) if text]


def plain(text: str) -> list[str]:
    """Words of at least three letters or digits, in small letters, without what is neither."""
    kept = (re.sub(r"[^0-9a-zäöüßàâçéèêëîïôûù]", "", word.lower()) for word in text.split())
    return [word for word in kept if len(word) >= 3]


def recall(expected: dict[str, int], found: list[Counter[str]]) -> float:
    """Share of the expected words that were found, in the language that finds most."""
    total = sum(expected.values())
    hits = [sum(min(count, read[word]) for word, count in expected.items()) for read in found]
    return max(hits, default=0) / total if total else 1.0


def _read(png: bytes, language: str) -> str:
    try:
        done = subprocess.run(
            ["tesseract", "-", "-", "-l", language, "--psm", "3", "--dpi", "300"],
            input=png,
            capture_output=True,
            check=False,
            env={**os.environ, "OMP_THREAD_LIMIT": "1"},
        )
    except OSError as error:
        raise Unavailable("tesseract cannot be started.", "apt-get install tesseract-ocr tesseract-ocr-deu") from error
    return done.stdout.decode("utf-8", "replace")
