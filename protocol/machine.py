"""Advance a state table, complain usefully, draw it. What is legal is a dict `{(state, event): state}` one can read aloud."""

from __future__ import annotations

import enum
from collections.abc import Hashable, Mapping
from typing import TypeVar

from protocol.errors import Code, Mistake, Refused

S = TypeVar("S", bound=Hashable)
E = TypeVar("E", bound=Hashable)


def advance(table: Mapping[tuple[S, E], S], state: S, event: E, refuse: Code | None = None) -> S:
    """The state after `event` in `state`.

    A missing row is our own fault and raises Mistake, unless `refuse` names the code for an event that a peer or a person caused:
    then it raises Refused. Either names the state, the event and what would have been legal."""
    if (state, event) in table:
        return table[state, event]
    what = f"“{name(event)}” is not possible in state “{name(state)}”; possible: {_legal(table, state)}."
    if refuse is None:
        raise Mistake(what, "Report this with the log of this process.")
    raise Refused(refuse, what)


def legal(table: Mapping[tuple[S, E], S], state: S) -> tuple[E, ...]:
    """Events with a row for `state`, in the table's order."""
    return tuple(event for before, event in table if before == state)


def draw(table: Mapping[tuple[S, E], S]) -> str:
    """The table as a Mermaid state diagram, for DESIGN.md. It begins in the state of the first row; a state that nothing leaves ends."""
    states = list(dict.fromkeys(state for (before, _), after in table.items() for state in (before, after)))
    left = {before for before, _ in table}
    lines = ["stateDiagram-v2"]
    lines += [f"    {_word(state)}: {name(state)}" for state in states if _word(state) != name(state)]
    lines += [f"    [*] --> {_word(states[0])}"] if states else []
    lines += [
        f"    {_word(before)} --> {_word(after)}: {name(event)}"
        for (before, event), after in sorted(table.items(), key=lambda row: states.index(row[0][0]))
    ]
    lines += [f"    {_word(state)} --> [*]" for state in states if state not in left]
    return "\n".join(lines) + "\n"


def name(thing: object) -> str:
    """How a state or an event is called: the value of an enum member, the name of a type, else its text."""
    if isinstance(thing, enum.Enum):
        return str(thing.value)
    return thing.__name__ if isinstance(thing, type) else str(thing)


def _legal(table: Mapping[tuple[S, E], S], state: S) -> str:
    return ", ".join(f"“{name(event)}”" for event in legal(table, state)) or "nothing, this state is final"


def _word(thing: object) -> str:
    """Mermaid takes identifiers without blanks and hyphens."""
    return "".join(letter if letter.isalnum() else "_" for letter in name(thing))
