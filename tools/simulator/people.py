"""Who looks after cabins and hub: copies disks, brings old ones back, revokes, enrols anew, and comes when the hub calls.

A person does what docs/when.md says, and later than one would like.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from sqlalchemy import Connection

from cloud import enrolment
from cloud.directory import draft, publish
from cloud.fleet import facts
from protocol.errors import Refused
from protocol.ids import AgencyId, SiteId
from protocol.manifest import Signed
from tools.simulator.cabin_node import CabinNode
from tools.simulator.disk import Image
from tools.simulator.district import HUB_FILE, CabinKeys
from tools.simulator.record import Copy, refuses_directory

if TYPE_CHECKING:
    from tools.simulator.hub_node import HubNode
    from tools.simulator.simulation import Simulation

_HOUR: Final = 3600.0
_REVOKED_SECONDS: Final = 1.0  # so soon a revocation holds


class People:
    """Of one simulation."""

    def __init__(self, simulation: Simulation, dice: random.Random) -> None:
        self._simulation = simulation
        self._dice = dice
        self._machines = 0
        # So often the hub's folder or its database was another: there are two histories then. What was copied in one is not brought back in the
        # other, for there it would say what was never so.
        self._backups = 0
        self._exchanges = 0

    # --- copies --------------------------------------------------------------------------------------------------
    def clone(self, cabin: CabinNode) -> CabinNode:
        """Somebody copies a cabin's disk and lets both run."""
        simulation = self._simulation
        self._excuse(cabin)
        twin = simulation.machine(
            self._name(cabin.site), cabin.keys, cabin.directory, simulation.line(self._name(cabin.site))
        )
        twin.disk.restore(cabin.disk.image())
        custody = simulation.witness.notebook.custody
        custody[twin.name].spoiled = custody[cabin.name].spoiled
        twin.start()
        for _ in range(self._dice.randint(1, 4)):
            self._later(0, 600, lambda: simulation.hand_in_at(twin))
        self._later(0.1 * _HOUR, 3 * _HOUR, twin.retire)
        self._come(_HOUR / 4, 2 * _HOUR)
        return twin

    def restore(self, cabin: CabinNode) -> None:
        """Somebody makes an image of a cabin's disk, and some hours later brings it back."""
        image, before = cabin.disk.image(), set(self._simulation.witness.notebook.custody[cabin.name].accepted)

        def bring_back() -> None:
            if cabin.retired:
                return
            cabin.kill(power=False)
            custody = self._simulation.witness.notebook.custody[cabin.name]
            custody.spoiled = custody.spoiled or "an older image was brought back"
            self._excuse(cabin)
            for digest in custody.waiting().keys() - before:
                custody.freed.add(digest)  # a person has overwritten what came since
            cabin.disk.restore(image)
            self._simulation.report.recoveries["older-image-came-back"] += 1
            self._come(_HOUR / 4, 2 * _HOUR)

        self._later(60, 12 * _HOUR, bring_back)

    def restore_hub(self, within_seconds: float = 8 * _HOUR) -> None:
        """The hub's folder is copied with a snapshot, and some time later the copy is all there is."""
        simulation = self._simulation
        hub, witness = simulation.hub, simulation.witness
        if not hub.runs:
            return
        witness.hub.look()
        image, before, exchanges = hub.disk.image(), witness.notebook.record.copy(), self._exchanges

        def bring_back() -> None:
            if exchanges != self._exchanges:
                return
            hub.kill(power=False)
            hub.disk.restore(image)
            self._backups += 1
            witness.hub_restored(before)
            witness.notebook.restored.update(cabin.site for cabin in simulation.cabins)
            simulation.report.recoveries["hub-came-back-from-a-backup"] += 1
            self._come(_HOUR / 4, 2 * _HOUR)

        self._later(60, within_seconds, bring_back)

    def older_database(self) -> None:
        """Somebody copies the hub's database and nothing else, perhaps without its WAL; some hours later the copy lies beside the documents that
        have come since. The newer one may be found again."""
        hub, witness, dice = self._simulation.hub, self._simulation.witness, self._dice
        if not hub.runs:
            self._later(60, 600, self.older_database)
            return
        older, found_again = database_of(hub), dice.random() < 0.5
        if dice.random() < 0.5:
            self._exchange_later(older, witness.hub.copy(), found_again=found_again)
        else:  # how far that goes depends on when SQLite last emptied the WAL
            self._exchange_later({HUB_FILE: older[HUB_FILE]}, None, found_again=found_again)

    def _exchange_later(self, older: Image, before: Copy | None, *, found_again: bool) -> None:
        history = self._backups, self._exchanges

        def bring_back() -> None:
            if history == (self._backups, self._exchanges):
                self._exchange(older, before, found_again=found_again)

        self._later(60, 8 * _HOUR, bring_back)

    def _exchange(self, older: Image, before: Copy | None, *, found_again: bool) -> None:
        """Another database than the hub's, beside its documents; `before` is what the witness knew of it, None what it finds there."""
        simulation, dice = self._simulation, self._dice
        hub, witness = simulation.hub, simulation.witness
        if not hub.runs:
            self._exchange_later(older, before, found_again=found_again)
            return
        newer, known = database_of(hub), witness.hub.copy()
        hub.kill(power=False)
        hub.disk.exchange(set(newer), older)
        self._exchanges += 1
        witness.notebook.restored.update(cabin.site for cabin in simulation.cabins)
        witness.database_exchanged(before, known)
        simulation.report.recoveries["hub-went-on-with-another-database"] += 1
        hub.may_stumble(dice)
        self._come(_HOUR / 4, 2 * _HOUR)
        if found_again:
            self._exchange_later(newer, known, found_again=False)

    # --- trust ---------------------------------------------------------------------------------------------------
    def revoke(self, cabin: CabinNode) -> None:
        """A cabin must not speak any more, from within a second; some hours later a new machine stands in its place."""
        simulation = self._simulation
        if cabin.retired:
            return
        now = simulation.hub.utc()
        try:
            if simulation.hub.beside(lambda connection: enrolment.revoke(connection, cabin.site, now)) is None:
                return
        except Refused:
            return  # somebody was here before
        simulation.report.recoveries["revoked-while-it-spoke"] += cabin.connection is not None
        self._excuse(cabin)
        witness = simulation.witness
        known, machine = witness.notebook.record, witness.hub.newest(cabin.site)

        def holds() -> None:
            if machine is not None and witness.notebook.record is known:  # an older copy of the hub knows nothing of it
                witness.hub.revoked(machine)

        simulation.agenda.after(_REVOKED_SECONDS, holds)
        self._later(_REVOKED_SECONDS + 60, 6 * _HOUR, lambda: cabin.retired or self.replace(cabin.site))

    def replace(self, site: SiteId) -> bool:
        """The machine of a site is switched off, and another one enrolled; False when the hub cannot."""
        simulation = self._simulation
        old = simulation.cabin(site)
        if not simulation.hub.runs:
            self._again(old)
            return False
        now = simulation.hub.utc()
        place = simulation.district

        def command(connection: Connection) -> tuple[CabinKeys, Signed]:
            keys = place.enrol(connection, old.keys.site, now)
            signed = place.publish(connection, now)
            facts.clear_alarms(connection, site, now)
            return keys, signed

        done = simulation.hub.beside(command)
        if done is None:
            self._again(old)
            return False
        simulation.report.recoveries["machine-was-replaced"] += 1
        self._excuse(old)
        for custody in simulation.witness.notebook.custody.values():
            if custody.cabin.site == site and not custody.retired:
                if custody.cabin.runs:
                    simulation.witness.cabins[custody.cabin.name].opened()  # what waits in it stays there
                custody.retired = True
                custody.cabin.retire()
        simulation.put_in_place(simulation.machine(self._name(site), *done, old.line))
        return True

    def new_inbox_key(self) -> None:
        """An agency makes a new key for its inbox, to which cabins seal as soon as they hear of it; or all its keys, and until the hub knows those it
        does not let the agency in."""
        place = self._simulation.district
        id = self._dice.choice(list(place.agencies))
        office = self._simulation.office(id)
        anew = self._dice.random() < 0.5
        place.new_card(id, anew=anew)
        if anew:
            office.begin_anew(place.agencies[id])
        self._take_over(id)

    def let_go(self) -> None:
        """An agency goes, where nothing lies in its inbox; some hours later it is taken in anew."""
        simulation = self._simulation
        place, now = simulation.district, simulation.hub.utc()
        id = self._dice.choice(list(place.agencies))

        def command(connection: Connection) -> Signed:
            draft.remove_agency(connection, id)
            return place.publish(connection, now)

        try:
            gone = simulation.hub.beside(command)
        except Refused:
            return  # something lies there, or it has gone already
        if gone is not None:
            simulation.report.recoveries["agency-was-let-go"] += 1
            self._later(60, 6 * _HOUR, lambda: self._take_over(id))

    def _take_over(self, id: AgencyId) -> None:
        place, now = self._simulation.district, self._simulation.hub.utc()

        def command(connection: Connection) -> Signed:
            place.take_over(connection, id)
            return place.publish(connection, now)

        if self._simulation.hub.beside(command) is None:
            self._later(60, 600, lambda: self._take_over(id))

    def attend(self) -> None:
        """Look what the hub says, and at cabins that it does not let in."""
        simulation = self._simulation
        if not simulation.hub.runs:
            return
        for id in simulation.witness.hub.held_back_for():
            simulation.report.recoveries["agency-was-made-known-again"] += 1
            self._take_over(id)
        for office in simulation.offices:
            if office.anew and not simulation.hub.port.admits(
                office.user
            ):  # a hub from a backup has forgotten its card
                self._take_over(office.agency)
        if simulation.hub.beside(publish.needed) or any(map(_refuses_directory, simulation.cabins)):
            simulation.report.recoveries["directory-was-published-once-more"] += 1
            simulation.hub.publish()
        forked = simulation.witness.hub.forked()
        for cabin in list(simulation.cabins):
            if cabin.site in forked or not simulation.hub.port.admits(cabin.user):
                simulation.report.recoveries["fork-was-noticed"] += cabin.site in forked
                self.replace(cabin.site)

    def _again(self, old: CabinNode) -> None:
        self._later(60, 600, lambda: old.retired or self.replace(old.site))

    # --- inside --------------------------------------------------------------------------------------------------
    def _excuse(self, cabin: CabinNode) -> None:
        self._simulation.witness.notebook.excused.add(cabin.site)

    def _name(self, site: SiteId) -> str:
        self._machines += 1
        return f"{site}~{self._machines}"

    def _come(self, low_seconds: float, high_seconds: float) -> None:
        self._later(low_seconds, high_seconds, self.attend)

    def _later(self, low_seconds: float, high_seconds: float, act: Callable[[], object]) -> None:
        agenda = self._simulation.agenda
        agenda.on(agenda.now + self._dice.uniform(low_seconds, high_seconds), act)


def _refuses_directory(cabin: CabinNode) -> bool:
    return cabin.buffer is not None and any(map(refuses_directory, cabin.buffer.troubles))


def database_of(hub: HubNode) -> Image:
    """Its database's files as they are now."""
    return {name: raw for name, raw in hub.disk.image().items() if name.startswith(HUB_FILE)}
