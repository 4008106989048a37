"""Rules for every test: its own time limit, a random order, and one process for tests that share hosts."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path

import pytest
import threadpoolctl
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling

from harness import process_environment, secrecy

# As in every command. pytest-randomly has loaded NumPy already, and a second thread would only wait, with all its CPU.
process_environment.limit_threads(os.environ)
threadpoolctl.threadpool_limits(1, "blas")

TESTS = Path(__file__).parent
# Seconds until a hung test fails with its name, on a machine five times slower than usual or with a third of the CPU.
UNIT_LIMIT_S, INTEGRATION_LIMIT_S, LONG_LIMIT_S = 600, 900, 2400
# Tests of these folders share the lab and the rehearsal fleet.
SHARED_HOSTS = ("tests/integration/", "tests/collection/", "tests/rehearsal/")


class OneProcessForHosts(LoadScopeScheduling):  # type: ignore[misc] # xdist has no types
    """With `-n`, assign each file to one worker, and all tests that share hosts to one worker."""

    def _split_scope(self, nodeid: str) -> str:
        return "hosts" if nodeid.startswith(SHARED_HOSTS) else nodeid.split("::", 1)[0]


@pytest.fixture(autouse=True)
def no_secrets_of_another_test(monkeypatch: pytest.MonkeyPatch) -> None:
    """Clear the secrets that this process masks in its output."""
    monkeypatch.setattr(secrecy, "_known", set())


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> OneProcessForHosts:
    """Return a scheduler with which the number of workers changes no result."""
    return OneProcessForHosts(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Set time limits; sort tests marked `last` behind the others, in any random order."""
    for item in items:
        if item.get_closest_marker("timeout") is None:
            quick = item.path.relative_to(TESTS).parts[0] in ("unit", "browser")
            limit_s = UNIT_LIMIT_S if quick else INTEGRATION_LIMIT_S
            item.add_marker(pytest.mark.timeout(LONG_LIMIT_S if item.get_closest_marker("long") else limit_s))
    yield
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """Return 0 for most tests; for a test marked `last` its number, by default 1."""
    mark = item.get_closest_marker("last")
    return 0 if mark is None else mark.args[0] if mark.args else 1
