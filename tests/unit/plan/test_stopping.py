"""Rule E16: enough is settled before the first trial, and the plan follows from what is recorded."""

from harness.grid.amount import Repeats
from harness.plan import stopping
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
            said = judged(record(servers, vusers, block, 280 * servers * wobble), limit)
            found[f"servers-{servers}_vusers-{vusers}/r{block}"] = said
    return found


ALL = {(s, u): "server" if u == 900 else "load" for s in (1, 2, 3) for u in (100, 900)}


def trials(noise: tuple[float, ...], blocks: int, **more: object) -> tuple[list[str], Decision | None]:
    study = grid(factors=FACTORS, repeats=RULE, **more)
    planned, decision = stopping.trials(study, "lab", recorded(blocks, noise, ALL))
    return [trial.path for trial in planned], decision


def test_nothing_is_decided_before_the_least_blocks_are_whole() -> None:
    planned, decision = trials(QUIET, 2)
    assert len(planned) == 3 * 6
    assert decision is None


def test_narrow_gains_end_it() -> None:
    planned, decision = trials(QUIET, 3)
    assert len(planned) == 3 * 6
    assert decision is not None
    assert not decision.go_on
    assert decision.why == "every watched gain is within ±5 % after 3 blocks"


def test_a_wide_gain_adds_a_whole_block_of_the_watched_cells_only() -> None:
    planned, decision = trials(ROUGH, 3)
    assert decision is None
    added = planned[18:]
    assert sorted(added) == [f"servers-{m}_vusers-900/r4" for m in (1, 2, 3)]


def test_an_interrupted_block_goes_on_as_it_was() -> None:
    study = grid(factors=FACTORS, repeats=RULE)
    records = recorded(3, ROUGH, ALL)
    whole = stopping.trials(study, "lab", records)[0]
    first = whole[18]
    said = record(first.cell.servers, 900, 4, 200.0)
    assert stopping.trials(study, "lab", {**records, first.path: said})[0] == whole


def test_what_a_block_added_does_not_change_the_decision_that_added_it() -> None:
    """Three blocks are too wide and four are not: the plan of the whole study is the one that it followed."""
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


def test_the_most_blocks_end_it_and_what_stays_imprecise_is_named() -> None:
    cells = {key: limit for key, limit in ALL.items() if key[1] == 900}
    records = {**recorded(3, ROUGH, ALL), **recorded(5, ROUGH, cells)}
    planned, decision = stopping.trials(grid(factors=FACTORS, repeats=RULE), "lab", records)
    assert len(planned) == 18 + 6
    assert decision is not None
    assert decision.imprecise == ("1 → 2 at 900 users", "2 → 3 at 900 users")
    assert "the most that were asked for" in decision.why


def test_gains_without_any_spread_end_it() -> None:
    """A lab whose servers hold a rate gives the same figure every time, and nothing is narrower than that."""
    planned, decision = trials((1.0,) * 5, 3)
    assert len(planned) == 18
    assert decision is not None
    assert (decision.go_on, decision.imprecise) == (False, ())


def test_a_number_is_that_many_and_the_default_target_is_the_kinds() -> None:
    study = grid(repeats=4)
    assert (study.repeats.min, study.repeats.max, study.repeats.fixed) == (4, 4, True)
    assert Repeats(min=3, max=9).target("lab") == 0.10
    assert Repeats(min=3, max=9).target("hosts") == 0.05
    kept = grid(repeats=RULE).model_dump(mode="json", by_alias=True)
    assert kept["repeats"] == {"min": 3, "max": 5, "until": "5%"}
    assert grid(repeats=4).model_dump(mode="json")["repeats"] == 4


def test_e20_a_sentinel_is_compared_with_its_blocks_first_trial_and_counts_for_nothing_else() -> None:
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
