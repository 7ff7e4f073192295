"""Simulated identity cards: the machine-readable zone adds up, both sides belong together."""

from datetime import date

import pytest

from hardware.simulated import identity
from hardware.simulated.paper import draw_sheet


def test_check_digits_are_those_of_the_standard():
    # ICAO Doc 9303, part 3, 4.9 and appendix A
    assert identity.check("520727") == 3
    assert identity.check("AB2134<<<") == 5
    # the sample in part 5, appendix A: its lines with check digits 7, 6 and 6 (optional data left out)
    assert identity.check("D231458907<<<<<<<<<<<<<<<7408122" + "1204159" + "<<<<<<<<<<<") == 6


def test_the_zone_of_the_german_sample_card():
    lines = identity.zone("Mustermann", "Erika", "T22000129", date(1964, 8, 12), date(2020, 10, 31))
    assert lines == (
        "IDD<<T220001293<<<<<<<<<<<<<<<",
        "6408125<2010315D<<<<<<<<<<<<<4",
        "MUSTERMANN<<ERIKA<<<<<<<<<<<<<",
    )
    assert identity.zone("Wißmann", "Jörg", "L00000000", date(1950, 1, 1), date(2030, 1, 1))[2].startswith(
        "WISSMANN<<JOERG<"
    )


@pytest.mark.parametrize("seed", range(4))
def test_both_sides_belong_to_the_same_person(seed):
    front, back = (draw_sheet(seed, 40, kind) for kind in ("id-front", "id-back"))
    number, name = back.words[-3][5:14], back.words[-1].split("<<")[0]
    assert number in front.words
    assert any(identity._fold(word) == name for word in front.words)
    assert front.image.size == back.image.size
    assert abs(front.skew_degrees) <= 12
