"""A trial's path has one spelling for its parts, whatever the name of its cell."""

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.grid.cell import Cell
from harness.plan.order import PlannedTrial
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData
from harness.records.trial_path import TrialPath
from tests.builders import record

HARD = "servers-2_vusers-100_ml_server_image-app-2-attempt"


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("servers-2_vusers-100/r3", TrialPath(cell="servers-2_vusers-100", repeat=3)),
        ("servers-2_vusers-100/r0", TrialPath(cell="servers-2_vusers-100", repeat=0)),
        ("servers-2_vusers-100/r0-probe2", TrialPath(cell="servers-2_vusers-100", repeat=0, probe=2)),
        (f"{HARD}/r0-probe12-attempt3", TrialPath(cell=HARD, repeat=0, probe=12, attempt=3)),
        (f"{HARD}/r3", TrialPath(cell=HARD, repeat=3)),
        (f"{HARD}/r3-attempt12", TrialPath(cell=HARD, repeat=3, attempt=12)),
        (f"{HARD}1-control/r10-control", TrialPath(cell=f"{HARD}1-control", repeat=10, control=True)),
        (f"{HARD}/r10-control-attempt1", TrialPath(cell=HARD, repeat=10, control=True, attempt=1)),
    ],
)
def test_parsing_and_printing_a_path_are_inverse(text: str, path: TrialPath) -> None:
    assert TrialPath.parse(text) == path
    assert str(path) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/",
        "a/x1",
        "a/r01",
        "a/r1-attempt",
        "a/r1-attempt0",
        "a/r1 copy",
        "a/b/r1",
        "a/r1-probe2",
        "a/r0-probe1",
    ],
)
def test_another_path_is_rejected(text: str) -> None:
    with pytest.raises(ValueError, match="not the path of a trial"):
        TrialPath.parse(text)


def test_a_planned_trial_has_the_path_that_is_parsed() -> None:
    cell = Cell((("servers", 2), ("vusers", 100), ("ml_server_image", "app:2-attempt")))
    assert TrialPath.parse(PlannedTrial(cell, 4, control=True).path) == TrialPath(cell=HARD, repeat=4, control=True)


def test_attempts_belong_to_one_trial(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    failed = TrialData(record=record(1, 100, 1, None, outcome="failed"), samples=[], hosts=[], balancer=[])
    for where in ("r1", "r1", "r1", "r10", "r10", "r1-control", "r1-control", "r0", "r0-probe2", "r0-probe2"):
        directory.write_trial(f"{HARD}/{where}", failed)
    assert directory.attempts(f"{HARD}/r1") == [f"{HARD}/r1-attempt1", f"{HARD}/r1-attempt2"]
    assert directory.attempts(f"{HARD}/r10") == [f"{HARD}/r10-attempt1"]
    assert directory.attempts(f"{HARD}/r1-control") == [f"{HARD}/r1-control-attempt1"]
    assert directory.attempts(f"{HARD}/r0") == []
    assert directory.attempts(f"{HARD}/r0-probe2") == [f"{HARD}/r0-probe2-attempt1"]
    current = {f"{HARD}/{where}" for where in ("r1", "r10", "r1-control", "r0", "r0-probe2")}
    assert directory.trials().keys() == current
    assert len(directory.trials(attempts=True)) == 10


def test_a_copied_folder_does_not_count_as_a_trial(tmp_path: Path) -> None:
    directory = StudyDirectory(tmp_path / "s")
    directory.write_trial("a/r1", TrialData(record=record(1, 100, 1, 20.0), samples=[], hosts=[], balancer=[]))
    (directory.path / "trials/a/r1").rename(directory.path / "trials/a/r1-copy")
    with pytest.raises(BadInput, match=r"r1-copy: its name is not that of a trial\. Allowed: .*\. Fix: move it out"):
        directory.trials()
