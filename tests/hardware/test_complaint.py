"""What does not answer says why, and what to do: a folder that is gone, a device that is not plugged in, an address where nobody listens."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.fitted import Fitted, fit
from hardware.fittings import CameraConfig, Fittings, PresenceConfig, PrinterConfig, ScannerConfig
from hardware.simulated.escl import VirtualEscl
from tests.hardware.sane import needs_scanimage

NOBODY = "127.0.0.1:9"  # the discard port


@pytest.fixture
def silent(tmp_path: Path) -> Fitted:
    """Devices of which none is there."""
    return fit(
        Fittings(
            scanner=ScannerConfig("escl", url=f"http://{NOBODY}/eSCL"),
            camera=CameraConfig("v4l2", device=str(tmp_path / "video0")),
            printer=PrinterConfig("ipp", f"ipp://{NOBODY}/ipp/print"),
            presence=PresenceConfig("key", device=str(tmp_path / "event0"), door=True),
        ),
        tmp_path,
    )


@pytest.mark.parametrize(
    ("name", "why", "remedy"),
    [
        ("scanner", "connection refused", ""),
        ("camera", "video0 is not there", "/dev/v4l/by-id"),
        ("printer", "connection refused", "[printer] url"),
        ("presence", "event0 is not there", "/dev/input/by-id"),
    ],
)
def test_a_device_that_is_not_there_says_where_it_was_looked_for(
    silent: Fitted, name: str, why: str, remedy: str
) -> None:
    complaint = silent.complaint(name)
    assert complaint is not None
    assert complaint.why.endswith(why)
    assert remedy in complaint.remedy


def test_what_is_not_fitted_and_what_has_nothing_to_say_complain_of_nothing(silent: Fitted) -> None:
    assert silent.complaint("lamp") is None
    assert silent.complaint("locker") is None


def test_a_folder_names_itself_until_it_is_back(tmp_path: Path) -> None:
    devices = fit(Fittings(ScannerConfig("folder", "drop")), tmp_path)
    complaint = devices.complaint("scanner")
    assert complaint is not None
    assert f"{tmp_path / 'drop'}” cannot be used: No such file or directory" in complaint.why
    (tmp_path / "drop").mkdir()
    assert devices.complaint("scanner") is None


def test_a_scanner_that_answers_complains_of_nothing_and_scans_nothing(tmp_path: Path) -> None:
    virtual = VirtualEscl(3, pages=1)
    try:
        assert fit(Fittings(ScannerConfig("escl", url=virtual.url)), tmp_path).complaint("scanner") is None
        assert virtual.seen == []
    finally:
        virtual.close()


def test_a_usb_scanner_says_what_scanimage_says(tmp_path: Path) -> None:
    needs_scanimage()
    devices = fit(Fittings(ScannerConfig("sane", device="no-such-backend")), tmp_path)
    try:
        complaint = devices.complaint("scanner")
    finally:
        devices.close()
    assert complaint is not None
    assert "Invalid argument" in complaint.why


def test_without_scanimage_its_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    devices = fit(Fittings(ScannerConfig("sane", device="genesys")), tmp_path)
    try:
        complaint = devices.complaint("scanner")
    finally:
        devices.close()
    assert complaint is not None
    assert "sane-utils" in complaint.why
    assert "apt-get install" in complaint.remedy
