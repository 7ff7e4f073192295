"""What may stand in a configuration about devices: one table per port. `fitted` names the model; keys of other
models may stand beside it, so that one can be tried and the other kept."""

from __future__ import annotations

from typing import Annotated, Literal
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from hardware.scanner import Mode, Source

ScannerModel = Literal["none", "simulated", "folder", "sane", "escl", "camera"]
CameraModel = Literal["none", "simulated", "v4l2"]
Lying = Literal["auto", "up", "down"]
PrinterModel = Literal["none", "simulated", "ipp"]
PresenceModel = Literal["none", "simulated", "gpio", "key"]
KeyswitchModel = Literal["none", "simulated", "gpio", "key"]
LampModel = Literal["none", "simulated", "gpio"]
Pin = Annotated[int, Meta(ge=0, le=27)]  # BCM numbers of the 40-pin header
Pull = Literal["up", "down", "none"]
Active = Literal["high", "low"]


class ScannerConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What turns paper into pictures."""

    fitted: Annotated[
        ScannerModel,
        Meta(
            description="none, simulated, folder, sane (USB), escl (driverless network scanner) or camera ([camera])."
        ),
    ] = "none"
    folder: Annotated[str, Meta(description="For folder: where the scanner drops files; relative to this file.")] = (
        "scans"
    )
    pages: Annotated[
        int, Meta(ge=0, le=300, description="For simulated: sheets per batch; 0: only what is laid on the stage.")
    ] = 3
    seed: Annotated[int, Meta(ge=0, description="For simulated: the same seed draws the same paper.")] = 1
    device: Annotated[
        str, Meta(description="For sane: as `scanimage -L` names it, or how that begins, as in genesys.")
    ] = ""
    url: Annotated[str, Meta(description="For escl: as in http://192.168.1.20/eSCL, or https://…")] = ""
    certificate: Annotated[
        str, Meta(description="For https://: PEM file of the scanner's own certificate; relative to this file.")
    ] = ""
    source: Annotated[
        Source, Meta(description="For sane and escl: auto (feeder if there is paper in it), feeder, duplex or flatbed.")
    ] = "auto"
    writing: Annotated[
        Lying,
        Meta(
            description="How sheets are laid, which the screen tells visitors: up, down, or auto (down for source = “flatbed”, else up)."
        ),
    ] = "auto"
    mode: Annotated[Mode, Meta(description="For sane and escl: color or grey.")] = "color"
    dpi: Annotated[int, Meta(ge=75, le=600, description="For sane and escl.")] = 300
    options: Annotated[
        tuple[str, ...], Meta(description="For sane: further options of scanimage, as in --brightness=10.")
    ] = ()
    conf: Annotated[str, Meta(description="For sane: lines for the backend's own configuration file.")] = ""

    def __post_init__(self) -> None:
        if self.fitted == "sane" and not self.device:
            raise ValueError("device is missing, which fitted = “sane” needs (`scanimage -L` lists it)")
        if self.fitted == "escl" and not _address(self.url, "http", "https"):
            raise ValueError(f"url “{self.url}” is no http:// or https:// address, which fitted = “escl” needs")

    @property
    def face_down(self) -> bool:
        """Whoever lays a sheet sees its back: on glass, and in some feeders. A camera over the table looks at the writing."""
        if self.writing == "auto":
            return self.fitted in ("sane", "escl") and self.source == "flatbed"
        return self.writing == "down"


class CameraConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A document camera over the table."""

    fitted: Annotated[CameraModel, Meta(description="none, simulated or v4l2 (USB).")] = "none"
    device: Annotated[
        str,
        Meta(description="For v4l2: best one below /dev/v4l/by-id, which stays the same when it is plugged in anew."),
    ] = "/dev/video0"
    width_pixels: Annotated[int, Meta(ge=640, le=10_000, description="For v4l2: the largest picture it makes.")] = 3840
    height_pixels: Annotated[int, Meta(ge=480, le=10_000, description="For v4l2.")] = 2160
    pages: Annotated[
        int, Meta(ge=0, le=300, description="For simulated: sheets that come; 0: only what is laid on the stage.")
    ] = 3
    seed: Annotated[int, Meta(ge=0, description="For simulated: the same seed draws the same paper.")] = 1


class PrinterConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What prints copies and slips."""

    fitted: Annotated[PrinterModel, Meta(description="none, simulated or ipp (any driverless network printer).")] = (
        "none"
    )
    url: Annotated[str, Meta(description="For ipp: as in ipp://192.168.1.30/ipp/print, or ipps://…")] = ""
    certificate: Annotated[
        str, Meta(description="For ipps://: PEM file of the printer's own certificate; relative to this file.")
    ] = ""
    media: Annotated[str, Meta(description="Paper that is loaded, by its PWG name.")] = "iso_a4_210x297mm"

    def __post_init__(self) -> None:
        if self.fitted == "ipp" and not _address(self.url, "ipp", "ipps"):
            raise ValueError(f"url “{self.url}” is no ipp:// or ipps:// address, which fitted = “ipp” needs")


class PresenceConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What notices that somebody is in the cabin. Without it the touches on the screen do."""

    fitted: Annotated[
        PresenceModel,
        Meta(description="none, simulated, gpio (radar, mat, chair, contact) or key (all that acts as a keyboard)."),
    ] = "none"
    door: Annotated[
        bool, Meta(description="The sensor is a contact at the door: it is active while the door is closed.")
    ] = False
    pin: Annotated[Pin, Meta(description="For gpio: BCM number of the pin.")] = 17
    pull: Annotated[Pull, Meta(description="For gpio: up, down or none (the sensor drives the pin itself).")] = "down"
    active: Annotated[
        Active, Meta(description="For gpio: what the pin is while the sensor is active: high or low.")
    ] = "high"
    device: Annotated[str, Meta(description="For key: as in /dev/input/by-id/usb-…-event-kbd.")] = ""
    keys: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=0x2FF)], ...],
        Meta(description="For key: codes (linux/input-event-codes.h) that count; empty: all."),
    ] = ()
    shared: Annotated[
        bool, Meta(description="For key: true where visitors type on it too; else its keys reach no window.")
    ] = False
    pulse_seconds: Annotated[
        float, Meta(ge=0, le=600, description="For key: a key press counts for so long, beyond the time it is held.")
    ] = 0.0
    enter_seconds: Annotated[
        float, Meta(ge=0, le=60, description="Somebody is there who was seen for so long; a shadow was not.")
    ] = 0.4
    leave_seconds: Annotated[
        float, Meta(ge=0, le=600, description="Nobody is there any more when nobody was seen for so long.")
    ] = 5.0

    def __post_init__(self) -> None:
        if self.fitted == "key" and not self.device:
            raise ValueError("device is missing, which fitted = “key” needs")


class LampConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What says at the door whether the cabin is free."""

    fitted: Annotated[LampModel, Meta(description="none, simulated or gpio.")] = "none"
    free_pin: Annotated[Pin, Meta(description="For gpio: BCM number of the green lamp.")] = 5
    occupied_pin: Annotated[Pin, Meta(description="For gpio: BCM number of the red lamp.")] = 6
    attention_pin: Annotated[
        Pin, Meta(description="For gpio: BCM number of the yellow lamp; it blinks for help and trouble.")
    ] = 13
    active: Annotated[Active, Meta(description="For gpio: what the pin is while the lamp is lit: high or low.")] = (
        "high"
    )

    def __post_init__(self) -> None:
        if self.fitted == "gpio" and len({self.free_pin, self.occupied_pin, self.attention_pin}) < 3:
            raise ValueError("two lamps have the same pin")


class KeyswitchConfig(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """With what staff say that they clean: a switch with a key, or a button where no visitor looks. Without it `kabine edge clean` does."""

    fitted: Annotated[
        KeyswitchModel,
        Meta(description="none, simulated, gpio (a switch at a pin) or key (all that acts as a keyboard)."),
    ] = "none"
    springs: Annotated[
        bool,
        Meta(description="It springs back: once begins, once more ends. Otherwise it stays turned while they clean."),
    ] = False
    hold_seconds: Annotated[
        float, Meta(ge=0, le=30, description="Turned or held for so long it counts; a knock in passing does not.")
    ] = 0.5
    pin: Annotated[Pin, Meta(description="For gpio: BCM number of the pin.")] = 22
    pull: Annotated[Pull, Meta(description="For gpio: up, down or none (the switch drives the pin itself).")] = "up"
    active: Annotated[Active, Meta(description="For gpio: what the pin is while the key is turned: high or low.")] = (
        "low"
    )
    device: Annotated[str, Meta(description="For key: as in /dev/input/by-id/usb-…-event-kbd.")] = ""
    keys: Annotated[
        tuple[Annotated[int, Meta(ge=1, le=0x2FF)], ...],
        Meta(description="For key: codes (linux/input-event-codes.h) that count; empty: all."),
    ] = ()
    shared: Annotated[
        bool, Meta(description="For key: true where visitors type on it too; else its keys reach no window.")
    ] = False

    def __post_init__(self) -> None:
        if self.fitted == "key" and not self.device:
            raise ValueError("device is missing, which fitted = “key” needs")


class Fittings(msgspec.Struct, frozen=True):
    """All tables together. Paths in them are relative to the folder they are used with."""

    scanner: ScannerConfig = ScannerConfig()
    camera: CameraConfig = CameraConfig()
    printer: PrinterConfig = PrinterConfig()
    presence: PresenceConfig = PresenceConfig()
    lamp: LampConfig = LampConfig()
    keyswitch: KeyswitchConfig = KeyswitchConfig()

    def __post_init__(self) -> None:
        sensors = (self.presence, self.keyswitch)
        pins = [sensor.pin for sensor in sensors if sensor.fitted == "gpio"]
        if self.lamp.fitted == "gpio":
            pins += [self.lamp.free_pin, self.lamp.occupied_pin, self.lamp.attention_pin]
        if twice := sorted({pin for pin in pins if pins.count(pin) > 1}):
            raise ValueError(f"presence, lamp and keyswitch share pin {twice[0]}; each needs its own")
        if self.at_one_keyboard and not all(sensor.keys for sensor in sensors):
            raise ValueError(
                f"presence and keyswitch share {self.presence.device}, and one of them takes all its keys: name `keys` in both"
            )

    @property
    def at_one_keyboard(self) -> bool:
        """Presence and keyswitch are keys of the same device: neither has it for itself."""
        return self.presence.fitted == self.keyswitch.fitted == "key" and self.presence.device == self.keyswitch.device


def _address(url: str, *schemes: str) -> bool:
    """Whether it names a device by one of these schemes."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # a port that is none
        return False
