"""`kabine agency`: the agencies of the next directory, their keys, and what they are competent for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import msgspec
from sqlalchemy import Connection

from cloud import premises
from cloud.directory import draft
from protocol import directory as directories
from protocol import soundness
from protocol.contacts import InboxCard, read_inbox_card
from protocol.directory import Agency, Route
from protocol.errors import Code, Refused, Unavailable
from protocol.hours import Hours, Span, Week
from protocol.ids import AgencyId, LanguageTag, agency_id, service_id
from protocol.keys import fingerprint, words
from protocol.publication import agency_mistakes
from protocol.runtime.world import REAL
from tools import office
from tools.hours_file import read_hours
from tools.office import OneLine, hub_option, publish_draft, say_drafted, say_published, unlock
from tools.person import passphrase_option

USUAL = Hours((Week((*(((Span(8 * 60, 16 * 60),),) * 5), (), ())),))
_CARD_CHARS_MAX = 1_000_000

_card_option = click.option("--card", help="The card that `kabine inbox keygen` printed: its text, or a file with it.")
_stolen_option = click.option(
    "--stolen", is_flag=True, help="Its keys of before are in wrong hands: cabins believe nothing more that they sign."
)
_publish_option = click.option("--publish", "at_once", is_flag=True, help="Put it in force at once.")


@click.group()
def agency() -> None:
    """Agencies: add, change, list, give a key, remove."""


@agency.command()
@click.argument("id")
@hub_option
@click.option("--name", required=True, type=OneLine(), help="Full German name.")
@click.option("--short", type=OneLine(), help="As it fits on a button. Default: the name.")
@click.option("--phone", type=OneLine(), default="", help="As people dial it; spoken digit by digit.")
@click.option("--address", type=OneLine(), default="", help="Street and town, in one line.")
@click.option("--dispatcher", is_flag=True, help="Is asked by whoever does not know which agency is theirs.")
@click.option(
    "--hours-file",
    type=click.Path(path_type=Path, readable=False),
    help="Opening hours (TOML). Default: Mon-Fri 08:00-16:00.",
)
@click.option("--service", "services", multiple=True, metavar="LEIKA", help="What it is competent for; again for more.")
@click.option("--area", "areas", multiple=True, metavar="ARS", help="Where, as in 12073; again for more.")
@_card_option
@_publish_option
@passphrase_option
def add(
    id: str,
    hub: Path,
    name: str,
    short: str | None,
    phone: str,
    address: str,
    dispatcher: bool,
    hours_file: Path | None,
    services: tuple[str, ...],
    areas: tuple[str, ...],
    card: str | None,
    at_once: bool,
    passphrase_file: Path | None,
) -> None:
    """Add the agency ID, as in `wohngeldstelle-uckermark`, to the next directory."""
    if bool(services) != bool(areas):
        raise Refused(Code.MALFORMED, "--service and --area go together.", "Give both, or neither.")
    new = Agency(
        id=agency_id(id),
        name=name,
        short=short or name,
        hours=read_hours(hours_file) if hours_file else USUAL,
        phone=phone,
        address=address,
        dispatcher=dispatcher,
    )
    # Here, and not when it is published: one bad draft would keep every cabin from being confirmed.
    soundness.expect(f"agency {new.id}", agency_mistakes(new), "Correct it and add it again.")
    read = _card(card, new.id) if card else None

    def change(connection: Connection) -> None:
        draft.add_agency(connection, new)
        for service in services:
            for area in areas:
                draft.put_route(connection, Route(service_id(service), office.area(area), new.id))
        if read:
            draft.set_inbox_key(connection, read)

    _do(hub, change, f"{new.id} is added.", read, at_once, passphrase_file)
    if read is None:
        click.echo(f"It takes documents once it has a key: kabine agency key {new.id} --card CARD")


@agency.command()
@click.argument("id")
@hub_option
@click.option("--name", type=OneLine(), help="Full German name.")
@click.option("--short", type=OneLine(), help="As it fits on a button.")
@click.option("--phone", type=OneLine(), help="As people dial it; empty: none.")
@click.option("--address", type=OneLine(), help="Street and town, in one line; empty: none.")
@click.option("--dispatcher/--no-dispatcher", default=None, help="Is it asked by whoever does not know theirs?")
@click.option(
    "--hours-file", type=click.Path(path_type=Path, readable=False), help="Opening hours (TOML), instead of all before."
)
@_publish_option
@passphrase_option
def change(
    id: str, hub: Path, hours_file: Path | None, at_once: bool, passphrase_file: Path | None, **given: Any
) -> None:
    """Correct what is said of the agency ID, in the next directory; what is not given stays. Its keys, routes and documents stay."""
    name = agency_id(id)
    changes = {field: value for field, value in given.items() if value is not None}
    if hours_file:
        changes["hours"] = read_hours(hours_file)
    if not changes:
        raise Refused(Code.MALFORMED, "Nothing is to be changed.", "Say what: --name, --phone, --hours-file, …")

    def apply(connection: Connection) -> None:
        before = draft.agency(connection, name)
        if before.short == before.name and "name" in changes:
            changes.setdefault("short", changes["name"])
        changed = draft.change_agency(connection, name, **changes)
        soundness.expect(f"agency {name}", agency_mistakes(changed), "Correct it and change it again.")
        lost.extend(text.language for text in before.texts if text not in changed.texts)

    lost: list[LanguageTag] = []
    _do(hub, apply, f"{name} is changed.", None, at_once, passphrase_file)
    if lost:
        click.echo(f"Its name is German now in: {', '.join(lost)}. Translate it with `kabine directory texts`.")


@agency.command()
@click.argument("id")
@hub_option
@_card_option
@_stolen_option
@_publish_option
@passphrase_option
def key(id: str, hub: Path, card: str | None, stolen: bool, at_once: bool, passphrase_file: Path | None) -> None:
    """Take over the keys on an inbox card: from the next directory on cabins seal to it. An older card brings what was sealed to it before."""
    name = agency_id(id)
    if card is None:
        raise Refused(Code.BAD_KEY, "There is no card.", "Give --card with what `kabine inbox keygen` printed.")
    read = _card(card, name)
    newest: list[int] = []

    def apply(connection: Connection) -> None:
        newest.append(draft.set_inbox_key(connection, read).inboxes[-1].epoch)
        if stolen:
            draft.disown(connection, name)

    _do(hub, apply, f"{name} has key {read.epoch}.", read, at_once, passphrase_file)
    if newest != [read.epoch]:
        click.echo(
            f"Cabins go on sealing to its key {newest[0]}; what was sealed to this one before comes to its inbox."
        )


@agency.command()
@click.argument("id")
@hub_option
@click.option("--service", "services", multiple=True, required=True, metavar="LEIKA", help="For what; again for more.")
@click.option(
    "--area", "areas", multiple=True, required=True, metavar="ARS", help="Where, as in 12073; again for more."
)
@_publish_option
@passphrase_option
def route(
    id: str,
    hub: Path,
    services: tuple[str, ...],
    areas: tuple[str, ...],
    at_once: bool,
    passphrase_file: Path | None,
) -> None:
    """Name the agency ID competent for services in areas; whoever was before it is no more."""
    routes = [Route(service_id(service), office.area(area), agency_id(id)) for service in services for area in areas]

    def change(connection: Connection) -> None:
        for each in routes:
            draft.put_route(connection, each)

    _do(hub, change, f"{id} is competent for {len(routes)} more.", None, at_once, passphrase_file)


@agency.command()
@click.argument("id")
@hub_option
@_stolen_option
@_publish_option
@passphrase_option
def remove(id: str, hub: Path, stolen: bool, at_once: bool, passphrase_file: Path | None) -> None:
    """Take the agency ID and its routes out of the next directory. Its inbox must be empty, now and when that is published; until then its connector
    works as before. With --stolen also for one that has left already."""
    name = agency_id(id)
    done = f"{name} is removed." + " Nothing more that its keys sign is believed." * stolen
    _do(hub, lambda c: draft.remove_agency(c, name, stolen=stolen), done, None, at_once, passphrase_file)


@agency.command("list")
@hub_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def list_(hub: Path, as_json: bool) -> None:
    """Agencies as the next directory will have them."""
    with premises.opened(hub) as place, place.database.reading() as connection:
        rows = draft.agencies(connection)
        routes = draft.routes(connection)
    if as_json:
        listing = {"version": 1, "agencies": [_row(row, routes) for row in rows]}
        click.echo(msgspec.json.format(msgspec.json.encode(listing)).decode())
        return
    for row in rows:
        try:
            taking = f"key {directories.inbox(row).epoch}"
        except Refused:
            taking = "no key"
        competent = sum(each.agency == row.id for each in routes)
        dispatcher = "  dispatcher" if row.dispatcher else ""
        click.echo(
            f"{row.id:<28} {taking:<8} {competent:>3} {'route' if competent == 1 else 'routes':<6}  {row.name}{dispatcher}"
        )
    click.echo(f"{len(rows)} agenc{'y' if len(rows) == 1 else 'ies'}.")


def _do(
    hub: Path,
    change: Callable[[Connection], object],
    done: str,
    card: InboxCard | None,
    at_once: bool,
    passphrase_file: Path | None,
) -> None:
    """One change of the draft and, if wished, its publication: both or neither."""
    with premises.opened(hub) as place:
        authority = unlock(place, passphrase_file) if at_once else None
        with place.database.turn() as connection:
            change(connection)
            published = publish_draft(connection, place, authority, REAL.utc()) if authority else None
    click.echo(done)
    if card:
        click.echo(f"Compare on the telephone: {' '.join(words(fingerprint(card.signing_key)))}")
    if authority:
        say_published(published)
    else:
        say_drafted()


def _card(given: str, name: AgencyId) -> InboxCard:
    """The card in a text or a file. Raises Refused when it is not whole, or another agency's."""
    text = given
    if not given.strip().lower().startswith("kabine-"):
        try:
            with Path(given).open("rb") as file:
                text = file.read(_CARD_CHARS_MAX).decode("utf-8", "replace")
        except OSError as error:
            raise Unavailable(
                f"“{given[:80]}” is no card and no file that can be read: {error.strerror}.",
                "Give what `kabine inbox keygen` printed, or the file card.txt.",
            ) from error
    card = read_inbox_card(text)
    if card.agency != name:
        raise Refused(
            Code.NOT_YOURS, f"This card is for “{card.agency}”, not for “{name}”.", "Ask this agency for its own card."
        )
    return card


def _row(row: Agency, routes: tuple[Route, ...]) -> dict[str, object]:
    return {
        "id": row.id,
        "name": row.name,
        "short": row.short,
        "phone": row.phone,
        "address": row.address,
        "dispatcher": row.dispatcher,
        "epoch": row.inboxes[-1].epoch if row.inboxes else None,
        "recipient": row.inboxes[-1].recipient if row.inboxes else None,
        "routes": [{"service": each.service, "area": each.area} for each in routes if each.agency == row.id],
    }
