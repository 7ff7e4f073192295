"""What people come for, in plain words: the services of the directory in force for which an agency is competent here and takes documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from edge import directory_texts
from edge.conversation import AgencyChosen
from edge.directory_texts import Text
from protocol import directory as directories
from protocol import limits
from protocol.directory import Agency, Directory, Service
from protocol.errors import Refused
from protocol.ids import AreaId, LanguageTag


class Concern(NamedTuple):
    """A button. `agency`: who gets the papers. `service` is None for whoever does not know."""

    agency: Agency
    service: Service | None = None

    def words(self, language: LanguageTag) -> Text | None:
        """As people say it; None for whoever does not know."""
        return directory_texts.concern(self.service, language) if self.service is not None else None

    def papers(self, language: LanguageTag) -> tuple[Text, ...]:
        """What to bring."""
        return directory_texts.papers(self.service, language) if self.service is not None else ()

    @property
    def chosen(self) -> AgencyChosen:
        """What a tap on it means."""
        if self.service is None:
            return AgencyChosen(self.agency.id)
        return AgencyChosen(self.agency.id, self.service.id, self.service.name[: limits.TITLE_CHARS_MAX])


def concerns(directory: Directory, area: AreaId) -> tuple[Concern, ...]:
    """In the order of the directory. A service without a competent agency that takes documents is not offered: nobody scans for nothing."""
    return tuple(concern for concern in _competent(directory, area) if concern.agency.inboxes)


def errands(directory: Directory, area: AreaId) -> tuple[Concern, ...]:
    """For what the directory says what to bring; the competent agency need not take documents here."""
    return tuple(concern for concern in _competent(directory, area) if concern.service and concern.service.bring)


def _competent(directory: Directory, area: AreaId) -> Iterator[Concern]:
    """Every service for which some agency is competent here."""
    for service in directory.services:
        try:
            agency = directories.competent(directory, service.id, area)
        except Refused:
            continue
        yield Concern(agency, service)


def unknown(directory: Directory) -> Concern | None:
    """For whoever does not know: the dispatcher. None while it takes no documents."""
    try:
        agency = directories.dispatcher(directory)
    except Refused:
        return None
    return Concern(agency) if agency.inboxes else None
