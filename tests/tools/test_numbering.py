"""Numbers of a cabin's documents, however they overtake each other."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.ids import AgencyId, EnvelopeId, ReceiptNumber, SiteId
from protocol.manifest import NO_MANIFEST, SUITE, Manifest
from tools.numbering import LATE_SECONDS, Row, counted

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def digest_of(number: int) -> bytes:
    return hashlib.sha256(b"%d" % number).digest() if number else NO_MANIFEST


def manifest(number: int, previous: bytes | None = None) -> Manifest:
    return Manifest(
        version=1,
        suite=SUITE,
        envelope=EnvelopeId(bytes(16)),
        receipt=ReceiptNumber(f"TEM-{100 + number}"),
        agency=AgencyId("sozialamt"),
        epoch=1,
        cabin=SiteId("templin"),
        captured_at=NOON,
        length_bytes=1,
        header_sha256=bytes(32),
        payload_sha256=bytes(32),
        counter=number,
        previous=digest_of(number - 1) if previous is None else previous,
    )


def missing(row: Row) -> set[int]:
    return {number for gap in row.gaps for number in range(gap.first, gap.last + 1)}


@given(st.sets(st.integers(1, 30), min_size=1).flatmap(lambda numbers: st.permutations(sorted(numbers))))
def test_in_whatever_order_they_come_exactly_the_others_are_missing(order: list[int]) -> None:
    row = Row("templin")
    for here, number in enumerate(order, 1):
        row, gap, fits = counted(row, manifest(number), digest_of(number), NOON)
        assert fits
        assert gap is None or gap.last == number - 1
        assert row.counter == max(order[:here])
        assert missing(row) == set(range(1, row.counter)) - set(order[:here])
    assert all(left.last + 1 < right.first for left, right in zip(row.gaps, row.gaps[1:], strict=False))


@given(st.permutations(range(1, 9)), st.integers(0, 7), st.sampled_from(["another manifest", "names another"]))
def test_whoever_forges_one_of_the_row_is_found_by_its_neighbours(order: list[int], at: int, how: str) -> None:
    row, fits_all, forged = Row("templin"), True, order[at]
    for number in order:
        digest, previous = digest_of(number), None
        if number == forged and how == "another manifest":
            digest = hashlib.sha256(b"forged").digest()
        elif number == forged:
            previous = hashlib.sha256(b"forged").digest()
        row, _, fits = counted(row, manifest(number, previous), digest, NOON)
        fits_all &= fits
    assert fits_all == (how == "another manifest" and forged == 8)  # nobody has named the last one yet


@pytest.mark.parametrize("number", [1, 3])
def test_a_number_that_was_there_does_not_fit(number: int) -> None:
    row = Row("templin")
    for each in (1, 3):
        row, _, _ = counted(row, manifest(each), digest_of(each), NOON)
    after, gap, fits = counted(row, manifest(number), digest_of(number), NOON)
    assert (after, gap, fits) == (row, None, False)


def test_a_gap_is_late_when_no_document_can_be_on_its_way_for_so_long() -> None:
    _, gap, _ = counted(Row("templin"), manifest(3), digest_of(3), NOON)
    assert gap is not None
    assert (gap.first, gap.last, gap.count, gap.before) == (1, 2, 2, "TEM-103")
    assert not gap.late(NOON + timedelta(seconds=LATE_SECONDS))
    assert gap.late(NOON + timedelta(seconds=LATE_SECONDS + 1))
