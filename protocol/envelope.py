"""Seal and open: age v1 files, in a stream. SPEC.md section 9; C2SP age, "Payload".

A sealed file is a header (the file key, wrapped for each recipient) and a payload (nonce, then chunks of 64 KiB, each
authenticated, the last one marked). Memory does not grow with the document. What `Opener.update` gives out is authentic but may lack
its end: only `finish` says that the file is whole, so callers write to a temporary file and rename it after `finish`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from protocol.age import ALONE, FILE_KEY_BYTES, Header, Splitter, Stanza, broken_header, derive
from protocol.errors import Code, Mistake, Refused
from protocol.randomness import Random, draw

CHUNK_BYTES: Final = 64 * 1024
NONCE_BYTES: Final = 16
TAG_BYTES: Final = 16
_SEALED_CHUNK_BYTES: Final = CHUNK_BYTES + TAG_BYTES


class Recipient(Protocol):
    """Whom a file is sealed for; `kind` is that of its stanza."""

    kind: ClassVar[str]

    def wrap(self, file_key: bytes, random: Random) -> Stanza: ...


class Identity(Protocol):
    """Who opens stanzas of a `kind`; `unwrap` gives None for another's."""

    kind: ClassVar[str]

    def unwrap(self, stanza: Stanza) -> bytes | None: ...


class Sealer:
    """Seal one document. `header()`, then any number of `update`, then `finish`; header and payload together are the age file.

    The manifest signs the SHA-256 of the header and of everything else separately."""

    def __init__(self, recipients: Sequence[Recipient], random: Random) -> None:
        """Raises Refused(BAD_KEY) without recipients or when they do not go together, Refused(TOO_LARGE) for too many."""
        _check_together(recipients)
        file_key = draw(random, FILE_KEY_BYTES)
        self._header = Header.make([recipient.wrap(file_key, random) for recipient in recipients], file_key)
        nonce = draw(random, NONCE_BYTES)
        self._stream = _Stream(file_key, nonce)
        self._owed = nonce  # the payload starts with it
        self._plain = bytearray()
        self._finished = False

    def header(self) -> bytes:
        """The header, up to and including its last line feed."""
        return self._header.raw

    def update(self, plain: bytes | memoryview) -> bytes:
        """The next bytes of the payload; may be empty. Holds back at most one chunk."""
        if self._finished:
            raise Mistake("A sealer was used after its `finish`.")
        self._plain += plain
        sealed, place = [self._take_owed()], 0
        # One byte must be left: whether a chunk is the last one is part of its nonce.
        while len(self._plain) - place > CHUNK_BYTES:
            sealed.append(self._stream.seal(bytes(self._plain[place : place + CHUNK_BYTES]), last=False))
            place += CHUNK_BYTES
        del self._plain[:place]
        return b"".join(sealed)

    def finish(self) -> bytes:
        """The last bytes of the payload."""
        sealed = self.update(b"")
        self._finished = True
        return sealed + self._stream.seal(bytes(self._plain), last=True)

    def _take_owed(self) -> bytes:
        owed, self._owed = self._owed, b""
        return owed


class Opener:
    """Open one sealed file, given in any portions: any number of `update`, then `finish`.

    Raises Refused: BAD_FILE when anything was altered, cut off or added; NOT_YOURS when no identity fits; and what an identity raises. After any
    of these the opener is spent, and what it gave out must be thrown away."""

    def __init__(self, identities: Sequence[Identity]) -> None:
        self._identities = identities
        self._splitter = Splitter()
        self._stream: _Stream | None = None
        self._file_key = b""
        self._sealed = bytearray()
        self._spent = False

    @property
    def header(self) -> bytes:
        """The header as it stands in the file; b"" until it is whole."""
        return b"" if self._splitter.header is None else self._splitter.header.raw

    def update(self, sealed: bytes) -> bytes:
        """The next bytes of the document; may be empty."""
        self._spend()
        plain = self._feed(self._splitter.update(sealed))
        self._spent = False
        return plain

    def finish(self) -> bytes:
        """The last bytes of the document, which is now known to be whole."""
        self._spend()
        self._splitter.finish()
        if self._stream is None:
            raise broken_header("its nonce is cut off")
        return self._stream.open(bytes(self._sealed), last=True)

    def _spend(self) -> None:
        """Spent unless this call comes to its end: nobody goes on with an opener that has refused."""
        if self._spent:
            raise Mistake("An opener was used after it had finished or refused.")
        self._spent = True

    def _feed(self, payload: bytes) -> bytes:
        if self._splitter.header is None:
            return b""
        if not self._file_key:
            self._file_key = _unwrap(self._splitter.header, self._identities)
        self._sealed += payload
        if self._stream is None:
            if len(self._sealed) < NONCE_BYTES:
                return b""
            self._stream = _Stream(self._file_key, bytes(self._sealed[:NONCE_BYTES]))
            del self._sealed[:NONCE_BYTES]
        plain, place = [], 0
        while len(self._sealed) - place > _SEALED_CHUNK_BYTES:
            plain.append(self._stream.open(bytes(self._sealed[place : place + _SEALED_CHUNK_BYTES]), last=False))
            place += _SEALED_CHUNK_BYTES
        del self._sealed[:place]
        return b"".join(plain)


def seal_bytes(plain: bytes, recipients: Sequence[Recipient], random: Random) -> bytes:
    """A small document, sealed at once. Raises as `Sealer`."""
    sealer = Sealer(recipients, random)
    return sealer.header() + sealer.update(plain) + sealer.finish()


def open_bytes(sealed: bytes, identities: Sequence[Identity]) -> bytes:
    """A small document, opened at once. Raises as `Opener`."""
    opener = Opener(identities)
    return opener.update(sealed) + opener.finish()


class _Stream:
    """STREAM: ChaCha20-Poly1305 whose nonce is an 11-byte counter and one byte that says whether this chunk is the last."""

    def __init__(self, file_key: bytes, nonce: bytes) -> None:
        self._cipher = ChaCha20Poly1305(derive(file_key, nonce, b"payload"))
        self._count = 0

    def seal(self, plain: bytes, *, last: bool) -> bytes:
        return self._cipher.encrypt(self._next_nonce(last), plain, None)

    def open(self, sealed: bytes, *, last: bool) -> bytes:
        first = self._count == 0
        try:
            plain = self._cipher.decrypt(self._next_nonce(last), sealed, None)
        except InvalidTag as error:
            raise Refused(Code.BAD_FILE, "The content of this sealed file was altered or cut off.") from error
        if not plain and not first:
            raise Refused(Code.BAD_FILE, "The content of this sealed file was altered: an empty chunk at its end.")
        return plain

    def _next_nonce(self, last: bool) -> bytes:
        nonce = self._count.to_bytes(11, "big") + bytes([last])
        self._count += 1
        return nonce


def _check_together(recipients: Sequence[Recipient]) -> None:
    kinds = {recipient.kind for recipient in recipients}
    if not recipients:
        raise Refused(Code.BAD_KEY, "There is nobody to seal for.", "Give at least one recipient (age1pq1…).")
    if ALONE in kinds and len(recipients) > 1:
        raise Refused(
            Code.BAD_KEY,
            "A passphrase must be the only recipient of a file.",
            "Seal twice: once with the passphrase, once for the keys.",
        )
    if len(kinds) > 1:
        raise Refused(
            Code.BAD_KEY,
            "Hybrid (age1pq1…) and classical (age1…) recipients do not go together: the weaker one decides.",
            "Use age1pq1… recipients only; make them with `kabine envelope keygen`.",
        )


def _unwrap(header: Header, identities: Sequence[Identity]) -> bytes:
    for identity in identities:
        for stanza in header.stanzas:
            if stanza.kind == identity.kind and (file_key := identity.unwrap(stanza)) is not None:
                header.authenticate(file_key)
                return file_key
    kinds = ", ".join(sorted({stanza.kind for stanza in header.stanzas}))
    raise Refused(
        Code.NOT_YOURS,
        f"None of the keys given ({len(identities)}) opens this file (it is sealed for: {kinds[:200]}).",
        "Use the identity that belongs to one of its recipients.",
    )
