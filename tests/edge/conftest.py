"""What most tests of a cabin begin with."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.edge.cabin import Cabin
from tests.edge.house import enrolled


@pytest.fixture
def cabin(tmp_path: Path) -> Cabin:
    """In a folder of its own, not opened yet."""
    return Cabin(tmp_path / "cabin")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The folder of an enrolled cabin."""
    return enrolled(tmp_path / "cabin")
