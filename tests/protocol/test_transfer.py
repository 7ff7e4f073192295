from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from protocol import limits
from protocol.frames import Want
from protocol.ids import Digest
from protocol.transfer import Arrival, Transfers

A, B, C = (Digest(bytes([letter]) * 32) for letter in b"abc")
WINDOW, CHUNK = 100, 30


def asks(transfers: Transfers, window_bytes: int = WINDOW, chunk_bytes: int = CHUNK) -> list[Want]:
    return list(transfers.asks(window_bytes, chunk_bytes))


def test_a_blob_is_asked_for_from_the_front_within_the_window():
    transfers = Transfers()
    transfers.want(A, 110, 0)
    assert asks(transfers) == [Want(A, 0, 30), Want(A, 30, 30), Want(A, 60, 30)]
    assert asks(transfers) == []
    assert transfers.arrived(A, 0, 30, 110) is Arrival.NEXT
    assert asks(transfers) == [Want(A, 90, 20)]
    for offset, length in ((30, 30), (60, 30), (90, 20)):
        assert A in transfers
        assert transfers.arrived(A, offset, length, 110) is Arrival.NEXT
    assert A not in transfers
    assert transfers.outstanding_bytes == len(transfers) == 0


def test_at_least_one_chunk_is_asked_for_however_small_the_window():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    assert asks(transfers, 10) == [Want(A, 0, 30)]
    assert asks(transfers, 10) == []


def test_it_goes_on_at_the_byte_that_is_here():
    transfers = Transfers()
    transfers.want(A, 100, 75)
    assert asks(transfers) == [Want(A, 75, 25)]


def test_a_blob_that_is_whole_or_empty_is_not_asked_for():
    transfers = Transfers()
    transfers.want(A, 100, 100)
    transfers.want(B, 0, 0)
    assert len(transfers) == 0


def test_small_before_large_and_older_before_newer_among_equals():
    transfers = Transfers()
    transfers.want(A, 5000, 0)
    transfers.want(B, 130, 0)
    transfers.want(C, 129, 0)
    assert [want.digest for want in asks(transfers, 10**6, 4096)] == [B, C, A, A]


def test_what_was_asked_for_is_not_asked_for_again_when_wanted_again():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    asks(transfers)
    transfers.want(A, 100, 0)
    transfers.arrived(A, 0, 30, 100)
    assert asks(transfers) == [Want(A, 90, 10)]


def test_a_paused_receiver_asks_for_nothing_and_forgets_nothing():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    transfers.paused = True
    assert asks(transfers) == []
    transfers.paused = False
    assert len(asks(transfers)) == 3


def test_no_more_wants_are_under_way_than_answers_fit_the_wire():
    transfers = Transfers()
    for number in range(100):
        transfers.want(Digest(number.to_bytes(32, "big")), 10, 0)
    assert len(asks(transfers, 10**6, 4096)) == limits.WANTS_MAX


def test_answers_come_in_order_or_they_are_strays():
    transfers = Transfers()
    assert transfers.arrived(A, 0, 30, 100) is Arrival.STRAY
    assert transfers.gone(A) is Arrival.STRAY
    transfers.want(A, 100, 0)
    asks(transfers)
    assert transfers.arrived(A, 30, 30, 100) is Arrival.STRAY
    assert transfers.arrived(B, 0, 30, 100) is Arrival.STRAY
    assert transfers.gone(B) is Arrival.STRAY
    assert transfers.outstanding_bytes == 90


def test_a_blob_of_another_size_than_announced_is_dropped_and_what_is_under_way_still_counts():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    transfers.want(B, 300, 0)
    asks(transfers)
    assert transfers.arrived(A, 0, 30, 90) is Arrival.UNFIT
    assert A not in transfers
    assert transfers.outstanding_bytes == 60
    assert asks(transfers) == [Want(B, 0, 30)]
    assert transfers.arrived(A, 30, 30, 90) is Arrival.UNWANTED
    assert transfers.gone(A) is Arrival.UNWANTED
    assert transfers.outstanding_bytes == 30


def test_a_chunk_of_another_length_than_asked_for_is_unfit():
    for length in (0, 29, 31):
        transfers = Transfers()
        transfers.want(A, 100, 0)
        asks(transfers)
        assert transfers.arrived(A, 0, length, 100) is Arrival.UNFIT


def test_what_was_under_way_before_a_blob_was_wanted_anew_is_not_taken_for_its_bytes():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    asks(transfers, 60)
    assert transfers.gone(A) is Arrival.UNFIT
    transfers.want(A, 100, 0)
    assert asks(transfers, 60) == [Want(A, 0, 30)]
    assert transfers.arrived(A, 30, 30, 100) is Arrival.UNWANTED
    assert transfers.arrived(A, 0, 30, 100) is Arrival.NEXT


def test_what_is_forgotten_is_not_asked_for_and_what_is_under_way_still_counts():
    transfers = Transfers()
    transfers.want(A, 100, 0)
    asks(transfers)
    transfers.forget()
    assert (len(transfers), transfers.outstanding_bytes) == (0, 90)
    transfers.want(B, 300, 0)
    assert transfers.arrived(A, 0, 30, 100) is Arrival.UNWANTED
    assert asks(transfers) == [Want(B, 0, 30)]


class Fetching(RuleBasedStateMachine):
    """A receiver, and a sender that answers in order: on one connection no byte is asked for twice, and the window holds."""

    @initialize(sizes=st.lists(st.integers(1, 2000), min_size=1, max_size=8))
    def begin(self, sizes: list[int]) -> None:
        self.transfers = Transfers()
        self.sizes = {Digest(bytes([number]) * 32): size for number, size in enumerate(sizes)}
        self.have = dict.fromkeys(self.sizes, 0)
        self.line: list[Want] = []
        self.asked: set[tuple[Digest, int]] = set()

    @rule(pick=st.integers(0, 7))
    def want(self, pick: int) -> None:
        digest = list(self.sizes)[pick % len(self.sizes)]
        self.transfers.want(digest, self.sizes[digest], self.have[digest])

    @rule(window_bytes=st.integers(1, 3000), chunk_bytes=st.integers(1, 500))
    def ask(self, window_bytes: int, chunk_bytes: int) -> None:
        before = self.transfers.outstanding_bytes
        wants = list(self.transfers.asks(window_bytes, chunk_bytes))
        assert all(1 <= want.length_bytes <= chunk_bytes for want in wants)
        assert self.transfers.outstanding_bytes <= max(window_bytes, before, chunk_bytes if not before else 0)
        for want in wants:
            span = {(want.digest, want.offset_bytes + at) for at in range(want.length_bytes)}
            assert not span & self.asked
            self.asked |= span
        self.line += wants

    @precondition(lambda self: self.line)
    @rule()
    def answer(self) -> None:
        want = self.line.pop(0)
        arrival = self.transfers.arrived(want.digest, want.offset_bytes, want.length_bytes, self.sizes[want.digest])
        assert arrival is Arrival.NEXT
        assert self.have[want.digest] == want.offset_bytes
        self.have[want.digest] += want.length_bytes

    @rule()
    def lose(self) -> None:
        """Another connection has other transfers, which begin with what is here."""
        wanted = [digest for digest in self.sizes if digest in self.transfers]
        self.transfers = Transfers()
        for digest in wanted:
            self.transfers.want(digest, self.sizes[digest], self.have[digest])
        self.line.clear()
        self.asked = {(digest, at) for digest, have in self.have.items() for at in range(have)}

    @invariant()
    def accounts(self) -> None:
        assert self.transfers.outstanding_bytes == sum(want.length_bytes for want in self.line)
        assert all(self.have[digest] < size for digest, size in self.sizes.items() if digest in self.transfers)

    def teardown(self) -> None:
        """Once the line holds, everything arrives."""
        for digest, size in self.sizes.items():
            self.transfers.want(digest, size, self.have[digest])
        while self.line or len(self.transfers):
            self.ask(1000, 300)
            self.answer()
        assert self.have == self.sizes


TestFetching = Fetching.TestCase


@given(st.integers(1, 10**6), st.integers(0, 10**6), st.integers(1, 10**6))
def test_one_want_never_reaches_beyond_the_end(size, have, chunk):
    transfers = Transfers()
    transfers.want(A, size, have)
    assert all(want.offset_bytes + want.length_bytes <= size for want in asks(transfers, 10**5, chunk))
