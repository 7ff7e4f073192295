"""Whatever changes the stage, from wherever, the devices on it see."""

import pytest

from hardware.simulated.stage import BLURRED, JAMMED, UNPLUGGED, Stage


def test_flags_and_sheets_are_seen_by_everybody_who_looks_at_the_folder(tmp_path):
    drawer, device = Stage(tmp_path / "stage"), Stage(tmp_path / "stage")
    drawer.jam()
    drawer.flag("scanner", BLURRED)
    drawer.unplug("printer")
    drawer.enter()
    assert device.flags("scanner") == {JAMMED, BLURRED}
    assert device.flags("printer") == {UNPLUGGED}
    assert device.flags("presence") == {"somebody"}
    device.mend("scanner")
    drawer.leave()
    drawer.plug("printer")
    assert not device.flags("scanner") | device.flags("presence") | device.flags("printer")


def test_sheets_lie_in_the_order_in_which_they_were_put(tmp_path):
    stage = Stage(tmp_path / "stage")
    for name in ("b.jpg", "a.jpg", "b.jpg"):
        (tmp_path / name).write_bytes(name.encode())
        stage.put(tmp_path / name)
    assert [path.name.split("-", 1)[1] for path in stage.lying()] == ["b.jpg", "a.jpg", "b.jpg"]
    assert stage.lying("camera") == ()
    stage.clear()
    assert stage.lying() == ()


@pytest.mark.parametrize("word", ["", "..", "a/b", "UPPER", "-x", "x" * 60])
def test_a_word_that_could_lead_out_of_the_folder_is_none(tmp_path, word):
    stage = Stage(tmp_path / "stage")
    with pytest.raises(ValueError, match="no word of a stage"):
        stage.flag("scanner", word)
    with pytest.raises(ValueError, match="no word of a stage"):
        stage.flags(word)
