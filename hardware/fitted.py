"""From configuration to devices: the only place that names models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hardware.absent import AbsentCamera, AbsentLamp, AbsentPresence, AbsentPrinter, AbsentScanner
from hardware.camera import Camera
from hardware.camera_scanner import CameraScanner
from hardware.complaint import Complaining, Complaint
from hardware.devices.door_presence import DoorPresence
from hardware.devices.folder_scanner import FolderScanner
from hardware.fittings import (
    CameraConfig,
    Fittings,
    KeyswitchConfig,
    LampConfig,
    PresenceConfig,
    PrinterConfig,
    ScannerConfig,
)
from hardware.lamp import Lamp
from hardware.presence import Presence
from hardware.printer import Printer
from hardware.scanner import Scanner

STAGE: Final = "stage"  # below the node's folder: what simulated devices are told


@dataclass(frozen=True)
class Fitted:
    """The devices of one cabin, each there or absent. Nobody but `close` closes them."""

    scanner: Scanner
    camera: Camera
    printer: Printer
    presence: Presence
    lamp: Lamp
    keyswitch: Presence  # sees “somebody” while the key is turned

    def states(self) -> dict[str, str]:
        """How each device is: its state's word by its name. Never raises."""
        return {
            "scanner": self.scanner.state(),
            "camera": self.camera.state(),
            "printer": self.printer.state(),
            "presence": self.presence.state(),
            "lamp": self.lamp.state(),
            "keyswitch": self.keyswitch.state(),
        }

    def complaint(self, name: str) -> Complaint | None:
        """Why this device does not answer, if it knows; asks it once more. Never raises."""
        device = getattr(self, name, None)
        return device.complaint() if isinstance(device, Complaining) else None

    def close(self) -> None:
        """Let go of all of them; twice is no error."""
        for device in (self.scanner, self.camera, self.printer, self.presence, self.lamp, self.keyswitch):
            device.close()


def fit(fittings: Fittings, folder: Path) -> Fitted:
    """What is configured, ready to be asked. A device that does not answer is no error here: it may come back. `folder`: of the node."""
    camera = _camera(fittings.camera, folder)
    together = fittings.at_one_keyboard
    return Fitted(
        scanner=_scanner(fittings.scanner, folder, camera),
        camera=camera,
        printer=_printer(fittings.printer, folder),
        presence=_presence(fittings.presence, folder, together),
        lamp=_lamp(fittings.lamp, folder),
        keyswitch=_keyswitch(fittings.keyswitch, folder, together),
    )


def _scanner(config: ScannerConfig, folder: Path, camera: Camera) -> Scanner:
    certificate = folder / config.certificate if config.certificate else None
    match config.fitted:
        case "sane":
            from hardware.devices.sane_scanner import SaneScanner

            return SaneScanner(
                config.device,
                source=config.source,
                mode=config.mode,
                dpi=config.dpi,
                options=config.options,
                conf=config.conf,
            )
        case "escl":
            from hardware.devices.escl_scanner import EsclScanner

            return EsclScanner(
                config.url, source=config.source, mode=config.mode, dpi=config.dpi, certificate=certificate
            )
        case "camera":
            return CameraScanner(camera)
        case "folder":
            return FolderScanner(folder / config.folder)
        case "simulated":
            # Drawing paper takes fonts and a renderer; a real cabin never loads them.
            from hardware.simulated.scanner import SimulatedScanner
            from hardware.simulated.stage import Stage

            return SimulatedScanner(config.seed, pages=config.pages, stage=Stage(folder / STAGE))
        case "none":
            return AbsentScanner()


def _camera(config: CameraConfig, folder: Path) -> Camera:
    match config.fitted:
        case "v4l2":
            from hardware.devices.v4l2_camera import V4l2Camera

            return V4l2Camera(config.device, width=config.width_pixels, height=config.height_pixels)
        case "simulated":
            from hardware.simulated.camera import SimulatedCamera
            from hardware.simulated.stage import Stage

            return SimulatedCamera(config.seed, pages=config.pages, stage=Stage(folder / STAGE))
        case "none":
            return AbsentCamera()


def _printer(config: PrinterConfig, folder: Path) -> Printer:
    match config.fitted:
        case "simulated":
            from hardware.simulated.printer import SimulatedPrinter
            from hardware.simulated.stage import Stage

            return SimulatedPrinter(Stage(folder / STAGE))
        case "ipp":
            # It renders pages for printers that do not read PDF: only who prints loads that.
            from hardware.devices.ipp_printer import IppPrinter

            certificate = folder / config.certificate if config.certificate else None
            return IppPrinter(config.url, media=config.media, certificate=certificate)
        case "none":
            return AbsentPrinter()


def _presence(config: PresenceConfig, folder: Path, together: bool) -> Presence:
    sensor = _sensor(config, folder, together)
    return DoorPresence(sensor) if config.door and config.fitted != "none" else sensor


def _sensor(config: PresenceConfig, folder: Path, together: bool) -> Presence:
    match config.fitted:
        case "simulated":
            from hardware.simulated.presence import SimulatedPresence
            from hardware.simulated.stage import Stage

            return SimulatedPresence(Stage(folder / STAGE))
        case "gpio":
            from hardware.devices.gpio_presence import GpioPresence

            return GpioPresence(config.pin, pull=config.pull, active=config.active)
        case "key":
            from hardware.devices.key_presence import KeyPresence

            return KeyPresence(
                Path(config.device),
                keys=config.keys,
                shared=config.shared or together,
                pulse_seconds=config.pulse_seconds,
            )
        case "none":
            return AbsentPresence()


def _lamp(config: LampConfig, folder: Path) -> Lamp:
    match config.fitted:
        case "simulated":
            from hardware.simulated.lamp import SimulatedLamp
            from hardware.simulated.stage import Stage

            return SimulatedLamp(Stage(folder / STAGE))
        case "gpio":
            from hardware.devices.gpio_lamp import GpioLamp

            return GpioLamp(config.free_pin, config.occupied_pin, config.attention_pin, active=config.active)
        case "none":
            return AbsentLamp()


def _keyswitch(config: KeyswitchConfig, folder: Path, together: bool) -> Presence:
    match config.fitted:
        case "simulated":
            from hardware.simulated.presence import SimulatedPresence
            from hardware.simulated.stage import TURNED, Stage

            return SimulatedPresence(Stage(folder / STAGE), "keyswitch", TURNED)
        case "gpio":
            from hardware.devices.gpio_presence import GpioPresence

            return GpioPresence(config.pin, pull=config.pull, active=config.active)
        case "key":
            from hardware.devices.key_presence import KeyPresence

            return KeyPresence(Path(config.device), keys=config.keys, shared=config.shared or together)
        case "none":
            return AbsentPresence()
