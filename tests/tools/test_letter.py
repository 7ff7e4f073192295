"""What a document is called in a folder that others use too: nothing is replaced that the connector did not write."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from protocol.asking import Delivered
from protocol.errors import Refused
from protocol.ids import AgencyId, EnvelopeId, ReceiptNumber, SiteId
from protocol.inner import Summary
from protocol.manifest import Manifest, Signed
from tools.letter import Letter, drafted, free_name, named_soundly, rewrite, shown

NOON = datetime(2026, 7, 31, 12, tzinfo=UTC)
ENVELOPE = EnvelopeId(bytes(range(16)))
SHORT, LONG = "K7M-042", "K7M-042-00010203"
PDF = b"%PDF-1.7 of this document"
MANIFEST = Manifest(
    version=1,
    suite="age/1",
    envelope=ENVELOPE,
    receipt=ReceiptNumber(SHORT),
    agency=AgencyId("sozialamt"),
    epoch=1,
    cabin=SiteId("templin"),
    captured_at=NOON,
    length_bytes=1,
    header_sha256=bytes(32),
    payload_sha256=bytes(32),
    counter=1,
    previous=bytes(32),
)
OURS = json.dumps({"version": 1, "envelope": ENVELOPE.hex()}).encode()


def name(into: Path) -> str:
    """What the document is called when its PDF has been opened into a draft."""
    draft = into / ".draft"
    draft.write_bytes(PDF)
    try:
        return free_name(into, MANIFEST, draft)
    finally:
        draft.unlink()


def test_a_number_leads_out_of_no_folder() -> None:
    named_soundly(MANIFEST)
    for number in ("../K7M-042", "K7M-042/../../x", "/etc/K7M-042", "K7M-042\x1b[2J", "k7m-042", ""):
        with pytest.raises(Refused, match="receipt number"):
            named_soundly(replace(MANIFEST, receipt=ReceiptNumber(number)))
    with pytest.raises(Refused, match="site"):
        named_soundly(replace(MANIFEST, cabin=SiteId("\x1b[2J")))


def test_the_words_of_a_summary_command_no_terminal() -> None:
    summary = Summary(
        title="Wohngeld\x1b]0;x\x07",
        kind="a\nb",
        service="1",
        pages=1,
        language="de",
        remark="\r",
        captured_at=NOON,
        bytes=1,
    )
    assert (shown(summary).title, shown(summary).kind, shown(summary).remark) == (
        "Wohngeld\ufffd]0;x\ufffd",
        "a\ufffdb",
        "\ufffd",
    )


def test_a_document_is_called_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "K7M-041.pdf").write_bytes(b"another")
    assert name(tmp_path) == SHORT


@pytest.mark.parametrize("there", [{"json"}, {"json", "pdf"}, {"pdf"}], ids=["record", "both", "only the PDF is left"])
@pytest.mark.parametrize("called", [SHORT, LONG])
def test_what_a_killed_run_left_is_its_own(tmp_path: Path, called: str, there: set[str]) -> None:
    if called == LONG:
        (tmp_path / f"{SHORT}.pdf").write_bytes(b"of somebody else")
    for kind in there:
        (tmp_path / f"{called}.{kind}").write_bytes({"json": OURS, "pdf": PDF}[kind])
    assert name(tmp_path) == called


def test_its_own_place_is_found_when_the_other_has_become_free(tmp_path: Path) -> None:
    (tmp_path / f"{LONG}.json").write_bytes(OURS)
    (tmp_path / f"{LONG}.pdf").write_bytes(PDF)
    assert name(tmp_path) == LONG


def put_bytes(path: Path) -> None:
    path.write_bytes(b"{}" if path.suffix == ".json" else b"%PDF-1.7 of somebody else")


def put_another_record(path: Path) -> None:
    path.write_text('{"envelope": "ff"}')


def put_nonsense(path: Path) -> None:
    path.write_bytes(b"\xff[[[")


def put_link_to_nowhere(path: Path) -> None:
    path.symlink_to("nowhere")


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


FOREIGN = [put_bytes, put_another_record, put_nonsense, Path.mkdir, put_link_to_nowhere, put_pipe]


@pytest.mark.parametrize("put", FOREIGN)
@pytest.mark.parametrize("kind", ["pdf", "json"])
def test_what_somebody_else_has_put_there_stays(tmp_path: Path, kind: str, put: object) -> None:
    assert callable(put)
    put(tmp_path / f"{SHORT}.{kind}")
    assert name(tmp_path) == LONG


def test_a_pdf_that_was_changed_beside_its_record_stays(tmp_path: Path) -> None:
    """Somebody has written a note on it before the killed run was taken up again."""
    (tmp_path / f"{SHORT}.json").write_bytes(OURS)
    (tmp_path / f"{SHORT}.pdf").write_bytes(PDF + b" with a note")
    assert name(tmp_path) == LONG


def test_a_document_for_which_no_name_is_left_is_refused(tmp_path: Path) -> None:
    (tmp_path / f"{SHORT}.json").write_bytes(b"{}")
    (tmp_path / f"{LONG}.pdf").write_bytes(b"of somebody else")
    with pytest.raises(Refused, match=f"{SHORT}.pdf and {LONG}.pdf") as caught:
        name(tmp_path)
    assert "Move" in caught.value.remedy


def letter() -> Letter:
    """As the hub shows it, with no event yet."""
    signed = Signed(b"body", b"signature")
    return Letter(Delivered(1, signed, b"", bytes(32), 1, ()), MANIFEST, bytes(32), (), None)


def test_a_record_is_written_anew_with_the_events_of_now(tmp_path: Path) -> None:
    path = tmp_path / f"{SHORT}.json"
    path.write_text('{"envelope": "00", "receipts": [1, 2]}')
    rewrite(path, letter())
    assert json.loads(path.read_bytes()) == {"envelope": "00", "receipts": []}


def test_a_record_that_was_carried_off_meanwhile_is_missed_by_nobody(tmp_path: Path) -> None:
    rewrite(tmp_path / f"{SHORT}.json", letter())
    assert not list(tmp_path.iterdir())


def test_two_machines_with_the_same_keys_write_one_document_into_two_files(tmp_path: Path) -> None:
    """Both had one draft: the second emptied what the first moved to its final name a moment later, whole as it believed."""
    pdf = tmp_path / f"{SHORT}.pdf"
    with drafted(pdf) as (one, first), drafted(pdf) as (other, second):
        first.write(PDF)
        second.write(PDF[:5])
        for file, draft in ((first, one), (second, other)):
            file.flush()
            if draft == one:
                os.replace(draft, pdf)
                assert pdf.read_bytes() == PDF
    assert pdf.read_bytes() == PDF
    assert list(tmp_path.iterdir()) == [pdf]


def test_what_a_killed_run_has_left_of_a_document_is_cleared_away(tmp_path: Path) -> None:
    (tmp_path / f".{SHORT}.pdf.abc.unfinished").write_bytes(PDF[:5])
    (tmp_path / f".{SHORT}1.pdf.abc.unfinished").write_bytes(PDF[:5])  # of another one
    with drafted(tmp_path / f"{SHORT}.pdf"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == [f".{SHORT}1.pdf.abc.unfinished"]
