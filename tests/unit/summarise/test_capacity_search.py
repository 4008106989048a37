"""A search with objectives measures each topology's capacity in blocks around its own crossing."""

import math
from collections.abc import Callable

import pytest
from scipy import special

from harness.grid.amount import Repeats, Search
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.plan import stopping
from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise.capacity.crossing import Bound
from harness.summarise.search import probing
from harness.summarise.search.bracketing import Bracket
from harness.summarise.search.result import SearchResult
from harness.summarise.search.search import loads_adapt
from tests.builders import changed, grid
from tests.unit.summarise.test_saturation import probe, state

SPAN = {"from": 100, "to": 5000, "until": "5%"}
CAPACITIES = {1: 420.0, 2: 900.0}  # users at which 5 % of the requests are late
WOBBLE = (0.0, 0.01, -0.01, 0.012, -0.008, 0.004, -0.012)


def trial(servers: int, users: int, repeat: int, off: float = 0.0) -> TrialRecord:
    """Return a trial of a closed loop in which 5 % are late at the capacity, shifted by `off` in logarithms."""
    speed = math.exp(off + WOBBLE[(repeat + users) % len(WOBBLE)])
    share = float(special.ndtr(special.ndtri(0.05) + 15 * math.log(users / CAPACITIES[servers] / speed)))
    p95 = 1000.0 if share > 0.05 else 400.0
    against = {"requests": 4000, "late": round(4000 * share), "failed": 0}
    return changed(probe(servers, users, repeat), objective_counts=against, latency_ms={"p95": p95})


def searching(**more: object) -> Grid:
    wanted = {"repeats": 3, "objectives": {"p95": "450ms"}, **more}
    return grid(factors={"servers": [1, 2], "vusers": SPAN}, **wanted)


def carried_out(
    study: Grid, measure: Callable[[int, int, int], TrialRecord] = trial
) -> tuple[dict[str, TrialRecord], list[str]]:
    records: dict[str, TrialRecord] = {}
    while True:
        planned, _ = stopping.trials(study, "lab", records)
        left = [planned_ for planned_ in planned if planned_.path not in records]
        if not left:
            return records, [each.path for each in planned]
        for each in left:
            found = measure(each.cell.servers, each.cell.vusers, each.repeat)
            records[each.path] = changed(found, probe=each.probe)


def test_each_topology_is_measured_around_its_own_crossing_in_every_block() -> None:
    study = searching()
    records, planned = carried_out(study)
    summary = cells.summarise_records(study, records)
    for capacity in summary.capacities:
        assert capacity.bound == Bound.EXACT
        assert capacity.value == pytest.approx(CAPACITIES[capacity.servers], rel=0.02)
    (gain,) = summary.capacity_gains
    assert gain.ratio is not None
    assert gain.ratio.value == pytest.approx(900 / 420, rel=0.02)
    for limit in summary.searches:
        assert len(limit.loads) == 3
        for load in limit.loads:
            where = f"servers-{limit.others['servers']}_vusers-{load:g}/r3"
            assert where in planned
    assert len(set(planned)) == len(planned)


def test_the_sentence_has_the_results_of_the_probes_and_the_loads_of_the_blocks() -> None:
    study = searching()
    records, _ = carried_out(study)
    sentence = state(study, records).results[0].sentence
    assert "throughput grows up to" in sentence
    assert "of 4,000 requests late" in sentence
    assert "their crossing is measured in blocks at " in sentence


def test_a_block_is_planned_after_the_previous_one_because_its_loads_may_change() -> None:
    study = searching()

    def erring(servers: int, users: int, repeat: int) -> TrialRecord:
        return trial(servers, users, repeat, off=-0.15 if repeat == 0 else 0.0)

    records, planned = carried_out(study, erring)
    first, second, last = state(study, records)._loads_of(study.cells.topologies[0], 3)
    assert max(first) < 0.95 * CAPACITIES[1]
    assert max(second) > max(first), "after one block all loads are known to be too low"
    assert min(last) < CAPACITIES[1] < max(last)
    assert cells.summarise_records(study, records).capacities[0].value == pytest.approx(CAPACITIES[1], rel=0.03)
    half = dict(list(records.items())[: len(records) * 3 // 4])
    again = [each.path for each in stopping.trials(study, "lab", half)[0]]
    assert again == planned[: len(again)]  # an interrupted study has the same plan


def test_blocks_are_added_until_capacities_are_narrow_enough() -> None:
    study = searching(repeats={"min": 3, "max": 7, "until": "0.5%"})
    records, _ = carried_out(study)
    blocks = max(record.repeat for record in records.values())
    assert blocks > 3
    wide = cells.summarise_records(study, {w: r for w, r in records.items() if r.repeat <= 3})
    rule = Repeats.model_validate({"min": 3, "max": 7, "until": "1%"})
    decision = stopping.decide(rule, 0.001, 3, [], wide.capacities)
    assert decision.go_on
    assert "capacity of 1 server" in decision.why


def test_without_objectives_no_extra_load_is_measured() -> None:
    study = searching(objectives={})
    records, _ = carried_out(study)
    assert state(study, records)._loads_of(study.cells.topologies[0], 2) == [(), ()]
    assert all(limit.loads == () for limit in state(study, records).results)
    assert not loads_adapt(study)


def test_an_open_load_has_no_knee_only_objectives() -> None:
    span, aims = Search.model_validate(SPAN), Objectives.model_validate({"p95": "450ms"})
    seen: dict[int, list[TrialRecord]] = {}
    while (probe_ := probing.next_probe(span, aims, seen, "rate")) is not None:
        load = int(probe_.load)
        seen.setdefault(load, []).append(trial(1, load, 0))
    met = probing.meeting(aims, seen)
    assert met is not None
    assert met.low is not None
    assert met.high is not None
    assert met.high - met.low <= 0.05 * met.high
    result = SearchResult(
        others={"servers": 1},
        saturation=met,
        knee=None,
        users=None,
        most=5000,
        invalid_from=None,
        objectives=met,
        factor="rate",
        loads=(390.5, 420.0, 449.0),
    )
    sentence = result.sentence
    assert sentence.startswith(
        f"servers 1: objectives are met up to {met.low}/s, missed at {met.high}/s; their crossing is"
    )
    assert sentence.endswith("at 390.5/s, 420/s, 449/s")


RATES = Search.model_validate({"factor": "rate", "from": "100/s", "to": "5000/s", "until": "5%"})
LATE = {"rule": "E6", "severity": "warning", "cause": "late", "kind": "lateness"}
P95 = Objectives(p95="450ms")


def probe_of_rate(rate: int, **more: object) -> TrialRecord:
    """Return a probe of servers that meet the objective up to 300/s."""
    cell = {"servers": 1, "rate": rate}
    return changed(probe(1, 100), cell=cell, latency_ms={"p95": 400.0 if rate <= 300 else 900.0}, **more)


def test_a_probe_with_a_late_generator_or_an_invalid_one_is_not_missed() -> None:
    for uncounted in ({"findings": [LATE]}, {"outcome": "invalid", "tps_mean": None}):
        seen = {rate: [probe_of_rate(rate)] for rate in (100, 200)} | {400: [probe_of_rate(400, **uncounted)]}
        assert probing.meeting(P95, seen) == Bracket(200, None)
        assert probing.first_uncounted(P95, seen) == 400
        # It ends the search upwards like a missed one, so the search ends.
        while (following := probing.next_probe(RATES, P95, seen, "rate")) is not None:
            load = int(following.load)
            more = uncounted if load == 400 else {}
            seen.setdefault(load, []).append(probe_of_rate(load, **more))
        found = probing.meeting(P95, seen)
        assert found is not None
        assert found.low == pytest.approx(295, abs=6)


def test_a_probe_that_broke_the_servers_is_missed_even_if_the_generator_was_late() -> None:
    broken = probe_of_rate(400, findings=[LATE], outcome="server_down", tps_mean=None)
    assert probing.meeting(P95, {200: [probe_of_rate(200)], 400: [broken]}) == Bracket(200, 400)


def test_the_sentence_names_the_load_whose_probe_does_not_count() -> None:
    study = grid(
        factors={"servers": [1], "rate": {"from": "100/s", "to": "400/s", "until": "50%"}},
        load={"ramp_up": "2s", "duration": "12s"},
        objectives={"p95": "450ms"},
    )
    for findings, words in (([LATE], ", unknown at 400/s, whose probe does not count"), ([], ", missed at 400/s")):
        records = {
            f"servers-1_rate-{rate}/r0": probe_of_rate(rate, findings=findings if rate == 400 else [], repeat=0)
            for rate in (100, 200, 400)
        }
        (result,) = state(study, records).results
        assert words in result.sentence
        assert ("missed" in result.sentence) == (not findings)
