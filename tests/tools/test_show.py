"""The show: what is seen at once loads nothing heavy, what was drawn is kept, and every change is told once."""

import io
import subprocess
import sys
import threading

from rich.console import Console

from tools import programme, show, tables
from tools.programme import CONNECTED, ON_SCANNER, SECURED, WAITING, play
from tools.town import uckermark

HEAVY = {"cv2", "litestar", "numpy", "pymupdf", "sqlalchemy", "sqlite_utils", "zmq"}


def test_help_and_the_first_table_load_nothing_that_takes_long():
    for modules in ("tools.command, tools.demo", "tools.show"):
        code = f"import sys, {modules}; print(*sorted(sys.modules))"
        loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=240)
        assert not HEAVY & set(loaded.stdout.split())


def test_what_was_drawn_is_drawn_once(tmp_path):
    (tmp_path / "of-another-edition").mkdir()
    programme.draw(tmp_path, [1])
    first = programme.drawn(tmp_path, 0)
    assert len(first) == 1
    assert first[0].read_bytes()[:2] == b"\xff\xd8"
    assert not (tmp_path / "of-another-edition").exists()
    before = first[0].stat()
    programme.draw(tmp_path, [1])
    after = programme.drawn(tmp_path, 0)[0].stat()
    assert (after.st_ino, after.st_mtime_ns) == (before.st_ino, before.st_mtime_ns)
    assert programme.drawn(tmp_path, 1) == []


def test_the_end_of_drawing_changes_nothing_for_papers_that_are_on_their_way(tmp_path):
    """The last page was laid on its scanner when drawing had ended: all that was under way had "failed", in one demo of a few."""
    playing = play(uckermark(), [])
    programme.draw(tmp_path, [1, 1])
    playing.papers[0].state, playing.papers[0].receipt = WAITING, "TEM-042"
    show.lay(playing, tmp_path, ended=False)
    assert [each.state for each in playing.papers[:3]] == [WAITING, ON_SCANNER, programme.DRAWN]
    show.lay(playing, tmp_path, ended=True)
    assert [each.state for each in playing.papers[:3]] == [WAITING, ON_SCANNER, programme.FAILED]
    assert playing.papers[2].word == "could not be drawn"


def test_own_files_are_handed_in_first_and_need_not_be_drawn(tmp_path):
    playing = play(uckermark(), [tmp_path / "mine.pdf"])
    assert playing.papers[0].scans == [tmp_path / "mine.pdf"]
    assert playing.papers[0].state == ON_SCANNER
    assert {each.state for each in playing.papers[1:]} == {programme.DRAWN}


def test_without_a_terminal_each_change_is_a_line():
    playing = play(uckermark(), [])
    told = io.StringIO()
    with tables.told(Console(file=told, width=120), playing), playing.changing():
        playing.cabins["templin"] = CONNECTED
        playing.papers[0].receipt, playing.papers[0].state = "TEM-042", WAITING
        playing.papers[0].share = 0.43
    lines = told.getvalue().splitlines()
    assert sum("TEM-042" in line and "arriving 43%" in line for line in lines) == 1
    assert sum("connected" in line for line in lines) == 1


def test_in_a_terminal_the_same_is_a_table():
    playing = play(uckermark(), [])
    playing.papers[1].receipt, playing.papers[1].state, playing.papers[1].size_bytes = "GAR-007", SECURED, 39_000
    told = io.StringIO()
    with tables.told(Console(file=told, width=120, force_terminal=True), playing):
        pass
    assert "GAR-007" in told.getvalue()
    assert "gesichert" in told.getvalue()


def test_who_waits_is_woken_by_a_change():
    playing = play(uckermark(), [])
    first = playing.papers[0]

    def draw() -> None:
        with playing.changing():
            first.state = ON_SCANNER

    threading.Thread(target=draw).start()
    assert playing.until(lambda: first.state == ON_SCANNER, 240)
    assert not playing.until(lambda: first.state == WAITING, 0.01)
