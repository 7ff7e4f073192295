"""A recording ends when we have ended with it, whoever on this machine still sees its folder."""

from __future__ import annotations

import subprocess

from tools.room import room
from tools.torture.operations import Made, Said, Wrote
from tools.torture.recording import recorded


def test_what_was_done_is_there_although_another_mount_namespace_holds_the_folder() -> None:
    """As of a container or an `ip netns exec` that was begun meanwhile: an unmount here does not reach it."""
    with room() as place:
        with recorded(place) as recording:
            (recording.folder / "a").write_bytes(b"kept")
            holder = subprocess.Popen(["unshare", "--mount", "sh", "-c", "echo; read line"], stdin=-1, stdout=-1)
            assert holder.stdout is not None
            assert holder.stdout.readline() == b"\n"
            recording.say(b"end")
        holder.communicate()
        assert [type(each) for each in recording.operations] == [Made, Wrote, Said]
