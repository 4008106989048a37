"""Rule E16: the stopping rule is fixed before the first trial, and the plan follows from the records."""

from harness.grid.amount import Repeats
from harness.plan import stopping
from harness.plan.terms import EARLIEST_STOP, Terms
from harness.records.study import Decision
from harness.records.trial import TrialRecord
from harness.summarise.summary import summarise_records
from tests.builders import grid, judged, record

RULE = {"min": 3, "max": 5, "until": "±5%"}
FACTORS = {"servers": [1, 2, 3], "vusers": [100, 900]}
QUIET = (1.0, 1.01, 0.99, 1.005, 1.0)
ROUGH = (1.0, 1.2, 0.85, 1.1, 0.9)


def recorded(blocks: int, noise: tuple[float, ...], cells: dict[tuple[int, int], str]) -> dict[str, TrialRecord]:
    found = {}
    for block in range(1, blocks + 1):
        for (servers, vusers), limit in cells.items():
            wobble = noise[(block + servers) % 5]
            measured = judged(record(servers, vusers, block, 280 * servers * wobble), limit)
            found[f"servers-{servers}_vusers-{vusers}/r{block}"] = measured
    return found


ALL = {(s, u): "server" if u == 900 else "load" for s in (1, 2, 3) for u in (100, 900)}


def trials(noise: tuple[float, ...], blocks: int, **more: object) -> tuple[list[str], Decision | None]:
    study = grid(factors=FACTORS, repeats=RULE, **more)
    planned, decision = stopping.trials(study, "lab", recorded(blocks, noise, ALL))
    return [trial.path for trial in planned], decision


def test_there_is_no_decision_before_the_minimum_of_complete_blocks() -> None:
    planned, decision = trials(QUIET, 2)
    assert len(planned) == 3 * 6
    assert decision is None


def test_precise_gains_end_a_study() -> None:
    planned, decision = trials(QUIET, 3)
    assert len(planned) == 3 * 6
    assert decision is not None
    assert not decision.go_on
    assert decision.why == "every watched gain is within ±5 % after 3 blocks"


def test_an_imprecise_gain_adds_a_block_of_the_watched_cells() -> None:
    planned, decision = trials(ROUGH, 3)
    assert decision is None
    added = planned[18:]
    assert sorted(added) == [f"servers-{m}_vusers-900/r4" for m in (1, 2, 3)]


def test_an_interrupted_block_is_resumed_in_its_order() -> None:
    study = grid(factors=FACTORS, repeats=RULE)
    records = recorded(3, ROUGH, ALL)
    whole = stopping.trials(study, "lab", records)[0]
    first = whole[18]
    measured = record(first.cell.servers, 900, 4, 200.0)
    assert stopping.trials(study, "lab", {**records, first.path: measured})[0] == whole


def test_an_added_block_does_not_change_the_decision_that_added_it() -> None:
    """Three blocks are too imprecise, four are sufficient: the plan at the end is the one that was measured."""
    study = grid(factors={"servers": [1, 2], "vusers": [900]}, repeats={**RULE, "max": 9, "until": "±8%"})
    noise = (1.0, 1.06, 0.96, 1.01, 1.0)
    records: dict[str, TrialRecord] = {}
    while True:
        planned, decision = stopping.trials(study, "lab", records)
        left = [trial for trial in planned if trial.path not in records]
        if not left:
            break
        for trial in left:
            servers = trial.cell.servers
            speed = noise[trial.repeat % 5] if servers == 1 else 1.0
            records[trial.path] = record(servers, 900, trial.repeat, 280 * servers * speed)
    assert len(planned) > 3 * 2
    assert decision is not None
    assert decision.why == f"every watched gain is within ±8 % after {len(planned) // 2} blocks"


def test_the_maximum_of_blocks_ends_a_study_and_names_imprecise_gains() -> None:
    cells = {key: limit for key, limit in ALL.items() if key[1] == 900}
    records = {**recorded(3, ROUGH, ALL), **recorded(5, ROUGH, cells)}
    planned, decision = stopping.trials(grid(factors=FACTORS, repeats=RULE), "lab", records)
    assert len(planned) == 18 + 6
    assert decision is not None
    assert decision.imprecise == ("1 → 2 at 900 users", "2 → 3 at 900 users")
    assert "5 blocks (the maximum) did not reach ±" in decision.why


def test_gains_without_variance_end_a_study() -> None:
    """Paced servers give the same figure in every trial, and their intervals have no width."""
    planned, decision = trials((1.0,) * 5, 3)
    assert len(planned) == 18
    assert decision is not None
    assert (decision.go_on, decision.imprecise) == (False, ())


def test_a_number_of_repeats_is_fixed_and_the_default_target_depends_on_the_hosts() -> None:
    study = grid(repeats=4)
    assert (study.repeats.min, study.repeats.max, study.repeats.fixed) == (4, 4, True)
    assert Repeats(min=3, max=9).target("lab") == 0.10
    assert Repeats(min=3, max=9).target("hosts") == 0.05
    kept = grid(repeats=RULE).model_dump(mode="json", by_alias=True)
    assert kept["repeats"] == {"min": 3, "max": 5, "until": "5%"}
    assert grid(repeats=4).model_dump(mode="json")["repeats"] == 4


def test_e20_a_control_trial_is_only_compared_with_the_first_trial_of_its_block() -> None:
    study = grid(factors={"servers": [1, 2], "vusers": [900]}, repeats=5, evidence={"control_trial": True})
    records = {}
    for repeat in range(1, 6):
        for servers in (1, 2):
            wobble = 1 + 0.005 * ((repeat * 3 + servers) % 4)
            records[f"servers-{servers}_vusers-900/r{repeat}"] = record(servers, 900, repeat, 280 * servers * wobble)
        first = records[f"servers-1_vusers-900/r{repeat}"]
        tired = record(1, 900, repeat, (first.tps_mean or 0) * (0.9 + 0.002 * repeat), control=True)
        records[f"servers-1_vusers-900/r{repeat}-control"] = tired
    summary = summarise_records(study, records)
    assert [cell.trials for cell in summary.cells] == [5, 5]
    assert summary.control is not None
    assert 0.90 < summary.control.value < 0.91
    assert any("the hosts change under load" in finding.cause for finding in summary.findings)
    for where in list(records):
        if where.endswith("-control"):
            same = records[where.removesuffix("-control")]
            rate = (same.tps_mean or 0) * (1.001 - 0.001 * (same.repeat % 3))
            records[where] = record(1, 900, same.repeat, rate, control=True)
    assert summarise_records(study, records).findings == []


def test_precision_ends_no_new_study_before_five_blocks() -> None:
    """With the terms of a study of an earlier version it still does."""
    study = grid(factors=FACTORS, repeats={"min": 3, "max": 8, "until": "±5%"})
    records = recorded(3, QUIET, ALL)
    earlier, _ = stopping.trials(study, "lab", records)
    now, _ = stopping.trials(study, "lab", records, Terms(earliest_stop=EARLIEST_STOP))
    assert [max(trial.repeat for trial in planned) for planned in (earlier, now)] == [3, 4]
    assert stopping.decide(study.repeats, 0.05, 3, [], earliest=EARLIEST_STOP).go_on
    assert stopping.decide(study.repeats, 0.05, 5, [], earliest=EARLIEST_STOP).go_on is False
    few = Repeats(min=3, max=4)
    assert stopping.decide(few, 0.05, 4, [], earliest=EARLIEST_STOP).go_on is False
