"""What the simulation has taught, as short as it can be said: real cabins and the real hub, on simulated disks and lines."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from cloud.hub import BELL_SECONDS
from protocol import limits
from protocol.errors import Unavailable
from tools.simulator.disk import Disk, Image
from tools.simulator.kernel import Kernel
from tools.simulator.people import database_of
from tools.simulator.planted import PLANTED
from tools.simulator.record import Record
from tools.simulator.simulation import Simulation


@pytest.fixture
def world(tmp_path: Path) -> Iterator[Simulation]:
    """A hub and a cabin that nobody has started yet, on disks that are told everything."""
    simulation = Simulation(tmp_path / "world", seed=1, cabins=1, days=1)
    with simulation.kernel.watched():
        yield simulation
        simulation.end()


@pytest.mark.parametrize("seed", range(8))
def test_what_follows_a_failed_fsync_survives_a_power_cut(world: Simulation, seed: int) -> None:
    """The kernel shows frames of the WAL that are not on the disk; what was committed behind them was lost with them."""
    cabin = world.cabins[0]
    cabin.disk.dice.seed(seed)
    cabin.start()
    cabin.disk.syncs_until_failure = 1
    world.hand_in(cabin)
    assert not cabin.runs
    assert cabin.disk.failed_syncs == 1
    cabin.start()
    for _ in range(3):
        world.hand_in(cabin)
    accepted = len(world.witness.notebook.custody[cabin.name].accepted)
    assert accepted >= 3
    cabin.kill(power=True)
    cabin.start()
    assert cabin.buffer is not None
    assert cabin.buffer.troubles == ()
    assert cabin.buffer.waiting().documents >= accepted


def test_a_disk_that_nobody_may_write_is_said_in_words(world: Simulation) -> None:
    cabin = world.cabins[0]
    cabin.disk.read_only = True
    with pytest.raises(Unavailable, match="disk"):
        cabin.open()


def test_the_disk_of_a_dead_process_takes_nothing(tmp_path: Path) -> None:
    """Whatever its destructors try: SQLite moves the WAL into the file when it is closed."""
    kernel = Kernel()
    disk = kernel.mount(Disk(tmp_path / "node", random.Random(1)))
    with kernel.watched():
        connection = sqlite3.connect(disk.folder / "x.sqlite", isolation_level=None)
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")
        before = disk.image()
        disk.toll = lambda: (_ for _ in ()).throw(OSError("dead"))
        connection.close()
        assert disk.image() == before


def test_a_cabin_that_refuses_the_hub_is_heard(world: Simulation) -> None:
    """A hub that does not see that it came back from a backup: only the cabin sees that there are two histories, and a person must be called."""
    PLANTED["restore-unnoticed"].plant(world)
    cabin = world.cabins[0]
    world.hub.start()
    cabin.start()
    world.agenda.run(world.agenda.now + 10)
    assert cabin.buffer is not None
    database = cabin.buffer._database
    with database.turn():
        other = msgspec.structs.replace(database.place.theirs, hash=bytes(32))
        database.place = msgspec.structs.replace(database.place, theirs=other)
    cabin.kill(power=False)
    world.witness.notebook.excused.add(cabin.site)
    world.agenda.run(world.agenda.now + 20)
    world.hub.publish()
    world.agenda.stir()
    world.agenda.run(world.agenda.now + 20)
    assert world.witness.hub.forked() == [cabin.site]


def test_an_agency_speaks_of_a_document_whose_cabin_was_replaced_meanwhile(world: Simulation) -> None:
    """The hub had not thought of that site since it was started, and wrote the first entry of the new machine's log beside those of the old one."""
    cabin, hub = world.cabins[0], world.hub

    def passes(seconds: int) -> None:
        for _ in range(seconds):
            world.agenda.stir()
            world.agenda.run(world.agenda.now + 1)

    hub.start()
    cabin.start()
    passes(5)
    for _ in range(4):
        world.hand_in(cabin)
    passes(20)
    assert len(world.witness.notebook.record.stored) == 4
    cabin.line.cut()
    hub.kill(power=False)
    passes(10)
    assert world.people.replace(cabin.site)
    for office in world.offices:
        office.visit()
    passes(20)
    assert hub.runs
    assert len(world.witness.notebook.record.told) >= 4


def passes(world: Simulation, seconds: int) -> None:
    """Time."""
    for _ in range(seconds):
        world.agenda.stir()
        world.agenda.run(world.agenda.now + 1)


def brought_back(world: Simulation, image: Image, before: Record) -> None:
    """The hub comes back from a backup."""
    world.hub.kill(power=False)
    world.hub.disk.restore(image)
    world.witness.hub_restored(before)
    world.witness.notebook.restored.update(cabin.site for cabin in world.cabins)
    passes(world, 60)


def of_hub(world: Simulation, sql: str) -> list[tuple[Any, ...]]:
    with world.hub.ledger.database.reading() as connection:  # type: ignore[union-attr]
        return [tuple(row) for row in connection.exec_driver_sql(sql)]


@pytest.mark.parametrize("kept", [True, False])
def test_a_hub_from_a_backup_goes_on_with_everybody_and_names_what_is_lost(world: Simulation, kept: bool) -> None:
    """Cabins refused it for ever, and what had been secured since was never spoken of. What a cabin has kept comes back."""
    cabin, hub = world.cabins[0], world.hub
    cabin.keep_seconds = limits.KEPT_SECONDS if kept else 0.0
    hub.start()
    cabin.start()
    world.hand_in(cabin)
    passes(world, 20)
    image, before = hub.disk.image(), world.witness.notebook.record.copy()
    world.hand_in(cabin)
    passes(world, 20)
    assert len(world.witness.notebook.record.stored) == 2
    cabin.line.cut()
    world.hand_in(cabin)
    for seconds in (60, 0):  # and once more from the same copy
        brought_back(world, image, before)
        cabin.line.mend()
        passes(world, seconds)
    passes(world, 60)
    assert world.witness.cabins[cabin.name].unfinished() == []
    [(lost,)] = of_hub(world, "SELECT count(*) FROM document WHERE state = 'lost'")
    assert (lost == 0) == kept
    assert of_hub(world, "SELECT DISTINCT kind FROM alarm") == [("hub-restored",)]
    [(epoch,)] = of_hub(world, "SELECT max(epoch) FROM down_epoch")
    assert cabin.buffer is not None
    assert (cabin.buffer.log.theirs().epoch, cabin.buffer.troubles) == (epoch, ())


def test_a_revocation_is_seen_before_anything_is_heard_after_a_turn_that_took_long(world: Simulation) -> None:
    """The list of who may speak was looked at after hearing: with a slow disk a revoked cabin was heard once more, seconds later."""
    cabin, hub = world.cabins[0], world.hub
    hub.start()
    cabin.start()
    passes(world, 5)
    hub._ready_at = world.agenda.clock + 3  # as though its turn waited for the disk
    world.people.revoke(cabin)
    passes(world, 2)
    [(site, number)] = [(at, mark.number) for at, mark in world.witness.notebook.record.marks.items()]
    assert world.witness.notebook.record.final == {site: number}
    world.hand_in(cabin)
    passes(world, 5)  # the witness looks after every turn
    assert world.witness.notebook.record.marks[site].number == number
    assert not hub.port.admits(cabin.user)
    world.people.revoke(cabin)  # who comes later is told so by the hub
    assert hub.runs


@pytest.mark.parametrize("backup", [False, True])
def test_what_a_hub_took_in_the_second_of_a_revocation_counts_as_taken_though_it_died(
    world: Simulation, backup: bool
) -> None:
    """The witness looked at what it had last seen of a hub that was down; and forbade a cabin of which the copy of a backup knew no revocation."""
    cabin, hub, witness = world.cabins[0], world.hub, world.witness
    hub.start()
    cabin.start()
    passes(world, 5)
    image, before = hub.disk.image(), witness.notebook.record.copy()
    assert hub.hub is not None
    hub.hub._bell_at = world.agenda.clock + BELL_SECONDS  # it has just looked who may speak
    hub.looked = lambda: None  # it dies at the end of the turn that takes them
    world.people.revoke(cabin)
    world.hand_in(cabin)
    world.agenda.run(world.agenda.now + 0.2)
    hub.kill(power=False)
    hub.looked = witness.hub.look
    if backup:
        hub.disk.restore(image)
        witness.hub_restored(before)
        witness.notebook.restored.add(cabin.site)
    passes(world, 20)
    [(held,)] = of_hub(world, "SELECT max(last) FROM up_run")
    assert held > max(mark.number for mark in before.marks.values())
    assert world.hub.port.admits(cabin.user) == backup
    assert bool(witness.notebook.record.final) != backup


def test_entries_that_no_cabin_keeps_any_more_are_counted_and_the_rest_can_be_read(world: Simulation) -> None:
    """An old copy: the cabin has forgotten hundreds of entries since, with the key of their epoch."""
    cabin, hub = world.cabins[0], world.hub
    hub.start()
    cabin.start()
    passes(world, 20)
    image, before = hub.disk.image(), world.witness.notebook.record.copy()
    for _ in range(100):
        cabin.visit()
    cabin.kill(power=False)
    passes(world, 20)
    for _ in range(limits.ENTRIES_KEPT + 100):
        cabin.visit()
    passes(world, 60)
    assert cabin.buffer is not None
    forgotten = cabin.buffer.log.first() - 1
    assert forgotten >= 100
    world.hand_in(cabin)
    brought_back(world, image, before)
    passes(world, 60)
    assert world.witness.cabins[cabin.name].unfinished() == []
    assert of_hub(world, "SELECT count(*) FROM quarantine") == [(0,)]
    [(missing,)] = of_hub(world, "SELECT up_missing FROM link WHERE site = 'templin'")
    assert 90 < missing <= forgotten
    told = [text for (text,) in of_hub(world, "SELECT text FROM alarm WHERE kind = 'entries-missing'")]
    assert len(told) == 1


@pytest.mark.parametrize("luck", [1, 2, 3])
def test_what_is_set_aside_has_its_name_on_the_disk_before_the_database_says_so(world: Simulation, luck: int) -> None:
    """The power failed in the middle of a hub's start with a database that had been found again: a document was cut off that the other one knew."""
    cabin, hub, people, witness = world.cabins[0], world.hub, world.people, world.witness
    hub.start()
    cabin.start()
    passes(world, 5)
    world.hand_in(cabin)
    passes(world, 20)
    older, knew = database_of(hub), witness.hub.copy()
    world.hand_in(cabin)
    passes(world, 20)
    newer, knows = database_of(hub), witness.hub.copy()
    people._exchange(older, knew, found_again=False)
    passes(world, 30)
    world.hand_in(cabin)
    passes(world, 30)
    people._exchange(newer, knows, found_again=False)
    hub._stumbles = 15, True  # effects into its next life: it has committed, and heard nobody yet
    hub.disk.dice.seed(luck)
    passes(world, 20)
    assert witness.notebook.kept, "nothing that only the other database knew"
    assert hub.runs
