"""Capabilities of real devices are obeyed; XML that is hostile or none is refused in words."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardware.devices import escl_words
from hardware.devices.escl_words import Garbled
from hardware.scanner import ScannerState
from hardware.simulated.escl import VirtualEscl

SPACES = f'xmlns:scan="{escl_words.SCAN}" xmlns:pwg="{escl_words.PWG}"'


def profile(attribute: str, colours: str = "RGB24", span: str = "") -> str:
    return (
        f"<scan:SettingProfile {attribute}>"
        + "".join(f"<scan:ColorMode>{colour}</scan:ColorMode>" for colour in colours.split())
        + "<pwg:DocumentFormat>application/octet-stream</pwg:DocumentFormat><pwg:DocumentFormat>application/pdf</pwg:DocumentFormat>"
        + (
            span
            or "<scan:DiscreteResolution><scan:XResolution>600</scan:XResolution><scan:YResolution>600</scan:YResolution>"
        )
        + ("" if span else "</scan:DiscreteResolution>")
        + "</scan:SettingProfile>"
    )


def capabilities(body: str) -> bytes:
    return (
        f"<scan:ScannerCapabilities {SPACES}><pwg:Version>2.0</pwg:Version>{body}</scan:ScannerCapabilities>".encode()
    )


def test_what_is_not_there_is_not_asked_for():
    simplex = f"<scan:Adf><scan:AdfSimplexInputCaps>{profile('')}</scan:AdfSimplexInputCaps></scan:Adf>"
    able = escl_words.abilities(capabilities(simplex))
    assert able.platen is None
    assert able.duplex is None
    wish = escl_words.wish(able, feeder=True, source="duplex", mode="grey", dpi=300)
    assert (wish.duplex, wish.colour, wish.dpi, wish.format) == (False, "RGB24", 600, "application/pdf")
    order = escl_words.settings(wish, able.version)
    assert b"<scan:Duplex>false</scan:Duplex>" in order
    assert b"DocumentFormatExt" not in order  # came with 2.1
    with pytest.raises(Garbled):
        escl_words.wish(able, feeder=False, source="flatbed", mode="grey", dpi=300)


def test_profiles_that_are_referred_to_by_name_and_ranges_of_resolution():
    span = "<scan:XResolutionRange><scan:Min>100</scan:Min><scan:Max>400</scan:Max></scan:XResolutionRange>"
    named = profile('name="p1"', "RGB24 Grayscale8", span)
    body = (
        f"<scan:SettingProfiles>{named}</scan:SettingProfiles>"
        "<scan:Platen><scan:PlatenInputCaps><scan:MaxWidth>1000</scan:MaxWidth><scan:MaxHeight>99999999</scan:MaxHeight>"
        '<scan:SettingProfiles><scan:SettingProfile ref="p1"/></scan:SettingProfiles></scan:PlatenInputCaps></scan:Platen>'
    )
    able = escl_words.abilities(capabilities(body))
    assert able.platen is not None
    assert able.platen.resolutions == (100, 150, 200, 300, 400)
    wish = escl_words.wish(able, feeder=False, source="auto", mode="grey", dpi=1200)
    assert (wish.colour, wish.dpi, wish.width_units, wish.height_units) == ("Grayscale8", 400, 1000, 3544)


@pytest.mark.parametrize(
    ("device", "feeder", "state", "loaded"),
    [
        ("Idle", "ScannerAdfLoaded", ScannerState.READY, True),
        ("Idle", "ScannerAdfEmpty", ScannerState.READY, False),
        ("Idle", "", ScannerState.READY, None),
        ("Processing", "", ScannerState.BUSY, None),
        ("Stopped", "ScannerAdfJam", ScannerState.JAMMED, None),
        ("Stopped", "ScannerAdfHatchOpen", ScannerState.COVER_OPEN, None),
        ("Stopped", "ScannerAdfDoorOpen", ScannerState.COVER_OPEN, None),
        ("Processing", "ScannerAdfProcessing", ScannerState.BUSY, True),
        ("Idle", "ScannerAdfProcessing", ScannerState.READY, None),  # the empty feeder of some devices
        ("Down", "", ScannerState.UNREACHABLE, None),
        ("Dreaming", "ScannerAdfSomethingNew", ScannerState.READY, None),
    ],
)
def test_states(device, feeder, state, loaded):
    body = f"<pwg:State>{device}</pwg:State>" + (f"<scan:AdfState>{feeder}</scan:AdfState>" if feeder else "")
    status = escl_words.status(f"<scan:ScannerStatus {SPACES}>{body}</scan:ScannerStatus>".encode())
    assert (status.state, status.loaded) == (state, loaded)


def test_prefixes_and_the_s_of_https_in_the_names_of_spaces_do_not_matter():
    spaces = f'xmlns:a="{escl_words.SCAN.replace("http:", "https:")}" xmlns="{escl_words.PWG}"'
    status = escl_words.status(f"<a:ScannerStatus {spaces}><State>Processing</State></a:ScannerStatus>".encode())
    assert status.state is ScannerState.BUSY


def test_our_own_virtual_scanner_is_understood():
    scanner = VirtualEscl(pages=1)
    try:
        able = escl_words.abilities(scanner.capabilities().encode())
        assert able.platen is not None
        assert able.feeder is not None
        assert able.duplex is None
        assert 300 in able.platen.resolutions
        assert escl_words.status(scanner.status().encode()).loaded
    finally:
        scanner.close()


@given(st.binary(max_size=400), st.text(max_size=60))
@settings(max_examples=60, deadline=None)
def test_whatever_a_device_says_it_is_read_or_refused(rubbish, word):
    part = "".join(letter for letter in word if letter.isprintable() and letter not in "<>&")
    for xml in (rubbish, capabilities(f"<scan:Adf>{part}</scan:Adf><pwg:MakeAndModel>{part}</pwg:MakeAndModel>")):
        try:
            able = escl_words.abilities(xml)
        except Garbled:
            continue
        assert (able.platen, able.feeder) == (None, None)


@pytest.mark.parametrize(
    "xml",
    [
        b"",
        b"\x00\xff",
        b"<html>Login</html>",
        b"<a>" * 100_000,
        b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x "xxxxxxxxxx">]><a>&x;</a>',
        b'<?xml version="1.0"?><!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
        b'<?xml version="1.0" encoding="utf-99"?><a/>',
        b" " * (escl_words.XML_BYTES_MAX + 1),
    ],
)
def test_hostile_xml_is_refused(xml):
    for read in (escl_words.abilities, escl_words.status):
        with pytest.raises(Garbled):
            read(xml)
