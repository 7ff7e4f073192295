"""Examine one cabin: every line says how something is and what to do about it. Changes nothing."""

from __future__ import annotations

import enum
import os
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import msgspec

from edge.config import FILE, EdgeConfig
from edge.devices import meaning, spoken
from edge.enrol import read_directory
from edge.entrance import Shut
from edge.keys import CabinKeys
from edge.knock import knock_or_open
from edge.offline import look
from edge.orders import ShowStatus, Status
from edge.silence import understood
from edge.storage.documents import State
from hardware import fitted
from hardware.complaint import Complaint
from hardware.devices.sane_listing import discover
from protocol import directory as directories
from protocol import limits
from protocol.directory import Directory
from protocol.errors import Refused, Trouble, Unavailable
from protocol.ids import SiteId
from protocol.runtime.config import read_config
from protocol.runtime.folder import NodeFolder, owner_of
from protocol.runtime.world import World

DEVICES_SECONDS: Final = 4.0  # a USB scanner is listed in less
LOOK_SECONDS: Final = 0.1
LOST_TOLD: Final = timedelta(days=30)
UNREACHABLE: Final = "unreachable"
SANE_SECONDS: Final = 10.0  # listing asks every backend that is installed
PINS: Final = "This machine needs a header with pins, the library lgpio (`pip install lgpio` into .venv) and the node's user in the group `gpio`."
ANSWER_SECONDS: Final = 10.0  # a node that answers later is of no use to a visitor either
DIRECTORY_DAYS_WARN: Final = 90
CUT_SECONDS_CRITICAL: Final = 600.0  # as the fleet's alert: ten minutes without a line
WAITING_SECONDS_WARN: Final = 600.0
WAITING_SECONDS_CRITICAL: Final = 24 * 3600.0


class Severity(enum.IntEnum):
    """Also the exit code of `kabine edge doctor`."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


class Finding(msgspec.Struct, frozen=True):
    """One line: `what` is a sentence, `remedy` an imperative one, empty when all is well."""

    name: str
    severity: Severity
    what: str
    remedy: str = ""


def examine(path: Path, world: World) -> Iterator[Finding]:
    """Finding by finding. Ends early when nothing further could be said."""
    try:
        folder = NodeFolder.open(path, "edge", exclusive=False)
        config = read_config(folder.path / FILE, EdgeConfig)
    except Trouble as trouble:
        yield _critical("config", trouble)
        return
    yield _folder(folder.path)
    yield Finding("config", Severity.OK, f"{FILE} is in order; this is {config.cabin.name} ({config.cabin.site}).")
    yield from _trust(folder, config, world)
    yield from _life(folder, config, world)


def _folder(path: Path) -> Finding:
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


def _trust(folder: NodeFolder, config: EdgeConfig, world: World) -> Iterator[Finding]:
    try:
        keys = CabinKeys.load(folder)
    except Trouble as trouble:
        yield _critical("keys", trouble)
        return
    yield Finding("keys", Severity.OK, "Both keys are there and readable by their owner only.")
    try:
        _, directory = read_directory(folder, config.authority_key)
    except Trouble as trouble:
        yield _critical("directory", trouble)
        return
    yield _directory(directory, config, world)
    yield _membership(directory, config, keys)
    now = world.utc()
    if now < directory.published_at - timedelta(seconds=limits.CLOCK_OFFSET_CRITICAL_SECONDS):
        yield Finding(
            "clock",
            Severity.CRITICAL,
            f"This machine's clock ({now:%Y-%m-%d %H:%M} UTC) is earlier than its directory.",
            "Set the clock, and have the machine keep it with NTP (`timedatectl set-ntp true`).",
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


def _life(folder: NodeFolder, config: EdgeConfig, world: World) -> Iterator[Finding]:
    """What the running node says, else what lies in the folder."""
    try:
        told = knock_or_open(folder.path, ShowStatus(), ANSWER_SECONDS)
        if isinstance(told, NodeFolder):
            with told:
                found = look(folder.path)
            status = None
        else:
            status = next((each for each in told if isinstance(each, Status)), None)
            if status is None:
                raise Unavailable("The node gave no answer.", "Look at its log.")
    except Trouble as trouble:
        yield _critical("node", trouble)
        return
    if status is not None:
        yield Finding("node", Severity.OK, f"The node runs (process {status.process}).")
        yield _link(status, config, world)
        yield from _clock(status)
        yield _buffer(status.troubles)
        yield waiting(status.waiting_documents, status.oldest_seconds, status.site, connected=status.link.connected)
        yield from _lost([(row.receipt, row.at) for row in status.documents if row.state == State.LOST], world)
        yield _disk(status.disk_free_bytes, config)
        yield from _devices(status.devices, config, folder.path)
        yield from _reception(status, config, folder.path)
        return
    yield Finding(
        "node",
        Severity.WARNING,
        "The node does not run; nothing is sent.",
        f"Run `systemctl start kabine-edge`, or `kabine edge run {folder.path}` where there is no unit.",
    )
    faults = [found.fault] if found.fault else []
    yield _buffer((*faults, *(f"A damaged buffer lies aside as {name}." for name in found.set_aside)))
    oldest = found.waiting.oldest_at
    oldest_seconds = (world.utc() - oldest).total_seconds() if oldest else 0.0
    yield waiting(found.waiting.documents, oldest_seconds, config.cabin.site, connected=False)
    yield from _lost([(row.receipt, row.changed_at) for row in found.documents if row.state is State.LOST], world)
    yield _disk(found.disk_free_bytes, config)
    devices = fitted.fit(config.fittings, folder.path)
    try:
        # One that has just been spoken to for the first time may need a moment.
        deadline = world.clock() + DEVICES_SECONDS
        while UNREACHABLE in (states := devices.states()).values() and world.clock() < deadline:
            time.sleep(LOOK_SECONDS)
    finally:
        devices.close()
    yield from _devices(states, config, folder.path)


def _devices(states: Mapping[str, str], config: EdgeConfig, folder: Path) -> Iterator[Finding]:
    """What is silent is asked for the reason, which no state tells; a running node's devices bear that."""
    devices = fitted.fit(config.fittings, folder) if UNREACHABLE in states.values() else None
    try:
        for name, state in states.items():
            complaint = devices.complaint(name) if devices is not None and state == UNREACHABLE else None
            yield _device(name, state, config, complaint)
    finally:
        if devices is not None:
            devices.close()


def _reception(status: Status, config: EdgeConfig, folder: Path) -> Iterator[Finding]:
    """Whether visitors see a screen, and whether one may come in."""
    if config.kiosk.on and not status.looks:
        what = "No browser has shown the visitors' screen since the node began."
        yield Finding(
            "screen",
            Severity.WARNING,
            what,
            "See `systemctl status kabine-screen`, then `journalctl -u kabine-screen`.",
        )
    elif config.kiosk.on:
        yield Finding("screen", Severity.OK, "A browser has shown the visitors' screen since the node began.")
    if status.shut == Shut.CLEANING:
        remedy = f"When that is done, turn the key back, or run `kabine edge clean {folder} --done`."
        yield Finding("door", Severity.WARNING, "Nobody is received: somebody cleans.", remedy)
    elif status.shut == Shut.CLOSED and status.link.turned_away:
        what = "Nobody is received: what is handed in here would reach nobody."
        yield Finding("door", Severity.WARNING, what, "It opens by itself when the hub knows this cabin again.")
    elif status.shut == Shut.CLOSED:
        yield Finding(
            "door", Severity.OK, "Nobody is received now: these are no opening hours ([opening] in edge.toml)."
        )


def _link(status: Status, config: EdgeConfig, world: World) -> Finding:
    link = status.link
    if link.connected:
        trip = f", round trip {link.round_trip_seconds * 1000:.0f} ms" if link.round_trip_seconds is not None else ""
        return Finding("link", Severity.OK, f"Connected to the hub{trip}.")
    cut_seconds = (world.utc() - link.since).total_seconds() if link.since is not None else 0.0
    silence = understood(link.reason, config.hub.address)
    return Finding(
        "link",
        Severity.CRITICAL if silence.lasting or cut_seconds > CUT_SECONDS_CRITICAL else Severity.WARNING,
        f"Not connected for {_span(cut_seconds)}: {silence.why}.",
        silence.remedy,
    )


def _clock(status: Status) -> Iterator[Finding]:
    offset_seconds = status.link.hub_offset_seconds
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
    remedy = "" if severity is Severity.OK else "Have the machine keep its clock (`timedatectl set-ntp true`)."
    yield Finding("clock", severity, f"The hub's clock is {offset_seconds:+.1f} s from this one.", remedy)


def _buffer(troubles: tuple[str, ...]) -> Finding:
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
    what = f"{documents} document{'s' if documents > 1 else ''} waiting for the hub, the oldest for {_span(oldest_seconds)}."
    return Finding("documents", severity, what, remedy)


def _lost(told: Sequence[tuple[str, datetime]], world: World) -> Iterator[Finding]:
    """Those of the last weeks: somebody may still come and ask."""
    receipts = [receipt for receipt, at in told if abs(world.utc() - at) < LOST_TOLD]
    if receipts:
        what = f"Lost with the hub, which came back from an older copy, and not at the agency: {', '.join(receipts)}."
        remedy = "The screen says so to whoever asks for that number: they must hand in again. The agency knows the numbers too."
        yield Finding("lost", Severity.WARNING, what, remedy)


def _disk(free_bytes: int, config: EdgeConfig) -> Finding:
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


def _device(name: str, state: str, config: EdgeConfig, complaint: Complaint | None) -> Finding:
    """`fitted` is named too: what is plugged in may be another model than what is configured."""
    found = meaning(name, state)
    fitted_as = str(getattr(config.fittings, name).fitted) if hasattr(config.fittings, name) else ""
    model = f" ({fitted_as})" if fitted_as not in ("", "none") else ""
    severity = Severity(int(found.gravity))
    what, remedy = found.what, found.remedy
    if complaint is not None:
        what = what.replace("does not answer", f"does not answer ({complaint.why})", 1)
        remedy = complaint.remedy or remedy
    if name == "scanner" and fitted_as == "sane" and state == UNREACHABLE:
        remedy = f"{remedy} {_sane_found()}"
    if fitted_as == "gpio" and state == UNREACHABLE:
        remedy = f"{remedy} {PINS}"
    return Finding(name, severity, f"The {spoken(name)}{model} {what}.", remedy)


def _sane_found() -> str:
    """What SANE sees at this machine, to compare with what is configured."""
    found = discover(SANE_SECONDS)
    if not found:
        return "SANE finds no scanner at this machine."
    return f"SANE finds here: {'; '.join(f'{each.device} ({each.vendor} {each.model})' for each in found)}."


def _critical(name: str, trouble: Trouble) -> Finding:
    return Finding(name, Severity.CRITICAL, trouble.what, trouble.remedy)


def _span(seconds: float) -> str:
    """As people say it."""
    for size, word in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size:
            return f"{seconds / size:.0f} {word}"
    return f"{seconds:.0f} s"
