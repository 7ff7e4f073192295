"""`kabine inbox`: at the agency. Make the inbox's keys, see what lies in it, pull documents into a folder."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import click
import msgspec

from protocol.errors import Code, Refused, Unavailable
from protocol.ids import ReceiptNumber, agency_id, receipt_number
from protocol.manifest import Happening
from protocol.runtime.asker import Asker
from protocol.runtime.folder import NodeFolder, owned
from tools import folders, inbox_keys
from tools.connector import Connector
from tools.letter import Letter, Spoiled, Taken, receipts_json

FOLLOW_SECONDS: Final = 20.0  # a whisper tells of a delivery at once; this often we look even without one
RETRY_SECONDS: Final = 2.0
TRIES_AGAIN: Final = (
    3  # of what was refused: a hub that reads it with us may have it back from its cabin a moment later
)
NAMED_MAX: Final = 20  # documents that were not taken, by name in the last line of a run
# What the hub says of this connector, not of a document.
_ABOUT_US: Final = frozenset({Code.NOT_ENROLLED, Code.REVOKED, Code.UNSUPPORTED_VERSION, Code.OVERLOADED})


@dataclass
class Refusal:
    """Of one document, by this run: what it is called, and how often it is tried again when nothing new has come for a while."""

    name: str
    tries_left: int = TRIES_AGAIN


@click.group()
def inbox() -> None:
    """At the agency: make keys, list, pull documents."""


def _keys_option(function: click.decorators.FC) -> click.decorators.FC:
    return click.option(
        "--keys",
        type=click.Path(path_type=Path, readable=False),
        default=Path("inbox"),
        envvar="KABINE_INBOX",
        show_default=True,
        help="Folder of this inbox's keys (or KABINE_INBOX).",
    )(function)


@inbox.command()
@_keys_option
@click.option("--agency", required=True, help="Short name of the agency, as in wohngeldstelle-uckermark.")
@click.option(
    "--epoch", type=click.IntRange(1), default=1, show_default=True, help="2, 3 …: keys in place of those before."
)
def keygen(keys: Path, agency: str, epoch: int) -> None:
    """Make the keys of an inbox, the offline recovery key first, and print the card for the hub's operator."""
    name = agency_id(agency)
    card, spoken = inbox_keys.make(keys, name, epoch)
    click.echo(
        f"The keys of {name} are in {keys}.\n\n"
        f"1. Take {keys / inbox_keys.RECOVERY} off this machine now: print it or put it on a stick in the safe, then delete the file.\n"
        f"   With it and {inbox_keys.RECOVERED} the inbox can be opened when everything else is lost. Without any key nobody can.\n"
        f"2. Give the operator of the hub this card. Words to compare on the telephone: {' '.join(spoken)}\n"
        f"   kabine agency key {name} --card {keys / inbox_keys.CARD} --publish\n\n"
        f"{card}"
    )


@inbox.command("list")
@_keys_option
@click.option("--hub", help="The hub's card (text or file); kept in the keys' folder once that hub has answered.")
@click.option("--all", "everything", is_flag=True, help="Also what was accepted or returned.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object on standard output.")
def list_(keys: Path, hub: str | None, everything: bool, as_json: bool) -> None:
    """What lies in the inbox, oldest first. Fetches no documents."""
    with opened_inbox(keys, hub) as connector:
        found = list(connector.letters(everything=everything))
    letters = [each for each in found if isinstance(each, Letter)]
    for spoiled in found:
        if isinstance(spoiled, Spoiled):
            click.echo(f"REFUSED at place {spoiled.place}: {spoiled.why}", err=True)
    if as_json:
        click.echo(msgspec.json.format(msgspec.json.encode({"version": 1, "documents": [_row(x) for x in letters]})))
        return
    for letter in letters:
        manifest, summary = letter.manifest, letter.summary
        about = (
            f"{summary.title or summary.kind}, {summary.pages} page{'s' * (summary.pages != 1)}"
            if summary
            else "summary does not open"
        )
        size_kb = letter.delivered.size_bytes / 1000
        click.echo(
            f"{manifest.receipt:<12} {letter.state:<9} {manifest.captured_at:%Y-%m-%d %H:%M} UTC  {manifest.cabin:<14} {size_kb:8.1f} kB  {about}"
        )
    click.echo(f"{len(letters)} document{'s' * (len(letters) != 1)}." if letters else "The inbox is empty.")


@inbox.command()
@_keys_option
@click.option("--into", required=True, type=click.Path(path_type=Path, readable=False), help="Folder for PDF and JSON.")
@click.option("--hub", help="The hub's card (text or file); kept in the keys' folder once that hub has answered.")
@click.option("--follow", is_flag=True, help="Stay, and take whatever comes.")
@click.option(
    "--return", "reason", metavar="CODE", help="Return the document instead of accepting it, as in `wrong-agency`."
)
@click.option("--text", default="", help="With --return: what the visitor will read, in plain words.")
@click.option("--receipt", help="Only this document.")
@click.option("--json", "as_json", is_flag=True, help="One line of JSON per document.")
def pull(
    keys: Path,
    into: Path,
    hub: str | None,
    follow: bool,
    reason: str | None,
    text: str,
    receipt: str | None,
    as_json: bool,
) -> None:
    """Fetch, check, open and write documents; sign *fetched* and *accepted* (or, with --return, *returned*)."""
    if reason is not None and (not text.strip() or follow):
        raise Refused(
            Code.MALFORMED,
            "A return needs --text and cannot --follow.",
            "Write in plain words what the visitor shall do.",
        )
    only = receipt_number(receipt) if receipt else None
    folders.made(into, "--into")
    folder = NodeFolder.open(keys, "inbox")
    refused: dict[int, Refusal] = {}  # by place in the inbox
    try:
        while True:
            try:
                with opened_inbox(keys, hub) as connector:
                    again = False
                    while True:
                        pull_all(connector, into, only, reason, text, as_json, refused, again=again)
                        if not follow:
                            break
                        again = not connector.wait(FOLLOW_SECONDS)
                if refused:
                    raise Refused(
                        Code.BAD_FILE,
                        f"Not taken: {named(sorted(each.name for each in refused.values()))}.",
                        "Read above what is wrong with each. Ask the operator of the hub, and in the cabin.",
                    )
                return
            except Unavailable as trouble:
                if not follow:
                    raise
                click.echo(f"waiting: {trouble.what}", err=True)
                refused.clear()  # a hub that comes back from an older copy gives out places a second time
                time.sleep(RETRY_SECONDS)
    finally:
        folder.close()


def named(names: Sequence[str]) -> str:
    """As many as somebody reads; each was told of above."""
    more = len(names) - NAMED_MAX
    return ", ".join([*names[:NAMED_MAX], *([f"and {more} more"] if more > 0 else [])])


def _waiting(
    connector: Connector, only: ReceiptNumber | None, reason: str | None, refused: dict[int, Refusal]
) -> list[Letter]:
    """What is to be taken, oldest first; what cannot be believed is named, and noted in `refused`. Raises Refused where another was asked for."""
    letters = []
    gone = set(refused)
    for letter in connector.letters():
        gone.discard(letter.delivered.place if isinstance(letter, Letter) else letter.place)
        if isinstance(letter, Letter):
            letters += [letter] if only in (None, letter.manifest.receipt) else []
        elif letter.place not in refused:
            refused[letter.place] = Refusal(f"the one at place {letter.place}")
            click.echo(f"REFUSED at place {letter.place}: {letter.why}", err=True)
    for place in gone:
        del refused[place]  # its cabin is asked for it again, and then it lies there anew
    if only is not None and not letters:
        raise Refused(Code.UNKNOWN_DOCUMENT, f"No document {only} waits in this inbox.")
    if reason is not None and not letters:
        raise Refused(
            Code.UNKNOWN_DOCUMENT,
            "Nothing waits in this inbox.",
            "What was accepted or returned stays so: `kabine inbox list --all`.",
        )
    if reason is not None and len(letters) != 1:
        raise Refused(Code.MALFORMED, f"{len(letters)} documents wait; a return is for one.", "Name it with --receipt.")
    return letters


def pull_all(
    connector: Connector,
    into: Path,
    only: ReceiptNumber | None,
    reason: str | None,
    text: str,
    as_json: bool,
    refused: dict[int, Refusal],
    *,
    again: bool,
) -> None:
    for problem in connector.problems():
        click.echo(problem, err=True)
    for said in connector.forgotten.answers(into):
        click.echo(said, err=True)
    letters = _waiting(connector, only, reason, refused)
    happening = Happening.RETURNED if reason else Happening.ACCEPTED
    for letter in letters:
        before = refused.get(letter.delivered.place)
        if before is not None and not (again and before.tries_left):
            continue
        try:
            said = "" if only else connector.forgotten.again(letter, into)
            if said:
                click.echo(said, err=True)
                continue
            taken = connector.take(letter, into)
            if taken.again:
                click.echo(_again(taken), err=True)
            done = connector.close(connector.fetched(letter), taken, happening, reason or "", text)
        except Refused as trouble:
            if trouble.code in _ABOUT_US:
                raise
            # One bad document keeps nobody from the others.
            if before is None:
                refused[letter.delivered.place] = Refusal(letter.manifest.receipt)
                click.echo(f"REFUSED {letter.manifest.receipt}: {trouble}", err=True)
            else:
                before.tries_left -= 1
        else:
            refused.pop(letter.delivered.place, None)
            _report(done, taken, as_json)


def _again(taken: Taken) -> str:
    return (
        f"note: {taken.receipt} was taken up before, by a run that was cut off or by another machine with these keys, and stands in {taken.pdf} now. "
        "Whoever has carried off a first one has it twice."
    )


def _report(letter: Letter, taken: Taken, as_json: bool) -> None:
    if as_json:
        row = {
            "receipt": taken.receipt,
            "pdf": str(taken.pdf),
            "record": str(taken.record),
            "pages": taken.pages,
            "state": letter.state,
        }
        row |= {"pdf_bytes": taken.pdf_bytes, "envelope_bytes": taken.envelope_bytes, "receipts": receipts_json(letter)}
        click.echo(msgspec.json.encode(row))
    else:
        click.echo(f"{taken.receipt}  {letter.state}  {taken.pages} page{'s' * (taken.pages != 1)}  {taken.pdf}")


def _row(letter: Letter) -> dict[str, object]:
    manifest = letter.manifest
    return {
        "receipt": manifest.receipt,
        "state": letter.state,
        "cabin": manifest.cabin,
        "captured_at": manifest.captured_at,
        "envelope_bytes": letter.delivered.size_bytes,
        "summary": letter.summary,
        "receipts": receipts_json(letter),
    }


@contextmanager
def opened_inbox(keys: Path, hub: str | None) -> Iterator[Connector]:
    """The inbox whose keys lie in `keys`, at the hub whose card is given, or was given before. Raises Unavailable, Refused."""
    ours = inbox_keys.read(keys)
    owned(keys)  # a look remembers, too, which directory it saw
    card = inbox_keys.hub_card(keys, hub)
    with Asker(card.address, card.curve_key, ours.curve, time.monotonic) as asker:
        connector = Connector(
            asker, ours.agency, ours.identities, ours.signing, card.authority_key, keys, lambda: datetime.now(UTC)
        )
        if hub is not None:  # it has answered, and with a directory that this authority has signed
            inbox_keys.keep_hub_card(keys, card)
        yield connector
