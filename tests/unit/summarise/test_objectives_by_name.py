"""Objectives by the name of the request: a load meets them only if every name meets its own."""

from collections.abc import Mapping
from typing import Any

import pytest

from harness.grid.amount import Search
from harness.grid.objectives import Objectives, unknown_names
from harness.judge import latency_stats, request_stats
from harness.records.requests import Histograms
from harness.records.trial import TrialData, TrialRecord
from harness.summarise import objective_evidence
from harness.summarise.capacity import by_objective, counts
from harness.summarise.capacity.crossing import Bound
from harness.summarise.search import probing
from harness.summarise.search.bracketing import Bracket, ProbeResult
from harness.summarise.summary import Summary, summarise_records
from harness.summarise.sustainable_rate import sustainable_rates
from report import estimates
from tests.builders import changed, grid, record
from tests.mixes import counted

BY_NAME = Objectives.model_validate({"p95": {"predict": "200ms", "*": "500ms"}})
TRAFFIC = {
    "requests": [
        {"name": "predict", "weight": 9, "request": {"path": "/predict"}},
        {"name": "history", "weight": 1, "request": {"path": "/history"}},
    ]
}
KEYS: dict[str, Any] = {"request": None, "traffic": TRAFFIC, "objectives": BY_NAME.model_dump(mode="json")}


def judged(made: TrialRecord, times_ms: Mapping[str, int], requests: int = 1000) -> tuple[TrialRecord, Any]:
    """Return the trial with `requests` of each name and their histograms by name."""
    each = {name: counted(requests, ms) for name, ms in times_ms.items()}
    histograms = {name: found for name, (_, found) in each.items()}
    made = made.model_copy(update={"requests": {name: stats for name, (stats, _) in each.items()}})
    data = TrialData(record=made, samples=[], hosts=[], balancer=[], request_histograms=histograms)
    found = request_stats.of_requests(data, grid(**KEYS), 10)
    total = {"requests": requests * len(each), "late": 0, "failed": 0}
    return changed(made.model_copy(update={"requests": found}), objective_counts=total), histograms


def summary(times_ms: Mapping[str, int], **more: Any) -> Summary:
    """A study of one cell whose requests take these times."""
    factors = {"servers": [1], "vusers": [100]}
    pairs = {f"servers-1_vusers-100/r{k}": judged(record(1, 100, k, 200.0), times_ms) for k in range(1, 6)}
    study = grid(**{**KEYS, "factors": factors, "repeats": 5, **more})
    return summarise_records(
        study, {where: made for where, (made, _) in pairs.items()}, by_request=lambda where: pairs[where][1]
    )


def test_each_name_has_its_own_objective_or_that_of_all_others() -> None:
    assert (BY_NAME.p95_s, BY_NAME.p95_of("predict"), BY_NAME.p95_of("history")) == (None, 0.2, 0.5)
    assert Objectives.model_validate({"p95": {"predict": "200ms"}}).p95_of("history") is None
    one = Objectives(p95="500ms")
    assert (one.p95_s, one.p95_of("predict"), dict(one.p95_by_name)) == (0.5, None, {})
    assert grid(**KEYS).scaled(2.0).objectives.p95_of("predict") == 0.4


def test_a_stored_grid_is_read_again() -> None:
    stored = grid(**KEYS).model_dump(mode="json", by_alias=True)
    assert stored["objectives"]["p95"] == {"predict": "0.2s", "*": "0.5s"}
    assert grid(objectives={"p95": "500ms"}).model_dump(mode="json")["objectives"]["p95"] == "0.5s"
    assert grid(**{**KEYS, "objectives": stored["objectives"]}) == grid(**KEYS)


def test_an_unknown_name_is_an_error_with_its_place() -> None:
    wrong = Objectives.model_validate({"p95": {"predcit": "200ms", "*": "500ms"}})
    ((where, words),) = unknown_names(wrong, ["predict", "history"])
    assert where == ("objectives", "p95", "predcit")
    assert words.endswith("is not a request of the traffic. Fix: write 'predict'")


@pytest.mark.parametrize(
    ("times_ms", "met"),
    [
        ({"predict": 150, "history": 400}, [True, True]),
        ({"predict": 250, "history": 400}, [False, True]),  # the p95 of all requests would meet 500 ms
        ({"predict": 150, "history": 600}, [True, False]),
    ],
)
def test_a_cell_meets_the_objective_of_each_name_or_not(times_ms: dict[str, int], met: list[bool]) -> None:
    found = summary(times_ms)
    assert [one.met for one in found.objectives] == met
    assert [one.name for one in found.objectives] == [
        "servers 1, vusers 100: p95 of predict",
        "servers 1, vusers 100: p95 of history",
    ]
    (cell,) = found.cells
    assert objective_evidence.of_cell(BY_NAME, cell).shown is all(met)
    assert bool(sustainable_rates(found.cells, BY_NAME)) is all(met)


def test_a_name_without_requests_is_not_measured() -> None:
    judged_ = summary(
        {"predict": 150, "history": 400}, objectives={"p95": {"history": "1s", "upload": "1s"}}
    ).objectives
    assert [(one.met, "not measured" in one.text) for one in judged_] == [(True, False), (False, True)]


SPAN = Search.model_validate({"factor": "vusers", "from": 100, "to": 5000, "until": "5%"})


def probe(users: int, times_ms: Mapping[str, int], requests: int = 1000) -> TrialRecord:
    return judged(record(1, users, 0, 200.0, probe=1), times_ms, requests)[0]


def test_a_probe_misses_if_one_name_does() -> None:
    seen = {
        100: [probe(100, {"predict": 150, "history": 400})],
        200: [probe(200, {"predict": 150, "history": 600})],
        400: [probe(400, {"predict": 300, "history": 400})],
    }
    shown = probing.results(BY_NAME, seen)
    assert [each[0] for each in shown.values()] == [ProbeResult.MET, ProbeResult.MISSED, ProbeResult.MISSED]
    assert probing.meeting(BY_NAME, seen) == Bracket(100, 200)


def test_a_rare_name_misses_only_where_chance_does_not_explain_it() -> None:
    """A p95 needs 100 requests, and a name of a small weight has fewer in a probe."""
    for late, expected in ((0, ProbeResult.MET), (3, ProbeResult.MET), (12, ProbeResult.MISSED)):
        made = probe(100, {"predict": 150})
        stats, histograms = counted(20, 400)
        served = [(400, 20 - late), (600, late)]
        data = TrialData(
            record=made.model_copy(update={"requests": {"history": stats}}),
            samples=[],
            hosts=[],
            balancer=[],
            request_histograms={"history": Histograms(latency_stats.histogram_of_ms(served), histograms.failures)},
        )
        rare = request_stats.of_requests(data, grid(**KEYS), 10)["history"]
        assert (rare.late, rare.latency_with_failures_ms["p95"]) == (late, None)
        made = made.model_copy(update={"requests": {**made.requests, "history": rare}})
        assert probing.results(BY_NAME, {100: [made]})[100] == [expected]


def test_counts_of_a_name_are_of_its_own_requests() -> None:
    made = probe(100, {"predict": 150, "history": 600})
    count = counts.of_record(made, 100.0)
    assert count is not None
    names = by_objective.names_of([made])
    allowed = by_objective.allowed_shares(BY_NAME, names)
    assert allowed == {"p95 history": 0.05, "p95 predict": 0.05}
    late = {name: by_objective.over(by_objective.of_objective(count, name), name) for name in allowed}
    assert late == {"p95 predict": 0, "p95 history": 1000}
    assert by_objective.misses(count, allowed)
    assert by_objective.sentence(made, allowed) == (
        "0 of 1,000 predict requests late: meets; 1,000 of 1,000 history requests late: misses"
    )


def test_a_capacity_is_the_load_at_which_the_first_name_misses() -> None:
    """History misses from 300 users on, predict not at all."""
    times = {200: 400, 250: 400, 300: 600, 350: 600}
    load = {"think_time": "1s", "ramp_up": "2s", "duration": "90s"}
    keys = {**KEYS, "factors": {"servers": [1], "vusers": [*times]}, "repeats": 5, "load": load}
    records = {
        f"servers-1_vusers-{users}/r{k}": judged(record(1, users, k, 200.0), {"predict": 150, "history": ms})[0]
        for users, ms in times.items()
        for k in range(1, 6)
    }
    (capacity,) = summarise_records(grid(**keys), records).capacities
    assert capacity.bound in (Bound.EXACT, Bound.AT_LEAST)
    assert capacity.crossing.objective == "p95 history"
    assert capacity.low is not None
    assert 240 <= capacity.low <= 300


def test_objectives_by_name_are_printed_in_words() -> None:
    assert (
        estimates.objectives(grid(**KEYS)) == "p95 of predict below 200 ms and p95 of all other requests below 500 ms"
    )
