"""One run of `scanimage`, SANE's command: a sheet is started when it is asked for and comes through a FIFO, so that no paper ever lies on a disk.

scanimage writes each sheet to `N.tiff.part` and renames it when it is whole; both names are FIFOs here. It waits for a line before each
sheet (`--batch-prompt`): nothing is pulled in that nobody asked for. A backend that crashes, hangs or babbles takes this process down, not
the cabin. Tried with scanimage 1.1.1 (sane-utils 1.2.1) and 1.2.1; exit codes are SANE's status codes (sane.h).
"""

from __future__ import annotations

import contextlib
import io
import os
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple

READ_BYTES: Final = 1 << 20
WORDS_BYTES_MAX: Final = 2000  # of what it says on stderr, the end is kept
END_SECONDS: Final = 5.0  # after SIGTERM it may move the lamp home
SILENT_END_SECONDS: Final = 0.5  # one that has fallen silent has had its time


class Broken(Exception):  # noqa: N818 - a noun, as everywhere here
    """It ended or was ended without a whole sheet. `code`: SANE's status, negative if a signal ended it, None if it fell silent."""

    def __init__(self, code: int | None, said: str) -> None:
        super().__init__(said)
        self.code = code
        self.said = said


NOT_INSTALLED: Final = 127


class Answer(NamedTuple):
    """What scanimage said when it was asked something, and the code it ended with."""

    code: int
    said: str
    complained: str


def ask(question: Sequence[str], env: Mapping[str, str], seconds: float) -> Answer:
    """A question that is answered without touching paper. One that gets no answer within `seconds` is ended by force, with all that its driver has
    started: nothing moves that would have to be put in its place. Raises Broken, with the code None or NOT_INSTALLED."""
    try:
        process = subprocess.Popen(
            [*_guarded("KILL"), "scanimage", *question],
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except OSError as error:
        raise _not_installed() from error
    with process:
        try:
            said, complained = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired as error:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            raise Broken(None, f"it gave no answer within {seconds:g} seconds") from error
    if process.returncode == NOT_INSTALLED:
        raise _not_installed()
    return Answer(process.returncode, said.decode(errors="replace"), complained.decode(errors="replace"))


def _not_installed() -> Broken:
    return Broken(NOT_INSTALLED, "scanimage is not installed (Debian package sane-utils)")


def _guarded(signal_name: str) -> list[str]:
    """What goes before it, so that it gets this signal when the thread that started it has ended."""
    return ["setpriv", "--pdeathsig", signal_name] if shutil.which("setpriv") else []


class Run:
    """`options` are scanimage's; the FIFOs stand in `folder`, which belongs to this run alone. Raises Broken(127) if scanimage is missing.
    Used by one thread at a time; `end` may be called by any. The thread that made it must outlive it (prctl(2), PR_SET_PDEATHSIG)."""

    def __init__(
        self,
        options: Sequence[str],
        env: Mapping[str, str],
        folder: Path,
        *,
        sheets_max: int,
        sheet_bytes_max: int,
        start_seconds: float,
        silence_seconds: float,
    ) -> None:
        self._folder = folder
        self._sheet_bytes_max = sheet_bytes_max
        self._start_seconds = start_seconds
        self._silence_seconds = silence_seconds
        self._sheet = 0
        self._fifo: int | None = None
        self._words = b""
        self._complained_at: float | None = None
        if shutil.which("scanimage", path=env.get("PATH")) is None:
            raise _not_installed()
        batch = [f"--batch={folder}/%d.tiff", f"--batch-count={sheets_max}", "--batch-prompt", "--format=tiff"]
        # Nobody would read from the FIFOs if this process died: then scanimage ends too.
        try:
            self._process = subprocess.Popen(
                [*_guarded("TERM"), "scanimage", *options, *batch],
                env=dict(env),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,  # drivers have children of their own
            )
        except OSError as error:
            raise Broken(NOT_INSTALLED, f"scanimage cannot be started: {error.strerror}") from error

    def start(self) -> bool:
        """Have the next sheet begun. False: there is none. Raises Broken."""
        self._sheet += 1
        part = self._folder / f"{self._sheet}.tiff.part"
        os.mkfifo(part, 0o600)
        self._fifo = os.open(part, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # it has ended: its code says why
            self._process.stdin.write(b"\n")
            self._process.stdin.flush()
        if self._wait(self._start_seconds):
            return True
        code = self._code()
        if self._sheet > 1 and code in (0, 7):  # the feeder is empty after at least one sheet
            return False
        raise Broken(code, self._said())

    def read(self) -> bytes:
        """The whole sheet that was started, a TIFF file. Raises Broken; then there is nothing of it."""
        assert self._fifo is not None
        sheet = io.BytesIO()  # gives its bytes away without a copy: of a large sheet that would hold up the whole node
        while self._wait(self._silence_seconds):
            chunk = os.read(self._fifo, READ_BYTES)
            if not chunk:
                break
            sheet.write(chunk)
            if sheet.tell() > self._sheet_bytes_max:
                self.end()
                raise Broken(None, f"a sheet of more than {self._sheet_bytes_max} bytes")
        whole = self._folder / f"{self._sheet}.tiff"
        os.close(self._fifo)
        self._fifo = None
        # Closed is not whole: only what it has renamed is.
        deadline = time.monotonic() + self._silence_seconds
        while not whole.exists():
            if not self._hear(deadline) and not whole.exists():
                raise Broken(self._code(), self._said())
        whole.unlink()
        return sheet.getvalue()

    def end(self, seconds: float = END_SECONDS) -> None:
        """Let the device go, within `seconds` or by force; from any thread, more than once."""
        process = self._process
        with contextlib.suppress(OSError, ValueError):
            assert process.stdin is not None
            process.stdin.close()
        process.terminate()
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            with contextlib.suppress(
                subprocess.TimeoutExpired
            ):  # held by the kernel, which waits for the device: it ends when that does
                process.wait(END_SECONDS)

    def close(self) -> None:
        """As `end`, and put everything away; by the thread that used it."""
        if self._fifo is not None and self._process.poll() is None:
            self._process.terminate()
            self._drain(END_SECONDS)
        self.end()
        if self._fifo is not None:
            os.close(self._fifo)
            self._fifo = None
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _drain(self, seconds: float) -> None:
        """Let it get rid of what it is writing: otherwise it would not hear that it is to end."""
        deadline = time.monotonic() + seconds
        with contextlib.suppress(Broken):
            assert self._fifo is not None
            while self._wait(max(0.0, deadline - time.monotonic())) and os.read(self._fifo, READ_BYTES):
                pass

    def _wait(self, seconds: float) -> bool:
        """Until there is something to read in the FIFO, or its end. False when scanimage ended instead. Raises Broken after `seconds`."""
        assert self._fifo is not None
        deadline = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._fifo, selectors.EVENT_READ)
            assert self._process.stderr is not None
            selector.register(self._process.stderr, selectors.EVENT_READ)
            while True:
                ready = [key.fileobj for key, _ in selector.select(self._left(deadline))]
                if self._fifo in ready:
                    return True
                if not ready:
                    self.end(SILENT_END_SECONDS)
                    raise Broken(None, self._said() or f"nothing came for {seconds:.0f} seconds")
                if not self._listen():
                    return False

    def _hear(self, deadline: float) -> bool:
        """Wait until it says something. False when it has ended, or was ended because it stayed silent."""
        with selectors.DefaultSelector() as selector:
            assert self._process.stderr is not None
            selector.register(self._process.stderr, selectors.EVENT_READ)
            if selector.select(self._left(deadline)):
                return self._listen()
        self.end(SILENT_END_SECONDS)
        return False

    def _left(self, deadline: float) -> float:
        """How long to wait still, in seconds. Drivers have been seen to name the trouble and then to wait for their own child for ever."""
        now = time.monotonic()
        if self._complaint() and self._complained_at is None:
            self._complained_at = now
        if self._complained_at is not None:
            deadline = min(deadline, self._complained_at + END_SECONDS)
        return max(0.0, deadline - now)

    def _listen(self) -> bool:
        assert self._process.stderr is not None
        words = os.read(self._process.stderr.fileno(), READ_BYTES)
        self._words = (self._words + words)[-WORDS_BYTES_MAX:]
        return bool(words)

    def _code(self) -> int | None:
        """Its exit code; it has closed stderr or was ended."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.end()
            return None

    def _said(self) -> str:
        """The last thing that scanimage remarked."""
        lines = [line for line in self._words.decode(errors="replace").splitlines() if line.startswith("scanimage: ")]
        return lines[-1].removeprefix("scanimage: ") if lines else ""

    def _complaint(self) -> bool:
        """Whether a call of the driver has failed: then nothing more comes."""
        return self._said().startswith("sane_")
