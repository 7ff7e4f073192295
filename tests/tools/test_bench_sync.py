"""The workloads of `kabine bench sync` run and tell what they should, in sizes that say nothing about speed."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence

import pytest

from tools.bench import packet_line
from tools.bench.cabin import delays
from tools.bench.figures import Cpu, Fsyncs, Lap, Timed, race
from tools.bench.report import race as told

pytestmark = pytest.mark.timeout(1800)  # whole houses, on a busy machine


def run(*arguments: str, under: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    command = [*under, sys.executable, "-m", "tools", "bench", "sync", "--runs", "1", "--json", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def bench(*arguments: str) -> dict:
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def columns(found: dict) -> None:
    """What every workload tells."""
    assert found["kabine_s"] > 0 < found["reference_s"]
    assert isinstance(found["peers_s"], dict)
    assert found["wire_ratio"] > 1
    assert found["cpu_s"]["cabin"] > 0 < found["cpu_s"]["hub"]


def refused(*arguments: str) -> str:
    done = run(*arguments)
    assert done.returncode != 0
    return done.stderr


def test_documents_and_entries_run_beside_the_bare_reference():
    found = bench("--workload", "W1", "--workload", "W2", "--scale", "0.01")
    assert list(found) == ["W1", "W2"]
    for name, items in (("W1", 4), ("W2", 200)):
        race = found[name]
        assert race["items"] == items
        columns(race)
        assert race["faster_than"]["reference"] == pytest.approx(race["reference_s"] / race["kabine_s"])
        assert race["payload_bytes"] >= items * race["item_bytes"]
        assert race["fsyncs"] is None
    assert "reference, one by one" in found["W2"]["peers_s"]


def test_a_slow_disk_is_slow_for_all_and_its_fsyncs_are_counted():
    order = ("--workload", "W1", "--scale", "0.005", "--fsync-ms", "20")
    if not shutil.which("cc") and not shutil.which("gcc"):
        assert "needs a C compiler" in refused(*order)
        return
    race = bench(*order)["W1"]
    # Nothing is acknowledged before it is durable, and each of these waited.
    assert race["fsyncs"]["hub"] >= 2 <= race["fsyncs"]["cabin"]
    assert race["peers_fsyncs"]["reference"] >= 1
    assert race["kabine_s"] > 0.06
    assert race["reference_s"] > 0.02


def test_a_small_fleet_comes_back_and_a_laden_hub_starts():
    found = bench("--workload", "W5", "--workload", "W6", "--scale", "0.0004")
    fleet, laden = found["W5"], found["W6"]
    assert (fleet["cabins"], fleet["outage_cabins"], fleet["at_once_cabins"]) == (4, 1, 1)
    assert fleet["back_s"] > 0 < fleet["outage_s"] <= fleet["slowest_of_median"] * fleet["median_s"] + 1e-9
    assert (laden["entries"], laden["documents"]) == (2000, 120)
    assert laden["start_s"] > 0 < laden["entries_ratio"]
    columns(fleet)
    columns(laden)


def test_entries_and_whispers_travel_beside_a_document_on_a_slow_line():
    order = ("--workload", "W4", "--scale", "0.04")
    if not packet_line.possible():
        assert "as root" in refused(*order)
        return
    found = bench(*order)["W4"]
    assert found["round_trip_s"] == 0.06
    for words in ("entries", "whispers_up", "whispers_down"):
        assert found[words]["count"] > 0
        assert found[words]["p50_over_ms"] <= found[words]["p95_over_ms"] <= found[words]["p99_over_ms"]
    # A line of 1 Mbit/s and 60 ms lets nothing through faster than that.
    assert found["entries"]["p50_over_ms"] > 0
    assert found["kabine_s"] > 0.8 < found["reference_s"]
    columns(found)


def test_where_nothing_of_it_can_run_it_says_so_and_fails():
    """Two workloads that could not ended with an empty object and success."""
    alone = ["setpriv", "--bounding-set=-sys_admin"] if os.geteuid() == 0 else []
    done = run("--workload", "W3", "--workload", "W4", "--workload", "W3", under=alone)
    assert (done.returncode, done.stdout) == (1, "")
    assert "as root" in done.stderr
    assert done.stderr.count("W3 …") == 1


@pytest.mark.parametrize("workload", ["W1", "W2", "W3", "W4", "W5", "W6"])
def test_where_nothing_can_be_made_it_says_so(workload: str) -> None:
    """A folder may be there, and nobody may write into it, not even root."""
    done = run("--workload", workload, "--scale", "0.001", "--folder", "/proc")
    assert (done.returncode, done.stdout) == (1, "")
    assert "kabine: Nothing can be made in “/proc”" in done.stderr
    assert "Traceback" not in done.stderr


def test_medians_are_those_of_pairs():
    laps = [
        Lap(
            1000,
            Timed(seconds, Cpu(2.0, 3.0), 1100, 7, 5),
            Timed(2.0, Cpu(1.0, 1.0), 1000, 3),
            {"other": Timed(seconds * 3)},
        )
        for seconds in (1.0, 4.0, 2.0)
    ]
    found = race(10, 100, laps, {"absent": "it is not installed"})
    assert (found.kabine_s, found.reference_s, found.peers_s) == (2.0, 2.0, {"other": 6.0})
    assert found.faster_than == {"reference": 1.0, "other": 3.0}
    assert (found.cpu_ratio, found.wire_ratio) == (Cpu(2.0, 3.0), 1.1)
    assert (found.fsyncs, found.peers_fsyncs) == (Fsyncs(5, 7), {"reference": 3})
    text = "\n".join(told("W1", found))
    assert "3.00 times as fast" in text
    assert "absent" in text


def test_an_entrys_delay_ends_with_the_first_acknowledgement_that_covers_it():
    written = [(1, 10.0), (2, 10.1), (3, 10.2), (4, 10.3)]
    heard = [(2, 10.5), (3, 10.6)]
    assert delays(written, heard) == pytest.approx((0.5, 0.4, 0.4))  # the last one was never acknowledged
