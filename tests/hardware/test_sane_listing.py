"""SANE's devices by name, with a configuration of our own."""

from hardware.devices import sane_listing
from hardware.devices.sane_listing import Found
from tests.hardware.sane import needs_scanimage


def test_only_the_backend_that_is_named_is_loaded(tmp_path):
    needs_scanimage()
    sane_listing.furnish(tmp_path, "test:0", "number_of_devices 3")
    env = sane_listing.environment(tmp_path)
    found = sane_listing.listed(env, 30)
    assert [device.device for device in found] == ["test:0", "test:1", "test:2"]
    assert found[0] == Found("test:0", "Noname", "frontend-tester", "virtual device")


def test_a_device_is_found_by_its_beginning_and_a_bus_address_does_not_count(tmp_path):
    needs_scanimage()
    sane_listing.furnish(tmp_path, "test", "number_of_devices 2")
    env = sane_listing.environment(tmp_path)
    assert sane_listing.find("test:1", env, 30) == "test:1"
    assert sane_listing.find("test", env, 30) == "test:0"
    assert sane_listing.find("testing:libusb:001:007", env, 30) is None
    assert sane_listing.find("test:1:libusb:001:007", env, 30) == "test:1"
    assert sane_listing.find("pnm:0", env, 30) is None


def test_discovery_ends_in_time_and_never_raises(monkeypatch):
    assert sane_listing.discover(0.0) == []
    monkeypatch.setenv("PATH", "")
    assert sane_listing.discover(5.0) == []
