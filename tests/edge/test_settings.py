"""One visitor's settings, and how large things are on the glass that is fitted."""

from __future__ import annotations

import pytest

from edge.kiosk.settings import Screen, Settings
from protocol.errors import Refused


def test_one_touch_changes_one_thing() -> None:
    plain = Settings()
    changed = plain.changed("text:160").changed("contrast:dark").changed("low:on").changed("voice:on")
    assert changed.changed("language:uk") == Settings("uk", 160, "dark", 2, low=True, read_aloud=True)
    assert plain == Settings()
    assert changed.changed("low:off").changed("voice:off").changed("contrast:light").changed("text:100") == plain


def test_volume_ends_where_its_scale_ends() -> None:
    loud = Settings()
    for _ in range(6):
        loud = loud.changed("volume:up")
    assert loud.volume == 4
    silent = loud
    for _ in range(6):
        silent = silent.changed("volume:down")
    assert silent.volume == 0


def test_the_button_for_the_text_goes_round() -> None:
    settings, steps = Settings(), []
    for _ in range(3):
        settings = settings.changed(f"text:{settings.text_next}")
        steps.append(settings.text)
    assert steps == [130, 160, 100]


@pytest.mark.parametrize(
    "to", ["", "text", "text:", "text:200", "text:100 ", "language:fr", "volume:9", "read_aloud:on", "x" * 4000]
)
def test_what_no_button_says_is_refused(to: str) -> None:
    with pytest.raises(Refused) as refused:
        Settings().changed(to)
    assert len(refused.value.what) < 80
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("screen", "text_px"),
    [
        (Screen(), 32),  # the table of EN 301 549 5.1.4 for Fira Sans, at half a metre
        (Screen(diagonal_inches=22), 35),
        (Screen(diagonal_inches=27), 28.5),
        (Screen(distance_mm=600), 38.4),
        (Screen(1280, 800, 16.4), 32),
        (Screen(1280, 800, 10.1), 32),  # 51 px would be right, and its 160 % would not fit
    ],
)
def test_letters_are_as_high_as_eyes_need(screen: Screen, text_px: float) -> None:
    assert screen.text_px == pytest.approx(text_px, abs=0.1)


def test_a_millimetre_is_one_on_every_glass() -> None:
    assert Screen().px_per_mm == pytest.approx(3.61, abs=0.01)
    assert Screen().css() == ":root { --text: 32.0px; --mm: 3.614px; }\n"
