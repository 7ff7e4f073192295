"""The header of an age v1 file: read, write, authenticate. SPEC.md section 9; C2SP age, "Header".

    age-encryption.org/v1
    -> mlkem768x25519 <encapsulated key>      one stanza for each recipient: the file key, wrapped
    <wrapped file key>
    --- <HMAC over all of the above>

One regular expression for each line says what is legal; everything else is refused.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from protocol import limits
from protocol.errors import Code, Refused

FILE_KEY_BYTES: Final = 16
VERSION_LINE: Final = b"age-encryption.org/v1\n"
ALONE: Final = "scrypt"  # kind of the stanza of a passphrase, which must be the only one
_COLUMNS: Final = 64
_MAC_MARK: Final = b"\n--- "
_MAC_LINE_BYTES: Final = 48
_WRAPPED_BYTES: Final = FILE_KEY_BYTES + 16  # and a tag
_NO_NONCE: Final = bytes(12)  # every wrap key is used once
_STANZA = re.compile(rb"-> ([!-~]+(?: [!-~]+)*)\n((?:[A-Za-z0-9+/]{64}\n)*[A-Za-z0-9+/]{0,63})\n")
_MAC_LINE = re.compile(rb"--- ([A-Za-z0-9+/]{43})\n")


@dataclass(frozen=True, slots=True)
class Stanza:
    """The file key, wrapped for one recipient. `kind` and `arguments` are printable ASCII without spaces."""

    kind: str
    arguments: tuple[str, ...]
    body: bytes

    def __bytes__(self) -> bytes:
        text = unpadded(self.body)
        lines = [text[start : start + _COLUMNS] for start in range(0, len(text) + 1, _COLUMNS)]
        return "\n".join([" ".join(["->", self.kind, *self.arguments]), *lines, ""]).encode()

    def share(self, size_bytes: int, count: int = 1) -> bytes:
        """The first of its `count` arguments, decoded. Raises Refused(BAD_FILE) when the stanza has another shape: lengths are checked before a
        key is tried (partitioning oracles)."""
        if len(self.arguments) != count or len(self.body) != _WRAPPED_BYTES:
            raise broken_header(f"a stanza for {self.kind} has the wrong shape")
        first = from_unpadded(self.arguments[0])
        if len(first) != size_bytes:
            raise broken_header(f"a stanza for {self.kind} has the wrong length")
        return first


@dataclass(frozen=True, slots=True)
class Header:
    """A header as it stands in the file (`raw`, up to and including the line feed of the MAC line) and what it says."""

    raw: bytes
    stanzas: tuple[Stanza, ...]
    mac: bytes

    @classmethod
    def make(cls, stanzas: Sequence[Stanza], file_key: bytes) -> Header:
        """Raises Refused(TOO_LARGE) when there are more recipients than a reader would accept."""
        covered = VERSION_LINE + b"".join(bytes(stanza) for stanza in stanzas) + b"---"
        mac = _mac(covered, file_key)
        raw = covered + b" " + unpadded(mac).encode() + b"\n"
        if len(raw) > limits.HEADER_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                f"{len(stanzas)} recipients make a header of {len(raw)} bytes; at most {limits.HEADER_BYTES_MAX} are allowed.",
                "Seal to fewer recipients.",
            )
        return cls(raw, tuple(stanzas), mac)

    @classmethod
    def parse(cls, raw: bytes) -> Header:
        """Raises Refused(BAD_FILE) unless `raw` is one whole header, spelled as the specification demands."""
        place, stanzas = len(VERSION_LINE), []
        while match := _STANZA.match(raw, place):
            kind, *arguments = match[1].decode().split(" ")
            stanzas.append(Stanza(kind, tuple(arguments), from_unpadded(match[2].replace(b"\n", b"").decode())))
            place = match.end()
        end = _MAC_LINE.fullmatch(raw, place)
        if not raw.startswith(VERSION_LINE) or not stanzas or end is None:
            raise broken_header("it is not spelled as age demands")
        if len(stanzas) > 1 and any(stanza.kind == ALONE for stanza in stanzas):
            raise broken_header("a passphrase must be its only recipient")
        return cls(raw, tuple(stanzas), from_unpadded(end[1].decode()))

    def authenticate(self, file_key: bytes) -> None:
        """Raises Refused(BAD_FILE) when somebody without `file_key` has changed the header."""
        covered = self.raw[: self.raw.rindex(_MAC_MARK) + len(_MAC_MARK) - 1]
        if not hmac.compare_digest(_mac(covered, file_key), self.mac):
            raise Refused(Code.BAD_FILE, "The header of this sealed file was altered: its MAC is wrong.")


class Splitter:
    """A sealed file in any portions; cuts it into header and payload. Holds at most one header and one portion."""

    def __init__(self) -> None:
        self.header: Header | None = None
        self._bytes = bytearray()

    def update(self, piece: bytes) -> bytes:
        """The bytes of the payload in `piece`, b"" before the header is whole. Raises Refused(BAD_FILE)."""
        if self.header is not None:
            return piece
        searched = max(0, len(self._bytes) - _MAC_LINE_BYTES - len(_MAC_MARK))
        self._bytes += piece
        begun = bytes(self._bytes[: len(VERSION_LINE)])
        if not VERSION_LINE.startswith(begun):
            raise _stranger(begun)
        mark = self._bytes.find(_MAC_MARK, searched)
        end = self._bytes.find(b"\n", mark + 1) if mark >= 0 else -1
        if (end if end >= 0 else len(self._bytes)) >= limits.HEADER_BYTES_MAX:
            raise broken_header(f"it is longer than {limits.HEADER_BYTES_MAX} bytes")
        if end < 0:
            return b""
        self.header = Header.parse(bytes(self._bytes[: end + 1]))
        payload = bytes(self._bytes[end + 1 :])
        self._bytes.clear()
        return payload

    def finish(self) -> Header:
        """The header. Raises Refused(BAD_FILE) when there is no whole one."""
        if self.header is None:
            raise broken_header("it is cut off" if self._bytes else "the file is empty")
        return self.header


def derive(file_key: bytes, salt: bytes, info: bytes) -> bytes:
    """HKDF-SHA-256, 32 bytes: how age makes every key from another."""
    return HKDF(SHA256(), 32, salt, info).derive(file_key)


def wrapped(file_key: bytes, wrap_key: bytes) -> bytes:
    """Body of a stanza: the file key under a key that is used for nothing else."""
    return ChaCha20Poly1305(wrap_key).encrypt(_NO_NONCE, file_key, None)


def unwrapped(body: bytes, wrap_key: bytes) -> bytes | None:
    """Inverse of `wrapped`; None when the key is another."""
    try:
        return ChaCha20Poly1305(wrap_key).decrypt(_NO_NONCE, body, None)
    except InvalidTag:
        return None


def unpadded(raw: bytes) -> str:
    """Base64 without `=`."""
    return base64.b64encode(raw).decode().rstrip("=")


def from_unpadded(text: str) -> bytes:
    """Inverse of `unpadded`. Raises Refused(BAD_FILE) for every spelling but the canonical one."""
    try:
        raw = binascii.a2b_base64(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if unpadded(raw) != text:
        raise broken_header("it holds base64 that is not canonical")
    return raw


def broken_header(why: str) -> Refused:
    """Whatever is wrong with a header before a key is tried."""
    return Refused(Code.BAD_FILE, f"The header of this sealed file is damaged: {why}.")


def _stranger(begun: bytes) -> Refused:
    if begun.startswith(VERSION_LINE[:-2]) or VERSION_LINE[:-2].startswith(begun[:-1]):
        return broken_header("it is of a version or spelling that we do not know")
    return Refused(Code.BAD_FILE, "The header is missing: this is no sealed file.", "Give a file in the age format.")


def _mac(covered: bytes, file_key: bytes) -> bytes:
    return hmac.digest(derive(file_key, b"", b"header"), covered, "sha256")
