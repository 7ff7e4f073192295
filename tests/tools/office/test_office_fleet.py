"""What an operator is told of the fleet: on a real folder and a real database; the hub itself does not run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from cloud import premises
from cloud.storage import schema
from protocol.runtime.world import REAL
from tests.tools.office.desk import Run, claim


def test_status_of_a_hub_that_never_ran_is_critical(place: Path, run: Run) -> None:
    result = run("fleet", "status")
    assert result.exit_code == 2
    assert result.output.startswith("Der Hub ist noch nie gelaufen. Noch keine Kabine in Betrieb.")


def test_status_says_the_same_in_words_and_in_json(place: Path, run: Run) -> None:
    claim(place, run)
    with premises.opened(place / "hub") as opened, opened.database.turn() as connection:
        connection.execute(schema.hub.insert().values(id=1, alive_at=REAL.utc(), started_at=REAL.utc()))
    shown = run("fleet", "status", "--json")
    report = json.loads(shown.output)
    assert shown.exit_code == 1
    assert (report["version"], report["severity"], report["hub"]["alive"]) == (1, "warning", True)
    (site,) = report["sites"]
    assert (site["site"], site["state"], site["connected"]) == ("templin", "Unbekannt", False)
    assert site["proof"]["complete"] is False
    text = run("fleet", "status", "--site", "templin")
    assert text.exit_code == 1
    assert site["reason"] in text.output
    assert report["sentence"] in text.output


def test_status_that_can_see_nothing_is_critical(place: Path, run: Run) -> None:
    claim(place, run)
    unknown = run("fleet", "status", "--site", "gartz")
    assert unknown.exit_code == 2
    assert "no cabin “gartz”; known: templin" in unknown.stderr
    nowhere = run("fleet", "status", "--json", "--hub", str(place))
    assert nowhere.exit_code == 2
    assert "no hub node" in nowhere.stderr
    assert nowhere.stdout == ""


def test_status_keeps_its_exit_code_where_nobody_reads_on(place: Path, run: Run) -> None:
    claim(place, run)
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "tools", "fleet", "status", "--hub", str(place / "hub")]
    done = subprocess.run(command, stdout=writing, stderr=subprocess.PIPE, check=False)
    os.close(writing)
    assert (done.returncode, done.stderr) == (2, b"")
