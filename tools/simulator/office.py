"""An agency's connector in virtual time: it lists, fetches, checks, and tells *fetched* and *accepted*, through the hub's real counter.

Between visits it keeps what it has signed, to prove it to a hub that came back from an older copy; whatever it has told may be asked for again.
"""

from __future__ import annotations

import hashlib
import random
from collections import Counter
from collections.abc import Callable, Generator
from typing import Final

from protocol import asking, frames, limits
from protocol.asking import Delivered, Listing, LostListing
from protocol.errors import Code
from protocol.ids import AgencyId, EnvelopeId
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Happening, Manifest, Receipt, Signed, check_chain, digest_of, sign, unverified
from tools.simulator import district
from tools.simulator.agenda import Agenda
from tools.simulator.line import Line, Strand

_PATIENCE_SECONDS: Final = 10.0
Answer = tuple[frames.Frame | frames.Unknown, bytes]
Work = Generator[frames.Frame, Answer, None]


class Office:
    """`fetched` is told of each document and its bytes."""

    def __init__(
        self,
        agency: AgencyId,
        keys: tuple[SigningPair, CurvePair],
        line: Line,
        agenda: Agenda,
        dice: random.Random,
        recoveries: Counter[str],
    ) -> None:
        self.agency = agency
        self.line = line
        self.agenda = agenda
        self.dice = dice
        self.recoveries = recoveries
        self.fetched: Callable[[AgencyId, Delivered, bytes], bool] = lambda _agency, _delivered, _raw: True
        self._signed: dict[bytes, tuple[Signed, ...]] = {}  # by envelope: the events of what was fetched
        self._signing, curve = keys
        self.user = f"agency:{agency}:{curve.public.hex()}"
        self.anew = False  # with other keys than at first
        self._strand: Strand | None = None
        self._work: Work | None = None
        self._visits = 0
        self._asked = 0

    def begin_anew(self, keys: tuple[SigningPair, CurvePair]) -> None:
        """On another machine, with other keys; what was signed with those of before is kept."""
        self._leave()
        self._signing, curve = keys
        self.user = f"agency:{self.agency}:{curve.public.hex()}"
        self.anew = True

    def visit(self) -> None:
        """Look what is there, and take it."""
        if self._strand is None:
            self._visits += 1
            visit, user = self._visits, self.user
            self.line.dial(user, self._wake, lambda strand, _why: self._answered(user, strand))
            self.agenda.after(_PATIENCE_SECONDS * 6, lambda: self._leave() if visit == self._visits else None)

    def _answered(self, user: str, strand: Strand | None) -> None:
        if strand is None:
            return
        if user != self.user:
            strand.hang_up()
            return
        self._strand, self._work = strand, self._take()
        strand.say(frames.encode(next(self._work)))

    def _wake(self) -> None:
        strand = self._strand
        if strand is None:
            return
        if strand.failure:
            self.recoveries["connector-came-again"] += 1
            self._leave()
            return
        while strand.inbox and self._work is not None:
            first, data, parts = strand.inbox.popleft()
            frame = frames.decode(first, parts)
            if isinstance(frame, frames.Whisper):
                continue
            try:
                strand.say(frames.encode(self._work.send((frame, bytes(data)))))
            except StopIteration:
                self._leave()

    def _leave(self) -> None:
        strand, self._strand, self._work = self._strand, None, None
        if strand is not None:
            strand.hang_up()

    # --- the work of one visit: says a frame, gets the answer ----------------------------------------------------
    def _take(self) -> Work:
        yield from self._answer_for_lost()
        after = 0
        while True:
            frame, _ = yield self._ask(asking.ListInbox(after))
            if not isinstance(frame, asking.Answer) or not isinstance(frame.reply, Listing):
                return
            for delivered in frame.reply.documents:
                after = delivered.place
                yield from self._see_to(delivered)
            if not frame.reply.more:
                return

    def _see_to(self, delivered: Delivered) -> Work:
        chain = check_chain(delivered.manifest, delivered.receipts)
        last = delivered.receipts[-1]
        if chain[-1].happening is Happening.STORED:
            raw = b""
            while len(raw) < delivered.size_bytes:
                length = min(limits.CHUNK_BYTES_MAX, delivered.size_bytes - len(raw))
                frame, part = yield frames.Want(delivered.digest, len(raw), length)
                if not isinstance(frame, frames.Chunk):
                    break
                raw += part
            well = self.fetched(self.agency, delivered, raw)
            noticed = hashlib.sha256(raw).digest() != delivered.digest
            assert noticed is not well
            if not noticed:
                self._signed[delivered_envelope(delivered)] = delivered.receipts
            if noticed:  # it opens nothing, says nothing of it, and calls a person
                self.recoveries["connector-noticed-altered-bytes"] += 1
                return
            last = yield from self._tell(delivered, Happening.FETCHED, last)
        if self.dice.random() < 0.7:
            happening = Happening.ACCEPTED if self.dice.random() < 0.9 else Happening.RETURNED
            yield from self._tell(delivered, happening, last)

    def _answer_for_lost(self) -> Work:
        """What the hub has lost since it came back from an older copy, and the agency has, is proven; the rest never came."""
        answered: set[bytes] = set()
        while True:
            frame, _ = yield self._ask(asking.ListLost())
            if not isinstance(frame, asking.Answer) or not isinstance(frame.reply, LostListing):
                return
            fresh = [signed for signed in frame.reply.manifests if signed.body not in answered]
            if not fresh:
                return
            for signed in fresh:
                answered.add(signed.body)
                envelope = unverified(Manifest, signed).envelope
                chain = self._signed.get(envelope, ())
                if len(chain) == 1:  # it went away before it could say so
                    chain = (*chain, self._sign(envelope, Happening.FETCHED, chain[-1]))
                frame, _ = yield self._ask(asking.Recall(envelope, chain))
                if isinstance(frame, frames.Refused) and frame.code == Code.BAD_SIGNATURE:
                    chain = self._signed[envelope] = self._said_anew(envelope, chain)
                    self.recoveries["agency-said-anew-with-other-keys"] += 1
                    yield self._ask(asking.Recall(envelope, chain))
                self.recoveries[
                    "agency-proved-what-the-hub-had-lost" if chain else "agency-never-had-what-was-lost"
                ] += 1

    def _said_anew(self, envelope: EnvelopeId, chain: tuple[Signed, ...]) -> tuple[Signed, ...]:
        """The same events behind *stored*, with the keys of now."""
        said = chain[:1]
        for event in chain[1:]:
            said = (*said, self._sign(envelope, unverified(Receipt, event).happening, said[-1]))
        return said

    def _tell(
        self, delivered: Delivered, happening: Happening, follows: Signed
    ) -> Generator[frames.Frame, Answer, Signed]:
        envelope = delivered_envelope(delivered)
        signed = self._sign(envelope, happening, follows)
        frame, _ = yield self._ask(asking.Tell(signed))
        if isinstance(frame, asking.Answer):
            if digest_of(self._signed.get(envelope, (signed,))[-1]) == digest_of(follows):
                self._signed[envelope] = (*self._signed[envelope], signed)
            return signed
        assert isinstance(frame, frames.Refused), frame
        # The hub may have found meanwhile that its disk has altered it: it lies in no inbox until its cabin has given it again.
        assert frame.code in (Code.OUT_OF_ORDER, Code.UNKNOWN_DOCUMENT), frame.text
        return follows

    def _sign(self, envelope: EnvelopeId, happening: Happening, follows: Signed) -> Signed:
        reason, text = ("unreadable", "Bitte noch einmal.") if happening is Happening.RETURNED else ("", "")
        receipt = Receipt(
            1, envelope, happening, self.agency, district.at(self.agenda.now), digest_of(follows), reason, text
        )
        return sign(receipt, self._signing.private())

    def _ask(self, question: asking.Question) -> asking.Ask:
        self._asked += 1
        return asking.Ask(self._asked, question)


def delivered_envelope(delivered: Delivered) -> EnvelopeId:
    """Which envelope lies in the inbox."""
    return unverified(Manifest, delivered.manifest).envelope
