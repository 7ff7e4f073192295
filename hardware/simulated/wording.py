"""What stands on simulated paper: made-up people and offices of the Uckermark, in the tone of German authorities."""

from __future__ import annotations

from datetime import date, timedelta
from random import Random
from typing import Final

FIRST_NAMES: Final = [
    "Anneliese",
    "Jörg",
    "Käthe",
    "Günter",
    "Waltraud",
    "Ulf",
    "Sönke",
    "Hannelore",
    "Rüdiger",
    "Mirjam",
    "Tadeusz",
    "Fatma",
    "Ole",
    "Grit",
    "Silvio",
]
LAST_NAMES: Final = [
    "Krüger",
    "Wißmann",
    "Lüdtke",
    "Buchholz",
    "Schönfeld",
    "Grünow",
    "Petznick",
    "Zichow",
    "Haßleben",
    "Röddelin",
    "Falkenwalde",
    "Milmers",
]
STREETS: Final = (
    "Mühlenstraße",
    "Am Röddelinsee",
    "Prenzlauer Allee",
    "Schwedter Straße",
    "Kirchgasse",
    "Weg zum Kanal",
)
PLACES: Final = (
    ("17268", "Templin"),
    ("16307", "Gartz (Oder)"),
    ("17291", "Gramzow"),
    ("16278", "Angermünde"),
    ("17279", "Lychen"),
    ("17291", "Prenzlau"),
)
OFFICES: Final = (
    ("Landkreis Uckermark", "Sozialamt", "Grundsicherung im Alter"),
    ("Landkreis Uckermark", "Wohngeldstelle", "Wohngeld – Mietzuschuss"),
    ("Pflegestützpunkt Uckermark", "Beratung", "Entlastungsbetrag nach § 45b SGB XI"),
    ("Amt Gramzow", "Einwohnermeldewesen", "Meldebescheinigung"),
    ("Stadt Angermünde", "Ordnungsamt", "Schwerbehindertenparkausweis"),
)
SENTENCES: Final = (
    "Ihr Antrag vom {day} ist am {later} hier eingegangen.",
    "Zur weiteren Bearbeitung benötigen wir noch die unten aufgeführten Unterlagen.",
    "Bitte reichen Sie diese bis spätestens {later} unter Angabe des Aktenzeichens ein.",
    "Die Höhe der Leistung beträgt für den Bewilligungszeitraum monatlich {amount} €.",
    "Änderungen in den persönlichen oder wirtschaftlichen Verhältnissen sind unverzüglich mitzuteilen.",
    "Gegen diesen Bescheid kann innerhalb eines Monats nach Bekanntgabe Widerspruch erhoben werden.",
    "Der Widerspruch ist schriftlich oder zur Niederschrift bei der oben genannten Behörde einzulegen.",
    "Für Rückfragen steht Ihnen die zuständige Sachbearbeiterin während der Sprechzeiten gern zur Verfügung.",
    "Die Berechnung entnehmen Sie bitte dem beigefügten Berechnungsbogen (Anlage {small}).",
    "Nach § {small} Abs. 2 des Gesetzes werden Einkünfte aus geringfügiger Beschäftigung anteilig berücksichtigt.",
    "Überzahlte Beträge in Höhe von {amount} € werden mit den laufenden Zahlungen verrechnet.",
    "Sollten die Unterlagen nicht fristgerecht vorliegen, kann die Leistung ganz oder teilweise versagt werden.",
)
GOODS: Final = (
    "Roggenbrot",
    "Äpfel 1 kg",
    "Butter",
    "Kaffee gemahlen",
    "Möhren",
    "Briefmarken",
    "Milch 3,5 %",
    "Käse geschn.",
    "Spülmittel",
)


def person(random: Random) -> str:
    """A made-up name."""
    return f"{random.choice(FIRST_NAMES)} {random.choice(LAST_NAMES)}"


def address(random: Random) -> tuple[str, str]:
    """Street with number, and postal code with place."""
    code, place = random.choice(PLACES)
    return f"{random.choice(STREETS)} {random.randint(1, 148)}", f"{code} {place}"


def day(random: Random) -> str:
    """A date as Germans write it."""
    return (date(2025, 1, 2) + timedelta(days=random.randrange(600))).strftime("%d.%m.%Y")


def amount(random: Random) -> str:
    """Euros with a decimal comma."""
    return f"{random.randint(9, 1480)},{random.randint(0, 99):02d}"


def sentence(random: Random) -> str:
    """One sentence of officialese."""
    return random.choice(SENTENCES).format(
        day=day(random), later=day(random), amount=amount(random), small=random.randint(2, 49)
    )


def answers(random: Random) -> list[tuple[str, str]]:
    """The fields of a form, and what somebody wrote into them."""
    iban = f"DE{random.randint(10, 99)} 1705 6060 {random.randint(1000, 9999)} {random.randint(1000, 9999)} {random.randint(10, 99)}"
    return [
        ("Name, Vorname", ", ".join(reversed(person(random).split()))),
        ("Geburtsdatum", day(random)[:6] + str(random.randint(1935, 1990))),
        ("Anschrift", ", ".join(address(random))),
        ("Telefon (freiwillig)", f"03987 {random.randint(10000, 99999)}"),
        ("Familienstand", random.choice(("verwitwet", "verheiratet", "ledig", "geschieden"))),
        ("Anzahl der Personen im Haushalt", str(random.randint(1, 6))),
        ("Monatliche Kaltmiete in €", amount(random)),
        ("Heizkosten in €", amount(random)),
        ("Bankverbindung (IBAN)", iban),
        ("Krankenkasse", random.choice(("AOK Nordost", "Barmer", "Knappschaft"))),
        ("Pflegegrad", random.choice(("keiner", "1", "2", "3"))),
    ]
