"""What the operator's commands at the hub share: which hub, which place, and the step that most of them end with: publishing a
directory."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from pathlib import Path
from typing import Final

import click
from click.decorators import FC
from sqlalchemy import Connection

from cloud import keys
from cloud.directory import publish
from cloud.directory.publish import Published
from cloud.premises import Premises
from protocol import manifest
from protocol.errors import Code, Refused
from protocol.ids import AreaId, area_id
from protocol.keys import SigningPair
from tools.person import ask_passphrase


def hub_option(function: FC) -> FC:
    """`--hub`, or KABINE_HUB, or ./hub."""
    return click.option(
        "--hub",
        type=click.Path(path_type=Path, readable=False),
        envvar="KABINE_HUB",
        default=Path("hub"),
        show_default=True,
        help="The hub's folder (or KABINE_HUB). The hub may be running.",
    )(function)


class OneLine(click.ParamType[str]):
    """What is read in one line, on a button or a slip: no line break, no other control character."""

    name = "text"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The same, without blanks around it."""
        if any(unicodedata.category(each) in ("Cc", "Zl", "Zp") for each in value):
            self.fail("a line break or another control character is in it; give it in one line.", param, ctx)
        return value.strip()


_STATES: Final = 16  # of Germany: the first two digits of every regional key


def area(text: str) -> AreaId:
    """A regional key that there may be: a wrong one leaves a cabin without an agency, and nobody notices. Raises Refused."""
    found = area_id(text)
    if not 1 <= int(found[:2]) <= _STATES:
        raise Refused(
            Code.MALFORMED,
            f"“{found}” is no regional key: none begins with {found[:2]}.",
            "The first two digits are the state, 01 to 16; Uckermark: 12073.",
        )
    return found


def unlock(premises: Premises, passphrase_file: Path | None) -> SigningPair:
    """The authority's key. Raises Unavailable when it was carried off or the passphrase is another."""
    if not premises.folder.has(keys.AUTHORITY):
        return keys.read_authority(premises.folder, "")
    passphrase = ask_passphrase(passphrase_file, "Passphrase of the authority's key")
    return keys.read_authority(premises.folder, passphrase)


def publish_draft(
    connection: Connection, premises: Premises, authority: SigningPair, now: datetime
) -> Published | None:
    """Put the draft in force. None when the directory in force says the same already, unless cabins hold a later one, from before this hub came
    back from an older copy. Raises Refused that names every mistake."""
    before = publish.current(connection)
    directory = publish.build(connection, premises.row, premises.config.holidays_region, now)
    if publish.nothing_new(before, directory):
        return None
    signed = manifest.sign(directory, authority.private())
    return publish.put_in_force(connection, signed, premises.keys.authority, now)


def say_published(published: Published | None) -> None:
    """Tell the operator."""
    if published is None:
        click.echo("The directory in force says all of this already.")
    else:
        click.echo(f"Directory {published.version} is in force; cabins get it as soon as they are connected.")


def say_drafted() -> None:
    """Tell the operator that a change is not in force yet."""
    click.echo("This is a draft. Put it in force with `kabine directory publish`.")
