"""The agency's own end: fetch what lies in the inbox, check it, open it, write it, and say so with a signature.

Nothing here trusts the hub. The directory is checked against the authority's key, each manifest against the cabin's, the hub's receipt against
the hub's; the counter of each cabin shows whether a document is missing. Killed at any moment it neither loses nor doubles a document:
files appear under their final name only when whole, what is told to the hub is kept here before and may be told again, and the hub forgets
nothing that was not told *accepted*.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

import msgspec

from protocol import codec, limits, publication
from protocol.asking import CurrentDirectory, Delivered, ListInbox, Listing, ShowDirectory, Tell
from protocol.directory import Directory
from protocol.envelope import Opener, open_bytes
from protocol.errors import Code, Refused
from protocol.ids import HUB_ID, AgencyId, Digest, EnvelopeId
from protocol.inner import Inner, Unpacker, read_summary
from protocol.keys import SigningPair
from protocol.manifest import (
    Happening,
    Manifest,
    Receipt,
    Signed,
    check_chain,
    digest_of,
    sign,
    unverified,
    verify,
    verify_by_one,
)
from protocol.recipients import HybridIdentity
from protocol.runtime.asker import Asker
from protocol.runtime.folder import sync_folder, write_file
from protocol.soundness import printable
from tools.closed import Chain, Closed
from tools.forgotten import Forgotten
from tools.letter import (
    Letter,
    Spoiled,
    Taken,
    drafted,
    free_name,
    named_soundly,
    record_of,
    recorded,
    replace,
    rewrite,
    shown,
    writing,
)
from tools.numbering import Gap, Row, counted, missing

RECEIPT_VERSION: Final = 1
LISTED_AT_ONCE: Final = 50
# What makes one document unbelievable, and says nothing about the others.
_SPOILED: Final = frozenset({Code.BAD_SIGNATURE, Code.NOT_YOURS, Code.OUT_OF_ORDER, Code.MALFORMED})
_ASK: Final = "Ask the operator of the hub, and in the cabin."


class Memory(msgspec.Struct, frozen=True):
    """What the connector remembers from one run to the next. `cabins`: signing key (hex) → its row; `place`: last document counted, `last` the
    SHA-256 (hex) of its manifest. `restored`: the hub came back from an older copy once, so documents may be listed a second time."""

    place: int = 0
    cabins: dict[str, Row] = {}
    last: str = ""
    restored: bool = False


class Connector:
    """An agency at its inbox. `keys` is the folder of its keys, where it also keeps the directory it holds and its memory."""

    def __init__(
        self,
        asker: Asker,
        agency: AgencyId,
        identities: list[HybridIdentity],
        signing: SigningPair,
        authority_key: bytes,
        keys: Path,
        utc: Callable[[], datetime],
    ) -> None:
        self._asker = asker
        self._agency = agency
        self._identities = identities
        self._signing = signing
        self._authority_key = authority_key
        self._keys = keys
        self._utc = utc
        self._memory = _read_memory(keys / "memory.json")
        self._closed = Closed(keys)
        self.forgotten = Forgotten(asker, self._closed, self._event)
        self._warned: set[Gap] = set()
        self.directory = self._current_directory()

    # --- listing -------------------------------------------------------------------------------------------------
    def letters(self, *, everything: bool = False) -> Iterator[Letter | Spoiled]:
        """What is in the inbox, oldest first; without `everything` only what is not accepted or returned. Raises Refused."""
        return self._letters(0, everything)

    def _letters(self, after: int, everything: bool) -> Iterator[Letter | Spoiled]:
        while True:
            listing = self._asker.ask(ListInbox(after, LISTED_AT_ONCE, everything))
            if not isinstance(listing, Listing):
                raise Refused(Code.MALFORMED, "The hub answered something else than a list.")
            for delivered in listing.documents:
                if delivered.place <= after:
                    raise Refused(Code.MALFORMED, "The hub's list goes round in circles.")
                yield self._seen(delivered)
                after = delivered.place
            if not listing.more or not listing.documents:
                return

    def _seen(self, delivered: Delivered) -> Letter | Spoiled:
        try:
            return self._checked(delivered)
        except Refused as refused:
            if refused.code not in _SPOILED:
                raise
            return Spoiled(delivered.place, printable(str(refused)))

    def _checked(self, delivered: Delivered) -> Letter:
        claimed = unverified(Manifest, delivered.manifest)
        if claimed.agency != self._agency:
            raise Refused(Code.NOT_YOURS, f"The hub shows {self._agency} a document for {claimed.agency}.")
        named_soundly(claimed)
        manifest, machine = self._by_cabin(claimed, delivered.manifest)
        events = check_chain(delivered.manifest, delivered.receipts)
        if not events:
            raise Refused(Code.OUT_OF_ORDER, f"Document {manifest.receipt} came without the hub's receipt.")
        former = (each.signing_key for each in self.directory.former_keys if each.agency == self._agency)
        own = (self._signing.public, *former)
        for signed, event in zip(delivered.receipts, events, strict=True):
            keys = (self.directory.hub.signing_key,) if event.by == HUB_ID else own
            if event.envelope != manifest.envelope or event.by not in (HUB_ID, self._agency):
                raise Refused(Code.BAD_SIGNATURE, f"A receipt of document {manifest.receipt} is not about it.")
            if (event.by, event.happening) != (self._agency, Happening.FETCHED):
                verify_by_one(Receipt, signed, keys)  # nothing hangs on our own *fetched*, whosever key that bears
        try:
            summary = shown(read_summary(open_bytes(delivered.summary, self._identities)))
        except Refused:
            summary = None
        return Letter(delivered, manifest, machine, tuple(events), summary)

    def _by_cabin(self, claimed: Manifest, signed: Signed) -> tuple[Manifest, bytes]:
        """The manifest and the key that signed it: of a machine that is or was at that site. A machine that is new makes us look again."""
        for attempt in range(2):
            for row in (*self.directory.cabins, *self.directory.former_cabins):
                if row.site == claimed.cabin:
                    try:
                        return verify(Manifest, signed, row.signing_key), row.signing_key
                    except Refused:
                        continue
            if not attempt:
                self.directory = self._current_directory()
        raise Refused(
            Code.BAD_SIGNATURE, f"No machine of the cabin {claimed.cabin} has signed document {claimed.receipt}."
        )

    def problems(self) -> Iterator[str]:
        """Go on counting where the last run ended: what the cabins' own numbering says about documents that never came, in words."""
        if self._older:
            yield f"WARNING: {self._older} It came back from an older copy, or is not the real one. {_ASK}"
        if self._begins_anew():
            self._memory = msgspec.structs.replace(self._memory, place=0, last="", restored=True)
            yield "note: The hub came back from an older copy; its inbox is counted anew. What was fetched from it before stays here."
        for letter in self._letters(self._memory.place, everything=True):
            if isinstance(letter, Spoiled):
                self._remember(letter.place, {})  # if it is ever mended, taking it fills the gap
            else:
                yield from self._count(letter, letter.delivered.place)
        for row in self._memory.cabins.values():
            for gap in row.gaps:
                if gap.late(self._utc()) and gap not in self._warned:
                    self._warned.add(gap)
                    yield f"WARNING: {_missing(row, gap)} been missing since {gap.since:%Y-%m-%d %H:%M} UTC. {_ASK}"

    def _begins_anew(self) -> bool:
        """Is the document that was counted last no longer at its place? Then the hub gives out places a second time."""
        memory = self._memory
        if not memory.last:
            return False
        listing = self._asker.ask(ListInbox(memory.place - 1, 1, everything=True))
        there = listing.documents[:1] if isinstance(listing, Listing) else ()
        return [(one.place, digest_of(one.manifest).hex()) for one in there] != [(memory.place, memory.last)]

    def _count(self, letter: Letter, place: int) -> Iterator[str]:
        manifest, key = letter.manifest, letter.machine.hex()
        before = self._memory.cabins.get(key) or Row(manifest.cabin)
        digest = digest_of(letter.delivered.manifest)
        row, gap, fits = counted(before, manifest, digest, self._utc())
        again = self._memory.restored and manifest.counter <= before.counter and not missing(before, manifest.counter)
        if again:
            row = before
        elif not fits:
            what = f"Document {manifest.receipt} does not continue the numbering of the cabin {manifest.cabin}."
            yield f"WARNING: {what} {_ASK}"
        elif gap is not None:
            yield f"note: {_missing(row, gap)} not come yet: small documents overtake large ones."
        self._remember(place, {key: row}, digest.hex() if place == letter.delivered.place else self._memory.last)

    def _remember(self, place: int, rows: dict[str, Row], last: str = "") -> None:
        cabins = {**self._memory.cabins, **rows}
        self._memory = msgspec.structs.replace(self._memory, place=place, cabins=cabins, last=last)
        write_file(self._keys / "memory.json", msgspec.json.encode(self._memory), 0o600)

    # --- taking --------------------------------------------------------------------------------------------------
    def take(self, letter: Letter, into: Path) -> Taken:
        """Fetch, check, open and write `<receipt>.pdf` and `<receipt>.json` into `into`. The same again writes the same files anew; what
        somebody else has put there is never replaced (letter.free_name).

        Raises Refused when anything about it is not as signed (then nothing stands under a final name) or other files have its names,
        Unavailable when the disk or the line fails."""
        delivered, manifest = letter.delivered, letter.manifest
        begun = self._closed.begun(manifest.envelope)
        with writing(into), drafted(into / f"{manifest.receipt}.pdf") as (draft, file):
            inner, pdf_bytes = self._open_into(file, delivered, manifest)
            name = free_name(into, manifest, draft)
            pdf, beside = into / f"{name}.pdf", into / f"{name}.json"
            again = (begun or letter.state is Happening.FETCHED) and not pdf.exists()
            if not begun:
                self._closed.put(manifest.envelope, delivered.receipts, heard=False)
            if len(recorded(into, manifest)) <= len(letter.events):  # else another machine with our keys was quicker
                replace(beside, record_of(letter, inner))
            os.replace(draft, pdf)
            sync_folder(into)
        return Taken(manifest.receipt, pdf, beside, inner.pages, pdf_bytes, delivered.size_bytes, again)

    def _open_into(self, file: BinaryIO, delivered: Delivered, manifest: Manifest) -> tuple[Inner, int]:
        opener, unpacker = Opener(self._identities), Unpacker()
        payload = hashlib.sha256()
        came_bytes = pdf_bytes = 0
        for chunk in self._asker.fetch(delivered.digest, delivered.size_bytes):
            plain = unpacker.update(opener.update(bytes(chunk)))
            # The header is a few kilobytes and stands whole in the first chunk; where it does not, the digest will not fit.
            payload.update(chunk if came_bytes else chunk[len(opener.header) :])
            came_bytes += len(chunk)
            pdf_bytes += file.write(plain)
        pdf_bytes += file.write(unpacker.update(opener.finish()))
        inner = unpacker.finish()
        file.flush()
        os.fsync(file.fileno())
        header = hashlib.sha256(opener.header).digest()
        if (header, payload.digest()) != (manifest.header_sha256, manifest.payload_sha256):
            raise Refused(Code.BAD_FILE, f"Document {manifest.receipt} is not the one that the cabin signed.")
        if (inner.envelope, inner.receipt, inner.agency) != (
            manifest.envelope.hex(),
            manifest.receipt,
            manifest.agency,
        ):
            raise Refused(Code.BAD_FILE, f"Document {manifest.receipt} holds papers that belong to another envelope.")
        return inner, pdf_bytes

    def fetched(self, letter: Letter) -> Letter:
        """Sign that its bytes are here, whole and opened, and tell the hub, once; the letter with that event. Raises Refused."""
        if letter.state is Happening.FETCHED:
            return letter
        signed = self._signed(letter, Happening.FETCHED)
        self._asker.ask(Tell(signed.delivered.receipts[-1]))
        return signed

    def close(self, letter: Letter, taken: Taken, happening: Happening, reason: str = "", text: str = "") -> Letter:
        """Sign ACCEPTED or RETURNED, write that into the record, then tell the hub; the letter with that event. Raises Refused."""
        signed = self._signed(letter, happening, reason, text)
        # Write before you speak: what was told is closed and never taken up again, so nobody would mend its record after a kill.
        rewrite(taken.record, signed)
        envelope = letter.manifest.envelope
        before = self._closed.get(envelope) or Chain(letter.delivered.receipts, heard=False)
        self._closed.put(envelope, signed.delivered.receipts, heard=False)
        try:
            self._asker.ask(Tell(signed.delivered.receipts[-1]))
        except Refused:
            rewrite(taken.record, letter)
            self._closed.put(envelope, before.receipts, heard=before.heard)
            raise
        self._closed.put(envelope, signed.delivered.receipts)
        row = self._memory.cabins.get(letter.machine.hex())
        # One that was passed over when it was listed, and has been mended since. What came later is counted when `problems` comes to it.
        passed_over = letter.delivered.place <= self._memory.place
        if row is not None and passed_over and missing(row, letter.manifest.counter):
            list(self._count(letter, self._memory.place))
        return signed

    def _signed(self, letter: Letter, happening: Happening, reason: str = "", text: str = "") -> Letter:
        signed = self._event(letter.manifest.envelope, happening, letter.delivered.receipts[-1], reason, text)
        event = unverified(Receipt, signed)
        delivered = msgspec.structs.replace(letter.delivered, receipts=(*letter.delivered.receipts, signed))
        return msgspec.structs.replace(letter, delivered=delivered, events=(*letter.events, event))

    def _event(
        self, envelope: EnvelopeId, happening: Happening, follows: Signed, reason: str = "", text: str = ""
    ) -> Signed:
        event = Receipt(
            RECEIPT_VERSION, envelope, happening, self._agency, self._utc(), digest_of(follows), reason, text
        )
        return sign(event, self._signing.private())

    def wait(self, seconds: float) -> bool:
        """Until the hub tells of a delivery, at most `seconds`; False where it did not. Raises Unavailable when the line is gone."""
        return self._asker.wait(seconds)

    # --- directory -----------------------------------------------------------------------------------------------
    def _current_directory(self) -> Directory:
        """The directory in force, fetched where it is not the one we hold, and always checked against the authority's key."""
        reply = self._asker.ask(ShowDirectory())
        if not isinstance(reply, CurrentDirectory):
            raise Refused(Code.MALFORMED, "The hub answered something else than its directory.")
        held_path = self._keys / "directory"
        held, here = self._held_directory(held_path)
        raw = codec.encode(held) if held else b""
        self._older = ""
        if here and reply.version < here.version:
            # Ours is signed as well, and newer: what cabins and agencies have agreed upon since stays valid.
            self._older = f"The hub shows directory {reply.version}; {here.version} is in force here."
            return here
        if Digest(hashlib.sha256(raw).digest()) != reply.digest:
            if reply.size_bytes > limits.DIRECTORY_BYTES_MAX:
                raise Refused(Code.TOO_LARGE, "The hub's directory is too large.")
            raw = b"".join(bytes(chunk) for chunk in self._asker.fetch(reply.digest, reply.size_bytes))
        signed = codec.decode(Signed, raw, limits.DIRECTORY_BYTES_MAX)
        if held is None:
            current = publication.verify_first(signed, self._authority_key)
        else:
            current = publication.verify_successor(held, signed, self._authority_key)
        if held is None or signed.body != held.body:
            write_file(held_path, raw, 0o600)
        return current

    def _held_directory(self, path: Path) -> tuple[Signed, Directory] | tuple[None, None]:
        """The one we hold. Nothing where it is damaged, and where another authority has signed it: the card of a new hub was given (docs/keys.md),
        and what the old one has said counts no more, whatever its version."""
        if not path.exists():
            return None, None
        try:
            held = codec.decode(Signed, path.read_bytes(), limits.DIRECTORY_BYTES_MAX)
            return held, publication.verify_first(held, self._authority_key)
        except Refused as refused:
            if refused.code not in (Code.BAD_SIGNATURE, Code.MALFORMED):
                raise
            return None, None


def _missing(row: Row, gap: Gap) -> str:
    documents = "1 document" if gap.count == 1 else f"{gap.count} documents"
    return f"{documents} of the cabin {row.site} before {gap.before} {'has' if gap.count == 1 else 'have'}"


def _read_memory(path: Path) -> Memory:
    try:
        return msgspec.json.decode(path.read_bytes(), type=Memory)
    except FileNotFoundError:
        return Memory()
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Refused(
            Code.BAD_FILE, f"{path} is damaged.", "Move it aside; missing documents are then counted anew."
        ) from error
