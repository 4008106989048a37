"""Records on disk survive crashes, reject unreadable files, and are open to one process at a time."""

import json
import multiprocessing
from pathlib import Path

import pytest

from harness.errors import BadInput, CannotRun
from harness.grid.schema import Grid
from harness.judge import latency_stats
from harness.records.directory import StudyDirectory, digest
from harness.records.series import BalancerSample, HostSample
from harness.records.study import Configuration, TimeScaling
from harness.records.trial import TrialData
from harness.study import identity
from tests.builders import grid, record, samples, study_record


def trial() -> TrialData:
    return TrialData(
        record=record(1, 100, 1, 99.5),
        samples=samples(100, 300),
        hosts=[HostSample(t_s=0.5, host="server-1", cpu_cores=0.19, throttled_share=None, memory_mb=80.0)],
        balancer=[BalancerSample(0, "10.0.0.1:8080", "200", 100)],
        latencies=latency_stats.histogram_of_ms([(20, 7)]),
    )


def test_a_trial_reads_back_as_it_was_written(tmp_path: Path) -> None:
    directory, written = StudyDirectory(tmp_path / "s"), trial()
    directory.write_trial("a/r1", written)
    assert directory.trial("a/r1") == written
    assert directory.trials() == {"a/r1": written.record}


def test_a_value_that_does_not_exist_is_an_empty_field(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial("a/r1", trial())
    assert (directory.path / "trials/a/r1/hosts.csv").read_text().splitlines()[
        1
    ] == "0.5,server-1,0.19,,80.0" + 10 * ","


def test_a_partially_written_trial_does_not_count(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    half = directory.path / "trials" / ".writing-123"
    half.mkdir(parents=True)
    (half / "trial.json").write_text('{"form')
    with directory.locked():
        assert directory.trials() == {}
        assert not half.exists()


def test_a_trial_measured_again_keeps_the_earlier_attempt(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial(
        "a/r1", TrialData(record=record(1, 100, 1, None, outcome="failed"), samples=[], hosts=[], balancer=[])
    )
    directory.write_trial("a/r1", trial())
    assert directory.trials()["a/r1"].outcome == "ok"
    assert list(directory.trials(attempts=True)) == ["a/r1", "a/r1-attempt1"]


def test_a_study_parses_its_grid_once_and_again_for_a_changed_copy() -> None:
    study = study_record()
    assert study.nominal_grid is study.nominal_grid
    assert study.scaled_grid is study.scaled_grid
    duration_s = study.scaled_grid.load.duration
    slow = study.model_copy(update={"time_scaling": TimeScaling(factor=2.0)})
    assert slow.scaled_grid.load.duration == 2 * duration_s
    assert slow.nominal_grid.load.duration == duration_s
    other = Configuration(grid=grid(name="other").model_dump(mode="json", by_alias=True))
    assert study.model_copy(update={"configuration": other}).nominal_grid.name == "other"
    assert study == study_record(), "cached grids are no difference"
    assert study.model_dump(mode="json") == study_record().model_dump(mode="json")


def test_a_record_of_a_newer_version_is_rejected_and_an_unknown_key_is_not(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial("a/r1", trial())
    file = directory.path / "trials/a/r1/trial.json"
    written = json.loads(file.read_text())
    file.write_text(json.dumps({**written, "of_the_future": 1}))
    assert directory.trials()["a/r1"].tps_mean == 99.5
    file.write_text(json.dumps({**written, "format": 99}))
    with pytest.raises(BadInput, match="newer version"):
        directory.trials()


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial("a/r1", trial())
    (directory.path / "trials/a/r1/trial.json").write_text("{")
    with pytest.raises(BadInput, match=r"trial\.json:1: is cut off"):
        directory.trials()


def test_a_damaged_row_is_named_by_file_and_line(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial("a/r1", trial())
    file = directory.path / "trials/a/r1/samples.csv"
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines[:3], "x" + lines[3], *lines[4:], ""]))
    with pytest.raises(BadInput, match=r"samples\.csv:4: is damaged"):
        directory.trial("a/r1")


def hold(path: Path, ready: object, end: object) -> None:
    with StudyDirectory(path).locked():
        ready.set()  # type: ignore[attr-defined] # a multiprocessing event
        end.wait(20)  # type: ignore[attr-defined] # as above


def test_a_second_process_is_rejected_and_a_dead_one_holds_no_lock(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    ready, end = context.Event(), context.Event()
    other = context.Process(target=hold, args=(tmp_path / "s", ready, end))
    other.start()
    assert ready.wait(20)
    with pytest.raises(CannotRun, match="another process runs this study"), StudyDirectory(tmp_path / "s").locked():
        pass
    other.kill()
    other.join()
    with StudyDirectory(tmp_path / "s").locked():
        pass


def test_a_new_key_with_a_default_does_not_start_another_study() -> None:
    class Later(Grid):
        warm_up: int = 3

    fields = {"name": "a", "factors": {"servers": [1], "vusers": [10]}, "inventory": "x", "seed": 4}
    fields |= {"load": {"think_time": "1s", "ramp_up": "2s", "duration": "12s"}, "request": {"path": "/"}}

    def named(model: type[Grid], **more: object) -> str:
        grid = model.model_validate({**fields, **more})
        return identity.identify(grid, Configuration(grid=grid.model_dump(mode="json")))

    assert named(Later) == named(Grid)
    assert named(Later, warm_up=4) != named(Grid)
    assert named(Grid, seed=5) != named(Grid)


def test_differences_between_configurations_are_listed_by_key() -> None:
    before, after = {"repeats": 3, "name": "a"}, {"repeats": 5, "name": "a"}
    found = identity.differences(Configuration(grid=before), Configuration(grid=after))
    assert found == [identity.ConfigurationDifference(("grid", "repeats"), 3, 5)]
    assert [str(difference) for difference in found] == ["grid.repeats: 3 → 5"]
    assert digest(before) != digest(after)
    assert digest(before) == digest({"name": "a", "repeats": 3})
