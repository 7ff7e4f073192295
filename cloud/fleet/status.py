"""One word per cabin, the reason, since when, and how grave: pure, from facts and the time. The thresholds stand at the top.

What is unknown is never shown as well: when the hub does not run or a cabin has not been heard, its last numbers stay, with their age.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final

from cloud.fleet import proof, words
from cloud.fleet.facts import Contact, FleetFacts, HubFacts, LostDocument, SiteFacts
from cloud.fleet.proof import Proof, Verdict
from cloud.restored import RESTORED
from protocol import limits

HUB_SILENT_SECONDS: Final = 15.0  # the hub says every few seconds that it lives
LINK_SILENT_SECONDS: Final = 45.0  # three beats and the hub's own delay in writing them down; shown well below 90 s
SILENT_CRITICAL_SECONDS: Final = 600.0
OLDEST_WARN_SECONDS: Final = 1800.0  # while connected: the line is there, so something else is wrong
OLDEST_CRITICAL_SECONDS: Final = 4 * 3600.0
OUTBOX_SHARE_WARN: Final = 0.8
NAMED_MAX: Final = 20  # lost documents in one sentence; --json names all
DISK_WARN_BYTES: Final = 5 * limits.DISK_FREE_BYTES_MIN
# State words of ports in `hardware`; every other is a reason to look. An empty scanner waits for a visitor's paper.
CLEANING: Final = "cleaning"  # SPEC.md section 3.5, as a cabin says it
DEVICE_WELL: Final = frozenset({"ready", "no-paper", "busy", "printing", "absent"})
_DIRECTORY_NEEDED: Final = (
    "Seit der Hub aus einer Sicherung zurückkam, haben Kabinen vielleicht ein anderes Verzeichnis als er: kabine directory publish gibt allen wieder "
    "das gleiche."
)


class State(enum.StrEnum):
    """The word on screen and in JSON."""

    READY = "Bereit"
    LIMITED = "Eingeschränkt"
    DISCONNECTED = "Getrennt"
    MAINTENANCE = "Wartung"  # somebody cleans
    CLOSED = "Geschlossen"  # outside its opening hours, or revoked
    UNKNOWN = "Unbekannt"


class Severity(enum.IntEnum):
    """Also the exit code of `kabine fleet status` (convention of Nagios)."""

    OK = 0
    WARNING = 1
    CRITICAL = 2


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, in German; `since` when it is known."""

    severity: Severity
    text: str
    since: datetime | None = None


@dataclass(frozen=True)
class SiteStatus:
    """`reason` is the first of `findings`: why the state is what it is, then the others, gravest first.
    `oldest_seconds`: age of the oldest document that waits in the cabin, 0 when none waits and None when unknown.
    `age_seconds`: of all numbers here, None when there are none."""

    facts: SiteFacts
    state: State
    reason: str
    since: datetime | None
    severity: Severity
    findings: tuple[Finding, ...]
    proof: Proof
    oldest_seconds: float | None
    age_seconds: float | None


@dataclass(frozen=True)
class FleetStatus:
    """`sentence` answers "is everything all right?"; `findings` are those of the hub itself."""

    sites: tuple[SiteStatus, ...]
    hub_alive: bool
    findings: tuple[Finding, ...]
    severity: Severity
    sentence: str


def fleet(facts: FleetFacts, now: datetime) -> FleetStatus:
    """State of the hub and of every cabin at `now` (aware UTC)."""
    alive = hub_alive(facts.hub, now)
    sites = tuple(site(each, now, alive) for each in facts.sites)
    silent_since = _past(facts.hub.alive_at, now)
    findings = [] if alive else [Finding(Severity.CRITICAL, _hub_silence(facts.hub, silent_since, now), silent_since)]
    findings += _hub_disk(facts.hub)
    if facts.directory_needed:
        findings.append(Finding(Severity.WARNING, _DIRECTORY_NEEDED))
    findings += [Finding(Severity.WARNING, alarm.text, _past(alarm.raised_at, now)) for alarm in facts.alarms]
    severity = max([Severity.OK, *(each.severity for each in findings), *(each.severity for each in sites)])
    return FleetStatus(sites, alive, tuple(findings), severity, _sentence(sites, tuple(findings)))


def hub_alive(hub: HubFacts, now: datetime) -> bool:
    """Has the hub process spoken lately? Not where its last word is one of a time to come: it was said before the clock was set back."""
    return hub.alive_at is not None and abs((now - hub.alive_at).total_seconds()) <= HUB_SILENT_SECONDS


def site(facts: SiteFacts, now: datetime, alive: bool = True) -> SiteStatus:
    """State of one cabin. `alive`: the hub runs."""
    contact = facts.contact
    documents = facts.documents
    reported, held = (contact.reported, contact.held) if contact else (None, proof.Held(0, None))
    held = replace(held, documents_lost=documents.lost)
    proven = proof.prove(reported, held, documents.under_way + documents.stuck + _not_yet_announced(facts), now)
    age = None if contact is None or contact.last_contact_at is None else _seconds(contact.last_contact_at, now)
    oldest = _oldest(contact, age)
    state, first = _state(facts, now, alive, age)
    findings = [first] if first else []
    if facts.enrolled != "revoked":
        findings += _findings(facts, proven, oldest, state, now)
    if state is State.READY and findings:
        state = State.LIMITED
    # The state's own reason stays first, so that "Getrennt" is not explained by a full outbox.
    findings.sort(key=lambda finding: (finding is not first, -finding.severity))
    findings = [replace(finding, since=_past(finding.since, now)) for finding in findings]
    severity = max([Severity.OK, *(finding.severity for finding in findings)])
    if findings:
        reason, since = findings[0].text, findings[0].since
    else:
        reason, since = "", _past(contact.since, now) if contact else None
    return SiteStatus(facts, state, reason, since, severity, tuple(findings), proven, oldest, age)


def _state(facts: SiteFacts, now: datetime, alive: bool, age: float | None) -> tuple[State, Finding | None]:
    """What can be said before looking closer, and why it is not "Bereit"."""
    contact = facts.contact
    match facts.enrolled:
        case "revoked":
            return State.CLOSED, Finding(Severity.OK, "Gesperrt.", facts.enrolled_at)
        case "invited":
            return State.UNKNOWN, Finding(Severity.OK, "Eingeladen, noch nicht angemeldet.", facts.enrolled_at)
        case "claimed":
            text = f"Angemeldet, wartet auf Bestätigung: kabine cabin confirm {facts.site}"
            return State.UNKNOWN, Finding(Severity.WARNING, text, facts.enrolled_at)
    if contact is None or age is None:
        return State.UNKNOWN, Finding(Severity.WARNING, "Bestätigt, aber noch nie verbunden.", facts.enrolled_at)
    if not alive:
        # The hub's own finding is the critical one: one alarm for one cause.
        text = f"Der Hub läuft nicht; {_last_contact(age)}"
        return State.UNKNOWN, Finding(Severity.WARNING, text, contact.last_contact_at)
    if not contact.connected or age > LINK_SILENT_SECONDS:
        since = contact.since if not contact.connected and contact.since else contact.last_contact_at
        return State.DISCONNECTED, _silence(contact, now, age, since)
    return _door(contact, now)


def _silence(contact: Contact, now: datetime, age: float, since: datetime | None) -> Finding:
    """Nobody misses a line outside opening hours: a cabin may be switched off at night. What waits in it is told of by itself."""
    text = f"Keine Verbindung; {_last_contact(age)}"
    vitals = contact.vitals
    missed_seconds = age
    if vitals is not None and vitals.shut and vitals.opens_at is not None:
        if vitals.opens_at > now:
            return Finding(Severity.OK, f"{text} Geschlossen bis {words.moment(vitals.opens_at, now)}.", since)
        missed_seconds = min(age, _seconds(vitals.opens_at, now))
    severity = Severity.CRITICAL if missed_seconds > SILENT_CRITICAL_SECONDS else Severity.WARNING
    return Finding(severity, text, since)


def _last_contact(age: float) -> str:
    """To the end of the sentence; an abbreviation has its full stop already."""
    return f"letzter Kontakt {words.ago(age)}".rstrip(".") + "."


def _door(contact: Contact, now: datetime) -> tuple[State, Finding | None]:
    """What hangs at the door of a cabin that is heard."""
    vitals = contact.vitals
    if vitals is None or not vitals.shut:
        return State.READY, None
    until = f" bis {words.moment(vitals.opens_at, now)}" if vitals.opens_at is not None else ""
    if vitals.shut == CLEANING:
        return State.MAINTENANCE, Finding(Severity.OK, f"Wird gereinigt, längstens{until}.", vitals.shut_since)
    return State.CLOSED, Finding(Severity.OK, f"Außerhalb der Öffnungszeiten{until}.", vitals.shut_since)


def _findings(facts: SiteFacts, proven: Proof, oldest: float | None, state: State, now: datetime) -> Iterator[Finding]:
    """What is not as it should be, apart from the line itself."""
    documents = facts.documents
    if proven.verdict is Verdict.BROKEN:
        yield Finding(Severity.CRITICAL, proven.text, proven.up_to)
    if proven.lost:
        yield Finding(
            Severity.WARNING, f"{words.entries(proven.lost)} {words.agree(proven.lost, 'ging', 'gingen')} verloren."
        )
    if facts.enrolled == "replacing":
        text = f"Eine neue Maschine wartet auf Bestätigung: kabine cabin confirm {facts.site}"
        yield Finding(Severity.WARNING, text, facts.enrolled_at)
    if facts.quarantined:
        text = f"{words.entries(facts.quarantined)} zurückgehalten, weil eine Prüfung misslang."
        yield Finding(Severity.CRITICAL, text)
    if documents.quarantined:
        text = f"{words.documents(documents.quarantined)} zurückgehalten: nicht das, was unterschrieben war."
        yield Finding(Severity.CRITICAL, text)
    if facts.lost:
        yield Finding(Severity.CRITICAL, _lost(facts.lost))
    if documents.stuck:
        yield Finding(Severity.WARNING, f"{words.documents(documents.stuck)} angekündigt und nicht zu bekommen.")
    if oldest is not None and oldest > OLDEST_CRITICAL_SECONDS:
        yield Finding(Severity.CRITICAL, f"Das älteste Dokument wartet seit {words.duration(oldest)}.")
    elif oldest is not None and oldest > OLDEST_WARN_SECONDS and state not in (State.DISCONNECTED, State.UNKNOWN):
        yield Finding(
            Severity.WARNING, f"Das älteste Dokument wartet seit {words.duration(oldest)}, obwohl die Leitung steht."
        )
    for alarm in facts.alarms:
        if alarm.kind == RESTORED and facts.restored is not None:
            healing = facts.restored
            text = f"{words.restored(healing.at, healing.asked, healing.came, now)}."
            yield Finding(Severity.WARNING, text, healing.at)
        yield Finding(Severity.WARNING, alarm.text, alarm.raised_at)
    if facts.contact is not None:
        yield from _reported(facts.contact)


def _lost(lost: tuple[LostDocument, ...]) -> str:
    """Which they are, and what to do: the agency may have fetched them before."""
    named = ", ".join(
        f"{one.receipt} ({one.agency}){' kam dort nie an' if one.answered else ''}" for one in lost[:NAMED_MAX]
    )
    more = f" und {len(lost) - NAMED_MAX} weitere" if len(lost) > NAMED_MAX else ""
    if all(one.answered for one in lost):
        ask = "Die Kabine sagt es denen, die nachsehen; sie müssen noch einmal abgeben. Dann: kabine fleet clear."
    else:
        ask = "Beim nächsten kabine inbox pull sagt das Amt, ob es sie hat."
    return f"{words.lost(len(lost))}: {named}{more}. {ask}"


def _reported(contact: Contact) -> Iterator[Finding]:
    """From what the cabin says about itself."""
    offset = abs(contact.clock_offset_seconds or 0.0)
    if offset > limits.CLOCK_OFFSET_WARN_SECONDS:
        severity = Severity.CRITICAL if offset > limits.CLOCK_OFFSET_CRITICAL_SECONDS else Severity.WARNING
        ahead = (contact.clock_offset_seconds or 0.0) > 0
        way, other = ("vor", "nach") if ahead else ("nach", "vor")
        yield Finding(severity, f"Die Uhr der Kabine geht {words.duration(offset)} {way}, oder die des Hubs {other}.")
    vitals = contact.vitals
    if vitals is None:
        return
    if vitals.disk_free_bytes < limits.DISK_FREE_BYTES_MIN:
        text = f"Speicher voll ({words.size(vitals.disk_free_bytes)} frei): nimmt keine Unterlagen an."
        yield Finding(Severity.CRITICAL, text)
    elif vitals.disk_free_bytes < DISK_WARN_BYTES:
        yield Finding(Severity.WARNING, f"Nur noch {words.size(vitals.disk_free_bytes)} Speicher frei.")
    if vitals.waiting_documents > OUTBOX_SHARE_WARN * limits.OUTBOX_DOCUMENTS_MAX:
        yield Finding(Severity.WARNING, f"{vitals.waiting_documents} Dokumente warten: bald ist kein Platz mehr.")
    for device, word in sorted(vitals.devices.items()):
        # Whoever cleans opens covers and pulls plugs.
        if word.lower() not in DEVICE_WELL and vitals.shut != CLEANING:
            yield Finding(Severity.WARNING, words.device(device, word))
    for trouble in vitals.troubles:
        yield Finding(Severity.WARNING, trouble)


def _not_yet_announced(facts: SiteFacts) -> int:
    """Documents that wait in the cabin beyond those whose entry is here already."""
    vitals = facts.contact.vitals if facts.contact else None
    return max(0, vitals.waiting_documents - facts.documents.under_way) if vitals else 0


def _oldest(contact: Contact | None, age: float | None) -> float | None:
    if contact is None or contact.vitals is None or age is None:
        return None
    waiting = contact.vitals.waiting_documents > 0
    return contact.vitals.oldest_seconds + age if waiting else 0.0


def _sentence(sites: tuple[SiteStatus, ...], findings: tuple[Finding, ...]) -> str:
    serving = [each for each in sites if each.facts.enrolled not in ("invited", "revoked")]
    ready, closed, maintained = (
        sum(each.state is state for each in serving) for state in (State.READY, State.CLOSED, State.MAINTENANCE)
    )
    need = sum(each.severity > Severity.OK for each in sites)
    if any(each.facts.enrolled == "revoked" for each in sites) and not serving:
        text = "Keine Kabine ist mehr in Betrieb."
    elif not serving:
        text = "Noch keine Kabine in Betrieb."
    elif len(serving) == 1:
        word = "bereit" if ready else "geschlossen" if closed else "in Wartung" if maintained else "nicht bereit"
        text = f"Die Kabine ist {word}."
    elif closed == len(serving):
        text = f"Alle {closed} Kabinen sind geschlossen."
    elif ready == len(serving):
        text = f"Alle {ready} Kabinen sind bereit."
    else:
        text = f"{ready} von {len(serving)} Kabinen {words.agree(ready, 'ist', 'sind')} bereit."
        if closed:
            text += f" {closed} {words.agree(closed, 'ist', 'sind')} geschlossen."
        if maintained:
            text += f" {maintained} {words.agree(maintained, 'ist', 'sind')} in Wartung."
    if need:
        text += f" {need} {'braucht' if need == 1 else 'brauchen'} Sie."
    return " ".join([*(finding.text for finding in findings), text])


def _hub_silence(hub: HubFacts, since: datetime | None, now: datetime) -> str:
    if hub.alive_at is None:
        return "Der Hub ist noch nie gelaufen."
    if since is None:
        return "Der Hub läuft nicht (die Uhr wurde zurückgestellt, seit er lief)."
    return f"Der Hub läuft nicht (letztes Lebenszeichen {words.moment(since, now)})."


def _hub_disk(hub: HubFacts) -> Iterator[Finding]:
    free_bytes = hub.disk_free_bytes
    if free_bytes is None or free_bytes >= 2 * hub.disk_free_bytes_min:
        return
    if free_bytes < hub.disk_free_bytes_min:
        text = f"Der Speicher des Hubs ist voll ({words.size(free_bytes)} frei): er holt keine Dokumente mehr aus den Kabinen."
        yield Finding(Severity.CRITICAL, text)
    else:
        yield Finding(Severity.WARNING, f"Der Hub hat nur noch {words.size(free_bytes)} Speicher frei.")


def _past(at: datetime | None, now: datetime) -> datetime | None:
    """None where it is still to come: the clock was set back, and nobody knows when it was."""
    return at if at is not None and at <= now else None


def _seconds(since: datetime, now: datetime) -> float:
    return max(0.0, (now - since).total_seconds())
