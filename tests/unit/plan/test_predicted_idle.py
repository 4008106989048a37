"""Rule E16: predicted-idle cells are measured in few blocks, which may contradict the prediction."""

import itertools
from typing import Any

import pytest

from harness.grid.schema import Grid
from harness.grid.server_rates import ServerRates
from harness.plan import predicted_idle, stopping
from harness.plan.terms import Terms
from harness.records.study import PredictedIdle
from harness.records.trial import TrialRecord
from tests.builders import grid, judged, record

# As in the default study: 1,000 users generate 247 req/s. Two servers of 140 req/s serve them, one does not.
CAPACITY, R0, THINK = 140.0, 0.05, 4.0
FACTORS = {"servers": [1, 2, 3], "vusers": [1000, 2000]}


def study(**more: Any) -> Grid:
    load = {"think_time": "4s", "ramp_up": "3s", "duration": "15s"}
    return grid(**{"factors": FACTORS, "repeats": 5, "load": load, **more})


def settled(**more: Any) -> list[str]:
    """Return the slugs of the predicted-idle cells."""
    varied = study(**more)
    found = predicted_idle.predict(varied, ServerRates(CAPACITY), R0, THINK)
    return [
        cell.slug
        for cell in varied.cells.known
        if found and cell in predicted_idle.predicted_cells(found, varied.cells.known)
    ]


def rests() -> PredictedIdle:
    found = predicted_idle.predict(study(), ServerRates(CAPACITY), R0, THINK)
    assert found is not None
    return found


def measured(blocks: int, limits: dict[tuple[int, int, int], str] | None = None) -> dict[str, TrialRecord]:
    """Return blocks of all cells. `limits` has unpredicted bottlenecks by servers, users and block."""
    found = {}
    for block, servers, users in itertools.product(range(1, blocks + 1), (1, 2, 3), (1000, 2000)):
        predicted = "load" if servers * CAPACITY > users / (R0 + THINK) else "server"
        limit = (limits or {}).get((servers, users, block), predicted)
        made = record(servers, users, block, None if limit == "invalid" else min(servers * 140.0, users / 4.05))
        where = f"servers-{servers}_vusers-{users}/r{block}"
        found[where] = made if limit == "invalid" else judged(made, limit)
    return found


def planned(records: dict[str, TrialRecord], rest: PredictedIdle | None, **more: Any) -> dict[int, set[str]]:
    """Return the cells of each block."""
    trials, _ = stopping.trials(study(**more), "lab", records, Terms(seed=3, predicted_idle=rest))
    blocks = {trial.repeat for trial in trials}
    return {block: {trial.cell.slug for trial in trials if trial.repeat == block} for block in blocks}


ALL = {f"servers-{s}_vusers-{u}" for s in (1, 2, 3) for u in (1000, 2000)}
THIRD = "servers-3_vusers-1000"


def test_the_default_study_has_one_predicted_idle_cell() -> None:
    assert settled() == [THIRD]


def test_both_cells_of_a_lower_bound_keep_all_blocks() -> None:
    """At 1,000 users the gain 1 → 2 is a lower bound: two servers are load-limited, and keep all blocks."""
    found = planned({}, rests())
    assert found == {1: ALL, 2: ALL, **dict.fromkeys((3, 4, 5), ALL - {THIRD})}
    assert all("servers-2_vusers-1000" in cells for cells in found.values())


def test_every_cell_of_a_load_is_predicted_idle_when_one_server_is_sufficient() -> None:
    assert settled(factors={**FACTORS, "vusers": [200, 2000]}) == [f"servers-{n}_vusers-200" for n in (1, 2, 3)]


def test_no_cell_is_predicted_idle_near_the_bound() -> None:
    """1,100 users generate 272 req/s. Two servers can serve 103 % of it, and may be the bottleneck."""
    assert settled(factors={**FACTORS, "vusers": [1100, 2000]}) == []
    assert settled(factors={**FACTORS, "vusers": [1100, 2000]}, evidence={"predicted_idle_margin": 1.0}) == [
        "servers-3_vusers-1100"
    ]


@pytest.mark.parametrize(
    ("why", "more"),
    [
        (
            "servers are lost",
            {"factors": {**FACTORS, "fail_servers": [0, 1]}, "exclude": [{"servers": 1, "fail_servers": 1}]},
        ),
        ("it is switched off", {"evidence": {"predicted_idle": False}}),
        ("there are no more blocks anyway", {"repeats": 2}),
        ("an objective for p95 holds for every cell", {"objectives": {"p95": "2s"}}),
        ("an objective for errors holds for every cell", {"objectives": {"error_rate": "1%"}}),
        ("another factor's effect is taken", {"factors": {**FACTORS, "nginx_lb_upstream_keepalive": [0, 64]}}),
        ("a search measures at limits", {"factors": {"servers": [1, 2, 3], "vusers": {"from": 100, "to": 3000}}}),
        ("every cell would", {"factors": {"servers": [1, 2, 3], "vusers": [100]}}),
        ("one topology has no gain", {"factors": {"servers": [3], "vusers": [100, 1000]}}),
    ],
)
def test_no_cell_is_predicted_idle_when(why: str, more: dict[str, Any]) -> None:
    assert settled(**more) == [], why


def test_an_objective_for_gains_does_not_need_idle_cells() -> None:
    assert settled(objectives={"gain": {3: 1.3}}) == [THIRD]


def test_no_cell_is_predicted_idle_without_a_known_capacity() -> None:
    assert predicted_idle.predict(study(), None, 0.0, THINK) is None
    assert predicted_idle.predict(study(), ServerRates(CAPACITY), 0.0, 0.0) is None


def test_a_confirmed_prediction_keeps_two_blocks() -> None:
    records = measured(2)
    found = predicted_idle.verified(rests(), study().cells.known, records)
    assert found is not None
    assert found.contradicted == ()
    assert planned(records, rests()) == planned(records, found) == planned({}, rests())
    assert predicted_idle.outcome(found) == "the prediction of idle cells held"


@pytest.mark.parametrize(
    "against",
    [
        {(3, 1000, 1): "server"},
        {(3, 1000, 2): "unknown"},
        {(2, 1000, 2): "server"},
        {(2, 1000, 1): "invalid"},
        {(3, 1000, 2): "invalid"},
    ],
)
def test_a_contradicted_prediction_gives_the_cell_all_blocks(against: dict[tuple[int, int, int], str]) -> None:
    records = measured(2, against)
    assert planned(records, rests()) == dict.fromkeys(range(1, 6), ALL)
    found = predicted_idle.verified(rests(), study().cells.known, records)
    assert found is not None
    assert found.contradicted == ({"servers": 3, "vusers": 1000},)
    assert predicted_idle.outcome(found) == (
        "the prediction of idle cells did not hold for 3 servers at 1,000 users: measured in all blocks"
    )


def test_only_the_cell_and_its_smaller_neighbour_verify_a_prediction() -> None:
    assert planned(measured(2, {(1, 1000, 1): "unknown", (2, 2000, 1): "unknown"}), rests())[3] == ALL - {THIRD}


def test_a_prediction_is_verified_once_after_two_complete_blocks() -> None:
    records = measured(2, {(3, 1000, 1): "server"})
    last = records.pop("servers-1_vusers-2000/r2")
    assert predicted_idle.verified(rests(), study().cells.known, records) == rests()
    whole = {**records, "servers-1_vusers-2000/r2": last}
    found = predicted_idle.verified(rests(), study().cells.known, whole)
    assert found is not None
    assert predicted_idle.verified(found, study().cells.known, measured(2)) == found
    assert planned(measured(2), found) == dict.fromkeys(range(1, 6), ALL)


def test_added_blocks_have_the_watched_cells() -> None:
    rule = {"min": 3, "max": 4, "until": "1%"}
    records = {where: r for where, r in measured(3).items() if where != f"{THIRD}/r3"}
    for block, servers in itertools.product((1, 2, 3), (1, 2, 3)):
        rate = 140 * servers * (1.0, 1.1, 0.9)[(block + servers) % 3]
        records[f"servers-{servers}_vusers-2000/r{block}"] = record(servers, 2000, block, rate)
    found = planned(records, rests(), repeats=rule)
    assert found[3] == ALL - {THIRD}
    assert found[4] == {f"servers-{n}_vusers-2000" for n in (1, 2, 3)}


def test_the_control_trial_repeats_the_first_measured_cell_of_its_block() -> None:
    varied = study(evidence={"control_trial": True})
    for seed in range(20):
        trials, _ = stopping.trials(varied, "lab", {}, Terms(seed=seed, predicted_idle=rests()))
        for block in range(1, 6):
            mine = [trial for trial in trials if trial.repeat == block]
            assert mine[-1].control
            assert mine[-1].cell == mine[0].cell
            assert block <= 2 or mine[0].cell.slug != THIRD


def test_the_forecast_names_predicted_idle_cells_and_the_reason() -> None:
    (sentence,) = predicted_idle.sentences(rests(), study(), THINK)
    assert sentence.startswith(
        "3 servers at 1,000 users: 2 blocks only, to verify the prediction of idle servers (2 servers can serve 113 %"
    )
    many = study(factors={"servers": [1, 2, 4, 6], "vusers": [200, 2000]})
    few, lots = predicted_idle.sentences(predicted_idle.predict(many, ServerRates(CAPACITY), R0, THINK), many, THINK)
    assert few.startswith(
        "1 to 6 servers at 200 users: 2 blocks only, to verify the prediction of idle servers (1 server can"
    )
    assert lots.startswith(
        "6 servers at 2,000 users: 2 blocks only, to verify the prediction of idle servers (4 servers can serve 113"
    )
    assert predicted_idle.sentences(None, study(), THINK) == []
    assert predicted_idle.outcome(None) == predicted_idle.outcome(rests()) == ""
