"""One question to a printer and its answer: IPP in a POST of HTTP. RFC 8010, section 4."""

from __future__ import annotations

import http.client
import ssl
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hardware.devices import ipp
from hardware.devices.ipp import Answer, Attribute, Group, Malformed, Operation, Tag
from hardware.printer import PrinterFailure, PrinterState

PORT: Final = 631
ANSWER_BYTES_MAX: Final = 1024 * 1024
WHO: Final = "kabine"  # never who stands in the cabin


class IppWire:
    """The printer at `url`. Every question is a connection of its own, so that a printer that was switched off and on is no special case."""

    def __init__(self, url: str, *, certificate: Path | None = None, answer_seconds: float = 10.0) -> None:
        parts = urlsplit(url)
        self._tls = parts.scheme == "ipps"
        self._host, self._port = parts.hostname or "", parts.port or PORT
        self._path = parts.path or "/ipp/print"
        self._uri = f"{parts.scheme}://{parts.netloc}{self._path}"
        self._certificate = certificate
        self._answer_seconds = answer_seconds

    def ask(
        self,
        operation: Operation,
        number: int,
        job: int | None,
        attributes: Iterable[Attribute],
        document: bytes = b"",
    ) -> Answer:
        """What the printer answers. The attributes that every request begins with are put before yours (RFC 8011, section 4.1.4). Raises
        PrinterFailure(UNREACHABLE); then it is not known whether the printer has heard."""
        first: list[Attribute] = [
            (Group.OPERATION, Tag.CHARSET, "attributes-charset", "utf-8"),
            (Group.OPERATION, Tag.LANGUAGE, "attributes-natural-language", "en"),
            (Group.OPERATION, Tag.URI, "printer-uri", self._uri),
        ]
        if job is not None:
            first.append((Group.OPERATION, Tag.INTEGER, "job-id", job))
        first.append((Group.OPERATION, Tag.NAME, "requesting-user-name", WHO))
        raw = self._post(ipp.request(operation, number, [*first, *attributes]) + document)
        try:
            answer = ipp.answer(raw)
        except Malformed as error:
            raise self._silent(str(error)) from error
        if answer.request != number:
            raise self._silent("it answered another question")
        return answer

    def _post(self, body: bytes) -> bytes:
        connection: http.client.HTTPConnection | None = None
        try:
            connection = self._connection()
            connection.request("POST", self._path, body, {"Content-Type": "application/ipp"})
            with connection.getresponse() as response:
                raw = response.read(ANSWER_BYTES_MAX + 1)
        except (OSError, http.client.HTTPException) as error:
            raise self._silent(str(error) or type(error).__name__) from error
        finally:
            if connection is not None:
                connection.close()
        if response.status != http.client.OK:
            raise self._silent(f"HTTP {response.status}")
        if len(raw) > ANSWER_BYTES_MAX:
            raise self._silent("its answer has no end")
        return raw

    def _connection(self) -> http.client.HTTPConnection:
        if not self._tls:
            return http.client.HTTPConnection(self._host, self._port, timeout=self._answer_seconds)
        context = ssl.create_default_context(cafile=self._certificate)
        # Printers sign their own certificate, in whatever name; the file names exactly this one.
        context.check_hostname = self._certificate is None
        return http.client.HTTPSConnection(self._host, self._port, timeout=self._answer_seconds, context=context)

    def _silent(self, why: str) -> PrinterFailure:
        return PrinterFailure(
            PrinterState.UNREACHABLE,
            f"The printer at {self._host} does not answer: {why}.",
            "Check its cable, its power and [printer] url in edge.toml.",
        )
