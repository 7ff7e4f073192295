"""`kabine directory`: what everybody must believe about each other. Show it, sign the next one, check the chain."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import msgspec

from cloud import keys, premises
from cloud.directory import draft, publish
from protocol import codec, limits, soundness
from protocol.directory import GERMAN, Directory, Service
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import LanguageTag, key_bytes, key_text, language_tag, service_id
from protocol.keys import KEY_BYTES, fingerprint, words
from protocol.manifest import Signed
from protocol.publication import service_mistakes, verify_first
from protocol.runtime.folder import write_file
from protocol.runtime.world import REAL
from tools import directory_texts
from tools.office import OneLine, hub_option, publish_draft, say_drafted, say_published, unlock
from tools.person import agreed, ask_passphrase, passphrase_option

_file = click.Path(path_type=Path, readable=False)


@click.group()
def directory() -> None:
    """The signed directory: show, publish, verify; services, and texts in every language."""


@directory.command()
@hub_option
@click.option("--draft", "drafted", is_flag=True, help="What the next one would say, instead of the one in force.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def show(hub: Path, drafted: bool, as_json: bool) -> None:
    """The directory in force."""
    with premises.opened(hub) as place, place.database.reading() as connection:
        if drafted:
            found = publish.build(connection, place.row, place.config.holidays_region, REAL.utc())
        else:
            current = publish.current(connection)
            if current is None:
                raise Unavailable("No directory was published yet.", "Run `kabine directory publish`.")
            found = current.directory
    if as_json:
        lacking = [each._asdict() for each in _lacks(found)]
        told = {"version": 1, "directory": _plain(found), "lacking": lacking}
        click.echo(msgspec.json.format(msgspec.json.encode(told)).decode())
    else:
        _say(found)


@directory.command("publish")
@hub_option
@click.option(
    "--out", type=_file, help="Write the unsigned draft to a file, to be signed where the authority's key is."
)
@click.option("--signed", type=_file, help="Put in force what `kabine directory sign` made.")
@passphrase_option
def publish_(hub: Path, out: Path | None, signed: Path | None, passphrase_file: Path | None) -> None:
    """Sign the draft and put it in force."""
    if out and signed:
        raise Refused(
            Code.MALFORMED, "--out and --signed do not go together.", "First --out, then sign, then --signed."
        )
    with premises.opened(hub) as place:
        now = REAL.utc()
        if signed:
            brought = _read_signed(signed)
            with place.database.turn() as connection:
                before = publish.current(connection)
                there = before is not None and before.signed == brought  # whoever was cut off asks again
                say_published(None if there else publish.put_in_force(connection, brought, place.keys.authority, now))
            return
        with place.database.reading() as connection:
            before = publish.current(connection)
            built = publish.build(connection, place.row, place.config.holidays_region, now)
        if out:
            write_file(out, publish.unsigned(built), 0o644)
            click.echo(f"The draft of directory {built.version} is in {out}. Where the authority's key is:")
            click.echo(f"  kabine directory sign {shlex.quote(str(out))} --key authority.age --out SIGNED")
            return
        if publish.nothing_new(before, built):
            say_published(None)
            return
        authority = unlock(place, passphrase_file)
        with place.database.turn() as connection:
            say_published(publish_draft(connection, place, authority, now))


@directory.command()
@click.argument("file", type=_file)
@click.option("--key", "key_file", type=_file, required=True, help="The authority's key, authority.age.")
@click.option("--out", type=_file, required=True, help="Where the signed directory goes.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@passphrase_option
def sign(file: Path, key_file: Path, out: Path, yes: bool, passphrase_file: Path | None) -> None:
    """Sign a draft that `publish --out` wrote. Needs no hub: for the machine where the authority's key lies."""
    raw = _read(file)
    with _spelling(file, "is no draft of a directory", "Name the file that `kabine directory publish --out` wrote."):
        drafted = codec.decode_canonical(Directory, raw, limits.DIRECTORY_BYTES_MAX)
    _say(drafted)
    if not yes and not agreed("Sign this?"):
        raise Refused(Code.OUT_OF_ORDER, "Nothing was signed.", "Correct the draft at the hub.")
    passphrase = ask_passphrase(passphrase_file, "Passphrase of the authority's key")
    authority = keys.open_authority(_read(key_file), passphrase)
    signed_directory, signed = publish.sign(raw, authority.private())
    write_file(out, codec.encode(signed), 0o644)
    typed = shlex.quote(str(out))
    click.echo(f"Directory {signed_directory.version} is signed. At the hub: kabine directory publish --signed {typed}")


@directory.command()
@click.argument("file", type=_file, required=False)
@hub_option
@click.option("--authority", metavar="KEY", help="Public key to check with, base32. Default: that of the hub.")
def verify(file: Path | None, hub: Path, authority: str | None) -> None:
    """Check every directory the hub ever published, or one signed FILE."""
    if file is not None:
        known = key_bytes(authority, KEY_BYTES) if authority else _authority_of(hub)
        found = verify_first(_read_signed(file), known)
        click.echo(f"Directory {found.version} of {found.published_at:%Y-%m-%d %H:%M} UTC is signed and sound.")
        _say_languages(found)
        return
    with premises.opened(hub) as place, place.database.reading() as connection:
        known = key_bytes(authority, KEY_BYTES) if authority else place.keys.authority
        count = publish.verify_all(connection, known)
        current = publish.current(connection)
    if current is None:
        raise Unavailable("No directory was published yet.", "Run `kabine directory publish`.")
    if count == 1:
        click.echo("Directory 1 is signed and sound.")
    else:
        click.echo(f"All {count} directories are signed, sound, and each follows the one before.")
    _say_languages(current.directory)


@directory.command()
@click.argument("leika")
@hub_option
@click.option("--name", required=True, type=OneLine(), help="Official name.")
@click.option("--plain", required=True, type=OneLine(), help="The concern in plain German words.")
@click.option("--keyword", "keywords", multiple=True, type=OneLine(), help="What people search it by; again for more.")
@click.option(
    "--bring", multiple=True, type=OneLine(), help="A paper that is asked for, in plain German words; again for more."
)
def service(leika: str, hub: Path, name: str, plain: str, keywords: tuple[str, ...], bring: tuple[str, ...]) -> None:
    """Add or replace the service with this LeiKa key in the next directory. Every cabin tells what to bring, with or without a line."""
    new = Service(service_id(leika), name, plain, keywords, bring)
    # Here, and not when it is published: one bad draft would keep every cabin from being confirmed.
    soundness.expect(f"service {new.id}", service_mistakes(new), "Correct it and give it again.")
    with premises.opened(hub) as place, place.database.turn() as connection:
        lost = draft.put_in_german(connection, new)
    click.echo(f"{new.id} {new.name} is noted.")
    if lost:
        click.echo(f"Its texts in {', '.join(lost)} were made from other words: see `kabine directory texts`.")
    say_drafted()


@directory.command()
@click.argument("leika")
@hub_option
def remove(leika: str, hub: Path) -> None:
    """Take the service with this LeiKa key and its routes out of the next directory. What was handed in for it stays and is fetched as ever."""
    with premises.opened(hub) as place, place.database.turn() as connection:
        gone = draft.remove_service(connection, service_id(leika))
    click.echo(f"{gone.id} {gone.name} is removed.")
    say_drafted()


@directory.command()
@click.argument("file", type=_file, required=False)
@hub_option
@click.option("--language", "tags", multiple=True, metavar="TAG", help="As in pl; again for more. Default: all.")
def texts(file: Path | None, hub: Path, tags: tuple[str, ...]) -> None:
    """What visitors read, in their languages: written out to be translated, or taken over from FILE into the next directory.

    kabine directory texts --language pl > pl.toml, fill in what is empty, kabine directory texts pl.toml
    """
    with premises.opened(hub) as place:
        if file is None:
            with place.database.reading() as connection:
                agencies, services = draft.agencies(connection), draft.services(connection)
            wanted = [language_tag(tag) for tag in tags] or [
                *dict.fromkeys((*spoken(), *directory_texts.languages_of(agencies, services)))
            ]
            click.echo(directory_texts.written(agencies, services, wanted), nl=False)
            return
        if tags:
            raise Refused(Code.MALFORMED, "--language and FILE do not go together.", "A file names its languages.")
        brought = directory_texts.read_texts(file)
        with place.database.turn() as connection:
            for agency_id, table in brought.agency.items():
                changed = directory_texts.agency_with(draft.agency(connection, agency_id), table)
                draft.change_agency(connection, agency_id, texts=changed.texts)
            for service_id, told in brought.service.items():
                draft.put_service(connection, directory_texts.service_with(draft.service(connection, service_id), told))
            found = publish.build(connection, place.row, place.config.holidays_region, REAL.utc())
    click.echo(f"The texts in {file} are noted.")
    _say_languages(found)
    say_drafted()


def _authority_of(hub: Path) -> bytes:
    with premises.opened(hub) as place:
        return place.keys.authority


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limits.DIRECTORY_BYTES_MAX + 2048)
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}.", "Check the path.") from error


def _read_signed(path: Path) -> Signed:
    raw = _read(path)
    with _spelling(path, "is no signed directory", "Name the file that `kabine directory sign` wrote."):
        return publish.read_signed(raw)


@contextmanager
def _spelling(path: Path, what: str, remedy: str) -> Iterator[None]:
    """Somebody has named `path` by hand: another file is likelier than another release."""
    try:
        yield
    except Refused as error:
        raise Refused(error.code, f"{path} {what}.", remedy) from error


def _say(found: Directory) -> None:
    click.echo(
        f"Directory {found.version} of {found.published_at:%Y-%m-%d %H:%M} UTC, holidays of {found.holidays_region}"
    )
    click.echo(
        f"Hub        {found.hub.name}, {found.hub.address}   {' '.join(words(fingerprint(found.hub.curve_key)))}"
    )
    for agency in found.agencies:
        key = f"key {agency.inboxes[-1].epoch}" if agency.inboxes else "no key"
        click.echo(f"Agency     {agency.id:<28} {key:<8} {agency.name}{'  (dispatcher)' if agency.dispatcher else ''}")
    for known in found.services:
        routes = [f"{route.area}→{route.agency}" for route in found.routes if route.service == known.id]
        click.echo(f"Service    {known.id}  {known.name}: {', '.join(routes) or 'nobody'}")
        for paper in known.bring:
            click.echo(f"             bring {paper}")
    _say_languages(found)
    for cabin in found.cabins:
        click.echo(f"Cabin      {cabin.site:<20} {cabin.code}  {cabin.area:<12}  {cabin.name}")
    for cabin in found.former_cabins:
        click.echo(f"Formerly   {cabin.site:<20} {cabin.code}")
    for former in found.former_keys:
        click.echo(f"Formerly   {former.agency:<28} signed with {' '.join(words(fingerprint(former.signing_key)))}")


def spoken() -> tuple[LanguageTag, ...]:
    """The languages of the cabins' screens beside German."""
    from edge.kiosk.language import LANGUAGES  # late: Babel is large, and few commands ask

    return tuple(language.directory_tag for language in LANGUAGES if language.directory_tag != GERMAN)


def _lacks(found: Directory) -> tuple[directory_texts.Lack, ...]:
    return tuple(directory_texts.lacking(found.agencies, found.services, spoken()))


def _say_languages(found: Directory) -> None:
    """Where visitors read German in the middle of their language."""
    lacks = _lacks(found)
    complete = [tag for tag in spoken() if all(lack.language != tag for lack in lacks)]
    click.echo(f"Languages  {', '.join(('de', *complete))}: nothing is lacking")
    for lack in lacks:
        click.echo(f"  lacking  {lack.language:<10} {lack.of}: {', '.join(lack.texts)}")


def _plain(noun: object) -> object:
    """Structs as JSON objects with their field names, keys in base32."""
    match noun:
        case msgspec.Struct():
            return {name: _plain(getattr(noun, name)) for name in noun.__struct_fields__}
        case tuple() | list():
            return [_plain(each) for each in noun]
        case bytes():
            return key_text(noun)
    return noun
