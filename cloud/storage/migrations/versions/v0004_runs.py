"""Entries of cabins are kept in runs, as they came together, instead of one row each. What is here is carried over and chained anew."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import msgspec
import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_ENTRIES_MAX = 512
_BYTES_MAX = 64 * 1024
_GENESIS = bytes(32)
_AT_ONCE = 200  # runs written together


def upgrade() -> None:
    """One table for the other. Runs in the transaction that opens the database: all of it or nothing."""
    run = op.create_table(
        "up_run",
        sa.Column("site", sa.String(63), primary_key=True),
        sa.Column("machine", sa.Integer(), primary_key=True, autoincrement=False),
        sa.Column("first", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("last", sa.BigInteger(), nullable=False),
        sa.Column("epoch", sa.BigInteger(), nullable=False),
        sa.Column("before", sa.LargeBinary(), nullable=False),
        sa.Column("payloads", sa.LargeBinary(), nullable=False),
    )
    connection = op.get_bind()
    batch: list[dict[str, object]] = []
    for row in _runs(_entries(connection)):
        batch.append(row)
        if len(batch) == _AT_ONCE:
            connection.execute(run.insert(), batch)
            batch.clear()
    if batch:
        connection.execute(run.insert(), batch)
    op.drop_table("up_entry")


def downgrade() -> None:
    """Not offered: go back by restoring a copy of the folder."""
    raise NotImplementedError


def _entries(connection: sa.Connection) -> Iterator[sa.Row[tuple[object, ...]]]:
    """In the order of each log, read in pieces: a hub may hold millions."""
    where = ""
    values: dict[str, object] = {}
    while True:
        found = connection.execute(
            sa.text(
                "SELECT site, machine, number, epoch, hash, payload FROM up_entry "  # noqa: S608  # words of ours
                f"{where} ORDER BY site, machine, number LIMIT 5000"
            ),
            values,
        ).all()
        yield from found
        if not found:
            return
        last = found[-1]
        where = "WHERE (site, machine, number) > (:site, :machine, :number)"
        values = {"site": last.site, "machine": last.machine, "number": last.number}


def _runs(found: Iterator[sa.Row[tuple[object, ...]]]) -> Iterator[dict[str, object]]:
    run: dict[str, object] = {}
    payloads: list[bytes] = []
    size_bytes = 0
    previous = None
    for row in found:
        goes_on = (
            previous is not None
            and (row.site, row.machine, row.epoch) == (previous.site, previous.machine, previous.epoch)
            and row.number == previous.number + 1
            and len(payloads) < _ENTRIES_MAX
            and size_bytes < _BYTES_MAX
        )
        if not goes_on:
            if payloads:
                yield {**run, "payloads": msgspec.msgpack.encode(payloads)}
            payloads, size_bytes = [], 0
            run = {"site": row.site, "machine": row.machine, "first": row.number, "epoch": row.epoch}
            run["before"] = _before(row, previous)
        run["last"] = row.number
        payloads.append(bytes(row.payload))
        size_bytes += len(row.payload)
        previous = row
    if payloads:
        yield {**run, "payloads": msgspec.msgpack.encode(payloads)}


def _before(row: sa.Row[tuple[object, ...]], previous: sa.Row[tuple[object, ...]] | None) -> bytes:
    """Hash of the entry that `row` was chained to: the row before, the beginning, or where its log says that it goes on after a loss."""
    near: list[bytes] = []
    if previous is not None and (previous.site, previous.machine) == (row.site, row.machine):
        near.append(bytes(previous.hash))
    near.append(_GENESIS)
    if row.payload[:1] == b"\0":
        # An entry in clear that opens an epoch: ["epoch", wrapped key, [epoch, number, hash], at].
        opened = msgspec.msgpack.decode(row.payload[1:])
        if opened[0] == "epoch":
            near.append(bytes(opened[2][2]))
    numbers = row.epoch.to_bytes(8, "big") + row.number.to_bytes(8, "big")
    for before in near:
        if hashlib.sha256(before + numbers + bytes(row.payload)).digest() == bytes(row.hash):
            return before
    return near[0]  # damaged: its hash will show it, as it did before
