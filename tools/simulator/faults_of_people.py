"""What people do: bring older copies back, clone, revoke."""

from __future__ import annotations

from edge.storage.opening import FILE
from tools.simulator.strike import HOUR, MINUTE, Strike


def cabin_older_file(strike: Strike) -> None:
    """Somebody brings back an older copy of the cabin's database, and nothing else."""
    disk, dice = strike.cabin.disk, strike.dice
    older = {name: raw for name, raw in disk.image().items() if name.startswith(FILE)}

    def bring_back() -> None:
        if strike.cabin.retired:
            return
        strike.spoil("an older file was brought back")
        strike.cabin.kill(power=False)
        image = {name: raw for name, raw in disk.image().items() if name not in (FILE, f"{FILE}-wal")}
        disk.restore({**image, **older})

    seconds = dice.uniform(MINUTE, dice.choice([HOUR, 12 * HOUR]))
    strike.later(seconds, seconds, bring_back)
    if dice.random() < 0.5:  # and the hub hears nothing of what came between
        strike.cabin.line.cut()
        for share in (0.2, 0.5, 0.8):
            strike.later(share * seconds, share * seconds, lambda: strike.simulation.hand_in(strike.cabin))
        strike.later(seconds + 1, seconds + MINUTE, strike.cabin.line.mend)


def cloned(strike: Strike) -> None:
    """Somebody copies a cabin's disk, and both run."""
    strike.simulation.people.clone(strike.cabin)


def restored(strike: Strike) -> None:
    """Somebody brings an older image of a whole cabin back."""
    strike.simulation.people.restore(strike.cabin)


def hub_restored(strike: Strike) -> None:
    """The hub comes back from a backup that is some hours old."""
    strike.simulation.people.restore_hub()


def hub_older_database(strike: Strike) -> None:
    """An older database comes back beside the documents that the hub has stored since."""
    strike.simulation.people.older_database()
    for _ in range(3):
        strike.later(MINUTE, HOUR, lambda: strike.simulation.hand_in(strike.cabin))


def inbox_key_changed(strike: Strike) -> None:
    """An agency makes a new key for its inbox, or all its keys, and perhaps the hub comes back from a backup that knows none of it; or a cabin hears
    of them when papers that it has handed in were fetched with them already."""
    people, dice = strike.simulation.people, strike.dice
    if dice.random() < 0.5:
        people.restore_hub(within_seconds=HOUR)
    elif dice.random() < 0.5:
        for _ in range(3):
            strike.later(0, 0.1, lambda: strike.simulation.hand_in(strike.cabin))
        strike.later(10, 30, strike.cabin.line.cut)
        for office in strike.simulation.offices:
            strike.later(2 * MINUTE, 10 * MINUTE, office.visit)
        strike.later(11 * MINUTE, 20 * MINUTE, strike.cabin.line.mend)
    seconds = dice.uniform(MINUTE, 2 * MINUTE)
    for late in (0.0, dice.uniform(0, 2)):  # the second directory overtakes the first on its way
        strike.later(seconds + late, seconds + late, people.new_inbox_key)
    for _ in range(3):
        strike.later(MINUTE, HOUR, lambda: strike.simulation.hand_in(strike.cabin))


def agency_let_go(strike: Strike) -> None:
    """An agency goes, and a cabin that does not hear of it takes papers for it."""
    for office in strike.simulation.offices:
        for _ in range(4):  # until its inbox is empty
            strike.later(0, MINUTE, office.visit)
    if strike.dice.random() < 0.5:
        strike.cabin.line.cut()
        strike.later(10 * MINUTE, 6 * HOUR, strike.cabin.line.mend)
    strike.later(MINUTE, 2 * MINUTE, strike.simulation.people.let_go)
    for _ in range(3):
        strike.later(2 * MINUTE, 10 * MINUTE, lambda: strike.simulation.hand_in(strike.cabin))


def revoked(strike: Strike) -> None:
    """A cabin is revoked while it speaks; a new machine comes later."""
    for second in range(5):
        strike.later(second * 0.2, second * 0.3, lambda: strike.simulation.hand_in_at(strike.cabin))
    strike.later(0.5, 1.5, lambda: strike.simulation.people.revoke(strike.cabin))
