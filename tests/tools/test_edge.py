"""`kabine edge` as an operator types it, with and without a node that runs."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import httpx
import pytest
import segno

from protocol.errors import Refused, Unavailable
from tests.edge.house import Counter, enrolled, invitation, sheet
from tests.journeys.waiting import until
from tests.tools.at_the_cabin import kabine, let_in, running, with_devices
from tools.edge import edge


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return enrolled(tmp_path / "cabin")


def test_without_a_node_a_document_is_accepted_and_waits(path: Path, tmp_path: Path) -> None:
    done = kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png"))
    assert done.exit_code == 0, done.output
    assert "accepted  7K2-" in done.output
    assert "it is sent when `kabine edge run" in done.output
    status = json.loads(kabine("status", path, "--json").output)
    assert (status["version"], status["running"], status["waiting_documents"]) == (1, False, 1)
    assert status["documents"][0]["state"] == "waiting"
    assert "1 waiting" in kabine("status", path).output


@pytest.mark.parametrize("command", ["submit", "status", "doctor", "clean"])
def test_a_node_that_only_starts_is_waited_for(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, command: str
) -> None:
    """Two lines of the README, pasted together: the node has the folder and no hatch yet. “Stop it first” was said to whoever had just updated."""
    monkeypatch.setattr("edge.knock.START_SECONDS", 240.0)  # of a busy machine
    start = [sys.executable, "-c", "from tools.command import main; main()", "edge", "run", str(path)]
    papers = ["--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png")] if command == "submit" else []
    node = subprocess.Popen(start, stderr=subprocess.PIPE)
    try:
        until(lambda: (path / "lock").read_text().strip() == str(node.pid), "it has the folder")
        done = kabine(command, path, *papers)
        assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
        assert "No node runs here" not in done.output
        assert "Stop it first" not in done.output
    finally:
        node.send_signal(signal.SIGTERM)
        node.communicate(timeout=240)


def test_a_folder_of_another_user_is_refused_and_not_waited_for(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("os.geteuid", lambda: path.stat().st_uid + 1)
    monkeypatch.setattr("edge.knock.time.sleep", lambda _: pytest.fail("it waits for a node"))
    done = kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png"))
    assert isinstance(done.exception, Unavailable)
    assert "runuser" in done.exception.remedy


def test_without_a_node_nothing_can_be_secured(path: Path, tmp_path: Path) -> None:
    done = kabine("submit", path, "--agency", "sozialamt-uckermark", "--wait", "secured", sheet(tmp_path / "a.png"))
    assert isinstance(done.exception, Unavailable)
    assert "nothing can be secured" in done.exception.what
    assert json.loads(kabine("status", path, "--json").output)["waiting_documents"] == 0


def test_the_running_node_is_asked_and_ends_cleanly(path: Path, tmp_path: Path) -> None:
    with running(path) as node:
        done = kabine("submit", path, "--agency", "sozialamt-uckermark", "--json", sheet(tmp_path / "a.png"))
        assert done.exit_code == 0, done.output
        events = [json.loads(line) for line in done.output.splitlines()]
        assert [event["event"] for event in events] == ["page", "captured", "sealed", "accepted"]

        refused = kabine("submit", path, "--agency", "finanzamt", sheet(tmp_path / "a.png"))
        assert isinstance(refused.exception, Refused)
        assert "Choose one of: sozialamt-uckermark" in refused.exception.remedy

        status = json.loads(kabine("status", path, "--json").output)
        assert (status["running"], status["process"], status["waiting_documents"]) == (True, node.pid, 1)
        assert not status["link"]["connected"]

        until(lambda: json.loads(kabine("status", path, "--json").output)["link"]["reason"], "it has tried to call")
        report = kabine("doctor", path, "--json")
        findings = {row["name"]: row for row in json.loads(report.output)["findings"]}
        assert findings["node"]["state"] == "ok"
        assert findings["link"]["state"] == "warning"
        assert "cannot be reached" in findings["link"]["what"]
        assert report.exit_code == 1

        second = subprocess.run(
            [sys.executable, "-c", "from tools.command import main; main()", "edge", "run", str(path)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert second.returncode == 1
        assert f"Another edge node (process {node.pid}) works on" in second.stderr

        # Nobody of this user may look into the process or make it dump its memory.
        [core] = [line for line in Path(f"/proc/{node.pid}/limits").read_text().splitlines() if "core file" in line]
        assert core.split()[-3:] == ["0", "0", "bytes"]
    assert node.returncode == 0
    log = [json.loads(line) for line in (path / "edge.log").read_text().splitlines()]
    assert [entry["event"] for entry in log if entry["event"].startswith("node.")] == ["node.ready", "node.ended"]
    assert all(entry["site"] == "templin" for entry in log)
    assert "a.png" not in (path / "edge.log").read_text()


def test_a_node_that_was_killed_loses_nothing_it_accepted(path: Path, tmp_path: Path) -> None:
    with running(path) as node:
        kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "a.png"))
        node.kill()
        node.wait()
    after = kabine("submit", path, "--agency", "sozialamt-uckermark", sheet(tmp_path / "b.png"))
    assert after.exit_code == 0, after.output
    status = json.loads(kabine("status", path, "--json").output)
    assert status["waiting_documents"] == 2
    assert status["troubles"] == []


def test_a_file_that_only_the_asker_sees_is_told_as_that(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As below /tmp, which a unit with PrivateTmp has for itself: “there is no file” sent people to look for a slip of theirs."""
    sheet(tmp_path / "a.png")
    with running(path):
        monkeypatch.chdir(tmp_path)
        for name, told in (
            ("a.png", "You see “a.png”, and the node does not."),
            ("b.png", "There is no file “b.png”."),
        ):
            done = kabine("submit", path, "--agency", "sozialamt-uckermark", f"/proc/self/cwd/{name}")
            assert isinstance(done.exception, Refused)
            assert done.exception.what == told


def test_enrol_prints_the_words_and_what_to_do(tmp_path: Path) -> None:
    with Counter().open() as counter:
        done = kabine("enrol", invitation(counter.address), "--dir", tmp_path / "cabin")
    assert done.exit_code == 0, done.output
    assert "kabine cabin confirm templin" in done.output
    assert "kabine edge run" in done.output
    doctor = kabine("doctor", tmp_path / "cabin")
    assert "does not list this cabin yet" in doctor.output
    assert doctor.exit_code == 1


def test_enrol_takes_a_picture_of_the_invitation(tmp_path: Path) -> None:
    picture = tmp_path / "invitation.png"
    with Counter().open() as counter:
        segno.make(invitation(counter.address).upper(), micro=False).save(str(picture), scale=8)
        done = kabine("enrol", picture, "--dir", tmp_path / "cabin")
        assert done.exit_code == 0, done.output
        assert [claim.site for claim in counter.claims] == ["templin"]
    segno.make("7K2-123456", micro=False).save(str(tmp_path / "number.png"), scale=8)
    other = kabine("enrol", tmp_path / "number.png", "--dir", tmp_path / "other")
    assert isinstance(other.exception, Refused)
    assert "“7K2-123456…” does not look like kabine-invite-1-" in other.exception.what
    assert not (tmp_path / "other").exists()


def test_who_enters_is_received_and_the_lamp_at_the_door_says_so(path: Path) -> None:
    stage = with_devices(path)
    with running(path):
        until(lambda: "free" in stage.flags("lamp"), "the lamp says that the cabin is free")
        stage.enter()
        until(lambda: "occupied" in stage.flags("lamp"), "the lamp says that somebody is in")
        until(lambda: json.loads(kabine("status", path, "--json").output)["visitor"], "a visit has begun")
        stage.leave()
        until(lambda: "free" in stage.flags("lamp"), "the visit is over")
        until(lambda: not json.loads(kabine("status", path, "--json").output)["visitor"], "nobody is received")
    assert not stage.flags("lamp") & {"free", "occupied"}
    log = [json.loads(line) for line in (path / "edge.log").read_text().splitlines()]
    assert [row["change"] for row in log if row["event"] == "presence.changed"] == ["emptied", "entered", "emptied"]


def test_who_cleans_is_told_what_to_type_afterwards(tmp_path: Path) -> None:
    path = enrolled(tmp_path / "Kabine Grünow")
    alone = kabine("clean", path).exception
    assert isinstance(alone, Unavailable)
    assert f"kabine edge run '{path}'" in alone.remedy
    with running(path):
        assert f"kabine edge clean '{path}' --done" in kabine("clean", path).output
        assert kabine("clean", path, "--done").output == "The cabin is open.\n"
    with pytest.raises(Refused, match="There is no edge node"):
        edge.main(["clean", str(tmp_path)], standalone_mode=False)


def test_staff_turn_their_key_and_nobody_is_received_until_they_turn_it_back(path: Path) -> None:
    stage = with_devices(path)
    with running(path):

        def shut() -> str:
            return str(json.loads(kabine("status", path, "--json").output)["shut"])

        until(lambda: "free" in stage.flags("lamp"), "the door is looked at")
        stage.turn_key()
        until(lambda: shut() == "cleaning", "nobody is received")
        until(lambda: "occupied" in stage.flags("lamp"), "the lamp says that somebody is in")
        stage.turn_key_back()
        until(lambda: not shut(), "visitors may come")
        until(lambda: "free" in stage.flags("lamp"), "the lamp says that the cabin is free")


def test_a_node_that_is_told_to_end_lets_its_browser_go(path: Path) -> None:
    with_devices(path)
    command = [sys.executable, "-c", "from tools.command import main; main()", "edge", "run", str(path)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as node, httpx.Client(timeout=120.0) as browser:
        until((path / "kiosk.url").exists, "the screen is served")
        address = (path / "kiosk.url").read_text().strip()
        until(lambda: let_in(browser, address), "the browser is let in")
        with browser.stream("GET", f"{address.partition('/open/')[0]}/live") as told:
            lines = told.iter_lines()
            assert next(lines).startswith("data: ")
            node.send_signal(signal.SIGTERM)
            with suppress(httpx.RemoteProtocolError):  # a stream has no end of its own
                list(lines)
        said = node.communicate(timeout=240)[1].decode()
    assert (node.returncode, said) == (0, "")


def test_a_folder_that_cannot_be_written_is_said_so() -> None:
    done = kabine("enrol", invitation("tcp://127.0.0.1:9"), "--dir", "/proc/kabine")  # not even by root
    assert isinstance(done.exception, Unavailable)
    assert "/proc/kabine" in done.exception.what
    assert done.exception.remedy


def test_a_file_where_the_folder_should_be_is_said_so(tmp_path: Path) -> None:
    (tmp_path / "cabin").write_text("in the way")
    done = kabine("enrol", invitation("tcp://127.0.0.1:9"), "--dir", tmp_path / "cabin")
    assert isinstance(done.exception, Unavailable | Refused)
    assert "in the way" in str(done.exception) or "cabin" in str(done.exception)
