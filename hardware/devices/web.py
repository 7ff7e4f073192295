"""Bounded HTTP to a device on the cabin's own network: one connection a request, never elsewhere, never more bytes than wanted, never for ever."""

from __future__ import annotations

import contextlib
import http.client
import io
import re
import socket
import ssl
import threading
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

CONNECT_SECONDS: Final = 10.0
CHUNK_BYTES: Final = 1 << 16
WORDS_BYTES_MAX: Final = 64 * 1024
_TRUST: Final = (
    "If it is the device's own, whose fingerprint its display shows, save it beside edge.toml and name it as `certificate` in its table "
    "(docs/install-cabin.md says how)."
)
_PRINTABLE: Final = re.compile(r"[!-~]*")


class Silent(Exception):  # noqa: N818 - a noun, as everywhere here
    """No answer, or one that nobody should read. `remedy`: what to do, where that is more than looking at its cable."""

    def __init__(self, why: str, remedy: str = "") -> None:
        super().__init__(why)
        self.remedy = remedy


@dataclass(frozen=True)
class Answer:
    """`media`: the type without parameters, lower-case; `location`: where something new was made, empty if nowhere."""

    code: int
    media: str
    location: str
    body: bytes


class Web:
    """`url`: scheme, host, port and the path that all others begin with. Raises ValueError if it is none of http or https."""

    def __init__(self, url: str, certificate: Path | None = None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"“{url}” is no address of a device: http://host/path is wanted")
        self._host, self._port = parts.hostname, parts.port
        self._base = parts.path.rstrip("/")
        self._tls = parts.scheme == "https"
        self._certificate = certificate

    def ask(
        self,
        method: str,
        path: str,
        seconds: float,
        *,
        body: bytes | None = None,
        media: str = "text/xml",
        bytes_max: int = WORDS_BYTES_MAX,
    ) -> Answer:
        """One request, `path` below the base or one that `path_of` gave; `media`: the type of `body`. An answer of more than `bytes_max`, one that
        is not whole after `seconds`, and none at all raise Silent. Redirections are not followed, and raise it too."""
        try:
            tls = ssl.create_default_context(cafile=self._certificate) if self._tls else None
        except OSError as error:  # a certificate that is not there, or is none
            raise Silent(f"its certificate {self._certificate} cannot be read") from error
        try:
            line = socket.create_connection((self._host, self._address_port), min(seconds, CONNECT_SECONDS))
        except (OSError, ValueError) as error:
            raise Silent(_reason(error)) from error
        with contextlib.suppress(OSError):  # the body of a request waits for no acknowledgement of its head
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        # A socket's own time-out begins anew with every byte that trickles in, also while two agree about TLS. What is cut is a second name of the
        # line: TLS takes the first one over.
        end = line.dup()
        alarm = threading.Timer(seconds, _cut, (end,))
        alarm.daemon = True
        alarm.start()
        connection = self._connection()
        try:
            connection.sock = line if tls is None else self._secret(line, tls)
            connection.sock.settimeout(seconds)
            headers = {"Content-Type": media} if body is not None else {}
            target = path if path.startswith(f"{self._base}/") else self._base + path
            connection.request(method, target, body, headers)
            with connection.getresponse() as response:
                return _heard(response, bytes_max)
        except ssl.SSLCertVerificationError as error:
            raise Silent(f"its certificate is not trusted: {error.verify_message}", _TRUST) from error
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise Silent(_reason(error)) from error
        finally:
            alarm.cancel()
            connection.close()
            line.close()
            end.close()

    def path_of(self, location: str) -> str:
        """The path of a Location header, wherever that says the thing lies: devices behind other names know their own address wrongly, and
        none may send us elsewhere. Raises Silent if it is not below the base."""
        path = urlsplit(location).path.rstrip("/")
        if path and not path.startswith("/"):  # beside what was asked, which lies in the base
            path = f"{self._base}/{path}"
        if not path.startswith(f"{self._base}/") or ".." in path or not _PRINTABLE.fullmatch(path):
            raise Silent("it names a job outside its own folder")
        return path

    @property
    def _address_port(self) -> int:
        return self._port or (http.client.HTTPS_PORT if self._tls else http.client.HTTP_PORT)

    def _connection(self) -> http.client.HTTPConnection:
        """Not yet connected. Which class it is decides what the Host header says."""
        if self._tls:
            return http.client.HTTPSConnection(self._host, self._port)
        return http.client.HTTPConnection(self._host, self._port)

    def _secret(self, line: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
        # Such certificates name the device, not the address it has today; the very certificate is trusted instead.
        tls.check_hostname = self._certificate is None
        return tls.wrap_socket(line, server_hostname=self._host)


def _cut(line: socket.socket) -> None:
    with contextlib.suppress(OSError):
        line.shutdown(socket.SHUT_RDWR)


def _heard(response: http.client.HTTPResponse, bytes_max: int) -> Answer:
    """Raises Silent when it sends us elsewhere: whoever follows may end anywhere."""
    location = response.headers.get("Location", "")
    if response.status == HTTPStatus.UPGRADE_REQUIRED:
        raise Silent("it wants to be asked in secret", "Write https:// (a printer: ipps://) into its url in edge.toml.")
    if 300 <= response.status < 400:
        where = "".join(each for each in location[:120] if each.isprintable())
        raise Silent(
            f"it sends us to “{where}”", "If that is the device itself, write this address as its url in edge.toml."
        )
    return Answer(response.status, response.headers.get_content_type(), location, _read(response, bytes_max))


def _read(response: http.client.HTTPResponse, bytes_max: int) -> bytes:
    heard = io.BytesIO()  # gives its bytes away without a copy: of a large sheet that would hold up the whole node
    while chunk := response.read1(CHUNK_BYTES):
        heard.write(chunk)
        if heard.tell() > bytes_max:
            raise Silent(f"its answer has more than {bytes_max} bytes")
    if response.length:  # read1() does not complain of a body that was cut
        raise Silent("its answer was cut")
    return heard.getvalue()


def _reason(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return (error.strerror or str(error)).lower()
    return f"no HTTP ({type(error).__name__})"
