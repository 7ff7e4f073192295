"""Which processes there are."""

from __future__ import annotations

from pathlib import Path


def working_in(folder: Path) -> set[str]:
    """Processes that work in this folder, by their words: one that is only about to become another has the same as whoever begins it."""
    found = set()
    for words in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            said = words.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # it has ended
        if str(folder) in said:
            found.add(said)
    return found
