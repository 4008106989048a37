"""Whether trials show an objective: the interval of ln p95 over trials, and the exact interval of failed requests."""

from dataclasses import replace

import numpy as np
import pytest

from harness.grid.objectives import Objectives
from harness.summarise import objective_evidence
from harness.summarise import objectives as judged
from harness.summarise.cells.cell import CellSummary
from harness.summarise.summary import summarise_records
from harness.summarise.sustainable_rate import sustainable_rates
from harness.summarise.topology_choice import Fit, TopologyCost, fit
from tests.builders import changed, grid, record

P95 = Objectives(p95="400ms")
ERRORS = Objectives(error_rate="0.1%")


def cell(p95_ms: tuple[float, ...] = (380.0,) * 5, requests: int = 0, failed: int = 0) -> CellSummary:
    records = {
        f"servers-1_vusers-100/r{block}": changed(
            record(1, 100, block, 200.0),
            latency_with_failures_ms={"p95": value},
            objective_counts={"requests": requests, "late": failed, "failed": failed} if requests else None,
        )
        for block, value in enumerate(p95_ms, 1)
    }
    (found,) = summarise_records(grid(factors={"servers": [1], "vusers": [100]}, repeats=5), records).cells
    middle = float(np.median(p95_ms))
    return replace(found, latency_with_failures_ms={"p95": middle}, error_rate=failed / requests if requests else 0.0)


def test_p95_is_shown_where_its_interval_over_trials_meets_the_objective() -> None:
    logs = np.log([370.0, 380.0, 375.0, 385.0, 378.0])
    interval = objective_evidence.p95_interval_ms(cell((370.0, 380.0, 375.0, 385.0, 378.0)))
    assert interval is not None
    assert interval.value == pytest.approx(np.exp(logs.mean()))
    assert interval.high == pytest.approx(np.exp(logs.mean() + 2.776 * logs.std(ddof=1) / 5**0.5), rel=1e-3)
    assert objective_evidence.of_cell(P95, cell((370.0, 380.0, 375.0, 385.0, 378.0))).shown
    noisy = objective_evidence.of_cell(P95, cell((340.0, 440.0, 350.0, 430.0, 380.0)))
    assert not noisy.shown
    assert noisy.p95_missing == "its 95 % interval over trials, 334 to 446 ms, includes the objective"
    assert not objective_evidence.of_cell(P95, cell((380.0, 380.0))).shown  # no interval
    assert not objective_evidence.of_cell(P95, cell((480.0,) * 5)).shown


def test_a_p95_that_may_be_over_its_objective_makes_a_topology_uncertain() -> None:
    """The rate itself is precise in both cases."""
    for values, expected in (
        ((370.0, 380.0, 375.0, 385.0, 378.0), Fit.YES),
        ((340.0, 440.0, 350.0, 430.0, 380.0), Fit.UNCERTAIN),
    ):
        (rate,) = sustainable_rates([cell(values)], P95)
        topology = TopologyCost(topology={"servers": 1}, usd_per_hour=None, rate=rate)
        assert fit(topology, 190.0) is expected


def test_a_true_p95_just_over_the_objective_is_rarely_shown_to_meet_it() -> None:
    """At most 2.5 % of studies; the p95 of all trials together would be below it in a third of them."""
    random_of = np.random.default_rng(5)
    base, shown, below = cell(), 0, 0
    for _ in range(400):
        values = 400 * 1.01 * np.exp(random_of.normal(0, 0.05, 5))
        one = replace(base, waits_by_block={block: {"p95": float(value)} for block, value in enumerate(values, 1)})
        shown += objective_evidence.of_cell(P95, one).p95
        below += float(np.exp(np.log(values).mean())) <= 400
    assert below > 0.25 * 400
    assert shown <= 0.04 * 400


def test_too_few_requests_show_no_error_rate() -> None:
    few = cell(requests=15)
    evidence = objective_evidence.of_cell(ERRORS, few)
    assert not evidence.shown
    assert evidence.error_rate_missing == "too few requests: 75 of 3,688 needed to show it"
    assert objective_evidence.of_cell(ERRORS, cell(requests=738)).shown
    assert not objective_evidence.of_cell(ERRORS, cell(requests=738, failed=1)).error_rate
    many = objective_evidence.of_cell(ERRORS, cell(requests=7380, failed=20))
    assert (many.shown, many.error_rate_missing) == (False, "")
    study = grid(factors={"servers": [1], "vusers": [100]}, repeats=5, objectives={"error_rate": "0.1%"})
    (result,) = judged.judge(study, [few], [])
    assert result.met
    assert result.text.endswith("too few requests: 75 of 3,688 needed to show it")
