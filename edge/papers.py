"""The list of what to bring, to take home: in large print, with the office that asks for it. It says nothing about who asked."""

from __future__ import annotations

from collections.abc import Sequence

from edge.directory_texts import Text
from edge.large_print import A4, Line, Sheet, in_large_print

Fact = tuple[str, Sequence[Line]]  # what it is, and its lines


def papers_sheet(
    direction: str, *, heading: str, papers: Sequence[Text], facts: Sequence[Fact], note: str, media: str = A4
) -> bytes:
    """One page as PDF. `papers`: a line each; `facts` without lines are left out; `media`: the paper by its PWG name."""

    def fill(sheet: Sheet) -> None:
        sheet.write([heading], sheet.size(24), bold=True)
        sheet.skip(0.5)
        sheet.write(
            [Text(f"\N{WHITE SQUARE} {paper}", language) for paper, language in papers], sheet.size(20), bold=True
        )
        for label, lines in facts:
            if lines:
                sheet.skip(0.6)
                sheet.write([label], sheet.size(16))
                sheet.write(lines, sheet.size(18), bold=True)
        sheet.skip(0.8)
        sheet.write([note], sheet.size(16))

    return in_large_print(media, direction, fill)
