"""One simulated study from its first trial to its gains, and the counts of it."""

from __future__ import annotations

import zlib
from collections import Counter
from dataclasses import dataclass, field, replace

import numpy as np

from benchmarks.truth.loop import Setup
from benchmarks.truth.trial import simulate
from benchmarks.truth.world import Scenario, World, works
from harness.grid.schema import Grid
from harness.judge.prediction import users_bound
from harness.plan import order
from harness.records.findings import Kind, Severity
from harness.records.trial import Component, Outcome, TrialRecord
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary, summarise_records

BLOCKS, SERVERS = 5, (1, 2, 3)
FIXED_SEED = 2024
# Servers, or the load, are clearly the bottleneck of a topology if the other bound is this much higher.
CLEARLY = 1.1


@dataclass(kw_only=True)
class Tally:
    """Counts over studies of one scenario; of gains by step: intervals, and those that contain the truth."""

    studies: int = 0
    trials: int = 0
    with_interval: Counter[int] = field(default_factory=Counter)
    covered: Counter[int] = field(default_factory=Counter)
    false_conclusions: Counter[str] = field(default_factory=Counter)  # of steps, that contradict the truth
    other_kinds: Counter[str] = field(default_factory=Counter)  # of steps that are no gain with an interval
    invalid: Counter[str] = field(default_factory=Counter)  # trials, by the first rule that they break
    warnings: Counter[str] = field(default_factory=Counter)  # trials that count, by the rules that warn of them
    findings: Counter[str] = field(default_factory=Counter)  # studies with a finding
    false_bottlenecks: Counter[str] = field(default_factory=Counter)  # trials with a wrong bottleneck
    judged: int = 0  # trials whose true bottleneck is clear
    users: int = 0  # trials that are truly load-limited ...
    of_truth: float = 0.0  # ... and the sum of their rates, each against the true one
    frozen: int = 0  # trials in which the generator froze ...
    noticed: int = 0  # ... and which are invalid or have a warning by E5 or E6

    def add(self, other: Tally) -> None:
        """Add the counts of another tally."""
        for name, value in vars(other).items():
            if isinstance(value, Counter):
                getattr(self, name).update(value)
            else:
                setattr(self, name, getattr(self, name) + value)


def grid_of(setup: Setup, seed: int) -> Grid:
    """The grid of such studies."""
    return Grid.model_validate(
        {
            "name": "truth",
            "factors": {"servers": list(SERVERS), "vusers": list(setup.users)},
            "load": {
                "think_time": f"{setup.think_s}s",
                "ramp_up": f"{setup.ramp_up_s}s",
                "duration": f"{setup.duration_s}s",
                "timeout": f"{setup.patience_s}s",
            },
            "request": {"path": "/"},
            "repeats": BLOCKS,
            "seed": seed,
        }
    )


def one(scenario: Scenario, number: int) -> tuple[Summary, dict[str, TrialRecord], Tally]:
    """Simulate and judge the study of this number; the same number gives the same study."""
    random_of = np.random.default_rng([zlib.crc32(scenario.name.encode()), number])
    setup = scenario.setup
    seed = FIXED_SEED if scenario.fixed_order else int(random_of.integers(2**31))
    grid = grid_of(setup, seed)
    cells = grid.cells.known
    world = World(scenario, BLOCKS * len(cells), BLOCKS, random_of)
    records: dict[str, TrialRecord] = {}
    latencies: dict[str, str] = {}
    failures: dict[str, str] = {}
    count = Tally(studies=1)
    for repeat in range(1, BLOCKS + 1):
        for in_block, planned in enumerate(order.order(cells, repeat, seed)):
            conditions = world.conditions(planned.cell.servers, in_block)
            most = int(4 * planned.cell.servers * setup.rate * (setup.duration_s + setup.patience_s))
            work = works(scenario.service, setup.service_s, min(most, 8000), random_of)
            data, over_at = simulate(setup, planned, len(records) + 1, grid, conditions, work, random_of)
            world.over(over_at)
            records[planned.path] = data.record
            latencies[planned.path], failures[planned.path] = data.latencies, data.failures
            _count_trial(count, scenario, data.record, froze=bool(conditions.freezes))
    summary = summarise_records(grid, records, lambda where: latencies[where], lambda where: failures[where])
    _count_study(count, scenario, summary)
    return summary, records, count


def with_truth(scenario: Scenario) -> Scenario:
    """The scenario with its truth; one without a truth gets the gains of a study without noise.

    Two unequal servers under round robin are such a case: the faster one serves more until its queue is empty.
    """
    if scenario.truth is not None:
        return scenario
    still = replace(scenario, noise=0.0, stalls=0.0, frozen=0.0, one_stall=False, truth=(1.0,) * (len(SERVERS) - 1))
    steps = _steps(still, one(still, 0)[0])
    return replace(scenario, truth=tuple(gain.ratio.value if gain.ratio else 1.0 for gain in steps))


def _steps(scenario: Scenario, summary: Summary) -> list[Gain]:
    """The gains at the largest load, which all counts of gains are about."""
    return [gain for gain in summary.gains if gain.others.get("vusers") == max(scenario.setup.users)]


def true_bottleneck(scenario: Scenario, servers: int, users: int) -> Component:
    """The bottleneck of such a topology; unknown where it may be either. No measurement shows a full link."""
    setup = scenario.setup
    slow = 1 + scenario.second_slower if servers > 1 else 1.0
    capacity = servers * setup.rate / slow
    if setup.link_per_s is not None and setup.link_per_s < capacity:
        return Component.NETWORK
    bound = users_bound(users, setup.service_s + setup.database_s + setup.path_s, setup.think_s)
    least = min(capacity, setup.database_rate)
    if least * CLEARLY < bound and max(capacity, setup.database_rate) < least * CLEARLY:
        return Component.UNKNOWN  # servers and database have nearly the same capacity
    if setup.database_rate * CLEARLY < bound and setup.database_rate < capacity:
        return Component.DEPENDENCY
    if capacity * CLEARLY < bound:
        return Component.SERVER
    return Component.LOAD if bound * CLEARLY < capacity else Component.UNKNOWN


def _count_trial(count: Tally, scenario: Scenario, record: TrialRecord, *, froze: bool) -> None:
    count.trials += 1
    rules = {severity: [f.rule for f in record.findings if f.severity == severity] for severity in Severity}
    if record.outcome == Outcome.INVALID:
        first = next((f.rule for f in record.findings if f.severity == Severity.INVALID), "?")
        count.invalid[first] += 1
    elif record.outcome == Outcome.WARNING:
        count.warnings.update(set(rules[Severity.WARNING]))
    count.frozen += froze
    if froze and {"E5", "E6"} & {*rules[Severity.INVALID], *rules[Severity.WARNING]}:
        count.noticed += 1
    limit = true_bottleneck(scenario, int(record.cell["servers"]), int(record.cell["vusers"]))
    if limit != Component.UNKNOWN:
        count.judged += 1
        if limit == Component.LOAD and record.tps_mean:
            count.users += 1
            count.of_truth += record.tps_mean / _users_rate(scenario, record)
        allowed = {limit} | ({Component.GENERATOR} if froze else set())
        if limit == Component.NETWORK:
            allowed.add(Component.UNKNOWN)
        if record.component not in allowed:
            count.false_bottlenecks[record.component.value] += 1


def _users_rate(scenario: Scenario, record: TrialRecord) -> float:
    """The maximum rate of users, who hardly ever wait for each other."""
    setup = scenario.setup
    return users_bound(int(record.cell["vusers"]), setup.service_s + setup.database_s + setup.path_s, setup.think_s)


def _count_study(count: Tally, scenario: Scenario, summary: Summary) -> None:
    for step, (gain, truth) in enumerate(zip(_steps(scenario, summary), scenario.truth or (), strict=True)):
        ratio = gain.ratio
        if gain.kind != GainKind.GAIN or ratio is None or ratio.low is None or ratio.high is None:
            kind = "gain without an interval" if gain.kind == GainKind.GAIN else gain.kind.value
            count.other_kinds[f"{gain.from_servers} → {gain.to_servers} {kind}"] += 1
            continue
        count.with_interval[step] += 1
        count.covered[step] += ratio.low <= truth <= ratio.high
        ideal = gain.step_ideal or 0.0
        contradicts = {
            Conclusion.LOWER: truth >= 1,
            Conclusion.SUB_LINEAR: truth >= ideal,
            Conclusion.SUPER_LINEAR: truth <= ideal,
        }
        false_conclusion = not gain.indicative and contradicts.get(gain.conclusion, False)
        count.false_conclusions[gain.conclusion_text] += false_conclusion
    count.findings["E22"] += any(finding.rule == "E22" for finding in summary.findings)
    count.findings["trend"] += any(f.kind is Kind.TREND for f in summary.findings)
    count.findings["outlier"] += any(f.kind is Kind.OUTLIER for f in summary.findings)
    false = "" if scenario.second_slower else ", falsely"
    count.findings[f"slow server{false}"] += any(f.kind == Kind.SLOW_SERVER for f in summary.findings)
    count.findings["E10"] += any(cell.unsteady for cell in summary.cells)
