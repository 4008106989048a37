"""`study.py check` passes an unchanged study and finds every later change."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.grid.server_rates import ServerRates
from harness.plan import predicted_idle
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.study import check, recheck_plan
from report import build
from tests.builders import grid, judged, measured_study, study_record
from tests.builders import record as record_of

FIRST = "trials/servers-1_vusers-2000/r1"
OTHER = "trials/servers-2_vusers-2000/r1"


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    return measured_study(StudyDirectory(tmp_path / "study"))


def failing(directory: StudyDirectory) -> dict[str, str]:
    return {line.rule: line.text for line in check.check(directory) if not line.ok}


def edit(file: Path, change: Callable[[Any], None]) -> None:
    data = json.loads(file.read_text())
    change(data)
    file.write_text(json.dumps(data))


def with_new_digests(directory: StudyDirectory) -> None:
    """Write the digests again, as a careful forger would."""
    kept = {where: directory.digest_of(where) for where in directory.trials()}
    edit(directory.path / "study.json", lambda data: data.update(digests=kept))


def test_an_unchanged_study_passes_every_comparison(directory: StudyDirectory) -> None:
    assert failing(directory) == {}
    assert len(check.check(directory)) >= 25


def with_findings(tmp_path: Path) -> StudyDirectory:
    made = measured_study(StudyDirectory(tmp_path / "study"), evidence={"ceiling_note": "1%"})
    assert all(record.findings for record in made.trials().values())
    return made


def test_a_study_of_a_version_that_recorded_texts_only_passes(tmp_path: Path) -> None:
    """Findings and reasons without their messages are compared by their texts."""
    directory = with_findings(tmp_path)
    assert failing(directory) == {}

    def texts_only(data: Any) -> None:
        del data["bottleneck"]["basis"]["detail_sentence"]
        for finding in data["findings"]:
            del finding["cause_sentence"], finding["next_step_sentence"]

    for trial in directory.path.glob("trials/*/*/trial.json"):
        edit(trial, texts_only)
    with_new_digests(directory)
    assert failing(directory) == {}
    edit(directory.path / FIRST / "trial.json", lambda data: data["findings"][0].update(cause="quiet"))
    with_new_digests(directory)
    assert {"E7", "findings"} <= failing(directory).keys()


def test_a_study_of_a_version_without_a_figure_of_the_bottleneck_passes(directory: StudyDirectory) -> None:
    for file in directory.path.rglob("trial.json"):
        edit(file, lambda recorded: recorded["bottleneck"]["figures"].pop("retransmitted"))
    with_new_digests(directory)
    assert failing(directory) == {}


def test_a_changed_message_of_a_finding_is_found(tmp_path: Path) -> None:
    directory = with_findings(tmp_path)
    change = {"message": "{count} generator processes were lost", "facts": {"count": 1}}
    edit(directory.path / FIRST / "trial.json", lambda data: data["findings"][0].update(cause_sentence=change))
    with_new_digests(directory)
    assert failing(directory).keys() == {"findings"}


def test_a_repeated_attempt_is_in_no_table(directory: StudyDirectory) -> None:
    failed = TrialData(record=record_of(1, 2000, 1, None, outcome="failed"), samples=[], hosts=[], balancer=[])
    directory.write_trial(f"{FIRST.removeprefix('trials/')}-attempt1", failed)
    assert len(directory.trials(attempts=True)) == len(directory.trials()) + 1
    assert failing(directory) == {}


def test_a_level_that_reads_like_an_attempt_hides_no_trial(tmp_path: Path) -> None:
    made = measured_study(StudyDirectory(tmp_path / "study"), {"ml_server_image": "app:2-attempt"})
    where = "servers-1_vusers-2000_ml_server_image-app-2-attempt/r1"
    made.write_trial(f"{where}-attempt1", made.trial(where))
    assert len(made.trials()) == 6
    assert len(made.trials(attempts=True)) == 7
    assert failing(made) == {}
    report, summary = build.model_of(made)
    assert [cell.usable for cell in summary.cells] == [3, 3]
    assert len(report.trials.rows) == 7


def test_the_last_digit_of_a_sum_is_not_a_difference(directory: StudyDirectory) -> None:
    def nudge(data: dict[str, Any]) -> None:
        data["figures"]["mean_in_flight"] = math.nextafter(data["figures"]["mean_in_flight"], math.inf)

    edit(directory.path / FIRST / "trial.json", nudge)
    with_new_digests(directory)
    assert failing(directory) == {}


def record(**more: Any) -> Callable[[Path], None]:
    return lambda path: edit(path / FIRST / "trial.json", lambda data: data.update(more))


def inside(section: str, key: str, value: object) -> Callable[[Path], None]:
    return lambda path: edit(path / FIRST / "trial.json", lambda data: data[section].update({key: value}))


def text(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        file = path / name
        assert old in file.read_text(), file.read_text()[:500]
        file.write_text(file.read_text().replace(old, new, 1))

    return change


def drop_second(path: Path) -> None:
    file = path / FIRST / "samples.csv"
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for number, line in enumerate(lines) if number != 10))


def swap(path: Path) -> None:
    (path / FIRST).rename(path / "aside")
    (path / OTHER).rename(path / FIRST)
    (path / "aside").rename(path / OTHER)


def copy_repeat(path: Path) -> None:
    shutil.rmtree(path / OTHER)
    shutil.copytree(path / "trials/servers-2_vusers-2000/r2", path / OTHER)


def other_histogram(path: Path) -> None:
    (path / FIRST / "latency.hgrm").write_text((path / OTHER / "latency.hgrm").read_text())


FORGERIES: dict[str, tuple[Callable[[Path], None], str]] = {
    "a mean that was edited": (record(tps_mean=999.0), "E1"),
    "a peak that was edited": (record(tps_peak=999.0), "E2"),
    "a percentile that was edited": (inside("latency_ms", "p95", 1.0), "E4"),
    "an error rate that was edited": (record(error_rate=0.5), "E8"),
    "an outcome that was forged": (record(outcome="invalid", cause="bad luck"), "outcome"),
    "a bottleneck that was forged": (inside("bottleneck", "component", "load"), "bottleneck"),
    "a finding that was removed or added": (record(findings=[{"rule": "E9", "severity": "note", "cause": "x"}]), "E9"),
    "a figure that was edited": (inside("figures", "littles_law_residual", 0.0001), "E5"),
    "a window that was moved": (record(window={"from_s": 9.0, "to_s": 17.0}), "E10"),
    "a second that is missing": (drop_second, "E1"),
    "successes that were added": (text(f"{FIRST}/samples.csv", "\n8,", "\n8,9"), "E13"),
    "a balancer's second that was edited": (text(f"{FIRST}/balancer.csv", ",200,", ",200,1"), "E13"),
    "counters of a server that were edited": (
        lambda path: edit(
            path / FIRST / "trial.json", lambda s: s["counters"]["servers"]["server-1"].update({"200": 1})
        ),
        "E13",
    ),
    "a trial in the place of another": (swap, "E15"),
    "servers that were not those of the plan": (
        lambda path: edit(path / "study.json", lambda s: s.update(server_order=[["server-2", "server-1"]] * 9)),
        "E15",
    ),
    "blocks without an order of servers": (
        lambda path: edit(path / "study.json", lambda s: s.update(server_order=[["server-2", "server-1"]])),
        "E15",
    ),
    "a name that was edited": (lambda path: edit(path / "study.json", lambda s: s.update(name="../x")), "grid"),
    "a repeat that was copied": (copy_repeat, "E15"),
    "a trial that vanished": (lambda path: shutil.rmtree(path / FIRST), "digest"),
    "a threshold that was changed afterwards": (
        lambda path: edit(
            path / "study.json", lambda s: s["configuration"]["grid"]["evidence"].update(generator_cpu="99%")
        ),
        "grid",
    ),
    "a seed that was changed": (lambda path: edit(path / "study.json", lambda s: s.update(seed=s["seed"] + 1)), "E16"),
    "a cell that was let rest afterwards": (
        lambda path: edit(
            path / "study.json",
            lambda s: s.update(
                predicted_idle={"blocks": 2, "cells": [{"servers": 2, "vusers": 2000}], "capacity_per_s": 280.0}
            ),
        ),
        "E16",
    ),
    "an order that was changed": (lambda path: edit(path / "study.json", lambda s: s["plan"].reverse()), "E16"),
    "a row of cells.csv": (text("cells.csv", "server", "load"), "E1"),
    "a row of gains.csv": (text("gains.csv", ",1,2,1.", ",1,2,2."), "E15"),
    "a table that was removed": (lambda path: (path / "gains.csv").unlink(), "E15"),
    "a histogram of another trial": (other_histogram, "E4"),
    "a failed trial that counts": (
        lambda path: edit(path / FIRST / "trial.json", lambda s: s.update(context={})),
        "raw",
    ),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forgery_is_found_even_with_new_digests(directory: StudyDirectory, name: str) -> None:
    forge, rule = FORGERIES[name]
    forge(directory.path)
    if name != "a trial that vanished":
        with_new_digests(directory)
    assert rule in failing(directory), failing(directory)


def test_a_seed_other_than_the_grids_is_found(tmp_path: Path) -> None:
    directory = measured_study(StudyDirectory(tmp_path / "study"), seed=5)
    assert failing(directory) == {}
    edit(directory.path / "study.json", lambda data: data.update(seed=6))
    assert failing(directory)["grid"] == "the seed of the order is 6, the grid sets 5"


def test_the_result_of_a_prediction_is_compared_with_its_trials() -> None:
    cells = [{"servers": 1, "vusers": 20}]
    written = grid(factors={"servers": [1, 2], "vusers": [20, 900]}, repeats=3)
    rests = predicted_idle.predict(written, ServerRates(140.0), 0.05, 1.0)
    assert rests is not None
    made = {
        f"servers-{s}_vusers-{u}/r{k}": judged(record_of(s, u, k, 19.0), "load" if u == 20 else "server")
        for s in (1, 2)
        for u in (20, 900)
        for k in (1, 2)
    }
    held = study_record(
        configuration={"grid": written.model_dump(mode="json", by_alias=True)},
        predicted_idle=rests.model_copy(update={"contradicted": ()}).model_dump(),
    )
    assert recheck_plan.predicted_idle_cells(held, made, made) == []
    made["servers-1_vusers-20/r2"] = judged(made["servers-1_vusers-20/r2"], "server")
    (wrong,) = recheck_plan.predicted_idle_cells(held, made, made)
    assert "did not hold for 1 server at 20 users, 2 servers at 20 users" in wrong
    again = [*made, "servers-1_vusers-20/r2-attempt1"]
    assert recheck_plan.predicted_idle_cells(held, made, again) == [], "the record of a repeated trial is lost"
    assert rests.cells[0] == cells[0]
    other = held.model_copy(update={"predicted_idle": rests.model_copy(update={"cells": rests.cells[:1]})})
    assert "do not follow from the recorded prediction" in recheck_plan.predicted_idle_cells(other, made, again)[0]


def test_a_change_without_new_digests_is_found_by_them(directory: StudyDirectory) -> None:
    with (directory.path / FIRST / "hosts.csv").open("a") as file:
        file.write("17.5,server-1,0.19,0.9,90.0\n")
    assert "its files have changed since they were recorded" in failing(directory)["digest"]
