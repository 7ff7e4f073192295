"""What an eSCL scanner says about itself, and how a scan is ordered from it: XML in, nouns out; no network here.

Vendor's document: Mopria Alliance, eSCL Technical Specification 2.97 (section numbers below). Real devices leave things out and are read
with patience; what is too large, nested or refers elsewhere is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from hardware.scanner import Mode, ScannerState, Source

SCAN: Final = "http://schemas.hp.com/imaging/escl/2011/05/03"
PWG: Final = "http://www.pwg.org/schemas/2010/12/sm"
XML_BYTES_MAX: Final = 512 * 1024  # the largest seen of a real device has 30 kB
XML_TAGS_MAX: Final = 10_000  # tags within tags take time with the square of their number
WIDTH_UNITS: Final = 2550  # § 6: in three-hundredths of an inch; US letter, A4 has 2480
HEIGHT_UNITS: Final = 3544  # A4 and a little, so that a sheet that lies askew keeps its corners
FORMATS: Final = ("image/jpeg", "application/pdf")  # in this order; capture reads both


class Garbled(Exception):  # noqa: N818 - a noun, as everywhere here
    """The device said something that is no eSCL."""


@dataclass(frozen=True)
class Intake:
    """One way in (§ 8.1.3): the glass, or the feeder for one side or both. Resolutions in dots per inch, sizes in 1/300 inch."""

    resolutions: tuple[int, ...]
    colours: frozenset[str]
    formats: frozenset[str]
    width_units_max: int
    height_units_max: int


@dataclass(frozen=True)
class Abilities:
    """ScannerCapabilities (§ 8.1): what is None is not there, and is never asked for."""

    model: str
    version: str
    platen: Intake | None
    feeder: Intake | None
    duplex: Intake | None


@dataclass(frozen=True)
class Status:
    """ScannerStatus (§ 9.1): `state` as far as it says something about sheets in the feeder or the whole device; `loaded` is None when the
    device does not tell whether paper lies in its feeder."""

    state: ScannerState
    loaded: bool | None


@dataclass(frozen=True)
class Wish:
    """One scan job (§ 8.2), within what the intake can do."""

    feeder: bool
    duplex: bool
    colour: str
    dpi: int
    format: str
    width_units: int
    height_units: int


_FEEDER_STATES: Final = {
    "ScannerAdfJam": ScannerState.JAMMED,
    "ScannerAdfMispick": ScannerState.JAMMED,
    "ScannerAdfMultipickDetected": ScannerState.JAMMED,
    "ScannerAdfDuplexPageTooLong": ScannerState.JAMMED,
    "ScannerAdfDuplexPageTooShort": ScannerState.JAMMED,
    "ScannerAdfInputTrayFailed": ScannerState.JAMMED,
    "ScannerAdfInputTrayOverloaded": ScannerState.JAMMED,
    "ScannerAdfHatchOpen": ScannerState.COVER_OPEN,
    "ScannerAdfDoorOpen": ScannerState.COVER_OPEN,  # not in the standard, but on devices
}
_DEVICE_STATES: Final = {
    "Processing": ScannerState.BUSY,
    "Testing": ScannerState.BUSY,
    "Stopped": ScannerState.UNREACHABLE,
    "Down": ScannerState.UNREACHABLE,
}


def abilities(xml: bytes) -> Abilities:
    """Raises Garbled."""
    root = _root(xml, "ScannerCapabilities")
    profiles = {
        name: profile for profile in root.iter(f"{{{SCAN}}}SettingProfile") if (name := profile.get("name")) is not None
    }
    return Abilities(
        model=_text(root, PWG, "MakeAndModel")[:100],
        version=_text(root, PWG, "Version")[:10] or "2.0",
        platen=_intake(root, "PlatenInputCaps", profiles),
        feeder=_intake(root, "AdfSimplexInputCaps", profiles),
        duplex=_intake(root, "AdfDuplexInputCaps", profiles),
    )


def status(xml: bytes) -> Status:
    """Raises Garbled."""
    root = _root(xml, "ScannerStatus")
    feeder, device = _text(root, SCAN, "AdfState"), _text(root, PWG, "State")
    state = _FEEDER_STATES.get(feeder) or _DEVICE_STATES.get(device, ScannerState.READY)
    loaded = {"ScannerAdfLoaded": True, "ScannerAdfProcessing": True, "ScannerAdfEmpty": False}.get(feeder)
    if device == "Idle" and feeder == "ScannerAdfProcessing":
        loaded = None  # some devices call an empty feeder so
    return Status(state, loaded)


def wish(able: Abilities, *, feeder: bool, source: Source, mode: Mode, dpi: int) -> Wish:
    """The nearest to what is wanted that the device can do. Raises Garbled when it has no such intake."""
    duplex = feeder and source == "duplex" and able.duplex is not None
    intake = (able.duplex if duplex else able.feeder or able.duplex) if feeder else able.platen
    if intake is None:
        raise Garbled("the device has no such place for paper")
    duplex = duplex or (feeder and able.feeder is None)
    colours = ("RGB24", "RGB48", "Grayscale8") if mode == "color" else ("Grayscale8", "RGB24")
    return Wish(
        feeder=feeder,
        duplex=duplex,
        colour=next((colour for colour in colours if colour in intake.colours), colours[0]),
        dpi=next((able for able in intake.resolutions if able >= dpi), intake.resolutions[-1]),
        format=next((format for format in FORMATS if format in intake.formats), FORMATS[0]),
        width_units=min(WIDTH_UNITS, intake.width_units_max),
        height_units=min(HEIGHT_UNITS, intake.height_units_max),
    )


def settings(wanted: Wish, version: str) -> bytes:
    """ScanSettings (§ 8.2) for this wish, in the version that the device speaks."""
    newer = version >= "2.1"  # two digits with one dot each: text compares as numbers do
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<scan:ScanSettings xmlns:scan="{SCAN}" xmlns:pwg="{PWG}">'
        f"<pwg:Version>{version}</pwg:Version>"
        "<scan:Intent>Document</scan:Intent>"
        '<pwg:ScanRegions pwg:MustHonor="false"><pwg:ScanRegion>'
        f"<pwg:Height>{wanted.height_units}</pwg:Height>"
        "<pwg:ContentRegionUnits>escl:ThreeHundredthsOfInches</pwg:ContentRegionUnits>"
        f"<pwg:Width>{wanted.width_units}</pwg:Width><pwg:XOffset>0</pwg:XOffset><pwg:YOffset>0</pwg:YOffset>"
        "</pwg:ScanRegion></pwg:ScanRegions>"
        f"<pwg:InputSource>{'Feeder' if wanted.feeder else 'Platen'}</pwg:InputSource>"
        f"<pwg:DocumentFormat>{wanted.format}</pwg:DocumentFormat>"
        + (f"<scan:DocumentFormatExt>{wanted.format}</scan:DocumentFormatExt>" if newer else "")
        + f"<scan:XResolution>{wanted.dpi}</scan:XResolution><scan:YResolution>{wanted.dpi}</scan:YResolution>"
        f"<scan:ColorMode>{wanted.colour}</scan:ColorMode>"
        + (f"<scan:Duplex>{'true' if wanted.duplex else 'false'}</scan:Duplex>" if wanted.feeder else "")
        + "</scan:ScanSettings>"
    ).encode()


def _root(xml: bytes, name: str) -> Element:
    if len(xml) > XML_BYTES_MAX:
        raise Garbled(f"more than {XML_BYTES_MAX} bytes of XML")
    if xml.count(b"<") > XML_TAGS_MAX:
        raise Garbled(f"more than {XML_TAGS_MAX} tags of XML")
    for space in (SCAN, PWG):  # some devices write them with https
        xml = xml.replace(space.replace("http:", "https:").encode(), space.encode())
    try:
        root: Element = fromstring(xml, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError) as error:
        raise Garbled(f"no XML that we read ({type(error).__name__})") from error
    if root.tag != f"{{{SCAN}}}{name}":
        raise Garbled(f"“{root.tag[:80]}” instead of {name}")
    return root


def _intake(root: Element, name: str, profiles: dict[str, Element]) -> Intake | None:
    caps = root.find(f".//{{{SCAN}}}{name}")
    if caps is None:
        return None
    texts = {tag: set(_texts(caps, profiles, tag)) for tag in ("ColorMode", "DocumentFormat", "DocumentFormatExt")}
    resolutions = tuple(sorted(_resolutions(caps, profiles)))
    return Intake(
        resolutions=resolutions or (300,),
        colours=frozenset(texts["ColorMode"]),
        formats=frozenset(texts["DocumentFormat"] | texts["DocumentFormatExt"]),
        width_units_max=_number(_text(caps, SCAN, "MaxWidth")) or WIDTH_UNITS,
        height_units_max=_number(_text(caps, SCAN, "MaxHeight")) or HEIGHT_UNITS,
    )


def _parts(caps: Element, profiles: dict[str, Element]) -> Iterator[Element]:
    """What belongs to an intake: its own description, and the profiles it refers to by name."""
    yield caps
    for profile in caps.iter(f"{{{SCAN}}}SettingProfile"):
        referred = profiles.get(profile.get("ref", ""))
        if referred is not None:
            yield referred


def _texts(caps: Element, profiles: dict[str, Element], name: str) -> Iterator[str]:
    for part in _parts(caps, profiles):
        for space in (SCAN, PWG):
            yield from ((element.text or "").strip() for element in part.iter(f"{{{space}}}{name}"))


def _resolutions(caps: Element, profiles: dict[str, Element]) -> Iterator[int]:
    for part in _parts(caps, profiles):
        for element in part.iter(f"{{{SCAN}}}DiscreteResolution"):
            # The same both ways, or the picture would come out stretched.
            across, down = (_number(_text(element, SCAN, name)) for name in ("XResolution", "YResolution"))
            if across and across == down:
                yield across
        for span in part.iter(f"{{{SCAN}}}XResolutionRange"):
            low, high = (_number(_text(span, SCAN, name)) for name in ("Min", "Max"))
            yield from (dpi for dpi in (75, 100, 150, 200, 300, 400, 600) if low <= dpi <= high)


def _text(parent: Element, space: str, name: str) -> str:
    element = parent.find(f".//{{{space}}}{name}")
    return (element.text or "").strip() if element is not None else ""


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 7 else 0
