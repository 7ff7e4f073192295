"""One statement for many rows, compiled once for its database and given to the driver as it is.

SQLAlchemy prepares every row of every execution anew, which costs more than SQLite takes to write it. Where a database or a statement needs
that (another way of naming values, defaults made in Python), it is left to SQLAlchemy.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection, Dialect
from sqlalchemy.sql.dml import UpdateBase

_STATEMENTS_MAX: Final = 256

Row = Mapping[str, Any]
Convert = Callable[[Any], Any]


class Prepared(NamedTuple):
    """The statement as the driver takes it, and for each of its places the name of the value and how it is stored."""

    text: str
    places: tuple[tuple[str, Convert | None], ...]


def write(connection: Connection, statement: UpdateBase, rows: Sequence[Row]) -> None:
    """Execute `statement` once for each of `rows`, which have equal columns. Keep the statement: it is recognized by its identity."""
    if not rows:
        return
    prepared = _prepared(connection.dialect, statement, tuple(rows[0]))
    if prepared is None:
        connection.execute(statement, rows)
        return
    batch = [
        tuple([row[name] if convert is None else convert(row[name]) for name, convert in prepared.places])
        for row in rows
    ]
    connection.exec_driver_sql(prepared.text, batch)


@functools.lru_cache(maxsize=_STATEMENTS_MAX)
def _prepared(dialect: Dialect, statement: UpdateBase, names: tuple[str, ...]) -> Prepared | None:
    if not dialect.positional:
        return None
    compiled = statement.compile(dialect=dialect, column_keys=list(names), for_executemany=True)
    if compiled.insert_prefetch or compiled.update_prefetch:
        return None
    order = compiled.positiontup or ()
    if not set(order) <= set(names):
        return None
    places = tuple((name, compiled.binds[name].type.dialect_impl(dialect).bind_processor(dialect)) for name in order)
    return Prepared(str(compiled), places)
