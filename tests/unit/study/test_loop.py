"""The loop as stories: everything of a study is real but the hosts, and time does not pass."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from harness.errors import CannotRun, Interrupted
from harness.grid.cell import expand
from harness.plan import order
from harness.records import frames
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study import check, dependencies
from harness.study.events import Said, Step, TrialEnded, TrialStarted
from harness.study.measured import from_directory
from report import build
from report.sentences.answer import answer
from tests.study_stubs import Site

LOADED: dict[str, Any] = {"factors": {"servers": [1, 2], "vusers": [1000]}}


@pytest.fixture
def site() -> Site:
    return Site()


def measured(results: Path) -> dict[str, TrialRecord]:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    return StudyDirectory(folder).trials()


def outcomes(results: Path) -> dict[str, str]:
    return {where: str(record.outcome) for where, record in measured(results).items()}


def test_a_study_measures_every_cell_and_records_it(site: Site, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED, repeats=2)
    assert study.run() == 4
    assert set(outcomes(tmp_path).values()) == {"ok"}
    for record in measured(tmp_path).values():
        assert record.tps_mean == pytest.approx(280 * record.cell["servers"], rel=0.01)
    said = StudyDirectory(study._directory.path).need_study()
    assert set(said.digests) == set(said.plan)
    assert said.ceiling
    assert said.ceiling.per_s == pytest.approx(3000)
    assert said.where.version_of("locust") == "2.40"
    assert site.study(tmp_path, **LOADED, repeats=2).run() == 0


def test_a_balancer_whose_clock_is_ahead_tells_of_the_same_seconds(site: Site, tmp_path: Path) -> None:
    site.clocks["balancer"] = 5.0
    study = site.study(tmp_path, **LOADED)
    study.run()
    for where, outcome in outcomes(tmp_path).items():
        assert outcome == "ok"
        assert {row.t_s for row in study._directory.trial(where).balancer} == set(range(12))


def test_a_playbook_that_fails_in_one_cell_costs_that_cell_and_the_next_call_measures_it(
    site: Site, tmp_path: Path
) -> None:
    site.broken[2] = "nginx: [emerg] host not found"
    site.study(tmp_path, **LOADED).run()
    assert outcomes(tmp_path) == {"servers-1_vusers-1000/r1": "ok", "servers-2_vusers-1000/r1": "failed"}
    assert "host not found" in measured(tmp_path)["servers-2_vusers-1000/r1"].cause
    site.broken.clear()
    site.journal.clear()
    assert site.study(tmp_path, **LOADED).run() == 1
    assert site.journal.count("load of 1000 users") == 1
    assert set(outcomes(tmp_path).values()) == {"ok"}


def test_an_engine_that_dies_fails_its_trial_and_is_started_again(site: Site, tmp_path: Path) -> None:
    site.happens(1, 5, lambda: site.die("generator"))
    site.study(tmp_path, **LOADED, repeats=2).run()
    said = list(outcomes(tmp_path).values())
    assert sorted(said) == ["failed", "ok", "ok", "ok"]
    died = site.journal.index("generator dies")
    assert site.journal[died:].index("repair") < site.journal[died:].index("load of 1000 users")
    (failed,) = (record for record in measured(tmp_path).values() if record.outcome == "failed")
    assert "does not answer" in failed.cause


def test_a_server_that_dies_under_load_is_the_outcome_and_is_repaired_before_the_next_trial(
    site: Site, tmp_path: Path
) -> None:
    site.happens(1, 6, lambda: site.die("server-1"))
    site.study(tmp_path, **LOADED, repeats=2).run()
    records = list(measured(tmp_path).values())
    (down,) = (record for record in records if record.outcome == "server_down")
    assert down.block_position == 1
    assert "server-1" in down.cause
    assert [record.outcome for record in records if record is not down] == ["ok"] * 3
    died = site.journal.index("server-1 dies")
    assert "repair" in site.journal[died : died + 4]


def test_ctrl_c_stops_the_load_writes_nothing_of_it_and_the_same_command_goes_on(site: Site, tmp_path: Path) -> None:
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


def test_a_study_that_goes_on_keeps_order_and_positions(site: Site, tmp_path: Path) -> None:
    whole = Site()
    whole.study(tmp_path / "whole", **LOADED, repeats=3).run()
    site.happens(4, 1, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path / "halves", **LOADED, repeats=3).run()
    assert site.study(tmp_path / "halves", **LOADED, repeats=3).run() == 3
    at_once, in_halves = measured(tmp_path / "whole"), measured(tmp_path / "halves")
    assert {w: r.block_position for w, r in at_once.items()} == {w: r.block_position for w, r in in_halves.items()}


def files_are_entered(study: Path) -> bool:
    """Whether `check` finds the digest of every trial in study.json."""
    return all(line.ok for line in check.check(StudyDirectory(study)) if line.rule == "digest")


def test_a_trial_that_a_killed_call_had_no_time_to_enter_is_adopted(site: Site, tmp_path: Path) -> None:
    """The kill falls between the trial's rename and study.json, in a study that goes on and in one that is through."""
    for repeats, left in ((2, 2), (1, 0)):
        name = tmp_path / str(repeats)
        first = site.study(name, **LOADED, repeats=repeats)
        if left:
            site.happens(site.loads + 3, 1, site.interrupt)
            with pytest.raises(Interrupted):
                first.run()
        else:
            first.run()
        said = first._directory.need_study()
        last = list(said.digests)[-1]
        kept = {where: digest for where, digest in said.digests.items() if where != last}
        first._directory.write_study(said.model_copy(update={"digests": kept}))
        assert not files_are_entered(first._directory.path)
        assert site.study(name, **LOADED, repeats=repeats).run() == left
        again = first._directory.need_study()
        assert again.digests[last] == said.digests[last]
        assert set(again.digests) == set(again.plan)
        assert files_are_entered(first._directory.path)


def test_a_call_is_entered_while_it_runs_so_that_a_killed_one_is_there_too(site: Site, tmp_path: Path) -> None:
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


def test_at_a_rate_a_server_is_judged_by_what_it_leaves_unserved(site: Site, tmp_path: Path) -> None:
    """280/s a server: 140/s are carried by one, 420/s by two."""
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
    few, many = from_directory(StudyDirectory(study._directory.path)).gains
    assert (few.kind, few.load, few.word) == ("no more load", "140/s offered", "not measurable at this load")
    assert "1 server answers 100 % of what was offered" in few.reason
    assert (many.kind, many.reason) == ("floor", "2 servers answer 100 % of what was offered")
    told = answer(from_directory(StudyDirectory(study._directory.path)))
    assert told[0].startswith("At 420/s offered a second server raised throughput 1.500×")
    assert "to 100 % of what was offered: it can do at least 1.50×" in told[0]
    assert told[1].startswith("At 140/s offered a second server found no more load to serve")


def test_every_topology_of_a_block_meets_the_same_arrivals(site: Site, tmp_path: Path) -> None:
    site.study(tmp_path, **AT_A_RATE, repeats=2, seed=7).run()
    loads = [said for said in site.journal if said.startswith("load of 420/s")]
    assert sorted(loads) == [f"load of 420/s by 7/arrivals/{block}/420" for block in (1, 1, 2, 2)]


def test_every_topology_of_a_block_meets_users_with_the_same_think_times(site: Site, tmp_path: Path) -> None:
    site.study(tmp_path, factors={"servers": [1, 2], "vusers": [400, 1000]}, repeats=2, seed=7).run()
    seeds = [(spec.users, spec.seed) for spec in site.specs if spec.seed]
    assert sorted(seeds) == sorted(
        2 * [(users, f"7/users/{block}/{users}") for users in (400, 1000) for block in (1, 2)]
    )


def test_cells_whose_rate_the_smaller_topology_carries_rest(site: Site, tmp_path: Path) -> None:
    study = site.study(tmp_path, **AT_A_RATE, repeats=5)
    assert study.run() == 14
    resting = study._directory.need_study().predicted_idle
    assert resting
    assert [cell["rate"] for cell in resting.cells] == [140, 140]
    assert resting.contradicted is None or not resting.contradicted


def test_a_search_over_rates_probes_whole_rates_and_brackets_the_largest_that_meets_objectives(
    site: Site, tmp_path: Path
) -> None:
    searched = {**AT_A_RATE, "factors": {"servers": [1, 2], "rate": {"from": "50/s", "to": "1600/s", "until": "10%"}}}
    study = site.study(tmp_path, **searched, objectives={"p95": "200ms"}, repeats=2)
    study.run()
    summary = from_directory(StudyDirectory(study._directory.path))
    for limit, capacity in zip(summary.limits, (280, 560), strict=True):
        assert limit.factor == "rate"
        assert limit.knee is None  # throughput is what is offered, up to the servers' rate
        assert limit.objectives
        assert limit.objectives.low is not None
        # A queue that hardly grows within a trial meets 200 ms a little beyond what servers can do.
        assert limit.objectives.low <= 1.05 * capacity < 1.05 * (limit.objectives.high or 0)


def test_a_search_probes_first_and_measures_blocks_at_what_it_found(site: Site, tmp_path: Path) -> None:
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
    assert any(isinstance(event, Said) and "throughput" in event.text for event in site.events)


def test_the_seed_is_drawn_when_a_study_begins_and_kept(site: Site, tmp_path: Path) -> None:
    first = site.study(tmp_path, **LOADED, repeats=3)
    assert not first._setting.order_known
    site.happens(3, 1, site.interrupt)
    with pytest.raises(Interrupted):
        first.run()
    begun = first._directory.need_study()
    again = site.study(tmp_path, **LOADED, repeats=3)
    assert again._directory.path == first._directory.path
    assert again._setting.order_known
    assert again._setting.terms.seed == begun.seed == 1
    again.run()
    said = again._directory.need_study()
    assert (said.seed, said.plan, said.order) == (begun.seed, begun.plan, "balanced")
    assert said.written_grid.seed is None
    drawn = [planned.path for k in (1, 2, 3) for planned in order.order(expand(said.grid), k, said.seed)]
    assert list(said.plan) == drawn
    assert next(site.seeds) == 2, "one seed was drawn for the study, not one for each call"


def test_another_study_draws_another_seed_and_a_grid_may_give_one(site: Site, tmp_path: Path) -> None:
    seeds = []
    for name, more in (("a", {}), ("b", {}), ("c", {"seed": 77})):
        study = site.study(tmp_path / name, **LOADED, **more)
        study.run()
        seeds.append(study._directory.need_study().seed)
    assert seeds == [1, 2, 77]
    assert len({dependencies.draw_seed() for _ in range(20)}) > 10
    assert all(0 <= dependencies.draw_seed() < dependencies.SEEDS for _ in range(20))
    named = {
        site.setting(tmp_path, **LOADED, **more).directory.path.name for more in ({}, {"seed": 77}, {"seed": 2024})
    }
    assert len(named) == 3, "a seed that is given is part of what identifies a study"


# 450 users ask for 450/s at most, which 2 servers of 280/s have; 1 has not, and nobody has for 1000.
IDLE: dict[str, Any] = {"factors": {"servers": [1, 2, 3], "vusers": [450, 1000]}, "repeats": 4}


def few_blocks(results: Path) -> list[int]:
    """Blocks in which the cell is measured that the prediction lets rest."""
    return sorted(record.repeat for where, record in measured(results).items() if "servers-3_vusers-450" in where)


def passes_check(results: Path) -> bool:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    return not [
        line
        for line in check.check(StudyDirectory(folder))
        if line.rule in ("E15", "E16") and not line.ok and "gains.csv" not in line.text
    ]


def test_a_cell_that_can_show_nothing_is_measured_twice_and_the_plan_says_so(tmp_path: Path) -> None:
    site = Site(servers=3)
    study = site.study(tmp_path, **IDLE)
    assert study.run() == 6 * 2 + 5 * 2
    assert few_blocks(tmp_path) == [1, 2]
    told = [event.text for event in site.events if isinstance(event, Said)]
    assert any(text.startswith("3 servers at 450 users: 2 blocks only") for text in told)
    assert "the prediction held" in told
    said = study._directory.need_study()
    assert said.predicted_idle is not None
    assert said.predicted_idle.cells == ({"servers": 3, "vusers": 450},)
    assert said.predicted_idle.contradicted == ()
    assert passes_check(tmp_path)
    assert [event.planned for event in site.events if isinstance(event, TrialStarted)] == [22] * 22
    assert [event.remaining_s for event in site.events if isinstance(event, TrialEnded)][-1] == 0


@pytest.mark.parametrize("servers", [2, 3])
def test_where_its_two_blocks_contradict_the_prediction_it_gets_them_all(tmp_path: Path, servers: int) -> None:
    """In block 2 the topology cannot do what was predicted of it; that is known when block 3 begins."""
    site = Site(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (servers, 2) else 1.0
    study = site.study(tmp_path, **IDLE)
    assert study.run() == 6 * 4
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert set(outcomes(tmp_path).values()) == {"ok"}, "each with its own topology, whatever was made ready before"
    records = measured(tmp_path).values()
    assert sorted(record.block_position for record in records) == list(range(1, 25))
    assert {record.repeat for record in records if record.block_position > 18} == {4}, "each in its own block"
    said = study._directory.need_study()
    assert said.predicted_idle is not None
    assert said.predicted_idle.contradicted == ({"servers": 3, "vusers": 450},)
    assert any(
        isinstance(event, Said) and "did not hold for 3 servers at 450 users" in event.text for event in site.events
    )
    counts = [event.planned for event in site.events if isinstance(event, TrialStarted)]
    assert counts == [22] * 12 + [24] * 12
    assert passes_check(tmp_path)
    assert site.study(tmp_path, **IDLE).run() == 0


def test_what_was_contradicted_stays_so_for_a_study_that_goes_on(tmp_path: Path) -> None:
    site = Site(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (3, 1) else 1.0
    site.happens(14, 3, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path, **IDLE).run()
    assert passes_check(tmp_path)
    assert site.study(tmp_path, **IDLE).run() == 24 - 13
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert passes_check(tmp_path)


def test_what_a_killed_call_had_no_time_to_decide_is_decided_by_the_next(tmp_path: Path) -> None:
    site = Site(servers=3)
    site.noise = lambda count, repeat: 0.5 if (count, repeat) == (3, 2) else 1.0
    site.happens(13, 1, site.interrupt)
    first = site.study(tmp_path, **IDLE)
    with pytest.raises(Interrupted):
        first.run()
    said = first._directory.need_study()
    assert said.predicted_idle is not None
    assert said.predicted_idle.contradicted
    undecided = said.predicted_idle.model_copy(update={"contradicted": None})
    begun = [where for where in said.plan if not where.startswith("servers-3_vusers-450/r3")]
    first._directory.write_study(said.model_copy(update={"predicted_idle": undecided, "plan": tuple(begun)}))
    again = site.study(tmp_path, **IDLE)
    assert again.run() == 12
    assert again._directory.need_study().predicted_idle == said.predicted_idle
    assert passes_check(tmp_path)


def test_a_trial_of_the_first_blocks_that_is_measured_again_changes_no_plan(tmp_path: Path) -> None:
    """The playbook fails for three servers in the first call: nothing was seen to hold, so the cell has all blocks."""
    site = Site(servers=3)
    site.broken[3] = "nginx: [emerg] host not found"
    site.study(tmp_path, **IDLE).run()
    site.broken.clear()
    assert few_blocks(tmp_path) == [1, 2, 3, 4]
    assert site.study(tmp_path, **IDLE).run() == 8
    assert set(outcomes(tmp_path).values()) == {"ok"}
    assert passes_check(tmp_path)


def test_every_cell_is_measured_in_every_block_where_that_is_asked_for(tmp_path: Path) -> None:
    site = Site(servers=3)
    study = site.study(tmp_path, **IDLE, evidence={"predicted_idle": False})
    assert study.run() == 6 * 4
    assert study._directory.need_study().predicted_idle is None


@pytest.mark.parametrize(("noise", "blocks", "why"), [(0.0, 3, "within"), (0.25, 6, "leave imprecise")])
def test_blocks_are_added_until_every_gain_is_narrow_enough_or_there_are_as_many_as_allowed(
    site: Site, tmp_path: Path, noise: float, blocks: int, why: str
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


def test_two_images_are_compared_in_the_blocks_of_one_study(site: Site, tmp_path: Path) -> None:
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
    sentence = answer(from_directory(study._directory))[-1]
    assert sentence.startswith(f"At 1000 users 2 servers of image {NEW} served 1.08")
    assert sentence.endswith(f"] the throughput of {OLD}.")


def test_a_trial_that_follows_one_of_its_own_image_makes_no_server_anew(site: Site, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    study = site.study(tmp_path, **IMAGES, repeats=3)
    study.run()
    plan = study._directory.need_study().plan
    images = [OLD, *(OLD if "old" in where else NEW for where in plan)]  # the first is deployed
    changes = sum(before != after for before, after in itertools.pairwise(images))
    assert site.journal.count(f"servers of {NEW}") + site.journal.count(f"servers of {OLD}") - 1 == changes


def test_images_that_are_one_build_are_told(site: Site, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:aaaa", 1.0)}
    site.study(tmp_path, **IMAGES).run()
    told = [event.text for event in site.events if isinstance(event, Said) and event.warning]
    assert f"{OLD} and {NEW} are one build (sha256:aaaa): what is compared is noise alone" in told


def test_an_image_that_became_another_build_is_not_measured_on(site: Site, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    site.happens(2, 4, site.interrupt)
    with pytest.raises(Interrupted):
        site.study(tmp_path, **IMAGES).run()
    site.builds[NEW] = ("sha256:cccc", 1.0)
    with pytest.raises(
        CannotRun, match="service:new is another build than when this study began: sha256:bbbb, now sha"
    ):
        site.study(tmp_path, **IMAGES).run()


def test_a_study_at_a_rate_passes_its_check_and_its_report_speaks_of_rates(site: Site, tmp_path: Path) -> None:
    study = site.study(tmp_path, **AT_A_RATE, repeats=3, evidence={"predicted_idle": False})
    study.run()
    directory = StudyDirectory(study._directory.path)
    build.write(directory, {"html", "data"})
    # The stand-in for the balancer has no log by the second.
    wrong = [line.text for line in check.check(directory) if not line.ok]
    assert [text for text in wrong if "balancer.csv" not in text] == []
    report, _ = build.model_of(directory)
    assert "100/s offered" not in str(report)
    assert dict(report.facts)["Load"].startswith("open load: requests leave at moments of a Poisson process")
    assert "(open model)" not in dict(report.facts)["Load"]
    assert "latencies from merged HDR histograms (open model)" in dict(report.facts)["Engine"]
    assert "late ms" in report.trials.columns
    assert {row[6] for row in report.trials.rows} == {"1.0"}
    assert "of offered" in report.bottlenecks.columns
    assert "open model" in report.charts["latency"].caption
    assert "E5 at a rate" in {row[0] for row in report.thresholds.rows}
    rows = (directory.path / "cells.csv").read_text(encoding="utf-8").splitlines()
    assert rows[0].startswith("servers,rate,trials")
    assert rows[1].startswith("1,140,3,3,140,")
    frame = frames.samples(directory)
    assert set(frame.rate) == {140, 420}
    assert frame.offered.tolist() == frame.rate.tolist()


def test_a_report_of_users_knows_nothing_of_rates(site: Site, tmp_path: Path) -> None:
    study = site.study(tmp_path, **LOADED)
    study.run()
    report, _ = build.model_of(StudyDirectory(study._directory.path))
    assert "at a rate" not in str(report.thresholds) + str(report.rules)
    assert "h" in report.trials.columns
    assert "of users’ bound" in report.bottlenecks.columns


def test_an_engine_that_counts_late_has_its_seconds_from_the_balancer(site: Site, tmp_path: Path) -> None:
    site.rows_late_s = 2
    site.happens(1, 6, lambda: site.cut("server-1"))  # so that no two seconds are alike
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


def test_the_generators_own_client_tries_the_request_once_for_servers_that_are_made_alike(
    site: Site, tmp_path: Path
) -> None:
    site.study(tmp_path, **LOADED, repeats=2).run()
    assert site.journal.count("ask") == 1
    assert site.journal.index("ask") < site.journal.index("load of 1000 users")


def test_two_images_may_answer_differently_and_both_are_tried(site: Site, tmp_path: Path) -> None:
    site.builds = {OLD: ("sha256:aaaa", 1.0), NEW: ("sha256:bbbb", 1.0)}
    site.study(tmp_path, **IMAGES, repeats=2).run()
    assert site.journal.count("ask") == 2


@pytest.mark.parametrize(
    ("kind", "why"),
    [
        (
            "encoding",
            "encoding: its body cannot be decoded. Fix: request no Accept-Encoding, or only gzip, deflate and br",
        ),
        (
            "client ValueError",
            "client ValueError: it cannot send this request, or cannot read the header of the response. Fix: look at "
            "both headers",
        ),
        ("timeout", "timeout: no response came within 10 s. Fix: raise load.timeout"),
        ("status 406", "status 406"),
    ],
)
def test_a_response_that_the_generators_client_cannot_use_is_told_before_any_load(
    site: Site, tmp_path: Path, kind: str, why: str
) -> None:
    """The client that verifies decodes other encodings and accepts other headers than the one under load."""
    site.wrong = kind
    site.study(tmp_path, **LOADED, request={"method": "GET", "path": "/x"}).run()
    assert {str(record.cause) for record in measured(tmp_path).values()} == {
        f"the load generator's client fails with GET /x: {why}"
    }
    assert "load of 1000 users" not in site.journal
