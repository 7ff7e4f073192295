"""What a torture has found: how much was done, what broke, and the command that does it again."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

_VIOLATIONS_MAX: Final = 20  # named; more are counted


def luck(*seeds: object) -> random.Random:
    """Chance that can be had again."""
    return random.Random(" ".join(map(str, seeds)))  # noqa: S311  # the same seed gives the same luck; no secret hangs on it


@dataclass
class Report:
    """`rounds` were done; `counts` says of what. `broken` promises in words, the first of them."""

    kind: str
    seed: int
    planted: str = ""
    asked: int = 0  # rounds; a torture may do some more or less
    rounds: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)
    violations: int = 0
    began: float = field(default_factory=time.monotonic)

    def broke(self, what: str) -> None:
        """A promise was broken. Of those that differ only in what stands behind “ for ”, the first is named."""
        self.violations += 1
        self._name(what)

    def add(self, other: Report) -> None:
        """What was found elsewhere belongs to it."""
        self.rounds += other.rounds
        self.counts += other.counts
        self.violations += other.violations
        for what in other.broken:
            self._name(what)

    def _name(self, what: str) -> None:
        alike = what.partition(" for ")[0]
        if len(self.broken) < _VIOLATIONS_MAX and not any(told.startswith(alike) for told in self.broken):
            self.broken.append(what)

    @property
    def enough(self) -> bool:
        """More would tell nothing new: a planted fault was caught, or very much is broken."""
        return bool(self.violations and (self.planted or self.violations >= 10 * _VIOLATIONS_MAX))

    @property
    def sound(self) -> bool:
        """Did it end as it should: without a fault nothing broke, with one something did?"""
        return bool(self.violations) == bool(self.planted)

    @property
    def replay(self) -> str:
        """The command that does the same again."""
        plant = f" --plant {self.planted}" if self.planted else ""
        return f"kabine torture {self.kind} --rounds {self.asked} --seed {self.seed}{plant}"

    def as_dict(self) -> dict[str, Any]:
        """For machines."""
        return {
            "kind": self.kind,
            "seed": self.seed,
            "rounds": self.rounds,
            "counts": dict(sorted(self.counts.items())),
            "violations": self.violations,
            "broken": self.broken,
            "planted": self.planted,
            "caught": bool(self.planted and self.violations),
            "seconds": round(time.monotonic() - self.began, 1),
            "replay": self.replay,
        }
