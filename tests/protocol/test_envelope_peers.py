"""Held against two other implementations, both ways: npm `age-encryption` (hybrid, X25519, passphrase) and pyrage (X25519, passphrase)."""

from __future__ import annotations

import os

import pyrage
import pytest

from cloud.passphrase import PassphraseIdentity, PassphraseRecipient
from protocol.envelope import open_bytes, seal_bytes
from protocol.recipients import HybridIdentity
from tests.vectors import age_peer
from tools.armor import Bared
from tools.key_files import X25519Identity, any_identity, any_recipient

CHUNK = 64 * 1024
SIZES = [0, 1, 100, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 200_000]
KINDS = {"pq": HybridIdentity, "x25519": X25519Identity}


@pytest.mark.parametrize("kind", KINDS)
def test_node_opens_what_we_seal(kind: str) -> None:
    identity = KINDS[kind].generate(os.urandom)
    plains = [os.urandom(size) for size in SIZES]
    answers = age_peer.ask(
        *(
            {
                "ask": "open",
                "identity": str(identity),
                "sealed": age_peer.text(seal_bytes(plain, [identity.recipient()], os.urandom)),
            }
            for plain in plains
        )
    )
    assert [age_peer.raw(answer) for answer in answers] == plains


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("armored", [False, True])
def test_we_open_what_node_seals(kind: str, armored: bool) -> None:
    identity = KINDS[kind].generate(os.urandom)
    plains = [os.urandom(size) for size in SIZES]
    answers = age_peer.ask(
        *(
            {
                "ask": "seal",
                "recipients": [str(identity.recipient())],
                "plain": age_peer.text(plain),
                "armored": armored,
            }
            for plain in plains
        )
    )
    assert [open_bytes(b"".join(Bared([age_peer.raw(answer)])), [identity]) for answer in answers] == plains


@pytest.mark.parametrize("kind", KINDS)
def test_both_sides_read_each_others_keys(kind: str) -> None:
    ours = [KINDS[kind].generate(os.urandom) for _ in range(5)]
    *theirs, recipients = age_peer.ask(
        *({"ask": "keygen", "kind": kind} for _ in range(5)), {"ask": "recipient", "identity": str(ours[0])}
    )
    assert recipients == str(ours[0].recipient())
    for pair in theirs:
        assert str(any_identity(pair["identity"]).recipient()) == pair["recipient"]
        assert str(any_recipient(pair["recipient"])) == pair["recipient"]


def test_node_and_we_share_passphrases() -> None:
    sealed = seal_bytes(b"key file", [PassphraseRecipient("Schlüssel", 4)], os.urandom)
    opened, theirs = age_peer.ask(
        {"ask": "open", "passphrase": "Schlüssel", "sealed": age_peer.text(sealed)},
        {"ask": "seal", "passphrase": "Schlüssel", "plain": age_peer.text(b"theirs")},
    )
    assert age_peer.raw(opened) == b"key file"
    assert open_bytes(age_peer.raw(theirs), [PassphraseIdentity("Schlüssel")]) == b"theirs"


def test_several_recipients_each_open_with_their_own_key() -> None:
    identities = [HybridIdentity.generate(os.urandom) for _ in range(3)]
    sealed = age_peer.text(seal_bytes(b"to all", [identity.recipient() for identity in identities], os.urandom))
    answers = age_peer.ask(*({"ask": "open", "identity": str(identity), "sealed": sealed} for identity in identities))
    assert [age_peer.raw(answer) for answer in answers] == [b"to all"] * 3


@pytest.mark.parametrize("size", SIZES)
def test_pyrage_and_we_open_each_others_files(size: int) -> None:
    plain = os.urandom(size)
    ours = X25519Identity.generate(os.urandom)
    theirs = pyrage.x25519.Identity.generate()
    sealed = seal_bytes(plain, [ours.recipient(), any_recipient(str(theirs.to_public()))], os.urandom)
    assert pyrage.decrypt(sealed, [theirs]) == plain
    assert pyrage.decrypt(sealed, [pyrage.x25519.Identity.from_str(str(ours))]) == plain
    for armored in (False, True):
        recipients = [pyrage.x25519.Recipient.from_str(str(ours.recipient()))]
        sealed = pyrage.encrypt(plain, recipients, armored=armored)
        assert open_bytes(b"".join(Bared([sealed])), [ours]) == plain


def test_pyrage_opens_what_we_seal_with_a_passphrase() -> None:
    sealed = seal_bytes(b"key file", [PassphraseRecipient("drei Wörter", 4)], os.urandom)
    assert pyrage.passphrase.decrypt(sealed, "drei Wörter") == b"key file"


def test_we_open_what_pyrage_seals_with_a_passphrase() -> None:
    sealed = pyrage.passphrase.encrypt(b"theirs", "drei Wörter")
    assert open_bytes(sealed, [PassphraseIdentity("drei Wörter")]) == b"theirs"
