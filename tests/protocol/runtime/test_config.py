from __future__ import annotations

import enum
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta, Struct, field

from protocol.errors import Code, Refused, Unavailable
from protocol.runtime.config import CONFIG_BYTES_MAX, checked, parse_config, read_config, write_default

KNOWN = "site, colour, mode, verbose, names, codes, limit, link, devices, rooms, labels"


class Colour(enum.StrEnum):
    GREY = "grey"
    FULL = "full"


class LinkConfig(Struct, frozen=True):
    """The line to the hub."""

    beat_seconds: Annotated[float, Meta(gt=0, le=60, description="How often a sign of life is sent.")] = 5.0
    window_bytes: Annotated[int, Meta(ge=1024, le=4096)] = 2048
    host: str | None = None


class Device(Struct, frozen=True):
    """A scanner or a camera."""

    model: str
    dpi: Annotated[int, Meta(ge=75)] = 300


class NodeConfig(Struct, frozen=True, rename={"site_name": "site"}):
    """A node for the tests.

    This paragraph is for readers of the code.
    """

    site_name: Annotated[str, Meta(min_length=1, max_length=63, description="Where it stands.")]
    colour: Colour = Colour.GREY
    mode: Literal["day", "night"] = "day"
    verbose: bool = False
    names: tuple[str, ...] = ()
    codes: Annotated[tuple[Annotated[str, Meta(pattern="^[A-Z]{3}$")], ...], Meta(max_length=3)] = ()
    limit: int | str = 3
    link: LinkConfig = field(default_factory=LinkConfig)
    devices: Annotated[tuple[Device, ...], Meta(description="What is fitted.")] = ()
    rooms: dict[str, Device] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.site_name == "hub":
            raise ValueError("a cabin is not called hub")


class Strict(Struct, frozen=True):
    link: LinkConfig
    device: Device


def not_a(value: str) -> Iterator[str]:
    if value != "a":
        yield f"“{value}” is not a"
        yield "nor c"


class Pair(Struct, frozen=True):
    less: int
    more: int

    def __post_init__(self) -> None:
        if self.less > self.more:
            raise ValueError("less is more than more")
        if self.less == 9:
            raise TypeError("a slip of ours")


class Exacting(Struct, frozen=True):
    first: Annotated[str, Meta(extra=checked(not_a))]
    second: Annotated[str, Meta(extra=checked(not_a))]
    pair: Pair
    small: str

    def __post_init__(self) -> None:
        if self.small != "a":
            raise ValueError("the pair cannot stand beside a small that is none")


def mistakes(text: str, kind: type[Struct] = NodeConfig) -> list[str]:
    with pytest.raises(Refused) as caught:
        parse_config(text, kind, "node.toml")
    assert caught.value.code is Code.BAD_FILE
    head, *lines = caught.value.what.split("\n  ")
    assert head == f"node.toml has {len(lines)} mistake{'s' * (len(lines) > 1)}:"
    return lines


def test_a_file_is_read_into_its_struct(tmp_path: Path) -> None:
    path = tmp_path / "node.toml"
    path.write_text(
        'site = "templin"\ncolour = "full"\nlink = { beat_seconds = 2 }\n[[devices]]\nmodel = "x"\n[rooms.a]\nmodel = "y"\n'
    )
    assert read_config(path, NodeConfig) == NodeConfig(
        "templin", Colour.FULL, link=LinkConfig(2.0), devices=(Device("x"),), rooms={"a": Device("y")}
    )


def test_all_mistakes_are_told_together() -> None:
    text = """
        colour = "blue"
        mode = 3
        verbose = "yes"
        names = ["a", 5]
        codes = ["ab"]
        limit = true
        devises = []
        quite_other = 1
        "with space" = 1
        [link]
        beat_seconds = "five"
        window_bytes = 5000
        host = 3
        beat = 4
        [[devices]]
        model = "x"
        dpi = 10
        [[devices]]
        [rooms."a b"]
        model = 3.5
        [labels]
        a = 3
    """
    assert mistakes(text) == [
        "devises: unknown; known here: " + KNOWN,
        "quite_other: unknown; known here: " + KNOWN,
        '"with space": unknown; known here: ' + KNOWN,
        "site: missing; expected a text of 1 to 63 characters",
        'colour: expected one of "grey", "full", got "blue"',
        'mode: expected one of "day", "night", got 3',
        'verbose: expected true or false, got "yes"',
        'names: expected a list, each a text, got ["a", 5]',
        'codes: expected a list of 0 to 3 items, each a text that matches ^[A-Z]{3}$, got ["ab"]',
        "limit: expected a whole number or a text, got true",
        "link.beat: unknown; known here: beat_seconds, window_bytes, host",
        'link.beat_seconds: expected a number of seconds, more than 0 and at most 60, got "five"',
        "link.window_bytes: expected a whole number of bytes from 1024 to 4096, got 5000",
        "link.host: expected a text, got 3",
        "devices[1].dpi: expected a whole number of dpi, at least 75, got 10",
        "devices[2].model: missing; expected a text",
        'rooms."a b".model: expected a text, got 3.5',
        "labels: expected a table, each a text, got {a = 3}",
    ]


def test_a_near_miss_is_guessed() -> None:
    assert mistakes('site = "a"\ncolor = "grey"\n') == ["color: unknown; did you mean “colour”?"]


def test_a_value_in_place_of_a_table_and_the_other_way_round() -> None:
    assert mistakes('site = "a"\nlink = 3\ndevices = "none"\nrooms = []\n[names]\n') == [
        "names: expected a list, each a text, got {}",
        "link: expected a table, got 3",
        'devices: expected a list, each a table, got "none"',
        "rooms: expected a table, each a table, got []",
    ]


def test_a_table_that_must_be_there_is_told_key_by_key() -> None:
    assert mistakes("", Strict) == ["device.model: missing; expected a text"]


def test_what_the_struct_itself_refuses_is_told() -> None:
    assert mistakes('site = "hub"\n') == ["the whole: a cabin is not called hub"]


def test_a_mistake_hides_no_other() -> None:
    text = 'first = 5\nsecond = "b"\nsmal = 1\n[pair]\nless = 4\nmore = 3\n'
    assert mistakes(text, Exacting) == [
        "smal: unknown; did you mean “small”?",
        "first: expected a text, got 5",
        "second: “b” is not a",
        "second: nor c",
        "pair: less is more than more",
        "small: missing; expected a text",
        "the whole: the pair cannot stand beside a small that is none",
    ]


def test_what_could_not_be_read_is_not_judged() -> None:
    text = 'first = "a"\nsecond = "a"\nsmall = "a"\n[pair]\nless = "four"\nmore = 3\n'
    assert mistakes(text, Exacting) == ['pair.less: expected a whole number, got "four"']
    with pytest.raises(TypeError):  # our own mistake in a check is none of the file's
        parse_config("less = 9\nmore = 9\n", Pair)


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
def test_a_number_that_is_none_is_refused(number: str) -> None:
    assert len(mistakes(f'site = "a"\nlink = {{ beat_seconds = {number} }}\n')) == 1


def test_a_long_value_is_shortened() -> None:
    told = mistakes(f'site = "{"x" * 500}"\n')[0]
    assert told.endswith("…")
    assert len(told) < 130


@pytest.mark.parametrize("text", ["site = ", 'site = "a"\nsite = "b"', "[", "a = " + "[" * 5000])
def test_text_that_is_no_toml_is_refused_with_its_line(text: str) -> None:
    with pytest.raises(Refused, match=r"node\.toml is no TOML: .*(line|end|recursion)") as caught:
        parse_config(text, NodeConfig, "node.toml")
    assert caught.value.code is Code.BAD_FILE


def test_the_line_of_wrong_syntax_is_named() -> None:
    with pytest.raises(Refused, match="at line 3, column"):
        parse_config('site = "a"\n\nlink = = 3\n', NodeConfig)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="There is no file"):
        read_config(tmp_path / "none.toml", NodeConfig)
    with pytest.raises(Unavailable, match="cannot be read: Is a directory"):
        read_config(tmp_path, NodeConfig)
    (tmp_path / "latin.toml").write_bytes(b'a = 1\nsite = "Angerm\xfcnde"\n')
    with pytest.raises(Refused, match=r"latin\.toml, line 2: not UTF-8"):
        read_config(tmp_path / "latin.toml", NodeConfig)
    (tmp_path / "large.toml").write_bytes(b"#" * (CONFIG_BYTES_MAX + 1))
    with pytest.raises(Refused, match="too large"):
        read_config(tmp_path / "large.toml", NodeConfig)


def test_a_written_configuration_documents_itself_and_comments_out_what_is_usual() -> None:
    assert write_default(NodeConfig("templin", devices=(Device("x", 600),), labels={"a b": "c"})).splitlines() == [
        "# A node for the tests.",
        "",
        "# Where it stands.",
        'site = "templin"',
        "",
        '#colour = "grey"',
        "",
        '#mode = "day"',
        "",
        "#verbose = false",
        "",
        "#names = []",
        "",
        "#codes = []",
        "",
        "#limit = 3",
        "",
        "[link]",
        "# The line to the hub.",
        "",
        "# How often a sign of life is sent.",
        "#beat_seconds = 5.0",
        "",
        "#window_bytes = 2048",
        "",
        "#host =",
        "",
        "[[devices]]",
        "# A scanner or a camera.",
        "",
        'model = "x"',
        "",
        "dpi = 600",
        "",
        "[rooms]",
        "",
        "[labels]",
        '"a b" = "c"',
    ]


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
devices = st.builds(Device, texts, st.integers(75, 9999))
configs = st.builds(
    NodeConfig,
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=63).filter(lambda name: name != "hub"),
    st.sampled_from(Colour),
    st.sampled_from(["day", "night"]),
    st.booleans(),
    st.lists(texts, max_size=3).map(tuple),
    st.lists(st.sampled_from(["ABC", "XYZ"]), max_size=3).map(tuple),
    st.integers(-5, 5) | texts,
    st.builds(LinkConfig, st.floats(0.001, 60), st.integers(1024, 4096), st.none() | texts),
    st.lists(devices, max_size=3).map(tuple),
    st.dictionaries(texts, devices, max_size=2),
    st.dictionaries(texts, texts, max_size=2),
)


@given(configs)
def test_what_is_written_is_read_again(config: NodeConfig) -> None:
    assert parse_config(write_default(config), NodeConfig) == config
