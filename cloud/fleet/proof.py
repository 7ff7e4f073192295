"""Has everything arrived? The cabin's own word about the end of its log, held against what the hub holds.

A cabin says with every beat where its log ends: number and chain hash. The hash of an entry covers all entries before it, so equal
hashes at that number mean that the hub holds every one of them, unaltered and in order. Entries that have arrived only *announce*
documents: what has not yet been stored at the hub is counted beside it.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime

from cloud.fleet import words


class Verdict(enum.StrEnum):
    """What the comparison says about the entries of a log."""

    UNKNOWN = "unknown"  # the cabin never said where its log ends, or the hub no longer holds that entry
    AGREES = "agrees"
    MISSING = "missing"
    BROKEN = "broken"


@dataclass(frozen=True)
class Reported:
    """The cabin's word: its log ended with entry `number`, whose chain hash is `hash`, `at` (the hub's clock)."""

    number: int
    hash: bytes
    at: datetime


@dataclass(frozen=True)
class Held:
    """The hub's copy: it ends with entry `number`; `hash_at_reported` is the chain hash of the entry with the reported number, None when
    there is none; `lost` entries went with a damaged buffer in the cabin, or with a hub that came back from an older copy, and so did
    `documents_lost`."""

    number: int
    hash_at_reported: bytes | None
    lost: int = 0
    documents_lost: int = 0


@dataclass(frozen=True)
class Proof:
    """`entries`: how many the cabin had written `up_to`; `missing` of them are not here. `complete` only when numbers and hash chain agree,
    nothing was lost and every announced document is stored. `text` says the same in German."""

    verdict: Verdict
    entries: int
    missing: int
    lost: int
    documents_under_way: int
    up_to: datetime | None
    complete: bool
    text: str


def prove(reported: Reported | None, held: Held, documents_under_way: int, now: datetime) -> Proof:
    """Compare both ends. `documents_under_way`: handed in there and not yet stored here. `now`: aware UTC, to print days only where needed."""
    if reported is None:
        text = "Die Kabine hat noch nicht gemeldet, wie viele Vorgänge es gibt."
        return Proof(Verdict.UNKNOWN, held.number, 0, held.lost, documents_under_way, None, False, text)
    missing = max(0, reported.number - held.number)
    verdict = _verdict(reported, held)
    complete = verdict is Verdict.AGREES and held.lost == held.documents_lost == documents_under_way == 0
    until = words.moment(reported.at, now)
    match verdict:
        case Verdict.BROKEN:
            text = f"Kette stimmt nicht: Vorgang {reported.number} lautet hier anders als in der Kabine ({until})."
        case Verdict.MISSING:
            text = f"{words.entries(missing)} von {reported.number} {words.agree(missing, 'fehlt', 'fehlen')} noch (Stand {until})."
        case Verdict.UNKNOWN:
            text = f"Vorgang {reported.number} liegt hier nicht mehr zum Vergleich (Stand {until})."
        case _ if reported.number == 0:
            text = f"Bis {until} gab es keine Vorgänge."
        case _:
            arrived = "angekommen" if documents_under_way == 0 else "verzeichnet"
            text = f"{words.all_entries(reported.number)} bis {until} {arrived}."
    if held.lost:
        went = words.agree(held.lost, "ging", "gingen")
        text += f" {words.entries(held.lost)} {went} verloren: mit einem beschädigten Speicher in der Kabine, oder weil der Hub"
        text += " aus einer Sicherung zurückkam."
    if held.documents_lost:
        text += f" {words.lost(held.documents_lost)}."
    if documents_under_way:
        are = words.agree(documents_under_way, "ist", "sind")
        text += f" {words.documents(documents_under_way)} {are} noch nicht gesichert."
    return Proof(verdict, reported.number, missing, held.lost, documents_under_way, reported.at, complete, text)


def _verdict(reported: Reported, held: Held) -> Verdict:
    if reported.number > held.number:
        return Verdict.MISSING
    if held.hash_at_reported is None:
        return Verdict.UNKNOWN
    return Verdict.AGREES if held.hash_at_reported == reported.hash else Verdict.BROKEN
