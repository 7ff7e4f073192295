"""One documented TOML file per node. Unknown keys are refused; all mistakes are told together, each with its place and what was expected.

A node's configuration is a tree of frozen msgspec Structs; a field is documented where it stands:
`beat_seconds: Annotated[float, Meta(gt=0, description="…")] = 5.0`. Units are in the name of the key. What a type cannot say about one field stands
there too, `Meta(extra=checked(soundness.address))`; what several fields must keep to together is said by `__post_init__` (ValueError).
"""

from __future__ import annotations

import difflib
import enum
import json
import math
import re
import textwrap
import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from protocol.errors import Code, Refused, Unavailable

T = TypeVar("T", bound=msgspec.Struct)

CONFIG_BYTES_MAX: Final = 1024 * 1024
_CHECK: Final = "check"
_UNITS: Final = frozenset(
    ("seconds", "milliseconds", "minutes", "hours", "days", "bytes", "pages", "pixels", "dpi", "percent", "degrees")
)


class _Unread:
    """In place of a value that could not be read. Stands only in a configuration that is refused, and is equal to nothing."""


def read_config(path: Path, kind: type[T]) -> T:
    """The configuration in a file. Raises Unavailable when it cannot be read, Refused(BAD_FILE) that names every mistake."""
    try:
        with path.open("rb") as file:
            raw = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError as error:
        raise Unavailable(
            f"There is no file {path}.",
            "Check the path; where a node's own is gone, take it back from a copy of its folder.",
        ) from error
    except PermissionError as error:  # as root's editor leaves it
        raise Unavailable(f"{path} cannot be read by this user.", "Give it to the node's user (`chown`).") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.", "Check the path and the disk.") from error
    if len(raw) > CONFIG_BYTES_MAX:
        raise Refused(Code.BAD_FILE, f"{path} is too large for a configuration.")
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise Refused(Code.BAD_FILE, f"{path}, line {line}: not UTF-8.", "Save the file as UTF-8.") from error
    return parse_config(text, kind, str(path))


def parse_config(text: str, kind: type[T], source: str = "The configuration") -> T:
    """As `read_config`, from text; `source` is named in errors."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise Refused(Code.BAD_FILE, f"{source} is no TOML: {error}.", "Correct this place and try again.") from error
    found: list[str] = []
    config = _struct(kind, table, "", found)
    if found:
        count = f"{len(found)} mistake{'s' * (len(found) > 1)}"
        raise Refused(
            Code.BAD_FILE, "\n  ".join([f"{source} has {count}:", *found]), "Correct them all, then start again."
        )
    assert isinstance(config, kind)
    return config


def checked(check: Callable[[Any], Iterable[str]]) -> dict[str, Any]:
    """For `Meta(extra=…)` of a field: `check` yields one sentence without a full stop per mistake of its value. The file's reader asks it."""
    return {_CHECK: check}


def write_default(config: msgspec.Struct) -> str:
    """Documented TOML that reads as `config`. A key that has its default is commented out, so that a later default comes to hold."""
    return "\n".join(_written(config, "")).strip() + "\n"


# --- reading ------------------------------------------------------------------------------------------------------
def _struct(kind: type[msgspec.Struct], table: Mapping[str, object], path: str, found: list[str]) -> object:
    """What the table says; with mistakes as far as it could be read, so that what the rest must keep to is looked at as well."""
    fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
    before = len(found)
    for key in table:
        if key not in fields:
            near = difflib.get_close_matches(key, [name for name in fields if name not in table], 1)
            meant = f"did you mean “{near[0]}”?" if near else f"known here: {', '.join(fields) or 'none'}"
            found.append(f"{path}{_key(key)}: unknown; {meant}")
    values = {}
    for key, field in fields.items():
        if key in table or (field.required and _struct_kind(field.type) is not None):
            values[field.name] = _value(field.type, table.get(key, {}), path + key, found)
        elif field.required:
            found.append(f"{path}{key}: missing; expected {_expected(field.type, key)}")
            values[field.name] = _Unread()
    try:
        return kind(**values)
    except ValueError as error:
        found.append(f"{path[:-1] or 'the whole'}: {error}")
    except (TypeError, AttributeError):
        if len(found) == before:
            raise
        # It has met a value that could not be read. That one is told already.
    return _Unread()


def _value(kind: object, value: object, path: str, found: list[str]) -> object:
    struct = _struct_kind(kind)
    if struct is not None and isinstance(value, dict):
        return _struct(struct, value, f"{path}.", found)
    match _bare(inspect.type_info(kind)):
        case inspect.VarTupleType(inspect.StructType(cls)) if isinstance(value, list):
            return tuple(_value(cls, each, f"{path}[{place}]", found) for place, each in enumerate(value, 1))
        case inspect.DictType(value_type=inspect.StructType(cls)) if isinstance(value, dict):
            return {key: _value(cls, each, f"{path}.{_key(key)}", found) for key, each in value.items()}
    try:
        if isinstance(value, float) and not math.isfinite(value):
            raise msgspec.ValidationError
        read = msgspec.convert(value, kind)
    except msgspec.ValidationError:
        key = path.rpartition(".")[2].partition("[")[0]
        found.append(f"{path}: expected {_expected(kind, key)}, got {_shown(value)}")
        return _Unread()
    wrong = [f"{path}: {what}" for what in _check_of(kind)(read)]
    found += wrong
    return _Unread() if wrong else read


def _check_of(kind: object) -> Callable[[Any], Iterable[str]]:
    """What the field asks of its value beyond its type."""
    info = inspect.type_info(kind)
    extra = (info.extra or {}) if isinstance(info, inspect.Metadata) else {}
    check: Callable[[Any], Iterable[str]] = extra.get(_CHECK, lambda _: ())
    return check


def _struct_kind(kind: object) -> type[msgspec.Struct] | None:
    info = _bare(inspect.type_info(kind))
    return info.cls if isinstance(info, inspect.StructType) else None


def _bare(info: inspect.Type) -> inspect.Type:
    """The type without its documentation and without None, which TOML cannot say."""
    if isinstance(info, inspect.Metadata):
        return _bare(info.type)
    if isinstance(info, inspect.UnionType):
        others = [each for each in info.types if not isinstance(each, inspect.NoneType)]
        if len(others) == 1:
            return _bare(others[0])
    return info


def _expected(kind: object, key: str) -> str:
    return _named(_bare(inspect.type_info(kind)), key)


def _named(info: inspect.Type, key: str) -> str:
    unit = key.rpartition("_")[2]
    of_unit = f" of {unit}" if unit in _UNITS else ""
    match info:
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType():
            return f"a whole number{of_unit}{_bounds(info)}"
        case inspect.FloatType():
            return f"a number{of_unit}{_bounds(info)}"
        case inspect.StrType(min_length, max_length, pattern):
            return f"a text{_lengths(min_length, max_length)}" + (f" that matches {pattern}" if pattern else "")
        case inspect.EnumType(cls):
            return f"one of {', '.join(_toml(member) for member in cls)}"
        case inspect.LiteralType(values):
            return f"one of {', '.join(_toml(each) for each in values)}"
        case inspect.ListType(item, min_length, max_length) | inspect.VarTupleType(item, min_length, max_length):
            return f"a list{_lengths(min_length, max_length, 'items')}, each {_named(_bare(item), key)}"
        case inspect.DictType(value_type=each):
            return f"a table, each {_named(_bare(each), key)}"
        case inspect.StructType():
            return "a table"
        case inspect.UnionType(types):
            return " or ".join(_named(_bare(each), key) for each in types)
    return type(info).__name__.removesuffix("Type").lower()


def _bounds(info: inspect.IntType | inspect.FloatType) -> str:
    if info.ge is not None and info.le is not None:
        return f" from {info.ge} to {info.le}"
    words = (("at least", info.ge), ("more than", info.gt), ("at most", info.le), ("less than", info.lt))
    told = [f"{word} {bound}" for word, bound in words if bound is not None]
    return f", {' and '.join(told)}" if told else ""


def _lengths(least: int | None, most: int | None, of_what: str = "characters") -> str:
    if least is None and most is None:
        return ""
    return f" of {least or 0} to {most} {of_what}" if most is not None else f" of at least {least} {of_what}"


def _shown(value: object) -> str:
    shown = _toml(value)
    return shown if len(shown) <= 60 else f"{shown[:57]}…"


# --- writing ------------------------------------------------------------------------------------------------------
def _written(config: msgspec.Struct, path: str) -> Iterator[str]:
    yield from _comment(textwrap.dedent(type(config).__doc__ or "").strip().split("\n\n")[0])
    fields = msgspec.structs.fields(config)
    tables = []
    for field in fields:
        value = getattr(config, field.name)
        if _is_table(value):
            tables.append((field, value))
            continue
        yield ""
        yield from _comment(_description(field.type))
        usual = value == field.default if not field.required else False
        if field.default_factory is not msgspec.NODEFAULT:
            usual = value == field.default_factory()
        if value is None:
            yield f"#{field.encode_name} ="
        else:
            yield f"{'#' if usual else ''}{field.encode_name} = {_toml(value)}"
    for field, value in tables:
        yield from _tables(f"{path}{field.encode_name}", value, _description(field.type))


def _tables(path: str, value: object, description: str) -> Iterator[str]:
    if isinstance(value, msgspec.Struct):
        yield from ("", f"[{path}]", *_comment(description))
        yield from _written(value, f"{path}.")
    elif isinstance(value, Mapping):
        if any(isinstance(each, msgspec.Struct) for each in value.values()):
            for key, each in value.items():
                yield from _tables(f"{path}.{_key(key)}", each, description)
        else:
            yield from ("", f"[{path}]", *_comment(description))
            yield from (f"{_key(key)} = {_toml(each)}" for key, each in value.items())
    elif isinstance(value, Sequence):
        for each in value:
            yield from ("", f"[[{path}]]", *_written(each, f"{path}."))


def _is_table(value: object) -> bool:
    if isinstance(value, list | tuple):
        return any(isinstance(each, msgspec.Struct) for each in value)
    return isinstance(value, msgspec.Struct | Mapping)


def _description(kind: object) -> str:
    info = inspect.type_info(kind)
    schema = (info.extra_json_schema or {}) if isinstance(info, inspect.Metadata) else {}
    return str(schema.get("description", ""))


def _comment(text: str) -> list[str]:
    return [f"# {line}" for line in textwrap.wrap(text, 100)]


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _toml(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case enum.Enum():
            return _toml(value.value)
        case str():
            return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
        case list() | tuple():
            return f"[{', '.join(_toml(each) for each in value)}]"
        case date() | time():
            return value.isoformat()
        case Mapping():
            return "{" + ", ".join(f"{_key(key)} = {_toml(each)}" for key, each in value.items()) + "}"
    return repr(value)
