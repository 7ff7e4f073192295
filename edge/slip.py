"""The slip that a visitor takes home: the number in large print, as QR code and in words, for whom and what about, when, and when the agency is open.

It says nothing about the visitor, and of their papers only what they chose on the screen.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from babel import Locale, dates

from edge.large_print import A4, Line, Sheet, in_large_print


@dataclass(frozen=True)
class SlipTexts:
    """What stands beside the facts, in the visitor's language. `tag` and `direction` as in <html lang dir>; `note` is one sentence at the end."""

    tag: str
    direction: str
    heading: str
    number: str
    words: str
    agency: str
    concern: str
    handed_in: str
    hours: str
    note: str


def slip(
    receipt: str,
    words: Sequence[str],
    agency: Sequence[Line],
    at_local: datetime,
    texts: SlipTexts,
    *,
    concern: Sequence[Line] = (),
    hours: Iterable[str] = (),
    media: str = A4,
) -> bytes:
    """One page as PDF. `agency` and `concern`: a line each, no concern for whoever did not know it; `at_local`: when it was handed in,
    in local time; `hours`: opening hours, a line each; `media`: the paper by its PWG name. The same facts give the same bytes."""
    locale = Locale.parse(texts.tag, sep="-")
    day = dates.format_date(at_local, "long", locale=locale)
    time = dates.format_time(at_local, "short", locale=locale)
    lines = list(hours)

    def fill(sheet: Sheet) -> None:
        sheet.write([texts.heading], sheet.size(24), bold=True)
        sheet.skip(0.5)
        sheet.write([texts.number], sheet.size(18))
        # The number never breaks: it is read out to somebody on the telephone.
        sheet.write([receipt], min(84.0, sheet.width / (0.66 * len(receipt))), bold=True)
        sheet.code(receipt)
        sheet.write([texts.words], sheet.size(18))
        sheet.write([" ".join(words)], sheet.size(26), bold=True)
        sheet.skip(0.6)
        sheet.write([texts.agency], sheet.size(16))
        sheet.write(agency, sheet.size(20), bold=True)
        if concern:
            sheet.skip(0.6)
            sheet.write([texts.concern], sheet.size(16))
            sheet.write(concern, sheet.size(20), bold=True)
        sheet.skip(0.6)
        sheet.write([texts.handed_in], sheet.size(16))
        sheet.write([f"{day}, {time}"], sheet.size(20), bold=True)
        if lines:
            sheet.skip(0.6)
            sheet.write([texts.hours], sheet.size(16))
            sheet.write(lines, sheet.size(18), bold=True)
        sheet.skip(0.8)
        sheet.write([texts.note], sheet.size(16))

    return in_large_print(media, texts.direction, fill)
