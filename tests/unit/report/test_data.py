"""results.parquet, and page 1 recomputed from the data files by a program that knows nothing of this one."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from harness.records import frames
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from report import build
from tests import golden_study
from tests.builders import changed, record, study

ROOT = Path(__file__).resolve().parents[3]
RATES: dict[tuple[int, int], list[float | None]] = {
    (1, 1000): [280, 284, 277, 281, 279],
    (2, 1000): [490, 495, 488, 492, 494],
    (1, 2000): [281, 283, None, 282, 280],
    (2, 2000): [510, 517, 503, 512, 508],
}


@pytest.fixture
def directory(tmp_path: Path) -> StudyDirectory:
    made = study(StudyDirectory(tmp_path / "study-0123abcd"), RATES)
    for where, recorded in made.trials().items():
        if recorded.usable:
            trial = made.trial(where)
            windowed = changed(recorded, window={"from_s": 7.0, "to_s": 17.0})
            made.write_trial(where, TrialData(record=windowed, samples=trial.samples, hosts=[], balancer=[]))
    for old in made.path.rglob("*-attempt*"):
        for file in old.iterdir():
            file.unlink()
        old.rmdir()
    build.write(made, {"html", "data"})
    return made


def recomputed(directory: StudyDirectory) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "docs" / "recompute.py"), str(directory.path)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_every_second_of_every_trial_is_there_with_its_levels(directory: StudyDirectory) -> None:
    rows = pd.read_parquet(directory.path / "results.parquet")
    assert len(rows) == 19 * 18
    assert list(rows.columns[:3]) == ["servers", "vusers", "trial"]
    one = rows[rows.trial == "servers-2_vusers-2000/r1"]
    assert one.in_window.sum() == 10
    assert set(one.completed) == {510}
    assert str(rows.dtypes["servers"]) == "int64"


def test_levels_that_have_nothing_in_common_are_text(tmp_path: Path) -> None:
    made = study(StudyDirectory(tmp_path / "study-1"), {(1, 100): [95.0]})
    study_json = made.read_json("study.json") or {}
    study_json["configuration"]["grid"]["factors"]["nginx_lb_settings"] = ["stock", 1]
    made.write_json("study.json", study_json)
    where = "servers-1_vusers-100/r1"
    levels = {"servers": 1, "vusers": 100, "nginx_lb_settings": 1}
    made.write_trial(
        where,
        TrialData(
            record=record(1, 100, 1, 95.0, cell=levels), samples=made.trial(where).samples, hosts=[], balancer=[]
        ),
    )
    (made.path / "results.parquet").write_bytes(frames.parquet(made))
    assert set(pd.read_parquet(made.path / "results.parquet").nginx_lb_settings) == {"1"}


def test_page_one_follows_from_the_data_files(directory: StudyDirectory) -> None:
    done = recomputed(directory)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "everything is as printed" in done.stdout
    assert done.stdout.count("report.html prints") == 2


@pytest.mark.parametrize(
    ("name", "old", "new"), [("gains.csv", "1000,1,2,1.7", "1000,1,2,1.8"), ("report.html", "1.76", "1.96")]
)
def test_a_number_that_does_not_follow_is_found(directory: StudyDirectory, name: str, old: str, new: str) -> None:
    file = directory.path / name
    assert old in file.read_text()
    file.write_text(file.read_text().replace(old, new))
    done = recomputed(directory)
    assert done.returncode == 1
    assert "WRONG" in done.stdout


@pytest.fixture
def mixed(tmp_path: Path) -> StudyDirectory:
    """Three topologies with three requests; with three servers the mix has shifted."""
    made = golden_study.made("mix", tmp_path)
    build.write(made, {"html", "data"})
    return made


def of_mixes(directory: StudyDirectory) -> list[str]:
    """The lines about the mix; the seconds of this synthetic study are not those of its figures."""
    lines = recomputed(directory).stdout.splitlines()
    return [line for line in lines if " share: " in line or " requests: " in line or " rule E25: " in line]


def test_the_mix_follows_from_every_trial(mixed: StudyDirectory) -> None:
    lines = of_mixes(mixed)
    assert sum(" share: " in line for line in lines) == 9
    assert all(line.startswith("ok ") for line in lines)
    assert "ok    1 → 2 rule E25: the mix held" in lines
    assert "ok    2 → 3 rule E25: the mix shifted, gain: printed nan, computed none" in lines


def test_a_mix_that_does_not_follow_is_found(mixed: StudyDirectory) -> None:
    requests, gains = (pd.read_csv(mixed.path / name) for name in ("requests.csv", "gains.csv"))
    requests.loc[0, "share"] += 0.01
    requests.to_csv(mixed.path / "requests.csv", index=False)
    gains.loc[(gains.from_servers == 2) & (gains.to_servers == 3), "gain"] = 2.5
    gains.to_csv(mixed.path / "gains.csv", index=False)
    share, gain = (line for line in of_mixes(mixed) if line.startswith("WRONG "))
    assert " share: " in share
    assert gain == "WRONG 2 → 3 rule E25: the mix shifted, gain: printed 2.5, computed none"
