"""Looks for what a visitor could have left: in the page and the stores of the browser, in files, in open files without a name, in memory.

Marks are looked for in every way in which somebody may have written them without meaning to hide them.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

if TYPE_CHECKING:
    from playwright.sync_api import Page

_PIECE_BYTES: Final = 8 * 1024 * 1024
_STORES: Final = """
async () => {
  const rows = [document.documentElement.outerHTML, location.href, document.title, history.length,
    JSON.stringify(localStorage), JSON.stringify(sessionStorage), document.cookie, window.name];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) rows.push(name, request.url, await (await cache.match(request)).text());
  }
  for (const { name } of await indexedDB.databases()) {
    const database = await new Promise((done, failed) => {
      const asked = indexedDB.open(name);
      asked.onsuccess = () => done(asked.result);
      asked.onerror = () => failed(asked.error);
    });
    for (const store of database.objectStoreNames) {
      const all = database.transaction(store).objectStore(store).getAll();
      await new Promise((done) => { all.onsuccess = all.onerror = done; });
      rows.push(name, store, JSON.stringify(all.result ?? ""));
    }
    database.close();
  }
  for (const entry of performance.getEntries()) rows.push(entry.name);
  return rows.map(String);
}
"""


class Marks:
    """What is looked for: words, and pieces of pictures."""

    def __init__(self, words: Sequence[str], pieces: Sequence[bytes] = ()) -> None:
        self.words = tuple(words)
        self._forms = {form: word for word in words for form in ways(word)}
        self._forms |= {form: "a picture" for piece in pieces for form in (piece, base64.b64encode(piece)[4:-4])}

    def within(self, content: bytes) -> set[str]:
        """Which of them are there."""
        folded = content.lower()
        return {word for form, word in self._forms.items() if form in content or form in folded}

    def in_page(self, page: Page) -> list[str]:
        """The page, what it stores, and where it was."""
        rows: list[str] = page.evaluate(_STORES)
        rows += [json.dumps(cookie) for cookie in page.context.cookies()]
        return [f"page: {found}" for found in sorted(self.within("\n".join(rows).encode()))]

    def in_files(self, *folders: Path, but: Sequence[str] = ()) -> list[str]:
        """Files below these folders, by their names and by what is in them; not those below a folder named in `but`."""
        found = []
        for path in (each for folder in folders for each in folder.rglob("*")):
            if any(part in but for part in path.parts):
                continue
            with contextlib.suppress(OSError):
                content = str(path).encode() + (path.read_bytes() if path.is_file() else b"")
                found += [f"{path}: {mark}" for mark in sorted(self.within(content))]
        return found

    def in_open_files(self, processes: Iterable[int], but: Sequence[str] = ()) -> list[str]:
        """Files that these processes hold open, also those that have no name any more, their arguments and their environment."""
        found = []
        for process in processes:
            about = Path(f"/proc/{process}")
            for path in (about / "cmdline", about / "environ", *_open_files(about, but)):
                with contextlib.suppress(OSError):
                    found += [f"{path}: {mark}" for mark in sorted(self.within(path.read_bytes()))]
        return found

    def in_memory(self, process: int) -> int:
        """How often they stand in the writable memory of a process: -1 when we may not look."""
        count = 0
        try:
            for piece in _memory(Path(f"/proc/{process}")):
                count += sum(piece.count(form) for form in self._forms)
        except OSError:
            return -1
        return count


def ways(word: str) -> set[bytes]:
    """How somebody may have written it."""
    raw = word.encode()
    return {
        raw,
        raw.lower(),
        word.encode("utf-16-le"),
        raw.hex().encode(),
        quote(word).encode(),
        base64.b64encode(raw)[:-4],
    }


def family(process: int) -> list[int]:
    """A process and all that it has started."""
    found = [process]
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{process}/task").iterdir():
            for child in (thread / "children").read_text().split():
                found += family(int(child))
    return found


def _open_files(about: Path, but: Sequence[str]) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        for descriptor in (about / "fd").iterdir():
            with contextlib.suppress(OSError):
                target = descriptor.readlink()
                if descriptor.is_file() and not any(part in but for part in target.parts):
                    yield descriptor


def _memory(about: Path) -> Iterator[bytes]:
    rows = [row.split() for row in (about / "maps").read_text().splitlines()]
    with (about / "mem").open("rb", buffering=0) as memory:
        for row in rows:
            if "w" not in row[1]:
                continue
            begin, end = (int(side, 16) for side in row[0].split("-"))
            for at in range(begin, end, _PIECE_BYTES):
                try:
                    memory.seek(at)
                    yield memory.read(min(_PIECE_BYTES, end - at))
                except (OSError, OverflowError, ValueError):
                    break
