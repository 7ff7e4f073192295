from __future__ import annotations

import re
import tomllib

import pytest

from edge.config import EdgeConfig, ScannerConfig
from hardware.fittings import PrinterConfig
from protocol.errors import Refused
from protocol.runtime.config import parse_config, write_default
from tests.edge.house import AUTHORITY, HUB_CURVE, config


def test_what_enrolment_writes_is_read_back_and_documented() -> None:
    text = write_default(config(scanner=ScannerConfig("folder", "scans")))
    read = parse_config(text, EdgeConfig)
    assert (read.hub_key, read.authority_key) == (HUB_CURVE.public, AUTHORITY.public)
    assert read.scanner.fitted == "folder"
    assert "# The hub's public CURVE key" in text
    assert "#quiet_seconds = 120.0" in text


def test_examples_of_lists_can_be_copied_as_they_stand() -> None:
    examples = re.findall(r"(?m)^# As in (\[.*?\]);", write_default(config()))
    assert len(examples) == 7
    for example in examples:
        assert tomllib.loads(f"monday = {example}")["monday"] == ["08:00-12:00", "13:00-18:00"]


def test_all_mistakes_are_told_together() -> None:
    text = (
        write_default(config())
        .replace('site = "templin"', 'site = "Templin!"')
        .replace('code = "7K2"', 'code = "O0I"')
        .replace("tcp://127.0.0.1:9", "127.0.0.1")
    )
    with pytest.raises(Refused) as caught:
        parse_config(text, EdgeConfig)
    for wrong in ("Templin!", "O0I", "127.0.0.1"):
        assert wrong in caught.value.what


def test_a_wrong_key_hides_no_wrong_value() -> None:
    text = (
        write_default(config())
        .replace('site = "templin"', 'site = "Templin!"\nstreet = "Markt 1"')
        .replace('area = "', 'area = "x')
        .replace("tcp://127.0.0.1:9", "127.0.0.1")
        .replace("#monday = []", 'monday = ["8 to 12", "12:00-08:00"]')
        .replace("#friday = []", "friday = [8]")
    )
    with pytest.raises(Refused) as caught:
        parse_config(text, EdgeConfig)
    for wrong in (
        "has 6 mistakes:",
        "cabin.street: unknown",
        "cabin.site: “Templin!” is no name for a site",
        "cabin.area: “x",
        "hub.address: “127.0.0.1” is no address",
        "opening.monday: “8 to 12” is no span of a day. Write it as",
        "opening.friday: expected a list",
    ):
        assert wrong in caught.value.what, wrong


@pytest.mark.parametrize("seconds", ["0.2", "61.0"])
def test_the_farewell_is_neither_a_flash_nor_an_hour(seconds: str) -> None:
    text = write_default(config()).replace("#parting_seconds = 8.0", f"parting_seconds = {seconds}")
    with pytest.raises(Refused, match="parting_seconds"):
        parse_config(text, EdgeConfig)


def test_mistakes_about_devices_are_told_together() -> None:
    tables = """
[camera]
fitted = "v4l3"
[printer]
fitted = "ipp"
url = "http://printer"
[presence]
fitted = "key"
[lamp]
fitted = "gpio"
free_pin = 13
[lampe]
"""
    with pytest.raises(Refused) as caught:
        parse_config(write_default(config()).partition("[camera]")[0] + tables, EdgeConfig)
    for told in (
        "camera.fitted: expected one of",
        "printer: url “http://printer” is no ipp://",
        "presence: device is missing",
        "lamp: two lamps have the same pin",
        "lampe: unknown",
    ):
        assert told in caught.value.what, told


@pytest.mark.parametrize(
    ("tables", "told"),
    [
        ('[lamp]\nfitted = "gpio"\n[keyswitch]\nfitted = "gpio"\npin = 13\n', "share pin 13"),
        ('[presence]\nfitted = "gpio"\n[keyswitch]\nfitted = "gpio"\npin = 17\n', "share pin 17"),
        (
            '[presence]\nfitted = "key"\ndevice = "/dev/k"\n[keyswitch]\nfitted = "key"\ndevice = "/dev/k"\nkeys = [59]\n',
            "share /dev/k",
        ),
    ],
)
def test_devices_that_would_take_each_others_place_are_refused(tables: str, told: str) -> None:
    with pytest.raises(Refused, match=told):
        parse_config(write_default(config()).partition("\n[camera]")[0] + "\n" + tables, EdgeConfig)


def test_two_sensors_at_one_keyboard_name_their_keys() -> None:
    tables = "".join(
        f'[{name}]\nfitted = "key"\ndevice = "/dev/k"\nkeys = [{key}]\n'
        for name, key in (("presence", 58), ("keyswitch", 59))
    )
    read = parse_config(write_default(config()).partition("\n[camera]")[0] + "\n" + tables, EdgeConfig)
    assert (read.presence.keys, read.keyswitch.keys) == ((58,), (59,))


@pytest.mark.parametrize("url", ["printer", "ipp://", "ipp:///ipp/print", "ipp://printer:port/", "https://printer/"])
def test_a_printer_without_an_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="ipp://"):
        PrinterConfig("ipp", url)
    assert PrinterConfig("none", url).url == url


@pytest.mark.parametrize(
    ("scanner", "told"),
    [
        ('fitted = "sane"', "scanner: device is missing"),
        ('fitted = "escl"\nurl = "192.168.1.20"', "scanner: url “192.168.1.20” is no http://"),
        ('fitted = "camera"', "scanner.fitted is “camera”, but camera.fitted is “none”"),
        ('fitted = "sane"\ndevice = "test"\nsource = "tray"', "scanner.source: expected one of"),
        ('fitted = "sane"\ndevice = "test"\ndpi = 60', "scanner.dpi: expected a whole number of dpi from 75 to 600"),
    ],
)
def test_what_a_model_of_a_scanner_needs_is_said(scanner: str, told: str) -> None:
    text = write_default(config())
    with pytest.raises(Refused) as caught:
        parse_config(text.replace('fitted = "simulated"', scanner, 1), EdgeConfig)
    assert told in caught.value.what


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ('fitted = "simulated"', 'fitted = "magic"', "scanner.fitted"),
        ("[visit]", "[visit]\nquiet_seconds = -1", "visit.quiet_seconds: expected a number of seconds"),
        ("[visit]", "[visit]\nquite_seconds = 5", "did you mean “quiet_seconds”"),
        ("[log]", '[log]\nfile = "../../etc/passwd"', "log.file: “../../etc/passwd” is no plain file name"),
        ("[disk]\n", "[disk]\nfree_bytes_min = 1\n", "disk.free_bytes_min"),
    ],
)
def test_a_mistake_is_named_with_its_place(before: str, after: str, told: str) -> None:
    text = write_default(config(free_bytes_min=200 * 1024 * 1024))
    assert before in text
    with pytest.raises(Refused) as caught:
        parse_config(text.replace(before, after, 1), EdgeConfig)
    assert told in caught.value.what


@pytest.mark.parametrize(
    ("scanner", "face_down"),
    [
        (ScannerConfig("sane", device="test", source="flatbed"), True),
        (ScannerConfig("escl", url="http://scanner/eSCL", source="flatbed", writing="up"), False),
        (ScannerConfig("escl", url="http://scanner/eSCL"), False),
        (ScannerConfig("sane", device="fujitsu", source="duplex", writing="down"), True),
        (ScannerConfig("camera", source="flatbed"), False),
    ],
)
def test_on_glass_the_writing_faces_down_unless_it_is_told_otherwise(scanner: ScannerConfig, face_down: bool) -> None:
    assert scanner.face_down is face_down
