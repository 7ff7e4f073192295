"""From configuration to devices: the only place that names models."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from hardware.absent import AbsentLamp, AbsentPresence, AbsentPrinter, AbsentScanner
from hardware.devices.folder_scanner import FolderScanner
from hardware.fittings import Fittings, LampConfig, PresenceConfig, PrinterConfig, ScannerConfig
from hardware.lamp import Lamp
from hardware.presence import Presence
from hardware.printer import Printer
from hardware.scanner import Scanner

STAGE: Final = "stage"  # below the node's folder: what simulated devices are told


@dataclass(frozen=True)
class Fitted:
    """The devices of one cabin, each there or absent. Nobody but `close` closes them."""

    scanner: Scanner
    printer: Printer
    presence: Presence
    lamp: Lamp

    def states(self) -> dict[str, str]:
        """How each device is: its state's word by its name. Never raises."""
        return {
            "scanner": self.scanner.state(),
            "printer": self.printer.state(),
            "presence": self.presence.state(),
            "lamp": self.lamp.state(),
        }

    def close(self) -> None:
        """Let go of all of them; twice is no error."""
        for device in (self.scanner, self.printer, self.presence, self.lamp):
            device.close()


def fit(fittings: Fittings, folder: Path) -> Fitted:
    """What is configured, ready to be asked. A device that does not answer is no error here: it may come back. `folder`: of the node."""
    return Fitted(
        scanner=_scanner(fittings.scanner, folder),
        printer=_printer(fittings.printer, folder),
        presence=_presence(fittings.presence, folder),
        lamp=_lamp(fittings.lamp, folder),
    )


def _scanner(config: ScannerConfig, folder: Path) -> Scanner:
    match config.fitted:
        case "folder":
            return FolderScanner(folder / config.folder)
        case "simulated":
            # Drawing paper takes fonts and a renderer; a real cabin never loads them.
            from hardware.simulated.scanner import SimulatedScanner
            from hardware.simulated.stage import Stage

            return SimulatedScanner(config.seed, pages=config.pages, stage=Stage(folder / STAGE))
        case "none":
            return AbsentScanner()


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


def _presence(config: PresenceConfig, folder: Path) -> Presence:
    match config.fitted:
        case "simulated":
            from hardware.simulated.presence import SimulatedPresence
            from hardware.simulated.stage import Stage

            return SimulatedPresence(Stage(folder / STAGE))
        case "none":
            return AbsentPresence()


def _lamp(config: LampConfig, folder: Path) -> Lamp:
    match config.fitted:
        case "simulated":
            from hardware.simulated.lamp import SimulatedLamp
            from hardware.simulated.stage import Stage

            return SimulatedLamp(Stage(folder / STAGE))
        case "none":
            return AbsentLamp()
