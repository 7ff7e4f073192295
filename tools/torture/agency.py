"""Power cuts at an agency: its connector takes documents into a folder on a recording file system, and whatever a cut may have left is opened.

The hub that it goes on with came back from a copy of before any of them was fetched, and the office has carried off what was written, as offices do.
So the connector must know by itself what it has.
"""

from __future__ import annotations

import hashlib
import io
import random
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from typing import Final, NamedTuple, cast

import msgspec

from cloud.admission import Guest, Kind
from cloud.counter import Counter
from cloud.directory import draft
from cloud.ledger import Ledger
from cloud.storage.database import Database, sqlite_url
from edge.storage import disk
from protocol import asking, inner, limits
from protocol.contacts import InboxCard
from protocol.envelope import Sealer
from protocol.errors import Unavailable
from protocol.ids import AgencyId, Digest, EnvelopeId
from protocol.manifest import Happening, Receipt, unverified
from protocol.recipients import HybridIdentity
from protocol.runtime.asker import Asker
from tools import folders, inbox
from tools.closed import Closed
from tools.connector import Connector
from tools.simulator import district, paper
from tools.simulator.district import HUB_FILE
from tools.torture import promises as said
from tools.torture.crashes import Disk, folder_of, lay_out
from tools.torture.operations import Operation, Said, below
from tools.torture.pair import Keys, Pair
from tools.torture.planted import planted
from tools.torture.promises import Promised
from tools.torture.recording import recorded
from tools.torture.report import Report, luck

PAPERS: Final = "papers"
KEYS: Final = "keys"
_DOCUMENTS: Final = 3
_BYTES: Final = (300, 3_000)  # of a PDF
_UNHEARD: Final = 0.3  # of the hub's answers are lost with the line
_EPOCH: Final = 2  # of the inbox's key; the district has made the first one


class Paper(NamedTuple):
    """A document in the inbox: its number, and the SHA-256 (hex) of its PDF."""

    receipt: str
    sha256: str


class LineCut(Unavailable):
    """Behind a question, in front of its answer."""


class Desk:
    """The hub's counter without a line between, in an `Asker`'s place. `told` hears what the agency has said once it is durable at the hub; some
    answers are lost after that."""

    def __init__(
        self, ledger: Ledger, office: Office, told: Callable[[Receipt], None], unheard: Callable[[], bool]
    ) -> None:
        curve = office.keys.district.curve
        self._counter = Counter(ledger, curve, office.now, lambda: None)
        self._guest = Guest(Kind.AGENCY, office.agency, b"")
        self._ledger = ledger
        self._told = told
        self._unheard = unheard

    def ask(self, question: asking.Question) -> asking.Reply:
        """As an `Asker`."""
        answer = self._counter.answer(self._guest, asking.Ask(1, question))
        self._ledger.settle(everything=True)
        if isinstance(question, asking.Tell):
            self._told(unverified(Receipt, question.receipt))
            if self._unheard():
                raise LineCut("The line was cut.")
        return answer.reply

    def fetch(self, digest: Digest, size_bytes: int, offset_bytes: int = 0) -> Iterator[memoryview]:
        """As an `Asker`."""
        while offset_bytes < size_bytes:
            found = self._counter.read(self._guest, digest, offset_bytes, limits.CHUNK_BYTES_MAX)
            assert found is not None
            yield memoryview(found[0])
            offset_bytes += len(found[0])


class Office:
    """An agency with documents in its inbox, and the folder of its hub as it was before any was fetched: `hub`."""

    def __init__(self, folder: Path, seed: str) -> None:
        self.dice = luck(seed, "office")
        self.keys = Keys(folder / "founded", seed)
        self.agency = self.keys.agencies[0]
        self.identity = HybridIdentity.generate(self.dice.randbytes)
        self.hub = folder / "hub"
        self.papers: dict[EnvelopeId, Paper] = {}
        self._seconds = 1e6
        pair = Pair(self.keys, folder, seed, lambda _: None)
        try:
            self._give_key(pair)
            for _ in range(_DOCUMENTS):
                self._hand_in(pair)
            pair.announce()
            pair.send()
        finally:
            pair.close()

    def now(self) -> datetime:
        """Every look at the clock takes a while."""
        self._seconds += 0.01
        return district.at(self._seconds)

    def _give_key(self, pair: Pair) -> None:
        signing, curve = self.keys.district.agencies[self.agency]
        card = InboxCard(self.agency, _EPOCH, str(self.identity.recipient()), signing.public, curve.public)
        database = Database(sqlite_url(pair.hub_folder / HUB_FILE))
        with database.turn() as connection:
            draft.set_inbox_key(connection, card)
        database.close()
        pair.publish()

    def _hand_in(self, pair: Pair) -> None:
        staging = pair.buffer.stage()
        receipt, envelope = pair.buffer.issue_number(), EnvelopeId(self.dice.randbytes(16))
        pdf = self.dice.randbytes(self.dice.randint(*_BYTES))
        self.papers[envelope] = Paper(receipt, hashlib.sha256(pdf).hexdigest())
        sealer = Sealer([self.identity.recipient()], self.dice.randbytes)
        plain = b"".join(inner.pack(_inner(envelope, self.papers[envelope], self.agency, len(pdf)), [pdf]))
        payload = sealer.update(plain) + sealer.finish()
        document = paper.Document(envelope, self.agency, sealer.header(), payload)
        staging.write(document.raw)
        staging.put(document.facts(receipt, self.now()))

    @contextmanager
    def hub_in(self, folder: Path) -> Iterator[Ledger]:
        """A hub that begins with the copy, in the new folder `folder`."""
        shutil.copytree(self.hub, folder)
        ledger = self.keys.ledger(folder, self.now)
        try:
            yield ledger
        finally:
            ledger.close()
            ledger.database.close()

    def pull(self, folder: Path, desk: Desk) -> str:
        """`kabine inbox pull` once, in the agency's folder; what it said beside. Raises Unavailable as it does."""
        into, beside = folder / PAPERS, io.StringIO()
        folders.made(into, "--into")
        signing, _ = self.keys.district.agencies[self.agency]
        authority = self.keys.district.authority.public
        asker = cast(Asker, desk)
        with redirect_stdout(io.StringIO()), redirect_stderr(beside):
            connector = Connector(asker, self.agency, [self.identity], signing, authority, folder / KEYS, self.now)
            inbox.pull_all(connector, into, None, None, "", as_json=False, refused={}, again=False)
        return beside.getvalue()

    def written(self, into: Path) -> dict[EnvelopeId, list[Path]]:
        """Every document that is whole there: its record, and a PDF of just its bytes beside that."""
        found: dict[EnvelopeId, list[Path]] = {}
        for record in into.glob("*.json"):
            envelope = EnvelopeId(bytes.fromhex(msgspec.json.decode(record.read_bytes())["envelope"]))
            pdf = record.with_suffix(".pdf")
            if pdf.exists() and hashlib.sha256(pdf.read_bytes()).hexdigest() == self.papers[envelope].sha256:
                found.setdefault(envelope, []).append(pdf)
        return found


def _inner(envelope: EnvelopeId, of: Paper, agency: AgencyId, size_bytes: int) -> inner.Inner:
    return inner.Inner(
        version=inner.VERSION,
        envelope=envelope.hex(),
        receipt=of.receipt,
        agency=agency,
        epoch=1,
        service="",
        title="",
        kind="",
        language="de",
        remark="",
        pages=1,
        captured_at=district.BEGAN,
        files=(inner.File(inner.DOCUMENT, size_bytes, of.sha256),),
        verdicts=(),
    )


# --- a life, and what it may leave ------------------------------------------------------------------------------------
def tortured(place: Path, seed: str, plant: str, rounds: int, report: Report) -> None:
    """About `rounds` crash states of an agency into `report`. `place` is a new folder."""
    office = Office(place, seed)
    operations = _live(office, place, seed, plant)
    dice = luck(seed, "crashes of the agency")
    states = _states(operations, dice)
    for number, (kind, left, promised) in enumerate(dice.sample(states, min(rounds, len(states)))):
        state = place / f"state-{number}"
        lay_out(left, [f"/{KEYS}", *map(folder_of, left)], state)
        for what in _broken(office, state, promised):
            report.broke(f"agency, {kind}, life {seed}: {what}")
        shutil.rmtree(state)
        report.rounds += 1
        report.counts[f"agency-{kind}"] += 1
        if report.enough:
            return
    report.counts["operations"] += len(operations)


def _live(office: Office, place: Path, seed: str, plant: str) -> list[Operation]:
    """The connector runs until everything is accepted, and ends each time the line is cut."""
    dice = luck(seed, "line")
    with recorded(place) as recording, planted(plant), office.hub_in(place / "life") as ledger:
        folder = recording.folder / "agency"
        (folder / KEYS).mkdir(parents=True)
        for each in (folder, recording.folder):
            disk.sync_folder(each)
        recording.say(said.spell(said.Began()))

        def told(event: Receipt) -> None:
            recording.say(said.spell(said.AgencyTold(event.envelope, event.happening.value)))

        desk = Desk(ledger, office, told, lambda: dice.random() < _UNHEARD)
        accepted = 0
        while accepted < _DOCUMENTS:
            with suppress(LineCut):
                office.pull(folder, desk)
            events = asking.ListInbox(0, 50, everything=True)
            listing = cast(asking.Listing, desk.ask(events))
            accepted = sum(
                unverified(Receipt, each.receipts[-1]).happening is Happening.ACCEPTED for each in listing.documents
            )
    return below(recording.operations, "/agency")


def _states(operations: list[Operation], dice: random.Random) -> list[tuple[str, dict[str, bytes], Promised]]:
    """Every state that a cut may leave, once; with what had been promised by then."""
    disk_, spelled = Disk(), list[bytes]()
    found: dict[int, tuple[str, dict[str, bytes], list[bytes]]] = {}
    for operation in [*operations, None]:
        if isinstance(operation, Said):
            spelled.append(operation.words)
            continue
        if spelled:
            for cut in disk_.cuts():
                left = disk_.left(disk_.choice(cut, dice))
                known = hash((len(spelled), *sorted(left.items())))
                found.setdefault(known, (cut.kind, left, list(spelled)))
        if operation is not None:
            disk_.happens(operation)
    return [(kind, left, _promised(words)) for kind, left, words in found.values()]


def _promised(spelled: list[bytes]) -> Promised:
    promised = Promised()
    for words in spelled:
        promised.heard(words)
    return promised


def _broken(office: Office, state: Path, promised: Promised) -> Iterator[str]:
    """What this folder does not bear out of what the agency has told, and what a hub from a copy makes it do."""
    into, name = state / PAPERS, {envelope: of.receipt for envelope, of in office.papers.items()}
    there = office.written(into)
    told = {
        happening: {one for one, what in promised.told if what == happening} for happening in ("fetched", "accepted")
    }
    yield from (f"{name[one]} was told fetched and is not whole here." for one in told["fetched"] - there.keys())
    yield from (f"{name[one]} stands here twice." for one, files in there.items() if len(files) > 1)
    known = Closed(state / KEYS)
    yield from (
        f"{name[one]} was told accepted, and nothing proves it." for one in told["accepted"] if not known.get(one)
    )
    if into.is_dir():
        into.rename(state / "filed")
    with office.hub_in(state / "hub") as ledger:
        try:
            beside = office.pull(state, Desk(ledger, office, lambda _: None, unheard=lambda: False))
        except Exception as error:
            yield f"The connector does not go on: {type(error).__name__}: {error}"
            return
    again = office.written(into)
    yield from (f"{name[one]} never comes." for one in office.papers.keys() - there.keys() - again.keys())
    yield from (f"{name[one]} was accepted and came a second time." for one in told["accepted"] & again.keys())
    twice = {one for one in there.keys() & again.keys() if name[one] not in beside}
    yield from (f"{name[one]} came a second time, without a word." for one in twice)
