"""A network scanner without hardware: speaks eSCL to any client, ours and sane-airscan, over drawn paper, and misbehaves when it is told to.

    kabine scanner virtual --port 8081 --stage stage

Written after Mopria Alliance, eSCL Technical Specification 2.97. Heeds the flags of `pile.Pile`; while `unplugged` it hangs up on everybody.
"""

from __future__ import annotations

import itertools
import re
import ssl
import sys
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final

from defusedxml.ElementTree import fromstring
from PIL import Image

from hardware.scanner import ScannerFailure, ScannerState
from hardware.simulated.pile import Pile, encode
from hardware.simulated.stage import Stage

ORDER_BYTES_MAX: Final = 64 * 1024
JOBS_MAX: Final = 20
RESOLUTIONS: Final = (75, 100, 150, 200, 300, 600)
_SCAN: Final = "http://schemas.hp.com/imaging/escl/2011/05/03"
_PWG: Final = "http://www.pwg.org/schemas/2010/12/sm"
_JOB: Final = re.compile(r"/eSCL/ScanJobs/(job-[0-9]+)(/NextDocument)?")
_FEEDER_STATES: Final = {
    ScannerState.READY: "ScannerAdfLoaded",
    ScannerState.NO_PAPER: "ScannerAdfEmpty",
    ScannerState.JAMMED: "ScannerAdfJam",
    ScannerState.COVER_OPEN: "ScannerAdfHatchOpen",
}


class VirtualEscl:
    """Listens on 127.0.0.1 from the start, on `port` or a free one; `url` is where. `feeder` and `platen`: what it has. Each batch of the feeder
    has `pages` drawn pages, then other ones; on the glass lies one drawn sheet a job. `duplex`: the feeder turns sheets over. `tls`: it speaks https.
    `seen` are the jobs that were ordered, in words."""

    def __init__(
        self,
        seed: int = 1,
        *,
        pages: int = 3,
        feeder: bool = True,
        platen: bool = True,
        duplex: bool = False,
        tls: ssl.SSLContext | None = None,
        stage: Stage | None = None,
        port: int = 0,
    ) -> None:
        self.pile = Pile(seed, pages=pages, dpi=300, stage=stage)
        self.has = [name for name, there in (("Feeder", feeder), ("Platen", platen)) if there]
        self._duplex = duplex
        self.seen: list[dict[str, str]] = []
        self._numbers = itertools.count(1)
        self._jobs: dict[str, dict[str, str]] = {}
        self._turn = threading.Lock()
        self._server = _Server(("127.0.0.1", port), _handler(self))
        if tls is not None:
            self._server.socket = tls.wrap_socket(self._server.socket, server_side=True)
        self.url = f"http{'s' if tls else ''}://127.0.0.1:{self._server.server_address[1]}/eSCL"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Twice is no error."""
        self.pile.drop()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def wait(self) -> None:
        """Until it is closed."""
        self._thread.join()

    def status(self) -> str:
        """ScannerStatus (§ 9.1)."""
        state = self.pile.state(refilled=not self._jobs)
        device = "Processing" if state is ScannerState.BUSY else "Idle"
        feeder = _FEEDER_STATES.get(state, "ScannerAdfProcessing")
        there = f"<scan:AdfState>{feeder}</scan:AdfState>" if "Feeder" in self.has else ""
        return _document("ScannerStatus", f"<pwg:Version>2.63</pwg:Version><pwg:State>{device}</pwg:State>{there}")

    def capabilities(self) -> str:
        """ScannerCapabilities (§ 8.1)."""
        resolutions = "".join(
            "<scan:DiscreteResolution>"
            f"<scan:XResolution>{dpi}</scan:XResolution><scan:YResolution>{dpi}</scan:YResolution>"
            "</scan:DiscreteResolution>"
            for dpi in RESOLUTIONS
        )
        caps = (
            "<scan:MinWidth>300</scan:MinWidth><scan:MaxWidth>2550</scan:MaxWidth>"
            "<scan:MinHeight>300</scan:MinHeight><scan:MaxHeight>3508</scan:MaxHeight>"
            "<scan:MaxScanRegions>1</scan:MaxScanRegions><scan:SettingProfiles><scan:SettingProfile>"
            "<scan:ColorModes><scan:ColorMode>Grayscale8</scan:ColorMode><scan:ColorMode>RGB24</scan:ColorMode></scan:ColorModes>"
            "<scan:DocumentFormats><pwg:DocumentFormat>image/jpeg</pwg:DocumentFormat>"
            "<scan:DocumentFormatExt>image/jpeg</scan:DocumentFormatExt></scan:DocumentFormats>"
            f"<scan:SupportedResolutions><scan:DiscreteResolutions>{resolutions}</scan:DiscreteResolutions></scan:SupportedResolutions>"
            "</scan:SettingProfile></scan:SettingProfiles>"
            "<scan:SupportedIntents><scan:Intent>Document</scan:Intent></scan:SupportedIntents>"
        )
        platen = f"<scan:Platen><scan:PlatenInputCaps>{caps}</scan:PlatenInputCaps></scan:Platen>"
        feeder = (
            f"<scan:Adf><scan:AdfSimplexInputCaps>{caps}</scan:AdfSimplexInputCaps>"
            f"{f'<scan:AdfDuplexInputCaps>{caps}</scan:AdfDuplexInputCaps>' if self._duplex else ''}"
            "<scan:FeederCapacity>50</scan:FeederCapacity>"
            "<scan:AdfOptions><scan:AdfOption>DetectPaperLoaded</scan:AdfOption></scan:AdfOptions></scan:Adf>"
        )
        return _document(
            "ScannerCapabilities",
            "<pwg:Version>2.63</pwg:Version><pwg:MakeAndModel>Kabine Virtual Scanner</pwg:MakeAndModel>"
            "<pwg:SerialNumber>0</pwg:SerialNumber><scan:UUID>4b616269-6e65-4000-8000-000000000000</scan:UUID>"
            f"{platen if 'Platen' in self.has else ''}{feeder if 'Feeder' in self.has else ''}",
        )

    def order(self, xml: bytes) -> tuple[HTTPStatus, str]:
        """A new job (§ 8.2): its name, or why there is none."""
        with self._turn:
            wish = {
                element.tag.rpartition("}")[2]: (element.text or "").strip()
                for element in fromstring(xml, forbid_dtd=True).iter()
            }
            if wish.get("InputSource") not in self.has or (wish.get("Duplex") == "true" and not self._duplex):
                return HTTPStatus.CONFLICT, ""
            if not wish.get("XResolution", "").isdecimal() or int(wish["XResolution"]) not in RESOLUTIONS:
                return HTTPStatus.CONFLICT, ""
            state = self.pile.state(refilled=True)
            if state is ScannerState.BUSY or len(self._jobs) >= JOBS_MAX:
                return HTTPStatus.SERVICE_UNAVAILABLE, ""
            if state is not ScannerState.READY and wish["InputSource"] == "Feeder":
                return HTTPStatus.CONFLICT, ""
            self.pile.refill()
            name = f"job-{next(self._numbers)}"
            self._jobs[name] = wish
            self.seen.append(wish)
            return HTTPStatus.CREATED, name

    def next_sheet(self, job: str) -> tuple[HTTPStatus, bytes]:
        """The next document of a job (§ 9.3), a JPEG; the job ends with its last one."""
        with self._turn:
            wish = self._jobs.get(job)
            if wish is None:
                return HTTPStatus.NOT_FOUND, b""
            dpi, grey = int(wish["XResolution"]), wish.get("ColorMode") == "Grayscale8"
            try:
                image = self.pile.lift(dpi=dpi, grey=grey).image
            except ScannerFailure as failure:
                if failure.state is not ScannerState.NO_PAPER:
                    return HTTPStatus.SERVICE_UNAVAILABLE, b""
                self.cancel(job)
                if wish["InputSource"] == "Feeder":
                    return HTTPStatus.NOT_FOUND, b""
                image = encode(Image.new("L", (dpi * 8, dpi * 11), 250), dpi)  # the lid above an empty glass
            if wish["InputSource"] == "Platen":
                self.cancel(job)
            return HTTPStatus.OK, image

    def cancel(self, job: str) -> None:
        """DELETE, or the end."""
        self._jobs.pop(job, None)


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever hangs up in the middle is no news to whoever has it on their terminal."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _document(name: str, body: str) -> str:
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<scan:{name} xmlns:scan="{_SCAN}" xmlns:pwg="{_PWG}">{body}</scan:{name}>\n'


def _handler(scanner: VirtualEscl) -> type[BaseHTTPRequestHandler]:
    class Requests(BaseHTTPRequestHandler):
        """One connection."""

        protocol_version = "HTTP/1.1"
        timeout = 30

        def do_GET(self) -> None:
            if self._hangs_up():
                return
            match = _JOB.fullmatch(self.path)
            if self.path == "/eSCL/ScannerCapabilities":
                self._answer(HTTPStatus.OK, scanner.capabilities().encode())
            elif self.path == "/eSCL/ScannerStatus":
                self._answer(HTTPStatus.OK, scanner.status().encode())
            elif match and match[2]:
                code, image = scanner.next_sheet(match[1])
                if not self._hangs_up():
                    self._answer(code, image, "image/jpeg")
            else:
                self._answer(HTTPStatus.NOT_FOUND, b"")

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            if self._hangs_up() or not length.isdecimal() or int(length) > ORDER_BYTES_MAX:
                self.close_connection = True
                return
            try:
                code, job = scanner.order(self.rfile.read(int(length)))
            except ValueError:  # no XML, or a hostile one
                code, job = HTTPStatus.BAD_REQUEST, ""
            if self.path != "/eSCL/ScanJobs":
                code, job = HTTPStatus.NOT_FOUND, ""
            self._answer(code, b"", location=f"{scanner.url}/ScanJobs/{job}" if job else "")

        def do_DELETE(self) -> None:
            match = _JOB.fullmatch(self.path)
            if match:
                scanner.cancel(match[1])
            self._answer(HTTPStatus.OK if match else HTTPStatus.NOT_FOUND, b"")

        def log_message(self, format: str, *args: Any) -> None:
            """Says nothing."""

        def _hangs_up(self) -> bool:
            unplugged = scanner.pile.state(refilled=True) is ScannerState.UNREACHABLE
            self.close_connection = self.close_connection or unplugged
            return unplugged

        def _answer(self, code: HTTPStatus, body: bytes, media: str = "text/xml", location: str = "") -> None:
            self.send_response(code)
            self.send_header("Content-Type", media)
            self.send_header("Content-Length", str(len(body)))
            if location:
                self.send_header("Location", location)
            self.end_headers()
            self.wfile.write(body)

    return Requests
