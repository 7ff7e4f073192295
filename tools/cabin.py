"""`kabine cabin`: invite a site, compare the words, confirm, revoke."""

from __future__ import annotations

from pathlib import Path

import click
import msgspec

from cloud import enrolment, keys, premises
from cloud.enrolment import Cabin
from cloud.enrolment_table import State
from cloud.fleet import facts, status
from protocol.enrolment import write_invitation
from protocol.errors import Code, Refused
from protocol.ids import site_id
from protocol.runtime.world import REAL
from tools import invitation_code, office, town
from tools.office import OneLine, hub_option, publish_draft, say_published, unlock
from tools.person import agreed, passphrase_option


@click.group()
def cabin() -> None:
    """Cabins at the hub: invite, confirm, list, revoke."""


@cabin.command()
@click.argument("site")
@hub_option
@click.option("--name", type=OneLine(), help="What people read. Default: as before, or as SITE.")
@click.option("--area", metavar="ARS", help="Regional key of the place; decides which agency is competent.")
@click.option("--address", type=OneLine(), help="Street and town.")
@click.option(
    "--qr", "shown", is_flag=True, help="Show it as a QR code, too: photograph it and carry the picture to the cabin."
)
@click.option(
    "--qr-file",
    "picture",
    metavar="FILE",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write the QR code to FILE.svg (to be printed) or FILE.png.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def invite(
    site: str,
    hub: Path,
    name: str | None,
    area: str | None,
    address: str | None,
    shown: bool,
    picture: Path | None,
    as_json: bool,
) -> None:
    """Print a one-time invitation for a cabin at SITE, as in `templin`. A confirmed cabin there keeps working until another is confirmed in
    its place."""
    if shown and as_json:
        raise click.UsageError("--qr is for people and --json for programs: use --qr-file with --json.")
    wanted = site_id(site)
    if picture is not None:
        invitation_code.check_ending(picture)
    now = REAL.utc()
    with premises.opened(hub) as place, place.database.turn() as connection:
        before: Cabin | town.Site | None = next(
            (each for each in enrolment.cabins(connection, now) if each.site == wanted), None
        ) or next((each for each in town.uckermark().sites if each.id == wanted), None)
        chosen = office.area(area) if area else (before.area if before else None)
        if chosen is None:
            raise Refused(
                Code.MALFORMED,
                f"The hub does not know where “{wanted}” is.",
                "Give its regional key, as in --area 12073 for the Uckermark.",
            )
        invitation = enrolment.invite(
            connection,
            wanted,
            name or (before.name if before else wanted.replace("-", " ").title()),
            chosen,
            address if address is not None else (before.address if before else ""),
            place.card,
            REAL.random,
            now,
        )
    text = write_invitation(invitation)
    if as_json:
        row = {
            "version": 1,
            "site": wanted,
            "code": invitation.code,
            "expires_at": invitation.expires_at,
            "invitation": text,
        }
        click.echo(msgspec.json.encode(row).decode())
        if picture is not None:
            invitation_code.draw(text, picture)
        return
    click.echo(
        f"Invitation for {invitation.name} ({wanted}), good once and until {invitation.expires_at:%Y-%m-%d %H:%M} UTC."
    )
    click.echo("Whoever has it can claim this site: give it to nobody else. In the cabin:\n")
    click.echo(f"kabine edge enrol --dir DIR {text}\n")
    if shown:
        click.echo(
            f"Or photograph this, and there: kabine edge enrol --dir DIR PICTURE\n\n{invitation_code.lines(text)}\n"
        )
    if picture is not None:
        invitation_code.draw(text, picture)
        file = "the file, or " if picture.suffix.lower() == ".png" else ""
        click.echo(f"The QR code is in {picture}. There: kabine edge enrol --dir DIR PICTURE")
        click.echo(f"PICTURE is {file}a photograph or a scan of it.\n")
    click.echo(f"Then compare the words on both screens: kabine cabin confirm {wanted}")


@cabin.command("list")
@hub_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def list_(hub: Path, as_json: bool) -> None:
    """All sites and their machines."""
    with premises.opened(hub) as place, place.database.reading() as connection:
        rows = enrolment.cabins(connection, REAL.utc())
    if as_json:
        listing = {"version": 1, "cabins": [_row(row) for row in rows]}
        click.echo(msgspec.json.format(msgspec.json.encode(listing)).decode())
        return
    for row in rows:
        shown = row.claimed_words or row.words
        click.echo(
            f"{row.site:<20} {row.state:<10} {row.since:%Y-%m-%d %H:%M} UTC  {row.code}  {row.area:<12}  {' '.join(shown)}".rstrip()
        )
    click.echo(f"{len(rows)} cabin{'s' * (len(rows) != 1)}." if rows else "No cabin yet: kabine cabin invite SITE")


@cabin.command()
@click.argument("site")
@hub_option
@click.option("--yes", is_flag=True, help="The words were compared; do not ask.")
@click.option("--no-publish", is_flag=True, help="Leave the directory as it is for now.")
@passphrase_option
def confirm(site: str, hub: Path, yes: bool, no_publish: bool, passphrase_file: Path | None) -> None:
    """Confirm the machine that claimed SITE, once the words on both screens are the same. Publishes a directory that lists it."""
    wanted = site_id(site)
    with premises.opened(hub) as place:
        with place.database.reading() as connection:
            known = enrolment.cabin(connection, wanted, REAL.utc())
        if known.claimed_words:
            click.echo(
                f"{known.name} ({wanted}) shows these words on its screen:\n\n    {'  '.join(known.claimed_words)}\n"
            )
            if known.state is State.REPLACING:
                click.echo(
                    "It takes the place of the machine that works there now. What that one has not sent yet stays in it."
                )
            if not yes and not agreed("Are they the same there, word for word?"):
                raise Refused(
                    Code.NOT_CONFIRMED,
                    f"{wanted} was not confirmed.",
                    f"If the words differ, somebody else has claimed the site: kabine cabin invite {wanted}",
                )
        # A table that does not let us confirm says so before the passphrase is asked for.
        away = no_publish or not place.folder.has(keys.AUTHORITY) or not known.claimed_words
        authority = None if away else unlock(place, passphrase_file)
        with place.database.turn() as connection:
            now = REAL.utc()
            waiting = enrolment.waiting_words(connection, wanted)
            if waiting != known.claimed_words:
                raise Refused(
                    Code.OUT_OF_ORDER,
                    "Another machine has claimed the site in the meantime.",
                    "Compare the words again.",
                )
            enrolment.confirm(connection, wanted, now)
            published = publish_draft(connection, place, authority, now) if authority else None
    click.echo(f"{known.name} ({wanted}) is confirmed.")
    if authority:
        say_published(published)
    else:
        click.echo("Agencies believe its documents once a directory lists it: kabine directory publish")


@cabin.command()
@click.argument("site")
@hub_option
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
def revoke(site: str, hub: Path, yes: bool, passphrase_file: Path | None) -> None:
    """Admit the cabin at SITE no more: its link ends within a second. Everything it has delivered stays."""
    wanted = site_id(site)
    with premises.opened(hub) as place:
        with place.database.reading() as connection:
            known = enrolment.cabin(connection, wanted, REAL.utc())
            here = facts.only(facts.read(connection, REAL.utc()), wanted)
        waiting = status.fleet(here, REAL.utc()).sites[0].proof.documents_under_way
        if waiting and known.state is not State.REVOKED:
            what = "1 document of this cabin is" if waiting == 1 else f"{waiting} documents of this cabin are"
            click.echo(f"{what} not secured; what stays in it is not delivered any more. Keep its disk.", err=True)
        if not yes and not agreed(f"Revoke the cabin {known.name} ({wanted})?"):
            raise Refused(Code.OUT_OF_ORDER, f"{wanted} was not revoked.", "Nothing has changed.")
        with place.database.turn() as connection:
            enrolment.revoke(connection, wanted, REAL.utc())
        click.echo(f"{known.name} ({wanted}) is revoked.")
        if passphrase_file is None or not place.folder.has(keys.AUTHORITY):
            click.echo("So that the directory no longer lists it: kabine directory publish")
            return
        authority = unlock(place, passphrase_file)
        with place.database.turn() as connection:
            say_published(publish_draft(connection, place, authority, REAL.utc()))


def _row(row: Cabin) -> dict[str, object]:
    return {
        "site": row.site,
        "name": row.name,
        "code": row.code,
        "area": row.area,
        "address": row.address,
        "state": row.state,
        "since": row.since,
        "software": row.software,
        "words": row.words,
        "claimed_words": row.claimed_words,
        "invited_until": row.invited_until,
    }
