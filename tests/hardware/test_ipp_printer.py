"""What only a network printer has: formats, paper by name, certificates, strangers at its address."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pymupdf
import pytest

from hardware.devices.ipp_printer import IppPrinter
from hardware.printer import Job, JobState, PrinterFailure, PrinterState
from tests.hardware.eve import ANSWER_SECONDS, Eve, eve
from tests.journeys.waiting import until


def page() -> bytes:
    with pymupdf.open() as document:
        document.new_page(width=595, height=842).insert_text((72, 100), "Kopie", fontsize=30)
        made: bytes = document.tobytes()
    return made


def printed(driver: IppPrinter, job_id: str) -> bool:
    return driver.progress(job_id) is JobState.PRINTED


@pytest.mark.parametrize(
    ("formats", "begins"), [("image/pwg-raster", b"RaS2PwgRaster\0"), ("image/urf", b"UNIRAST\0\0\0\0\1")]
)
def test_a_printer_that_reads_no_pdf_gets_raster(formats: str, begins: bytes, tmp_path: Path) -> None:
    with eve(tmp_path / "eve", formats) as printer:
        driver = IppPrinter(printer.url, fresh_seconds=0.05, answer_seconds=ANSWER_SECONDS)
        driver.print(Job("one", page()))
        until(lambda: printed(driver, "one"), "the page is printed")
        [document] = printer.tray
        assert document.read_bytes().startswith(begins)


def test_a_printer_that_reads_neither_says_what_to_fit(tmp_path: Path) -> None:
    with eve(tmp_path / "eve", "text/plain") as printer, pytest.raises(PrinterFailure) as caught:
        IppPrinter(printer.url, answer_seconds=ANSWER_SECONDS).print(Job("one", page()))
    assert "text/plain" in caught.value.what
    assert "driverless" in caught.value.remedy


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Eve]:
    with eve(tmp_path_factory.mktemp("eve")) as printer:
        yield printer


def test_paper_that_the_printer_does_not_know_is_named_with_what_it_knows(real: Eve) -> None:
    with pytest.raises(PrinterFailure) as caught:
        IppPrinter(real.url, media="om_roll-80_80x297mm", answer_seconds=ANSWER_SECONDS).print(Job("one", page()))
    assert "om_roll-80_80x297mm" in caught.value.what
    assert "iso_a4_210x297mm" in caught.value.remedy
    assert real.copies("one") == 0


def test_its_list_of_jobs_says_nothing_about_anybody(real: Eve) -> None:
    driver = IppPrinter(real.url, answer_seconds=ANSWER_SECONDS)
    driver.print(Job("4f1c", page()))
    until(lambda: printed(driver, "4f1c"), "the page is printed")
    log = real.log()
    assert "job-name (nameWithoutLanguage) kabine-4f1c" in log
    assert "requesting-user-name (nameWithoutLanguage) kabine" in log
    assert "media (keyword) iso_a4_210x297mm" in log


def test_over_tls_only_the_printer_with_the_certificate_is_spoken_to(real: Eve, tmp_path: Path) -> None:
    url = real.url.replace("ipp://", "ipps://")
    stranger = IppPrinter(url, answer_seconds=ANSWER_SECONDS)
    with pytest.raises(PrinterFailure) as caught:
        stranger.print(Job("tls", page()))
    assert "certificate" in caught.value.what.lower()
    known = IppPrinter(url, certificate=real.certificate(tmp_path / "printer.pem"), answer_seconds=ANSWER_SECONDS)
    known.print(Job("tls", page()))
    until(lambda: printed(known, "tls"), "the page is printed")


def test_a_certificate_that_is_not_there_is_named_when_it_is_wanted(real: Eve, tmp_path: Path) -> None:
    driver = IppPrinter(real.url.replace("ipp://", "ipps://"), certificate=tmp_path / "gone.pem")
    assert driver.state() is PrinterState.UNREACHABLE
    with pytest.raises(PrinterFailure) as caught:
        driver.print(Job("gone", page()))
    assert "gone.pem" in caught.value.what


@contextmanager
def stranger(answer: bytes) -> Iterator[str]:
    """Something at a printer's address that is none: says the same to everybody."""
    with socket.create_server(("localhost", 0)) as server:

        def serve() -> None:
            while True:
                try:
                    client, _ = server.accept()
                except OSError:
                    return
                with client, suppress(OSError):  # who asked may not have waited
                    client.recv(65536)
                    client.sendall(answer)

        thread = threading.Thread(target=serve)
        thread.start()
        yield f"ipp://localhost:{server.getsockname()[1]}/ipp/print"
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"220 mail ready\r\n",
        b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello",
        b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n\x02\x00\x00\x00\x00\x00\x99\x99\x03",
        b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2_000_000),
    ],
)
def test_what_is_no_printer_is_unreachable(answer: bytes) -> None:
    with stranger(answer) as url:
        driver = IppPrinter(url, answer_seconds=5.0)
        assert driver.state() is PrinterState.UNREACHABLE
        with pytest.raises(PrinterFailure) as caught:
            driver.print(Job("one", page()))
        assert caught.value.state is PrinterState.UNREACHABLE
        assert caught.value.remedy.endswith(".")
