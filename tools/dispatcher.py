"""Who is asked by visitors who know no agency, at a hub that has none yet: a directory needs somebody. In every language of the screen."""

from __future__ import annotations

from typing import Final

from protocol.directory import Agency, AgencyTexts
from protocol.hours import Hours, Span, Week
from protocol.ids import AgencyId, LanguageTag

# Where somebody answers, and when, the operator says; until then on weekdays from eight to four.
DISPATCHER: Final = Agency(
    AgencyId("vermittlung"),
    "Vermittlungsstelle",
    "Vermittlung",
    Hours((Week((*(((Span(8 * 60, 16 * 60),),) * 5), (), ())),)),
    dispatcher=True,
    texts=(
        AgencyTexts(LanguageTag("ar"), "مكتب الاستعلامات", "مكتب الاستعلامات"),
        AgencyTexts(LanguageTag("de-simple"), "Vermittlung", "Vermittlung"),
        AgencyTexts(LanguageTag("en"), "Enquiry desk", "Enquiry desk"),
        AgencyTexts(LanguageTag("pl"), "Punkt kontaktowy", "Punkt kontaktowy"),
        AgencyTexts(LanguageTag("uk"), "Довідкова служба", "Довідкова служба"),
    ),
)
