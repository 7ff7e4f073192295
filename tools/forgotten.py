"""What a hub that came back from an older copy has forgotten, at the agency: it is told again, and nobody is handed anything twice.

A document that was closed here may be listed a second time; another is nowhere at the hub any more. For both the connector's own receipts speak.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

from protocol.asking import ListLost, LostListing, Recall, Tell
from protocol.errors import Code, Refused
from protocol.ids import EnvelopeId
from protocol.manifest import AFTER, Happening, Manifest, Receipt, Signed, unverified
from protocol.runtime.asker import Asker
from tools.closed import Closed
from tools.letter import Letter, recorded

ASKED_AT_ONCE: Final = 50
_WHY: Final = "which came back from an older copy or has lost it with its disk"


class Forgotten:
    """`sign(envelope, happening, follows, reason, text)` makes an event of the agency."""

    def __init__(
        self, asker: Asker, closed: Closed, sign: Callable[[EnvelopeId, Happening, Signed, str, str], Signed]
    ) -> None:
        self._asker = asker
        self._closed = closed
        self._sign = sign

    def again(self, letter: Letter, into: Path) -> str:
        """Was this one closed here before? Then the hub is told once more what it has forgotten, or never heard, nothing is handed out a second time,
        and this says so in words. Empty for every other, and for what a run that was cut off had accepted while its papers still lie in `into`: it is
        taken as ever, into the same files. Raises Refused."""
        envelope, known = letter.manifest.envelope, letter.delivered.receipts
        before = self._closed.get(envelope)
        if before is None:
            return ""
        last, chain = before.last, before.receipts
        if last.happening is Happening.ACCEPTED and not before.heard and recorded(into, letter.manifest):
            return ""
        if chain[: len(known)] != known:  # it has stored it anew
            chain = self._anew(envelope, known, last)
        try:
            self._tell(chain[len(known) :])
        except Refused as refused:
            if refused.code is not Code.BAD_SIGNATURE:
                raise
            chain = self._anew(envelope, known, last)  # they bear the keys that the agency had before
            self._tell(chain[len(known) :])
        self._closed.put(envelope, chain)
        if not before.heard:
            return (
                f"note: {letter.manifest.receipt} was {last.happening} here on {last.at:%Y-%m-%d}, and the line was cut before the hub had answered. "
                "The hub knows it now, and it is not written a second time."
            )
        return (
            f"note: {letter.manifest.receipt} came a second time, for the hub came back from an older copy. It was {last.happening} here on "
            f"{last.at:%Y-%m-%d}, which the hub knows again, and it is not written a second time."
        )

    def _tell(self, events: tuple[Signed, ...]) -> None:
        for signed in events:
            self._asker.ask(Tell(signed))

    def _anew(self, envelope: EnvelopeId, known: tuple[Signed, ...], last: Receipt) -> tuple[Signed, ...]:
        """The same said once more behind what the hub knows, which ends with *stored* or *fetched*."""
        chain = known
        for happening, reason, text in ((Happening.FETCHED, "", ""), (last.happening, last.reason, last.text)):
            if happening in AFTER[unverified(Receipt, chain[-1]).happening]:
                chain = (*chain, self._sign(envelope, happening, chain[-1], reason, text))
        return chain

    def answers(self, into: Path) -> Iterator[str]:
        """Answer for what is lost to the hub: prove what is here, also by its record in `into`, and say what never came; in words."""
        answered: set[bytes] = set()
        while True:
            try:
                listing = self._asker.ask(ListLost(ASKED_AT_ONCE))
            except Refused as refused:
                if refused.code in (Code.MALFORMED, Code.NOT_YOURS):
                    return  # a hub of an earlier release, which has nobody to ask
                raise
            fresh = [m for m in listing.manifests if m.body not in answered] if isinstance(listing, LostListing) else []
            if not fresh:
                return
            for signed in fresh:
                answered.add(signed.body)
                yield self._answer(unverified(Manifest, signed), into)

    def _answer(self, manifest: Manifest, into: Path) -> str:
        closed = self._closed.get(manifest.envelope)
        chain = closed.receipts if closed is not None else self._finished(manifest, recorded(into, manifest))
        try:
            self._recall(manifest.envelope, chain)
        except Refused as refused:
            return f"WARNING: {manifest.receipt} is lost to the hub, and it does not believe that it is here: {refused}"
        if chain:
            return f"note: {manifest.receipt} was lost to the hub, {_WHY}. It is here, and the hub knows again."
        what = f"{manifest.receipt} of the cabin {manifest.cabin} never came here, and is lost to the hub, {_WHY}."
        return f"WARNING: {what} The cabin says so to whoever asks for that number, and they must hand in again."

    def _recall(self, envelope: EnvelopeId, chain: tuple[Signed, ...]) -> None:
        try:
            self._asker.ask(Recall(envelope, chain))
        except Refused as refused:
            if refused.code is not Code.BAD_SIGNATURE or not chain:
                raise
            self._asker.ask(Recall(envelope, self._anew(envelope, chain[:1], unverified(Receipt, chain[-1]))))

    def _finished(self, manifest: Manifest, chain: tuple[Signed, ...]) -> tuple[Signed, ...]:
        """The events of a document that was written here before the connector kept them, or was killed before it had signed the last."""
        for happening in (Happening.FETCHED, Happening.ACCEPTED):
            if chain and happening in AFTER[unverified(Receipt, chain[-1]).happening]:
                chain = (*chain, self._sign(manifest.envelope, happening, chain[-1], "", ""))
        return chain
