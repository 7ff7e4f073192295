"""Rows that say when they were altered: each ends in a seal over its values, and the seals of a table are added up in its tally."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from typing import Final, Generic, TypeVar

import msgspec

from edge.storage.database import Database, Tally
from protocol import codec

SEAL_BYTES: Final = 16
_MODULUS: Final = 1 << (8 * SEAL_BYTES)

T = TypeVar("T", bound=msgspec.Struct)


class Rows(Generic[T]):
    """One table, whose columns are the fields of `kind` (the first is the key) and a seal. Values are whole numbers, text and bytes.

    Writing happens within a turn. Reading raises Unavailable when a row is not what was written; nothing is written any more then."""

    def __init__(self, database: Database, table: str, kind: type[T]) -> None:
        self._database = database
        self._table = table
        self._kind = kind
        columns = kind.__struct_fields__
        marks = ", ".join("?" * (len(columns) + 1))
        # Names of tables and columns are ours, from `migrations`; nothing that a person typed is ever among them.
        self._by_key = f"WHERE {columns[0]} = ?"
        self._select = f"SELECT {', '.join(columns)}, seal FROM {table}"  # noqa: S608
        self._select_seal = f"SELECT seal FROM {table} {self._by_key}"  # noqa: S608
        self._delete = f"DELETE FROM {table} {self._by_key}"  # noqa: S608
        self._insert = f"INSERT INTO {table} ({', '.join(columns)}, seal) VALUES ({marks})"  # noqa: S608
        self._replace = self._insert.replace("INSERT", "REPLACE", 1)

    def add(self, row: T) -> None:
        """A row whose key is new."""
        seal = self._seal(row)
        self._database.execute(self._insert, (*msgspec.structs.astuple(row), seal))
        self._count(+1, seal)

    def replace(self, row: T, old: T | None = None) -> None:
        """A row whose key is there; `old` is what `get` gave for it in this turn, and saves looking again."""
        key, *_ = values = msgspec.structs.astuple(row)
        self._forget(key, old)
        seal = self._seal(row)
        self._database.execute(self._replace, (*values, seal))
        self._count(+1, seal)

    def put(self, row: T) -> None:
        """A row, whether its key is there or not."""
        key = msgspec.structs.astuple(row)[0]
        if self.get(key) is None:
            self.add(row)
        else:
            self.replace(row)

    def drop(self, key: object, old: T | None = None) -> None:
        """Delete the row, which is there; `old` as in `replace`."""
        self._forget(key, old)
        self._database.execute(self._delete, (key,))

    def get(self, key: object) -> T | None:
        """The row with this key."""
        found = self.where(self._by_key, (key,))
        return found[0] if found else None

    def where(self, condition: str = "", values: Sequence[object] = ()) -> list[T]:
        """Rows for `condition`, which begins with WHERE, ORDER or LIMIT."""
        rows = []
        for *found, seal in self._database.rows(f"{self._select} {condition}", values):
            row = self._kind(*found)
            if self._seal(row) != seal:
                raise self._database.damaged(f"a row of the table “{self._table}” is not what was written.")
            rows.append(row)
        return rows

    def fault(self) -> str:
        """What is wrong with the table as a whole, empty when nothing is. Reads every row."""
        rows, total = 0, 0
        for *found, seal in self._database.each(self._select):
            if self._seal(self._kind(*found)) != seal:
                return f"A row of the table “{self._table}” is not what was written."
            rows, total = rows + 1, (total + int.from_bytes(seal, "big")) % _MODULUS
        tally = self._database.place.tallies.get(self._table, Tally())
        if (rows, total.to_bytes(SEAL_BYTES, "big")) != (tally.rows, tally.seals):
            return f"The table “{self._table}” has {rows} rows; {tally.rows} were written, or others."
        return ""

    def sound(self) -> Iterator[T]:
        """Those rows of a damaged file that are still what was written."""
        for *found, seal in self._database.each_however(self._select):
            row = self._kind(*found)
            if self._seal(row) == seal:
                yield row

    def __len__(self) -> int:
        return self._database.place.tallies.get(self._table, Tally()).rows

    def _forget(self, key: object, old: T | None) -> None:
        seal = self._seal(old) if old is not None else self._database.rows(self._select_seal, (key,))[0][0]
        self._count(-1, seal)

    def _seal(self, row: T) -> bytes:
        return hashlib.sha256(self._table.encode() + b"\0" + codec.encode(row)).digest()[:SEAL_BYTES]

    def _count(self, rows: int, seal: bytes) -> None:
        place = self._database.place
        tally = place.tallies.get(self._table, Tally())
        total = (int.from_bytes(tally.seals, "big") + rows * int.from_bytes(seal, "big")) % _MODULUS
        new = Tally(tally.rows + rows, total.to_bytes(SEAL_BYTES, "big"))
        self._database.place = msgspec.structs.replace(place, tallies={**place.tallies, self._table: new})
