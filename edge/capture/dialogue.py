"""What may be said between a node and its capture worker.

The node gives one order and hears reports until the last one for it: Captured, Previewed, PageTurned, Written, SealedUp, Discarded or Failed.
"""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from protocol import limits
from protocol.errors import Code, Refused, Trouble, Unavailable

PART_BYTES_MAX: Final = 256 * limits.KIB
ORDER_BYTES_MAX: Final = 2 * limits.MIB  # 300 paths
REPORT_BYTES_MAX: Final = PART_BYTES_MAX + 64 * limits.KIB
PREVIEW_PIXELS: Final = 1200  # of the longer side: what a screen shows of a page


# --- orders: what the node wants ------------------------------------------------------------------------------------


class Capture(msgspec.Struct, frozen=True, tag="capture"):
    """Take the pages of these files, after those that are there. Reports: PageTaken for each, then Captured."""

    paths: tuple[str, ...]
    mode: str = "document"  # one of edge.capture.pipeline.Mode
    g4_strict: bool = False


class CaptureScan(msgspec.Struct, frozen=True, tag="scan"):
    """As Capture, for what a scanner delivered and no file ever held: `image_bytes` of it come behind the order, as they are. Within it they would be
    copied as a whole, twice, by a node that must answer a visitor's touch meanwhile."""

    name: str
    image_bytes: int
    mode: str = "document"
    g4_strict: bool = False


class Seal(msgspec.Struct, frozen=True, tag="seal", kw_only=True):
    """Seal these pages, in this order (none named: all that are there). Reports: SummarySealed, Part for each piece, SealedUp. The
    pages stay until Discard. Fields as in protocol.inner.Inner."""

    recipient: str
    envelope: bytes
    receipt: str
    agency: str
    epoch: int
    captured_at: datetime
    service: str = ""
    title: str = ""
    kind: str = ""
    language: str = "de"
    remark: str = ""
    pages: tuple[int, ...] = ()


class Preview(msgspec.Struct, frozen=True, tag="preview"):
    """Show page `number` as it will be handed in; `close`: without the empty sheet around what lies on it. Reports: Part for each piece of a
    JPEG, then Previewed."""

    number: int
    pixels_max: int
    close: bool = False


class Turn(msgspec.Struct, frozen=True, tag="turn"):
    """Turn page `number` counter-clockwise by 90, 180 or 270 `degrees`, besides what it was turned before. Report: PageTurned."""

    number: int
    degrees: int


class Join(msgspec.Struct, frozen=True, tag="join"):
    """Lay the card of page `second` on the sheet of page `first`: both sides become one new page. Reports: PageTaken, Captured. The two
    stay until Discard; do not name them in Seal."""

    first: int
    second: int


class Document(msgspec.Struct, frozen=True, tag="document"):
    """Give these pages (none named: all) as a PDF that nobody has sealed: for the printer of a copy, or whoever looks after a cabin.
    Reports: Part for each piece, then Written."""

    captured_at: datetime
    pages: tuple[int, ...] = ()


class Discard(msgspec.Struct, frozen=True, tag="discard"):
    """Forget all pages. Report: Discarded."""


Order = Capture | CaptureScan | Preview | Turn | Join | Document | Seal | Discard


# --- reports: what the worker tells ---------------------------------------------------------------------------------


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The first report of all: orders may come."""


class PageTaken(msgspec.Struct, frozen=True, tag="page"):
    """A page waits in the spool. `number` counts 1, 2, 3 … until Discard; `bytes` of its stream, `width` and `height` in pixels at `dpi`;
    `skew_degrees` by which it had been turned counter-clockwise and is no longer; `turned_degrees` (0, 90, 180, 270) by which it was
    turned to stand upright. `faults`: codes of edge.capture.verdict.Fault, the gravest first; `advice` says what to do about that one."""

    number: int
    encoding: str
    bytes: int
    width: int
    height: int
    dpi: float
    skew_degrees: float
    blank: bool
    seconds: float
    turned_degrees: int = 0
    faults: tuple[str, ...] = ()
    advice: str = ""


class Captured(msgspec.Struct, frozen=True, tag="captured"):
    """The order is done; `pages` came with it."""

    pages: int
    seconds: float


class Previewed(msgspec.Struct, frozen=True, tag="previewed"):
    """The preview has been told; it has so many `bytes`."""

    bytes: int


class PageTurned(msgspec.Struct, frozen=True, tag="turned"):
    """The page stands as it was wished; `turned_degrees` counter-clockwise from how it was taken."""

    number: int
    turned_degrees: int


class Written(msgspec.Struct, frozen=True, tag="written"):
    """The document has been told; it has so many `bytes`."""

    bytes: int


class SummarySealed(msgspec.Struct, frozen=True, tag="summary"):
    """The summary as a small age file."""

    sealed: bytes


class Part(msgspec.Struct, frozen=True, tag="part"):
    """The next piece of the sealed document, or of a preview, at most 256 KiB."""

    piece: bytes


class SealedUp(msgspec.Struct, frozen=True, tag="sealed"):
    """The document is sealed. `digest`: SHA-256 of header and payload together, `header_sha256` and `payload_sha256` of each."""

    digest: bytes
    header_sha256: bytes
    payload_sha256: bytes
    header_bytes: int
    payload_bytes: int
    pdf_bytes: int
    pages: int
    seconds: float


class Discarded(msgspec.Struct, frozen=True, tag="discarded"):
    """No page is left. `worn`: nothing can be read by this worker any more; it is to be replaced."""

    worn: bool = False


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """The order was not carried out; pages reported before are still there. `code`: one of protocol.errors.Code, or `unavailable`."""

    code: str
    what: str
    remedy: str


Report = (
    Ready
    | PageTaken
    | Captured
    | Previewed
    | PageTurned
    | Written
    | SummarySealed
    | Part
    | SealedUp
    | Discarded
    | Failed
)

_orders: Final[msgspec.msgpack.Decoder[Order]] = msgspec.msgpack.Decoder(Order)
_reports: Final[msgspec.msgpack.Decoder[Report]] = msgspec.msgpack.Decoder(Report)


def read_order(body: bytes) -> Order:
    """Raises msgspec.DecodeError: both ends are ours, of one release."""
    return _orders.decode(body)


def read_report(body: bytes) -> Report:
    """Raises msgspec.DecodeError."""
    return _reports.decode(body)


def failed(error: Trouble) -> Failed:
    """An error as it is told to the node."""
    return Failed(error.code if isinstance(error, Refused) else "unavailable", error.what, error.remedy)


def error(told: Failed) -> Trouble:
    """Inverse of `failed`."""
    return (
        Unavailable(told.what, told.remedy)
        if told.code == "unavailable"
        else Refused(Code(told.code), told.what, told.remedy)
    )
