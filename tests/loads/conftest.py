"""A server that records all requests, and the load generator's processes; each file of tests has its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.locust_environment import Generator, generator
from tests.recording import Recording, recording

WORKERS = [pytest.param(2, id="two workers"), pytest.param(1, id="one worker", marks=pytest.mark.long)]


@pytest.fixture(scope="module")
def target() -> Iterator[Recording]:
    with recording() as found:
        yield found


@pytest.fixture
def server(target: Recording) -> Recording:
    """The server without records of other tests."""
    target.seen.clear()
    target.responses.clear()
    target.delay_s, target.rejects_logins = 0.0, False
    return target


@pytest.fixture(scope="module", params=WORKERS)
def started(request: pytest.FixtureRequest, target: Recording) -> Iterator[Generator]:
    with generator(target.url, int(request.param)) as found:
        yield found
