"""The loop as stories: everything of a study is real but the hosts, and time does not pass."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from harness.errors import Interrupted
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study.events import Said, Step
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
