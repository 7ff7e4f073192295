"""What the worker has before it: the pages of one document, from the files to the sealed envelope. Knows nothing of pipes and processes."""

from __future__ import annotations

import hashlib
import secrets
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import assert_never

import msgspec

from edge.capture import apart, card, dialogue, pdf, pipeline, preview, verdict
from edge.capture.delivered import too_heavy, too_many
from edge.capture.dialogue import (
    Capture,
    CaptureScan,
    Discard,
    Document,
    Join,
    Order,
    PageTaken,
    Preview,
    Report,
    Seal,
    Turn,
)
from edge.capture.encoded import Encoded
from edge.capture.mode import Mode
from edge.capture.pipeline import Taken
from edge.capture.reader import Wanted
from edge.capture.readers import Readers, Reading
from edge.capture.spool import Spool
from protocol import envelope, inner, limits
from protocol.errors import Code, Refused
from protocol.recipients import parse_recipient


class Bench:
    """What the worker has before it: the pages of one document. `carry_out` knows nothing of pipes."""

    def __init__(self, spool_folder: Path, readers: Readers) -> None:
        """Raises Unavailable when the folder cannot be written."""
        self._readers = readers
        self._spool = Spool(spool_folder)
        self._taken: list[PageTaken] = []
        self._turned_degrees: dict[int, int] = {}  # by the visitor, of the pages that were turned

    def carry_out(self, order: Order, image: Iterable[bytes] = ()) -> Iterator[Report]:
        """Everything to be told about this order, the last report included; `image` are the pieces of what came behind it. Raises Trouble."""
        match order:
            case Capture():
                return self._capture(Wanted(order.paths), order)
            case CaptureScan():
                return self._capture(Wanted(name=order.name, image_bytes=order.image_bytes), order, image)
            case Preview():
                return self._preview(order)
            case Turn():
                return self._turn(order)
            case Join():
                return self._join(order)
            case Document():
                return self._document(order)
            case Seal():
                return self._seal(order)
            case Discard():
                return self._discard()
        assert_never(order)

    def close(self) -> None:
        """The pages are gone."""
        self._spool.close()

    def _capture(self, wanted: Wanted, order: Capture | CaptureScan, image: Iterable[bytes] = ()) -> Iterator[Report]:
        began = time.monotonic()
        if isinstance(order, Capture) and not order.paths:
            raise Refused(Code.BAD_FILE, "There is no file to take pages from.", "Name at least one file.")
        if wanted.image_bytes > limits.INPUT_BYTES_MAX:
            raise too_heavy(wanted.name, wanted.image_bytes)
        before = len(self._taken)
        with self._readers.read(wanted, image) as reading:
            expected = before + reading.expected
            if expected > limits.DOCUMENT_PAGES_MAX:
                raise too_many(expected)
            yield from self._take(reading, wanted, Mode(order.mode), order.g4_strict)
        yield dialogue.Captured(len(self._taken) - before, time.monotonic() - began)

    def _take(self, reading: Reading, wanted: Wanted, mode: Mode, g4_strict: bool) -> Iterator[Report]:
        with apart.done(pipeline.take(reading.pages(), mode, g4_strict=g4_strict), wanted.names[0]) as pages:
            for taken in pages:
                self._spool.add(taken.page)
                self._taken.append(_told(taken, len(self._taken) + 1))
                yield self._taken[-1]

    def _seal(self, order: Seal) -> Iterator[Report]:
        began = time.monotonic()
        numbers = self._named(order.pages)
        recipients = [parse_recipient(order.recipient)]
        pdf_bytes, digest = pdf.size_and_digest(self._pages(numbers), order.captured_at)
        if pdf_bytes > limits.DOCUMENT_BYTES_MAX:
            raise Refused(
                Code.TOO_LARGE,
                f"The document is larger than {limits.DOCUMENT_BYTES_MAX // 1_000_000} MB.",
                "Hand it in as several documents.",
            )
        manifest = self._manifest(order, numbers, inner.File(inner.DOCUMENT, pdf_bytes, digest.hex()))
        summary = inner.summary_bytes(_summary(order, len(numbers), pdf_bytes))
        yield dialogue.SummarySealed(envelope.seal_bytes(summary, recipients, secrets.token_bytes))

        sealer = envelope.Sealer(recipients, secrets.token_bytes)
        header = sealer.header()
        whole, payload, payload_bytes = hashlib.sha256(header), hashlib.sha256(), 0
        yield dialogue.Part(header)
        for sealed in _sealed(sealer, inner.pack(manifest, pdf.write(self._pages(numbers), order.captured_at))):
            whole.update(sealed)
            payload.update(sealed)
            payload_bytes += len(sealed)
            for start in range(0, len(sealed), dialogue.PART_BYTES_MAX):
                yield dialogue.Part(sealed[start : start + dialogue.PART_BYTES_MAX])
        yield dialogue.SealedUp(
            digest=whole.digest(),
            header_sha256=hashlib.sha256(header).digest(),
            payload_sha256=payload.digest(),
            header_bytes=len(header),
            payload_bytes=payload_bytes,
            pdf_bytes=pdf_bytes,
            pages=len(numbers),
            seconds=time.monotonic() - began,
        )

    def _named(self, pages: tuple[int, ...]) -> tuple[int, ...]:
        """These pages, or all."""
        numbers = pages or tuple(range(1, len(self._taken) + 1))
        if not numbers:
            raise Refused(Code.BAD_FILE, "There is no page to hand in.", "Take at least one page first.")
        if not all(1 <= number <= len(self._taken) for number in numbers) or len(set(numbers)) < len(numbers):
            raise Refused(Code.BAD_FILE, "A page to hand in is not there, or named twice.", "Take the pages again.")
        return numbers

    def _document(self, order: Document) -> Iterator[Report]:
        told_bytes = 0
        for piece in pdf.write(self._pages(self._named(order.pages)), order.captured_at):
            told_bytes += len(piece)
            for start in range(0, len(piece), dialogue.PART_BYTES_MAX):
                yield dialogue.Part(piece[start : start + dialogue.PART_BYTES_MAX])
        yield dialogue.Written(told_bytes)

    def _known(self, number: int) -> PageTaken:
        if not 1 <= number <= len(self._taken):
            raise Refused(Code.BAD_FILE, f"Page {number} is not there.", "Take the pages again.")
        return self._taken[number - 1]

    def _page(self, number: int) -> Encoded:
        page = self._spool.read(number - 1)
        turned = self._turned_degrees.get(number, 0)
        return msgspec.structs.replace(page, turned_degrees=turned) if turned else page

    def _pages(self, numbers: tuple[int, ...]) -> Iterator[Encoded]:
        return (self._page(number) for number in numbers)

    def _preview(self, order: Preview) -> Iterator[Report]:
        self._known(order.number)
        least, most = preview.PIXELS_LIMITS
        page = self._page(order.number)
        shown = preview.jpeg(preview.close(page) if order.close else page, min(most, max(least, order.pixels_max)))
        for start in range(0, len(shown), dialogue.PART_BYTES_MAX):
            yield dialogue.Part(shown[start : start + dialogue.PART_BYTES_MAX])
        yield dialogue.Previewed(len(shown))

    def _turn(self, order: Turn) -> Iterator[Report]:
        page = self._known(order.number)
        if order.degrees not in (0, 90, 180, 270):
            raise Refused(Code.MALFORMED, f"A page cannot be turned by {order.degrees}°.", "Turn it by 90, 180 or 270.")
        turned = (self._turned_degrees.get(order.number, 0) + order.degrees) % 360
        self._turned_degrees[order.number] = turned
        # Whoever was asked which way up it is has answered.
        answered = tuple(fault for fault in page.faults if fault != verdict.Fault.UNSURE_WAY_UP)
        self._taken[order.number - 1] = msgspec.structs.replace(page, faults=answered, advice=verdict.advice(answered))
        yield dialogue.PageTurned(order.number, turned)

    def _join(self, order: Join) -> Iterator[Report]:
        began = time.monotonic()
        sides = [self._known(number) for number in (order.first, order.second)]
        page = card.joined(*(self._spool.read(side.number - 1) for side in sides))
        self._spool.add(page)
        faults = tuple(fault for fault in verdict.Fault if any(fault in side.faults for side in sides))
        taken = Taken(page, 0.0, 0, faults, time.monotonic() - began)
        self._taken.append(_told(taken, len(self._taken) + 1))
        yield self._taken[-1]
        yield dialogue.Captured(1, taken.seconds)

    def _manifest(self, order: Seal, numbers: tuple[int, ...], file: inner.File) -> inner.Inner:
        taken = [self._taken[number - 1] for number in numbers]
        return inner.Inner(
            version=inner.VERSION,
            envelope=order.envelope.hex(),
            receipt=order.receipt,
            agency=order.agency,
            epoch=order.epoch,
            service=order.service,
            title=order.title,
            kind=order.kind,
            language=order.language,
            remark=order.remark,
            pages=len(numbers),
            captured_at=order.captured_at,
            files=(file,),
            verdicts=tuple(
                inner.Verdict(
                    place,
                    page.encoding,
                    page.dpi,
                    page.skew_degrees,
                    page.blank,
                    (page.turned_degrees + self._turned_degrees.get(page.number, 0)) % 360,
                    page.faults,
                )
                for place, page in enumerate(taken, 1)
            ),
        )

    def _discard(self) -> Iterator[Report]:
        self._spool.clear()
        self._taken.clear()
        self._turned_degrees.clear()
        yield dialogue.Discarded(self._readers.gone)


def _told(taken: Taken, number: int) -> PageTaken:
    page = taken.page
    return PageTaken(
        number=number,
        encoding=page.encoding,
        bytes=page.bytes,
        width=page.width,
        height=page.height,
        dpi=page.dpi,
        skew_degrees=taken.skew_degrees,
        blank=page.blank,
        seconds=taken.seconds,
        turned_degrees=taken.turned_degrees,
        faults=tuple(str(fault) for fault in taken.faults),
        advice=verdict.advice(taken.faults),
    )


def _summary(order: Seal, pages: int, pdf_bytes: int) -> inner.Summary:
    return inner.Summary(
        title=order.title,
        kind=order.kind,
        service=order.service,
        pages=pages,
        language=order.language,
        remark=order.remark,
        captured_at=order.captured_at,
        bytes=pdf_bytes,
    )


def _sealed(sealer: envelope.Sealer, plain: Iterator[bytes]) -> Iterator[bytes]:
    """Non-empty pieces of the payload, gathered to about one part each."""
    waiting = bytearray()
    for piece in plain:
        waiting += sealer.update(piece)
        if len(waiting) >= dialogue.PART_BYTES_MAX:
            yield bytes(waiting)
            waiting.clear()
    yield bytes(waiting) + sealer.finish()
