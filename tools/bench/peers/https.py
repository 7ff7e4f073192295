"""HTTPS uploads with ranges, four at a time: what somebody would build in an afternoon. Every file is fsynced before it is answered.

The server is `python -m tools.bench.peers.https PORT FOLDER CERTIFICATE [HOST]`, threads over the standard library; a range is written
where it belongs.
"""

from __future__ import annotations

import http.client
import os
import ssl
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from protocol.errors import Mistake
from tools.bench.peers.peer import SILENCE_SECONDS, Load, daemon
from tools.rig import free_port

AT_A_TIME: Final = 4
_PIECE_BYTES: Final = 1024 * 1024


class Https:
    """One PUT for each file, over four connections that stay open."""

    name = "HTTPS, 4 at a time"

    def missing(self) -> str:
        """It is all here."""
        return ""

    def carry(self, load: Load, scratch: Path) -> float:
        """The files of the load."""
        if load.folder is None:
            raise Mistake("HTTPS carries files.")
        into, port, pem = scratch / "uploads", free_port(), scratch / "https.pem"
        into.mkdir()
        pem.write_bytes(certificate())
        files = sorted(load.folder.iterdir())
        server = [sys.executable, "-m", "tools.bench.peers.https", str(port), str(into), str(pem)]
        with daemon(server, port, scratch / "https.log"):
            context = ssl.create_default_context(cafile=str(pem))
            began = time.perf_counter()
            with ThreadPoolExecutor(AT_A_TIME) as pool:
                uploads = [pool.submit(_upload, port, context, files[first::AT_A_TIME]) for first in range(AT_A_TIME)]
                for upload in uploads:
                    upload.result()
            return time.perf_counter() - began


def _upload(port: int, context: ssl.SSLContext, files: list[Path]) -> None:
    connection = http.client.HTTPSConnection("localhost", port, timeout=SILENCE_SECONDS, context=context)
    for file in files:
        data = file.read_bytes()
        span = f"bytes 0-{len(data) - 1}/{len(data)}"
        connection.request("PUT", f"/{file.name}", data, {"Content-Range": span})
        response = connection.getresponse()
        response.read()
        if response.status != 201:
            raise Mistake(f"The upload of {file.name} was answered {response.status}.")
    connection.close()


class _Uploads(BaseHTTPRequestHandler):
    """PUT with a Content-Range appends where the range begins; the last one is answered when file and folder are durable."""

    protocol_version = "HTTP/1.1"
    folder: Path

    def do_PUT(self) -> None:
        """One range."""
        start, total = self._span()
        left = int(self.headers["Content-Length"])
        path = self.folder / Path(self.path).name
        target = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        try:
            while left:
                piece = self.rfile.read(min(left, _PIECE_BYTES))
                if not piece:
                    return
                start += os.pwrite(target, piece, start)
                left -= len(piece)
            os.fsync(target)
        finally:
            os.close(target)
        if start == total:
            folder = os.open(self.folder, os.O_RDONLY | os.O_DIRECTORY)
            os.fsync(folder)
            os.close(folder)
        self.send_response(201 if start == total else 202)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _span(self) -> tuple[int, int]:
        first, _, total = self.headers["Content-Range"].removeprefix("bytes ").partition("/")
        return int(first.partition("-")[0]), int(total)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads it."""


def certificate() -> bytes:
    """Key and certificate of this machine for itself, valid for a day."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(encoding)


def main() -> None:
    """The server."""
    port, folder, pem, *host = sys.argv[1:]
    _Uploads.folder = Path(folder)
    server = ThreadingHTTPServer((host[0] if host else "127.0.0.1", int(port)), _Uploads)
    server.daemon_threads = True
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
