"""Rules for every test: its own time limit, a random order, and one process for tests that share hosts."""

from __future__ import annotations

from collections.abc import Generator
from pathlib import Path

import pytest

TESTS = Path(__file__).parent
# Seconds until a hung test fails with its name, on a machine five times slower than usual or with a third of its CPU.
UNIT_LIMIT_S, INTEGRATION_LIMIT_S, LONG_LIMIT_S = 180, 900, 2400
# With `-n` one worker gets all tests of a group (--dist=loadgroup): those of a file, or those that share the lab, the
# fleet or the simulated account, so that the number of workers changes no result.
SHARED_HOSTS = {"integration": "hosts", "collection": "hosts", "rehearsal": "hosts", "ec2": "ec2"}


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None]:
    """Set limits and groups; put tests marked `last` behind the others, whatever the random order."""
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        if item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(SHARED_HOSTS.get(folder, str(item.path.relative_to(TESTS)))))
        if item.get_closest_marker("timeout") is None:
            limit_s = UNIT_LIMIT_S if folder in ("unit", "browser") else INTEGRATION_LIMIT_S
            item.add_marker(pytest.mark.timeout(LONG_LIMIT_S if item.get_closest_marker("long") else limit_s))
    yield
    items.sort(key=_turn)


def _turn(item: pytest.Item) -> int:
    """0 for most tests; for those marked `last` their number, which is 1 if they give none."""
    mark = item.get_closest_marker("last")
    return 0 if mark is None else mark.args[0] if mark.args else 1
