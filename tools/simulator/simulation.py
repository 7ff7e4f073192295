"""Some cabins and a hub for some days, from one seed: life, faults, then peace, and everything must come to its end.

The nodes are real but for their wires and clocks. Whatever goes wrong in them that nobody planned (a Mistake, an assertion, any exception)
is a broken promise too.
"""

from __future__ import annotations

import math
import random
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Final

import structlog

from cloud.fleet import facts, status
from cloud.fleet.proof import Verdict
from edge.connection import Connection
from protocol import limits
from protocol.errors import Trouble
from protocol.ids import AgencyId, SiteId
from protocol.manifest import Signed
from tools.simulator import paper
from tools.simulator.agenda import Agenda
from tools.simulator.cabin_node import CabinNode
from tools.simulator.disk import Disk
from tools.simulator.district import CabinKeys, District, at
from tools.simulator.faults import FAULTS, WEIGHTS
from tools.simulator.hub_node import HubNode
from tools.simulator.kernel import Kernel
from tools.simulator.line import Line, Port, Trace
from tools.simulator.office import Office
from tools.simulator.people import People
from tools.simulator.planted import PLANTED
from tools.simulator.promise import BrokenPromise
from tools.simulator.report import Report
from tools.simulator.strike import DAY, Strike
from tools.simulator.witness import Witness

WORLD_DAYS: Final = 4.0  # of one simulation: long enough for an outage of days; a longer run is several of them
PEACE_SECONDS: Final = 900.0  # after the faults have stopped everything must be where it belongs within this
_DOCUMENTS_A_DAY: Final = 3  # beside those that come with a fault
_FAULTS_A_DAY: Final = 3
_FAULTS_A_DAY_MAX: Final = 8  # where each is to come
_PLANTED_FAULTS_A_DAY: Final = 8  # when something is to be brought to light
_VISITS_A_DAY: Final = 2
_ROUNDS_A_DAY: Final = 8  # so often somebody looks whether the hub has called
_KEEP_SECONDS: Final = (0.0, 8.0, limits.KEPT_SECONDS)  # of what is secured: cabins are awake for minutes in a day
_PROVOKED: Final = 40  # times more often, what brings a planted fault to light
# Why the hub gave a link up, in its own words, and the word under which that counts.
_ENDED: Final = {
    "beats missed": "silence",
    "no progress": "standstill",
    "superseded": "superseded",
    "takes no more": "jam",
}


class Simulation:
    """One world. `run` plays it; afterwards `report` says what was found. `often`: faults that come more often than others; `each_once`: every fault
    comes before any comes twice, and as many as that takes."""

    def __init__(
        self,
        folder: Path,
        seed: int,
        cabins: int,
        days: float,
        plant: str = "",
        often: tuple[str, ...] = (),
        *,
        each_once: bool = False,
    ) -> None:
        self.agenda = Agenda()
        self.report = Report(seed, planted=plant)
        self.days = days
        self.trace = Trace()
        self.undo: list[Callable[[], None]] = []  # takes away what was planted for as long as this lasts
        self.keep_seconds: tuple[float, ...] = _KEEP_SECONDS
        self.plant_cabin: Callable[[CabinNode], None] = lambda _node: None
        self.plant_connection: Callable[[Connection], None] = lambda _connection: None
        self._dice = dice(f"{seed} fate")
        planted = PLANTED[plant] if plant else None
        often += planted.provoked_by if planted else ()
        self._cards = [
            name
            for name in FAULTS
            for _ in range(math.ceil(WEIGHTS.get(name, 1) * 2) * (_PROVOKED if name in often else 1))
        ]
        self._faults_a_day = _PLANTED_FAULTS_A_DAY if plant else _FAULTS_A_DAY
        self._deck: list[str] = []
        if each_once:
            self._faults_a_day = max(_FAULTS_A_DAY, min(_FAULTS_A_DAY_MAX, math.ceil(len(FAULTS) / (cabins * days))))
            self._deck = self._dice.sample(list(FAULTS), len(FAULTS))
        self.kernel = Kernel()
        self.district = District(dice(f"{seed} keys"))
        self._agencies = [AgencyId(id) for id in self.district.agencies]
        self._folder = folder
        self._port = Port(self.report.faults)
        self.hub = HubNode(self.district, self._port, *self._node("hub"))
        directory = self.district.found(self.hub.disk.folder, cabins)
        self.hub.disk.adopt()
        self.witness = Witness(self.hub, self.report.recoveries)
        if planted is not None:
            planted.plant(self)
        self.cabins = [  # the machine that stands at each site now
            self.machine(keys.site.id, keys, directory, self.line(keys.site.id)) for keys in self.district.cabins
        ]
        self.people = People(self, dice(f"{seed} people"))
        self.offices = [
            Office(id, keys, self.line(id), self.agenda, dice(f"{seed} {id}"), self.report.recoveries)
            for id, keys in self.district.agencies.items()
        ]
        for office in self.offices:
            office.fetched = self.witness.fetched
        self.agenda.calm = self._calm

    def run(self) -> Report:
        """Play it to its end, or until a promise is broken."""
        with self.kernel.watched(), _noting(self._note):
            try:
                self._live()
                self._peace()
            except BrokenPromise as broken:
                self._broke(str(broken))
            except Exception as error:
                where = traceback.extract_tb(error.__traceback__)[-1]
                self._broke(f"{type(error).__name__}: {error} [{Path(where.filename).name}:{where.lineno}]")
            finally:
                self.end()
        self.report.cabin_days = len(self.cabins) * self.agenda.now / DAY
        self.report.documents = sum(len(custody.accepted) for custody in self.witness.notebook.custody.values())
        self.report.messages = self.trace.messages
        self.report.traces = [self.trace.digest()]
        self.report.recoveries["late-frames-changed-nothing"] += self.hub.port.late
        return self.report

    # --- what there is -------------------------------------------------------------------------------------------
    def _node(self, name: str) -> tuple[Kernel, Agenda, Disk, random.Random, Counter[str]]:
        seed = self.report.seed
        disk = self.kernel.mount(Disk(self._folder / name, dice(f"{seed} disk {name}"), self.report.faults))
        return self.kernel, self.agenda, disk, dice(f"{seed} {name}"), self.report.recoveries

    def line(self, name: str) -> Line:
        """A line to the hub."""
        return Line(self.agenda, self._port, name, dice(f"{self.report.seed} line {name}"), self.trace)

    def machine(self, name: str, keys: CabinKeys, directory: Signed, line: Line) -> CabinNode:
        """A cabin's machine that nobody has started yet."""
        cabin = CabinNode(name, keys, self.district, directory, line, *self._node(name))
        cabin.plant, cabin.plant_connection = self.plant_cabin, self.plant_connection
        cabin.keep_seconds = dice(f"{self.report.seed} keep {name}").choice(self.keep_seconds)
        self.witness.meet(cabin)
        return cabin

    def cabin(self, site: SiteId) -> CabinNode:
        """The machine that stands at this site now."""
        return next(cabin for cabin in self.cabins if cabin.site == site)

    def office(self, id: AgencyId) -> Office:
        """Where this agency's connector runs."""
        return next(office for office in self.offices if office.agency == id)

    def _calm(self) -> bool:
        """Is every cabin connected by a line that carries what is said?"""
        return self.hub.runs and all(cabin.connection is not None and cabin.line.sound() for cabin in self.cabins)

    def put_in_place(self, cabin: CabinNode) -> None:
        """From now on it is the one at its site."""
        self.cabins = [cabin if other.site == cabin.site else other for other in self.cabins]
        cabin.start()

    # --- life ----------------------------------------------------------------------------------------------------
    def _live(self) -> None:
        self.hub.start()
        for cabin in self.cabins:
            cabin.start()
        for day in range(math.ceil(self.days)):
            self._plan(day * DAY, min(1.0, self.days - day))
        self.agenda.run(self.days * DAY)

    def _plan(self, begin: float, share: float) -> None:
        """One day, or a `share` of it."""

        def times(count: float) -> list[float]:
            return [begin + self._dice.random() * DAY * share for _ in range(round(count * share))]

        for cabin in self.cabins:
            for when in times(_DOCUMENTS_A_DAY):
                self.agenda.on(when, lambda c=cabin: self.hand_in(c))  # type: ignore[misc]
            for when in times(1):
                self.agenda.on(when, lambda c=cabin: self.cabin(c.site).visit())  # type: ignore[misc]
            for when in times(self._faults_a_day):
                self._strike(cabin.site, when)
        for office in self.offices:
            for when in times(_VISITS_A_DAY):
                self.agenda.on(when, office.visit)
        for when in times(_ROUNDS_A_DAY):
            self.agenda.on(when, self.people.attend)
        for when in times(0.5 + self._dice.random()):
            self.agenda.on(when, self.hub.publish)

    def _strike(self, site: SiteId, when: float) -> None:
        """A fault, and around it people who do something."""
        fate = self._dice
        if not self._deck:
            self._deck = fate.sample(self._cards, len(self._cards))
        name = self._deck.pop()

        def strike() -> None:
            self.report.faults[name] += 1
            FAULTS[name](Strike(self, self.cabin(site), fate))

        self.agenda.on(when, strike)
        # Most happens within a second: so short is what a fault must meet.
        for _ in range(fate.randint(0, 3)):
            self.agenda.on(when + fate.uniform(-0.6, 0.2), lambda: self.hand_in_at(self.cabin(site)))
        if fate.random() < 0.5:
            self.agenda.on(when + fate.uniform(-1.5, -0.3), fate.choice(self.offices).visit)

    def hand_in(self, cabin: CabinNode) -> None:
        """A visitor comes to this cabin, whatever machine stands there by now."""
        self.hand_in_at(self.cabin(cabin.site))

    def hand_in_at(self, cabin: CabinNode, *, long: bool = False) -> None:
        """A visitor comes with a document."""
        cabin.hand_in(paper.draw(self._dice, self._agencies, long=long))

    # --- peace ---------------------------------------------------------------------------------------------------
    def _peace(self) -> None:
        """No fault any more: everything accepted becomes secured, by itself."""
        for custody in self.witness.notebook.custody.values():
            if custody.cabin not in self.cabins:
                custody.cabin.retire()
        for cabin in self.cabins:
            cabin.line.well()
        for node in (self.hub, *self.cabins):
            node.calm()
        self._call_people()
        until = self.agenda.clock + PEACE_SECONDS
        while (
            unfinished := [what for cabin in self.cabins for what in self.witness.cabins[cabin.name].unfinished()]
            or self._unproven()
            or self._unreadable()
        ):
            if self.agenda.clock > until:
                raise BrokenPromise(f"{PEACE_SECONDS:.0f} s after the last fault: {'; '.join(unfinished)}")
            self.people.attend()
            self.agenda.stir()
            self.agenda.run(self.agenda.now + 5.0)
        for _ in range(4):
            for office in self.offices:
                office.visit()
            self._pass(30)
        logs = [cabin.buffer.log for cabin in self.cabins if cabin.buffer is not None]
        self.report.recoveries["old-entries-were-forgotten"] += sum(log.first() > 1 for log in logs)

    def _call_people(self) -> None:
        """Documents that arrived altered three times wait until somebody has looked after the cabin, and its link begins anew."""
        if not self.report.faults["altered-byte"]:
            return
        self._pass(60)
        for cabin in self.cabins:
            if self.witness.hub.called_for(cabin.site):
                self.report.recoveries["person-was-called-for-altered-bytes"] += 1
                cabin.line.reset()

    def _unproven(self) -> list[str]:
        """What the hub's own proof says."""
        if self.hub.ledger is None:
            return ["the hub does not run"]
        with self.hub.ledger.database.reading() as connection:
            fleet = status.fleet(facts.read(connection, self.hub.utc()), self.hub.utc())
        found = [f"{site.facts.site}: {site.proof.text}" for site in fleet.sites if not self._proven(site)]
        for site in fleet.sites:
            if site.facts.contact is None or not site.facts.contact.connected:
                found.append(f"{site.facts.site}: {site.reason}")
        return found

    def _unreadable(self) -> list[str]:
        """What lies in an inbox altered, and nobody has said that it is lost: within a round of its reading the hub finds it."""
        count = self.witness.hub.unreadable() if self.hub.runs else 0
        return [f"{count} documents in inboxes are not what was handed in"] if count else []

    def _proven(self, site: status.SiteStatus) -> bool:
        """With a hub from a backup something may be lost and said; nothing may be on its way for ever."""
        if site.proof.complete or site.facts.site in self.witness.notebook.excused:
            return True
        arrived = site.proof.verdict is Verdict.AGREES and not site.proof.documents_under_way
        return arrived and site.facts.site in self.witness.notebook.restored | self.witness.notebook.asked_again

    def _pass(self, seconds: int) -> None:
        """Let time pass, awake."""
        for _ in range(0, seconds, 10):
            self.agenda.stir()
            self.agenda.run(self.agenda.now + 10)

    # --- the end -------------------------------------------------------------------------------------------------
    def _broke(self, what: str) -> None:
        seed, cabins, plant = self.report.seed, len(self.cabins), self.report.planted
        command = f"kabine simulate --days {self.days:g} --seed {seed} --cabins {cabins}"
        command += f" --world-days {self.days:g}" if self.days > WORLD_DAYS else ""
        command += f" --plant {plant}" if plant else ""
        when = at(self.agenda.now)
        self.report.broken.append(f"{what} ({when:%Y-%m-%d %H:%M:%S}; replay: {command})")

    def end(self) -> None:
        """Nothing runs any more."""
        while self.undo:
            self.undo.pop()()
        self.witness.close()
        for node in (self.hub, *(custody.cabin for custody in self.witness.notebook.custody.values())):
            node.wanted = False
            if node.runs:
                node.runs = False
                try:
                    node.close()
                except Trouble:
                    pass

    def _note(self, name: str, fields: MutableMapping[str, Any]) -> None:
        if name == "link.ended":
            for part, word in _ENDED.items():
                self.report.recoveries[f"hub-gave-a-link-up-after-{word}"] += part in fields["reason"]


def dice(name: str) -> random.Random:
    """Luck of one's own."""
    return random.Random(name)  # noqa: S311 - luck, not secrets: a seed must give the same again


@contextmanager
def _noting(note: Callable[[str, MutableMapping[str, Any]], None]) -> Iterator[None]:
    """What the nodes write into their logs goes to `note` and nowhere else."""

    def process(_logger: Any, _method: str, fields: MutableMapping[str, Any]) -> Any:
        note(fields.pop("event"), fields)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.configure(processors=[process], cache_logger_on_first_use=False)
    with ExitStack() as stack:
        stack.callback(lambda: structlog.configure(**before))
        yield
