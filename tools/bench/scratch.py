"""Where a workload works: a folder of its own, on the disk that is to be measured."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from protocol.errors import Unavailable


@contextmanager
def scratch(folder: Path | None) -> Iterator[Path]:
    """A new one in `folder`, or where temporary files lie; gone with the block. Raises Unavailable."""
    try:
        made = tempfile.TemporaryDirectory(prefix="kabine-bench-", dir=folder, ignore_cleanup_errors=True)
    except OSError as error:
        if folder is None:
            raise
        what = f"Nothing can be made in “{folder}”: {error.strerror}."
        raise Unavailable(what, "Name another --folder, on the disk that matters.") from error
    with made as place:
        yield Path(place)
