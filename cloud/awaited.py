"""A document that was announced: what its manifest must say, and what its blob must be when it is complete."""

from __future__ import annotations

from dataclasses import dataclass

from cloud.site_log import NUMBER_MAX
from protocol import ids, limits
from protocol.entries import DocumentSealed
from protocol.errors import Code, Refused
from protocol.ids import AgencyId, Digest, EnvelopeId, SiteId
from protocol.manifest import SUITE, Happening, Manifest


@dataclass(frozen=True, slots=True)
class Awaited:
    """A document that was announced: what its blob must be when it is complete. `id`: its number in the tables. `place`: where it lay in its inbox
    before the hub's disk lost its bytes; `last`: what was signed about it last, then, or where its cabin was told that it is lost."""

    id: int
    envelope: EnvelopeId
    site: SiteId
    agency: AgencyId
    digest: Digest
    size_bytes: int
    length_bytes: int
    header_sha256: bytes
    payload_sha256: bytes
    manifest_digest: bytes
    place: int | None
    last: Happening | None


def awaited(
    id: int,
    manifest: Manifest,
    manifest_digest: bytes,
    digest: Digest,
    size_bytes: int,
    *,
    place: int | None = None,
    last: Happening | None = None,
) -> Awaited:
    """What must come, as the manifest says."""
    return Awaited(
        id,
        manifest.envelope,
        manifest.cabin,
        manifest.agency,
        digest,
        size_bytes,
        manifest.length_bytes,
        manifest.header_sha256,
        manifest.payload_sha256,
        manifest_digest,
        place,
        last,
    )


def check(manifest: Manifest, event: DocumentSealed, site: SiteId) -> None:
    """Bounds and forms that types cannot say. Raises Refused."""
    if manifest.version != 1 or manifest.suite != SUITE:
        raise Refused(
            Code.UNSUPPORTED_VERSION, f"A manifest of version {manifest.version} with suite {manifest.suite[:40]}."
        )
    if manifest.cabin != site:
        raise Refused(Code.NOT_YOURS, f"The manifest names the cabin {manifest.cabin[:63]}; it came from {site}.")
    ids.agency_id(manifest.agency)
    sound = (
        ids.receipt_number(manifest.receipt) == manifest.receipt
        and len(event.digest) == len(manifest.header_sha256) == len(manifest.payload_sha256) == 32
        and len(manifest.previous) == 32
        and 1 <= manifest.counter <= NUMBER_MAX
        and 0 <= manifest.epoch <= NUMBER_MAX
        and manifest.captured_at.tzinfo is not None
        and 0 < manifest.length_bytes < event.size_bytes
    )
    if not sound:
        raise Refused(Code.MALFORMED, "A manifest out of bounds.")
    if event.size_bytes > limits.ENVELOPE_BYTES_MAX or len(event.summary) > limits.SUMMARY_BYTES_MAX:
        raise Refused(
            Code.TOO_LARGE,
            f"An envelope of {event.size_bytes} bytes with a summary of {len(event.summary)}; "
            f"at most {limits.ENVELOPE_BYTES_MAX} and {limits.SUMMARY_BYTES_MAX} are allowed.",
        )
