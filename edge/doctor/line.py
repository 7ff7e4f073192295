"""How the line to the hub is, and its clock."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, Severity, span
from edge.orders import LinkStatus
from edge.silence import understood
from protocol import limits
from protocol.runtime.world import World

CUT_SECONDS_CRITICAL: Final = 600.0  # as the fleet's alert: ten minutes without a line


def link(now: LinkStatus, config: EdgeConfig, world: World) -> Finding:
    """Whether the hub is heard, and why not."""
    if now.connected:
        trip = f", round trip {now.round_trip_seconds * 1000:.0f} ms" if now.round_trip_seconds is not None else ""
        return Finding("link", Severity.OK, f"Connected to the hub{trip}.")
    cut_seconds = (world.utc() - now.since).total_seconds() if now.since is not None else 0.0
    age = f" for {span(cut_seconds)}" if now.since is not None else ""
    silence = understood(now.reason, config.hub.address)
    return Finding(
        "link",
        Severity.CRITICAL if silence.lasting or cut_seconds > CUT_SECONDS_CRITICAL else Severity.WARNING,
        f"Not connected{age}: {silence.why}.",
        silence.remedy,
    )


def clock(now: LinkStatus, world: World) -> Iterator[Finding]:
    """Beside the hub's, when it was heard."""
    offset_seconds = now.hub_offset_seconds
    if offset_seconds is None:
        return
    size = abs(offset_seconds)
    severity = (
        Severity.CRITICAL
        if size > limits.CLOCK_OFFSET_CRITICAL_SECONDS
        else Severity.WARNING
        if size > limits.CLOCK_OFFSET_WARN_SECONDS
        else Severity.OK
    )
    if severity is Severity.OK:
        yield Finding("clock", severity, f"The hub's clock is {offset_seconds:+.1f} s from this one.")
        return
    yield Finding(
        "clock",
        severity,
        f"The hub's clock is {span(size)} {'ahead of' if offset_seconds > 0 else 'behind'} this one ({world.utc():%Y-%m-%d %H:%M} UTC).",
        "See which of the two is wrong, and have that machine keep its clock (`timedatectl set-ntp true`).",
    )
