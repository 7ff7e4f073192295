"""A passphrase in a recipient's place."""

from __future__ import annotations

import os

import pytest

from cloud.passphrase import PassphraseIdentity, PassphraseRecipient
from protocol.age import Stanza
from protocol.errors import Refused, Unavailable


def test_work_is_refused_before_it_is_done() -> None:
    stanza = Stanza("scrypt", ("A" * 22, "21"), bytes(32))
    with pytest.raises(Refused, match=r"asks for 2\^21 steps of work; at most 2\^20"):
        PassphraseIdentity("x").unwrap(stanza)
    with pytest.raises(Refused, match="work factor is no number"):
        PassphraseIdentity("x").unwrap(Stanza("scrypt", ("A" * 22, "9" * 5000), bytes(32)))
    made = PassphraseRecipient("x", 3).wrap(b"k" * 16, os.urandom)
    assert PassphraseIdentity("x", work_factor_max=3).unwrap(made) == b"k" * 16
    with pytest.raises(Unavailable, match="does not open"):
        PassphraseIdentity("y", work_factor_max=3).unwrap(made)
    with pytest.raises(Refused, match="asks for"):
        PassphraseIdentity("x", work_factor_max=2).unwrap(made)
