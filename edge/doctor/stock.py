"""What lies in the cabin: its buffer, documents that wait or were lost, room on the disk."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, Severity, span
from protocol.runtime.world import World

LOST_TOLD: Final = timedelta(days=30)
WAITING_SECONDS_WARN: Final = 600.0
WAITING_SECONDS_CRITICAL: Final = 24 * 3600.0


def buffer(troubles: tuple[str, ...]) -> Finding:
    """Whether it holds what was written to it."""
    if not troubles:
        return Finding("buffer", Severity.OK, "The buffer is what was written.")
    return Finding(
        "buffer",
        Severity.CRITICAL,
        " ".join(troubles),
        "Delete nothing in this folder; ask the hub with `kabine fleet status` what has arrived.",
    )


def waiting(documents: int, oldest_seconds: float, site: str, *, connected: bool) -> Finding:
    """What waits for the hub, and whom to ask where it has waited for long."""
    if not documents:
        return Finding("documents", Severity.OK, "No document waits.")
    severity, remedy = Severity.OK, ""
    if oldest_seconds > WAITING_SECONDS_WARN:
        severity = Severity.CRITICAL if oldest_seconds > WAITING_SECONDS_CRITICAL else Severity.WARNING
        remedy = "Bring the cabin's line up; nothing else."
        if connected:
            remedy = f"The line is up: the hub knows the reason, `kabine fleet status --site {site}` there."
    what = f"{documents} document{'s' if documents > 1 else ''} waiting for the hub, the oldest for {span(oldest_seconds)}."
    return Finding("documents", severity, what, remedy)


def lost(told: Sequence[tuple[str, datetime]], world: World) -> Iterator[Finding]:
    """Those of the last weeks: somebody may still come and ask."""
    receipts = [receipt for receipt, at in told if abs(world.utc() - at) < LOST_TOLD]
    if receipts:
        what = f"Lost with the hub, which came back from an older copy, and not at the agency: {', '.join(receipts)}."
        remedy = "The screen says so to whoever asks for that number: they must hand in again. The agency knows the numbers too."
        yield Finding("lost", Severity.WARNING, what, remedy)


def disk(free_bytes: int, config: EdgeConfig) -> Finding:
    """Room for further documents."""
    megabytes = free_bytes // 1_000_000
    if free_bytes < config.disk.free_bytes_min:
        return Finding(
            "disk",
            Severity.CRITICAL,
            f"Only {megabytes} MB are free: no new document is taken.",
            "Free space on this disk.",
        )
    if free_bytes < 2 * config.disk.free_bytes_min:
        return Finding("disk", Severity.WARNING, f"Only {megabytes} MB are free.", "Free space on this disk.")
    return Finding("disk", Severity.OK, f"{megabytes} MB are free.")
