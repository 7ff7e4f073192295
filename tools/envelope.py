"""`kabine envelope`: make keys, seal, open and look at age files by hand; works with any age implementation's keys and files."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Literal

import click

from cloud.passphrase import PassphraseIdentity, PassphraseRecipient
from protocol import age, limits
from protocol.envelope import Identity, Opener, Recipient, Sealer, open_bytes, seal_bytes
from protocol.errors import Code, Refused, Unavailable
from protocol.recipients import HybridIdentity, HybridRecipient
from tools.armor import BEGIN, WHITE, Bared
from tools.inspection import inspect
from tools.key_files import X25519Identity, any_recipient, identities_in, recipients_in
from tools.person import typed_passphrase
from tools.whole_file import expect_another, whole_file

PIECE_BYTES: Final = 1024 * 1024
STREAM: Final = "-"  # stdin or stdout
PRIVATE: Final = 0o600
PUBLIC: Final = 0o666  # less the umask

_passphrase_file = click.option(
    "--passphrase-file", metavar="FILE", help="Read the passphrase from the first line of FILE instead of asking."
)
_work_factor = click.option(
    "--work-factor",
    type=click.IntRange(10, limits.SCRYPT_WORK_FACTOR_MAX),
    default=limits.SCRYPT_WORK_FACTOR,
    show_default=True,
    help="How hard guessing a passphrase is made: each step doubles time and memory.",
)


@click.group()
def envelope() -> None:
    """Seal and open age files by hand."""


@envelope.command()
@click.option(
    "--kind",
    type=click.Choice(["pq", "x25519"]),
    default="pq",
    show_default=True,
    help="pq: hybrid post-quantum (age1pq1…).",
)
@click.option("--out", default=STREAM, metavar="FILE", help="Where the secret key goes; never an existing file.")
@click.option("--protect", is_flag=True, help="Wrap the key file with a passphrase.")
@_passphrase_file
@_work_factor
def keygen(
    kind: Literal["pq", "x25519"], out: str, protect: bool, passphrase_file: str | None, work_factor: int
) -> None:
    """Make a key. Prints the recipient, which may be given to anybody; the file is secret."""
    if out != STREAM and os.path.lexists(out):
        raise Refused(
            Code.BAD_FILE, f"“{out}” is already there.", "Give another name: a key that is gone opens nothing."
        )
    identity = (HybridIdentity if kind == "pq" else X25519Identity).generate(os.urandom)
    created = datetime.now(UTC).isoformat(timespec="seconds")
    text = f"# created: {created}\n# public key: {identity.recipient()}\n{identity}\n".encode()
    if protect or passphrase_file is not None:
        passphrase = _passphrase(passphrase_file, confirm=True)
        text = seal_bytes(text, [PassphraseRecipient(passphrase, work_factor)], os.urandom)
    with whole_file(out, PRIVATE) as write:
        write(text)
    if out != STREAM:
        click.echo(str(identity.recipient()))


@envelope.command()
@click.argument("file")
@click.option(
    "--recipient", "-r", "recipients", multiple=True, metavar="KEY|FILE", help="age1… or a file of them; repeatable."
)
@click.option("--out", "-o", required=True, metavar="FILE", help="The sealed file.")
@_passphrase_file
@_work_factor
def seal(file: str, recipients: tuple[str, ...], out: str, passphrase_file: str | None, work_factor: int) -> None:
    """Seal FILE (- for stdin) for all recipients, or with a passphrase alone."""
    addressed: list[Recipient] = [recipient for given in recipients for recipient in _recipients(given)]
    if passphrase_file is not None:
        addressed.append(PassphraseRecipient(_passphrase(passphrase_file), work_factor))
    sealer = Sealer(addressed, os.urandom)
    expect_another(file, out)
    with whole_file(out, PUBLIC) as write:
        write(sealer.header())
        for piece in _pieces(file):
            write(sealer.update(piece))
        write(sealer.finish())


@envelope.command("open")
@click.argument("file")
@click.option(
    "--identity", "-i", "identities", multiple=True, metavar="FILE", help="Key file, perhaps wrapped; repeatable."
)
@click.option(
    "--out", "-o", required=True, metavar="FILE", help="The document; is not there unless all of it is genuine."
)
@_passphrase_file
def open_(file: str, identities: tuple[str, ...], out: str, passphrase_file: str | None) -> None:
    """Open FILE (- for stdin) with the first identity that fits, or with a passphrase."""
    if not identities and passphrase_file is None:
        raise Refused(Code.BAD_KEY, "There is no key to open with.", "Give --identity FILE or --passphrase-file FILE.")
    keys: list[Identity] = [key for given in identities for key in _identities(given, passphrase_file)]
    if passphrase_file is not None:
        keys.append(PassphraseIdentity(_passphrase(passphrase_file)))
    opener = Opener(keys)
    expect_another(file, out)
    with whole_file(out, PRIVATE) as write:
        for piece in Bared(_pieces(file)):
            write(opener.update(piece))
        write(opener.finish())


@envelope.command()
@click.argument("file")
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
def show(file: str, as_json: bool) -> None:
    """What anybody can see of FILE without a key. Nothing shown here is authentic."""
    seen = inspect(_pieces(file))
    post_quantum = set(seen.kinds) <= {HybridRecipient.kind, PassphraseRecipient.kind}
    if as_json:
        facts = {
            "version": age.VERSION_LINE.decode().strip(),
            "recipients": list(seen.kinds),
            "post_quantum": post_quantum,
            "armored": seen.armored,
            "bytes": {"header": seen.header_bytes, "payload": seen.payload_bytes, "document": seen.document_bytes},
        }
        click.echo(json.dumps(facts))
        return
    click.echo(f"format      {age.VERSION_LINE.decode().strip()}{', armored' if seen.armored else ''}")
    click.echo(f"recipients  {len(seen.kinds)}: {', '.join(seen.kinds)}")
    click.echo(
        f"quantum     {'closed to a quantum computer, too' if post_quantum else 'a quantum computer could open it one day'}"
    )
    click.echo(f"header      {seen.header_bytes} bytes")
    click.echo(f"payload     {seen.payload_bytes} bytes")
    click.echo(f"document    {seen.document_bytes} bytes")


def _recipients(given: str) -> list[Recipient]:
    if given.strip().lower().startswith(("age1", "age-secret-key-")):
        return [any_recipient(given)]
    return list(recipients_in(_key_file(given).decode("utf-8", "replace")))


def _identities(given: str, passphrase_file: str | None) -> list[Identity]:
    if given.strip().upper().startswith("AGE-SECRET-KEY-"):
        raise Refused(
            Code.BAD_KEY,
            "A secret key on the command line can be seen by everybody on this machine.",
            "Give a file that holds it.",
        )
    raw = _key_file(given)
    if raw.startswith(age.VERSION_LINE) or raw.lstrip(WHITE).startswith(BEGIN):
        raw = open_bytes(
            b"".join(Bared([raw])), [PassphraseIdentity(_passphrase(passphrase_file, f"Passphrase for {given}"))]
        )
    return list(identities_in(raw.decode("utf-8", "replace")))


def _key_file(path: str) -> bytes:
    raw = b""
    for piece in _pieces(path):
        raw += piece
        if len(raw) > limits.KEY_FILE_BYTES_MAX:
            raise Refused(Code.BAD_FILE, f"“{path}” is too long to be a file of keys.")
    return raw


def _passphrase(path: str | None, question: str = "Passphrase", *, confirm: bool = False) -> str:
    if path is None:
        return typed_passphrase(question, twice=confirm)
    lines = _key_file(path).decode("utf-8", "replace").splitlines()
    if not lines or not lines[0]:
        raise Refused(Code.BAD_FILE, f"“{path}” holds no passphrase.", "Write the passphrase into its first line.")
    return lines[0]


def _pieces(path: str) -> Iterator[bytes]:
    try:
        if path == STREAM:
            while piece := sys.stdin.buffer.read(PIECE_BYTES):
                yield piece
            return
        with Path(path).open("rb") as file:
            while piece := file.read(PIECE_BYTES):
                yield piece
    except OSError as error:
        raise Unavailable(
            f"“{path}” cannot be read: {error.strerror}.", "Check the path and who may read it."
        ) from error
