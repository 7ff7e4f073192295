"""`kabine scanner`, as somebody calls it who puts up a cabin."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner
from PIL import Image

from hardware.simulated.escl import VirtualEscl
from protocol.errors import Unavailable
from tests.hardware.sane import needs_scanimage
from tools.scanner import scanner


def run(*words):
    return CliRunner().invoke(scanner, [str(word) for word in words], catch_exceptions=False)


def test_a_batch_becomes_files(tmp_path):
    virtual = VirtualEscl(1, pages=2)
    try:
        done = run("scan", "--escl", virtual.url, "--out", tmp_path / "new", "--dpi", 75)
    finally:
        virtual.close()
    assert done.exit_code == 0
    paths = sorted((tmp_path / "new").iterdir())
    assert [path.name for path in paths] == ["sheet-0001.jpg", "sheet-0002.jpg"]
    for path in paths:
        with Image.open(path) as picture:
            assert round(picture.info["dpi"][0]) == 75
    needs_scanimage()
    assert run("scan", "--sane", "test:0", "--source", "flatbed", "--out", tmp_path / "sane").exit_code == 0
    assert len(list((tmp_path / "sane").iterdir())) == 1


def test_what_does_not_work_is_said_in_words(tmp_path):
    with pytest.raises(Unavailable, match="does not answer"):
        run("scan", "--escl", "http://127.0.0.1:9", "--out", tmp_path)
    with pytest.raises(Unavailable, match="nothing is not there"):
        run("scan", "--camera", tmp_path / "nothing", "--out", tmp_path)
    assert run("scan", "--out", tmp_path).exit_code == 2
    assert run("scan", "--escl", "ftp://x", "--out", tmp_path).exit_code == 2
    below = tmp_path / "file" / "folder"
    below.parent.write_bytes(b"")
    for words in (("samples", below), ("virtual", "--stage", below), ("scan", "--camera", tmp_path, "--out", below)):
        with pytest.raises(Unavailable, match=f"Cannot make the folder {below}: Not a directory"):
            run(*words)


def test_the_list_is_json_also_when_there_is_none():
    assert isinstance(json.loads(run("list", "--json", "--seconds", 0.1).output), list)
    assert "no scanner" in run("list", "--seconds", 0.1).output or "fitted" in run("list", "--seconds", 0.1).output


def test_the_virtual_scanner_runs_as_a_program(tmp_path):
    program = "from tools.scanner import scanner; scanner()"
    command = [sys.executable, "-c", program, "virtual", "--port", "0", "--stage", str(tmp_path / "stage")]
    env = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as virtual:
        try:
            assert virtual.stdout is not None
            url = virtual.stdout.readline().split()[0]
            sample = tmp_path / "letter.jpg"
            Image.new("L", (60, 90), 200).save(sample)
            (tmp_path / "stage/scanner/lying").mkdir(parents=True)
            sample.rename(tmp_path / "stage/scanner/lying/letter.jpg")
            run("scan", "--escl", url, "--out", tmp_path / "out")
        finally:
            virtual.terminate()
    with Image.open(tmp_path / "out/sheet-0001.jpg") as picture:
        assert picture.size == (60, 90)


def test_samples_are_drawn_from_a_seed(tmp_path):
    run("samples", tmp_path / "a", "--dpi", 50)
    names = {path.name for path in (tmp_path / "a").iterdir()}
    assert {"letter-0001.jpg", "id-back-0001.jpg", "photographed-0001.jpg", "empty-0001.jpg"} < names
