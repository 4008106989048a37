"""Capacities of a study by its records, as rows of capacity.csv, and the references of paced servers."""

import csv
from dataclasses import replace
from pathlib import Path

import pytest

from harness.grid.schema import Grid
from harness.judge import latency_stats
from harness.records import csv_tables, frames
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study import check
from harness.summarise import tables
from harness.summarise.capacity import by_topology, capacity
from harness.summarise.capacity.crossing import Bound, BoundReasonKind
from harness.summarise.statistics import queueing
from harness.summarise.summary import summarise_records
from report import build
from tests.builders import changed, grid, record, study_record, trial_data
from tests.unit.summarise.test_capacity import counts

OPEN = {"ramp_up": "2s", "duration": "12s"}
LOADS = {1: (93, 100, 107), 2: (195, 210, 225)}


def studied(**more: object) -> tuple[Grid, dict[str, TrialRecord]]:
    """Return a study of two topologies with capacities of 100 and 210 users, each measured near its own capacity."""
    study = grid(
        factors={"servers": [1, 2], "vusers": [93, 100, 107, 195, 210, 225]},
        exclude=[{"servers": s, "vusers": v} for s in (1, 2) for v in LOADS[3 - s]],
        objectives={"p95": "450ms"},
        repeats=5,
        **more,
    )
    records = {}
    for servers, loads in LOADS.items():
        for count in counts(tuple(map(float, loads)), at=105.0 * servers - 5 * (2 - servers)):
            found = record(servers, round(count.load), count.block, 200.0 * servers)
            against = {"requests": count.requests, "late": count.late, "failed": 0}
            where = f"servers-{servers}_vusers-{round(count.load)}/r{count.block}"
            records[where] = changed(found, objective_counts=against)
    return study, records


def test_every_topology_has_its_capacity_and_the_gain_over_the_next_smaller_one() -> None:
    summary = summarise_records(*studied())
    one, two = summary.capacities
    assert one.value == pytest.approx(100, rel=0.01)
    assert two.value == pytest.approx(210, rel=0.01)
    (gain,) = summary.capacity_gains
    assert (gain.from_servers, gain.to_servers, gain.conclusion_text) == (1, 2, "super-linear")


def test_the_rows_of_capacity_csv_are_one_for_each_topology() -> None:
    study, records = studied()
    text = csv_tables.capacity_csv(tables.capacity(summarise_records(study, records)), study)
    one, two = csv.DictReader(text.splitlines())
    assert (one["servers"], one["factor"], one["bound"], one["bottleneck"]) == ("1", "vusers", "exact", "p95")
    assert one["gain"] == one["conclusion"] == one["reference"] == ""
    assert float(one["low"]) < float(one["capacity"]) < float(one["high"])
    assert int(one["requests"]) == 15 * 10**7
    assert float(two["efficiency"]) == pytest.approx(1.05, rel=0.01)
    assert two["conclusion"] == "super-linear"
    # N−1 capacity: 0 for one server, and the capacity of one server for two.
    assert (one["n_minus_1"], one["n_minus_1_low"]) == ("0", "")
    assert [two[f"n_minus_1{end}"] for end in ("", "_low", "_high")] == [
        one[end] for end in ("capacity", "low", "high")
    ]


def test_without_an_objective_for_a_load_there_is_no_capacity() -> None:
    study, records = studied()
    without = Grid.model_validate({**study.model_dump(mode="json", by_alias=True), "objectives": {}})
    summary = summarise_records(without, records)
    assert summary.capacities == []
    assert tables.capacity(summary) == []


def test_a_capacity_excludes_probes_and_control_trials() -> None:
    study, records = studied()
    probe = changed(next(iter(records.values())), repeat=0)
    control = changed(next(iter(records.values())), control=True)
    more = {**records, "servers-1_vusers-93/r0": probe, "servers-1_vusers-93/r1-control": control}
    assert by_topology.of_records(study, more) == by_topology.of_records(study, records)


def test_a_load_that_is_not_served_misses_its_objectives_however_short_the_responses_are() -> None:
    """A server of 140/s under 230/s: its queue would need longer than the window to exceed the objective."""
    study = grid(
        factors={"servers": [1], "rate": ["120/s", "230/s"]},
        load={"ramp_up": "2s", "duration": "102s"},
        objectives={"p95": "5s"},
        repeats=5,
    )
    records = {}
    for block in range(1, 6):
        for rate in (120, 230):
            against = {"requests": 100 * rate, "late": 0, "failed": 0}
            found = record(1, 1, block, min(rate, 140.0), cell={"servers": 1, "rate": rate}, objective_counts=against)
            figures = {"offered_per_s": float(rate), "falls_behind": rate > 140}
            records[f"servers-1_rate-{rate}/r{block}"] = changed(found, figures=figures)
    summary = summarise_records(study, records, lambda _: latency_stats.histogram_of_us({1_000_000: 1000}))
    (capacity,) = summary.capacities
    assert (capacity.bound, capacity.low, capacity.high) == (Bound.AT_LEAST, 120, 230)
    met = {result.name: result.met for result in summary.objectives}
    assert met == {"servers 1, rate 120/s: p95": True, "servers 1, rate 230/s: p95": False}
    (text,) = [result.text for result in summary.objectives if not result.met]
    assert "was served, so a queue grows" in text


def test_a_load_whose_trials_collapse_misses_its_objectives() -> None:
    study, records = studied()
    for where in [where for where in records if "vusers-107" in where]:
        records[where] = record(1, 107, records[where].repeat, None, outcome="server_down")
    found = by_topology.of_records(study, records)[0]
    assert found.bound == Bound.EXACT
    assert found.value is not None
    assert 93 < found.value < 107


@pytest.mark.parametrize(("unloaded_ms", "within_s"), [(50.0, 0.2), (60.0, 0.19), (None, 0.2)])
def test_the_reference_of_paced_servers_follows_from_their_slots(unloaded_ms: float | None, within_s: float) -> None:
    study = grid(objectives={"p95": "200ms"})
    context = trial_data(2, 2000, 1, 540, 1).record.context
    assert context is not None
    slots = {"offered": 7 * 10.0, "busy": 1000 * 0.05, "lost": 0.0, "late": 0.1, "answers": 1000}
    paced = changed(
        record(2, 100, 1, 200.0),
        unloaded_ms=unloaded_ms,
        window={"from_s": 7, "to_s": 17},
        context={**context.model_dump(), "pacing": {"server-1": slots, "server-2": slots}},
    )
    rated = capacity.of_topology({}, 2, "rate", [], {"p95": 0.05})
    found = by_topology.reference(study, rated, {"a/r1": paced})
    assert found == pytest.approx(queueing.paced_capacity(2, 7, 0.05, within_s))
    users = capacity.of_topology({}, 2, "vusers", [], {"p95": 0.05})
    assert by_topology.reference(study, users, {"a/r1": paced}) is None
    assert by_topology.reference(study, rated, {"a/r1": record(2, 100, 1, 200.0)}) is None


def test_the_reference_of_paced_servers_is_nominal_with_time_scaling() -> None:
    """With factor 2 all times are twice as long, and the servers have the same nominal capacity."""
    study = grid(factors={"servers": [2], "rate": ["100/s"]}, objectives={"p95": "200ms"}, load=OPEN).scaled(2)
    context = trial_data(2, 2000, 1, 540, 1).record.context
    assert context is not None
    slots = {"offered": 7 * 20.0, "busy": 1000 * 0.1, "lost": 0.0, "late": 0.1, "answers": 1000}
    paced = changed(
        record(2, 100, 1, 200.0),
        cell={"servers": 2, "rate": 100},
        unloaded_ms=100.0,
        window={"from_s": 14, "to_s": 34},
        context={**context.model_dump(), "pacing": {"server-1": slots, "server-2": slots}},
    )
    rated = capacity.of_topology({}, 2, "rate", [], {"p95": 0.05})
    found = by_topology.reference(study, rated, {"a/r1": paced})
    assert found == pytest.approx(queueing.paced_capacity(2, 7, 0.05, 0.2))


def test_check_recomputes_the_table_of_capacities(tmp_path: Path) -> None:
    study, records = studied()
    directory = StudyDirectory(tmp_path / "study-1")
    for where, found in records.items():
        data = trial_data(int(found.cell["servers"]), int(found.cell["vusers"]), found.repeat, 200, 1)
        kept = data.record.model_copy(update={"cell": found.cell, "objective_counts": found.objective_counts})
        directory.write_trial(where, replace(data, record=kept))
    directory.write_study(study_record(configuration={"grid": study.model_dump(mode="json", by_alias=True)}))
    build.write(directory, kinds=())
    assert (directory.path / "capacity.csv").is_file()
    lines = [line for line in check.check(directory) if line.file == "capacity.csv"]
    assert len(lines) == 1
    assert len(frames.capacity(directory)) == 2
    (directory.path / "capacity.csv").unlink()
    assert "capacity.csv is missing" in next(
        line.text for line in check.check(directory) if line.file == "capacity.csv"
    )


LATE = {"rule": "E6", "severity": "warning", "cause": "late", "kind": "lateness"}


def test_servers_whose_generator_was_late_have_no_capacity() -> None:
    """Neither a bound: the requests were late because of the generator."""
    study, records = studied()
    late = {where: changed(each, findings=[LATE]) for where, each in records.items()}
    for one in by_topology.of_records(study, late):
        assert (one.bound, one.value, one.low, one.high) == (Bound.NONE, None, None, None)
        assert one.reason_kind == BoundReasonKind.GENERATOR
    # Single late trials are left out, however many of their requests were late.
    worse = {"requests": 10**7, "late": 9 * 10**6, "failed": 0}
    some = records | {
        where: changed(each, findings=[LATE], objective_counts=worse)
        for where, each in records.items()
        if each.repeat == 5
    }
    one, two = by_topology.of_records(study, some)
    assert one.value == pytest.approx(100, rel=0.01)
    assert two.value == pytest.approx(210, rel=0.01)
    assert set(one.by_block) == {1, 2, 3, 4}


def test_a_topology_whose_servers_fail_in_mid_trial_has_no_capacity() -> None:
    """Half of the window is before the failure, half after it; the same cells without a failure keep their capacity."""
    study, records = studied()
    study = study.model_copy(update={"factors": {**study.factors, "fail_servers": [0, 1]}})
    found = {}
    for failing in (0, 1):
        for where, each in records.items():
            cell = {**each.cell, "fail_servers": failing}
            found[f"fail_servers-{failing}_{where}"] = changed(each, cell=cell)
    for one in by_topology.of_records(study, found):
        if one.others["fail_servers"]:
            assert (one.bound, one.value, one.low, one.high) == (Bound.NONE, None, None, None)
            assert one.reason_kind == BoundReasonKind.SERVER_FAILURE
        else:
            assert one.bound == Bound.EXACT
