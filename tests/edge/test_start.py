"""A node begins while a command still holds its folder: `kabine edge run DIR &`, and in the next line `kabine edge submit DIR`."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from edge.start import when_free
from protocol.runtime.folder import NodeFolder, Occupied


def test_a_command_is_waited_for(tmp_path: Path) -> None:
    NodeFolder.create(tmp_path / "templin", "edge").close()
    command = NodeFolder.open(tmp_path / "templin", "edge")
    done = threading.Timer(0.3, command.close)
    done.start()
    when_free(tmp_path / "templin", 60.0).close()
    done.join()


def test_another_node_is_not(tmp_path: Path) -> None:
    NodeFolder.create(tmp_path / "templin", "edge").close()
    with NodeFolder.open(tmp_path / "templin", "edge"), pytest.raises(Occupied, match="Another edge node"):
        when_free(tmp_path / "templin", 0.2)
