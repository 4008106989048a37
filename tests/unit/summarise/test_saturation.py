"""The search for each topology's saturation, on closed loops with known saturation."""

import csv
import re
from collections.abc import Callable

import pytest

from harness.grid.amount import Search
from harness.grid.objectives import Objectives
from harness.grid.schema import Grid
from harness.plan import stopping
from harness.records import csv_tables
from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise import tables
from harness.summarise.search import probing
from harness.summarise.search.bracketing import Bracket, NextProbe
from harness.summarise.search.search import SearchState, state_of
from tests.builders import changed, grid, record

SPAN = {"from": 100, "to": 5000, "until": "5%"}
CAPACITY, THINK_S = 280.0, 2.0


def searching(**more: object) -> Grid:
    return grid(factors={"servers": [1, 2], "vusers": SPAN}, repeats=3, **more)


def state(study: Grid, records: dict[str, TrialRecord]) -> SearchState:
    found = state_of(study, records)
    assert isinstance(found, SearchState)
    return found


def probe(servers: int, users: int, repeat: int = 0) -> TrialRecord:
    """A closed loop of known capacity: X = min(m·µ, N / Z), with 1 % of noise."""
    wobble = 1 + 0.01 * ((users * 7 + servers + repeat) % 3 - 1)
    rate = min(servers * CAPACITY, users / THINK_S) * wobble
    queue_s = max(0.01, users / (servers * CAPACITY) - THINK_S)
    return record(servers, users, repeat, rate, latency_ms={"p95": 1000 * queue_s})


def carried_out(study: Grid, most: int = 200) -> tuple[dict[str, TrialRecord], list[str]]:
    """Measure all planned trials until no more are planned."""
    records: dict[str, TrialRecord] = {}
    for _ in range(most):
        planned, decision = stopping.trials(study, "lab", records)
        left = [trial for trial in planned if trial.path not in records]
        if not left:
            assert decision is not None
            return records, [trial.path for trial in planned]
        for trial in left:
            found = probe(trial.cell.servers, trial.cell.vusers, trial.repeat)
            records[trial.path] = changed(found, probe=trial.probe)
    raise AssertionError("the search does not end")


def test_the_bracket_holds_the_load_at_which_throughput_stops_growing() -> None:
    study = searching()
    records, _ = carried_out(study)
    for limit in state(study, records).results:
        low, high = limit.saturation.low, limit.saturation.high
        assert low is not None
        assert high is not None
        knee = int(limit.others["servers"]) * CAPACITY * THINK_S
        assert low < high
        assert high - low <= 0.05 * high + 1
        assert 0.98 * low <= knee <= 1.02 * high  # the probes have 1 % of noise
        assert limit.knee is not None
        assert limit.users is not None
        assert low <= limit.knee.users <= high
        assert 1.28 * knee <= limit.users <= 1.53 * knee
        assert limit.knee.rate_estimate.value == pytest.approx(int(limit.others["servers"]) * CAPACITY, rel=0.02)


def test_the_sentence_has_the_knee_with_its_interval_and_the_load_of_the_blocks() -> None:
    study = searching()
    records, _ = carried_out(study)
    for limit in state(study, records).results:
        number = r"(\d+) users \[(\d+), (\d+)\] and stays at (\d+)/s \[(\d+), (\d+)\] above \((\d+) probes"
        found = re.search(number, re.sub(r"(?<=\d),(?=\d)", "", limit.sentence))
        assert found, limit.sentence
        users, low, high, rate, least, most, count = map(int, found.groups())
        servers = int(limit.others["servers"])
        assert low <= servers * CAPACITY * THINK_S <= high
        assert low < users < high
        assert least <= servers * CAPACITY <= most
        assert least <= rate <= most
        assert count == len(state(study, records)._known[study.cells.topologies[servers - 1]])
        assert f"blocks are measured at {limit.users:,} users, 1." in limit.sentence
        assert "below saturation" not in limit.sentence


@pytest.mark.parametrize(("most", "note"), [(700, "perhaps below saturation"), (5000, "")])
def test_blocks_are_measured_at_no_more_users_than_the_searchs_maximum(most: int, note: str) -> None:
    study = grid(factors={"servers": [1], "vusers": {"from": 100, "to": most, "until": "5%"}}, repeats=3)
    records, planned = carried_out(study)
    limit = state(study, records).results[0]
    assert limit.users == (most if note else limit.knee.saturating_users) if limit.knee else False
    assert max(int(record.cell["vusers"]) for record in records.values()) <= most
    assert note in limit.sentence
    assert ("below saturation" in limit.sentence) == bool(note)
    assert f"servers-1_vusers-{limit.users}/r3" in planned


def fallen(study: Grid, rate: Callable[[int], float]) -> tuple[dict[str, TrialRecord], list[str]]:
    """Measure all planned trials of one server with this throughput, and 1 % of noise."""
    records: dict[str, TrialRecord] = {}
    while left := [t for t in stopping.trials(study, "lab", records)[0] if t.path not in records]:
        for trial in left:
            users = trial.cell.vusers
            wobble = 1 + 0.01 * ((users * 7 + trial.repeat + (trial.probe or 0)) % 3 - 1)
            records[trial.path] = record(1, users, trial.repeat, rate(users) * wobble, probe=trial.probe)
    return records, [t.path for t in stopping.trials(study, "lab", records)[0]]


ONE_SERVER: dict[str, object] = {"factors": {"servers": [1], "vusers": SPAN}, "repeats": 3}


def test_throughput_that_falls_beyond_its_peak_is_reported_and_measured_there() -> None:
    """Contention: throughput peaks at 250/s at 250 users and falls by a tenth up to 400."""
    study = grid(**ONE_SERVER)
    records, planned = fallen(study, lambda users: 2 * users / (1 + (users / 250) ** 2))
    (limit,) = state(study, records).results
    assert limit.falling is not None
    assert 200 <= limit.falling.users <= 320
    assert limit.falling.is_saturated
    assert limit.users == limit.falling.users
    assert re.search(
        rf"throughput peaks at 2\d\d/s near {limit.users} users and falls to \d+/s at \d+ \(", limit.sentence
    )
    assert limit.sentence.endswith(f"blocks are measured at {limit.users:,} users")
    assert f"servers-1_vusers-{limit.users}/r3" in planned


def test_a_peak_that_its_load_may_limit_is_measured_beside_the_saturating_users() -> None:
    """Throughput grows with the users up to 250/s, and falls at once beyond."""
    study = grid(**ONE_SERVER)
    records, planned = fallen(study, lambda users: min(users / 2, 250 * (users / 500) ** -0.4))
    (limit,) = state(study, records).results
    assert limit.falling is not None
    assert not limit.falling.is_saturated
    assert limit.users is not None
    assert limit.users > 1.2 * limit.falling.users
    for users in (limit.users, limit.falling.users):
        assert f"servers-1_vusers-{users}/r3" in planned
        assert f"at {users} users" in limit.sentence


def test_a_study_whose_probes_have_no_number_keeps_its_search() -> None:
    """Each load is probed once, users are halved by difference, and a miss at the smallest load ends the objectives."""
    study = grid(**ONE_SERVER, objectives={"p95": "450ms"})
    records = {"servers-1_vusers-100/r0": changed(probe(1, 100), latency_ms={"p95": 900.0})}
    while left := [t for t in stopping.trials(study, "lab", records)[0] if t.path not in records]:
        for trial in left:
            records[trial.path] = probe(1, trial.cell.vusers, trial.repeat)
    planned = [trial.path for trial in stopping.trials(study, "lab", records)[0]]
    assert not any("-probe" in path for path in planned)
    assert [path.split("-")[-1] for path in planned[:6]] == [f"{n}/r0" for n in (100, 200, 400, 800, 1600, 600)]
    assert state(study, records).results[0].objectives == Bracket(None, 100)


def test_level_throughput_is_not_called_falling() -> None:
    records, _ = carried_out(searching())
    assert all(limit.falling is None for limit in state(searching(), records).results)


def test_a_stalled_probe_neither_ends_the_doubling_nor_moves_the_knee() -> None:
    stalled = [""]

    def rate(users: int) -> float:
        return min(users / 2, 280.0)

    exact = state(grid(**ONE_SERVER), fallen(grid(**ONE_SERVER), rate)[0]).results[0]
    for at in (200, 400, 800):
        stalled[0] = f"servers-1_vusers-{at}/r0"
        records: dict[str, TrialRecord] = {}
        study = grid(**ONE_SERVER)
        while left := [t for t in stopping.trials(study, "lab", records)[0] if t.path not in records]:
            for trial in left:
                slow = 0.3 if trial.path == stalled[0] else 1.0
                users = trial.cell.vusers
                records[trial.path] = record(1, users, trial.repeat, rate(users) * slow, probe=trial.probe)
        limit = state(study, records).results[0]
        assert limit.knee is not None
        assert exact.knee is not None
        assert limit.knee.users == pytest.approx(exact.knee.users, rel=0.05)


def test_doubling_and_halving_need_few_probes() -> None:
    records, _ = carried_out(searching())
    assert sum(record.repeat == 0 for record in records.values()) <= 1 + 2 * 12


def test_gains_are_taken_at_saturation_and_at_equal_users() -> None:
    study = searching()
    records, _ = carried_out(study)
    summary = cells.summarise_records(study, records)
    loads = {gain.load: gain for gain in summary.gains}
    assert set(loads) == {"saturation", f"{max(c.cell['vusers'] for c in summary.cells):,} users"}
    for gain in loads.values():
        assert gain.ratio is not None
        assert gain.ratio.value == pytest.approx(2.0, rel=0.03)


def test_the_tables_have_gains_at_saturation_and_at_equal_users() -> None:
    study = searching()
    records, _ = carried_out(study)
    written = csv_tables.gains_csv(tables.gains(cells.summarise_records(study, records)), study)
    rows = list(csv.DictReader(written.splitlines()))
    assert sorted((row["vusers"] == "", row["load"]) for row in rows) == [(False, ""), (True, "saturation")]


def test_the_blocks_measure_each_topology_at_its_limit_and_all_at_the_last_ones() -> None:
    study = searching()
    records, planned = carried_out(study)
    blocks = [path for path in planned if "/r0" not in path]
    assert len(blocks) == 3 * 3  # 1 server at its own, and both at the users that saturate 2
    assert len(set(planned)) == len(planned)
    assert stopping.trials(study, "lab", records)[0] == stopping.trials(study, "lab", dict(sorted(records.items())))[0]


def test_an_interrupted_search_resumes() -> None:
    study = searching()
    records, planned = carried_out(study)
    half = {path: records[path] for path in planned[:5]}
    assert [trial.path for trial in stopping.trials(study, "lab", half)[0]] == planned[
        : len(stopping.trials(study, "lab", half)[0])
    ]


def test_an_unfinished_search_has_no_results() -> None:
    study = searching()
    records, planned = carried_out(study)
    last = max(number for number, path in enumerate(planned) if "/r0" in path)
    assert state(study, {path: records[path] for path in planned[:last]}).results == []
    assert cells.summarise_records(study, {path: records[path] for path in planned[:last]}).searches == []
    assert len(state(study, {path: records[path] for path in planned[: last + 1]}).results) == 2


def test_objectives_have_a_largest_load_that_meets_them() -> None:
    study = searching(objectives={"p95": "1s"})
    records, _ = carried_out(study)
    for limit in state(study, records).results:
        assert limit.objectives is not None
        assert limit.objectives.low is not None
        assert limit.objectives.high is not None
        truth = int(limit.others["servers"]) * CAPACITY * 3  # p95 is N / (m·µ) − Z
        assert limit.objectives.low <= truth <= limit.objectives.high
        assert limit.objectives.high - limit.objectives.low <= 0.05 * limit.objectives.high + 1
    assert "objectives are met up to" in state(study, records).results[0].sentence


def test_throughput_that_still_grows_at_the_end_of_the_span_is_reported() -> None:
    study = grid(factors={"servers": [1], "vusers": {"from": 50, "to": 300, "until": "5%"}}, repeats=3)
    records, _ = carried_out(study)
    limit = state(study, records).results[0]
    assert limit.saturation.high is None
    assert limit.users == 300
    assert "still grows at 300 users" in limit.sentence


def test_throughput_that_never_grows_is_reported() -> None:
    study = grid(factors={"servers": [1], "vusers": {"from": 1000, "to": 5000, "until": "5%"}}, repeats=3)
    records, _ = carried_out(study)
    limit = state(study, records).results[0]
    assert limit.saturation.low is None
    assert limit.users == 1500
    assert "does not grow from 1,000 users on" in limit.sentence


def test_a_probe_that_broke_the_service_ends_the_doubling() -> None:
    span = Search.model_validate(SPAN)
    seen = {users: [probe(1, users)] for users in (100, 200, 400)}
    collapsed = record(1, 800, 0, None, outcome="server_down")
    seen[800] = [collapsed]
    assert probing.next_probe(span, Objectives(), seen) == NextProbe(800, 2)
    seen[800] = [collapsed, collapsed]
    assert probing.next_probe(span, Objectives(), seen) == NextProbe(
        566, 1
    )  # between the last success and the collapse
    assert probing.around_knee(seen) == Bracket(400, 800)


def test_a_service_that_collapses_before_saturation_is_measured_below_the_collapse() -> None:
    study = grid(factors={"servers": [1], "vusers": SPAN}, repeats=3)
    records: dict[str, TrialRecord] = {}
    while left := [t for t in stopping.trials(study, "lab", records)[0] if t.path not in records]:
        for trial in left:
            users = trial.cell.vusers
            exact = record(1, users, 0, users / THINK_S)
            records[trial.path] = exact if users < 500 else record(1, users, 0, None, outcome="server_down")
            records[trial.path] = changed(records[trial.path], repeat=trial.repeat, probe=trial.probe)
    limit = state(study, records).results[0]
    assert limit.users is not None
    assert 475 <= limit.users < 500
    assert f"still grows at {limit.users} users" in limit.sentence
    assert f"none is usable from {limit.invalid_from} users on" in limit.sentence


def test_a_searching_grid_reads_back_from_json() -> None:
    study = searching()
    again = Grid.model_validate(study.model_dump(mode="json", by_alias=True))
    assert again == study
