"""Small healthy records for tests to modify."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from harness.grid import references
from harness.grid.request import Request
from harness.grid.schema import Grid
from harness.grid.types import Levels
from harness.judge import latency_stats
from harness.judge.assess import assess
from harness.judge.observation import Observation
from harness.plan import order as plan
from harness.records.counters import BalancerCounters
from harness.records.directory import StudyDirectory
from harness.records.series import BalancerSample, HostSample, Sample
from harness.records.study import Configuration, StudyRecord
from harness.records.trial import TrialData, TrialRecord
from harness.study.identity import identify
from harness.summarise import tables
from harness.summarise.summary import summarise_directory
from harness.traffic.load_generator import LoadSpec
from harness.traffic.sent_traffic import SentTraffic

WINDOW = (7.0, 17.0)
BASE = {
    "name": "study",
    "factors": {"servers": [1, 2], "vusers": [100, 200]},
    "load": {"think_time": "1s", "ramp_up": "2s", "duration": "12s"},
    "request": {"path": "/"},
}


def grid(**more: object) -> Grid:
    """Return a small valid grid; keyword arguments replace its keys."""
    filled = references.fill({**BASE, **more}, os.environ)
    return Grid.model_validate(filled.data).with_secrets(filled.secrets)


def load(**more: Any) -> LoadSpec:
    """Return the load of a small closed loop; keyword arguments replace its fields, `request` its traffic."""
    fields: dict[str, Any] = {
        "trial": "t",
        "url": "http://10.0.0.1",
        "users": 20,
        "think_time_s": 1.0,
        "ramp_up_s": 1.0,
        "duration_s": 9.0,
        "timeout_s": 5.0,
        "window_from_s": 2.0,
    }
    request = more.pop("request", Request(path="/"))
    return LoadSpec(**{"traffic": SentTraffic.of(request), **fields, **more})


def samples(rate: int, users: int, think_s: float = 2.0, seconds: int = 18, **more: Any) -> list[Sample]:
    """Return seconds of a closed loop in which each user either thinks or waits for a response."""
    in_flight = users - rate * think_s
    row = Sample(
        t_s=0,
        completed=rate,
        failed=0,
        users=users,
        in_flight=in_flight,
        mean_ms=1000 * in_flight / rate,
        think_s=rate * think_s,
        thinks=rate,
        busiest_cpu_s=0.2,
        lag_ms=1.0,
        thinking=rate * think_s,
    )
    return [replace(row, t_s=t, **more) for t in range(seconds)]


def observation(rate: int = 280, users: int = 1000, servers: int = 1, **more: Any) -> Observation:
    """Return a healthy trial of `servers` servers; keyword arguments replace its fields."""
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
        "hosts": [
            HostSample(t_s=t + 0.5, host=name, cpu_cores=0.19, throttled_share=0.9, memory_mb=90.0)
            for name in [*names, "generator"]
            for t in range(18)
        ],
        "caps": {**dict.fromkeys(names, 0.2), "generator": 0.8},
        "generators": ["generator"],
        "failures": {},
        "lost_workers": 0,
        "balancer": BalancerCounters(**balancer),
        "served": {name: {"200": each} for name in names},
        "expected_servers": expected,
        "died": {},
    }
    return Observation(**{**base, **more})


def record(servers: int, vusers: int, repeat: int, tps: float | None, **more: Any) -> TrialRecord:
    """Return a trial's record; it is invalid if `tps` is None."""
    base: dict[str, Any] = {
        "id": f"{servers}-{vusers}-{repeat}",
        "cell": {"servers": servers, "vusers": vusers},
        "repeat": repeat,
        "block_position": repeat,
        "started_at": "2026-01-01T00:00:00+00:00",
        "outcome": "ok" if tps is not None else "invalid",
        "cause": "" if tps is not None else "the generator counts 9 successes, the balancer 99",
        "tps_mean": tps,
        "tps_peak": None if tps is None else tps * 1.03,
        "error_rate": 0.0,
        "bottleneck": {
            "component": "server",
            "basis": {"kind": "slow server", "detail": "the CPU utilization of server-1 was 100 %"},
            "reason": "the CPU utilization of server-1 was 100 %",
            "next_bottleneck": "",
            "figures": {},
        },
    }
    return TrialRecord.model_validate({**base, **more})


def changed(what: TrialRecord, **more: Any) -> TrialRecord:
    """Return the record with other values, validated."""
    return TrialRecord.model_validate({**what.model_dump(mode="json"), **more})


def judged(what: TrialRecord, limit: str, **figures: float) -> TrialRecord:
    """Return the record with another bottleneck."""
    bottleneck = what.bottleneck.model_dump() if what.bottleneck else {}
    return changed(what, bottleneck={**bottleneck, "component": limit, "figures": figures})


def logged(seen: Observation, **more: Any) -> Observation:
    """Return the observation with other counters of the balancer."""
    return replace(seen, balancer=seen.balancer.model_copy(update=more))


def study(directory: StudyDirectory, rates: dict[tuple[int, int], list[float | None]], **more: Any) -> StudyDirectory:
    """Write a study: (servers, vusers) → mean TPS of each repeat, None for an invalid trial.

    `limits` maps cells to bottlenecks; other keyword arguments are keys of the grid.
    """
    limits = more.pop("limits", {})
    repeats = max(len(values) for values in rates.values())
    factors = {"servers": sorted({s for s, _ in rates}), "vusers": sorted({v for _, v in rates})}
    configuration = grid(factors=factors, repeats=repeats, **more).model_dump(mode="json", by_alias=True)
    plan = []
    for (servers, vusers), values in rates.items():
        for repeat, tps in enumerate(values, 1):
            made = record(servers, vusers, repeat, tps)
            if (servers, vusers) in limits:
                made = judged(made, limits[servers, vusers])
            where = f"servers-{servers}_vusers-{vusers}/r{repeat}"
            rows = samples(round(tps), vusers, think_s=0.1) if tps else []
            directory.write_trial(where, TrialData(record=made, samples=rows, hosts=[], balancer=[]))
            plan.append(where)
    written = study_record(configuration={"grid": configuration}, plan=plan)
    directory.write_study(written)
    return directory


def study_record(**more: Any) -> StudyRecord:
    """Return the record of a study in a lab; keyword arguments replace its keys."""
    base: dict[str, Any] = {
        "name": "study",
        "created_at": "2026-01-01T00:00:00+00:00",
        "configuration": {"grid": grid().model_dump(mode="json", by_alias=True)},
        "seed": 2024,
    }
    runs = [{"started_at": base["created_at"], **run} for run in more.pop("runs", [])]
    return StudyRecord.model_validate({**base, "runs": runs, **more})


def trial_data(
    servers: int, vusers: int, repeat: int, rate: int, position: int, levels: Levels | None = None, **more: Any
) -> TrialData:
    """Return a trial as `assess` judges its raw data; `levels` are of further factors, `more` are keys of the grid."""
    seen = observation(rate=rate, users=vusers, servers=servers)
    names = [*seen.expected_servers, "generator", "balancer"]
    state = {
        "running": True,
        "started_at": "2026-01-01",
        "restarts": 0,
        "oom_killed": False,
        "exit_code": 0,
        "image": "",
    }
    caps = {**seen.caps, "balancer": 0.4}
    rows = list(seen.samples)
    hosts = [
        HostSample(t_s=t + 0.5, host=name, cpu_cores=0.19, throttled_share=0.9, memory_mb=90.0)
        for name in names
        for t in range(18)
    ]
    each = sum(s.completed for s in rows) // servers
    unjudged = TrialRecord.model_validate(
        {
            "id": f"{position:04d}-r{repeat}",
            "cell": {"servers": servers, "vusers": vusers, **(levels or {})},
            "repeat": repeat,
            "block_position": position,
            "started_at": "2026-01-01T00:00:00+00:00",
            "outcome": "",
            "unloaded_ms": 10.0,
            "counters": {
                "generator": {"errors": {}, "workers": 1},
                "balancer": {**seen.balancer.model_dump(), "statuses": {"200": each * servers}, "retried": 0},
                "servers": {name: {"200": each} for name in seen.expected_servers},
            },
            "hosts": {name: {side: {**state, "cpus": caps[name]} for side in ("before", "after")} for name in names},
            "context": {
                "users": vusers,
                "lost_workers": 0,
                "stopped_s": None,
                "generators": ["generator"],
                "balancer": "balancer",
                "expected_servers": dict(seen.expected_servers),
                "kind": "lab",
                "ceiling": 1800.0,
                "machine_of": dict.fromkeys(names, "this machine"),
                "network": {},
                "logged": {},
                "cpu_models": {},
            },
        }
    )
    balancer = [BalancerSample(0, address, "200", each) for address in seen.expected_servers.values()]
    latencies = latency_stats.histogram_of_ms([(900 + 10 * position, each), (1100, each)])
    data = TrialData(record=unjudged, samples=rows, hosts=hosts, balancer=balancer, latencies=latencies)
    return replace(data, record=assess(data, grid(**more)))


def measured_study(directory: StudyDirectory, levels: Levels | None = None, **more: Any) -> StudyDirectory:
    """Write a study of two topologies with three repeats, with digests and tables, that passes `check`.

    `levels` has the level of each further factor.
    """
    factors = {"servers": [1, 2], "vusers": [2000], **{name: [level] for name, level in (levels or {}).items()}}
    written = grid(factors=factors, repeats=3, **more)
    configuration = Configuration(grid=written.model_dump(mode="json", by_alias=True))
    directory = StudyDirectory(directory.path.with_name(f"study-{identify(written, configuration)}"))
    seed = 2024 if written.seed is None else written.seed
    planned = [trial for block in (1, 2, 3) for trial in plan.order(written.cells.known, block, seed)]
    digests = {}
    for position, trial in enumerate(planned, 1):
        rate = {1: 280, 2: 540}[trial.cell.servers] + 3 * trial.repeat * trial.cell.servers - position
        directory.write_trial(
            trial.path,
            trial_data(trial.cell.servers, 2000, trial.repeat, rate, position, levels, factors=factors, **more),
        )
        digests[trial.path] = directory.digest_of(trial.path)
    made = study_record(
        configuration=configuration,
        plan=[trial.path for trial in planned],
        digests=digests,
        seed=seed,
        ceiling={"per_s": 1800.0, "users": 64, "measured_at": "2026-01-01T00:00:00+00:00"},
        stopping={"min": 3, "max": 3},
    )
    directory.write_study(made)
    from harness.records import (
        csv_tables,  # pandas takes half a second to import
    )

    summary = summarise_directory(directory)
    (directory.path / "cells.csv").write_text(csv_tables.cells_csv(tables.cells(summary)))
    (directory.path / "gains.csv").write_text(csv_tables.gains_csv(tables.gains(summary), summary.grid))
    return directory
