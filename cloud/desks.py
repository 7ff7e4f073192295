"""Those who keep no link: agencies' connectors, newcomers. Their questions go to the counter; connectors are told when something came."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import structlog

from cloud.admission import Admission, Guest, Kind
from cloud.counter import Counter
from cloud.hearing import Port
from cloud.storage.blobs.files import NoDescriptor
from protocol import frames, limits
from protocol.asking import Ask
from protocol.errors import Refused
from protocol.ids import AgencyId
from protocol.runtime.wires import Message

log = structlog.get_logger("hub")
DESKS_MAX: Final = 16  # connections of an agency that are told when something came: nobody says when one is gone


class Desks:
    """Of one hub."""

    def __init__(self, port: Port, counter: Counter, admission: Admission) -> None:
        self._port = port
        self._counter = counter
        self._admission = admission
        self._routes: dict[AgencyId, dict[bytes, str]] = {}  # with the user on each, the newest last
        self._answers: list[tuple[bytes, frames.Frame]] = []  # given when what they promise is durable

    def hear(self, guest: Guest, message: Message, frame: frames.Frame | frames.Unknown) -> None:
        """A Want is answered at once, a question with the next `answer`; nobody else says anything here."""
        if guest.kind is Kind.AGENCY:
            self._remember(AgencyId(guest.name), message)
        match frame:
            case frames.Want():
                self._give(guest, message.route, frame)
            case Ask():
                self._answers.append((message.route, self._answer(guest, frame)))

    def answer(self) -> None:
        """What has been promised is durable now."""
        for route, answer in self._answers:
            self._port.say(route, frames.encode(answer))
        self._answers.clear()

    def ring(self, agencies: Iterable[AgencyId]) -> None:
        """Something has come for these. Who does not hear it is not told again."""
        for agency in sorted(agencies):
            bell = frames.encode(frames.Whisper(agency, "delivered"))
            self._routes[agency] = {
                route: user
                for route, user in self._routes.get(agency, {}).items()
                if self._admission.guest(user) is not None and self._port.say(route, bell)
            }

    def _remember(self, agency: AgencyId, message: Message) -> None:
        routes = self._routes.setdefault(agency, {})
        routes.pop(message.route, None)
        routes[message.route] = message.user
        if len(routes) > DESKS_MAX:
            del routes[next(iter(routes))]

    def _give(self, guest: Guest, route: bytes, want: frames.Want) -> None:
        try:
            found = self._counter.read(guest, want.digest, want.offset_bytes, want.length_bytes)
        except NoDescriptor as none:
            log.error("document.not-read", agency=guest.name, what=none.what, remedy=none.remedy)
            return  # whoever waits in vain asks again
        if found is None:
            self._port.say(route, frames.encode(frames.Gone(want.digest)))
        else:
            data, size_bytes = found
            self._port.say(route, frames.encode(frames.Chunk(want.digest, want.offset_bytes, size_bytes)), data)

    def _answer(self, guest: Guest, ask: Ask) -> frames.Frame:
        try:
            return self._counter.answer(guest, ask)
        except Refused as refused:
            return frames.Refused(refused.code, str(refused)[: limits.TEXT_CHARS_MAX], ask=ask.number)
