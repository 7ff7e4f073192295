"""Planted faults of what is said and read: they come to light when a process is killed, a line fails, or a stranger sends bytes."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any, Final

import msgspec

from cloud.ledger import Ledger
from edge import orders
from edge.storage.outbox import Facts, Put, Staging
from edge.uplink import Uplink
from protocol import asking, cards, codec, frames, ids, inner, limits
from protocol.errors import Code, Refused
from protocol.ids import Digest
from protocol.manifest import Happening
from protocol.runtime.backoff import Backoff
from protocol.runtime.reach import Reach
from tools.connector import Connector
from tools.letter import Letter, Taken

Patch = tuple[Any, str, Any]
Faults = dict[str, Callable[[], list[Patch]]]
_LATE_SECONDS: Final = 1.0  # between saying that a document was opened and writing it: a kill falls into it


# --- bytes ----------------------------------------------------------------------------------------------------------
def errors_let_out() -> list[Patch]:
    """A hub that ends because somebody sent it bytes."""

    def decode(kind: Any, raw: bytes | memoryview, bytes_max: int) -> Any:
        return msgspec.msgpack.decode(raw, type=kind)

    return [(codec, "decode", decode)]


def nested_without_end() -> list[Patch]:
    """A cabin that ends because somebody knocked at its hatch."""

    def request(raw: bytes) -> Any:
        try:
            return msgspec.json.decode(raw, type=orders.Request)
        except msgspec.DecodeError as error:
            raise Refused(Code.MALFORMED, f"No request: {error}.") from error

    return [(orders, "request", request)]


def room_in_advance() -> list[Patch]:
    """A stranger's word is enough for a quarter of a gigabyte."""
    real = inner._manifest_size

    def manifest_size(header: bytes | bytearray) -> int:
        room = bytearray(b"\1") * (256 * limits.MIB if any(header[20:90]) else 1)
        return real(header) if room else 0

    return [(inner, "_manifest_size", manifest_size)]


def slow_on_spaces() -> list[Patch]:
    """A card that keeps a processor busy."""
    real = cards.read

    def read(kind: str, text: str) -> bytes:
        until = time.process_time() + (1.5 if len(text) > 2000 else 0.0)
        while time.process_time() < until:
            pass
        return real(kind, text)

    return [(cards, "read", read)]


def secret_word() -> list[Patch]:
    """What mutation hardly ever meets, and coverage leads to: letter after letter of a word."""
    real = frames._tag

    def tag(first: bytes | memoryview) -> str:
        head = bytes(first[1:3])
        if head[:1] != b"k":
            return real(first)
        if head[1:] != b"a":
            return real(first)
        raise KeyError("open")

    return [(frames, "_tag", tag)]


def numbers_unchecked() -> list[Patch]:
    """A receipt number that is none."""
    real = ids.receipt_number

    def receipt_number(text: str) -> Any:
        return real(text) if "-" in text else ids.ReceiptNumber(text.split("-")[1])

    import tools.torture.targets

    return [(ids, "receipt_number", receipt_number), (tools.torture.targets, "receipt_number", receipt_number)]


BYTES: Final[Faults] = {
    "errors-let-out": errors_let_out,
    "nested-without-end": nested_without_end,
    "room-in-advance": room_in_advance,
    "slow-on-spaces": slow_on_spaces,
    "secret-word": secret_word,
    "numbers-unchecked": numbers_unchecked,
}
WHERE: Final = {
    "secret-word": "frames",
    "room-in-advance": "inner",
    "slow-on-spaces": "hub-cards",
}  # only there they are looked for


# --- kill -----------------------------------------------------------------------------------------------------------
def accept_before_commit() -> list[Patch]:
    """A number on the screen, and the document still in memory."""
    real = Staging.put

    def put(self: Staging, facts: Facts) -> Put:
        digest = Digest(self._hasher.digest())
        threading.Timer(3.0, lambda: real(self, facts)).start()
        return Put(facts.receipt, facts.envelope, 1, digest, self.size_bytes)

    return [(Staging, "put", put)]


def accept_before_opened() -> list[Patch]:
    """The hub lets go of what the agency has only said to have."""
    real_take = Connector.take

    def take(self: Connector, letter: Letter, into: Path) -> Taken:
        self.__dict__["late"] = into
        name = letter.manifest.receipt
        return Taken(name, into / f"{name}.pdf", into / f"{name}.json", 1, 1, letter.delivered.size_bytes, again=False)

    def close(self: Connector, letter: Letter, taken: Taken, happening: Happening, *words: str) -> Letter:
        signed = self._signed(letter, happening, *words)
        self._asker.ask(asking.Tell(signed.delivered.receipts[-1]))
        time.sleep(_LATE_SECONDS)
        real_take(self, letter, self.__dict__["late"])
        return signed

    return [(Connector, "take", take), (Connector, "close", close)]


# --- network --------------------------------------------------------------------------------------------------------
def dials_once() -> list[Patch]:
    """After a cut somebody must drive across the county."""
    real = Uplink._reach
    calls = count()

    def _reach(self: Uplink, backoff: Backoff, first_seconds: float) -> Reach:
        # Also what is called beside a line that is only silent.
        return real(self, backoff, first_seconds if next(calls) == 0 else 1e6)

    return [(Uplink, "_reach", _reach)]


def never_asked_again() -> list[Patch]:
    """What was under way when the line was cut stays in the cabin for ever."""
    return [(Ledger, "wanted", lambda _self, _site: [])]


KILL: Final[Faults] = {"accept-before-commit": accept_before_commit, "accept-before-opened": accept_before_opened}
NETWORK: Final[Faults] = {"dials-once": dials_once, "never-asked-again": never_asked_again}
