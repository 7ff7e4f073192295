"""What cabins, hub and agencies say to each other, heard as it leaves: nobody acknowledges or promises what is not durable."""

from __future__ import annotations

from collections.abc import Mapping

from protocol import entries, frames
from protocol.asking import Answer, Ask, Done, Tell
from protocol.entries import ReceiptGiven
from protocol.ids import SiteId
from protocol.manifest import Happening, Receipt, unverified
from tools.simulator.cabin_node import CabinNode
from tools.simulator.cabin_watch import CabinWatch
from tools.simulator.hub_watch import HubWatch
from tools.simulator.line import Strand, Way
from tools.simulator.promise import expect
from tools.simulator.record import Notebook

_HEARD = (b"\xa3ack", b"\xa4want", b"\xa5hello", b"\xa7entries", b"\xa3ask", b"\xa6answer")


class Earshot:
    """Of all lines."""

    def __init__(self, at_hub: HubWatch, cabins: Mapping[str, CabinWatch], notebook: Notebook) -> None:
        self._at_hub = at_hub
        self._cabins = cabins  # by the machine's name
        self._notebook = notebook
        self._telling: dict[tuple[bytes, int], Receipt] = {}  # asked, and not yet answered

    def spoken(self, strand: Strand, way: Way, first: bytes) -> None:
        """Whoever acknowledges is asked for it as the words leave."""
        if not first[1:].startswith(_HEARD):
            return
        match frames.decode(first, 1):
            case frames.Want() as want:
                self._count_resumed(strand, want)
            case frames.Ack(committed) | frames.Hello(committed=committed):
                self._acknowledges(strand, way, committed)
            case frames.Entries(epoch, number, payloads) if way == "down":
                for offset, payload in enumerate(payloads):
                    event = entries.read(payload, None, epoch, number + offset)
                    if isinstance(event, ReceiptGiven):
                        self._promises(unverified(Receipt, event.receipt))
            case Ask(number, Tell(signed)):
                self._telling[strand.route, number] = unverified(Receipt, signed)
            case Answer(number, Done()) if (strand.route, number) in self._telling:
                self._at_hub.told(self._telling.pop((strand.route, number)))
            case _:
                pass

    def forget(self) -> None:
        """The hub that was asked is no more."""
        self._telling.clear()

    def _acknowledges(self, strand: Strand, way: Way, committed: int) -> None:
        if way == "up":
            cabin = strand.cabin
            assert isinstance(cabin, CabinNode)
            held = self._cabins[cabin.name].held()
            expect(committed <= held, f"{cabin.name} acknowledges entry {committed}; {held} are durable")
            return
        site = SiteId(strand.user.split(":")[1])
        held = self._at_hub.held(site)
        expect(committed <= held, f"the hub acknowledges entry {committed} of {site}; {held} are durable")

    def _promises(self, receipt: Receipt) -> None:
        if receipt.happening is Happening.LOST:
            expect(
                receipt.envelope not in self._notebook.at_agency,
                "a visitor is told that papers are lost which the agency has",
            )
        if receipt.happening is Happening.STORED and receipt.envelope not in self._notebook.record.stored:
            holds = self._at_hub.secured(receipt.envelope) or receipt.envelope in self._notebook.record.sent_for
            expect(holds, "a receipt leaves the hub before its document is in the inbox")

    def _count_resumed(self, strand: Strand, want: frames.Want) -> None:
        if want.digest not in strand.wanted:
            strand.wanted.add(want.digest)
            self._notebook.recoveries["document-went-on-where-it-was"] += want.offset_bytes > 0
