"""From configuration to devices."""

from __future__ import annotations

from pathlib import Path

from hardware.fitted import fit
from hardware.fittings import Fittings, LampConfig, PresenceConfig, PrinterConfig, ScannerConfig


def test_without_a_word_nothing_is_fitted(tmp_path: Path) -> None:
    devices = fit(Fittings(), tmp_path)
    assert set(devices.states().values()) == {"absent"}
    assert list(tmp_path.iterdir()) == []
    devices.close()


def test_simulated_devices_stand_on_one_stage(tmp_path: Path) -> None:
    fittings = Fittings(
        ScannerConfig("simulated"),
        printer=PrinterConfig("simulated"),
        presence=PresenceConfig("simulated"),
        lamp=LampConfig("simulated"),
    )
    devices = fit(fittings, tmp_path)
    assert set(devices.states().values()) == {"ready"}
    devices.close()
    devices.close()
    assert set(devices.states().values()) == {"unreachable"}


def test_paths_are_below_the_folder_of_the_node(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    devices = fit(Fittings(ScannerConfig("folder", "drop")), tmp_path)
    assert devices.states()["scanner"] == "no-paper"
    devices.close()
