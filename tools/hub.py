"""`kabine hub`: make a hub, run it, show what others need to reach and believe it."""

from __future__ import annotations

import shlex
from pathlib import Path

import click
from sqlalchemy import Connection

from cloud import config, premises
from cloud.config import HubConfig
from cloud.directory import draft, publish
from cloud.premises import Premises
from protocol import contacts, limits
from protocol.errors import Code, Refused
from protocol.keys import fingerprint, words
from protocol.runtime.config import parse_config, write_default
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import REAL
from tools import town
from tools.dispatcher import DISPATCHER
from tools.office import OneLine, publish_draft
from tools.person import ask_passphrase, passphrase_option

_FOLDER = click.argument("folder", metavar="DIR", type=click.Path(path_type=Path, readable=False))


@click.group()
def hub() -> None:
    """The hub: init, run, show."""


@hub.command()
@_FOLDER
@click.option(
    "--name", type=OneLine(), default="Kabine", show_default=True, help="What the hub is called in the directory."
)
@click.option(
    "--listen",
    default=f"tcp://127.0.0.1:{config.PORT}",
    show_default=True,
    help="Where it listens; tcp://*:PORT for all networks.",
)
@click.option("--address", help="Where cabins and agencies reach it, tcp://HOST:PORT. Default: as --listen.")
@click.option("--example", type=click.Choice(["uckermark"]), help="Begin with example agencies, services and routes.")
@click.option(
    "--work-factor",
    type=click.IntRange(10, limits.SCRYPT_WORK_FACTOR_MAX),
    default=limits.SCRYPT_WORK_FACTOR,
    hidden=True,
)
@passphrase_option
def init(
    folder: Path,
    name: str,
    listen: str,
    address: str | None,
    example: str | None,
    work_factor: int,
    passphrase_file: Path | None,
) -> None:
    """Make a hub in DIR: configuration, keys, database, and the first signed directory."""
    if address is None and "*" in listen:
        raise Refused(
            Code.MALFORMED,
            f"From “{listen}” alone nobody knows how to reach this hub.",
            "Give --address tcp://HOST:PORT as cabins and agencies see it.",
        )
    chosen = HubConfig(name=name, listen=listen, address=address or listen)
    # All that its file must keep to, before there is a folder: half a hub could be neither used nor made again.
    parse_config(write_default(chosen), HubConfig, "This hub")
    # Before a passphrase is asked for: is there any use in it?
    NodeFolder.create(folder, "hub", whole=True).close()
    passphrase = ask_passphrase(passphrase_file, "New passphrase of the authority's key", twice=True)
    with (
        premises.made(folder, chosen, REAL.random, passphrase, work_factor) as (place, authority),
        place.database.turn() as connection,
    ):
        if example is None:
            draft.add_agency(connection, DISPATCHER)
        else:
            _add_example(connection)
        published = publish_draft(connection, place, authority, REAL.utc())
    assert published is not None
    with premises.opened(folder) as place:
        click.echo(f"A hub is made in {folder}; directory {published.version} is in force.\n")
        click.echo("Keep safe, apart from this machine:")
        click.echo("  1. the passphrase: without it no cabin and no agency can ever be added;")
        click.echo(f"  2. a copy of {folder / 'authority.age'}, which it opens;")
        click.echo(f"  3. a copy of {folder / 'curve.key'}, {folder / 'signing.key'} and {folder / 'journal.txt'}:")
        click.echo("     without them every cabin and every agency must be set up anew.\n")
        _show(place)
    typed = shlex.quote(str(folder))
    click.echo(f"\nNext: kabine hub run {typed}, then kabine cabin invite SITE --hub {typed}")


@hub.command()
@_FOLDER
def run(folder: Path) -> None:
    """Run the hub in DIR until it is told to end (Ctrl-C, SIGTERM)."""
    from cloud import app

    app.run(folder)


@hub.command()
@_FOLDER
@click.option("--card", is_flag=True, help="Only the card, as agencies' connectors take it.")
def show(folder: Path, card: bool) -> None:
    """What agencies need to reach this hub, and words to compare over the telephone. Nothing here is secret."""
    with premises.opened(folder) as place:
        if card:
            click.echo(contacts.write_hub_card(place.card))
        else:
            _show(place)


def _add_example(connection: Connection) -> None:
    example = town.uckermark()
    for agency in example.agencies:
        draft.add_agency(connection, agency)
    for service in example.services:
        draft.put_service(connection, service)
    for route in example.routes:
        draft.put_route(connection, route)


def _show(place: Premises) -> None:
    card = place.card
    with place.database.reading() as connection:
        current = publish.current(connection)
    click.echo(f"Name       {place.config.name}")
    click.echo(f"Address    {card.address}   (listens at {place.config.listen})")
    click.echo(f"Authority  {' '.join(words(fingerprint(card.authority_key)))}")
    click.echo(f"Hub        {' '.join(words(fingerprint(card.curve_key)))}")
    click.echo(f"Directory  {f'version {current.version}' if current else 'none published'}")
    click.echo(f"Card for agencies:\n{contacts.write_hub_card(card)}")
