"""From configuration to devices: the only place that names models."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from hardware.absent import AbsentScanner
from hardware.devices.folder_scanner import FolderScanner
from hardware.scanner import Scanner

ScannerModel = Literal["none", "simulated", "folder"]


def scanner(model: ScannerModel, *, folder: Path, seed: int = 0, pages: int = 3) -> Scanner:
    """The scanner that is fitted. `folder` counts for `folder`, `seed` and `pages` (per batch) for `simulated`."""
    match model:
        case "folder":
            return FolderScanner(folder)
        case "simulated":
            # Drawing paper takes fonts and a renderer; a real cabin never loads them.
            from hardware.simulated.scanner import SimulatedScanner

            return SimulatedScanner(seed, pages=pages)
        case "none":
            return AbsentScanner()
