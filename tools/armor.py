"""ASCII armor around an age file, taken off as it streams by. C2SP age, "ASCII armor".

Strict, because a lenient reader makes one file have many spellings: 64 columns, canonical base64, nothing inside but base64, and
outside nothing but white space. LF and CRLF are both lines' ends.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import Final

from protocol.errors import Code, Refused

BEGIN: Final = b"-----BEGIN AGE ENCRYPTED FILE-----"
END: Final = b"-----END AGE ENCRYPTED FILE-----"
WHITE: Final = b" \t\r\n"
_COLUMNS: Final = 64
_LINE_BYTES_MAX: Final = _COLUMNS + 1  # and a CR
_WHITE_BYTES_MAX: Final = 1024  # before armor; nobody writes more


class Bared:
    """A sealed file in portions, armored or not. Iterating gives its bytes without armor; then `armored` tells whether there was one."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.armored = False
        self._pieces = iter(pieces)

    def __iter__(self) -> Iterator[bytes]:
        head = b""
        for piece in self._pieces:
            head += piece
            # Armor may follow white space, a bare file may not: the first black byte tells them apart.
            if head.lstrip(WHITE) or len(head) > _WHITE_BYTES_MAX:
                break
        self.armored = head.lstrip(WHITE).startswith(BEGIN[:1])
        if not self.armored:
            yield head
            yield from self._pieces
            return
        dearmor = Dearmor()
        yield dearmor.update(head.lstrip(WHITE))
        for piece in self._pieces:
            yield dearmor.update(piece)
        yield dearmor.finish()


class Dearmor:
    """Armored bytes in, from BEGIN on and in any portions; the file's bytes out. Raises Refused(BAD_FILE). Holds one line."""

    def __init__(self) -> None:
        self._line = b""
        self._begun = self._last_line_seen = self._ended = False

    def update(self, piece: bytes) -> bytes:
        """The bytes that `piece` completes."""
        *lines, self._line = (self._line + piece).split(b"\n")
        opened = self._open([line.removesuffix(b"\r") for line in lines])
        if self._ended:
            self._open([self._line])
            self._line = b""
        elif len(self._line) > _LINE_BYTES_MAX:
            raise _broken("a line is too long")
        return opened

    def finish(self) -> bytes:
        """The last bytes; the end line need not end with a line feed."""
        opened = self._open([self._line.removesuffix(b"\r")]) if self._line else b""
        if not self._ended:
            raise _broken("its end is missing")
        return opened

    def _open(self, lines: list[bytes]) -> bytes:
        body: list[bytes] = []
        for line in lines:
            if self._ended:
                if line.strip(WHITE):
                    raise _broken("something follows its end")
            elif not self._begun:
                if line != BEGIN:
                    raise _broken("its first line is another")
                self._begun = True
            elif line == END:
                self._ended = True
            elif self._last_line_seen or not 0 < len(line) <= _COLUMNS or len(line) % 4:
                raise _broken("a line has the wrong length")
            else:
                # Only the last line may be short or padded; the next one must then be END.
                self._last_line_seen = len(line) < _COLUMNS or line.endswith(b"=")
                body.append(line)
        text = b"".join(body)
        try:
            raw = binascii.a2b_base64(text)
        except binascii.Error as error:
            raise _broken("it is no base64") from error
        if base64.b64encode(raw) != text:
            raise _broken("it is no canonical base64")
        return raw


def _broken(what: str) -> Refused:
    return Refused(Code.BAD_FILE, f"The text armor of this sealed file is damaged: {what}.")
