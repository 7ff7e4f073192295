"""What a simulation has found and reached."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Report:
    """`broken`: promises that did not hold, in words, each with the command that replays it. `faults` and `recoveries`: how often each was
    really reached. `trace`: SHA-256 of what was said and when."""

    seed: int
    cabin_days: float = 0.0
    broken: list[str] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)
    recoveries: Counter[str] = field(default_factory=Counter)
    documents: int = 0
    messages: int = 0
    planted: str = ""
    traces: list[str] = field(default_factory=list)

    def add(self, other: Report) -> None:
        """Another simulation of the same run."""
        self.cabin_days += other.cabin_days
        self.broken += other.broken
        self.faults += other.faults
        self.recoveries += other.recoveries
        self.documents += other.documents
        self.messages += other.messages
        self.traces += other.traces

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "cabin_days": round(self.cabin_days, 3),
            "seed": self.seed,
            "violations": len(self.broken),
            "faults": dict(sorted(self.faults.items())),
            "recoveries": {path: count for path, count in sorted(self.recoveries.items()) if count},
            "planted": self.planted or None,
            "caught": bool(self.broken) if self.planted else None,
        }
