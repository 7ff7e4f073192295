"""One document in an agency's inbox: as the hub shows it, and as it stands in a folder once it is opened.

Files appear under their final names only when whole. A draft is its writer's alone, because another machine with the same keys may take the same
document into the same folder; whoever takes a document again clears away what killed runs have left of it.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from protocol.asking import Delivered
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import receipt_number, site_id
from protocol.inner import Inner, Summary
from protocol.manifest import Happening, Manifest, Receipt, Signed
from protocol.runtime.folder import begun, sync_folder
from protocol.soundness import printable


class Letter(msgspec.Struct, frozen=True):
    """One document in the inbox, its signatures checked. `machine`: the key (Ed25519) that signed the manifest; `events`: its receipts in
    order; `summary` is None when it does not open."""

    delivered: Delivered
    manifest: Manifest
    machine: bytes
    events: tuple[Receipt, ...]
    summary: Summary | None

    @property
    def state(self) -> Happening:
        """The last thing that happened to it."""
        return self.events[-1].happening


def named_soundly(manifest: Manifest) -> None:
    """Its number becomes a file's name, here as at the hub: `../` is none, and a cabin and a hub in wrong hands would write where they like. Raises
    Refused(MALFORMED)."""
    site_id(manifest.cabin)
    if receipt_number(manifest.receipt) != manifest.receipt:
        raise Refused(Code.MALFORMED, f"“{manifest.receipt[:40]}” is no receipt number as a cabin writes it.")


def shown(summary: Summary) -> Summary:
    """Fit for a terminal: whoever has a cabin's keys chooses these words."""
    return msgspec.structs.replace(
        summary, title=printable(summary.title), kind=printable(summary.kind), remark=printable(summary.remark)
    )


class Spoiled(msgspec.Struct, frozen=True):
    """What the hub shows at `place` and nobody has signed like that; `why` in words."""

    place: int
    why: str


class Taken(msgspec.Struct, frozen=True):
    """A document that was opened and written. `again`: a run before this one may have written it, and somebody has carried that off."""

    receipt: str
    pdf: Path
    record: Path
    pages: int
    pdf_bytes: int
    envelope_bytes: int
    again: bool


def free_name(into: Path, manifest: Manifest, draft: Path) -> str:
    """What to call the document in `into` whose PDF is whole in `draft`: its receipt number; with the envelope's id behind it where something else
    has that name already. Ours is a record of this envelope and a PDF of just these bytes; nothing else is ever replaced. Raises Refused when
    both names are taken."""
    names = _names(manifest)
    # Where a killed run has written the record, the rest belongs too, whatever has become free meanwhile.
    for name in sorted(names, key=lambda name: not _records(into / f"{name}.json", manifest)):
        record, pdf = into / f"{name}.json", into / f"{name}.pdf"
        record_is_ours = not os.path.lexists(record) or _records(record, manifest)
        if record_is_ours and (not os.path.lexists(pdf) or _same(pdf, draft)):
            return name
    both = " and ".join(f"{name}.pdf" for name in names)
    raise Refused(
        Code.BAD_FILE,
        f"Other files stand where {both} or their records belong in {into}; the connector replaces nothing that it did not write.",
        "Move them to another folder, then pull again.",
    )


def _names(manifest: Manifest) -> tuple[str, str]:
    return manifest.receipt, f"{manifest.receipt}-{manifest.envelope.hex()[:8]}"


def _records(path: Path, manifest: Manifest) -> bool:
    """Is this the record of that very document?"""
    try:
        return (
            path.is_file() and msgspec.json.decode(path.read_bytes(), type=_Named).envelope == manifest.envelope.hex()
        )
    except (OSError, ValueError, RecursionError):
        return False


def _same(path: Path, draft: Path) -> bool:
    """Do both hold the same bytes? Of what cannot be read nobody knows."""
    try:
        if not path.is_file() or path.stat().st_size != draft.stat().st_size:
            return False
        with path.open("rb") as there, draft.open("rb") as here:
            return hashlib.file_digest(there, "sha256").digest() == hashlib.file_digest(here, "sha256").digest()
    except OSError:
        return False


def record_of(letter: Letter, inner: Inner) -> bytes:
    """The JSON beside the PDF: what the cabin wrote inside the envelope, what it signed outside, all signed events."""
    manifest = letter.manifest
    return _pretty(
        {
            "version": 1,
            "receipt": manifest.receipt,
            "envelope": manifest.envelope.hex(),
            "agency": manifest.agency,
            "cabin": manifest.cabin,
            "captured_at": manifest.captured_at,
            "counter": manifest.counter,
            "document": inner,
            "manifest": {
                "body": letter.delivered.manifest.body.hex(),
                "signature": letter.delivered.manifest.signature.hex(),
            },
            "receipts": receipts_json(letter),
        }
    )


def rewrite(path: Path, letter: Letter) -> None:
    """The record once more, with all events that the letter has now; nothing where somebody has carried it off already, as offices do with a
    folder that is watched. Raises Unavailable."""
    with writing(path.parent):
        try:
            record = msgspec.json.decode(path.read_bytes())
        except FileNotFoundError:
            return
        record["receipts"] = receipts_json(letter)
        replace(path, _pretty(record))


def recorded(into: Path, manifest: Manifest) -> tuple[Signed, ...]:
    """The signed events in the record of this document, whose PDF lies beside it; none when it is not in `into`."""
    for name in _names(manifest):
        path = into / f"{name}.json"
        if _records(path, manifest) and (into / f"{name}.pdf").exists():
            try:
                record = msgspec.json.decode(path.read_bytes(), type=_Record)
                return tuple(Signed(bytes.fromhex(one.body), bytes.fromhex(one.signature)) for one in record.receipts)
            except (OSError, ValueError):
                continue
    return ()


class _Event(msgspec.Struct):
    body: str
    signature: str


class _Named(msgspec.Struct):
    envelope: str


class _Record(msgspec.Struct):
    receipts: tuple[_Event, ...]


@contextmanager
def writing(into: Path) -> Iterator[None]:
    """What a disk or a folder refuses in here is told in words. Raises Unavailable."""
    try:
        yield
    except OSError as error:
        raise Unavailable(
            f"Cannot write into {into}: {error.strerror}.", "Make room or choose another folder with --into."
        ) from error


@contextmanager
def drafted(path: Path) -> Iterator[tuple[Path, BinaryIO]]:
    """A file to write before `path`, and its name: to be moved when it is whole, gone when it was not. Raises OSError."""
    descriptor, name = begun(path)
    try:
        with open(descriptor, "wb") as file:
            yield Path(name), file
    finally:
        Path(name).unlink(missing_ok=True)


def replace(path: Path, content: bytes) -> None:
    """Write `path` anew: whole and on stable storage when this returns. Raises OSError."""
    with drafted(path) as (draft, file):
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
        os.replace(draft, path)
        sync_folder(path.parent)


def _pretty(record: dict[str, object]) -> bytes:
    return msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n"


def receipts_json(letter: Letter) -> list[dict[str, object]]:
    """All signed events of a document, readable and with what is needed to check the signatures again."""
    return [
        {
            "happening": event.happening,
            "by": event.by,
            "at": event.at,
            "reason": event.reason,
            "text": event.text,
            "body": signed.body.hex(),
            "signature": signed.signature.hex(),
        }
        for event, signed in zip(letter.events, letter.delivered.receipts, strict=True)
    ]
