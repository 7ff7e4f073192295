"""What an agency has in the folder of its inbox: its keys, the card that the hub's operator gets, and the card of the hub it speaks with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, TypeVar

from protocol import contacts
from protocol.contacts import HubCard, InboxCard
from protocol.envelope import seal_bytes
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import AgencyId
from protocol.keys import KEY_BYTES, CurvePair, SigningPair, fingerprint, words
from protocol.recipients import HybridIdentity
from protocol.runtime.folder import NodeFolder, write_file
from protocol.runtime.world import REAL
from tools.key_files import identities_in

IDENTITY: Final = "identity.txt"
RECOVERY: Final = "recovery-key.txt"
RECOVERED: Final = "identity-for-recovery.age"
SIGNING: Final = "signing.key"
CURVE: Final = "curve.key"
CARD: Final = "card.txt"
HUB: Final = "hub.txt"
_LOST: Final = "Take it back from a copy of this folder. Where there is none: docs/keys.md says what each key is for, and what to do."
_GIVE_HUB: Final = "Give the operator's card once with --hub (`kabine hub show` prints it)."
T = TypeVar("T")


@dataclass(frozen=True)
class InboxKeys:
    """All that `kabine inbox` needs to open documents and to speak for its agency."""

    agency: AgencyId
    identities: list[HybridIdentity]
    signing: SigningPair
    curve: CurvePair


def make(keys: Path, agency: AgencyId, epoch: int = 1) -> tuple[str, tuple[str, ...]]:
    """New keys of an inbox in the new folder `keys`; its card, and words to compare on the telephone. `epoch` counts an agency's keys from 1. Raises
    Refused, Unavailable."""
    made = datetime.now(UTC).date().isoformat()
    recovery = HybridIdentity.generate(REAL.random)
    identity = HybridIdentity.generate(REAL.random)
    signing, curve = SigningPair.generate(REAL.random), CurvePair.generate(REAL.random)
    text = f"# inbox of {agency}, epoch {epoch}, made {made}\n# public key: {identity.recipient()}\n{identity}\n"
    card = contacts.write_inbox_card(
        InboxCard(agency, epoch, str(identity.recipient()), signing.public, curve.public), signing
    )
    with NodeFolder.create(keys, "inbox", whole=True) as folder:
        folder.write_file(RECOVERY, f"# recovery key of {agency}, made {made}\n{recovery}\n".encode())
        folder.write_file(RECOVERED, seal_bytes(text.encode(), [recovery.recipient()], REAL.random))
        folder.write_file(SIGNING, signing.seed)
        folder.write_file(CURVE, curve.secret)
        folder.write_file(IDENTITY, text.encode())
        folder.write_file(CARD, f"{card}\n".encode(), 0o644)
        folder.finished()
    return card, words(fingerprint(signing.public))


def read(keys: Path) -> InboxKeys:
    """The keys in `keys`. Raises Unavailable where one is missing, Refused that names the one that is damaged."""
    try:
        return InboxKeys(
            identities=_whole(keys / IDENTITY, _identities),
            signing=_whole(keys / SIGNING, lambda raw: SigningPair(_key(raw))),
            curve=_whole(keys / CURVE, lambda raw: CurvePair(_key(raw))),
            agency=_whole(keys / CARD, lambda raw: contacts.read_inbox_card(_text(raw)).agency),
        )
    except OSError as error:
        if isinstance(error, FileNotFoundError) and any((keys / name).exists() for name in (IDENTITY, SIGNING, CURVE)):
            again = f"`kabine envelope open {keys / RECOVERED} --identity {RECOVERY} --out {keys / IDENTITY}`"
            remedy = f"The recovery key makes it again: {again}." if error.filename == str(keys / IDENTITY) else _LOST
            raise Unavailable(f"{error.filename} is gone.", remedy) from error
        raise Unavailable(
            f"{keys} does not hold the keys of an inbox: {error.strerror} ({error.filename}).",
            "Name their folder with --keys, or make them with `kabine inbox keygen`.",
        ) from error


def hub_card(keys: Path, given: str | None) -> HubCard:
    """The card that is `given` (text or file), or the one that was given before. Raises Refused, Unavailable."""
    try:
        if given is None:
            return _whole(keys / HUB, lambda raw: contacts.read_hub_card(_text(raw)), _GIVE_HUB)
        if given.strip().lower().startswith("kabine-"):
            return contacts.read_hub_card(given)
        return contacts.read_hub_card(_text(Path(given).read_bytes()))
    except OSError as error:
        if given is None:
            raise Refused(Code.NOT_ENROLLED, "Which hub?", _GIVE_HUB) from error
        raise Unavailable(
            f"“{given[:80]}” is no card and no file that can be read: {error.strerror}.",
            "Give what `kabine hub show` prints, or a file with it.",
        ) from error


def keep_hub_card(keys: Path, card: HubCard) -> None:
    """From now on this is the hub. Raises Unavailable."""
    write_file(keys / HUB, f"{contacts.write_hub_card(card)}\n".encode(), 0o644)


def _whole(path: Path, read: Callable[[bytes], T], remedy: str = _LOST) -> T:
    try:
        return read(path.read_bytes())
    except Refused as refused:
        raise Refused(refused.code, f"{path} is damaged: {refused.what}", remedy) from refused


def _identities(raw: bytes) -> list[HybridIdentity]:
    found = [identity for identity in identities_in(_text(raw)) if isinstance(identity, HybridIdentity)]
    if not found:
        raise Refused(Code.BAD_KEY, "There is no key in it.")
    return found


def _key(raw: bytes) -> bytes:
    if len(raw) != KEY_BYTES:
        raise Refused(Code.BAD_KEY, f"It has {len(raw)} bytes, not {KEY_BYTES}.")
    return raw


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
