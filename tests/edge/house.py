"""An enrolled cabin in a folder, and a counter that answers like a hub's, for tests of what stands around the buffer."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random as Dice

from PIL import Image

from edge.config import FILE, CabinConfig, DiskConfig, EdgeConfig, HubConfig, ScannerConfig
from edge.enrol import DIRECTORY_FILE
from edge.keys import CabinKeys
from protocol import asking, codec, frames, limits
from protocol.directory import NO_DIRECTORY, Agency, CabinRow, Directory, HubRow, InboxKey, Route, Service
from protocol.enrolment import Claim, Invitation, read_claim, write_invitation
from protocol.errors import Refused
from protocol.hours import Hours, Span, Week
from protocol.ids import AgencyId, AreaId, Digest, ServiceId, SiteId, key_text
from protocol.keys import CurvePair, SigningPair
from protocol.manifest import Signed, sign
from protocol.recipients import HybridIdentity
from protocol.runtime.config import write_default
from protocol.runtime.folder import NodeFolder
from protocol.runtime.wires import Listener

_DICE = Dice(1)
PUBLISHED = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
SITE, AREA, CODE = SiteId("templin"), AreaId("120730572572"), "7K2"
AUTHORITY, HUB_SIGNING, OFFICE = (SigningPair.generate(_DICE.randbytes) for _ in range(3))
HUB_CURVE, ONE_TIME = (CurvePair.generate(_DICE.randbytes) for _ in range(2))
_journal, _inbox = (HybridIdentity.generate(_DICE.randbytes) for _ in range(2))
JOURNAL, INBOX = _journal, _inbox
WEEK = Hours((Week(((Span(480, 960),),) * 5 + ((), ())),))
WOHNGELD = ServiceId("99107023017000")
NO_PORT = "tcp://127.0.0.1:9"  # nobody listens at the discard port


def directory(version: int = 1, keys: CabinKeys | None = None, address: str = NO_PORT) -> Signed:
    """Two agencies that take documents and one that does not."""
    inboxes = (InboxKey(3, str(INBOX.recipient())),)
    agencies = (
        Agency(
            AgencyId("sozialamt-uckermark"), "Sozialamt", "Sozialamt", WEEK, inboxes=inboxes, signing_key=OFFICE.public
        ),
        Agency(
            AgencyId("wohngeldstelle-uckermark"),
            "Wohngeldstelle",
            "Wohngeld",
            WEEK,
            inboxes=inboxes,
            signing_key=OFFICE.public,
        ),
        Agency(AgencyId("vermittlung"), "Vermittlung", "Vermittlung", WEEK, dispatcher=True),
    )
    cabins = () if keys is None else (_cabin(keys),)
    noun = Directory(
        version=version,
        previous=NO_DIRECTORY if version == 1 else bytes([version]) * 32,
        published_at=PUBLISHED + timedelta(days=version),
        hub=HubRow("Uckermark", address, HUB_CURVE.public, HUB_SIGNING.public, str(JOURNAL.recipient())),
        agencies=agencies,
        services=(Service(WOHNGELD, "Wohngeld", "Zuschuss zur Miete"),),
        routes=(Route(WOHNGELD, AreaId("12073"), AgencyId("wohngeldstelle-uckermark")),),
        cabins=cabins,
        holidays_region="DE-BB",
    )
    return sign(noun, AUTHORITY.private())


def _cabin(keys: CabinKeys) -> CabinRow:
    return CabinRow(SITE, "Templin", CODE, AREA, "", keys.signing.public, keys.curve.public)


def config(
    address: str = NO_PORT, scanner: ScannerConfig | None = None, free_bytes_min: int = 16 * limits.MIB
) -> EdgeConfig:
    return EdgeConfig(
        CabinConfig(SITE, "Templin", CODE, AREA),
        HubConfig(address, key_text(HUB_CURVE.public), key_text(AUTHORITY.public)),
        scanner or ScannerConfig("simulated", pages=1, seed=5),
        DiskConfig(free_bytes_min),
    )


def enrolled(path: Path, settings: EdgeConfig | None = None) -> Path:
    """A folder as after `kabine edge enrol` and `kabine cabin confirm`."""
    with NodeFolder.create(path, "edge") as folder:
        keys = CabinKeys.make(folder, Dice(2).randbytes)
        folder.write_file(DIRECTORY_FILE, codec.encode(directory(1, keys)))
        folder.write_file(FILE, write_default(settings or config()).encode())
    return path


def sheet(path: Path, width: int = 240, height: int = 340) -> Path:
    """A small picture with something on it."""
    image = Image.new("L", (width, height), 255)
    image.paste(0, (width // 4, height // 4, width // 2, height // 4 + 12))
    image.save(path, dpi=(100, 100))
    return path


def invitation(address: str, expires_at: datetime | None = None) -> str:
    return write_invitation(
        Invitation(
            SITE,
            "Templin",
            CODE,
            AREA,
            address,
            HUB_CURVE.public,
            AUTHORITY.public,
            ONE_TIME.secret,
            expires_at or datetime(2100, 1, 1, tzinfo=UTC),
        )
    )


class Counter:
    """Answers what a newcomer asks. `refuse`: instead of the claim; `signed`: the directory it shows; `drop_done`: loses that many answers."""

    def __init__(self) -> None:
        self.claims: list[Claim] = []
        self.refuse: Refused | None = None
        self.signed = directory()
        self.drop_done = 0
        self.altered = False
        self.address = ""
        self._ended = threading.Event()

    @contextmanager
    def open(self) -> Iterator[Counter]:
        listener = Listener(
            "tcp://127.0.0.1:*",
            HUB_CURVE.secret,
            lambda key: "newcomer" if key == ONE_TIME.public else None,
        )
        self.address = listener.address
        thread = threading.Thread(target=self._serve, args=(listener,))
        thread.start()
        try:
            yield self
        finally:
            self._ended.set()
            thread.join()
            listener.close()

    def _serve(self, listener: Listener) -> None:
        while not self._ended.is_set():
            listener.wait(0.05)
            for message in listener.receive(10, 1 << 20):
                frame = frames.decode(message.first, message.parts)
                raw = codec.encode(self.signed)
                match frame:
                    case asking.Ask(number, asking.MakeClaim(claim)):
                        self._claimed(listener, message.route, number, claim)
                    case asking.Ask(number, asking.ShowDirectory()):
                        current = asking.CurrentDirectory(1, Digest(hashlib.sha256(raw).digest()), len(raw))
                        listener.say(message.route, frames.encode(asking.Answer(number, current)))
                    case frames.Want(digest, offset, length):
                        part = raw[offset : offset + length]
                        part = bytes(len(part)) if self.altered else part
                        listener.say(message.route, frames.encode(frames.Chunk(digest, offset, len(raw))), part)

    def _claimed(self, listener: Listener, route: bytes, number: int, claim: Signed) -> None:
        if self.refuse is not None:
            refused = frames.Refused(self.refuse.code, str(self.refuse), ask=number)
            listener.say(route, frames.encode(refused))
            return
        self.claims.append(read_claim(claim, HUB_CURVE))
        if self.drop_done:
            self.drop_done -= 1
            listener.say(route, frames.encode(frames.Refused("overloaded", "The hub is busy.", ask=number)))
            return
        listener.say(route, frames.encode(asking.Answer(number, asking.Done())))
