"""Entries of cabins as the hub keeps them: in runs, as they came together. One row a run costs a tenth of one row an entry.

A run is of one machine and one epoch, without a gap. Hashes are not kept but reckoned, from that of the entry before the run and the payloads:
so whoever asks for one learns what these bytes say, not what somebody wrote beside them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, select

from cloud.storage.schema import up_run
from protocol import codec, entries, limits
from protocol.entries import Entry, Mark
from protocol.errors import Refused
from protocol.ids import SiteId

ENTRIES_MAX: Final = 512  # of one run: whoever wants one entry reads them all
_BYTES_MAX: Final = ENTRIES_MAX * limits.ENTRY_BYTES_MAX
_PAYLOADS: Final = codec.Reader(tuple[bytes, ...], "run of entries")


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
    return None if found is None else _read(found, number)


def _read(found: Row[Any], number: int) -> Entry | None:
    """This entry of a run, None when it ends before it or cannot be read."""
    try:
        payloads = _PAYLOADS.read(found.payloads, _BYTES_MAX)
    except Refused:
        return None
    count = number + 1 - found.first
    if count > len(payloads):
        return None
    return entries.continued(Mark(found.epoch, found.first - 1, found.before), found.epoch, payloads[:count])[-1]
