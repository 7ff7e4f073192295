"""How one visitor wants the screen: chosen by one touch, kept for this visit only, and forgotten with it.

Nothing of it is stored anywhere: a visit begins and ends with `Settings()`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from edge.kiosk.language import DEFAULT, LANGUAGES
from protocol.errors import Code, Refused

Text = Literal[100, 130, 160]
Contrast = Literal["light", "dark"]

TEXT_STEPS: Final[tuple[Text, ...]] = (100, 130, 160)  # per cent; the largest still fits without scrolling
VOLUME_MAX: Final = 4
VOLUME_DEFAULT: Final = 2


class Settings(msgspec.Struct, frozen=True):
    """`text` in per cent; `volume` 0 (silent) … VOLUME_MAX; `low`: what is touched lies in the lower half of the screen."""

    language: str = DEFAULT.code
    text: Text = 100
    contrast: Contrast = "light"
    volume: int = VOLUME_DEFAULT
    low: bool = False
    read_aloud: bool = False

    def changed(self, to: str) -> Settings:
        """These settings after one touch, as in `text:130`. Raises Refused for what no button of ours says."""
        change = _CHANGES.get(to)
        if change is None:
            raise Refused(Code.MALFORMED, f"“{to[:20]}” is no setting of the screen.", "Use the buttons on the screen.")
        return change(self)

    @property
    def text_next(self) -> Text:
        """What the button for the size of the text does next: larger, and from the largest back to normal."""
        return TEXT_STEPS[(TEXT_STEPS.index(self.text) + 1) % len(TEXT_STEPS)]


class Screen(msgspec.Struct, frozen=True):
    """The screen that is fitted. `distance_mm`: from the eyes."""

    width_px: int = 1920
    height_px: int = 1080
    diagonal_inches: float = 24.0
    distance_mm: float = 500.0

    @property
    def px_per_mm(self) -> float:
        """Pixels of a millimetre of glass."""
        return math.hypot(self.width_px, self.height_px) / (self.diagonal_inches * MM_PER_INCH)

    @property
    def text_px(self) -> float:
        """The smallest text at 100 %: capitals seen under CAP_DEGREES (EN 301 549 5.1.4), 32 px at 24 inches. A small glass gets less:
        otherwise the largest text would not fit, and whoever needs it would see half a page."""
        fits = min(self.width_px / WIDTH_EM_MIN, self.height_px / HEIGHT_EM_MIN) * 100 / TEXT_STEPS[-1]
        return min(self._text_mm * self.px_per_mm, fits)

    @property
    def unit_px(self) -> float:
        """What the style sheets call a millimetre: one, or less where the text had to give way as well. From 13 inches on targets of 20 such
        units are never below the 16 mm that fingers of every age hit."""
        return min(self.px_per_mm, self.text_px / self._text_mm)

    @property
    def _text_mm(self) -> float:
        return self.distance_mm * math.tan(math.radians(CAP_DEGREES)) / CAP_EM

    def css(self) -> str:
        """The two lengths everything else is made of; the pages' own style sheets know no pixels."""
        return f":root {{ --text: {self.text_px:.1f}px; --mm: {self.unit_px:.3f}px; }}\n"


MM_PER_INCH: Final = 25.4
CAP_DEGREES: Final = 0.7
CAP_EM: Final = 0.689  # Fira Sans, height of a capital
WIDTH_EM_MIN: Final = 25.0  # the narrowest layout, in widths of the text: 1280 px at 51.2 px
HEIGHT_EM_MIN: Final = 15.6


def _changes() -> dict[str, Callable[[Settings], Settings]]:
    """Every button of the bars."""

    def to(field: str, value: object) -> Callable[[Settings], Settings]:
        return lambda settings: msgspec.structs.replace(settings, **{field: value})

    def louder(steps: int) -> Callable[[Settings], Settings]:
        return lambda settings: msgspec.structs.replace(
            settings, volume=min(max(settings.volume + steps, 0), VOLUME_MAX)
        )

    return {
        **{f"language:{language.code}": to("language", language.code) for language in LANGUAGES},
        **{f"text:{step}": to("text", step) for step in TEXT_STEPS},
        **{f"contrast:{value}": to("contrast", value) for value in ("light", "dark")},
        **{f"low:{word}": to("low", word == "on") for word in ("on", "off")},
        **{f"voice:{word}": to("read_aloud", word == "on") for word in ("on", "off")},
        "volume:up": louder(1),
        "volume:down": louder(-1),
    }


_CHANGES: Final = _changes()
