"""The first gains after one block, and quick studies, whose every output calls them indicative."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from commands import closing
from commands.console import Console
from commands.first_gain import FirstGain
from commands.plan import Plan
from harness.grid import derive
from harness.study import identity
from harness.study.config import StudyConfig, with_known_factor
from harness.study.runner import Study
from harness.summarise.gains.gain import Gain
from harness.summarise.summary import Summary, summarise_directory
from report import build
from report.output import ci_summary
from report.sentences import progress
from report.sentences.answer import INDICATIVE
from tests.study_stubs import FakeSite

FACTORS = {"servers": [1, 2], "vusers": [1000]}


def lines(site: FakeSite, results: Path, **keys: Any) -> list[str]:
    """Measure a study; return what is printed about its first block."""
    config = site.config(results, **keys)
    found: list[str] = []
    listener = FirstGain(config, site.events.append, found.append)
    Study(results, config, listener, lambda: False, site.dependencies).run()
    return found


def test_the_first_gains_are_printed_once_after_the_first_block(tmp_path: Path) -> None:
    found = lines(FakeSite(), tmp_path, factors=FACTORS, repeats=3)
    assert found[0] == "after 1 block at 1,000 users: 1 → 2 servers: 2.00×, preliminary"
    assert found[1].startswith("the page updates after every trial: file:///")
    assert found[1].endswith("/report.html")
    assert len(found) == 2


def test_a_study_of_one_block_has_no_preliminary_gain(tmp_path: Path) -> None:
    assert lines(FakeSite(), tmp_path, factors=FACTORS, repeats=1) == []


def test_a_load_without_a_gain_has_the_reason(tmp_path: Path) -> None:
    found = lines(FakeSite(), tmp_path, factors={**FACTORS, "vusers": [100]}, repeats=2)
    assert found[0].startswith("after 1 block: no gain is measurable yet (")


def test_the_largest_load_comes_first() -> None:
    assert progress.after_first_block([]) == ["after 1 block: no gain is measurable yet"]


def quick(site: FakeSite, results: Path, **keys: Any) -> StudyConfig:
    """Return the quick study of a grid with these keys."""
    whole = site.config(results, **keys)
    grid = derive.quick(whole.grid)
    effective = identity.effective(grid, site.inventory)
    directory = identity.directory_for(results, grid, effective)
    return with_known_factor(
        StudyConfig(
            grid=grid,
            inventory=site.inventory,
            inventory_path=results,
            configuration=effective,
            directory=directory,
            lab=whole.lab,
        )
    )


@pytest.fixture
def measured(tmp_path: Path) -> tuple[StudyConfig, Summary]:
    """A quick study of a grid that wants statements of three blocks."""
    site = FakeSite(3)
    keys = {"factors": {"servers": [1, 2, 3], "vusers": [400, 1000]}, "evidence": {"statement_repeats": 3}}
    config = quick(site, tmp_path, **keys, objectives={"gain": {2: 1.9}})
    Study(tmp_path, config, site.events.append, lambda: False, site.dependencies).run()
    return config, summarise_directory(config.directory)


def test_a_quick_study_has_two_topologies_one_load_and_three_short_blocks(
    measured: tuple[StudyConfig, Summary],
) -> None:
    config, summary = measured
    assert [cell.cell for cell in summary.cells] == [{"servers": m, "vusers": 1000} for m in (1, 2)]
    assert {cell.trials for cell in summary.cells} == {3}
    assert config.grid.load.duration - config.grid.window_from_s == derive.QUICK_WINDOW_S


def test_no_gain_of_a_quick_study_claims_more_than_three_blocks_allow(measured: tuple[StudyConfig, Summary]) -> None:
    """Also where the grid's own thresholds would call three blocks a statement."""
    gains: list[Gain] = measured[1].gains
    assert gains
    assert all(gain.indicative for gain in gains)


def test_every_output_of_a_quick_study_is_called_indicative(
    measured: tuple[StudyConfig, Summary], capsys: pytest.CaptureFixture[str]
) -> None:
    config, _ = measured
    report, summary = build.model_of(config.directory)
    assert report.answer[0] == INDICATIVE
    assert f"**{INDICATIVE}**" in ci_summary.markdown(report, summary)
    assert INDICATIVE in ci_summary.junit(report, summary)
    build.write(config.directory, {"html"})
    assert INDICATIVE in (config.directory.path / "report.html").read_text(encoding="utf-8")
    assert json.loads((config.directory.path / "study.json").read_text())["configuration"]["grid"]["quick"] is True
    assert closing.print_summary(Console(), config, False) == 0
    assert INDICATIVE in capsys.readouterr().out
    closing.print_summary(Console(as_json=True), config, False)
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert {"event": "message", "text": INDICATIVE, "warning": False} in events
    assert all(event["indicative"] for event in events if event["event"] == "gain")
    assert Plan.of(config).as_data()["indicative"] is True


def test_a_quick_study_never_shares_the_directory_of_another_one(tmp_path: Path) -> None:
    """Not even of a grid file that has the same content without the mark."""
    site = FakeSite(3)
    found = quick(site, tmp_path, factors={"servers": [1, 2, 3], "vusers": [400, 1000]})
    whole = site.config(tmp_path, factors={"servers": [1, 2, 3], "vusers": [400, 1000]})
    plain = found.grid.model_copy(update={"quick": False})
    effective = identity.effective(plain, site.inventory)
    others = {whole.directory.path, identity.directory_for(tmp_path, plain, effective).path}
    assert found.directory.path.name.startswith("study-quick-")
    assert found.directory.path not in others
