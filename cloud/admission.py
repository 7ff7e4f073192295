"""Who may speak: the live list that the gate asks at every handshake and the hub at every message.

A revoked cabin is not on it any more, so its open connection ends with the next turn of the hub's loop.
"""

from __future__ import annotations

import enum

import msgspec


class Kind(enum.StrEnum):
    """What a guest may do."""

    CABIN = "cabin"  # keep a link
    CLAIMED = "claimed"  # wait for confirmation
    INVITATION = "invitation"  # claim a site, once
    AGENCY = "agency"  # ask at its inbox


class Guest(msgspec.Struct, frozen=True):
    """Holder of one CURVE key: `name` is the site or the agency, `key` its public half (32 bytes)."""

    kind: Kind
    name: str
    key: bytes

    @property
    def user(self) -> str:
        """The User-Id: differs for every key, so that a replaced machine is not taken for its successor."""
        return f"{self.kind}:{self.name}:{self.key.hex()}"


class Admission:
    """The list. `replace` is called by the hub's loop, `admit` by the gate's thread: both only read or swap one reference."""

    def __init__(self) -> None:
        self._by_key: dict[bytes, Guest] = {}
        self._by_user: dict[str, Guest] = {}

    def replace(self, guests: list[Guest]) -> None:
        """From now on exactly these are admitted."""
        self._by_key = {guest.key: guest for guest in guests}
        self._by_user = {guest.user: guest for guest in guests}

    def admit(self, key: bytes) -> str | None:
        """The User-Id of this key, None for a stranger."""
        guest = self._by_key.get(key)
        return None if guest is None else guest.user

    def guest(self, user: str) -> Guest | None:
        """Who this is, None when no longer admitted."""
        return self._by_user.get(user)
