"""Small real records for tests: what a healthy trial looks like, to be bent by each test."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from harness.observation import Observation
from harness.results import HostSample, Sample, StudyDirectory, TrialData, TrialRecord
from tests.unit.test_grid import grid

WINDOW = (7.0, 17.0)


def samples(rate: int, users: int, think_s: float = 2.0, seconds: int = 18, **more: Any) -> list[Sample]:
    """A closed loop that closes: everybody who does not think waits for an answer."""
    in_flight = users - rate * think_s
    row = Sample(0, rate, 0, users, in_flight, 1000 * in_flight / rate, rate * think_s, rate, 0.2, 1.0)
    return [replace(row, t_s=t, **more) for t in range(seconds)]


def observation(rate: int = 280, users: int = 1000, servers: int = 1, **more: Any) -> Observation:
    """A healthy trial of `servers` servers; keyword arguments replace what a test is about."""
    rows = more.pop("samples", None) or samples(rate, users)
    done = sum(s.completed for s in rows)
    names = [f"server-{i + 1}" for i in range(servers)]
    expected = {name: f"10.0.0.{i + 1}:8080" for i, name in enumerate(names)}
    each = done // servers
    balancer = {
        "statuses": {"200": done},
        "upstreams": {address: {"200": each} for address in expected.values()},
        "mean_in_flight": sum(s.in_flight or 0.0 for s in rows) / len(rows),
        "events": {},
    }
    base: dict[str, Any] = {
        "users": users,
        "think_time_s": 2.0,
        "window_from_s": WINDOW[0],
        "window_to_s": WINDOW[1],
        "samples": rows,
        "hosts": [HostSample(t + 0.5, name, 0.19, 0.9, 90.0) for name in [*names, "generator"] for t in range(18)],
        "caps": {**dict.fromkeys(names, 0.2), "generator": 0.8},
        "generators": ["generator"],
        "generator_errors": {},
        "lost_workers": 0,
        "balancer": balancer,
        "served": {name: {"200": each} for name in names},
        "expected": expected,
        "died": {},
    }
    return Observation(**{**base, **more})


def record(servers: int, vusers: int, repeat: int, tps: float | None, **more: Any) -> TrialRecord:
    """A trial's record; without a rate it is a refused one."""
    base: dict[str, Any] = {
        "id": f"{servers}-{vusers}-{repeat}",
        "cell": {"servers": servers, "vusers": vusers},
        "repeat": repeat,
        "block_position": repeat,
        "started_at": "2026-01-01T00:00:00+00:00",
        "outcome": "ok" if tps is not None else "refused",
        "cause": "" if tps is not None else "the generator counts 9 successes, the balancer 99",
        "tps_mean": tps,
        "tps_peak": None if tps is None else tps * 1.03,
        "error_rate": 0.0,
        "verdict": {"limit": "server", "why": "server-1 used 100 % of its CPU", "next_limit": "", "figures": {}},
    }
    return TrialRecord(**{**base, **more})


def study(directory: StudyDirectory, rates: dict[tuple[int, int], list[float | None]], **more: Any) -> StudyDirectory:
    """A study on disk: (servers, vusers) → mean TPS of each repeat, None for a refused trial.

    `limits` maps cells to verdicts; other keywords go into the grid.
    """
    limits = more.pop("limits", {})
    repeats = max(len(values) for values in rates.values())
    factors = {"servers": sorted({s for s, _ in rates}), "vusers": sorted({v for _, v in rates})}
    configuration = grid(factors=factors, repeats=repeats, **more).model_dump(mode="json", by_alias=True)
    plan = []
    for (servers, vusers), values in rates.items():
        for repeat, tps in enumerate(values, 1):
            said = record(servers, vusers, repeat, tps)
            if (servers, vusers) in limits:
                said.verdict = {**said.verdict, "limit": limits[servers, vusers]}
            where = f"servers-{servers}_vusers-{vusers}/r{repeat}"
            rows = samples(round(tps), vusers, think_s=0.1) if tps else []
            directory.write_trial(where, TrialData(said, rows, [], []))
            plan.append(where)
    directory.write_json(
        "study.json",
        {
            "format": 1,
            "name": "study",
            "created_at": "2026-01-01T00:00:00+00:00",
            "configuration": {"format": 1, "grid": configuration, "hosts": {}},
            "plan": plan,
            "seed": 2024,
            "kind": "lab",
            "environment": {},
            "sizing": None,
            "runs": [],
        },
    )
    return directory
