"""A hub that came back from an older copy: cabins remember more of its log than it does, and have let go of what it had secured.

The cabin's word is taken for where the hub's log had come to, and a new epoch goes on from there: nobody is refused, and nothing that a cabin
has heard becomes untrue. What neither end has any more is said openly, by its number.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, bindparam, delete, exists, select, update

from cloud.lost import ANSWERED
from cloud.site_log import NUMBER_MAX, Place, SiteLog
from cloud.storage.schema import alarm, blob, document, down_entry, down_epoch, named_document, receipt
from cloud.turn import ANNOUNCED, LOST, Turn
from protocol import entries, limits
from protocol.entries import EpochOpened, ReceiptGiven
from protocol.frames import Hello
from protocol.ids import Digest, SiteId
from protocol.manifest import Signed

# Kinds of alarm.
RESTORED: Final = "hub-restored"
GONE: Final = "blob-gone"

_UNHEARD = (
    select(down_entry.c.payload)
    .where(down_entry.c.site == bindparam("at"), down_entry.c.number > bindparam("after"))
    .order_by(down_entry.c.number)
)
_NEWEST = (
    select(document.c.id)
    .where(document.c.site == bindparam("at"), document.c.machine == bindparam("by"))
    .order_by(document.c.id.desc())
    .limit(limits.DOCUMENTS_REMEMBERED)
)
_TOLD = (
    select(receipt.c.body, receipt.c.signature)
    .where(receipt.c.document.in_(_NEWEST))
    .order_by(receipt.c.document, receipt.c.number)
)
_FORGET = delete(down_entry).where(down_entry.c.site == bindparam("at"))
_ANNOUNCED = (
    select(document.c.id, document.c.envelope, document.c.number, document.c.machine, ANSWERED.label("had"))
    .select_from(named_document)
    .where(blob.c.digest == bindparam("named"), document.c.site == bindparam("at"), document.c.state == ANNOUNCED)
)
_CALLED = (alarm.c.kind == RESTORED, alarm.c.cleared_at.is_(None), alarm.c.site.is_not(None))
_STILL = select(
    exists().where(
        document.c.site == bindparam("at"),
        document.c.machine == bindparam("by"),
        document.c.number <= bindparam("up_to"),
        document.c.stored_at.is_(None),
        (document.c.state == ANNOUNCED) | ((document.c.state == LOST) & document.c.trouble.is_not(None)),
    )
)


def remembers_more(hello: Hello, place: Place, log: SiteLog) -> bool:
    """Does this cabin hold something as the hub's word that the hub has never said, as far as it knows? A cabin that is itself an older copy
    or a clone proves nothing; its link refuses it."""
    if hello.heard.number != hello.committed:
        return False  # a release that does not say what it holds
    up = place.up
    if hello.last.number < up.number or (hello.last.number == up.number and hello.last.hash != up.hash):
        return False
    return not log.wrote(hello.heard)


def reopen(turn: Turn, place: Place, hello: Hello) -> None:
    """Begin a new epoch of the hub's log for this cabin behind the last entry that it holds, and write once more what it cannot have heard.
    Before anything else is appended in this turn."""
    turn.alarm(
        place.site,
        RESTORED,
        f"The cabin holds entry {hello.heard.number} of this hub's log, which is not in it: this hub came back from an older copy, "
        f"or another one speaks with its keys. The link goes on; `kabine fleet status --site {place.site}` names what is missing.",
    )
    earlier: list[entries.Event] = []
    # The cabin is an older copy, too, and what was said before this epoch is no longer in the log; or it has never heard what was acknowledged here,
    # for that was its twin, or was forgotten while another of our databases spoke to it.
    if hello.heard.number < max(place.first - 1, place.acknowledged):
        rows = turn.connection.execute(_TOLD, {"at": place.site, "by": place.machine})
        earlier = [ReceiptGiven(Signed(row.body, row.signature)) for row in rows]
    epoch = max(place.down.epoch, hello.heard.epoch) + 1
    known = min(place.acknowledged, hello.heard.number)
    unheard = turn.connection.execute(_UNHEARD, {"at": place.site, "after": known}).scalars().all()
    turn.connection.execute(_FORGET, {"at": place.site})
    place.follow(hello.heard, min(hello.last.number, NUMBER_MAX))
    turn.insert(
        down_epoch,
        {
            "site": place.site,
            "machine": place.machine,
            "epoch": epoch,
            "first": place.first,
            "up_number": place.restored,
            "directory_version": min(hello.directory_version, NUMBER_MAX),
            "opened_at": turn.now,
        },
    )
    turn.write_down(place, epoch, entries.clear(EpochOpened(b"", hello.heard, turn.now)))
    for event in earlier:
        turn.append(place, event)
    for payload in unheard:
        if not isinstance(entries.read(payload, None, epoch, 0), EpochOpened):  # of an epoch that nobody has heard of
            turn.write_down(place, epoch, payload)


def gone(turn: Turn, place: Place, digest: Digest) -> bool:
    """The cabin has announced this document and has no bytes for it. It let go of them on a receipt that the older copy does not know, and it is
    lost (True), as where the hub's own disk has lost them; or the cabin's disk has."""
    row = turn.connection.execute(_ANNOUNCED, {"named": digest, "at": place.site}).first()
    if row is None:
        return False
    if row.had or (row.machine == place.machine and row.number <= place.restored):
        turn.unsay(row.id)
        why = "the hub's disk lost it" if row.had else "the hub came back from an older copy"
        turn.trouble(row.id, f"It was secured before {why}, and the cabin has let go of it.", LOST)
        return True
    words = "The cabin no longer has its bytes."
    turn.alarm(
        place.site, GONE, f"Document {row.envelope.hex()} cannot be fetched. {words} Look at `kabine edge doctor`."
    )
    turn.trouble(row.id, words, ANNOUNCED)
    return False


def healing(connection: Connection) -> set[SiteId]:
    """Cabins because of which a person was called, and that may still give back what the older copy lacks."""
    return {SiteId(site) for site in connection.execute(select(alarm.c.site).where(*_CALLED)).scalars()}


def healed(turn: Turn, sites: set[SiteId]) -> set[SiteId]:
    """Those of `sites` from which in this turn the last of what they had secured came back: nothing is missing, and nobody need come because of
    it. After `turn.write`."""
    if not sites:
        return set()
    well: set[SiteId] = set()
    for place in turn.places:
        if place.site in sites and place.up.number >= place.restored:
            asked = {"at": place.site, "by": place.machine, "up_to": place.restored}
            if not turn.connection.execute(_STILL, asked).scalar():
                well.add(place.site)
    if well:
        turn.connection.execute(update(alarm).where(*_CALLED, alarm.c.site.in_(well)).values(cleared_at=turn.now))
    return well
