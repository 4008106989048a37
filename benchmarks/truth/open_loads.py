"""Fixed open loads whose truth is known, judged by the product's own code, as a table in Markdown.

    python -m benchmarks.truth.open_loads [TRIALS] [--only NAME]

TRIALS of each scenario (20), of one server unless the scenario has more. A trial is reproducible by its scenario and
number. The truth of an objective is that of a very long load, as in `python -m benchmarks.capacity`.
"""

from __future__ import annotations

import argparse
import sys
import zlib
from dataclasses import dataclass, replace

import numpy as np

from benchmarks.tallies import Addable
from benchmarks.truth.arrivals import Every, Killed, ServiceModel, simulate
from benchmarks.truth.open_trial import counted, simulate_open
from benchmarks.truth.tables import header, row, share
from harness.grid.objectives import P95
from harness.grid.schema import Grid
from harness.plan.order import PlannedTrial
from harness.records.trial import Component, Outcome, TrialRecord
from harness.summarise.capacity import counts
from harness.summarise.capacity.counts import Evidence

LONG_S = 4000.0  # of the load whose share over the objective is the truth
COLUMNS = (
    "scenario",
    "trials",
    "requests counted wrongly",
    "invalid",
    "`generator`",
    "falls behind",
    "late in truth",
    "evidence: meets",
    "evidence: misses",
    "false evidence",
    "wrong failing time",
)


@dataclass(frozen=True, kw_only=True)
class OpenScenario:
    """One kind of trial: servers under a rate, with an objective for p95."""

    name: str
    model: ServiceModel
    rate: int
    servers: int = 1
    p95_s: float = 0.2
    window_s: tuple[float, float] = (3.0, 23.0)


FAILING = Killed(at_s=12.4, noticed_s=3.0)
OPEN_SCENARIOS = (
    OpenScenario(name="constant service", model=ServiceModel(), rate=110),
    OpenScenario(name="a queue that grows", model=ServiceModel(), rate=154),
    OpenScenario(name="0.4 % of requests hang", model=ServiceModel(hanging=0.004), rate=110),
    OpenScenario(name="6 % of requests hang", model=ServiceModel(hanging=0.06), rate=110),
    OpenScenario(name="half of the requests hang", model=ServiceModel(hanging=0.5), rate=110),
    OpenScenario(name="1 % of requests at 100 × cost", model=ServiceModel(service_s=0.025, rare=0.01), rate=80),
    OpenScenario(name="lognormal CV 3", model=ServiceModel(slots=1, service_s=0.007, cv=3.0), rate=30, p95_s=0.07),
    OpenScenario(name="pauses of 0.3 s every 5 s", model=ServiceModel(pause=Every(length_s=0.3, every_s=5.0)), rate=60),
    OpenScenario(name="pauses of 1 s every 30 s", model=ServiceModel(pause=Every(length_s=1.0, every_s=30.0)), rate=60),
    OpenScenario(name="warm-up inside the window", model=ServiceModel(warm_up_s=8.0), rate=110),
    OpenScenario(
        name="generator stalls of 80 ms a second",
        model=ServiceModel(stall=Every(length_s=0.08, every_s=1.0)),
        rate=60,
        p95_s=0.1,
    ),
    OpenScenario(
        name="generator stalls of 2 ms a second",
        model=ServiceModel(stall=Every(length_s=0.002, every_s=1.0)),
        rate=60,
        p95_s=0.1,
    ),
    OpenScenario(name="worse at low load", model=ServiceModel(cold_after_s=0.2, cold_s=0.25), rate=8),
    OpenScenario(name="a server fails", model=ServiceModel(killed=FAILING), rate=150, servers=3),
    OpenScenario(
        name="a server fails, with 2 % errors before",
        model=ServiceModel(killed=FAILING, failing=0.02),
        rate=150,
        servers=3,
    ),
)


@dataclass(kw_only=True)
class OpenTally(Addable):
    """Counts over the trials of one scenario; `false` is evidence against the truth."""

    trials: int = 0
    wrong: int = 0
    invalid: int = 0
    generator: int = 0
    behind: int = 0
    meets: int = 0
    misses: int = 0
    false: int = 0
    failures: int = 0
    failing_off: int = 0


def grid_of(scenario: OpenScenario) -> Grid:
    """The grid of such trials."""
    from_s, to_s = scenario.window_s
    failing = {"fail_servers": [1]} if scenario.model.killed else {}
    return Grid.model_validate(
        {
            "name": "truth",
            "factors": {"servers": [scenario.servers], "rate": [f"{scenario.rate}/s"], **failing},
            "load": {"ramp_up": f"{from_s}s", "duration": f"{to_s}s", "timeout": f"{scenario.model.timeout_s}s"},
            "request": {"path": "/"},
            "objectives": {"p95": f"{scenario.p95_s}s"},
        }
    )


def late_share(scenario: OpenScenario) -> float:
    """The true share of requests over the objective, of warm servers that a punctual generator sends to."""
    model = replace(scenario.model, warm_up_s=0.0, stall=None, killed=None)
    seen = simulate(model, scenario.servers, float(scenario.rate), zlib.crc32(scenario.name.encode()), LONG_S)
    return float(seen.late(scenario.p95_s).mean())


def one_trial(scenario: OpenScenario, number: int) -> tuple[TrialRecord, OpenTally]:
    """Simulate, judge and count the trial of this number."""
    grid = grid_of(scenario)
    (cell,) = grid.cells.known
    random_of = np.random.default_rng([zlib.crc32(scenario.name.encode()), number])
    data, seen = simulate_open(scenario.model, PlannedTrial(cell, 1), grid, random_of)
    record, truth = data.record, counted(seen, *scenario.window_s, scenario.p95_s)
    found, killed = record.objective_counts, scenario.model.killed
    # The histogram has three digits: a few requests next to the objective may be on its other side.
    right = found is not None and (found.requests, found.failed) == (truth.requests, truth.failed)
    right = right and found is not None and abs(found.late - truth.late) <= 2 + truth.requests // 500
    return record, OpenTally(
        trials=1,
        wrong=not right,
        invalid=record.outcome == Outcome.INVALID,
        generator=record.component == Component.GENERATOR,
        behind=record.falls_behind,
        failures=killed is not None,
        failing_off=killed is not None and not _near(record, killed),
    )


def _near(record: TrialRecord, killed: Killed) -> bool:
    """Whether the recorded time of failures is the true one, rounded up to whole seconds."""
    failing_s = record.failover.failing_s if record.failover else None
    return failing_s is not None and 0 <= failing_s - killed.noticed_s <= 1


def tally(scenario: OpenScenario, trials: int, late: float) -> OpenTally:
    """Trials 0 to `trials` of a scenario together; `late` is the true share over the objective."""
    total = OpenTally()
    for number in range(trials):
        record, count = one_trial(scenario, number)
        evidence = _evidence(record)
        count.meets, count.misses = evidence == Evidence.MEETS, evidence == Evidence.MISSES
        count.false = (count.meets and late > P95) or (count.misses and late <= P95)
        total.add(count)
    return total


def _evidence(record: TrialRecord) -> Evidence | None:
    """The evidence of the trial alone; None where it does not count for capacities."""
    count = None if record.cell.get("fail_servers") else counts.of_record(record, 1.0)
    return None if count is None else counts.evidence(count.requests, count.late, P95)


def main() -> None:
    """Simulate and print, row by row."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.truth.open_loads", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("trials", nargs="?", type=int, default=20, help="of each scenario")
    parser.add_argument("--only", default="", metavar="NAME", help="scenarios whose name contains this")
    arguments = parser.parse_args()
    chosen = [scenario for scenario in OPEN_SCENARIOS if arguments.only in scenario.name]
    if arguments.trials < 1 or not chosen:
        parser.error(f"TRIALS is at least 1. Allowed for NAME: {'; '.join(each.name for each in OPEN_SCENARIOS)}")
    sys.stdout.write(header(COLUMNS))
    for scenario in chosen:
        late = late_share(scenario)
        found = tally(scenario, arguments.trials, late)
        parts = (found.wrong, found.invalid, found.generator, found.behind)
        judged = (found.meets, found.misses, found.false)
        sys.stdout.write(
            row(
                (
                    scenario.name,
                    str(found.trials),
                    *(share(part, found.trials) for part in parts),
                    f"{late:.2%}",
                    *(share(part, found.trials) for part in judged),
                    share(found.failing_off, found.failures),
                )
            )
        )
        sys.stdout.flush()


if __name__ == "__main__":
    main()
