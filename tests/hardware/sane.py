"""What tests need of SANE on this machine."""

import shutil


def needs_scanimage() -> None:
    """Fails in words when it is not installed."""
    assert shutil.which("scanimage"), "These tests scan with the real scanimage: install the Debian package sane-utils."


def airscan_conf(url: str) -> str:
    """Configuration of the backend `airscan` for one device, without looking around in the network."""
    return f'[devices]\n"Kabine" = {url}, eSCL\n[options]\ndiscovery = disable\n'
