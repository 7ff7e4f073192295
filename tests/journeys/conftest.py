"""Journeys: a whole house of real processes over real CurveZMQ."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.journeys.kiosk import Cabin, Visitor, browser, cabins, visitor
from tests.journeys.stage import Stage, stage
from tools.bench import quiet_net

_SETTINGS = ("KABINE_HUB", "KABINE_INBOX", "KABINE_PASSPHRASE_FILE")


@pytest.fixture(autouse=True, scope="session")
def _no_settings() -> Iterator[None]:
    """What somebody has set for his own hub does not reach these."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name in _SETTINGS]:
            patch.delenv(name)
        yield


@pytest.fixture(autouse=True, scope="session")
def _a_network_of_their_own() -> None:
    """Others who make and remove interfaces meanwhile (tests/tools/torture does) are not noticed: Chromium then breaks off what it has asked for.
    Where the kernel does not let us, they are."""
    quiet_net.enter_wholly()


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Templin and Gartz, one house for all tests of a module."""
    with stage(tmp_path_factory.mktemp("town"), "templin", "gartz") as made:
        yield made


@pytest.fixture
def templin(tmp_path: Path) -> Iterator[Stage]:
    """A house of one cabin, for a test that leaves nothing as it was."""
    with stage(tmp_path, "templin") as made:
        yield made


@pytest.fixture(scope="session")
def chrome(_a_network_of_their_own: None) -> Iterator[Browser]:
    """One Chromium for everybody who looks at a screen; its profiles lie in memory, as in a cabin. On a busy disk it stands still for a minute."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", "/dev/shm")
        driver = sync_playwright()
        playwright = driver.__enter__()
    try:
        with browser(playwright) as started:
            yield started
    finally:
        driver.__exit__()


@pytest.fixture(scope="module")
def screens(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Cabin]]:
    """A cabin with a screen of each size, by its width: 1920 and 1280. Whoever uses one leaves it at the start page."""
    with cabins(tmp_path_factory.mktemp("screens"), "1920", "1280") as made:
        yield made


@pytest.fixture(params=["1920", "1280"])
def somebody(request: pytest.FixtureRequest, chrome: Browser, screens: dict[str, Cabin]) -> Iterator[Visitor]:
    """Somebody at a screen of each size."""
    with visitor(chrome, screens[request.param], request.param) as came:
        yield came
        came.cabin.mended()
        came.end()
        assert not came.mishaps


@pytest.fixture
def one(chrome: Browser, screens: dict[str, Cabin]) -> Iterator[Visitor]:
    """Somebody at the usual screen."""
    with visitor(chrome, screens["1920"]) as came:
        yield came
        came.cabin.mended()
        came.end()
        assert not came.mishaps
