"""Our eSCL client and the real sane-airscan, both scanning from our virtual scanner; and our client against devices that misbehave."""

from __future__ import annotations

import itertools
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from PIL import Image

from hardware.devices.escl_scanner import EsclScanner
from hardware.devices.escl_words import abilities, settings, wish
from hardware.devices.sane_scanner import SaneScanner
from hardware.devices.web import Silent, Web
from hardware.scanner import ScannerFailure, ScannerState
from hardware.simulated.escl import VirtualEscl
from hardware.simulated.stage import BUSY, NO_PAPER, Stage
from tests.hardware.sane import airscan_conf, needs_scanimage
from tests.journeys.waiting import until


@pytest.fixture
def stage(tmp_path) -> Stage:
    return Stage(tmp_path / "stage")


@pytest.fixture
def virtual(stage) -> Iterator[VirtualEscl]:
    scanner = VirtualEscl(3, pages=2, stage=stage)
    yield scanner
    scanner.close()


def patient(virtual: VirtualEscl, **wishes: object) -> EsclScanner:
    """Our client, with time for a machine that has much else to do."""
    return EsclScanner(virtual.url, **{"dpi": 75, "ask_seconds": 60.0, **wishes})  # type: ignore[arg-type]


def test_only_what_the_device_can_do_is_ordered(virtual):
    assert len(list(patient(virtual, source="duplex", mode="grey", dpi=70).scan())) == 2
    order = virtual.seen[-1]
    assert (order["Duplex"], order["ColorMode"], order["XResolution"]) == ("false", "Grayscale8", "75")
    assert (order["InputSource"], order["Width"], order["Height"]) == ("Feeder", "2550", "3508")


def test_both_sides_where_the_feeder_turns_sheets_over(stage):
    virtual = VirtualEscl(3, pages=2, stage=stage, duplex=True)
    try:
        assert len(list(patient(virtual, source="duplex").scan())) == 2
        assert len(list(patient(virtual, source="feeder").scan())) == 2
        assert [order["Duplex"] for order in virtual.seen] == ["true", "false"]
    finally:
        virtual.close()


def test_over_https_the_devices_own_certificate_is_trusted_and_no_other(tmp_path):
    mine, other = (certificate(tmp_path / name) for name in ("mine.pem", "other.pem"))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(mine)
    virtual = VirtualEscl(3, pages=1, tls=tls)
    try:
        assert len(list(patient(virtual, certificate=mine).scan())) == 1
        for trusted in (other, None):
            scanner = patient(virtual, certificate=trusted)
            with pytest.raises(ScannerFailure, match="its certificate is not trusted"):
                scanner.scan()
            assert "name it as `certificate`" in scanner.complaint().remedy
    finally:
        virtual.close()


def test_an_empty_feeder_means_the_glass_unless_the_feeder_was_asked_for(virtual, stage):
    stage.flag("scanner", NO_PAPER)
    with pytest.raises(ScannerFailure) as caught:
        patient(virtual, source="feeder", dpi=75).scan()
    assert caught.value.state is ScannerState.NO_PAPER
    assert len(list(patient(virtual).scan())) == 1
    assert virtual.seen[-1]["InputSource"] == "Platen"


def test_a_jam_in_the_middle_keeps_the_sheets_before_it_and_the_next_batch_goes_on(virtual, stage):
    scanner = patient(virtual)
    batch = scanner.scan()
    first = next(batch)
    stage.jam()
    with pytest.raises(ScannerFailure, match="stuck"):
        next(batch)
    assert scanner.state() is ScannerState.JAMMED
    stage.mend()
    again = list(scanner.scan())
    assert len(again) == 2
    assert first.image not in [scan.image for scan in again]


def test_a_device_that_is_busy_is_waited_for(virtual, stage):
    stage.flag("scanner", BUSY)
    with pytest.raises(ScannerFailure, match="busy"):
        patient(virtual, busy_seconds=0.0).scan()
    threading.Timer(0.2, stage.mend).start()
    assert len(list(patient(virtual).scan())) == 2


def test_a_device_that_was_unplugged_works_again(virtual, stage):
    scanner = patient(virtual, fresh_seconds=0.0)
    batch = scanner.scan()
    next(batch)
    stage.unplug()
    with pytest.raises(ScannerFailure, match="does not answer"):
        next(batch)
    assert scanner.state() is ScannerState.UNREACHABLE
    stage.plug()
    until(lambda: scanner.state() is ScannerState.READY, "ready again")
    assert len(list(scanner.scan())) == 2


def test_closing_while_a_sheet_is_slow_gives_up_the_batch(virtual, stage):
    scanner = patient(virtual)
    batch = scanner.scan()
    next(batch)
    stage.jam()
    scanner.close()
    with pytest.raises(ScannerFailure, match="closed"):
        next(batch)


def test_the_real_airscan_scans_from_our_virtual_scanner(virtual, stage):
    needs_scanimage()
    scanner = SaneScanner("airscan", conf=airscan_conf(virtual.url), dpi=75)
    try:
        batch = scanner.scan()
        next(batch)
        stage.jam()
        with pytest.raises(ScannerFailure) as caught:
            next(batch)
        assert caught.value.state is ScannerState.JAMMED
        stage.mend()
        assert len(list(scanner.scan())) == 2
        assert virtual.seen[-1]["InputSource"] == "Feeder"
    finally:
        scanner.close()


def test_whoever_hangs_up_on_the_virtual_scanner_leaves_no_words_on_the_terminal(virtual, stage, tmp_path, capfd):
    sheet = tmp_path / "sheet.jpg"
    sheet.write_bytes(bytes(20_000_000))  # more than any socket holds
    stage.put(sheet)
    code, job = virtual.order(
        settings(
            wish(abilities(virtual.capabilities().encode()), feeder=True, source="feeder", mode="color", dpi=75), "2.0"
        )
    )
    assert code == HTTPStatus.CREATED
    address = urlsplit(virtual.url)
    before = set(threading.enumerate())
    with socket.create_connection((address.hostname, address.port)) as client:
        client.sendall(f"GET /eSCL/ScanJobs/{job}/NextDocument HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert client.recv(10)
    until(lambda: set(threading.enumerate()) <= before, "it has noticed")
    assert capfd.readouterr().err == ""


class Odd(VirtualEscl):
    """A device with habits of its own. `ends_with`: its word for “no more sheets”; `hesitates`: so often it says that there is none, before the first
    one."""

    ends_with = HTTPStatus.NOT_FOUND
    hesitates = 0
    begins = False

    def next_sheet(self, job: str) -> tuple[HTTPStatus, bytes]:
        self.begins = self.hesitates > 0
        if self.begins:
            self.hesitates -= 1
            return HTTPStatus.NOT_FOUND, b""
        code, image = super().next_sheet(job)
        return (self.ends_with if code is HTTPStatus.NOT_FOUND else code), image

    def status(self) -> str:
        told = super().status()
        return told.replace(">Idle<", ">Processing<") if self.begins else told


@pytest.mark.parametrize("code", [HTTPStatus.GONE, HTTPStatus.CONFLICT, HTTPStatus.INTERNAL_SERVER_ERROR])
def test_the_end_of_a_batch_is_known_by_the_empty_feeder_whatever_the_device_calls_it(stage, tmp_path, code):
    virtual = Odd(3, pages=0, stage=stage, platen=False)
    virtual.ends_with = code
    sheet = tmp_path / "sheet.jpg"
    Image.new("L", (20, 30), 200).save(sheet)
    try:
        stage.put(sheet)
        stage.put(sheet)
        assert len(list(patient(virtual).scan())) == 2
    finally:
        virtual.close()


def test_the_glass_is_asked_for_one_sheet_and_no_more(stage):
    virtual = Odd(3, pages=3, stage=stage, feeder=False)
    virtual.ends_with = HTTPStatus.INTERNAL_SERVER_ERROR
    try:
        assert len(list(patient(virtual).scan())) == 1
        assert len(list(patient(virtual).scan())) == 1
    finally:
        virtual.close()


def test_a_device_that_has_not_begun_yet_is_asked_again(stage):
    virtual = Odd(3, pages=2, stage=stage)
    virtual.hesitates = 2
    try:
        assert len(list(patient(virtual).scan())) == 2
    finally:
        virtual.close()


def certificate(path: Path) -> Path:
    """A key and a certificate that only vouches for itself, as printers make them."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "KM-MFP-01")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path.write_bytes(private + signed.public_bytes(pem))
    return path


class Answering:
    """A device that says the same to everybody: raw bytes, and then it hangs up or, if told so, stays silent or `drips` so for ever. `dripping`
    is set with the third of these, `dripped` when somebody has hung up on that."""

    def __init__(self, says: bytes, hangs_up: bool = True, drips: bytes = b"") -> None:
        self._says, self._hangs_up, self._drips = says, hangs_up, drips
        self.dripping, self.dripped = threading.Event(), threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/eSCL"
        self._kept: list[socket.socket] = []
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                connection, _ = self._socket.accept()
            except OSError:
                return
            try:
                connection.recv(65536)
                connection.sendall(self._says)
                for number in itertools.count(1) if self._drips else ():
                    connection.sendall(self._drips)
                    if number == 3:
                        self.dripping.set()
                    self.dripped.wait(0.02)
            except OSError:
                self.dripped.set()
            if self._hangs_up:
                connection.close()
            else:
                self._kept.append(connection)

    def __enter__(self) -> Answering:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        for connection in self._kept:
            connection.close()


@pytest.mark.parametrize(
    "says",
    [
        b"",
        b"\x16\x03\x01 no HTTP",
        b"HTTP/1.1 200 OK\r\n\r\n<html>Sign in</html>",
        b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.2/\r\n\r\n",
        b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n<cut",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1_000_000,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_a_device_that_talks_nonsense_is_unreachable_in_words(says):
    with Answering(says) as device:
        scanner = EsclScanner(device.url)
        with pytest.raises(ScannerFailure) as caught:
            scanner.scan()
        assert caught.value.state is scanner.state() is ScannerState.UNREACHABLE
        assert caught.value.what.startswith("The scanner does not answer: ")


def test_a_device_that_wakes_up_is_busy_and_not_away():
    with Answering(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n") as device:
        scanner = EsclScanner(device.url, ask_seconds=60, busy_seconds=0.2)
        until(
            lambda: scanner.state() is ScannerState.BUSY,
            "it has answered; for a busy machine that may be later than the first look",
        )
        with pytest.raises(ScannerFailure) as caught:
            scanner.scan()
        assert caught.value.state is ScannerState.BUSY
        scanner.close()


def test_of_a_device_that_answers_with_errors_not_the_cable_is_blamed():
    with Answering(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\n\r\n") as device:
        scanner = EsclScanner(device.url, ask_seconds=60)
        with pytest.raises(ScannerFailure, match="it answers 500") as caught:
            scanner.scan()
        assert "cable" not in caught.value.remedy
        assert "cable" not in scanner.complaint().remedy
        scanner.close()


def test_who_sends_us_elsewhere_is_not_followed_and_the_address_is_told():
    with Answering(b"HTTP/1.1 301 Moved\r\nLocation: https://scanner.local/eSCL/\r\n\r\n") as device:
        with pytest.raises(ScannerFailure, match=r"sends us to “https://scanner\.local/eSCL/”") as caught:
            EsclScanner(device.url).scan()
        assert "edge.toml" in caught.value.remedy


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_device_that_drips_is_given_up_in_time_also_while_it_agrees_about_tls(scheme, monkeypatch):
    """A byte now and then keeps every single wait short."""
    with Answering(b"", hangs_up=False, drips=b"\x16" if scheme == "https" else b"H") as device:

        class OverWhenItDrips(threading.Timer):
            """On a busy machine half a second was over before the line stood."""

            def run(self) -> None:
                assert self.interval == 240.0
                device.dripping.wait()
                self.function(*self.args)

        monkeypatch.setattr(threading, "Timer", OverWhenItDrips)
        with pytest.raises(Silent):
            Web(device.url.replace("http:", f"{scheme}:")).ask("GET", "/ScannerStatus", 240.0)
        device.dripped.wait()


def test_an_answer_that_does_not_end_is_cut_off():
    with Answering(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n<", hangs_up=False) as device, pytest.raises(Silent):
        Web(device.url).ask("GET", "/ScannerStatus", 0.2)


@pytest.mark.parametrize("place", ["/etc/job", "http://evil.example/x", "/eSCL/../x", "", "/eSCL/ScanJobs/1\r\nX: y"])
def test_a_job_lies_in_the_devices_own_folder_or_nowhere(place):
    with pytest.raises(Silent):
        Web("http://127.0.0.1:1/eSCL").path_of(place)
    for there in ("http://printer.local:80/eSCL/ScanJobs/1", "/eSCL/ScanJobs/1/", "ScanJobs/1"):
        assert Web("http://127.0.0.1:1/eSCL").path_of(there) == "/eSCL/ScanJobs/1"
