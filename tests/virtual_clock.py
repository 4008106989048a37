"""Studies in memory on a virtual clock, whose loads, switches and repairs take as long as a test decides."""

from __future__ import annotations

import random
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from harness.deploy.ansible import PlaybookOutcome
from harness.deploy.deployment import REPAIR
from harness.records.series import Sample
from harness.records.trial_path import TrialPath
from harness.study.events import Event, TrialEnded
from harness.study.runner import Study
from harness.traffic import run_load
from harness.traffic.load_generator import LoadSpec
from tests.study_stubs import CAPACITY_PER_S, FakeLoadGenerator, FakePlaybook, FakeSite

START_S = 1_700_000_000.0


@dataclass(kw_only=True)
class Durations:
    """Seconds that the hosts take, each varied by up to `spread` of it.

    `lead_s` is the time from the start of a load to its second 0.
    """

    balancer_s: float = 1.0
    servers_s: float = 20.0
    repair_s: float = 10.0
    lead_s: float = 0.0
    spread: float = 0.3
    draw: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - no secret

    def varied(self, seconds: float) -> float:
        """Return a duration with its variation."""
        return seconds * self.draw.uniform(1 - self.spread, 1 + self.spread)


class TimedSite(FakeSite):
    """In-memory hosts on a virtual clock; `ended` has the time and the event of the end of each trial."""

    def __init__(self, durations: Durations, servers: int = 2) -> None:
        super().__init__(servers)
        self.now, self.durations = START_S, durations
        self.ended: list[tuple[float, TrialEnded]] = []
        self.dependencies = replace(
            self.dependencies,
            start_playbook=partial(TimedPlaybook, self),
            connect_load_generator=lambda _grid, _inventory, _connections: TimedLoadGenerator(self),
            sleep=self.pass_time,
        )

    def pass_time(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds

    def measured(self, results: Path, monkeypatch: pytest.MonkeyPatch, **keys: Any) -> list[tuple[float, TrialEnded]]:
        """Measure a whole study; return the time and the event of the end of each trial."""
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now)
        monkeypatch.setattr(run_load, "time", clock)
        config = self.config(results, **keys)
        Study(results, config, self._listen, lambda: False, self.dependencies).run()
        return self.ended

    def _listen(self, event: Event) -> None:
        if isinstance(event, TrialEnded):
            self.ended.append((self.now, event))


class TimedPlaybook(FakePlaybook):
    """Playbook that takes time: a restart of the servers more than a reload of the balancer."""

    def __init__(self, site: TimedSite, *arguments: Any, **more: Any) -> None:
        super().__init__(site, *arguments, **more)
        self._clock = site

    def wait(self, timeout_s: float) -> PlaybookOutcome:
        durations, tags = self._clock.durations, set(self._tags or ())
        seconds = durations.balancer_s
        if tags >= set(REPAIR):
            seconds = durations.repair_s
        elif any(tag.startswith("ml_server") for tag in tags):
            seconds = durations.servers_s
        self._clock.pass_time(durations.varied(seconds))
        return super().wait(timeout_s)


class TimedLoadGenerator(FakeLoadGenerator):
    """Load generator whose seconds pass on the virtual clock, and whose last requests take their response time."""

    def __init__(self, site: TimedSite) -> None:
        super().__init__(site)
        self._clock = site

    def start(self, load: LoadSpec) -> float:
        super().start(load)
        self._clock.began_at = self._clock.now + self._clock.durations.varied(self._clock.durations.lead_s)
        return self._clock.began_at

    def samples(self, since: int) -> tuple[list[Sample], bool]:
        assert self._load is not None
        elapsed_s = self._clock.now - self._clock.began_at
        while len(self._clock.rows) < min(int(elapsed_s), self._load.duration_s):
            self._clock.second(self._load)
        response_s = self._load.users / (CAPACITY_PER_S * len(self._clock.servers())) - self._load.think_time_s
        self._over = elapsed_s >= self._load.duration_s + max(0.0, response_s)
        return self._clock.rows[since:], self._over


def after_first_block(ended: list[tuple[float, TrialEnded]]) -> tuple[float, float]:
    """Return the estimated and the real time in seconds from the end of the first block to that of the last trial."""
    blocks = [TrialPath.parse(event.trial).repeat for _, event in ended]
    at, event = ended[blocks.index(2) - 1]
    return event.remaining_s, ended[-1][0] - at
