"""`kabine edge doctor`: every line says how something is and what to do."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from edge.config import FILE, EdgeConfig
from edge.doctor import line
from edge.doctor.examination import examine
from edge.doctor.finding import Severity
from edge.doctor.stock import waiting
from edge.enrol import DIRECTORY_FILE
from edge.keys import CURVE_FILE
from edge.orders import LinkStatus
from protocol.runtime.config import read_config
from protocol.runtime.world import REAL
from tests.edge.house import PUBLISHED, Counter, config, enrolled, sheet
from tests.journeys.waiting import until
from tests.tools.at_the_cabin import kabine, let_in, running, with_devices


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return enrolled(tmp_path / "cabin")


DEVICES = ("scanner", "camera", "printer", "presence", "lamp", "keyswitch")


def findings(path: Path) -> tuple[dict[str, dict[str, str]], int]:
    report = kabine("doctor", path, "--json")
    return {row["name"]: row for row in json.loads(report.output)["findings"]}, report.exit_code


def test_doctor_says_of_a_revoked_cabin_that_it_is_and_whom_to_ask(tmp_path: Path) -> None:
    with Counter().open() as counter:  # which knows newcomers only
        path = enrolled(tmp_path / "cabin", config(counter.address))
        with running(path):
            until(lambda: findings(path)[0]["link"]["state"] == "critical", "it has been turned away")
            link = findings(path)[0]["link"]
    assert "revoked" in link["what"]
    assert "kabine cabin list" in link["remedy"]
    assert "cable" not in link["remedy"]


def test_doctor_on_a_cabin_at_rest(path: Path) -> None:
    found, code = findings(path)
    assert {name: row["state"] for name, row in found.items()} == {
        "folder": "ok",
        "config": "ok",
        "keys": "ok",
        "directory": "ok" if found["directory"]["state"] == "ok" else "warning",  # old in some years
        "enrolment": "ok",
        "node": "warning",
        "buffer": "ok",
        "documents": "ok",
        "disk": "ok",
        "scanner": "ok",
        "camera": "ok",
        "printer": "ok",
        "presence": "ok",
        "lamp": "ok",
        "keyswitch": "ok",
    }
    assert code == 1
    assert "systemctl start kabine-edge" in found["node"]["remedy"]


def test_doctor_changes_nothing(path: Path, tmp_path: Path) -> None:
    kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png"))
    before = (path / "high-water").read_bytes()
    found, _ = findings(path)
    assert found["documents"]["what"].startswith("1 document waiting")
    assert (path / "high-water").read_bytes() == before


@pytest.mark.parametrize(
    ("connected", "remedy"), [(True, "kabine fleet status --site templin"), (False, "Bring the cabin's line up")]
)
def test_doctor_sends_for_papers_that_wait_to_the_line_or_to_the_hub(connected: bool, remedy: str) -> None:
    assert remedy in waiting(1, 660.0, "templin", connected=connected).remedy
    assert not waiting(1, 20.0, "templin", connected=connected).remedy


@pytest.mark.parametrize(
    ("since", "said"), [(timedelta(hours=-1), "Not connected for 1 h: "), (None, "Not connected: ")]
)
def test_doctor_says_for_how_long_the_line_is_down_where_that_is_known(
    path: Path, since: timedelta | None, said: str
) -> None:
    config = read_config(path / FILE, EdgeConfig)
    down = LinkStatus(False, since and REAL.utc() + since, None, "no answer", None, None)
    assert line.link(down, config, REAL).what.startswith(said)


@pytest.mark.parametrize(
    ("offset_seconds", "severity", "said"),
    [
        (0.04, Severity.OK, "The hub's clock is +0.0 s from this one."),
        (-3.0, Severity.WARNING, "The hub's clock is 3 s behind this one ("),
        (1_795_363_323.0, Severity.CRITICAL, "The hub's clock is 20780 d ahead of this one ("),
    ],
)
def test_doctor_says_which_clock_is_ahead_and_blames_neither(
    offset_seconds: float, severity: Severity, said: str
) -> None:
    [found] = line.clock(LinkStatus(True, None, None, "", 0.01, offset_seconds), REAL)
    assert found.severity is severity
    assert found.what.startswith(said)
    assert bool(found.remedy) == (severity is not Severity.OK)


def test_doctor_does_not_blame_this_clock_alone_for_a_directory_of_a_time_to_come(path: Path) -> None:
    before = dataclasses.replace(REAL, utc=lambda: PUBLISHED - timedelta(days=1))
    [found] = [each for each in examine(path, before) if each.name == "clock"]
    assert "earlier than its directory (2026-03-03)" in found.what
    assert "kabine directory publish" in found.remedy


def test_doctor_names_every_mistake_in_the_configuration(path: Path) -> None:
    text = (path / FILE).read_text().replace('site = "templin"', 'site = "Templin!"\ncolour = "red"')
    (path / FILE).write_text(text + "\n[wheels]\n")
    found, code = findings(path)
    assert code == 2
    assert "colour" in found["config"]["what"]
    assert "wheels" in found["config"]["what"]


def test_doctor_notices_a_key_that_others_may_read(path: Path) -> None:
    (path / CURVE_FILE).chmod(0o640)
    found, code = findings(path)
    assert (found["keys"]["state"], code) == ("critical", 2)
    assert "chmod 600" in found["keys"]["remedy"]


@pytest.mark.parametrize("find", [bytearray.index, bytearray.rindex])
def test_doctor_notices_a_flipped_bit_in_the_buffer(
    path: Path, tmp_path: Path, find: Callable[[bytearray, bytes], int]
) -> None:
    kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png"))
    file = path / "buffer.sqlite"
    raw = bytearray(file.read_bytes())
    raw[find(raw, b"sozialamt-uckermark")] ^= 1
    file.write_bytes(raw)
    found, code = findings(path)
    assert (found["buffer"]["state"], code) == ("critical", 2)
    assert "Delete nothing" in found["buffer"]["remedy"]


def test_doctor_names_every_device_of_a_running_cabin_and_what_to_do(path: Path) -> None:
    stage = with_devices(path)
    with running(path):

        def found() -> dict[str, dict[str, str]]:
            return {name: row for name, row in findings(path)[0].items() if name in DEVICES}

        until(
            lambda: {name: row["state"] for name, row in found().items()} == dict.fromkeys(DEVICES, "ok"), "all is well"
        )
        assert found()["printer"]["what"] == "The printer (simulated) is ready."
        stage.flag("printer", "no-paper")
        stage.jam("scanner")
        stage.unplug("presence")
        troubled = found()
        assert troubled["printer"]["what"].startswith("The printer (simulated) has no paper")
        assert troubled["printer"]["remedy"] == "Put paper in."
        assert troubled["presence"]["what"].startswith("The presence sensor (simulated) does not answer; a touch")
        stage.unplug("scanner")
        assert findings(path)[1] == 2
        for device in DEVICES:
            stage.mend(device)
        until(lambda: {row["state"] for row in found().values()} == {"ok"}, "all is well again")


def test_doctor_at_rest_compares_what_is_plugged_in_with_what_is_configured(path: Path) -> None:
    text = (path / FILE).read_text().replace('fitted = "simulated"', 'fitted = "sane"\ndevice = "no-such-backend"', 1)
    (path / FILE).write_text(text)
    found, code = findings(path)
    assert (found["scanner"]["state"], code) == ("critical", 2)
    assert "SANE finds" in found["scanner"]["remedy"]


def test_doctor_says_why_a_device_does_not_answer(path: Path) -> None:
    text = (path / FILE).read_text().replace('fitted = "simulated"', 'fitted = "folder"\nfolder = "gone"', 1)
    (path / FILE).write_text(text.replace("[printer]", '[printer]\nfitted = "ipp"\nurl = "ipp://127.0.0.1:9"', 1))
    found, _ = findings(path)
    assert "gone” cannot be used: No such file or directory" in found["scanner"]["what"]
    assert f"`install -d -o kabine {path / 'gone'}`" in found["scanner"]["remedy"]
    assert "does not answer (connection refused); numbers" in found["printer"]["what"]


def test_doctor_says_that_nobody_sees_the_screen_and_that_somebody_cleans(path: Path) -> None:
    with_devices(path)
    with running(path), httpx.Client(timeout=120.0) as browser:
        assert findings(path)[0]["screen"]["state"] == "warning"
        assert "kabine-screen" in findings(path)[0]["screen"]["remedy"]
        address = (path / "kiosk.url").read_text().strip()
        until(lambda: let_in(browser, address), "the browser is let in")
        with browser.stream("GET", f"{address.partition('/open/')[0]}/live"):
            until(lambda: findings(path)[0]["screen"]["state"] == "ok", "a browser has drawn its first page")
        assert "door" not in findings(path)[0]
        kabine("clean", path)
        assert findings(path)[0]["door"]["state"] == "warning"
        assert "--done" in findings(path)[0]["door"]["remedy"]


def test_doctor_says_when_it_looks_with_other_rights_than_the_node(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert findings(path)[0]["folder"]["state"] == "ok"
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    folder = findings(path)[0]["folder"]
    assert (folder["state"], "runuser" in folder["remedy"]) == ("warning", True)


def test_doctor_says_what_to_do_about_a_directory_that_is_gone(path: Path) -> None:
    (path / DIRECTORY_FILE).unlink()
    found, code = findings(path)
    assert (found["directory"]["state"], code) == ("critical", 2)
    assert "another cabin" in found["directory"]["remedy"]


def test_doctor_says_what_pins_need(path: Path) -> None:
    (path / FILE).write_text((path / FILE).read_text().replace("[presence]", '[presence]\nfitted = "gpio"', 1))
    found, _ = findings(path)
    assert found["presence"]["state"] == "warning"
    assert "lgpio" in found["presence"]["remedy"]


def test_doctor_says_when_there_is_no_cabin(tmp_path: Path) -> None:
    found, code = findings(tmp_path)
    assert code == 2
    assert "no edge node" in found["config"]["what"]


def test_doctor_measures_the_disk(tmp_path: Path) -> None:
    found, code = findings(enrolled(tmp_path / "cabin", config(free_bytes_min=1 << 60)))
    assert (found["disk"]["state"], code) == ("critical", 2)
