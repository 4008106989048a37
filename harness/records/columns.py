"""Columns of all data frames in their order, each with its pandas type. Pure.

Nullable types (Int64, Float64, string, boolean) may have missing values; int64, float64 and bool have none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

from harness.grid.cells import SearchedCells
from harness.grid.schema import Grid
from harness.grid.types import Level
from harness.records.series import HostSample, Sample

Kinds = Mapping[str, str]  # column → pandas type

_PLAIN = {"int": "int64", "float": "float64", "str": "string", "float | None": "Float64", "int | None": "Int64"}
SAMPLES, HOSTS = ({f.name: _PLAIN[str(f.type)] for f in dataclasses.fields(row)} for row in (Sample, HostSample))
SHARED = ("t_s", "completed", "failed", "users", "in_flight", "mean_ms")  # of samples.csv, in results.parquet

OF_TRIAL = {  # identify a trial's rows
    "trial": "string",  # <cell>/r<repeat>, the folder below trials/
    "repeat": "int64",
    "block_position": "int64",
    "control": "bool",
    "outcome": "string",
    "usable": "bool",
}
TRIALS = {
    **OF_TRIAL,
    "started_at": "datetime64[us, UTC]",
    "cause": "string",
    "window_from_s": "Float64",
    "window_to_s": "Float64",
    **dict.fromkeys(("tps_mean", "tps_peak", "p50_ms", "p95_ms", "p99_ms", "error_rate"), "Float64"),
    **dict.fromkeys(("unloaded_ms", "load_s", "overhead_s"), "Float64"),
    "bottleneck": "string",
}
CELLS = {
    **dict.fromkeys(("trials", "usable"), "int64"),
    **dict.fromkeys(("tps_mean", "tps_low", "tps_high", "tps_peak"), "Float64"),
    **dict.fromkeys(("p50_ms", "p95_ms", "p99_ms", "error_rate"), "Float64"),
    **dict.fromkeys(("outcome", "bottleneck", "reason"), "string"),
}
REQUESTS = {
    **dict.fromkeys(("request", "kind"), "string"),
    **dict.fromkeys(("requests", "failed"), "int64"),
    "share": "Float64",
    **dict.fromkeys(("tps_mean", "tps_low", "tps_high", "error_rate"), "Float64"),
    **dict.fromkeys(("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"), "Float64"),
}
TRIAL_REQUESTS = {
    **dict.fromkeys(("request", "kind"), "string"),
    **dict.fromkeys(("requests", "failed", "completed"), "int64"),
    **dict.fromkeys(("share", "tps", "error_rate"), "Float64"),
    **dict.fromkeys(("mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "max_ms"), "Float64"),
}
GAINS = {
    **dict.fromkeys(("from_servers", "to_servers"), "int64"),
    **dict.fromkeys(("gain", "low", "high", "peak_gain", "step_ideal", "efficiency"), "Float64"),
    "k": "int64",
    **dict.fromkeys(("conclusion", "reason"), "string"),
    **dict.fromkeys(("simultaneous_low", "simultaneous_high", "minimum_detectable_gain"), "Float64"),
}
FAILOVER = {  # means over trials, some with minimum and maximum
    **dict.fromkeys(("failed_servers", "trials"), "int64"),
    **dict.fromkeys(("failed", "failed_least", "failed_most", "failed_at_balancer"), "Float64"),
    **dict.fromkeys(("failing", "to_the_end"), "int64"),
    **dict.fromkeys(("failing_s", "failing_least_s", "failing_most_s"), "Float64"),
    "recovered": "int64",
    **dict.fromkeys(("recovery_s", "recovery_least_s", "recovery_most_s"), "Float64"),
    **dict.fromkeys(("expected", "left", "left_least", "left_most", "still_failing"), "Float64"),
    "latency_recovered": "int64",
    "latency_recovery_s": "Float64",
    "p95_recovered": "int64",
    **dict.fromkeys(
        ("p95_recovery_s", "p95_recovery_least_s", "p95_recovery_most_s", "before_ms", "after_ms", "p95_ms"), "Float64"
    ),
}
CAPACITY = {
    "factor": "string",
    **dict.fromkeys(("capacity", "low", "high"), "Float64"),
    "bound": "string",
    **dict.fromkeys(("blocks", "requests"), "int64"),
    "bottleneck": "string",
    **dict.fromkeys(("gain", "gain_low", "gain_high", "efficiency"), "Float64"),
    **dict.fromkeys(("conclusion", "reason"), "string"),
    **dict.fromkeys(("reference", "n_minus_1", "n_minus_1_low", "n_minus_1_high"), "Float64"),
    "component": "string",
}
AT_SATURATION = {"load": "string"}  # the last column of gains.csv in a grid with a search


def of_gains(grid: Grid, factors: Kinds) -> dict[str, str]:
    """Columns of a grid's gains.csv. A step is between numbers of servers, so `servers` is not a factor column."""
    others = {name: factors[name] for name in grid.factors if name != "servers"}
    sides = dict.fromkeys(("from_servers", "to_servers"), "string") if grid.server_types else {}
    return {**others, **GAINS, **sides, **(AT_SATURATION if isinstance(grid.cells, SearchedCells) else {})}


def of_capacity(grid: Grid, factors: Kinds) -> dict[str, str]:
    """Columns of a grid's capacity.csv. A capacity is a load, so the load is not a factor column."""
    return {**{name: factors[name] for name in grid.factors if name not in ("vusers", "rate")}, **CAPACITY}


def levels(grid: Grid) -> dict[str, list[Level]]:
    """All levels in the grid, by factor, without a load that is searched."""
    return {name: [*named, *(part[name] for part in grid.include)] for name, named in grid.levels.items()}


def of_factors(grids: Iterable[Grid]) -> dict[str, str]:
    """Return factor → type that holds all its levels; text if the levels have different types."""
    types: dict[str, set[type]] = {}
    for grid in grids:
        named = levels(grid)
        for name in grid.factors:
            types.setdefault(name, set()).update(type(level) for level in named.get(name, ()))
        if isinstance(grid.cells, SearchedCells):  # rates that it settles on have three digits
            types[grid.load_factor].update({int, float} if grid.is_open else {int})
    return {name: _kind(found) for name, found in types.items()}


def _kind(types: set[type]) -> str:
    if len(types) == 1:
        return {bool: "boolean", int: "Int64", float: "Float64", str: "string"}[next(iter(types))]
    return "Float64" if types == {int, float} else "string"


def printed(level: object) -> str | None:
    """Format a level as in cells.csv and gains.csv: floats with six digits."""
    if level is None:
        return None
    return f"{level:.6g}" if isinstance(level, float) else str(level)
