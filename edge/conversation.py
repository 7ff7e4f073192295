"""What is said during a visit: events are what happened, effects are what is to be done. The machine between them is `visit.py`.

An event in square brackets is a tap on the visitor's screen, under the words of the button.
"""

from __future__ import annotations

import enum
from datetime import datetime

import msgspec

from edge.capture.mode import Mode
from protocol.ids import AgencyId, ReceiptNumber, ServiceId


class State(enum.StrEnum):
    """Where a visit stands. PLACE: a sheet is waited for; TAKING: the device is at work; JUDGE: the visitor looks at what was taken. LEAVING:
    the visitor has confirmed and gone; the document is on its way into the outbox all the same. FAREWELL: handed in, or copied."""

    WELCOME = "welcome"
    CHOOSE = "choose"
    PLACE = "place"
    TAKING = "taking"
    JUDGE = "judge"
    CHECK = "check"
    HAND_IN = "hand-in"
    LEAVING = "leaving"
    PRINTING = "printing"
    FAREWELL = "farewell"


class Face(enum.IntEnum):
    """How it was, in one tap; nobody is asked twice."""

    NONE = 0
    SAD = 1
    MIDDLING = 2
    GLAD = 3


class Outcome(enum.StrEnum):
    """How a visit ended: what the statistics count."""

    HANDED_IN = "handed-in"
    LEFT = "left"
    TIMED_OUT = "timed-out"
    FAILED = "failed"


# --- events: what happened ----------------------------------------------------------------------------------------


class Entered(msgspec.Struct, frozen=True):
    """Somebody came in. `visit`: 16 random bytes. `privacy`: version of the text about privacy that is offered. Again during a visit it is the
    sensor that flickers."""

    visit: bytes
    language: str = "de"
    privacy: str = ""


class Spoke(msgspec.Struct, frozen=True):
    """The visitor reads another language from now on."""

    language: str


class PrivacyRead(msgspec.Struct, frozen=True):
    """[Datenschutz]: the text was opened."""


class AgencyChosen(msgspec.Struct, frozen=True):
    """For whom the papers are; `title` is what the agency will read in its list, at most limits.TITLE_CHARS_MAX."""

    agency: AgencyId
    service: ServiceId | None = None
    title: str = ""


class CopyChosen(msgspec.Struct, frozen=True):
    """[Dokument kopieren]: what is taken now is for the printer, and for nobody else."""


class Back(msgspec.Struct, frozen=True):
    """[Zurück] before there is any page: for another agency, or for something else."""


class Lies(msgspec.Struct, frozen=True):
    """[Ein Ausweis], [Ein Kassenbon], [Ein Blatt]: what lies there, or will."""

    mode: Mode


class SheetSeen(msgspec.Struct, frozen=True):
    """A sheet lies there and the device has begun: from now on nobody need touch anything."""


class PageTaken(msgspec.Struct, frozen=True):
    """The capture has a page; `number` is the capture's own, unique within a document."""

    number: int


class CaptureEnded(msgspec.Struct, frozen=True):
    """Everything that lay there has been taken."""


class PageDropped(msgspec.Struct, frozen=True):
    """[Blatt löschen]."""

    number: int


class Retake(msgspec.Struct, frozen=True):
    """[Noch einmal]: the next page takes the place of this one."""

    number: int
    mode: Mode = Mode.DOCUMENT


class NextSheet(msgspec.Struct, frozen=True):
    """[Noch ein Blatt], or the other side of a card."""

    mode: Mode = Mode.DOCUMENT


class Joined(msgspec.Struct, frozen=True):
    """Both sides of a card are one page now, `number`, in the place of the `first`."""

    first: int
    second: int
    number: int


class Checked(msgspec.Struct, frozen=True):
    """[Fertig]: no further sheet; show everything."""


class Changed(msgspec.Struct, frozen=True):
    """[Ändern]: back to the pages."""


class Confirmed(msgspec.Struct, frozen=True):
    """[Abgeben]."""


class CopyAsked(msgspec.Struct, frozen=True):
    """[Drucken]."""


class Printed(msgspec.Struct, frozen=True):
    """The printer says that the copy lies in its tray."""


class Rated(msgspec.Struct, frozen=True):
    """One of three faces."""

    face: Face


class More(msgspec.Struct, frozen=True):
    """[Noch etwas]: what was done is done, and the visit goes on."""


class Sealed(msgspec.Struct, frozen=True):
    """The document is sealed to its agency; there is no plaintext any more but in the pages of this visit."""


class Stored(msgspec.Struct, frozen=True):
    """The sealed document is durable in the outbox: *angenommen*."""

    receipt: ReceiptNumber


class Failed(msgspec.Struct, frozen=True):
    """It did not work and the pages are still there: say so, let them try again."""

    what: str
    remedy: str


class PagesLost(msgspec.Struct, frozen=True):
    """As Failed, and the pages taken so far are gone (the worker process died)."""

    what: str
    remedy: str


class Left(msgspec.Struct, frozen=True):
    """[Beenden], or nobody came back."""


class Emptied(msgspec.Struct, frozen=True):
    """The sensor says that nobody is there. It may err, and people come back for their glasses: ask before all is wiped."""


class Quiet(msgspec.Struct, frozen=True):
    """Nobody has touched anything for as long as the last `Rest` said: ask."""


class Staying(msgspec.Struct, frozen=True):
    """[Ja, ich brauche mehr Zeit]."""


class Resumed(msgspec.Struct, frozen=True):
    """[Ja, weitermachen]: whoever came into a cabin that was empty says that it is their visit."""


class TimedOut(msgspec.Struct, frozen=True):
    """Nobody answered the question, or the farewell has stood long enough."""


Event = (
    Entered
    | Spoke
    | PrivacyRead
    | AgencyChosen
    | CopyChosen
    | Back
    | Lies
    | SheetSeen
    | PageTaken
    | CaptureEnded
    | PageDropped
    | Retake
    | NextSheet
    | Joined
    | Checked
    | Changed
    | Confirmed
    | CopyAsked
    | Printed
    | Sealed
    | Stored
    | Rated
    | More
    | Failed
    | PagesLost
    | Left
    | Emptied
    | Quiet
    | Staying
    | Resumed
    | TimedOut
)

# --- effects: what is to be done ----------------------------------------------------------------------------------


class Capture(msgspec.Struct, frozen=True):
    """Take what lies there, one sheet or a feeder full, as soon as it does; answer with SheetSeen, PageTaken for each and CaptureEnded, or with
    Failed, or PagesLost. `mode`: what lies there; COPY: as it lies, for the printer."""

    mode: Mode = Mode.DOCUMENT


class Halt(msgspec.Struct, frozen=True):
    """Wait for no further sheet."""


class Print(msgspec.Struct, frozen=True):
    """Print these pages; answer with Printed, Failed or PagesLost."""

    pages: tuple[int, ...]


class Seal(msgspec.Struct, frozen=True):
    """Seal these pages, in this order, to the agency; answer with Sealed, Failed or PagesLost. Issued once per handing in."""

    agency: AgencyId
    service: ServiceId | None
    title: str
    pages: tuple[int, ...]


class Store(msgspec.Struct, frozen=True):
    """Put what was sealed into the outbox; answer with Stored or Failed."""


class Show(msgspec.Struct, frozen=True):
    """What the screen says. `mode`: what was, is or will be taken. `more_time` asks „Brauchen Sie noch Zeit?“, `goodbye` „Auf Wiedersehen?“,
    `stranger` asks who has come since whether it is their visit: until they say so nothing of it is to be seen. `what` and `remedy` tell of
    something that failed."""

    state: State
    pages: tuple[int, ...] = ()
    receipt: ReceiptNumber | None = None
    what: str = ""
    remedy: str = ""
    more_time: bool = False
    goodbye: bool = False
    stranger: bool = False
    mode: Mode = Mode.DOCUMENT

    @property
    def copy(self) -> bool:
        """The pages are for the printer."""
        return self.mode is Mode.COPY


class Rest(msgspec.Struct, frozen=True):
    """Arm the only timer anew: send `then` when nothing happened for `seconds`. None: no timer."""

    seconds: float | None = None
    then: Quiet | TimedOut | Left | None = None


class Wipe(msgspec.Struct, frozen=True):
    """Forget pages, parts and settings of this visit. May come twice."""


class NoteVisit(msgspec.Struct, frozen=True):
    """Write down that there was a visit, without a word about who it was."""

    visit: bytes
    began_at: datetime
    ended_at: datetime
    outcome: Outcome
    documents: int
    language: str
    face: Face = Face.NONE
    privacy: str = ""
    privacy_read: bool = False


Effect = Capture | Halt | Print | Seal | Store | Show | Rest | Wipe | NoteVisit
