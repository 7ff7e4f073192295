"""From configuration to devices."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import get_args, get_type_hints

import gpiozero
import msgspec
import pytest
from gpiozero.pins.mock import MockFactory

from hardware.camera_scanner import CameraScanner
from hardware.devices.door_presence import DoorPresence
from hardware.devices.escl_scanner import EsclScanner
from hardware.devices.gpio_lamp import GpioLamp
from hardware.devices.gpio_presence import GpioPresence
from hardware.devices.ipp_printer import IppPrinter
from hardware.devices.key_presence import KeyPresence
from hardware.devices.sane_scanner import SaneScanner
from hardware.devices.v4l2_camera import V4l2Camera
from hardware.fitted import Fitted, fit
from hardware.fittings import (
    CameraConfig,
    CameraModel,
    Fittings,
    KeyswitchConfig,
    KeyswitchModel,
    LampConfig,
    LampModel,
    PresenceConfig,
    PresenceModel,
    PrinterConfig,
    PrinterModel,
    ScannerConfig,
    ScannerModel,
)
from hardware.simulated.stage import Stage

SIMULATED = Fittings(
    ScannerConfig("simulated"),
    CameraConfig("simulated"),
    PrinterConfig("simulated"),
    PresenceConfig("simulated"),
    LampConfig("simulated"),
    KeyswitchConfig("simulated"),
)


def test_without_a_word_nothing_is_fitted(tmp_path: Path) -> None:
    devices = fit(Fittings(), tmp_path)
    assert set(devices.states().values()) == {"absent"}
    assert list(tmp_path.iterdir()) == []
    devices.close()


def test_simulated_devices_stand_on_one_stage_and_come_back_when_plugged_in(tmp_path: Path) -> None:
    devices = fit(SIMULATED, tmp_path)
    assert set(devices.states().values()) == {"ready"}
    stage = Stage(tmp_path / "stage")
    for name in devices.states():
        stage.unplug(name)
        assert devices.states()[name] == "unreachable"
        stage.plug(name)
        assert devices.states()[name] == "ready"
    devices.close()
    devices.close()
    assert set(devices.states().values()) == {"unreachable"}


def test_paths_are_below_the_folder_of_the_node(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    devices = fit(Fittings(ScannerConfig("folder", "drop")), tmp_path)
    assert devices.states()["scanner"] == "no-paper"
    devices.close()


def test_every_model_has_its_driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpiozero.Device, "pin_factory", MockFactory())

    def made(**tables: msgspec.Struct) -> Fitted:
        devices = fit(Fittings(**tables), tmp_path)  # type: ignore[arg-type]
        devices.close()
        return devices

    assert type(made(scanner=ScannerConfig("sane", device="test")).scanner) is SaneScanner
    assert type(made(scanner=ScannerConfig("escl", url="http://127.0.0.1:9/eSCL")).scanner) is EsclScanner
    seeing = made(scanner=ScannerConfig("camera"), camera=CameraConfig("v4l2", device="/dev/null"))
    assert type(seeing.scanner) is CameraScanner
    assert type(seeing.camera) is V4l2Camera
    assert type(made(printer=PrinterConfig("ipp", "ipp://127.0.0.1:9/ipp/print")).printer) is IppPrinter
    assert type(made(presence=PresenceConfig("gpio")).presence) is GpioPresence
    assert type(made(presence=PresenceConfig("key", device="/dev/input/event0")).presence) is KeyPresence
    assert type(made(keyswitch=KeyswitchConfig("gpio")).keyswitch) is GpioPresence
    assert type(made(keyswitch=KeyswitchConfig("key", device="/dev/input/event0")).keyswitch) is KeyPresence
    assert type(made(presence=PresenceConfig("gpio", door=True)).presence) is DoorPresence
    assert type(made(lamp=LampConfig("gpio")).lamp) is GpioLamp


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize(("other", "kept"), [("/dev/input/event1", True), ("event0", False)])
def test_a_keyboard_of_two_tables_or_of_visitors_is_kept_by_neither(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shared: bool, other: str, kept: bool
) -> None:
    asked: list[object] = []

    def kernel(file: int, question: int, argument: object = 0) -> int:
        if isinstance(argument, bytes):
            raise OSError(errno.ENOTTY, "")
        asked.append(argument)
        return 0

    monkeypatch.setattr("fcntl.ioctl", kernel)
    os.mkfifo(tmp_path / "event0")
    mat = PresenceConfig("key", device=str(tmp_path / "event0"), keys=(28,), shared=shared)
    staff = KeyswitchConfig("key", device=str(tmp_path / other), keys=(59,))
    devices = fit(Fittings(presence=mat, keyswitch=staff), tmp_path)
    devices.presence.somebody()
    assert asked == ([1] if kept and not shared else [1, 0])
    devices.close()


def test_this_file_knows_every_model() -> None:
    """Whoever adds one adds it above."""
    models = {
        *ScannerModel.__args__,  # type: ignore[attr-defined]
        *CameraModel.__args__,  # type: ignore[attr-defined]
        *PrinterModel.__args__,  # type: ignore[attr-defined]
        *PresenceModel.__args__,  # type: ignore[attr-defined]
        *LampModel.__args__,  # type: ignore[attr-defined]
        *KeyswitchModel.__args__,  # type: ignore[attr-defined]
    }
    assert models == {"none", "simulated", "folder", "sane", "escl", "camera", "v4l2", "ipp", "gpio", "key"}


@pytest.mark.parametrize(
    "table", [ScannerConfig, CameraConfig, PrinterConfig, PresenceConfig, LampConfig, KeyswitchConfig]
)
def test_every_model_is_named_where_one_is_chosen(table: type[msgspec.Struct]) -> None:
    """In the comment above `fitted` in edge.toml."""
    models, meta = get_args(get_type_hints(table, include_extras=True)["fitted"])
    assert [model for model in get_args(models) if model not in meta.description] == []
