"""The state of the fleet as plain values, for JSON: what the page shows and `kabine fleet status --json` prints. Fields are only ever added."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from cloud import visits
from cloud.fleet.status import Finding, FleetStatus, SiteStatus
from cloud.visits import Visits

VERSION: Final = 1


def report(status: FleetStatus, now: datetime) -> dict[str, Any]:
    """All of it, as of `now` (aware UTC). Times are aware UTC datetimes; what is unknown is None."""
    return {
        "version": VERSION,
        "at": now,
        "severity": status.severity.name.lower(),
        "sentence": status.sentence,
        "hub": {"alive": status.hub_alive, "findings": [_finding(each) for each in status.findings]},
        "sites": [_site(each) for each in status.sites],
    }


def _site(status: SiteStatus) -> dict[str, Any]:
    facts, contact, proof = status.facts, status.facts.contact, status.proof
    vitals = contact.vitals if contact else None
    return {
        "site": facts.site,
        "name": facts.name,
        "enrolled": facts.enrolled,
        "state": status.state.value,
        "severity": status.severity.name.lower(),
        "reason": status.reason,
        "since": status.since,
        "findings": [_finding(each) for each in status.findings],
        "connected": bool(contact and contact.connected),
        "last_contact": contact.last_contact_at if contact else None,
        "age_seconds": status.age_seconds,
        "waiting_documents": vitals.waiting_documents if vitals else None,
        "waiting_bytes": vitals.waiting_bytes if vitals else None,
        "oldest_seconds": status.oldest_seconds,
        "disk_free_bytes": vitals.disk_free_bytes if vitals else None,
        "devices": vitals.devices if vitals else {},
        "shut": vitals.shut if vitals else None,
        "opens_at": vitals.opens_at if vitals else None,
        "visitor": vitals.visitor if vitals else None,
        "clock_offset_seconds": contact.clock_offset_seconds if contact else None,
        "round_trip_seconds": contact.round_trip_seconds if contact else None,
        "software": contact.software if contact else "",
        "directory_version": contact.directory_version if contact else 0,
        "proof": {
            "verdict": proof.verdict.value,
            "entries": proof.entries,
            "missing": proof.missing,
            "lost": proof.lost,
            "documents_under_way": proof.documents_under_way,
            "up_to": proof.up_to,
            "complete": proof.complete,
            "text": proof.text,
        },
        "documents": {
            "announced": facts.documents.announced,
            "stored": facts.documents.stored,
            "under_way": facts.documents.under_way,
            "stuck": facts.documents.stuck,
            "quarantined": facts.documents.quarantined,
            "lost": facts.documents.lost,
        },
        "lost_documents": [
            {"receipt": one.receipt, "agency": one.agency, "answered": one.answered} for one in facts.lost
        ],
        "restored": facts.restored
        and {"at": facts.restored.at, "asked": facts.restored.asked, "came": facts.restored.came},
        "quarantined_entries": facts.quarantined,
        "visits": _visits(facts.visits),
    }


def _visits(counted: Visits) -> dict[str, Any]:
    """`faces` is None while too few have answered: nobody shall be guessed."""
    faces = {"good": counted.good, "fair": counted.fair, "bad": counted.bad}
    return {
        "days": visits.DAYS,
        "visits": counted.visits,
        "handed_in": counted.handed_in,
        "documents": counted.documents,
        "answers": counted.answers,
        "faces": faces if counted.good is not None else None,
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {"severity": finding.severity.name.lower(), "text": finding.text, "since": finding.since}
