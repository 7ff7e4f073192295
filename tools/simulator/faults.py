"""What can go wrong, by name. A fault is a function that does it, and sees to it that it ends; the table is what `kabine simulate` draws from.

A new kind is one function and one row. Each is counted when it really happened.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from tools.simulator import faults_of_disks, faults_of_lines, faults_of_nodes, faults_of_people
from tools.simulator.strike import Strike

Fault = Callable[[Strike], None]

FAULTS: Final[dict[str, Fault]] = {
    "reset": faults_of_lines.reset,
    "half-open": faults_of_lines.half_open,
    "flap": faults_of_lines.flap,
    "cut": faults_of_lines.cut,
    "silent-cut": faults_of_lines.hush,
    "silent-up": faults_of_lines.hush_up,
    "silent-down": faults_of_lines.hush_down,
    "slow": faults_of_lines.slow,
    "delay": faults_of_lines.delayed,
    "altered-byte": faults_of_lines.altered,
    "outage-of-hours": faults_of_lines.hours_away,
    "outage-of-days": faults_of_lines.days_away,
    "cabin-killed": faults_of_nodes.cabin_killed,
    "cabin-power-cut": faults_of_nodes.cabin_power,
    "many-pages": faults_of_nodes.many_pages,
    "cabin-dark": faults_of_nodes.cabin_dark,
    "cabin-restarted": faults_of_nodes.cabin_restarted,
    "cabin-disk-full": faults_of_disks.cabin_full,
    "cabin-fsync-error": faults_of_disks.cabin_sync,
    "cabin-read-only": faults_of_disks.cabin_read_only,
    "hub-killed": faults_of_nodes.hub_killed,
    "hub-power-cut": faults_of_nodes.hub_power,
    "hub-away": faults_of_nodes.hub_away,
    "hub-restarted": faults_of_nodes.hub_restarted,
    "hub-disk-full": faults_of_disks.hub_full,
    "hub-fsync-error": faults_of_disks.hub_sync,
    "hub-read-only": faults_of_disks.hub_read_only,
    "hub-disk-nearly-full": faults_of_disks.hub_low,
    "slow-disk": faults_of_disks.slow_disk,
    "cabin-bit-flip": faults_of_disks.cabin_rot,
    "cabin-older-file": faults_of_people.cabin_older_file,
    "cabin-cloned": faults_of_people.cloned,
    "cabin-restored": faults_of_people.restored,
    "hub-bit-flip": faults_of_disks.hub_rot,
    "hub-segment-lost": faults_of_disks.hub_segment,
    "hub-older-database": faults_of_people.hub_older_database,
    "hub-restored": faults_of_people.hub_restored,
    "inbox-key-changed": faults_of_people.inbox_key_changed,
    "agency-let-go": faults_of_people.agency_let_go,
    "revoked": faults_of_people.revoked,
    "clock-skew": faults_of_nodes.clock_skewed,
    "clock-jump": faults_of_nodes.clock_jumped,
}
# What comes of them on lines and disks, counted where it happens: a message reaches nobody, comes behind what was said after it, or once more; a
# write that no fsync has confirmed is gone after a power cut, or some of its sectors are. And how many bounds (bounds.py) were small.
EFFECTS: Final = ("message-lost", "message-out-of-order", "message-twice", "small-bound", "write-dropped", "write-torn")
# How often, beside the others; once when it is not named here.
WEIGHTS: Final = {
    "outage-of-days": 0.3,
    "outage-of-hours": 0.6,
    "clock-jump": 0.6,
    "hub-disk-nearly-full": 0.5,
    "cabin-dark": 0.6,
    "cabin-older-file": 0.3,
    "cabin-cloned": 0.3,
    "cabin-restored": 0.3,
    "hub-restored": 0.5,
    "hub-segment-lost": 0.5,
    "hub-older-database": 0.5,
    "inbox-key-changed": 0.5,
    "agency-let-go": 0.5,
    "revoked": 0.3,
    "hub-away": 0.6,
    "cabin-killed": 2,
    "cabin-power-cut": 2,
    "hub-killed": 2,
    "hub-power-cut": 2,
}
