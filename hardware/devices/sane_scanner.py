"""Every scanner that SANE knows, through its command `scanimage`: USB and network, feeder and glass.

Tried with: SANE's backends `test` and `pnm`, and sane-airscan 0.99.27 against our virtual eSCL scanner. A new model needs no code: its
name from `scanimage -L` goes into edge.toml.
"""

from __future__ import annotations

import shutil
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from hardware.complaint import Complaint
from hardware.devices import sane_listing, sane_options
from hardware.devices.sane_options import Options
from hardware.devices.scanimage import NOT_INSTALLED, Broken, Run, ask
from hardware.glance import Glance
from hardware.scanner import Mode, Scan, ScannerFailure, ScannerState, Source, closed, failed

SHEETS_MAX: Final = 300
SHEET_BYTES_MAX: Final = 400 * 1000 * 1000  # what capture lets in
START_SECONDS: Final = 60.0  # a lamp warms up, a sheet is pulled in
SILENCE_SECONDS: Final = 30.0
ASK_SECONDS: Final = 10.0  # to open it and show its options; no paper moves
NOT_OPENED: Final = 1
# The numbers of SANE_Status in sane.h, which are scanimage's exit codes once the device is open.
_STATES: Final = {
    3: ScannerState.BUSY,
    6: ScannerState.JAMMED,
    7: ScannerState.NO_PAPER,
    8: ScannerState.COVER_OPEN,
    11: ScannerState.DENIED,
}
# While it opens the device the code is 1 whatever happened, and a driver that hangs has none: only sane_strstatus() tells.
_WORDS: Final = {
    "Device busy": ScannerState.BUSY,
    "Document feeder jammed": ScannerState.JAMMED,
    "Document feeder out of documents": ScannerState.NO_PAPER,
    "Scanner cover is open": ScannerState.COVER_OPEN,
    "Access to resource has been denied": ScannerState.DENIED,
}


class SaneScanner:
    """`device`: a name from `scanimage -L`, or its beginning: then the first one that begins so. `options` go to scanimage as they are; `conf`
    stands in for the backend's own configuration file. A device that was plugged out and in again is found again with the next batch.
    `state` asks the device to show its options, in the background; a jam that a batch met is told until it is asked again."""

    def __init__(
        self,
        device: str,
        *,
        source: Source = "auto",
        mode: Mode = "color",
        dpi: int = 300,
        options: Sequence[str] = (),
        conf: str = "",
        start_seconds: float = START_SECONDS,
        silence_seconds: float = SILENCE_SECONDS,
        ask_seconds: float = ASK_SECONDS,
        fresh_seconds: float = 10.0,
    ) -> None:
        self._device = device
        self._source: Source = source
        self._mode: Mode = mode
        self._dpi = dpi
        self._options = list(options)
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._ask_seconds = ask_seconds
        self._folder = Path(tempfile.mkdtemp(prefix="kabine-sane-"))
        sane_listing.furnish(self._folder, device, conf)
        self._env = sane_listing.environment(self._folder)
        self._name: str | None = None
        self._known: dict[tuple[str, str | None], Options] = {}
        self._batches = 0
        self._delivered = 0
        self._using = threading.Lock()  # the device: one process at a time
        self._run: Run | None = None
        self._closed = False
        self._glance = Glance(self._look, ScannerState.UNREACHABLE, fresh_seconds=fresh_seconds)

    def state(self) -> ScannerState:
        """READY when it can be opened and its sensors, if it shows any, do not object."""
        if self._closed:
            return ScannerState.UNREACHABLE
        return ScannerState.READY if self._run is not None else self._glance.state()

    def scan(self) -> Iterator[Scan]:
        """One batch: what lies in the feeder, or the one sheet on the glass. The first sheet has been pulled in when this returns."""
        if self._closed:
            raise closed()
        if not self._using.acquire(timeout=self._ask_seconds):
            # Held by a question that is not answered, not by a sheet: waiting does not help whoever stands before it.
            raise failed(ScannerState.UNREACHABLE if self._run is None else ScannerState.BUSY)
        try:
            run = self._begun()
        except BaseException:
            self._using.release()
            raise
        sheets = self._sheets(run)
        next(sheets)  # a generator that was never begun would not let the device go either
        return sheets

    def complaint(self) -> Complaint | None:
        """What scanimage says when it is to open it."""
        if not self._using.acquire(timeout=self._ask_seconds):
            if self._run is not None:
                return None  # it scans
            return Complaint(f"it gave no answer within {self._ask_seconds:g} seconds")
        try:
            self._able(self._known_name())
        except Broken as broken:
            self._name = None
            remedy = "Run `apt-get install sane-utils`." if broken.code == NOT_INSTALLED else ""
            return Complaint(broken.said.rstrip(".") or f"scanimage ended with {broken.code}", remedy)
        finally:
            self._using.release()
        return None

    def close(self) -> None:
        """Also in the middle of a sheet, which then comes out unread."""
        self._closed = True
        if run := self._run:
            run.end()
        shutil.rmtree(self._folder, ignore_errors=True)

    def _sheets(self, run: Run) -> Iterator[Scan]:
        try:
            yield Scan("", b"")
            more = True
            while more:
                self._delivered += 1
                sheet = Scan(f"sheet-{self._delivered:04d}.tiff", run.read())
                self._glance.note(ScannerState.READY)
                yield sheet
                more = run.start()
        except Broken as broken:
            raise self._failure(broken) from broken
        except OSError as error:
            raise (closed() if self._closed else failed(ScannerState.UNREACHABLE, error.strerror or "")) from error
        finally:
            self._ended(run)
            self._using.release()

    def _begun(self) -> Run:
        """A run whose first sheet has been started. Raises ScannerFailure."""
        try:
            try:
                return self._start(self._known_name())
            except Broken as broken:
                if broken.code != NOT_OPENED or not self._lost():
                    raise
            return self._start(self._known_name())  # plugged in again, at another address
        except Broken as broken:
            raise self._failure(broken) from broken
        except OSError as error:
            raise failed(ScannerState.UNREACHABLE, f"its folder cannot be used ({error.strerror})") from error

    def _start(self, name: str) -> Run:
        able = self._known_options(name)
        places = sane_options.sources(able, self._source)
        for place in places:
            chosen = self._known_options(name, place) if place else able
            feeds = sane_options.is_feeder(place, chosen)
            try:
                return self._start_at(name, place, chosen, SHEETS_MAX if feeds else 1)
            except Broken as broken:
                # Nothing in the feeder: the sheet may lie on the glass.
                if _state(broken) is not ScannerState.NO_PAPER or place == places[-1]:
                    raise
        raise AssertionError("unreachable: there is always a place to try")

    def _start_at(self, name: str, place: str | None, able: Options, sheets_max: int) -> Run:
        self._batches += 1
        folder = self._folder / str(self._batches)
        folder.mkdir(mode=0o700)
        source = [f"--source={place}"] if place else []
        wishes = [*source, *sane_options.arguments(able, self._mode, self._dpi), *self._options]
        run = Run(
            [f"--device-name={name}", *wishes],
            self._env,
            folder,
            sheets_max=sheets_max,
            sheet_bytes_max=SHEET_BYTES_MAX,
            start_seconds=self._start_seconds,
            silence_seconds=self._silence_seconds,
        )
        self._run = run
        try:
            if self._closed:
                raise closed()
            run.start()
        except BaseException:
            self._ended(run)
            raise
        return run

    def _ended(self, run: Run) -> None:
        run.close()
        self._run = None
        shutil.rmtree(self._folder / str(self._batches), ignore_errors=True)

    def _known_options(self, name: str, place: str | None = None) -> Options:
        """Asked once: opening a device takes a second with some. Raises Broken."""
        if (name, place) not in self._known:
            self._known[name, place] = self._able(name, place)
        return self._known[name, place]

    def _able(self, name: str, place: str | None = None) -> Options:
        """What the device can do, with this source. Raises Broken."""
        source = [f"--source={place}"] if place else []
        answer = ask([f"--device-name={name}", *source, "--all-options"], self._env, self._ask_seconds)
        if answer.code:
            words = answer.complained.strip().splitlines()
            raise Broken(answer.code, words[-1].removeprefix("scanimage: ") if words else "")
        return sane_options.parse(answer.said)

    def _known_name(self) -> str:
        if self._name is None:
            self._name = sane_listing.find(self._device, self._env, self._ask_seconds)
        return self._name or self._device

    def _lost(self) -> bool:
        """The name is looked up again. Whether another one was found."""
        before, self._name = self._name, None
        self._known.clear()
        return self._known_name() not in (before, self._device)

    def _look(self) -> ScannerState:
        if not self._using.acquire(blocking=False):
            return ScannerState.READY  # it is scanning
        try:
            return sane_options.sensed(self._able(self._known_name()))
        except Broken as broken:
            self._name = None
            return _state(broken)
        finally:
            self._using.release()

    def _failure(self, broken: Broken) -> ScannerFailure:
        if self._closed:
            return closed()
        state = _state(broken)
        self._glance.note(state)
        if state is ScannerState.UNREACHABLE:
            self._name = None
            self._known.clear()
            if broken.code == NOT_INSTALLED:
                return ScannerFailure(state, f"The scanner cannot be asked: {broken.said}.", "Install sane-utils.")
            crashed = broken.code is not None and broken.code < 0
            return failed(state, f"its driver was ended by signal {-(broken.code or 0)}" if crashed else broken.said)
        return failed(state)


def _state(broken: Broken) -> ScannerState:
    spoken = next((state for words, state in _WORDS.items() if words in broken.said), ScannerState.UNREACHABLE)
    return _STATES.get(broken.code or 0, spoken)
