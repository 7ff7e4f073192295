"""Who may import whom (DESIGN.md, arrows). A broken arrow is named, so that one knows which import to move."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("protocol", "edge", "cloud", "hardware", "tools")
MAY = {
    "protocol": {"protocol"},
    "hardware": {"hardware"},
    "edge": {"edge", "hardware", "protocol"},
    "cloud": {"cloud", "protocol"},
    "tools": set(ROOMS),
}
# Thinking does no I/O: time and randomness are arguments.
DEAF_AND_BLIND = {
    "asyncio",
    "multiprocessing",
    "os",
    "random",
    "secrets",
    "select",
    "socket",
    "sqlite3",
    "subprocess",
    "threading",
    "time",
    "zmq",
}


def modules() -> Iterator[tuple[Path, ast.Module]]:
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            yield path.relative_to(ROOT), ast.parse(path.read_text())


def imports(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                yield node.lineno, f"{node.module}.{alias.name}"


def broken(path: Path, name: str) -> str:
    """Why this import is not allowed, empty when it is."""
    room, target = path.parts[0], name.split(".", maxsplit=1)[0]
    thinking = room == "protocol" and path.parts[1] != "runtime"
    if target in ROOMS and target not in MAY[room]:
        return f"{room} may not import {target}"
    if thinking and target in DEAF_AND_BLIND:
        return f"protocol may not import {target}: it does no I/O; only protocol/runtime does"
    if thinking and name.startswith("protocol.runtime"):
        return "protocol may not import protocol.runtime, only the other way"
    if target == "zmq" and path != Path("protocol/runtime/wires.py") and room != "tools":
        return "only protocol/runtime/wires.py imports zmq"
    return ""


def test_every_import_follows_an_arrow() -> None:
    faults = [
        f"{path}:{line}: {why}"
        for path, tree in modules()
        for line, name in imports(tree)
        if (why := broken(path, name))
    ]
    assert not faults, "\n".join(faults)


def test_a_broken_arrow_is_noticed() -> None:
    assert broken(Path("edge/visit.py"), "cloud.hub")
    assert broken(Path("protocol/link.py"), "time")
    assert broken(Path("protocol/link.py"), "protocol.runtime.pump")
    assert broken(Path("cloud/hub.py"), "zmq")
    assert not broken(Path("protocol/runtime/wires.py"), "zmq")
    assert not broken(Path("tools/demo.py"), "cloud.app")


def test_every_package_says_what_it_is_for() -> None:
    silent = [str(path) for path, tree in modules() if not ast.get_docstring(tree) and "migrations" not in path.parts]
    assert not silent, f"no docstring at the top of {silent}"
