"""Make a cabin out of an empty folder and an invitation. SPEC.md section 7.

Keys are on stable storage before the hub hears of them, and the configuration is written last: a folder that has keys and no configuration is
an enrolment that was cut, and the same command goes on with it.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final, NamedTuple

from edge.config import FILE, CabinConfig, EdgeConfig, HubConfig
from edge.keys import CabinKeys
from protocol import codec, limits
from protocol.asking import CurrentDirectory, Done, MakeClaim, ShowDirectory
from protocol.directory import Directory
from protocol.enrolment import (
    Invitation,
    cabin_fingerprint,
    check_invitation,
    make_claim,
    read_invitation,
)
from protocol.errors import Code, Refused, Unavailable
from protocol.ids import Digest, SiteId, key_text
from protocol.keys import CurvePair, words
from protocol.manifest import Signed
from protocol.publication import verify_first
from protocol.runtime.asker import Asker
from protocol.runtime.config import write_default
from protocol.runtime.folder import NodeFolder
from protocol.runtime.world import World

DIRECTORY_FILE: Final = "directory"
BOOT_BYTES: Final = 16
SIGNED_BYTES_MAX: Final = limits.DIRECTORY_BYTES_MAX + limits.KIB  # with its signature
_COPY: Final = "Copy this file from another cabin of the same hub, or from an agency's folder of keys: it is signed, and nothing in it is secret."


class Enrolled(NamedTuple):
    """What to tell whoever stands in the cabin: the `words` must be the same at the hub."""

    site: SiteId
    name: str
    folder: Path
    words: tuple[str, ...]
    hub_address: str
    directory_version: int


def enrol(text: str, path: Path, world: World, software: str) -> Enrolled:
    """Claim the site of this invitation with keys made in `path`, and fetch the directory.

    Raises Refused: an invitation that is not whole, used or expired, a folder in which something else is; Unavailable: no way to the hub, or no
    right to write."""
    invitation = read_invitation(text)
    with _folder(path, invitation.site) as folder:
        keys = CabinKeys.make(folder, world.random)
        signed_claim = make_claim(invitation, keys.curve, keys.signing, world.random(BOOT_BYTES), software)
        signed, directory = _claim(invitation, signed_claim, world)
        folder.write_file(DIRECTORY_FILE, codec.encode(signed))
        folder.write_file(FILE, write_default(_config(invitation)).encode())
        return Enrolled(
            invitation.site,
            invitation.name,
            folder.path,
            words(cabin_fingerprint(invitation.site, keys.curve.public, keys.signing.public)),
            invitation.hub_address,
            directory.version,
        )


def read_directory(folder: NodeFolder, authority_key: bytes) -> tuple[Signed, Directory]:
    """The directory as of the last start: what says to whom the journal is sealed. Raises Refused, Unavailable."""
    if not (folder.path / DIRECTORY_FILE).exists():
        raise Unavailable(f"{folder.path / DIRECTORY_FILE} is not there.", _COPY)
    raw = folder.read_file(DIRECTORY_FILE)
    try:
        signed = codec.decode_canonical(Signed, raw, SIGNED_BYTES_MAX)
        return signed, verify_first(signed, authority_key)
    except Refused as error:
        what = f"{folder.path / DIRECTORY_FILE} is damaged"
        raise Refused(
            error.code, f"{what}." if error.code is Code.MALFORMED else f"{what}: {error.what}", _COPY
        ) from error


def _folder(path: Path, site: SiteId) -> NodeFolder:
    if not (path / FILE).exists():
        try:
            return NodeFolder.open(path, "edge")
        except Refused:
            return NodeFolder.create(path, "edge")
    raise Refused(
        Code.BAD_FILE,
        f"There is an enrolled cabin in {path} already.",
        f"Name a new folder for {site}; the old one still holds what was not sent.",
    )


def _claim(invitation: Invitation, signed_claim: Signed, world: World) -> tuple[Signed, Directory]:
    own = CurvePair(invitation.curve_secret)
    try:
        with Asker(invitation.hub_address, invitation.hub_curve_key, own, world.clock) as asker:
            if not isinstance(asker.ask(MakeClaim(signed_claim)), Done):
                raise Refused(Code.MALFORMED, "The hub answered the claim with something else.")
            return _fetch(asker, invitation.authority_key)
    except Unavailable as unavailable:
        try:
            # Only now: the clock of a cabin may be wrong, that of the hub counts.
            check_invitation(invitation.expires_at, None, world.utc())
        except Refused as refused:
            raise refused from unavailable
        raise


def _fetch(asker: Asker, authority_key: bytes) -> tuple[Signed, Directory]:
    current = asker.ask(ShowDirectory())
    if not isinstance(current, CurrentDirectory) or not 0 < current.size_bytes <= SIGNED_BYTES_MAX:
        raise Refused(Code.MALFORMED, "The hub has no directory that could be read.", "Run `kabine directory publish`.")
    raw = b"".join(bytes(chunk) for chunk in asker.fetch(Digest(current.digest), current.size_bytes))
    if hashlib.sha256(raw).digest() != current.digest:
        raise Refused(Code.BAD_FILE, "The directory came altered.", "Try again.")
    signed = codec.decode_canonical(Signed, raw, SIGNED_BYTES_MAX)
    return signed, verify_first(signed, authority_key)


def _config(invitation: Invitation) -> EdgeConfig:
    return EdgeConfig(
        cabin=CabinConfig(invitation.site, invitation.name, invitation.code, invitation.area),
        hub=HubConfig(invitation.hub_address, key_text(invitation.hub_curve_key), key_text(invitation.authority_key)),
    )
