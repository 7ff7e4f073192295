from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import codec, ranges
from protocol.errors import Code, Mistake, Refused
from protocol.ranges import Ranges

spans = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 12)).map(lambda pair: (pair[0], pair[0] + pair[1])), max_size=12
)


def plain(parts: list[tuple[int, int]]) -> set[int]:
    return {number for begin, end in parts for number in range(begin, end)}


@given(spans)
def test_it_holds_the_same_numbers_as_a_plain_set(parts: list[tuple[int, int]]) -> None:
    model = plain(parts)
    present = ranges.of(parts)
    assert set(present.numbers()) == model
    assert list(present.numbers()) == sorted(model)
    assert len(present) == len(model)
    assert bool(present) == bool(model)
    assert [number in present for number in range(-1, 80)] == [number in model for number in range(-1, 80)]


@given(spans, st.integers(0, 80), st.integers(0, 80))
def test_what_is_missing_is_the_complement(parts: list[tuple[int, int]], up_to: int, start: int) -> None:
    gaps = ranges.of(parts).missing(up_to, start)
    assert plain(list(gaps)) == set(range(start, up_to)) - plain(parts)
    assert ranges.of(gaps).spans == gaps


@given(spans, st.randoms(use_true_random=False))
def test_one_set_has_one_form_and_survives_the_wire(parts: list[tuple[int, int]], chance: object) -> None:
    present = ranges.of(parts)
    chance.shuffle(parts)  # type: ignore[attr-defined]
    assert ranges.of(parts) == present
    assert codec.decode_canonical(Ranges, codec.encode(present), 4096) == present


@pytest.mark.parametrize(
    "bad", [((5, 5),), ((5, 4),), ((0, 2), (2, 4)), ((4, 6), (0, 2)), ((-2, 1),), ((0, 5), (3, 8))]
)
def test_other_forms_are_refused_on_the_wire(bad: tuple[tuple[int, int], ...]) -> None:
    with pytest.raises(Refused) as caught:
        codec.decode(Ranges, codec.encode((bad,)), 4096)
    assert caught.value.code is Code.MALFORMED


@pytest.mark.parametrize(("begin", "end"), [(-1, 3), (4, 3)])
def test_adding_an_impossible_span_is_our_mistake(begin: int, end: int) -> None:
    with pytest.raises(Mistake):
        Ranges().add(begin, end)
