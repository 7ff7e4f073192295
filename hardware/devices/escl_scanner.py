"""Network scanners that speak eSCL (AirScan), the driverless standard: nearly every multifunction device sold since 2014.

Tried with: our virtual scanner (hardware/simulated/escl.py), from which the real sane-airscan 0.99.27 scans too. Vendor's document: Mopria
Alliance, eSCL Technical Specification 2.97.

A job is five requests: ScannerCapabilities and ScannerStatus, POST ScanJobs, NextDocument until 404, DELETE. Only what the capabilities
name is asked for: real devices hang when they are asked for both sides and have a feeder for one.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Final

from hardware.complaint import Complaint
from hardware.devices import escl_words
from hardware.devices.escl_words import Abilities, Garbled
from hardware.devices.web import Answer, Silent, Web
from hardware.glance import Glance
from hardware.scanner import Mode, Scan, ScannerFailure, ScannerState, Source, closed, failed

SHEETS_MAX: Final = 300
SHEET_BYTES_MAX: Final = 400 * 1000 * 1000  # what capture lets in
ASK_SECONDS: Final = 5.0
SHEET_SECONDS: Final = 120.0
BUSY_SECONDS: Final = 20.0  # a device that has just finished says for a while that it is busy
AGAIN_SECONDS: Final = 0.5
_RESTART: Final = "Switch it off and on; if that does not help, compare its url in edge.toml with its own settings."
_ENDINGS: Final = {"image/jpeg": "jpg", "application/pdf": "pdf"}


class EsclScanner:
    """`url`: as in http://192.168.1.20/eSCL. `certificate`: PEM file with the device's own certificate, when it speaks https and no authority
    vouches for it. A device that was away works again as soon as it is there."""

    def __init__(
        self,
        url: str,
        *,
        source: Source = "auto",
        mode: Mode = "color",
        dpi: int = 300,
        certificate: Path | None = None,
        ask_seconds: float = ASK_SECONDS,
        busy_seconds: float = BUSY_SECONDS,
        sheet_seconds: float = SHEET_SECONDS,
        fresh_seconds: float = 3.0,
    ) -> None:
        self._web = Web(url if "/eSCL" in url else f"{url.rstrip('/')}/eSCL", certificate)
        self._source: Source = source
        self._mode: Mode = mode
        self._dpi = dpi
        self._ask_seconds = ask_seconds
        self._busy_seconds = busy_seconds
        self._sheet_seconds = sheet_seconds
        self._able: Abilities | None = None
        self._delivered = 0
        self._using = threading.Lock()
        self._gone = threading.Event()
        self._glance = Glance(self._look, ScannerState.UNREACHABLE, fresh_seconds=fresh_seconds)

    def state(self) -> ScannerState:
        """What the device says of itself."""
        if self._gone.is_set():
            return ScannerState.UNREACHABLE
        return ScannerState.READY if self._using.locked() else self._glance.state()

    def scan(self) -> Iterator[Scan]:
        """One batch: what lies in the feeder, or the one sheet on the glass. A sheet on whose way the line breaks has to be scanned again."""
        if self._gone.is_set():
            raise closed()
        if not self._using.acquire(timeout=self._ask_seconds):
            raise failed(ScannerState.BUSY)
        try:
            with self._told():
                job, from_feeder = self._begun()
        except BaseException:
            self._using.release()
            raise
        sheets = self._sheets(job, SHEETS_MAX if from_feeder else 1)
        next(sheets)  # a generator that was never begun would not end the job either
        return sheets

    def complaint(self) -> Complaint | None:
        """What it answers, or that it does not."""
        try:
            self._able = None
            self._abilities()
            self._status()
        except Silent as silent:
            return Complaint(str(silent), silent.remedy)
        except Garbled as garbled:
            return Complaint(f"it says {garbled}", "Check that url in edge.toml is the scanner's and ends in /eSCL.")
        return None

    def close(self) -> None:
        """Also in the middle of a batch, whose job is then withdrawn."""
        self._gone.set()

    def _begun(self) -> tuple[str, bool]:
        """Path of a job that has been ordered, and whether it takes sheets from the feeder. Raises Silent, Garbled, ScannerFailure."""
        now = self._idle()
        able = self._abilities()
        feeder = self._from_feeder(able, now)
        wanted = escl_words.wish(able, feeder=feeder, source=self._source, mode=self._mode, dpi=self._dpi)
        order = escl_words.settings(wanted, able.version)
        deadline = time.monotonic() + self._busy_seconds
        while True:
            answer = self._web.ask("POST", "/ScanJobs", self._ask_seconds, body=order)
            if answer.code == HTTPStatus.CREATED and answer.location:
                return self._web.path_of(answer.location), feeder
            if answer.code != HTTPStatus.SERVICE_UNAVAILABLE or time.monotonic() > deadline:
                raise self._refused(answer, feeder)
            self._wait()

    def _idle(self) -> escl_words.Status:
        """How it is, once it is no longer busy. Raises ScannerFailure unless it is READY."""
        deadline = time.monotonic() + self._busy_seconds
        while True:
            now = self._status()
            if now.state is ScannerState.READY:
                return now
            if now.state is not ScannerState.BUSY or time.monotonic() > deadline:
                raise failed(now.state)
            self._wait()

    def _from_feeder(self, able: Abilities, now: escl_words.Status) -> bool:
        """Where the paper lies. Raises ScannerFailure(NO_PAPER)."""
        has_feeder = able.feeder is not None or able.duplex is not None
        if self._source == "flatbed" or not has_feeder:
            if able.platen is None:
                raise failed(ScannerState.UNREACHABLE, "it has no glass to lay paper on")
            return False
        if now.loaded is False or (now.loaded is None and self._source == "auto" and able.platen is not None):
            if self._source == "auto" and able.platen is not None:
                return False
            raise failed(ScannerState.NO_PAPER)
        return True

    def _sheets(self, job: str, sheets_max: int) -> Iterator[Scan]:
        # The glass holds one sheet and is not asked for another: some devices scan it again, others answer with anything but 404.
        ended = False
        try:
            yield Scan("", b"")
            with self._told():
                for number in range(1, sheets_max + 1):
                    answer = self._next(job, number)
                    if answer is None:
                        ended = True
                        if number == 1:
                            raise failed(ScannerState.NO_PAPER)
                        break
                    self._delivered += 1
                    self._glance.note(ScannerState.READY)
                    ending = _ENDINGS.get(answer.media, "jpg")
                    yield Scan(f"sheet-{self._delivered:04d}.{ending}", answer.body)
        finally:
            self._withdraw(job, ended)
            self._using.release()

    def _next(self, job: str, number: int) -> Answer | None:
        """The next sheet, of so high a number; None after the last. Raises Silent, Garbled, ScannerFailure."""
        deadline = time.monotonic() + self._sheet_seconds
        while True:
            answer = self._web.ask("GET", f"{job}/NextDocument", self._sheet_seconds, bytes_max=SHEET_BYTES_MAX)
            if answer.code == HTTPStatus.OK and answer.body:
                return answer
            if self._gone.is_set():
                raise closed()
            # “No more”, “not yet” and “stuck” have the same few codes; the status tells them apart.
            now = self._status()
            if now.state not in (ScannerState.READY, ScannerState.BUSY):
                raise failed(now.state)
            nothing = answer.code in (HTTPStatus.NOT_FOUND, HTTPStatus.GONE)
            if nothing and number == 1 and now.state is ScannerState.BUSY:
                later = True  # asked before the first sheet was pulled in
            elif nothing:
                return None
            else:
                later = answer.code == HTTPStatus.SERVICE_UNAVAILABLE
                if not later and number > 1 and now == escl_words.Status(ScannerState.READY, loaded=False):
                    return None  # in a code of its own
            if not later or time.monotonic() > deadline:
                raise _odd(f"it answers {answer.code} instead of a sheet")
            self._wait()

    def _withdraw(self, job: str, ended: bool) -> None:
        if ended:
            return
        try:
            self._web.ask("DELETE", job, self._ask_seconds)
        except Silent:
            pass  # it is away; its jobs end by themselves

    def _wait(self) -> None:
        if self._gone.wait(AGAIN_SECONDS):
            raise closed()

    def _look(self) -> ScannerState:
        try:
            now = self._status()
            if now.state is ScannerState.READY:
                self._from_feeder(self._abilities(), now)
            return now.state
        except (Silent, Garbled):
            self._able = None
            return ScannerState.UNREACHABLE
        except ScannerFailure as failure:
            return failure.state

    def _abilities(self) -> Abilities:
        if self._able is None:
            self._able = escl_words.abilities(_body(self._page("/ScannerCapabilities"), "/ScannerCapabilities"))
        return self._able

    def _status(self) -> escl_words.Status:
        answer = self._page("/ScannerStatus")
        if answer.code == HTTPStatus.SERVICE_UNAVAILABLE:  # some say so while they wake up, or speak with somebody else
            return escl_words.Status(ScannerState.BUSY, loaded=None)
        return escl_words.status(_body(answer, "/ScannerStatus"))

    def _page(self, path: str) -> Answer:
        return self._web.ask("GET", path, self._ask_seconds, bytes_max=escl_words.XML_BYTES_MAX)

    def _refused(self, answer: Answer, feeder: bool) -> ScannerFailure:
        """Why it takes no job."""
        if answer.code == HTTPStatus.SERVICE_UNAVAILABLE:
            return failed(ScannerState.BUSY)
        if answer.code == HTTPStatus.CONFLICT and feeder:
            return failed(ScannerState.NO_PAPER)
        if answer.code in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return failed(ScannerState.DENIED)
        return _odd(f"it answers {answer.code} to a scan job")

    @contextlib.contextmanager
    def _told(self) -> Iterator[None]:
        """Every trouble as a failure of the port, and remembered."""
        try:
            yield
        except (Silent, Garbled) as trouble:
            self._able = None
            failure = failed(ScannerState.UNREACHABLE, str(trouble))
            if isinstance(trouble, Silent) and trouble.remedy:
                failure.remedy = trouble.remedy
            raise self._noted(failure) from trouble
        except ScannerFailure as failure:
            raise self._noted(failure) from None

    def _noted(self, failure: ScannerFailure) -> ScannerFailure:
        if self._gone.is_set():
            return closed()
        self._glance.note(failure.state)
        return failure


def _body(answer: Answer, path: str) -> bytes:
    if answer.code != HTTPStatus.OK:
        raise Silent(f"it answers {answer.code} to {path}", _RESTART)
    return answer.body


def _odd(what: str) -> ScannerFailure:
    """It answers, and nothing that can be understood: its cable is not to blame."""
    failure = failed(ScannerState.UNREACHABLE, what)
    failure.remedy = _RESTART
    return failure
