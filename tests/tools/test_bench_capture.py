"""The bench measures what it says, on two drawn pages."""

import json

import pytest
from click.testing import CliRunner

from hardware.simulated.paper import draw_sheet
from protocol.errors import Refused
from tools.bench import capture as bench
from tools.bench import defects, reading


@pytest.fixture(scope="module")
def scans(tmp_path_factory):
    folder = tmp_path_factory.mktemp("scans")
    (folder / "reference").mkdir()
    for seed, kind in enumerate(("letter", "receipt")):
        sheet = draw_sheet(seed, 150, kind)
        sheet.image.save(folder / f"{kind}.png", dpi=(150, 150))
        words: dict[str, int] = {}
        for word in reading.plain(" ".join(sheet.words)):
            words[word] = words.get(word, 0) + 1
        reference = {"consensus_words": words, "hints": {"dpi": 150}}
        (folder / "reference" / f"{kind}.png.json").write_text(json.dumps(reference))
    return folder


def test_bytes_cpu_and_memory_are_measured_for_each_page(scans):
    found = bench.measure(scans, references=False, spoilt=0)
    assert [variant.variant for variant in found.variants] == ["Kabine", "JPEG q75"]
    ours, theirs = found.variants
    assert (ours.pages, theirs.pages) == (2, 2)
    assert ours.mean_bytes < theirs.mean_bytes / 4
    assert ours.cpu_s_per_page > 0
    assert 20 < ours.peak_mb < 400
    # Without tesseract it says so; with it nearly everything is read.
    assert (ours.recall is None) == (found.missing == [reading.MISSING])
    assert ours.recall is None or ours.recall > 0.8
    assert list(bench.table(found))


def test_recall_is_the_share_of_words_in_the_better_language():
    from collections import Counter

    expected = {"antrag": 2, "wohngeld": 1, "ort": 1}
    found = [Counter({"antrag": 1, "ort": 5}), Counter({"antrag": 2, "wohngeld": 1})]
    assert reading.recall(expected, found) == 0.75
    assert reading.recall(expected, []) == 0
    assert reading.plain("Straße 12, 17291 (§ 3)") == ["straße", "17291"]


def test_a_folder_without_pages_is_refused(tmp_path):
    with pytest.raises(Refused, match="no pictures"):
        bench.measure(tmp_path)


def test_the_command_says_what_it_does():
    from tools.bench.command import bench as family

    assert "legibility" in CliRunner().invoke(family, ["capture", "--help"]).output


@pytest.mark.timeout(1800)  # on a busy machine; a quarter of a minute on an idle core
def test_spoilt_pages_are_noticed_and_good_ones_are_not_blamed():
    found = defects.measure(None, 6)
    assert found.good == 6
    assert found.blamed == []
    assert {rate.defect for rate in found.rates} == set(defects.DEFECTS)
    assert found.caught >= 0.95, [rate for rate in found.rates if rate.caught < rate.pages]
    assert list(defects.table(found))
