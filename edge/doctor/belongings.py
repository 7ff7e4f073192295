"""What a cabin carries: a folder of its own, its keys, a directory, and its place in that."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Final

from edge.config import EdgeConfig
from edge.doctor.finding import Finding, Severity, critical
from edge.enrol import read_directory
from edge.keys import CabinKeys
from protocol import directory as directories
from protocol import limits
from protocol.directory import Directory
from protocol.errors import Refused, Trouble
from protocol.ids import SiteId
from protocol.runtime.folder import NodeFolder, owner_of
from protocol.runtime.world import World

DIRECTORY_DAYS_WARN: Final = 90


def folder(path: Path) -> Finding:
    """Whether nobody else looks into it."""
    mode = stat.S_IMODE(path.stat().st_mode)
    if mode & 0o077:
        return Finding(
            "folder", Severity.WARNING, f"Others may look into {path} ({mode:04o}).", f"Run `chmod 700 {path}`."
        )
    owner = path.stat().st_uid
    if owner != os.geteuid():
        name = owner_of(path)
        return Finding(
            "folder",
            Severity.WARNING,
            f"{path} belongs to {name}, who may use other devices than you: what is said here holds for you.",
            f"Ask as the node does: `runuser -u {name} -- kabine edge doctor {path}`.",
        )
    return Finding("folder", Severity.OK, f"{path} is open to its owner only.")


def trust(place: NodeFolder, config: EdgeConfig, world: World) -> Iterator[Finding]:
    """Whom it trusts, and who trusts it."""
    try:
        keys = CabinKeys.load(place)
    except Trouble as trouble:
        yield critical("keys", trouble)
        return
    yield Finding("keys", Severity.OK, "Both keys are there and readable by their owner only.")
    try:
        _, directory = read_directory(place, config.authority_key)
    except Trouble as trouble:
        yield critical("directory", trouble)
        return
    yield _directory(directory, config, world)
    yield _membership(directory, config, keys)
    now = world.utc()
    if now < directory.published_at - timedelta(seconds=limits.CLOCK_OFFSET_CRITICAL_SECONDS):
        yield Finding(
            "clock",
            Severity.CRITICAL,
            f"This machine's clock ({now:%Y-%m-%d %H:%M} UTC) is earlier than its directory ({directory.published_at:%Y-%m-%d}).",
            "Set the clock, and have the machine keep it with NTP (`timedatectl set-ntp true`). If it is right, the hub's was wrong: set that one, "
            "then run `kabine directory publish` there.",
        )


def _directory(directory: Directory, config: EdgeConfig, world: World) -> Finding:
    age_days = (world.utc() - directory.published_at).days
    what = f"Version {directory.version} of {directory.published_at:%Y-%m-%d}, signed by the authority"
    if not any(agency.inboxes for agency in directory.agencies):
        return Finding(
            "directory",
            Severity.WARNING,
            f"{what}; no agency takes documents yet.",
            "At the hub: `kabine agency list`, `kabine agency key` for those without a key, then `kabine directory publish`.",
        )
    if age_days > DIRECTORY_DAYS_WARN:
        return Finding(
            "directory",
            Severity.WARNING,
            f"{what}, {age_days} days old.",
            "Check at the hub with `kabine directory show` whether it is the newest.",
        )
    takers = sum(bool(agency.inboxes) for agency in directory.agencies)
    return Finding("directory", Severity.OK, f"{what}; agencies that take documents: {takers}.")


def _membership(directory: Directory, config: EdgeConfig, keys: CabinKeys) -> Finding:
    try:
        row = directories.cabin(directory, SiteId(config.cabin.site))
    except Refused:
        return Finding(
            "enrolment",
            Severity.WARNING,
            "The directory does not list this cabin yet.",
            f"Compare the words of both screens, then run `kabine cabin confirm {config.cabin.site}` at the hub.",
        )
    if (row.curve_key, row.signing_key) != (keys.curve.public, keys.signing.public):
        return Finding(
            "enrolment",
            Severity.CRITICAL,
            "The directory lists another machine for this site.",
            "If this one is to work here, enrol it anew; otherwise switch it off.",
        )
    return Finding("enrolment", Severity.OK, "The directory lists this cabin with its keys.")
