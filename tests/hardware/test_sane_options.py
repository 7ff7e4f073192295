"""What real devices print about themselves is read, and nothing is asked of them that they do not know."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from hardware.devices import sane_options
from hardware.scanner import ScannerState

FUJITSU = """
All options specific to device `fujitsu:fi-7160:1234':
  Standard:
    --source ADF Front|ADF Back|ADF Duplex [ADF Front]
        Selects the scan source (such as a document-feeder).
    --mode Lineart|Halftone|Gray|Color [Lineart]
        Selects the scan mode (e.g., lineart, monochrome, or color).
    --resolution 50..600dpi (in steps of 1) [600]
        Sets the resolution of the scanned image.
  Geometry:
    --page-width 0..221.121mm (in steps of 0.0211639) [215.872]
    --page-height 0..876.695mm (in steps of 0.0211639) [279.364]
    -l 0..215.872mm (in steps of 0.0211639) [0]
    -x 0..215.872mm (in steps of 0.0211639) [215.872]
    -y 0..279.364mm (in steps of 0.0211639) [279.364]
  Sensors:
    --top-edge[=(yes|no)] [no] [hardware]
    --page-loaded[=(yes|no)] [no] [hardware]
    --cover-open[=(yes|no)] [no] [hardware]
    --scan[=(yes|no)] [no] [hardware]
"""
BROTHER = """
    --mode Black & White|Gray[Error Diffusion]|True Gray|24bit Color[Fast] [24bit Color[Fast]]
    --resolution 100|150|200|300|400|600|1200dpi [200]
    --source FlatBed|Automatic Document Feeder(left aligned)|Automatic Document Feeder(left aligned,Duplex) [Automatic Document Feeder(left aligned)]
    --brightness -50..50% (in steps of 1) [inactive]
    -x 0..215.9mm (in steps of 0.0999908) [215.88]
    -y 0..355.6mm (in steps of 0.0999908) [355.567]
"""


def test_a_feeder_with_sensors():
    options = sane_options.parse(FUJITSU)
    assert sane_options.sources(options, "auto") == ["ADF Front"]
    assert sane_options.sources(options, "duplex") == ["ADF Duplex"]
    assert sane_options.sources(options, "flatbed") == [None]
    assert list(sane_options.arguments(options, "color", 300)) == [
        "--mode=Color",
        "--resolution=300",
        "--page-width=216",
        "--page-height=300",
        "-x",
        "215.872",
        "-y",
        "279.364",
    ]
    assert sane_options.sensed(options) is ScannerState.NO_PAPER
    open_cover = FUJITSU.replace("--cover-open[=(yes|no)] [no]", "--cover-open[=(yes|no)] [yes]")
    assert sane_options.sensed(sane_options.parse(open_cover)) is ScannerState.COVER_OPEN


def test_words_with_brackets_in_them():
    options = sane_options.parse(BROTHER)
    assert options["mode"].values == ("Black & White", "Gray[Error Diffusion]", "True Gray", "24bit Color[Fast]")
    assert options["mode"].now == "24bit Color[Fast]"
    assert sane_options.sources(options, "auto") == ["Automatic Document Feeder(left aligned)", "FlatBed"]
    assert sane_options.sources(options, "duplex") == ["Automatic Document Feeder(left aligned,Duplex)"]
    assert list(sane_options.arguments(options, "grey", 250))[:2] == ["--mode=True Gray", "--resolution=300"]
    assert not options["brightness"].usable


@pytest.mark.parametrize(("wanted", "taken"), [(10, "100"), (300, "300"), (301, "400"), (5000, "1200")])
def test_the_resolution_is_the_next_finer_one(wanted, taken):
    assert sane_options.parse(BROTHER)["resolution"].nearest(wanted) == taken


def test_a_simplex_feeder_is_never_asked_for_both_sides():
    options = sane_options.parse("    --source Flatbed|ADF [Flatbed]\n")
    assert sane_options.sources(options, "duplex") == ["ADF"]
    assert sane_options.is_feeder("ADF", options)
    assert not sane_options.is_feeder("Flatbed", options)


def test_a_device_that_says_nothing_or_nonsense_is_asked_for_nothing():
    for text in (
        "",
        "no options",
        "    --mode\n",
        "    --resolution [inactive]\n",
        "\x00" * 100,
        "    --x " + "[" * 999,
    ):
        options = sane_options.parse(text)
        assert list(sane_options.arguments(options, "color", 300)) == []
        assert sane_options.sources(options, "auto") == [None]
        assert sane_options.sensed(options) is ScannerState.READY


@given(st.text(max_size=300), st.text(max_size=60))
@example("", ".")
@settings(max_examples=60, deadline=None)
def test_whatever_a_driver_prints_becomes_wellformed_wishes(rubbish, values):
    for text in (rubbish, f"    --resolution {values} [x]\n    --mode {values}\n    -x {values}..{values}\n"):
        options = sane_options.parse(text)
        for wish in sane_options.arguments(options, "color", 300):
            assert "\n" not in wish
        assert sane_options.sources(options, "auto")
