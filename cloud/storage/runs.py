"""Entries of cabins as the hub keeps them: in runs, as they came together. One row a run costs a tenth of one row an entry.

A run is of one machine and one epoch, without a gap. Hashes are not kept but reckoned, from that of the entry before the run and the payloads:
so whoever asks for one learns what these bytes say, not what somebody wrote beside them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from cloud.storage.schema import up_run
from protocol import codec, entries, limits
from protocol.entries import Entry, Mark
from protocol.errors import Refused
from protocol.ids import SiteId

ENTRIES_MAX: Final = 512  # of one run: whoever wants one entry reads them all
_BYTES_MAX: Final = ENTRIES_MAX * limits.ENTRY_BYTES_MAX


def row(site: SiteId, machine: int, before: bytes, run: Sequence[Entry]) -> dict[str, Any]:
    """Of `up_run`, for at least one entry; the first follows the one whose hash is `before`."""
    return {
        "site": site,
        "machine": machine,
        "first": run[0].number,
        "last": run[-1].number,
        "epoch": run[0].epoch,
        "before": before,
        "payloads": codec.encode([entry.payload for entry in run]),
    }


def entry(connection: Connection, site: SiteId, machine: int, number: int) -> Entry | None:
    """One entry of this machine; None when it is not here, or cannot be read any more."""
    found = connection.execute(
        select(up_run)
        .where(up_run.c.site == site, up_run.c.machine == machine, up_run.c.first <= number)
        .order_by(up_run.c.first.desc())
        .limit(1)
    ).first()
    return None if found is None else next((each for each in _read(found) if each.number == number), None)


def _read(found: Row[Any]) -> Iterator[Entry]:
    try:
        payloads = codec.decode(tuple[bytes, ...], found.payloads, _BYTES_MAX)
    except Refused:
        return
    mark = Mark(found.epoch, found.first - 1, found.before)
    for payload in payloads:
        following = entries.following(mark, found.epoch, payload)
        mark = Mark(following.epoch, following.number, following.hash)
        yield following
