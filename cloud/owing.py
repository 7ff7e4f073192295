"""What cabins owe: documents that they have announced and that have not come whole. Whoever owes nothing is not looked up when it comes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, bindparam, select

from cloud import lost
from cloud.awaited import Awaited, awaited
from cloud.site_log import Place
from cloud.storage.blobs.segments import Segments
from cloud.storage.database import Database
from cloud.storage.schema import blob, document, named_document
from cloud.turn import ANNOUNCED, LOST, Wanted
from protocol.errors import Unavailable
from protocol.ids import Digest, SiteId
from protocol.manifest import Happening, Manifest, Signed, digest_of, unverified


class Owing:
    """`awaited`: what was announced to this hub process, or asked for again by it. `lacking`: cabins of which documents are lost."""

    def __init__(self, database: Database, blobs: Segments) -> None:
        self.awaited: dict[Digest, Awaited] = {}
        self._database = database
        self._blobs = blobs
        with database.reading() as connection:
            open_ = connection.execute(_OPEN_SITES).all()
        self.lacking = {SiteId(row.site) for row in open_ if row.state == LOST}
        self._sites = {SiteId(row.site) for row in open_}  # that owe a document or may do so

    def asked(self, sites: Iterable[SiteId]) -> None:
        """These cabins have announced something, or are to send it again."""
        self._sites.update(sites)

    def of(self, place: Place) -> list[Wanted]:
        """What this cabin has announced and not delivered, with what is here of each: perhaps all of it. What is lost is among it: a cabin
        whose disk came back from an older image has what it had let go of."""
        if place.site not in self._sites:
            return []
        with self._database.reading() as connection:
            rows = connection.execute(_OPEN, {"at": place.site, "by": place.machine}).all()
        if not rows:
            self._sites.discard(place.site)
        return [Wanted(place.site, self._await(row), row.size_bytes, self._resumable(row.digest)) for row in rows]

    def sent_for(self, connection: Connection, document: int, site: SiteId) -> Wanted | None:
        """The bytes of this document are lost, and its cabin is to send it once more; None where the machine that had sent it was replaced."""
        self._sites.add(site)
        row = connection.execute(_SENT_FOR, {"of": document}).first()
        if row is None:
            self.lacking.add(site)
            return None
        return Wanted(site, self._await(row), row.size_bytes, 0)

    def recalled(self, answer: lost.Recalled) -> None:
        """An agency has answered about a lost document, for which the cabin may just have been asked once more."""
        for digest, one in list(self.awaited.items()):
            if one.id == answer.document and answer.events:
                del self.awaited[digest]
                self._blobs.forget(digest)
            elif one.id == answer.document:
                self.awaited[digest] = replace(one, last=Happening.LOST)

    def _await(self, row: Row[*tuple[Any, ...]]) -> Digest:
        signed = Signed(row.manifest_body, row.manifest_signature)
        digest = Digest(row.digest)
        manifest = unverified(Manifest, signed)
        last = None if row.last is None else Happening(row.last)
        self.awaited[digest] = awaited(
            row.id, manifest, digest_of(signed), digest, row.size_bytes, place=row.place, last=last
        )
        return digest

    def _resumable(self, digest: Digest) -> int:
        """Bytes from the front that are here and can be read; those that cannot are let go, and asked for again."""
        try:
            return self._blobs.sums(digest).size_bytes if self._blobs.have(digest) else 0
        except Unavailable:
            self._blobs.forget(digest)
            return 0


_OPEN_SITES = (
    select(document.c.site, document.c.state)
    .where(document.c.stored_at.is_(None), document.c.state.in_((ANNOUNCED, LOST)))
    .distinct()
)
_AWAITED = select(
    document.c.id,
    lost.LAST.label("last"),
    document.c.place,
    blob.c.digest,
    document.c.size_bytes,
    document.c.manifest_body,
    document.c.manifest_signature,
).select_from(named_document)
_SENT_FOR = _AWAITED.where(document.c.id == bindparam("of"), document.c.state == ANNOUNCED)
_OPEN = _AWAITED.where(
    document.c.site == bindparam("at"),
    document.c.machine == bindparam("by"),
    document.c.stored_at.is_(None),
    document.c.state.in_((ANNOUNCED, LOST)),
).order_by(document.c.number)
