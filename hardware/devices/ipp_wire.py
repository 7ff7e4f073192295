"""One question to a printer and its answer: IPP in a POST of HTTP. RFC 8010, section 4."""

from __future__ import annotations

import http.client
from collections.abc import Iterable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from hardware.devices import ipp
from hardware.devices.ipp import Answer, Attribute, Group, Malformed, Operation, Tag
from hardware.devices.web import Silent, Web
from hardware.printer import PrinterFailure, PrinterState

PORT: Final = 631
PATH: Final = "/ipp/print"
MEDIA: Final = "application/ipp"
DOCUMENT_SECONDS: Final = 60.0
ANSWER_BYTES_MAX: Final = 1024 * 1024
WHO: Final = "kabine"  # never who stands in the cabin


class IppWire:
    """The printer at `url`. Every question is a connection of its own, so that a printer that was switched off and on is no special case."""

    def __init__(self, url: str, *, certificate: Path | None = None, answer_seconds: float = 10.0) -> None:
        parts = urlsplit(url)
        self._host = parts.hostname or ""
        path = parts.path if parts.path.strip("/") else PATH
        self._uri = f"{parts.scheme}://{parts.netloc}{path}"
        scheme = "https" if parts.scheme == "ipps" else "http"
        netloc = parts.netloc if parts.port else f"{parts.netloc}:{PORT}"
        self._web = Web(f"{scheme}://{netloc}{path}", certificate)
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
        # A printer takes a long document as fast as it prints it.
        seconds = self._answer_seconds + (DOCUMENT_SECONDS if document else 0.0)
        body = ipp.request(operation, number, [*first, *attributes]) + document
        try:
            heard = self._web.ask("POST", "", seconds, body=body, media=MEDIA, bytes_max=ANSWER_BYTES_MAX)
            if heard.code != http.client.OK:
                raise self._silent(f"HTTP {heard.code}")
            answer = ipp.answer(heard.body)
        except Silent as error:
            raise self._silent(str(error), error.remedy) from error
        except Malformed as error:
            raise self._silent(str(error)) from error
        if answer.request != number:
            raise self._silent("it answered another question")
        return answer

    def _silent(self, why: str, remedy: str = "") -> PrinterFailure:
        return PrinterFailure(
            PrinterState.UNREACHABLE,
            f"The printer at {self._host} does not answer: {why}.",
            remedy or "Check its cable, its power and [printer] url in edge.toml.",
        )
