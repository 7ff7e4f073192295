"""Small promises about the repository that nobody should have to remember."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import click

from tools.command import FAMILIES, kabine

ROOT = Path(__file__).parents[2]
EMPTY_NAMES = {"session", "manager", "handler", "helper", "helpers", "util", "utils", "common", "core", "data", "misc"}


def committed() -> list[Path]:
    names = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True, text=True).stdout
    return [ROOT / name for name in names.split("\0") if name and (ROOT / name).is_file()]


def test_no_address_of_a_package_index_and_no_path_of_one_machine() -> None:
    pattern = re.compile(rb"(?<!emit-)index-url|\"resolved\":|https?://[^ \"]*/simple/?|/(?:root|work)/[a-z.]")
    faults = [
        f"{path.relative_to(ROOT)}: {match[0]!r}"
        for path in committed()
        if path != Path(__file__) and (match := pattern.search(path.read_bytes()))
    ]
    assert not faults, "\n".join(faults)


def test_no_file_has_a_name_that_says_nothing() -> None:
    faults = [str(path.relative_to(ROOT)) for path in committed() if path.suffix == ".py" and path.stem in EMPTY_NAMES]
    assert not faults


def test_no_test_is_switched_off() -> None:
    pattern = re.compile(r"pytest\.mark\.(skip|skipif|xfail)\b|pytest\.skip\(|importorskip")
    faults = [
        path.name
        for path in (ROOT / "tests").rglob("*.py")
        if path != Path(__file__) and pattern.search(path.read_text())
    ]
    assert not faults


def test_every_package_is_installed() -> None:
    listed = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"])
    found = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for room in ("protocol", "edge", "cloud", "hardware", "tools")
        for path in (ROOT / room).rglob("__init__.py")
    }
    assert listed == found


def test_whoever_is_sent_to_another_page_finds_it() -> None:
    pages = {str(path.relative_to(ROOT)) for path in committed() if path.suffix == ".md"}
    faults = [
        f"{path.relative_to(ROOT)} names {page}"
        for path in committed()
        if path.suffix in {".md", ".py", ".css", ".js", ".html", ".toml", ".c", ".sh"} and "tests" not in path.parts
        for page in re.findall(r"(?<![\w*])([A-Za-z][\w/.-]*\.md)\b", path.read_text())
        if not any(there == page or there.endswith(f"/{page}") for there in pages)
    ]
    assert not faults, "\n".join(faults)


MAPPED = (
    *("protocol", "protocol/runtime", "hardware", "tools"),
    *("edge", "edge/storage", "edge/capture", "edge/doctor", "edge/kiosk"),
    *("cloud", "cloud/storage", "cloud/fleet", "cloud/directory"),
)


def test_every_module_stands_on_the_map_of_its_package() -> None:
    """The docstring of `__init__.py`: whoever opens a room for the first time learns there what each file is for."""
    missing = [
        f"{package}/{path.name}: a word about it belongs into {package}/__init__.py"
        for package in MAPPED
        for path in sorted((ROOT / package).glob("*.py"))
        if not path.stem.startswith("__") and f"`{path.stem}`" not in (ROOT / package / "__init__.py").read_text()
    ]
    assert not missing, "\n".join(missing)


def test_every_command_is_documented() -> None:
    readme = (ROOT / "README.md").read_text()
    for family in FAMILIES:
        command = kabine.get_command(None, family)  # type: ignore[arg-type]
        assert command is not None
        assert command.help, f"kabine {family} says nothing about itself"
        assert f"kabine {family}" in readme, f"README.md does not mention `kabine {family}`"
        for name, part in getattr(command, "commands", {}).items():
            assert part.help, f"kabine {family} {name} says nothing about itself"


def test_every_option_says_what_it_is_for() -> None:
    def silent(command: click.Command, name: str) -> list[str]:
        options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
        below = getattr(command, "commands", {}).items()
        return [
            *(f"{name} {'/'.join(one.opts)}" for one in options if not one.help),
            *(found for part, under in below for found in silent(under, f"{name} {part}")),
        ]

    families = {family: kabine.get_command(None, family) for family in FAMILIES}  # type: ignore[arg-type]
    faults = [found for family, command in families.items() if command for found in silent(command, f"kabine {family}")]
    assert not faults, "\n".join(faults)
