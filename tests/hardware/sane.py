"""What tests need of SANE on this machine."""

import shutil


def needs_scanimage() -> None:
    """Fails in words when it is not installed."""
    assert shutil.which("scanimage"), "These tests scan with the real scanimage: install the Debian package sane-utils."
