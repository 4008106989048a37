"""The loop of a study on in-memory hosts, without real time. All other code is real."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CannotRun, Interrupted
from harness.plan import order
from harness.records import frames
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study import check, dependencies
from harness.study.events import Message, Step, TrialEnded, TrialStarted
from harness.summarise.summary import summarise_directory
from report import build
from report.sentences.answer import answer
from tests.study_stubs import FakeSite

LOADED: dict[str, Any] = {"factors": {"servers": [1, 2], "vusers": [1000]}}


@pytest.fixture
def site() -> FakeSite:
    return FakeSite()


def measured(results: Path) -> dict[str, TrialRecord]:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    return StudyDirectory(folder).trials()


def outcomes(results: Path) -> dict[str, str]:
    return {where: str(record.outcome) for where, record in measured(results).items()}


def test_a_study_measures_every_cell_and_records_it(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED, repeats=2)
    assert study.run() == 4
    assert set(outcomes(tmp_path).values()) == {"ok"}
    for record in measured(tmp_path).values():
        assert record.tps_mean == pytest.approx(280 * record.cell["servers"], rel=0.01)
    recorded = StudyDirectory(study._directory.path).need_study()
    assert set(recorded.digests) == set(recorded.plan)
    assert recorded.ceiling
    assert recorded.ceiling.per_s == pytest.approx(3000)
    assert recorded.where.version_of("locust") == "2.40"
    assert site.study(tmp_path, **LOADED, repeats=2).run() == 0


def test_a_balancer_with_a_fast_clock_has_the_same_seconds(site: FakeSite, tmp_path: Path) -> None:
    site.clocks["balancer"] = 5.0
    study = site.study(tmp_path, **LOADED)
    study.run()
    for where, outcome in outcomes(tmp_path).items():
        assert outcome == "ok"
        assert {row.t_s for row in study._directory.trial(where).balancer} == set(range(12))


def test_a_failed_playbook_costs_one_cell_and_the_next_invocation_measures_it(site: FakeSite, tmp_path: Path) -> None:
    site.broken[2] = "nginx: [emerg] host not found"
    site.study(tmp_path, **LOADED).run()
    assert outcomes(tmp_path) == {"servers-1_vusers-1000/r1": "ok", "servers-2_vusers-1000/r1": "failed"}
    assert "host not found" in measured(tmp_path)["servers-2_vusers-1000/r1"].cause
    site.broken.clear()
    site.journal.clear()
    assert site.study(tmp_path, **LOADED).run() == 1
    assert site.journal.count("load of 1000 users") == 1
    assert set(outcomes(tmp_path).values()) == {"ok"}


def test_a_load_generator_that_dies_fails_its_trial_and_is_started_again(site: FakeSite, tmp_path: Path) -> None:
    site.happens(1, 5, lambda: site.die("generator"))
    site.study(tmp_path, **LOADED, repeats=2).run()
    recorded = list(outcomes(tmp_path).values())
    assert sorted(recorded) == ["failed", "ok", "ok", "ok"]
    died = site.journal.index("generator dies")
    assert site.journal[died:].index("repair") < site.journal[died:].index("load of 1000 users")
    (failed,) = (record for record in measured(tmp_path).values() if record.outcome == "failed")
    assert "does not answer" in failed.cause


def test_a_server_that_dies_under_load_is_the_outcome_and_is_started_again(site: FakeSite, tmp_path: Path) -> None:
    site.happens(1, 6, lambda: site.die("server-1"))
    site.study(tmp_path, **LOADED, repeats=2).run()
    records = list(measured(tmp_path).values())
    (down,) = (record for record in records if record.outcome == "server_down")
    assert down.block_position == 1
    assert "server-1" in down.cause
    assert [record.outcome for record in records if record is not down] == ["ok"] * 3
    died = site.journal.index("server-1 dies")
    assert "repair" in site.journal[died : died + 4]


def test_ctrl_c_stops_the_load_and_discards_it_and_the_same_command_resumes(site: FakeSite, tmp_path: Path) -> None:
    site.happens(2, 4, site.interrupt)
    first = site.study(tmp_path, **LOADED, repeats=2)
    with pytest.raises(Interrupted):
        first.run()
    assert "load stopped" in site.journal[site.journal.index("Ctrl-C") :]
    assert len(outcomes(tmp_path)) == 1
    assert not list(tmp_path.glob("*/trials/.writing-*"))
    assert site.study(tmp_path, **LOADED, repeats=2).run() == 3
    assert set(outcomes(tmp_path).values()) == {"ok"}
    runs = first._directory.need_study().runs
    assert [run.measured for run in runs] == [1, 3]


def test_a_resumed_study_keeps_order_and_positions(site: FakeSite, tmp_path: Path) -> None:
    whole = FakeSite()
    whole.study(tmp_path / "whole", **LOADED, repeats=3).run()
    site.happens(4, 1, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path / "halves", **LOADED, repeats=3).run()
    assert site.study(tmp_path / "halves", **LOADED, repeats=3).run() == 3
    at_once, in_halves = measured(tmp_path / "whole"), measured(tmp_path / "halves")
    assert {w: r.block_position for w, r in at_once.items()} == {w: r.block_position for w, r in in_halves.items()}


def files_are_entered(study: Path) -> bool:
    """Return whether `check` finds the digest of every trial in study.json."""
    return all(line.ok for line in check.check(StudyDirectory(study)) if line.rule == "digest")


def test_a_trial_that_a_killed_invocation_did_not_record_is_adopted(site: FakeSite, tmp_path: Path) -> None:
    """The kill is between the trial's rename and study.json, in an unfinished and in a finished study."""
    for repeats, left in ((2, 2), (1, 0)):
        name = tmp_path / str(repeats)
        first = site.study(name, **LOADED, repeats=repeats)
        if left:
            site.happens(site.loads + 3, 1, site.interrupt)
            with pytest.raises(Interrupted):
                first.run()
        else:
            first.run()
        recorded = first._directory.need_study()
        last = list(recorded.digests)[-1]
        kept = {where: digest for where, digest in recorded.digests.items() if where != last}
        first._directory.write_study(recorded.model_copy(update={"digests": kept}))
        assert not files_are_entered(first._directory.path)
        assert site.study(name, **LOADED, repeats=repeats).run() == left
        again = first._directory.need_study()
        assert again.digests[last] == recorded.digests[last]
        assert set(again.digests) == set(again.plan)
        assert files_are_entered(first._directory.path)


def test_a_repeated_trial_that_a_killed_invocation_did_not_record_is_adopted(site: FakeSite, tmp_path: Path) -> None:
    """The trial failed first, so study.json has the digest of its first attempt."""
    site.broken[2] = "nginx: [emerg] host not found"
    study = site.study(tmp_path, **LOADED)
    study.run()
    failed = study._directory.need_study()
    site.broken.clear()
    assert site.study(tmp_path, **LOADED).run() == 1
    measured_again = study._directory.need_study()
    where = "servers-2_vusers-1000/r1"
    assert measured_again.digests[where] != failed.digests[where]
    study._directory.write_study(measured_again.model_copy(update={"digests": failed.digests}))
    assert not files_are_entered(study._directory.path)
    assert site.study(tmp_path, **LOADED).run() == 0
    assert study._directory.need_study().digests == measured_again.digests
    assert files_are_entered(study._directory.path)


def test_a_changed_trial_is_not_adopted(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED)
    study.run()
    recorded = study._directory.need_study()
    where = next(iter(recorded.digests))
    file = study._directory.path / "trials" / where / "samples.csv"
    file.write_text(file.read_text() + "\n")
    assert site.study(tmp_path, **LOADED).run() == 0
    assert study._directory.need_study().digests == recorded.digests


def test_an_invocation_is_recorded_while_it_runs(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED)
    seen: list[list[int]] = []
    site.happens(2, 3, lambda: seen.append([run.measured for run in study._directory.need_study().runs]))
    site.happens(1, 3, lambda: seen.append([run.measured for run in study._directory.need_study().runs]))
    study.run()
    assert seen == [[0], [1]]
    assert [run.measured for run in study._directory.need_study().runs] == [2]


AT_A_RATE: dict[str, Any] = {
    "factors": {"servers": [1, 2], "rate": ["140/s", "420/s"]},
    "load": {"ramp_up": "2s", "duration": "12s"},
}


def test_with_a_rate_a_server_is_judged_by_its_unserved_requests(site: FakeSite, tmp_path: Path) -> None:
    """One server of 280 req/s serves 140 req/s; 420 req/s need two."""
    study = site.study(tmp_path, **AT_A_RATE, repeats=3, evidence={"predicted_idle": False})
    assert study.run() == 12
    records = measured(tmp_path)
    assert set(outcomes(tmp_path).values()) == {"ok"}
    limits = {where.partition("/")[0]: str(record.component) for where, record in records.items()}
    assert limits == {
        "servers-1_rate-140": "load",
        "servers-2_rate-140": "load",
        "servers-1_rate-420": "server",
        "servers-2_rate-420": "load",
    }
    few, many = summarise_directory(StudyDirectory(study._directory.path)).gains
    assert (few.kind, few.load, few.conclusion_text) == ("load-limited", "140/s offered", "not measurable at this load")
    assert "1 server serves 100 % of the offered load" in few.reason
    assert (many.kind, many.reason) == ("lower bound", "2 servers serve 100 % of the offered load")
    texts = answer(summarise_directory(StudyDirectory(study._directory.path)))
    assert texts[0].startswith("At 420/s offered the second server raised throughput 1.500×")
    assert "to 100 % of the offered load: 2 servers deliver at least 1.50×" in texts[0]
    assert texts[1].startswith("At 140/s offered the second server was idle: the load is too low")


def servers_of(results: Path, count: int) -> list[list[str]]:
    """Return the servers of a topology's trials, by block."""
    records = sorted(measured(results).values(), key=lambda record: record.repeat)
    return [sorted(r.context.expected_servers) for r in records if r.context and r.cell["servers"] == count]


def test_servers_rotate_over_the_blocks(tmp_path: Path) -> None:
    site, keys = FakeSite(servers=3), {"factors": {"servers": [1, 2, 3], "vusers": [1000]}, "repeats": 3}
    study = site.study(tmp_path, **keys)
    study.run()
    assert sorted(servers_of(tmp_path, 1)) == [["server-1"], ["server-2"], ["server-3"]]
    assert sorted(servers_of(tmp_path, 2)) == [
        ["server-1", "server-2"],
        ["server-1", "server-3"],
        ["server-2", "server-3"],
    ]
    for one, two in zip(servers_of(tmp_path, 1), servers_of(tmp_path, 2), strict=True):
        assert set(one) < set(two), "within a block a larger topology has all servers of a smaller one"
    recorded = StudyDirectory(study._directory.path).need_study()
    assert [sorted(recorded.servers(block, 2) or ()) for block in (1, 2, 3)] == servers_of(tmp_path, 2)
    assert [line.text for line in check.check(study._directory) if not line.ok and ".csv" not in line.text] == []


def test_planned_failures_rotate_over_the_servers(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    site.left_out_after_s = 1
    load = {"think_time": "1s", "ramp_up": "2s", "duration": "20s"}
    factors = {"servers": [3], "vusers": [400], "fail_servers": [1]}
    site.study(tmp_path, factors=factors, load=load, repeats=3).run()
    failures = [r.context.server_failure for r in measured(tmp_path).values() if r.context]
    assert sorted(name for failure in failures if failure for name in failure.servers) == [
        "server-1",
        "server-2",
        "server-3",
    ]


def test_a_study_that_began_without_rotation_keeps_its_servers(site: FakeSite, tmp_path: Path) -> None:
    keys = {"factors": {"servers": [1, 2], "vusers": [1000]}, "repeats": 4}
    site.happens(3, 4, site.interrupt)
    study = site.study(tmp_path, **keys)
    with pytest.raises(Interrupted):
        study.run()
    record = study._directory.need_study()
    study._directory.write_study(record.model_copy(update={"server_order": ()}))
    resumed = site.study(tmp_path, **keys)
    resumed.run()
    assert servers_of(tmp_path, 1)[1:] == [["server-1"]] * 3
    assert resumed._directory.need_study().server_order == ()


def test_every_topology_of_a_block_gets_the_same_arrivals(site: FakeSite, tmp_path: Path) -> None:
    site.study(tmp_path, **AT_A_RATE, repeats=2, seed=7).run()
    loads = [recorded for recorded in site.journal if recorded.startswith("load of 420/s")]
    assert sorted(loads) == [f"load of 420/s by 7/arrivals/{block}/420" for block in (1, 1, 2, 2)]


def test_every_topology_of_a_block_gets_the_same_think_times(site: FakeSite, tmp_path: Path) -> None:
    site.study(tmp_path, factors={"servers": [1, 2], "vusers": [400, 1000]}, repeats=2, seed=7).run()
    seeds = [(spec.users, spec.seed) for spec in site.specs if spec.seed]
    assert sorted(seeds) == sorted(
        2 * [(users, f"7/users/{block}/{users}") for users in (400, 1000) for block in (1, 2)]
    )


def test_cells_are_predicted_idle_when_the_smaller_topology_serves_their_rate(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **AT_A_RATE, repeats=5)
    assert study.run() == 14
    predicted = study._directory.need_study().predicted_idle
    assert predicted
    assert [cell["rate"] for cell in predicted.cells] == [140, 140]
    assert predicted.contradicted is None or not predicted.contradicted


def test_a_search_over_rates_brackets_the_largest_rate_that_meets_the_objectives(
    site: FakeSite, tmp_path: Path
) -> None:
    searched = {**AT_A_RATE, "factors": {"servers": [1, 2], "rate": {"from": "50/s", "to": "1600/s", "until": "10%"}}}
    study = site.study(tmp_path, **searched, objectives={"p95": "200ms"}, repeats=2)
    study.run()
    summary = summarise_directory(StudyDirectory(study._directory.path))
    for limit, capacity in zip(summary.searches, (280, 560), strict=True):
        assert limit.factor == "rate"
        assert limit.knee is None  # throughput equals the offered rate up to the servers' capacity
        assert limit.objectives
        assert limit.objectives.low is not None
        # Slightly above the capacity, the queue grows so slowly that a trial still meets 200 ms.
        assert limit.objectives.low <= 1.05 * capacity < 1.05 * (limit.objectives.high or 0)


def test_one_cold_probe_ends_no_search_and_a_killed_search_resumes(site: FakeSite, tmp_path: Path) -> None:
    """The first probes of both topologies are cold; the study is interrupted before and within a repeated probe."""
    searched = {**AT_A_RATE, "factors": {"servers": [1, 2], "rate": {"from": "50/s", "to": "1600/s", "until": "10%"}}}
    searched |= {"objectives": {"p95": "200ms"}, "repeats": 2}
    probed: list[int] = []

    def cold(servers: int, repeat: int) -> float:
        probed.extend([servers] if repeat == 0 else [])
        return 0.05 if repeat == 0 and probed.count(servers) == 1 else 1.0

    site.noise = cold
    for load in (2, 5, 9):
        site.happens(load, 1, site.interrupt)
    for _ in range(3):
        with pytest.raises(Interrupted):
            site.study(tmp_path, **searched).run()
    study = site.study(tmp_path, **searched)
    study.run()
    records = measured(tmp_path)
    assert records["servers-1_rate-50/r0"].probe == 1
    assert records["servers-1_rate-50/r0-probe2"].probe == 2
    assert not any("-probe3" in where for where in records)
    summary = summarise_directory(StudyDirectory(study._directory.path))
    for limit, capacity in zip(summary.searches, (280, 560), strict=True):
        assert limit.objectives
        assert 0.9 * capacity <= (limit.objectives.low or 0) <= 1.05 * capacity < 1.05 * (limit.objectives.high or 0)
    assert [line.text for line in check.check(study._directory) if not line.ok and ".csv" not in line.text] == []


def test_a_search_probes_first_and_measures_blocks_at_the_loads_found(site: FakeSite, tmp_path: Path) -> None:
    searched = {"factors": {"servers": [1, 2], "vusers": {"from": 100, "to": 3200, "until": "10%"}}, "repeats": 2}
    study = site.study(tmp_path, **searched)
    study.run()
    records = measured(tmp_path)
    probes = [record for record in records.values() if record.repeat == 0]
    blocks = [record for record in records.values() if record.repeat]
    assert max(record.block_position for record in probes) < min(record.block_position for record in blocks)
    knee = {servers: 280 * servers for servers in (1, 2)}  # users at a think time of 1 s
    for servers in (1, 2):
        users = {record.cell["vusers"] for record in blocks if record.cell["servers"] == servers}
        assert min(map(int, users)) >= 1.25 * knee[servers]
        assert min(map(int, users)) <= 1.6 * knee[servers]
    assert any(isinstance(event, Step) and event.text.startswith("search: ") for event in site.events)
    assert any(isinstance(event, Message) and "throughput" in event.text for event in site.events)


def test_the_seed_is_drawn_once_when_a_study_starts(site: FakeSite, tmp_path: Path) -> None:
    first = site.study(tmp_path, **LOADED, repeats=3)
    assert not first._config.has_seed()
    site.happens(3, 1, site.interrupt)
    with pytest.raises(Interrupted):
        first.run()
    begun = first._directory.need_study()
    again = site.study(tmp_path, **LOADED, repeats=3)
    assert again._directory.path == first._directory.path
    assert again._config.has_seed()
    assert again._config.terms().seed == begun.seed == 1
    again.run()
    recorded = again._directory.need_study()
    assert (recorded.seed, recorded.plan) == (begun.seed, begun.plan)
    assert recorded.nominal_grid.seed is None
    drawn = [
        planned.path for k in (1, 2, 3) for planned in order.order(recorded.scaled_grid.cells.known, k, recorded.seed)
    ]
    assert list(recorded.plan) == drawn
    assert next(site.seeds) == 2, "one seed was drawn for the study, not one for each call"


def test_another_study_draws_another_seed_and_a_grid_may_set_one(site: FakeSite, tmp_path: Path) -> None:
    seeds = []
    for name, more in (("a", {}), ("b", {}), ("c", {"seed": 77})):
        study = site.study(tmp_path / name, **LOADED, **more)
        study.run()
        seeds.append(study._directory.need_study().seed)
    assert seeds == [1, 2, 77]
    assert len({dependencies.draw_seed() for _ in range(20)}) > 10
    assert all(0 <= dependencies.draw_seed() < dependencies.SEEDS for _ in range(20))
    named = {site.config(tmp_path, **LOADED, **more).directory.path.name for more in ({}, {"seed": 77}, {"seed": 2024})}
    assert len(named) == 3, "a seed that is given is part of what identifies a study"


# 450 users generate at most 450 req/s. Two servers of 280 req/s serve them, one does not. 1,000 users saturate three.
IDLE: dict[str, Any] = {"factors": {"servers": [1, 2, 3], "vusers": [450, 1000]}, "repeats": 4}


def few_blocks(results: Path) -> list[int]:
    """Return the blocks of the predicted-idle cell."""
    return sorted(record.repeat for where, record in measured(results).items() if "servers-3_vusers-450" in where)


def passes_check(results: Path) -> bool:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    return not [
        line
        for line in check.check(StudyDirectory(folder))
        if line.rule in ("E15", "E16") and not line.ok and "gains.csv" not in line.text
    ]


def test_a_predicted_idle_cell_is_measured_twice_and_reported(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    study = site.study(tmp_path, **IDLE)
    assert study.run() == 6 * 2 + 5 * 2
    assert few_blocks(tmp_path) == [1, 2]
    texts = [event.text for event in site.events if isinstance(event, Message)]
    assert any(text.startswith("3 servers at 450 users: 2 blocks only") for text in texts)
    assert "the prediction of idle cells held" in texts
    recorded = study._directory.need_study()
    assert recorded.predicted_idle is not None
    assert recorded.predicted_idle.cells == ({"servers": 3, "vusers": 450},)
    assert recorded.predicted_idle.contradicted == ()
    assert passes_check(tmp_path)
    assert [event.planned for event in site.events if isinstance(event, TrialStarted)] == [22] * 22
    assert [event.remaining_s for event in site.events if isinstance(event, TrialEnded)][-1] == 0


@pytest.mark.parametrize("servers", [2, 3])
def test_a_contradicted_cell_is_measured_in_all_blocks(tmp_path: Path, servers: int) -> None:
    """In block 2 the topology serves less than predicted, which the study finds before block 3."""
    site = FakeSite(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (servers, 2) else 1.0
    study = site.study(tmp_path, **IDLE)
    assert study.run() == 6 * 4
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert set(outcomes(tmp_path).values()) == {"ok"}, "each with its own topology, whatever was made ready before"
    records = measured(tmp_path).values()
    assert sorted(record.block_position for record in records) == list(range(1, 25))
    assert {record.repeat for record in records if record.block_position > 18} == {4}, "each in its own block"
    recorded = study._directory.need_study()
    assert recorded.predicted_idle is not None
    assert recorded.predicted_idle.contradicted == ({"servers": 3, "vusers": 450},)
    assert any(
        isinstance(event, Message) and "did not hold for 3 servers at 450 users" in event.text for event in site.events
    )
    counts = [event.planned for event in site.events if isinstance(event, TrialStarted)]
    assert counts == [22] * 12 + [24] * 12
    assert passes_check(tmp_path)
    assert site.study(tmp_path, **IDLE).run() == 0


def test_a_resumed_study_keeps_a_contradiction(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (3, 1) else 1.0
    site.happens(14, 3, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path, **IDLE).run()
    assert passes_check(tmp_path)
    assert site.study(tmp_path, **IDLE).run() == 24 - 13
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert passes_check(tmp_path)


def test_the_next_invocation_verifies_a_prediction_that_a_killed_one_did_not(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (3, 2) else 1.0
    site.happens(13, 1, site.interrupt)
    first = site.study(tmp_path, **IDLE)
    with pytest.raises(Interrupted):
        first.run()
    recorded = first._directory.need_study()
    assert recorded.predicted_idle is not None
    assert recorded.predicted_idle.contradicted
    undecided = recorded.predicted_idle.model_copy(update={"contradicted": None})
    begun = [where for where in recorded.plan if not where.startswith("servers-3_vusers-450/r3")]
    first._directory.write_study(recorded.model_copy(update={"predicted_idle": undecided, "plan": tuple(begun)}))
    again = site.study(tmp_path, **IDLE)
    assert again.run() == 12
    assert again._directory.need_study().predicted_idle == recorded.predicted_idle
    assert passes_check(tmp_path)


def test_a_repeated_trial_of_the_first_blocks_does_not_change_the_plan(tmp_path: Path) -> None:
    """The playbook fails for three servers in the first invocation: an unverified cell gets all blocks."""
    site = FakeSite(servers=3)
    site.broken[3] = "nginx: [emerg] host not found"
    site.study(tmp_path, **IDLE).run()
    site.broken.clear()
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert site.study(tmp_path, **IDLE).run() == 8
    assert set(outcomes(tmp_path).values()) == {"ok"}
    assert passes_check(tmp_path)


def test_every_cell_is_measured_in_every_block_without_predictions(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    study = site.study(tmp_path, **IDLE, evidence={"predicted_idle": False})
    assert study.run() == 6 * 4
    assert study._directory.need_study().predicted_idle is None


@pytest.mark.parametrize(("noise", "blocks", "why"), [(0.0, 5, "within"), (0.25, 6, "did not reach")])
def test_blocks_are_added_until_every_gain_is_precise_or_the_maximum_is_reached(
    site: FakeSite, tmp_path: Path, noise: float, blocks: int, why: str
) -> None:
    wobble = (1.0, -0.8, 0.5, -0.4, 0.9, -1.0)
    site.noise = lambda servers, repeat: 1 + noise * wobble[(repeat + 2 * servers) % 6]
    study = site.study(tmp_path, **LOADED, repeats={"min": 3, "max": 6, "until": "5%"})
    study.run()
    assert max(record.repeat for record in measured(tmp_path).values()) == blocks
    rule = study._directory.need_study().stopping
    assert rule
    assert rule.decision
    assert why in rule.decision.why
    assert bool(rule.decision.imprecise) == (blocks == 6)


OLD, NEW = "scale-out/service:old", "scale-out/service:new"
IMAGES: dict[str, Any] = {
    "factors": {"servers": [1, 2], "vusers": [1000], "ml_server_image": [OLD, NEW]},
    "load": {"think_time": "0.5s", "ramp_up": "2s", "duration": "12s"},
}


def test_two_images_are_compared_in_the_blocks_of_one_study(site: FakeSite, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.08)}
    site.noise = lambda servers, repeat: 1 + 0.004 * ((repeat + servers) % 3)
    study = site.study(tmp_path, **IMAGES, repeats=5)
    assert study.run() == 20
    records = measured(tmp_path)
    assert set(outcomes(tmp_path).values()) == {"ok"}
    for record in records.values():
        ran = {state.before.image for name, state in record.hosts.items() if name.startswith("server-")}
        assert ran == {record.cell["ml_server_image"]}, "every server runs its cell's image, also one that waits"
    plan = [where.split("/")[0] for where in study._directory.need_study().plan]
    orders = {tuple(plan[at : at + 4]) for at in range(0, 20, 4)}
    assert len(orders) > 1, "blocks are shuffled, and each holds both"
    levels = study._directory.need_study().where.image_levels
    assert levels[NEW] == {"server-1": ["sha256:bbbb"], "server-2": ["sha256:bbbb"]}
    assert {ran[0] for ran in levels[OLD].values()} == {"sha256:aaaa"}
    sentence = answer(summarise_directory(study._directory))[-1]
    assert sentence.startswith(f"At 1,000 users image {NEW} instead of {OLD} gave 1.08")
    assert sentence.endswith("] the throughput with 2 servers.")


def test_servers_are_only_replaced_when_the_image_changes(site: FakeSite, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    study = site.study(tmp_path, **IMAGES, repeats=3)
    study.run()
    plan = study._directory.need_study().plan
    images = [OLD, *(OLD if "old" in where else NEW for where in plan)]  # the first image is deployed
    changes = sum(before != after for before, after in itertools.pairwise(images))
    assert site.journal.count(f"servers of {NEW}") + site.journal.count(f"servers of {OLD}") - 1 == changes


def test_images_of_the_same_build_give_a_warning(site: FakeSite, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:aaaa", 1.0)}
    site.study(tmp_path, **IMAGES).run()
    texts = [event.text for event in site.events if isinstance(event, Message) and event.warning]
    assert f"{OLD} and {NEW} are the same build (sha256:aaaa): differences between them are noise" in texts


def test_a_study_with_a_changed_build_is_not_resumed(site: FakeSite, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    site.happens(2, 4, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path, **IMAGES).run()
    site.builds[NEW] = ("sha256:cccc", 1.0)
    with pytest.raises(
        CannotRun, match=r"service:new is another build than at the start of this study \(sha256:bbbb, now sha"
    ):
        site.study(tmp_path, **IMAGES).run()


def test_a_study_at_a_rate_passes_its_check_and_reports_rates(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **AT_A_RATE, repeats=3, evidence={"predicted_idle": False})
    study.run()
    directory = StudyDirectory(study._directory.path)
    build.write(directory, {"html", "data"})
    # The fake balancer has no log per second.
    wrong = [line.text for line in check.check(directory) if not line.ok]
    assert [text for text in wrong if "balancer.csv" not in text] == []
    report, _ = build.model_of(directory)
    assert "100/s offered" not in str(report)
    assert dict(report.facts)["Load"].startswith(
        "open loop: requests are sent on schedule at the times of a Poisson process"
    )
    assert "(open model)" not in dict(report.facts)["Load"]
    assert "latencies from merged HDR histograms (open model)" in dict(report.facts)["Load generator"]
    assert "late ms" in report.trials.columns
    assert {row[6] for row in report.trials.rows} == {"1.0"}
    assert "share of offered load" in report.bottlenecks.columns
    assert "open model" in report.charts["latency"].caption
    assert "E5 at a rate" in {row[0] for row in report.thresholds.rows}
    rows = (directory.path / "cells.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("servers,rate,trials")
    assert rows[1].startswith("1,140,3,3,140,")
    frame = frames.samples(directory)
    assert set(frame.rate) == {140, 420}
    assert frame.offered.tolist() == frame.rate.tolist()


def test_a_report_of_users_has_no_rates(site: FakeSite, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED)
    study.run()
    report, _ = build.model_of(StudyDirectory(study._directory.path))
    assert "at a rate" not in str(report.thresholds) + str(report.rules)
    assert "h" in report.trials.columns
    assert "share of users’ maximum rate" in report.bottlenecks.columns


def test_a_load_generator_with_late_counts_gets_its_seconds_from_the_balancer(site: FakeSite, tmp_path: Path) -> None:
    site.rows_late_s = 2
    site.happens(1, 6, lambda: site.cut("server-1"))  # so that all seconds differ
    site.happens(1, 8, lambda: site.cut_off.clear())
    site.study(tmp_path, factors={"servers": [2], "vusers": [400]}).run()
    (folder,) = (path.parent for path in tmp_path.glob("*/study.json"))
    data = StudyDirectory(folder).trial("servers-2_vusers-400/r1")
    assert [(row.t_s, row.completed, row.failed) for row in data.samples] == [
        (row.t_s, row.completed, row.failed) for row in site.rows
    ]
    assert data.record.counters
    assert data.record.counters.generator.totals == {
        "completed": sum(row.completed for row in site.rows),
        "failed": sum(row.failed for row in site.rows),
    }
    assert not [finding for finding in data.record.findings if finding.rule in ("E3", "E13")]


def test_the_load_generators_client_tries_the_request_once_for_identical_servers(
    site: FakeSite, tmp_path: Path
) -> None:
    site.study(tmp_path, **LOADED, repeats=2).run()
    assert site.journal.count("verify") == 1
    assert site.journal.index("verify") < site.journal.index("load of 1000 users")


def test_the_request_is_tried_with_each_of_two_images(site: FakeSite, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    site.study(tmp_path, **IMAGES, repeats=2).run()
    assert site.journal.count("verify") == 2


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "encoding",
            "encoding: its body cannot be decoded. Fix: remove Accept-Encoding, or request only gzip, deflate and br",
        ),
        (
            "client ValueError",
            "client ValueError: it cannot send this request, or cannot parse the header of the response. Fix: check "
            "both headers",
        ),
        ("timeout", "timeout: no response came within 10 s. Fix: raise load.timeout"),
        ("status 406", "status 406"),
    ],
)
def test_an_unusable_response_is_reported_before_any_load(site: FakeSite, tmp_path: Path, kind: str, why: str) -> None:
    """The verifying client decodes other encodings and accepts other headers than the load generator."""
    site.wrong = kind
    site.study(tmp_path, **LOADED, request={"method": "GET", "path": "/x"}).run()
    assert {str(record.cause) for record in measured(tmp_path).values()} == {
        f"the load generator's client fails with GET /x: {why}"
    }
    assert "load of 1000 users" not in site.journal
