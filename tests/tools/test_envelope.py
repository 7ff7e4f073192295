"""`kabine envelope`, as an operator uses it."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pyrage
import pytest
from click.testing import CliRunner, Result

from cloud.passphrase import PassphraseRecipient
from protocol import limits
from protocol.envelope import seal_bytes
from protocol.errors import Refused, Trouble, Unavailable
from tests.edge.disks import no_file_may_grow_beyond
from tests.vectors import age_peer
from tools import envelope as commands
from tools.key_files import identities_in
from tools.whole_file import whole_file

DOCUMENT = bytes(range(256)) * 1000
CHEAP = ("--work-factor", "10")


def run(*arguments: str | Path, given: bytes = b"") -> Result:
    result = CliRunner().invoke(commands.envelope, [str(argument) for argument in arguments], input=given)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result


@pytest.fixture
def document(tmp_path: Path) -> Path:
    path = tmp_path / "antrag.pdf"
    path.write_bytes(DOCUMENT)
    return path


def key(folder: Path, kind: str = "pq") -> tuple[Path, str]:
    """A key file and its recipient."""
    path = folder / f"{kind}-{len(list(folder.iterdir()))}.key"
    return path, run("keygen", "--kind", kind, "--out", path).stdout.strip()


def left_behind(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name.endswith(".part")]


@pytest.mark.parametrize("kind", ["pq", "x25519"])
def test_seal_and_open(tmp_path: Path, document: Path, kind: str) -> None:
    secret, recipient = key(tmp_path, kind)
    run("seal", document, "--recipient", recipient, "--out", tmp_path / "sealed.age")
    run("open", tmp_path / "sealed.age", "--identity", secret, "--out", tmp_path / "opened.pdf")
    assert (tmp_path / "opened.pdf").read_bytes() == DOCUMENT
    assert stat.S_IMODE(secret.stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "opened.pdf").stat().st_mode) == 0o600
    assert left_behind(tmp_path) == []


def test_other_programs_read_our_key_files_and_sealed_files(tmp_path: Path, document: Path) -> None:
    secret, recipient = key(tmp_path)
    created, public, identity = secret.read_text().splitlines()
    assert created.startswith("# created: 20")
    assert public == f"# public key: {recipient}"
    run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    (opened,) = age_peer.ask(
        {"ask": "open", "identity": identity, "sealed": age_peer.text((tmp_path / "x.age").read_bytes())}
    )
    assert age_peer.raw(opened) == DOCUMENT


def test_we_open_armored_files_of_other_programs(tmp_path: Path) -> None:
    secret, recipient = key(tmp_path, "x25519")
    sealed = pyrage.encrypt(DOCUMENT, [pyrage.x25519.Recipient.from_str(recipient)], armored=True)
    (tmp_path / "x.age").write_bytes(sealed)
    run("open", tmp_path / "x.age", "-i", secret, "-o", tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == DOCUMENT


def test_a_file_of_recipients(tmp_path: Path, document: Path) -> None:
    (one, first), (two, second) = key(tmp_path), key(tmp_path)
    (tmp_path / "recipients.txt").write_text(f"# Sozialamt\n{first}\n\n# recovery\n{second}\n")
    run("seal", document, "-r", tmp_path / "recipients.txt", "-o", tmp_path / "x.age")
    for secret in (one, two):
        run("open", tmp_path / "x.age", "-i", secret, "-o", tmp_path / "opened")
        assert (tmp_path / "opened").read_bytes() == DOCUMENT
    shown = run("show", tmp_path / "x.age").stdout
    assert "recipients  2: mlkem768x25519, mlkem768x25519" in shown
    assert "document    256000 bytes" in shown


def test_through_a_pipe(tmp_path: Path) -> None:
    secret, recipient = key(tmp_path)
    sealed = run("seal", "-", "-r", recipient, "-o", "-", given=DOCUMENT).stdout_bytes
    assert run("open", "-", "-i", secret, "-o", "-", given=sealed).stdout_bytes == DOCUMENT
    facts = json.loads(run("show", "-", "--json", given=sealed).stdout)
    assert facts == {
        "version": "age-encryption.org/v1",
        "recipients": ["mlkem768x25519"],
        "post_quantum": True,
        "armored": False,
        "bytes": {"header": 1627, "payload": len(sealed) - 1627, "document": len(DOCUMENT)},
    }


def test_show_says_when_a_quantum_computer_could_open_it(tmp_path: Path, document: Path) -> None:
    _, recipient = key(tmp_path, "x25519")
    run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    assert "one day" in run("show", tmp_path / "x.age").stdout
    assert json.loads(run("show", "--json", tmp_path / "x.age").stdout)["post_quantum"] is False


def test_keygen_on_stdout() -> None:
    text = run("keygen").stdout
    (identity,) = identities_in(text)
    assert f"# public key: {identity.recipient()}" in text


def test_a_key_file_wrapped_with_a_passphrase(tmp_path: Path, document: Path) -> None:
    (tmp_path / "pass").write_text("drei kleine Wörter\nsecond line\n")
    secret = tmp_path / "wrapped.key"
    recipient = run(
        "keygen", "--protect", "--passphrase-file", tmp_path / "pass", *CHEAP, "--out", secret
    ).stdout.strip()
    assert b"AGE-SECRET-KEY" not in secret.read_bytes()
    run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    run("open", tmp_path / "x.age", "-i", secret, "--passphrase-file", tmp_path / "pass", "-o", tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == DOCUMENT
    (tmp_path / "opened").unlink()
    run("open", tmp_path / "x.age", "-i", secret, "-o", tmp_path / "opened", given="drei kleine Wörter\n".encode())
    assert (tmp_path / "opened").read_bytes() == DOCUMENT
    (tmp_path / "wrong").write_text("vier\n")
    with pytest.raises(Unavailable, match="passphrase does not open"):
        run("open", tmp_path / "x.age", "-i", secret, "--passphrase-file", tmp_path / "wrong", "-o", tmp_path / "no")
    assert not (tmp_path / "no").exists()


def test_a_document_sealed_with_a_passphrase(tmp_path: Path, document: Path) -> None:
    (tmp_path / "pass").write_text("drei kleine Wörter")
    run("seal", document, "--passphrase-file", tmp_path / "pass", *CHEAP, "-o", tmp_path / "x.age")
    run("open", tmp_path / "x.age", "--passphrase-file", tmp_path / "pass", "-o", tmp_path / "opened")
    assert (tmp_path / "opened").read_bytes() == DOCUMENT


def test_an_altered_or_cut_off_file_leaves_nothing_and_keeps_what_was_there(tmp_path: Path, document: Path) -> None:
    secret, recipient = key(tmp_path)
    run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    sealed = (tmp_path / "x.age").read_bytes()
    (tmp_path / "old.pdf").write_bytes(b"old")
    for broken in (sealed[:-1], sealed[:100_000], sealed + b"x", sealed[:200_000] + b"?" + sealed[200_001:]):
        (tmp_path / "x.age").write_bytes(broken)
        with pytest.raises(Refused):
            run("open", tmp_path / "x.age", "-i", secret, "-o", tmp_path / "old.pdf")
        with pytest.raises(Refused):
            run("open", "-", "-i", secret, "-o", tmp_path / "new.pdf", given=broken)
    assert (tmp_path / "old.pdf").read_bytes() == b"old"
    assert not (tmp_path / "new.pdf").exists()
    assert left_behind(tmp_path) == []


def test_nothing_reaches_stdout_before_all_is_known_to_be_genuine(tmp_path: Path) -> None:
    secret, recipient = key(tmp_path)
    sealed = run("seal", "-", "-r", recipient, "-o", "-", given=DOCUMENT).stdout_bytes
    result = CliRunner().invoke(commands.envelope, ["open", "-", "-i", str(secret), "-o", "-"], input=sealed[:-1])
    assert isinstance(result.exception, Refused)
    assert result.stdout_bytes == b""


def test_a_full_disk_leaves_nothing(tmp_path: Path, document: Path) -> None:
    _, recipient = key(tmp_path)
    with no_file_may_grow_beyond(100_000), pytest.raises(Unavailable, match="cannot be written: File too large"):
        run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    assert not (tmp_path / "x.age").exists()
    assert left_behind(tmp_path) == []


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"old")
    (tmp_path / "link").symlink_to("real")
    with whole_file(tmp_path / "link", 0o600) as write:
        write(b"new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"new"


def test_stdout_has_a_bound() -> None:
    with pytest.raises(Refused, match="too large for stdout"), whole_file("-", 0o600) as write:
        write(bytes(limits.ENVELOPE_BYTES_MAX + 1))


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    secret, _ = key(tmp_path)
    before = secret.read_bytes()
    with pytest.raises(Refused, match="already there"):
        run("keygen", "--out", secret)
    assert secret.read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["seal", "{doc}", "-o", "{out}"], "nobody to seal for"),
        (["seal", "{doc}", "-r", "age1mistyped", "-o", "{out}"], "key"),
        (["seal", "{doc}", "-r", "{secret}", "-o", "{out}"], "Line 3: This is a secret key"),
        (["seal", "{doc}", "-r", "AGE-SECRET-KEY-1AAA", "-o", "{out}"], "This is a secret key"),
        (["seal", "{doc}", "-r", "{nowhere}", "-o", "{out}"], "cannot be read: No such file"),
        (["seal", "{doc}", "-r", "{large}", "-o", "{out}"], "too long to be a file of keys"),
        (["seal", "{nowhere}", "-r", "{key}", "-o", "{out}"], "cannot be read: No such file"),
        (["seal", "{folder}", "-r", "{key}", "-o", "{out}"], "cannot be read: Is a directory"),
        (["seal", "{doc}", "-r", "{key}", "-r", "{classical}", "-o", "{out}"], "do not go together"),
        (["seal", "{doc}", "-r", "{key}", "-o", "{folder}"], "is there and is no file"),
        (["seal", "{doc}", "-r", "{key}", "-o", "{nowhere}/x"], "cannot be written: No such file"),
        (["seal", "{doc}", "-r", "{key}", "-o", "{doc}"], "is read and written at once"),
        (["seal", "{doc}", "--passphrase-file", "{empty}", "-o", "{out}"], "holds no passphrase"),
        (["open", "{doc}", "-o", "{out}"], "no key to open with"),
        (["open", "{doc}", "-i", "{secret}", "-o", "{out}"], "no sealed file"),
        (["open", "{doc}", "-i", "AGE-SECRET-KEY-1AAA", "-o", "{out}"], "can be seen by everybody"),
        (["open", "{doc}", "-i", "{doc}", "-o", "{out}"], "Line 1: "),
        (["open", "{doc}", "-i", "{empty}", "-o", "{out}"], "no key in this file"),
        (["show", "{doc}"], "no sealed file"),
        (["show", "{empty}"], "the file is empty"),
    ],
)
def test_bad_input_is_refused_in_plain_words(tmp_path: Path, document: Path, arguments: list[str], what: str) -> None:
    secret, recipient = key(tmp_path)
    _, classical = key(tmp_path, "x25519")
    (tmp_path / "empty").touch()
    (tmp_path / "large").write_bytes(bytes(limits.KEY_FILE_BYTES_MAX + 1))
    places = {
        "doc": document,
        "out": tmp_path / "out",
        "secret": secret,
        "key": recipient,
        "classical": classical,
        "nowhere": tmp_path / "nowhere",
        "folder": tmp_path,
        "empty": tmp_path / "empty",
        "large": tmp_path / "large",
    }
    with pytest.raises(Trouble, match=what) as caught:
        run(*(argument.format(**places) for argument in arguments))
    assert caught.value.remedy
    assert not (tmp_path / "out").exists()
    assert left_behind(tmp_path) == []


def test_wrapped_key_files_of_other_programs(tmp_path: Path, document: Path) -> None:
    secret, recipient = key(tmp_path)
    wrapped = seal_bytes(secret.read_bytes(), [PassphraseRecipient("drei", 4)], os.urandom)
    (tmp_path / "wrapped").write_bytes(wrapped)
    (tmp_path / "pass").write_text("drei\n")
    run("seal", document, "-r", recipient, "-o", tmp_path / "x.age")
    run(
        "open",
        tmp_path / "x.age",
        "-i",
        tmp_path / "wrapped",
        "--passphrase-file",
        tmp_path / "pass",
        "-o",
        tmp_path / "opened",
    )
    assert (tmp_path / "opened").read_bytes() == DOCUMENT
