"""kill -9 of real processes under load, at moments of chance. Afterwards everything accepted is opened at the agency, once."""

from __future__ import annotations

import time
from typing import Final

from tools.torture.house import AGENCY, House, house, until
from tools.torture.recording import room
from tools.torture.report import Report, luck
from tools.town import uckermark

SITE: Final = "templin"
SUM_EVERY: Final = 20  # kills …
SUM_EVERY_PLANTED: Final = 3  # … and where a planted fault is looked for: the first that shows it ends the torture
_SECONDS_MAX: Final = 1.0  # between two kills …
_AT_WORK: Final = 0.5  # … and before so many of them another document is accepted; the others come whenever, also while something starts
_VICTIMS: Final = (*["cabin"] * 5, *["hub"] * 3, "connector", "everything")  # in every ten kills, in an order of chance
_WHOSE: Final = {
    "accept-before-commit": "cabin",
    "accept-before-opened": "connector",
}  # planted fault → whose death shows it


def kill(rounds: int, seed: int, plant: str = "") -> Report:
    """`rounds` kills."""
    report = Report("kill", seed, plant, rounds)
    dice = luck(seed, "kill")
    victims = [victim for _ in range(0, rounds, len(_VICTIMS)) for victim in dice.sample(_VICTIMS, len(_VICTIMS))]
    with room() as folder, house(folder, [site for site in uckermark().sites if site.id == SITE], plant) as made:
        made.start_cabin(SITE)
        made.follow()
        while report.rounds < rounds and not report.violations:
            with made.load(SITE):
                for _ in range(min(SUM_EVERY_PLANTED if plant else SUM_EVERY, rounds - report.rounds)):
                    if plant:
                        _until_one_more(made, _WHOSE[plant])
                    else:
                        if dice.random() < _AT_WORK:
                            _until_one_more(made, "cabin")
                        time.sleep(dice.random() * _SECONDS_MAX)
                    victim = _WHOSE.get(plant) or victims[report.rounds]
                    _kill(made, victim)
                    report.rounds += 1
                    report.counts[f"{victim}-killed"] += 1
                until(lambda: bool(made.accepted.get(SITE)))  # however slow the machine: something was at stake
            for what in made.broken([SITE], agency=True):
                report.broke(what)
        report.counts["documents-accepted"] += len(made.accepted.get(SITE, ()))
        report.counts["documents-cut-off"] += made.unknown.get(SITE, 0)
        report.counts["documents-opened"] += len(made.opened())
    return report


def _until_one_more(made: House, whose: str) -> None:
    """Wait until the cabin, or the agency, has told that it has accepted another document, however slow the machine."""

    def told() -> int:
        return len(made.accepted.get(SITE, ()) if whose == "cabin" else made.arrived(SITE, "accepted"))

    before = told()
    until(lambda: told() > before)


def _kill(made: House, victim: str) -> None:
    names = {"cabin": f"cabin-{SITE}", "hub": "hub", "connector": f"inbox-{AGENCY}"}
    chosen = [names[victim]] if victim in names else list(names.values())
    for name in chosen:
        made.processes[name].kill()
    for name in chosen:
        made.kill(name)
        if name == "hub":
            made.start_hub()
        elif name.startswith("cabin"):
            made.start_cabin(SITE)
        else:
            made.follow()
