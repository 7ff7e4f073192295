"""The encoding of IPP, and what a printer's attributes mean to us."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardware.devices import ipp
from hardware.devices.ipp import Group, Malformed, Operation, Tag
from hardware.devices.ipp_reading import Facts, job_end, job_state, received
from hardware.printer import JobState, PrinterState


def test_a_request_is_that_of_the_rfc() -> None:
    """RFC 8010, appendix A.1, cut short after its first attributes and with a job attribute of ours."""
    raw = ipp.request(
        Operation.PRINT_JOB,
        1,
        [
            (Group.OPERATION, Tag.CHARSET, "attributes-charset", "utf-8"),
            (Group.OPERATION, Tag.LANGUAGE, "attributes-natural-language", "en-us"),
            (Group.JOB, Tag.INTEGER, "copies", 20),
            (Group.JOB, Tag.KEYWORD, "finishings", ["staple", "punch"]),
        ],
    )
    assert raw == (
        b"\x02\x00\x00\x02\x00\x00\x00\x01"
        b"\x01\x47\x00\x12attributes-charset\x00\x05utf-8"
        b"\x48\x00\x1battributes-natural-language\x00\x05en-us"
        b"\x02\x21\x00\x06copies\x00\x04\x00\x00\x00\x14"
        b"\x44\x00\x0afinishings\x00\x06staple\x44\x00\x00\x00\x05punch"
        b"\x03"
    )


def test_an_answer_with_every_kind_of_value_is_read() -> None:
    def value(tag: int, name: str, raw: bytes) -> bytes:
        return struct.pack(">BH", tag, len(name)) + name.encode() + struct.pack(">H", len(raw)) + raw

    raw = b"".join(
        [
            struct.pack(">BBHI", 2, 0, 0x0001, 7),
            bytes([Group.PRINTER]),
            value(Tag.KEYWORD, "media-supported", b"iso_a4_210x297mm"),
            value(Tag.KEYWORD, "", b"na_letter_8.5x11in"),
            value(Tag.BEGIN_COLLECTION, "media-col-default", b""),
            value(Tag.MEMBER_NAME, "", b"media-size"),
            value(Tag.BEGIN_COLLECTION, "", b""),
            value(Tag.MEMBER_NAME, "", b"x-dimension"),
            value(Tag.INTEGER, "", b"\x00\x00\x52\x08"),
            value(Tag.END_COLLECTION, "", b""),
            value(Tag.END_COLLECTION, "", b""),
            value(Tag.BOOLEAN, "color-supported", b"\x01"),
            value(Tag.RANGE, "copies-supported", struct.pack(">ii", 1, 99)),
            value(Tag.RESOLUTION, "printer-resolution-default", struct.pack(">iib", 600, 600, 3)),
            value(Tag.TEXT_WITH_LANGUAGE, "printer-info", b"\x00\x02de\x00\x03Amt"),
            value(Tag.NAME, "printer-location", "Büro".encode("latin-1")),
            value(0x13, "printer-geo-location", b""),
            bytes([Group.JOB]),
            value(Tag.INTEGER, "job-id", b"\x00\x00\x00\x05"),
            bytes([Group.END]),
            b"what follows is a document",
        ]
    )
    answer = ipp.answer(raw)
    assert (answer.status, answer.request, answer.well) == (1, 7, True)
    [printer] = answer.of(Group.PRINTER)
    assert printer == {
        "media-supported": ("iso_a4_210x297mm", "na_letter_8.5x11in"),
        "color-supported": (True,),
        "copies-supported": ((1, 99),),
        "printer-resolution-default": ((600, 600, 3),),
        "printer-info": ("Amt",),
        "printer-location": ("B\ufffdro",),
        "printer-geo-location": (b"",),
    }
    assert answer.of(Group.JOB) == [{"job-id": (5,)}]
    for end in range(len(raw) - len(b"what follows is a document")):
        with pytest.raises(Malformed):
            ipp.answer(raw[:end])


@given(st.binary(max_size=200) | st.binary(max_size=200).map(lambda raw: b"\x02\x00\x00\x00\x00\x00\x00\x01" + raw))
def test_hostile_bytes_are_an_answer_or_malformed(raw: bytes) -> None:
    try:
        Facts(dict(ipp.answer(raw).of(Group.PRINTER)[0])).state  # noqa: B018
    except (Malformed, IndexError):
        pass


@pytest.mark.parametrize(
    ("number", "reasons", "state"),
    [
        (3, ["none"], PrinterState.READY),
        (4, ["none"], PrinterState.PRINTING),
        (3, ["media-low-warning"], PrinterState.LOW_PAPER),
        (3, ["toner-low-report", "media-empty-report"], PrinterState.LOW_PAPER),
        (3, ["marker-supply-low-warning"], PrinterState.LOW_TONER),
        (3, ["toner-empty-warning"], PrinterState.LOW_TONER),
        (5, ["toner-empty-error"], PrinterState.NO_TONER),
        (5, ["media-empty"], PrinterState.EMPTY),
        (4, ["media-needed-warning", "media-empty-warning"], PrinterState.EMPTY),
        (5, ["media-empty-error", "media-jam"], PrinterState.JAMMED),
        (5, ["cover-open", "media-empty-error"], PrinterState.COVER_OPEN),
        (5, ["paused"], PrinterState.STOPPED),
        (5, ["other"], PrinterState.STOPPED),
        (3, ["com.example-moonphase-warning"], PrinterState.READY),
        (3, [], PrinterState.READY),
    ],
)
def test_how_a_printer_is(number: int, reasons: list[str], state: PrinterState) -> None:
    assert Facts({"printer-state": (number,), "printer-state-reasons": tuple(reasons)}).state is state


def test_a_printer_that_takes_no_jobs_is_stopped() -> None:
    assert Facts({"printer-state": (3,), "printer-is-accepting-jobs": (False,)}).state is PrinterState.STOPPED


def test_the_resolution_is_the_nearest_that_is_offered_and_sane() -> None:
    facts = Facts(
        {
            "pwg-raster-document-resolution-supported": ((600, 600, 3), (360, 360, 3), (1, 1, 3), "nonsense"),
            "urf-supported": ("W8", "RS200-600-99999999", "V1.4"),
        }
    )
    assert (facts.pwg_dpi, facts.urf_dpi) == (360, 200)
    assert Facts({}).pwg_dpi == 300


@pytest.mark.parametrize(
    ("number", "reasons", "state", "end", "has"),
    [
        (3, [], JobState.WAITING, None, True),
        (3, ["job-incoming"], JobState.WAITING, None, False),
        (4, [], JobState.WAITING, None, False),
        (5, ["job-printing"], JobState.PRINTING, None, True),
        (5, ["printer-stopped"], JobState.STOPPED, None, True),
        (6, [], JobState.STOPPED, None, True),
        (7, [], JobState.FAILED, JobState.FAILED, True),
        (8, [], JobState.FAILED, JobState.FAILED, True),
        (9, ["job-completed-successfully"], JobState.PRINTED, JobState.PRINTED, True),
        (9, ["job-completed-with-errors"], JobState.PRINTED, JobState.FAILED, True),
    ],
)
def test_how_a_job_is(number: int, reasons: list[str], state: JobState, end: JobState | None, has: bool) -> None:
    values = {"job-state": (number,), "job-state-reasons": tuple(reasons)}
    assert (job_state(values), job_end(values), received(values)) == (state, end, has)
