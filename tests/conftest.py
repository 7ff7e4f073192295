"""What holds for every test that draws examples: the same ones in each run, and no time to keep to.

`pytest --hypothesis-profile=search` draws others."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

# A test that fails by chance fails somebody who has changed nothing; a machine may be busy.
_UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow], database=None)
settings.register_profile("same", _UNHURRIED, derandomize=True)
settings.register_profile("search", _UNHURRIED)
settings.load_profile("same")
