"""Typed identifiers: make, parse, print. A name that arrives from outside is parsed here before anything else sees it."""

from __future__ import annotations

import base64
import re
from typing import NewType

from protocol.errors import Code, Refused

SiteId = NewType("SiteId", str)  # a cabin's place, as in `templin`
AgencyId = NewType("AgencyId", str)  # an agency, as in `sozialamt-uckermark`
ServiceId = NewType("ServiceId", str)  # LeiKa key of a service: 14 digits, as in `99107023017000`
AreaId = NewType("AreaId", str)  # German regional key (ARS), 2 to 12 digits: `12073` is the Uckermark
ReceiptNumber = NewType("ReceiptNumber", str)  # what the visitor takes home, as in `7K2-418`
EnvelopeId = NewType("EnvelopeId", bytes)  # 16 random bytes
Digest = NewType("Digest", bytes)  # SHA-256, 32 bytes: the name of a blob
LanguageTag = NewType("LanguageTag", str)  # BCP 47 in lower case: `pl`, or `de-simple` for Leichte Sprache

HUB_ID = "hub"

_SLUG = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
# No 0 O 1 I L: read aloud on the telephone and written by hand they are taken for one another.
CODE_LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_RECEIPT = re.compile(rf"([{CODE_LETTERS}]{{3}})-([0-9]{{3,9}})")


def slug(text: str) -> str:
    """Lower-case name of a site or agency from what a person typed: `Angermünde` becomes `angermuende`."""
    folded = text.strip().lower()
    for umlaut, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        folded = folded.replace(umlaut, plain)
    return re.sub(r"[^a-z0-9]+", "-", folded).strip("-")


def site_id(text: str) -> SiteId:
    """Raises Refused when `text` is no slug of 1 to 63 letters, digits and hyphens."""
    return SiteId(_slug(text, "a site"))


def agency_id(text: str) -> AgencyId:
    """Raises Refused when `text` is no slug of 1 to 63 letters, digits and hyphens."""
    return AgencyId(_slug(text, "an agency"))


def _slug(text: str, kind: str) -> str:
    if _SLUG.fullmatch(text) is None or text == HUB_ID:
        raise Refused(
            Code.MALFORMED,
            f"“{text[:80]}” is no name for {kind}.",
            f"Use at most 63 lower-case letters, digits and hyphens, as in “{slug(text)[:63].rstrip('-') or 'templin'}”.",
        )
    return text


def service_id(text: str) -> ServiceId:
    """LeiKa key, 14 digits. Raises Refused."""
    if re.fullmatch(r"[0-9]{14}", text) is None:
        raise Refused(Code.MALFORMED, f"“{text[:80]}” is no service key.", "A LeiKa key has 14 digits.")
    return ServiceId(text)


def area_id(text: str) -> AreaId:
    """German regional key (ARS) or a leading part of one, 2 to 12 digits. Raises Refused."""
    if re.fullmatch(r"[0-9]{2,12}", text) is None:
        raise Refused(
            Code.MALFORMED, f"“{text[:80]}” is no regional key.", "An ARS has 2 to 12 digits; Uckermark: 12073."
        )
    return AreaId(text)


def language_tag(text: str) -> LanguageTag:
    """BCP 47 in lower case: a language of two or three letters and at most three parts more. Raises Refused."""
    if re.fullmatch(r"[a-z]{2,3}(?:-[a-z0-9]{2,8}){0,3}", text) is None:
        raise Refused(Code.MALFORMED, f"“{text[:40]}” is no language.", "Write it as in pl, uk or de-simple.")
    return LanguageTag(text)


def receipt_number(text: str) -> ReceiptNumber:
    """Cabin code, hyphen, digits. Lower case and missing hyphens are mended. Raises Refused."""
    folded = text.strip().upper().replace(" ", "-").replace("--", "-")
    if "-" not in folded:
        folded = f"{folded[:3]}-{folded[3:]}"
    if _RECEIPT.fullmatch(folded) is None:
        raise Refused(Code.MALFORMED, f"“{text[:40]}” is no receipt number.", "It looks like 7K2-418.")
    return ReceiptNumber(folded)


def key_text(raw: bytes) -> str:
    """Bytes as lower-case base32 without padding: safe in file names, on the command line and over the telephone."""
    return base64.b32encode(raw).decode().rstrip("=").lower()


def key_bytes(text: str, size: int) -> bytes:
    """Inverse of `key_text`; `size` is the number of bytes expected. Raises Refused."""
    try:
        raw = base64.b32decode(text.strip().upper() + "=" * (-len(text.strip()) % 8))
    except ValueError:
        raw = b""
    if len(raw) != size or key_text(raw) != text.strip().lower():
        raise Refused(Code.BAD_KEY, f"“{text[:20]}…” is not {size} bytes in base32.")
    return raw
