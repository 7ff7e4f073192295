"""Sealing and opening in a stream; what is altered, cut or strange is never accepted."""

from __future__ import annotations

import hashlib
import os
import random
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from cloud.passphrase import PassphraseIdentity, PassphraseRecipient
from protocol import limits
from protocol.age import Header
from protocol.envelope import CHUNK_BYTES, Opener, Sealer, open_bytes, seal_bytes
from protocol.errors import Code, Mistake, Refused, Trouble, Unavailable
from protocol.recipients import HybridIdentity
from tools.key_files import X25519Identity

HYBRID = HybridIdentity(b"h" * 32)
CLASSICAL = X25519Identity(b"c" * 32)
SHORT = seal_bytes(b"Bescheid" * 10, [HYBRID.recipient()], os.urandom)
LONG = seal_bytes(bytes(range(256)) * 600, [HYBRID.recipient()], os.urandom)  # three chunks, the last one short
CHEAP = seal_bytes(b"Bescheid" * 10, [CLASSICAL.recipient()], random.Random(3).randbytes)


def portions(whole: bytes, sizes: list[int]) -> Iterator[bytes]:
    place = 0
    for size in sizes:
        yield whole[place : place + size]
        place += size
    yield whole[place:]


def refusal(sealed: bytes, identity: HybridIdentity | X25519Identity = HYBRID) -> Trouble | None:
    try:
        open_bytes(sealed, [identity])
    except Trouble as error:
        return error
    return None


# --- what is sealed opens ------------------------------------------------------------------------------------------


@settings(deadline=None, max_examples=60)
@given(
    size=st.one_of(
        st.integers(0, 300),
        st.sampled_from([CHUNK_BYTES + more for more in (-1, 0, 1)] + [2 * CHUNK_BYTES + more for more in (-1, 0, 1)]),
    ),
    sealing=st.lists(st.integers(0, 100_000), max_size=4),
    opening=st.lists(st.integers(0, 100_000), max_size=6),
)
def test_what_is_sealed_in_any_portions_opens_in_any_others(size: int, sealing: list[int], opening: list[int]) -> None:
    plain = random.Random(size).randbytes(size)
    sealer = Sealer([CLASSICAL.recipient()], os.urandom)
    payload = b"".join(sealer.update(piece) for piece in portions(plain, sealing)) + sealer.finish()
    opener = Opener([CLASSICAL])
    opened = b"".join(opener.update(piece) for piece in portions(sealer.header() + payload, opening)) + opener.finish()
    assert opened == plain
    assert opener.header == sealer.header()


def test_byte_for_byte_is_a_portion_too() -> None:
    opener = Opener([HYBRID])
    opened = b"".join(opener.update(bytes([byte])) for byte in SHORT)
    assert opened + opener.finish() == b"Bescheid" * 10


def test_the_header_is_there_as_soon_as_it_is_whole() -> None:
    opener = Opener([HYBRID])
    assert opener.header == b""
    opener.update(SHORT[:100])
    assert opener.header == b""
    opener.update(SHORT[100:])
    assert opener.header == SHORT[: len(opener.header)]
    assert opener.header.endswith(b"\n")


def test_overhead_is_that_of_the_format() -> None:
    size = 1_000_000
    sealed = seal_bytes(bytes(size), [HYBRID.recipient()], os.urandom)
    assert len(sealed) - size == 1627 + 16 + 16 * 16  # header, nonce, a tag for each 64 KiB


def test_any_of_several_keys_opens() -> None:
    strangers = [HybridIdentity.generate(os.urandom) for _ in range(2)]
    assert open_bytes(SHORT, [*strangers, CLASSICAL, HYBRID]) == b"Bescheid" * 10


def test_two_seals_of_one_document_have_nothing_in_common() -> None:
    again = seal_bytes(b"Bescheid" * 10, [HYBRID.recipient()], os.urandom)
    assert again[-96:] != SHORT[-96:]


def test_memory_does_not_grow_with_the_document() -> None:
    piece = bytes(256 * 1024)
    opener, sealer = Opener([HYBRID]), Sealer([HYBRID.recipient()], os.urandom)
    opener.update(sealer.header())
    hasher, total = hashlib.sha256(), 0
    tracemalloc.start()
    for _ in range(80):  # 20 MiB
        opened = opener.update(sealer.update(piece))
        hasher.update(opened)
        total += len(opened)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    total += len(opener.update(sealer.finish())) + len(opener.finish())
    assert total == 80 * len(piece)
    assert peak_bytes < 4 * limits.MIB


# --- what does not go together -------------------------------------------------------------------------------------


def test_sealing_for_nobody_is_refused() -> None:
    with pytest.raises(Refused, match="nobody"):
        Sealer([], os.urandom)


def test_hybrid_and_classical_recipients_are_never_mixed() -> None:
    with pytest.raises(Refused, match="do not go together"):
        Sealer([HYBRID.recipient(), CLASSICAL.recipient()], os.urandom)


def test_a_passphrase_is_the_only_recipient() -> None:
    for others in ([CLASSICAL.recipient()], [PassphraseRecipient("zwei", 1)]):
        with pytest.raises(Refused, match="only recipient"):
            Sealer([PassphraseRecipient("eins", 1), *others], os.urandom)


def test_more_recipients_than_a_reader_accepts_are_refused() -> None:
    recipients = [CLASSICAL.recipient()] * (limits.HEADER_BYTES_MAX // 90)
    with pytest.raises(Refused, match="at most 262144 are allowed") as caught:
        Sealer(recipients, os.urandom)
    assert caught.value.code is Code.TOO_LARGE


def test_a_sealer_or_opener_is_used_once() -> None:
    sealer = Sealer([CLASSICAL.recipient()], os.urandom)
    sealer.finish()
    with pytest.raises(Mistake):
        sealer.update(b"more")
    opener = Opener([CLASSICAL])
    with pytest.raises(Refused):
        opener.update(b"no age file at all, I fear")
    with pytest.raises(Mistake):
        opener.finish()


# --- what is refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sealed", "what"),
    [
        (b"", "the file is empty"),
        (b" \n", "no sealed file"),
        (b" " * 5000, "no sealed file"),
        (b"%PDF-1.7 and so on", "no sealed file"),
        (b"age-encryption.org/v2\n-> x\n", "version"),
        (b"age-encryption.org/v1\r\n-> x\n", "version"),
        (b"age-encryption.org/v1\n-> x\n", "cut off"),
        (b"age-encryption.org/v1\n--- " + b"A" * 43 + b"\n", "not spelled"),
        (b"age-encryption.org/v1\n-> x\nAAA=\n--- " + b"A" * 43 + b"\n", "not spelled"),
        (b"age-encryption.org/v1\n-> x\nA\n--- " + b"A" * 43 + b"\n", "not canonical"),
        (b"age-encryption.org/v1\n-> " + b"x" * limits.HEADER_BYTES_MAX, "longer than"),
        (
            b"age-encryption.org/v1\n-> " + b"x" * limits.HEADER_BYTES_MAX + b"\n\n--- " + b"A" * 43 + b"\n",
            "longer than",
        ),
        (SHORT[:500], "The header .* cut off"),
        (SHORT[:1627], "nonce is cut off"),
        (SHORT[:1640], "nonce is cut off"),
        (SHORT[:1643], "The content"),
        (SHORT + b"\n", "The content"),
        (b"\n" + SHORT, "no sealed file"),
        (LONG[: 1643 + 65_552], "The content"),
        (LONG[: 1643 + 65_552] + LONG[1643 + 2 * 65_552 :], "The content"),
    ],
)
def test_what_is_no_whole_sealed_file_is_refused_in_plain_words(sealed: bytes, what: str) -> None:
    with pytest.raises(Refused, match=what) as caught:
        open_bytes(sealed, [HYBRID])
    assert caught.value.code is Code.BAD_FILE
    assert caught.value.remedy


def test_a_stranger_learns_only_for_which_kind_of_key_it_is() -> None:
    with pytest.raises(Refused, match=r"None of the keys given \(1\) .* mlkem768x25519") as caught:
        open_bytes(SHORT, [HybridIdentity.generate(os.urandom)])
    assert caught.value.code is Code.NOT_YOURS


def test_a_wrong_passphrase_is_no_fault_of_the_file() -> None:
    sealed = seal_bytes(b"key", [PassphraseRecipient("richtig", 2)], os.urandom)
    with pytest.raises(Unavailable, match="passphrase"):
        open_bytes(sealed, [PassphraseIdentity("falsch")])
    with pytest.raises(Refused, match="sealed for: scrypt"):
        open_bytes(sealed, [HYBRID])


def test_a_header_with_another_mac_is_refused() -> None:
    end = SHORT.index(b"\n--- ") + 5
    forged = SHORT[:end] + b"A" * 43 + SHORT[end + 43 :]
    with pytest.raises(Refused, match="MAC is wrong"):
        open_bytes(forged, [HYBRID])


def test_a_passphrase_beside_another_recipient_is_refused() -> None:
    key = b"k" * 16
    stanzas = [PassphraseRecipient("x", 1).wrap(key, os.urandom), CLASSICAL.recipient().wrap(key, os.urandom)]
    for identity in (PassphraseIdentity("x"), CLASSICAL):
        with pytest.raises(Refused, match="only recipient"):
            open_bytes(Header.make(stanzas, key).raw + bytes(32), [identity])


# --- mutations: none accepted --------------------------------------------------------------------------------------


def test_unaltered_files_open() -> None:
    """The positive control of everything below."""
    assert refusal(SHORT) is None
    assert refusal(LONG) is None
    assert refusal(CHEAP, CLASSICAL) is None


def test_every_single_flipped_bit_is_noticed() -> None:
    accepted = []
    for place in range(len(CHEAP) * 8):
        altered = bytearray(CHEAP)
        altered[place // 8] ^= 1 << place % 8
        if refusal(bytes(altered), CLASSICAL) is None:
            accepted.append(place)
    assert len(CHEAP) * 8 > 2000
    assert accepted == []


def test_every_truncation_is_noticed() -> None:
    assert [cut for cut in range(len(CHEAP)) if refusal(CHEAP[:cut], CLASSICAL) is None] == []
    cuts = random.Random(2).sample(range(len(LONG)), 400) + list(range(1600, 1700))
    assert [cut for cut in cuts if refusal(LONG[:cut]) is None] == []


def test_flipped_bits_anywhere_in_a_hybrid_file_are_noticed() -> None:
    chance = random.Random(1)
    places = [place * 8 + place % 8 for place in range(1700)]  # header, nonce and first bytes: a bit in each byte
    places += [chance.randrange(len(LONG) * 8) for _ in range(500)]
    accepted = []
    for place in places:
        altered = bytearray(LONG)
        altered[place // 8] ^= 1 << place % 8
        if refusal(bytes(altered)) is None:
            accepted.append(place)
    assert accepted == []


@settings(deadline=None, max_examples=400)
@given(st.data())
def test_no_mutation_is_accepted(draw: st.DataObject) -> None:
    """Bytes put in, taken out, swapped and doubled, in both files."""
    whole, identity = draw.draw(st.sampled_from([(SHORT, HYBRID), (CHEAP, CLASSICAL)]))
    altered = bytearray(whole)
    for _ in range(draw.draw(st.integers(1, 4))):
        place = draw.draw(st.integers(0, len(altered)))
        length = draw.draw(st.integers(1, 80))
        match draw.draw(st.sampled_from(["insert", "delete", "double", "replace", "line"])):
            case "insert":
                altered[place:place] = draw.draw(st.binary(min_size=1, max_size=40))
            case "delete":
                del altered[place : place + length]
            case "double":
                altered[place:place] = altered[place : place + length]
            case "replace":
                altered[place : place + length] = draw.draw(st.binary(max_size=80))
            case _:
                altered[place:place] = draw.draw(st.sampled_from([b"\n", b"\r\n", b"\n--- ", b"\n-> x\n\n", b" "]))
    note(altered.hex())  # no two hybrid envelopes are alike, so that what was drawn does not make it again
    if bytes(altered) != whole:
        assert refusal(bytes(altered), identity) is not None


def test_chunks_in_another_order_are_noticed() -> None:
    head, size = 1627 + 16, 65_552
    first, second, last = LONG[head : head + size], LONG[head + size : head + 2 * size], LONG[head + 2 * size :]
    assert refusal(LONG[:head] + first + second + last) is None
    for order in (
        [second, first, last],
        [first, last],
        [first, first, second, last],
        [first, second, second, last],
        [first],
    ):
        assert refusal(LONG[:head] + b"".join(order)) is not None
    assert refusal(SHORT[:1627] + LONG[1627:]) is not None
