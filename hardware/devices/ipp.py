"""The Internet Printing Protocol's own encoding: requests to bytes, answers to values. RFC 8010; meanings in RFC 8011.

Only what a driver needs: values are int, bool, str, bytes or a range as a tuple; collections are passed over. What a printer sends is hostile
until shown otherwise: everything is bounded by the length of the answer, which the caller bounds.
"""

from __future__ import annotations

import enum
import struct
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

VERSION: Final = (2, 0)
Value = int | bool | str | bytes | tuple[int, ...]


class Operation(enum.IntEnum):
    """RFC 8011, section 5.4.15."""

    PRINT_JOB = 0x0002
    CREATE_JOB = 0x0005
    SEND_DOCUMENT = 0x0006
    CANCEL_JOB = 0x0008
    GET_JOB_ATTRIBUTES = 0x0009
    GET_JOBS = 0x000A
    GET_PRINTER_ATTRIBUTES = 0x000B


class Group(enum.IntEnum):
    """Delimiter tags, RFC 8010, section 3.5.1."""

    OPERATION = 0x01
    JOB = 0x02
    END = 0x03
    PRINTER = 0x04
    UNSUPPORTED = 0x05


class Tag(enum.IntEnum):
    """Value tags, RFC 8010, section 3.5.2."""

    INTEGER = 0x21
    BOOLEAN = 0x22
    ENUM = 0x23
    RESOLUTION = 0x32
    RANGE = 0x33
    BEGIN_COLLECTION = 0x34
    TEXT_WITH_LANGUAGE = 0x35
    NAME_WITH_LANGUAGE = 0x36
    END_COLLECTION = 0x37
    NAME = 0x42
    KEYWORD = 0x44
    URI = 0x45
    CHARSET = 0x47
    LANGUAGE = 0x48
    MIME_TYPE = 0x49
    MEMBER_NAME = 0x4A


class Malformed(ValueError):  # noqa: N818 - as in protocol.errors
    """These bytes are no answer of IPP."""


@dataclass(frozen=True)
class Answer:
    """`status`: RFC 8011, appendix B; below 0x0100 it went well. `groups`: (tag, values by attribute name), in order."""

    status: int
    request: int
    groups: tuple[tuple[int, Mapping[str, tuple[Value, ...]]], ...]

    @property
    def well(self) -> bool:
        """successful-ok and its sisters."""
        return self.status < 0x0100

    def of(self, group: Group) -> list[Mapping[str, tuple[Value, ...]]]:
        """All groups of one kind: one printer, or job by job."""
        return [values for tag, values in self.groups if tag == group]


Attribute = tuple[Group, Tag, str, int | bool | str | list[str]]


def request(operation: Operation, number: int, attributes: Iterable[Attribute]) -> bytes:
    """One request up to its document: attributes in the order given; a new group begins where the group changes. RFC 8010, section 3.1."""
    parts = [struct.pack(">BBHI", *VERSION, operation, number)]
    group: Group | None = None
    for of, tag, name, values in attributes:
        if of is not group:
            parts.append(bytes([of]))
            group = of
        several = values if isinstance(values, list) else [values]
        for place, value in enumerate(several):
            # Further values of one attribute have an empty name (section 3.1.5).
            parts.append(_attribute(tag, "" if place else name, value))
    return b"".join([*parts, bytes([Group.END])])


def _attribute(tag: Tag, name: str, value: int | bool | str) -> bytes:
    match value:
        case bool():
            raw = bytes([value])
        case int():
            raw = struct.pack(">i", value)
        case str():
            raw = value.encode()
    key = name.encode()
    return struct.pack(">BH", tag, len(key)) + key + struct.pack(">H", len(raw)) + raw


def answer(raw: bytes) -> Answer:
    """What a printer has answered, without what may follow the attributes. Raises Malformed."""
    try:
        return _answer(raw)
    except (struct.error, IndexError, UnicodeDecodeError) as error:
        raise Malformed(f"no answer of IPP: {error}") from error


def _answer(raw: bytes) -> Answer:
    _, _, status, number = struct.unpack_from(">BBHI", raw)
    groups: list[tuple[int, dict[str, list[Value]]]] = []
    at, name, depth = 8, "", 0
    while (tag := raw[at]) != Group.END:
        at += 1
        if tag < 0x10:
            groups.append((tag, {}))
            continue
        name_bytes = _piece(raw, at)
        at += 2 + len(name_bytes)
        value_bytes = _piece(raw, at)
        at += 2 + len(value_bytes)
        if tag == Tag.BEGIN_COLLECTION:
            depth += 1
        if depth:  # members of a collection have names of their own
            depth -= tag == Tag.END_COLLECTION
            continue
        name = name_bytes.decode() or name
        if not groups or not name:
            raise Malformed("a value that belongs to no attribute")
        groups[-1][1].setdefault(name, []).append(_value(tag, value_bytes))
    return Answer(
        status, number, tuple((tag, {name: tuple(several) for name, several in group.items()}) for tag, group in groups)
    )


def _piece(raw: bytes, at: int) -> bytes:
    (length,) = struct.unpack_from(">H", raw, at)
    piece = raw[at + 2 : at + 2 + length]
    if len(piece) != length:
        raise Malformed("it ends in the middle of a value")
    return piece


def _value(tag: int, raw: bytes) -> Value:
    match tag:
        case Tag.INTEGER | Tag.ENUM:
            return int(struct.unpack(">i", raw)[0])
        case Tag.BOOLEAN:
            return raw != b"\0"
        case Tag.RANGE:
            return struct.unpack(">ii", raw)
        case Tag.RESOLUTION:
            return struct.unpack(">iib", raw)
        case Tag.TEXT_WITH_LANGUAGE | Tag.NAME_WITH_LANGUAGE:
            language = _piece(raw, 0)
            return _piece(raw, 2 + len(language)).decode(errors="replace")
        case _ if 0x40 <= tag <= 0x5F:  # character strings; somebody's “Büro” may be in any encoding
            return raw.decode(errors="replace")
        case _:  # octet strings, dates and "unknown", "no-value"
            return raw
