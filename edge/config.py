"""One TOML file per cabin, `edge.toml` in its folder. `kabine edge enrol` writes it; whoever looks after the cabin may edit it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from edge.opening import OpeningConfig
from hardware.fittings import (
    CameraConfig,
    Fittings,
    KeyswitchConfig,
    LampConfig,
    PresenceConfig,
    PrinterConfig,
    ScannerConfig,
)
from protocol import limits, soundness
from protocol.ids import area_id, key_bytes, site_id
from protocol.keys import KEY_BYTES
from protocol.runtime.config import checked
from protocol.soundness import refused

FILE: Final = "edge.toml"
Seconds = Annotated[float, Meta(gt=0, le=86_400)]


def _key(text: str) -> bytes:
    return key_bytes(text, KEY_BYTES)


def _plain_name(value: str) -> Iterator[str]:
    if value and Path(value).name != value:
        yield f"“{value[:80]}” is no plain file name"


class CabinConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Who this cabin is; given by the invitation."""

    site: Annotated[
        str, Meta(description="The cabin's place, as the hub knows it.", extra=checked(partial(refused, site_id)))
    ]
    name: Annotated[str, Meta(description="The name that people read.")]
    code: Annotated[
        str,
        Meta(
            description="Three letters that every receipt number of this cabin begins with.",
            extra=checked(soundness.code),
        ),
    ]
    area: Annotated[
        str,
        Meta(
            description="Regional key (ARS): decides which agency is competent.",
            extra=checked(partial(refused, area_id)),
        ),
    ]


class HubConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Whom this cabin trusts; given by the invitation."""

    address: Annotated[
        str,
        Meta(description="Where the hub listens, as in tcp://hub.example:7400.", extra=checked(soundness.address)),
    ]
    curve_key: Annotated[
        str,
        Meta(
            description="The hub's public CURVE key, base32. Nobody else is spoken to.",
            extra=checked(partial(refused, _key)),
        ),
    ]
    authority_key: Annotated[
        str,
        Meta(
            description="The authority's public Ed25519 key, base32. It signs directories.",
            extra=checked(partial(refused, _key)),
        ),
    ]


class DiskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the disk counts as full."""

    free_bytes_min: Annotated[
        int, Meta(ge=16 * limits.MIB, description="Below this much free space no new document is taken.")
    ] = limits.DISK_FREE_BYTES_MIN
    keep_days: Annotated[
        float,
        Meta(
            ge=0,
            le=60,
            description="Sealed documents that the hub has stay here for so long, should it come back from a backup. "
            "Days of being connected; the time between two backups, and longer. 0: none.",
        ),
    ] = limits.KEPT_SECONDS / 86_400
    keep_bytes_max: Annotated[
        int, Meta(ge=0, description="At most so much of them; the oldest go first, and all before the disk is full.")
    ] = limits.KEPT_BYTES_MAX


class VisitConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long to wait for a visitor."""

    quiet_seconds: Annotated[Seconds, Meta(description="Without a touch, before asking for more time.")] = 120.0
    answer_seconds: Annotated[Seconds, Meta(description="For an answer to that, before the visit ends.")] = 60.0
    farewell_seconds: Annotated[Seconds, Meta(description="The receipt number stays on the screen.")] = 30.0
    empty_seconds: Annotated[Seconds, Meta(description="Nobody there, says the sensor, before the visit ends.")] = 15.0
    parting_seconds: Annotated[
        float,
        Meta(ge=0.5, le=60, description="“Please take your sheets” stands there behind a visit; a touch ends it."),
    ] = 8.0
    pause_seconds: Annotated[
        float,
        Meta(
            ge=0, le=3, description="A new page is not answered by the second touch of a slow double tap for so long."
        ),
    ] = 0.7


class KioskConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The visitor's screen."""

    on: Annotated[bool, Meta(description="Serve the screen to the browser that stands in the cabin.")] = False
    port: Annotated[int, Meta(ge=0, le=65_535, description="On 127.0.0.1; 0: any that is free, see kiosk.url.")] = 0
    phone: Annotated[str, Meta(description="Whom to call for help; empty: the dispatcher of the directory.")] = ""
    telephone: Annotated[bool, Meta(description="One that visitors may use stands in the cabin.")] = False
    date_counts: Annotated[
        bool, Meta(description="Say that today's date counts although the line is down. Ask the authority's lawyers.")
    ] = False
    width_px: Annotated[int, Meta(ge=800, le=7680, description="Of the screen that is fitted.")] = 1920
    height_px: Annotated[int, Meta(ge=600, le=4320, description="Of the screen that is fitted.")] = 1080
    diagonal_inches: Annotated[
        float, Meta(gt=7, le=65, description="Of the screen: decides how large text must be.")
    ] = 24.0
    distance_mm: Annotated[float, Meta(ge=300, le=1500, description="From the eyes to the screen.")] = 500.0
    drawer: Annotated[
        bool, Meta(description="Only to try things out: a page that moves the simulated devices and cuts the line.")
    ] = False


class LogConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Where the node writes what it does: identifiers only, never about people."""

    file: Annotated[
        str, Meta(description="A file name in this folder; empty: to stderr.", extra=checked(_plain_name))
    ] = "edge.log"


class EdgeConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The whole file."""

    cabin: CabinConfig
    hub: HubConfig
    scanner: ScannerConfig = ScannerConfig()
    disk: DiskConfig = DiskConfig()
    visit: VisitConfig = VisitConfig()
    kiosk: KioskConfig = KioskConfig()
    log: LogConfig = LogConfig()
    camera: CameraConfig = CameraConfig()
    printer: PrinterConfig = PrinterConfig()
    presence: PresenceConfig = PresenceConfig()
    lamp: LampConfig = LampConfig()
    opening: OpeningConfig = OpeningConfig()
    keyswitch: KeyswitchConfig = KeyswitchConfig()

    def __post_init__(self) -> None:
        # ValueError: the reader reports it beside the other mistakes.
        if self.scanner.fitted == "camera" and self.camera.fitted == "none":
            raise ValueError("scanner.fitted is “camera”, but camera.fitted is “none”")
        _ = self.fittings  # devices get in each other's way

    @property
    def fittings(self) -> Fittings:
        """What is said about devices."""
        return Fittings(self.scanner, self.camera, self.printer, self.presence, self.lamp, self.keyswitch)

    @property
    def hub_key(self) -> bytes:
        """The hub's CURVE key, 32 bytes."""
        return _key(self.hub.curve_key)

    @property
    def authority_key(self) -> bytes:
        """The authority's Ed25519 key, 32 bytes."""
        return _key(self.hub.authority_key)
