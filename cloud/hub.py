"""One listening wire, one link per cabin, one loop.

A turn of the loop: hear all that has arrived on all links, make it durable with one `settle`, only then let the acknowledgements leave.
So the cost of an fsync is shared by whatever came while the last one ran, and nobody waits on a timer.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator
from datetime import datetime

import structlog

from cloud.admission import Admission, Guest, Kind
from cloud.counter import Counter
from cloud.desks import Desks
from cloud.hearing import Hearing, Port
from cloud.ledger import Ledger
from cloud.turn import News
from protocol import codec, frames, limits
from protocol.errors import REMEDIES, Code, Refused
from protocol.ids import HUB_ID, Digest, SiteId
from protocol.link import NEVER, UP, Link
from protocol.runtime.allocator import set_apart
from protocol.runtime.pump import Pump
from protocol.runtime.wires import Message

log = structlog.get_logger("hub")

# While a whole fleet speaks at once, nobody is given up whose words may wait to be heard, for so long at most: then beats are due.
BEHIND_SECONDS_MAX = 4.0
BELL_SECONDS = 0.25  # how often another process's changes are looked for: a revocation holds within a second
EXPIRE_SECONDS = 3600.0  # how often documents past their retention are looked for
# A fleet at rest says a thousand beats a second. To wake for one costs as much as to hear several, so they gather for so long where nothing is
# fetched; where beats are rarer, nobody waits. Not for long while somebody talks: words follow each other, and only beats can wait.
GATHER_SECONDS = 0.02
GATHER_BESIDE_TALK_SECONDS = 0.005
TALK_SECONDS = 0.25  # after a word the next one is expected for so long
QUIET_SECONDS = 1.0  # without a word: then the hub reads in what it holds


class Connection:
    """One connection of a cabin, and what its pump asks of its owner."""

    def __init__(self, hub: Hub, guest: Guest, route: bytes) -> None:
        self.hub = hub
        self.guest = guest
        self.site = SiteId(guest.name)
        self.route = route
        self.armed_at = NEVER
        self.pump = Pump(Link(self.site), hub.ledger.log(self.site), self, self._say, hub.clock, hub.utc)

    def _say(self, first: bytes, data: bytes | None) -> None:
        if not self.hub.listener.say(self.route, first, data):
            self.pump.lost("the connection takes no more")

    def introduce(self) -> tuple[str, bytes, int, str]:
        """For our Hello."""
        return HUB_ID, self.hub.boot, self.hub.ledger.directory_version(), self.hub.software

    def vitals(self) -> frames.Vitals | None:
        """The hub's health is no cabin's business."""
        return None

    def read(self, digest: Digest, offset_bytes: int, length_bytes: int) -> tuple[bytes, int] | None:
        """A cabin may fetch what was announced to it: directories."""
        return self.hub.ledger.read_directory(digest, offset_bytes, length_bytes)

    def keep(self, digest: Digest, offset_bytes: int, data: bytes | memoryview) -> None:
        """Bytes of a document."""
        self.hub.ledger.keep(digest, offset_bytes, data)

    def observe(self, frame: frames.Hello | frames.Beat, round_trip_seconds: float) -> None:
        """The cabin lives."""
        self.hub.ledger.observe(self.site, frame, round_trip_seconds, self.hub.utc())

    def deliver(self, whisper: frames.Whisper) -> None:
        """Calls come in an issue of their own; no desk listens to whispers yet. An echo tells how long they take now, in each direction."""
        if whisper.kind == frames.ECHO and len(whisper.payload) <= limits.ECHO_BYTES_MAX:
            echoed = frames.Echoed(self.hub.utc(), whisper.payload)
            self.pump.whisper(frames.Whisper(whisper.about, frames.ECHOED, codec.encode(echoed)))

    def note(self, name: str, detail: str) -> None:
        """Counted in the log; what the cabin cannot send any more is also said to a person."""
        log.info(name, site=self.site, detail=detail)
        if name == "blob.gone":
            self.hub.ledger.gone(self.site, Digest(bytes.fromhex(detail)))


class Hub:
    """The loop. `refresh()` reads anew who may speak; `changed()` tells whether another process has changed anything; `rest(seconds)` lets time
    pass, whatever comes meanwhile; `free_bytes()` is what the disk takes, `balance()` gives up what was laid by for a full one when it is full."""

    def __init__(
        self,
        listener: Port,
        ledger: Ledger,
        admission: Admission,
        counter: Counter,
        *,
        boot: bytes,
        software: str,
        disk_free_bytes_min: int,
        retention_days: float,
        clock: Callable[[], float],
        utc: Callable[[], datetime],
        changed: Callable[[], bool],
        refresh: Callable[[], None],
        rest: Callable[[float], None],
        free_bytes: Callable[[], int],
        balance: Callable[[], None],
    ) -> None:
        self.listener = listener
        self.ledger = ledger
        self.boot = boot
        self.software = software
        self.clock = clock
        self.utc = utc
        self._admission = admission
        self._desks = Desks(listener, counter, admission)
        self._disk_free_bytes_min = disk_free_bytes_min
        self._changed = changed
        self._refresh = refresh
        self._rest = rest
        self._free_bytes = free_bytes
        self._balance = balance
        self._retention_days = retention_days
        self._by_route: dict[bytes, Connection] = {}
        self._by_site: dict[SiteId, Connection] = {}
        self._fetching: dict[Connection, None] = {}  # that fetch documents, or did so a moment ago
        self._timers: list[tuple[float, int, Connection]] = []
        self._tiebreak = itertools.count()
        self._bell_at = 0.0
        self._full = False
        self._expire_at = 0.0
        self._hearing = Hearing(listener, clock)
        self._turned_at = 0.0
        self._spoken_at = 0.0  # when something else than a beat was heard
        self._proofread_at = 0.0  # not before

    @property
    def deadline(self) -> float:
        """When the next turn is due though nothing comes, in seconds of `clock`: a link wants its tick, or something was left for it."""
        if self._hearing.holds:
            return self.clock()
        proofread_at = max(self._proofread_at, self.ledger.proofread_at)
        return min(self._timers[0][0], proofread_at) if self._timers else proofread_at

    def run(self, stopping: Callable[[], bool]) -> None:
        """Turn after turn until `stopping()`. Raises Unavailable when the disk failed: nothing of that turn was acknowledged."""
        self.ledger.started(self.utc())
        set_apart()
        while not stopping():
            self.turn(BELL_SECONDS)
        for connection in list(self._by_route.values()):
            self._close(connection, "the hub is being stopped")
        self.ledger.settle(everything=True)

    def turn(self, wait_seconds: float) -> None:
        """Hear, settle, speak."""
        due_at = min(self.deadline, self._bell_at)
        if self.listener.wait(min(wait_seconds, max(0.0, due_at - self.clock()))):
            self._gather()
        if self.clock() >= self._bell_at:
            self._bell()  # before anything is heard: the turn before may have waited for its disk while somebody was revoked
        heard: dict[bytes, Connection] = {}
        for message in self._messages(heard):
            connection = self._hear(message)
            if connection is not None:
                heard[connection.route] = connection
        news = self.ledger.settle()
        self._desks.answer()
        for connection in heard.values():
            connection.pump.settled()
        self._tell(news, heard)
        for connection in heard.values():
            self._after(connection)
        self._tick()
        self._proofread()

    def _gather(self) -> None:
        """After a turn of nothing but beats, a moment ago: let more of them come."""
        now = self.clock()
        gather_seconds = GATHER_SECONDS if now > self._spoken_at + TALK_SECONDS else GATHER_BESIDE_TALK_SECONDS
        early_seconds = self._turned_at + gather_seconds - now
        murmurs = self._spoken_at < self._turned_at
        if murmurs and early_seconds > 0 and not self._fetching and not self._hearing.holds:
            self._rest(min(early_seconds, gather_seconds))
        self._turned_at = self.clock()

    def _messages(self, heard: dict[bytes, Connection]) -> Iterator[Message]:
        """What this turn hears. A Hello of a cabin that was already heard in it, on an older connection, waits for the next one: ours tells how far
        we hold its log, and that must be durable."""
        return self._hearing.messages(
            lambda message: self._too_soon(message, heard),
            lambda: any(connection.pump.link.transfers.outstanding_bytes for connection in heard.values()),
        )

    def _too_soon(self, message: Message, heard: dict[bytes, Connection]) -> bool:
        if not heard or message.route in self._by_route:
            return False
        guest = self._admission.guest(message.user)
        older = self._by_site.get(SiteId(guest.name)) if guest is not None and guest.kind is Kind.CABIN else None
        return older is not None and older.route in heard

    # --- hearing -------------------------------------------------------------------------------------------------
    def _hear(self, message: Message) -> Connection | None:
        guest = self._admission.guest(message.user)
        try:
            if guest is None:
                raise _stranger(message.user)
            frame = frames.decode(message.first, message.parts)
            if not isinstance(frame, frames.Beat):
                self._spoken_at = self.clock()
            if guest.kind is Kind.CABIN:
                return self._hear_cabin(guest, message, frame)
            if guest.kind is Kind.CLAIMED:
                raise Refused(Code.NOT_CONFIRMED, f"The cabin {guest.name} has not been confirmed at the hub yet.")
            self._desks.hear(guest, message, frame)
        except Refused as refused:
            self._refuse(message.route, refused)
        return None

    def _hear_cabin(self, guest: Guest, message: Message, frame: frames.Frame | frames.Unknown) -> Connection | None:
        connection = self._by_route.get(message.route)
        if isinstance(frame, frames.Hello) and connection is None:
            if self.ledger.reopens(SiteId(guest.name), frame):
                # It shows that the hub was brought back from an older copy; an older connection stands on a log that ends with this turn.
                self._supersede(SiteId(guest.name))
                self._hearing.hold(message)
                return None
            connection = self._open(guest, message.route)
        if connection is None:
            if not isinstance(frame, frames.Refused):
                # One that has ended, and not every end was heard: where the wire took no more, the cabin would wait for its beats.
                raise Refused(Code.OVERLOADED, "The hub has given this connection up.")
            return None
        connection.pump.hear(frame, message.data)
        return connection

    # --- opening and closing -------------------------------------------------------------------------------------
    def _open(self, guest: Guest, route: bytes) -> Connection:
        """The newest connection of a cabin is the one that counts."""
        self._supersede(SiteId(guest.name))
        connection = Connection(self, guest, route)
        self._by_route[route] = self._by_site[connection.site] = connection
        connection.pump.link.transfers.paused = self._full
        for wanted in self.ledger.wanted(connection.site):
            self._fetching[connection] = None
            connection.pump.want(wanted.digest, wanted.size_bytes, wanted.have_bytes)
        connection.pump.connected(greeted=True)
        return connection

    def _supersede(self, site: SiteId) -> None:
        older = self._by_site.get(site)
        if older is not None:
            self._refuse(older.route, Refused(Code.SUPERSEDED, f"A newer connection of {site} is there."))
            self._close(older, "superseded")

    def _close(self, connection: Connection, reason: str) -> None:
        connection.pump.lost(reason)
        connection.pump.let_go()
        self._by_route.pop(connection.route, None)
        if self._by_site.get(connection.site) is connection:
            del self._by_site[connection.site]
            self.ledger.disconnected(connection.site, self.utc())
        log.info("link.ended", site=connection.site, reason=reason)

    def _refuse(self, route: bytes, refused: Refused) -> None:
        retry_after_seconds = 2.0 if refused.code is Code.NOT_CONFIRMED else 0.0
        frame = frames.Refused(refused.code, str(refused)[: limits.TEXT_CHARS_MAX], retry_after_seconds)
        self.listener.say(route, frames.encode(frame))
        connection = self._by_route.get(route)
        if connection is not None and refused.code is not Code.SUPERSEDED:
            self._close(connection, str(refused))

    # --- speaking ------------------------------------------------------------------------------------------------
    def _tell(self, news: News, heard: dict[bytes, Connection]) -> None:
        """What became durable in this turn concerns others."""
        for site in sorted(news.appended):
            connection = self._by_site.get(site)
            if connection is not None:
                connection.pump.appended()
                heard[connection.route] = connection
        for wanted in news.wanted:
            connection = self._by_site.get(wanted.site)
            if connection is not None:
                self._fetching[connection] = None
                connection.pump.want(wanted.digest, wanted.size_bytes, wanted.have_bytes)
                heard[connection.route] = connection
        self._desks.ring(news.delivered)

    def _after(self, connection: Connection) -> None:
        """A connection was fed: has it ended, and when does it want its next tick?"""
        ended = connection.pump.ended
        if ended is not None:
            if ended.code in (Code.LOG_FORK, Code.LOG_GAP):
                self.ledger.alarm(connection.site, ended.code, _with_remedy(Code(ended.code), ended.text))
            self._close(connection, ended.text)
        elif connection.pump.deadline < connection.armed_at - 0.01:
            connection.armed_at = connection.pump.deadline
            heapq.heappush(self._timers, (connection.armed_at, next(self._tiebreak), connection))

    def _tick(self) -> None:
        now = self.clock()
        if (
            self._timers
            and self._timers[0][0] <= now < self._timers[0][0] + BEHIND_SECONDS_MAX
            and self.listener.wait(0)
        ):
            return  # what would be missed may have come already
        while self._timers and self._timers[0][0] <= now:
            connection = self._timers[0][2]
            if self._by_route.get(connection.route) is not connection:
                heapq.heappop(self._timers)
            elif now < connection.pump.deadline < NEVER:  # it was heard since, as with every beat
                connection.armed_at = connection.pump.deadline
                heapq.heapreplace(self._timers, (connection.armed_at, next(self._tiebreak), connection))
            else:
                heapq.heappop(self._timers)
                connection.armed_at = NEVER
                connection.pump.tick()
                self._after(connection)

    def _proofread(self) -> None:
        """Nobody has said a word for a while: read a little of what lies in inboxes, some milliseconds long. In a large fleet beats wait always."""
        now = self.clock()
        if now < max(self._proofread_at, self.ledger.proofread_at):
            return
        quiet_at = self._spoken_at + QUIET_SECONDS
        self._proofread_at = max(now + BELL_SECONDS, quiet_at)
        if quiet_at <= now and not self._hearing.holds:
            self.ledger.proofread(now)

    def _bell(self) -> None:
        """Four times a second: what have other processes changed, is there room, is everybody still welcome? Whatever waits for the disk waits for
        the end of the turn: between this look and what is heard next nobody can have been revoked for long."""
        self._bell_at = self.clock() + BELL_SECONDS
        self._balance()
        self.ledger.alive(self.utc())
        if self._changed():
            self._refresh()
            self.ledger.announce_directory(list(self._by_site))
            for connection in list(self._by_route.values()):
                if self._admission.guest(connection.guest.user) is None:
                    self._refuse(connection.route, Refused(Code.REVOKED, f"The cabin {connection.site} was revoked."))
        if self.clock() >= self._expire_at:
            self._expire_at = self.clock() + EXPIRE_SECONDS
            freed = self.ledger.expire(self.utc(), self._retention_days)
            if freed:
                log.info("documents.freed", count=freed)
        self._share()

    def _share(self) -> None:
        """Divide the budget of wants among links that fetch; ask for nothing while the disk is nearly full."""
        full = self._free_bytes() < self._disk_free_bytes_min
        if full != self._full:
            self._full = full
            log.warning("disk.full" if full else "disk.room", folder="hub")
            # Idle ones too: a small document would be here before this comes round again.
            for connection in self._by_route.values():
                connection.pump.link.transfers.paused = full
                connection.pump.appended()  # any event makes the machine speak
        here = [each for each in self._fetching if self._by_route.get(each.route) is each]
        self._fetching = dict.fromkeys(each for each in here if len(each.pump.link.transfers))
        busy = [each for each in self._fetching if each.pump.link.state == UP]
        for connection in busy:
            connection.pump.link.pacing.ceiling_bytes = limits.HUB_WINDOW_BYTES // len(busy)


def _stranger(user: str) -> Refused:
    """Somebody with a key that was on the list once."""
    if user.startswith(f"{Kind.AGENCY}:"):
        return Refused(Code.REVOKED, "This agency has other keys now.", "Use those of the newest card (docs/keys.md).")
    return Refused(Code.REVOKED, "This key is no longer admitted.")


def _with_remedy(code: Code, text: str) -> str:
    """For whoever is called. Our own refusals say what to do; a cabin of another make may not."""
    remedy = REMEDIES[code]
    return text if remedy in text else f"{text} {remedy}"
