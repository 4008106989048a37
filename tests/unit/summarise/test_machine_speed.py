"""The machines' speed (E22) and advice for narrower intervals, on synthetic trials of known speed."""

import math
from typing import Any

import numpy as np
import pytest

from harness.judge import host_usage
from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise.gains import machine_speed
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.intervals import Interval, t_quantile
from harness.summarise.summary import Summary
from report.sentences import evidence, findings
from tests.builders import changed, grid, observation, record, study_record

CELLS = {(1, 2000): 280.0, (2, 2000): 540.0, (3, 2000): 800.0}
PRICE = {
    1: (0.6, 0.17, 0.45),
    2: (0.5, 0.16, 0.42),
    3: (0.4, 0.14, 0.41),
}  # servers → CPU time of a request at generator, balancer and servers, in ms


def trials(slow: np.ndarray, paced: bool = False, **more: Any) -> dict[str, TrialRecord]:
    """Return trials by path; `slow`, of shape (cells, blocks), is the factor of each trial's CPU time per request.

    Throughput falls by the same factor, unless servers are paced.
    """
    found = {}
    for (servers, vusers), of in zip(CELLS, slow, strict=True):
        for repeat, factor in enumerate(of, 1):
            rate = CELLS[servers, vusers] / (1 if paced else factor)
            costs = dict(zip(("generator", "balancer", "servers"), np.array(PRICE[servers]) * factor, strict=True))
            trial = record(servers, vusers, repeat, rate, figures={"cpu_ms_per_request": costs, **more})
            found[f"servers-{servers}_vusers-{vusers}/r{repeat}"] = trial
    return found


def summed(records: dict[str, TrialRecord]) -> Summary:
    return cells.summarise_records(grid(factors={"servers": [1, 2, 3], "vusers": [2000]}, repeats=5), records)


def noisy(seed: int = 7) -> np.ndarray:
    """Return factors of three cells in five blocks; one cell has trials with 1.0 and 1.6."""
    slow = np.exp(np.random.default_rng(seed).uniform(-0.2, 0.2, (3, 5)))
    slow[0, 0], slow[0, 1] = 1.6, 1.0
    return slow


def test_the_cost_of_a_request_is_by_role() -> None:
    seen = observation(rate=280, servers=2)  # every container uses 0.19 cores; the balancer was not read
    assert host_usage.cpu_ms_per_request(seen) == {
        "generator": pytest.approx(190 / 280),
        "balancer": None,
        "servers": pytest.approx(2 * 190 / 280),
    }


def test_the_index_is_the_truth_within_each_cell() -> None:
    """Costs differ between cells, so only ratios within a cell count."""
    slow = noisy()
    found = machine_speed.of_trials(trials(slow))
    assert found is not None
    wanted = slow / np.exp(np.log(slow).mean(axis=1, keepdims=True))
    assert list(found.costs.values()) == pytest.approx(wanted.ravel().tolist())
    assert found.span == pytest.approx(wanted.max() / wanted.min())
    assert found.follows == pytest.approx(-1.0)


def test_costs_that_differ_between_cells_alone_are_no_change_of_speed() -> None:
    found = machine_speed.of_trials(trials(np.ones((3, 5))))
    assert found is not None
    assert found.span == pytest.approx(1.0)
    assert found.follows is None


def test_trials_without_costs_are_left_out() -> None:
    records = trials(noisy())
    for where, trial in list(records.items()):
        assert trial.figures
        costs = {**trial.figures.cpu_ms_per_request, "balancer": None}
        records[where] = changed(trial, figures={} if where.endswith("/r3") else {"cpu_ms_per_request": costs})
    found = machine_speed.of_trials(records)
    assert found is not None
    assert len(found.costs) == 12
    assert machine_speed.of_trials({where: trial for where, trial in records.items() if where.endswith("/r1")}) is None
    assert machine_speed.of_trials({}) is None


def test_wide_intervals_have_the_machine_as_their_reason_on_page_one() -> None:
    summary = summed(trials(noisy()))
    found = next(finding for finding in summary.findings if finding.rule == "E22")
    assert found.figure == pytest.approx(summary.machine_speed.span if summary.machine_speed else 0)
    assert found.threshold == 1.25
    page = findings.sentences(summary, study_record())
    assert any(f"cost {found.figure:.2f} times as much CPU time" in sentence for sentence in page)
    assert any("correlation with throughput −1.00" in sentence for sentence in page)


def test_a_steady_machine_is_no_finding() -> None:
    summary = summed(trials(1 + (noisy() - 1) / 10))
    assert summary.machine_speed is not None
    assert summary.machine_speed.span < 1.25
    assert [finding for finding in summary.findings if finding.rule == "E22"] == []


def test_paced_servers_are_not_affected_which_only_the_validity_section_states() -> None:
    records = trials(noisy(), paced=True)
    summary = summed(records)
    assert [finding for finding in summary.findings if finding.rule == "E22"] == []
    assert not any("CPU time" in sentence for sentence in findings.sentences(summary, study_record()))
    checks = dict(evidence.sentences(study_record(), summary))
    assert "are not affected" in checks["Machine speed:"]


def drifting(trial: TrialRecord, drift: float) -> TrialRecord:
    assert trial.figures
    return trial.model_copy(update={"figures": trial.figures.model_copy(update={"drift": drift})})


@pytest.mark.parametrize(("between", "within"), [(0.08, 0.03), (0.06, 0.06), (0.08, 0.05)])
def test_the_share_between_trials_is_the_truth(between: float, within: float) -> None:
    """Each half has twice the variance of the window, so ln of their ratio has four times its variance."""
    random, shares = np.random.default_rng(3), []
    for _ in range(200):
        halves = random.normal(0, within * math.sqrt(2), (3, 5, 2))
        slow = np.exp(random.normal(0, between, (3, 5)) - halves.mean(axis=2))
        records = trials(slow)
        drifts = (halves[..., 1] - halves[..., 0]).ravel()
        for (where, trial), drift in zip(list(records.items()), drifts, strict=True):
            records[where] = drifting(trial, float(drift))
        summary = summed(records)
        assert summary.noise is not None
        shares.append((1 - (summary.between_share or 0)) * summary.noise.spread**2)
    assert math.sqrt(np.mean(shares)) == pytest.approx(within, rel=0.1)


def gain(logs: list[float]) -> Gain:
    k, mean, s = len(logs), float(np.mean(logs)), float(np.std(logs, ddof=1))
    half = t_quantile(k - 1) * s / math.sqrt(k)
    ratio = Interval(math.exp(mean), math.exp(mean - half), math.exp(mean + half), k - 1)
    return Gain(
        others={"vusers": 1},
        from_servers=1,
        to_servers=2,
        ratio=ratio,
        peak_ratio=None,
        k=k,
        kind=GainKind.GAIN,
        conclusion=Conclusion.HIGHER,
        indicative=False,
        paired=ratio,
    )


def test_blocks_are_counted_by_the_pairs_own_spread() -> None:
    logs = [0.55, 0.70, 0.62, 0.80, 0.58]
    needed = gain(logs).blocks_for(0.05)
    assert needed is not None
    s = float(np.std(logs, ddof=1))
    assert t_quantile(needed - 1) * s / math.sqrt(needed) <= math.log(1.05)
    assert t_quantile(needed - 2) * s / math.sqrt(needed - 1) > math.log(1.05)
    assert 15 < needed < 25
    assert gain([0.0, 5.0, -5.0]).blocks_for(0.05) is None


def test_advice_for_narrower_intervals_follows_from_the_data() -> None:
    """Longer trials are not advised if nearly all of the variance lies between trials."""
    page = findings.sentences(summed(trials(noisy(), drift=0.01)), study_record())
    wide = next(sentence for sentence in page if sentence.startswith("The widest interval is ±"))
    assert "of the variance lies between trials; longer trials do not reduce it; ±5 % requires" in wide
    uneven = trials(noisy(), drift=0.4)
    for number, (where, trial) in enumerate(list(uneven.items())):
        uneven[where] = drifting(trial, 0.4 * (-1) ** number)
    page = findings.sentences(summed(uneven), study_record())
    assert any("100 % of the variance lies within trials; longer trials reduce it" in sentence for sentence in page)
