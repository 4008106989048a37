"""`study.py compare`: two or more studies, cell by cell (rule E21). Pure but for reading.

Comparable first: what differs between the studies besides what they are meant to show is listed
before any figure, and what cannot be told is said.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.grid.engines import BY_NAME, ENGINES
from harness.grid.types import Levels
from harness.records.directory import StudyDirectory
from harness.records.study import Environment, StudyRecord
from harness.study import identity
from harness.study.measured import from_directory
from harness.summarise import intervals
from harness.summarise.cell import CellSummary
from harness.summarise.intervals import Interval
from harness.summarise.summary import Summary

# Differences in these make throughputs incomparable, unless somebody wants to see just their effect.
WEIGHTY = (
    ("machine.cpu", "CPU model"),
    ("machine.cores", "number of cores"),
    ("machine.kernel", "kernel"),
    ("hosts", "hosts' machines"),
    ("docker", "Docker engine"),
    ("nginx", "nginx"),
    *((kind.name, kind.shown) for kind in ENGINES),
    ("image_digests", "images"),
)


@dataclass(frozen=True)
class Ratio:
    """One cell in a later study against the first one: a Welch interval on logarithms, as blocks are not shared."""

    cell: Levels
    before: CellSummary
    after: CellSummary
    ratio: Interval | None
    word: str


@dataclass(frozen=True)
class Comparison:
    """`reasons` say why the two should not be compared, `differences` what else is not the same."""

    before: str
    after: str
    reasons: list[str]
    differences: list[str]
    unknown: list[str]
    ratios: list[Ratio]
    only_one: list[str]


@dataclass(frozen=True)
class Study:
    """A study as it is compared."""

    name: str
    said: StudyRecord
    summary: Summary


def load(directory: StudyDirectory) -> Study:
    """Read a study; raises BadInput when there is none."""
    return Study(directory.path.name, directory.need_study(), from_directory(directory))


def compare(first: Study, later: Study) -> Comparison:
    """Everything that can be said of two studies."""
    reasons, unknown = _environment(first.said.where, later.said.where)
    if first.said.kind != later.said.kind:
        reasons.append(f"kind of hosts: {first.said.kind} → {later.said.kind}")
    differences = []
    for line in identity.differences(first.said.configuration, later.said.configuration):
        what = line.partition(": ")[0]
        if what.startswith(("grid.load", "grid.request", "grid.engine", "grid.evidence")):
            reasons.append(line.removeprefix("grid."))
        elif not what.startswith(("grid.name", "grid.factors", "grid.repeats", "grid.seed", "grid.budget")):
            differences.append(line.removeprefix("grid."))
    speeds = [study.said.factor for study in (first, later)]
    if speeds[0] != speeds[1]:
        reasons.append(f"slow motion: {speeds[0]:g} → {speeds[1]:g} times slower, so their rates say nothing together")
    before = {tuple(cell.cell.items()): cell for cell in first.summary.cells}
    after = {tuple(cell.cell.items()): cell for cell in later.summary.cells}
    ratios = [_ratio(before[key], after[key]) for key in before if key in after]
    only = [f"{cell.name}: only in {first.name}" for key, cell in before.items() if key not in after]
    only += [f"{cell.name}: only in {later.name}" for key, cell in after.items() if key not in before]
    if not ratios:
        reasons.append("no cell is in both")
    return Comparison(first.name, later.name, reasons, differences, unknown, ratios, only)


def _environment(old: Environment, new: Environment) -> tuple[list[str], list[str]]:
    """What weighs and differs; and what is not known of both."""
    reasons: list[str] = []
    unknown: list[str] = []
    flat_old, flat_new = (_grouped(environment) for environment in (old, new))
    for key, name in WEIGHTY:
        a, b = flat_old.get(key), flat_new.get(key)
        if not a and not b:
            if key in ("machine.cpu", "nginx", "image_digests"):
                unknown.append(f"{name}: neither study tells")
        elif not a or not b:
            (reasons if key in BY_NAME else unknown).append(f"{name}: only one study tells ({a or b})")
        elif a != b:
            reasons.append(f"{name}: {a} → {b}")
    unknown.append("what else ran on these machines, their temperature and their neighbours: no study can tell")
    return reasons, unknown


def _grouped(environment: Environment) -> dict[str, Any]:
    machine = None if environment.hosts else environment.machine
    hosts = {name: (m.cpu, m.cores, m.kernel) for name, m in environment.hosts.items()}
    return {
        **{f"machine.{key}": getattr(machine, key, None) for key in ("cpu", "cores", "kernel")},
        "hosts": hosts,
        "image_digests": sorted({ran[0][:19] for ran in environment.image_digests.values() if ran}),
        "docker": environment.docker,
        "nginx": environment.nginx,
        **{name: environment.version_of(name) for name in BY_NAME},
    }


def _ratio(before: CellSummary, after: CellSummary) -> Ratio:
    found = between(list(before.by_block.values()), list(after.by_block.values()))
    return Ratio(before.cell, before, after, found, _word(found))


def between(before: Sequence[float], after: Sequence[float]) -> Interval | None:
    """Ratio of two independent sets of trials: Welch's interval on the logarithms; None without trials.

    Blocks of two studies have nothing to do with each other, so nothing is paired. B. L. Welch, "The
    Generalization of 'Student's' Problem when Several Different Population Variances are Involved",
    Biometrika 34 (1947).
    """
    if not before or not after:
        return None
    a, b = np.log(before), np.log(after)
    mean = float(b.mean() - a.mean())
    if len(a) < 3 or len(b) < 3:
        return Interval(math.exp(mean))
    va, vb = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    if va + vb == 0:
        return Interval(math.exp(mean), math.exp(mean), math.exp(mean))
    freedom = (va + vb) ** 2 / (va**2 / (len(a) - 1) + vb**2 / (len(b) - 1))
    half = intervals.t_quantile(float(freedom)) * math.sqrt(va + vb)
    return Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half))


def _word(ratio: Interval | None) -> str:
    if ratio is None:
        return "not measured in both"
    if ratio.low is None or ratio.high is None:
        return "too few repeats"
    if ratio.low > 1:
        return "faster"
    return "slower" if ratio.high < 1 else "same within noise"
