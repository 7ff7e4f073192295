"""Three ways to fail, and who is to blame: Refused (the peer), Mistake (us), Unavailable (the world).

Every error carries `what` happened and an imperative `remedy`: the sentence that saves a drive across the county.
Raise near the cause, catch in one place per process. SPEC.md section 3.6 lists the codes of `Refused`.
"""

from __future__ import annotations

import enum


class Trouble(Exception):  # noqa: N818  (a noun of this house, not a suffix)
    """Base of the three families. `what` is a sentence; `remedy` tells the person in charge what to do."""

    def __init__(self, what: str, remedy: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.what} {self.remedy}".strip()


class Code(enum.StrEnum):
    """Why a peer was refused. The value travels on the wire; unknown codes are shown as they are."""

    UNSUPPORTED_VERSION = "unsupported-version"
    NOT_ENROLLED = "not-enrolled"
    NOT_CONFIRMED = "not-confirmed"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    LOG_GAP = "log-gap"
    LOG_FORK = "log-fork"
    MALFORMED = "malformed"
    OVERLOADED = "overloaded"
    INVITATION_SPENT = "invitation-spent"
    UNKNOWN_AGENCY = "unknown-agency"
    BAD_SIGNATURE = "bad-signature"
    OFF_CHAIN = "off-chain"
    NOT_YOURS = "not-yours"
    UNKNOWN_DOCUMENT = "unknown-document"
    OUT_OF_ORDER = "out-of-order"
    TOO_LARGE = "too-large"
    BAD_KEY = "bad-key"
    BAD_FILE = "bad-file"


REMEDIES: dict[Code, str] = {
    Code.UNSUPPORTED_VERSION: "Install the same release of Kabine at both ends.",
    Code.NOT_ENROLLED: "Invite the cabin with `kabine cabin invite SITE` and enrol it with `kabine edge enrol`.",
    Code.NOT_CONFIRMED: "Compare the words on both screens, then run `kabine cabin confirm SITE` at the hub.",
    Code.REVOKED: "If this cabin is to work again, invite it anew with `kabine cabin invite SITE`.",
    Code.SUPERSEDED: "Nothing, if the cabin has just reconnected. If it comes back: two machines use the same keys.",
    Code.LOG_GAP: "Entries are missing. Do not delete anything; keep the cabin's folder and look at `kabine edge doctor`.",
    Code.LOG_FORK: "The cabin was cloned or restored from an old image. Revoke it and enrol it anew.",
    Code.MALFORMED: "Install the same release at both ends; if it stays, capture the log and report it.",
    Code.OVERLOADED: "Wait; the cabin tries again by itself.",
    Code.INVITATION_SPENT: "Make a new invitation with `kabine cabin invite SITE`.",
    Code.UNKNOWN_AGENCY: "Look at `kabine directory show` for the agencies there are.",
    Code.BAD_SIGNATURE: "Check that cabin and hub hold the same directory (`kabine directory show`).",
    Code.OFF_CHAIN: "Take this seriously: somebody may be signing other directories. Compare `kabine directory show` at both ends.",
    Code.NOT_YOURS: "Use the keys of the inbox that the document was sent to.",
    Code.UNKNOWN_DOCUMENT: "Look at `kabine inbox list` for what is there.",
    Code.OUT_OF_ORDER: "Fetch the list again; somebody else has acted on this document in the meantime.",
    Code.TOO_LARGE: "Hand in fewer pages at a time.",
    Code.BAD_KEY: "Check the key: copy it whole, on one line.",
    Code.BAD_FILE: "Check that the file is whole and of the kind that was asked for.",
}


class Refused(Trouble):
    """The peer (or the input) broke a rule. `code` goes over the wire and into logs, never onto a visitor's screen."""

    def __init__(self, code: Code, what: str, remedy: str = "") -> None:
        super().__init__(what, remedy or REMEDIES[code])
        self.code = code

    def __reduce__(self) -> tuple[type[Refused], tuple[Code, str, str]]:
        return type(self), (self.code, self.what, self.remedy)


class Mistake(Trouble):
    """We broke a rule of our own: a programming error. The process that raises it stops and says so."""


class Unavailable(Trouble):
    """The world does not let us: disk full, port in use, no line, wrong passphrase. Trying again later may help."""
