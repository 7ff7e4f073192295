"""kill -9 of real processes under load, at moments of chance. Afterwards everything accepted is opened at the agency, once.

Whoever waits for a process to start leaves the cores to others: several houses suffer side by side."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import ExitStack
from typing import Final

from tools.room import room
from tools.torture.house import AGENCY, House, house, until
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
_LOOK_UP_SECONDS: Final = 0.5
_FOUNDING: Final = threading.Lock()  # Alembic, which makes the hub's tables, does so once at a time


def kill(rounds: int, seed: int, plant: str = "", jobs: int = 1) -> Report:
    """`rounds` kills, in `jobs` houses. Where one has found something, the others end too."""
    report = Report("kill", seed, plant, rounds)
    shares = [rounds // jobs + (number < rounds % jobs) for number in range(min(jobs, rounds))]
    ended = threading.Event()
    with ThreadPoolExecutor(len(shares)) as houses:
        try:
            found = [houses.submit(_house, seed, plant, ended, number, share) for number, share in enumerate(shares)]
            for each in found:
                # The system may give a signal to any thread, and Python acts upon it in this one, which sleeps: it looks up now and then.
                while wait([each], _LOOK_UP_SECONDS).not_done:
                    pass
                report.add(each.result())
        finally:
            ended.set()
    return report


def _house(seed: int, plant: str, ended: threading.Event, number: int, rounds: int) -> Report:
    """Kills in the house with this number."""
    report = Report("kill", seed, plant, rounds)
    dice = luck(seed, "kill", number) if number else luck(seed, "kill")
    victims = [victim for _ in range(0, rounds, len(_VICTIMS)) for victim in dice.sample(_VICTIMS, len(_VICTIMS))]
    sites = [site for site in uckermark().sites if site.id == SITE]
    with room() as folder, ExitStack() as open_:
        with _FOUNDING:
            made = open_.enter_context(house(folder, sites, plant))
        made.start_cabin(SITE)
        made.follow()
        while report.rounds < rounds and not report.violations and not ended.is_set():
            with made.load(SITE):
                for _ in range(min(SUM_EVERY_PLANTED if plant else SUM_EVERY, rounds - report.rounds)):
                    if ended.is_set():
                        break
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
                ended.set()
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
