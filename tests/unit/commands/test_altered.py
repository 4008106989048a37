"""Trials that were changed after they were recorded are named where they make a command fail."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import typer

from commands import altered
from commands.check import check
from commands.compare import compare
from commands.report import Format, report
from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from tests.study_stubs import FakeSite


@pytest.fixture
def study(tmp_path: Path) -> StudyDirectory:
    made = FakeSite().study(tmp_path / "results", factors={"servers": [1, 2], "vusers": [1000]})
    made.run()
    return made._directory


def change(study: StudyDirectory, key: str, value: Any) -> Path:
    """Change one key of the first trial's record; return its file."""
    file: Path = study.trial_file(next(iter(study.trials())))
    file.write_text(json.dumps({**json.loads(file.read_text()), key: value}))
    return file


COMMANDS: dict[str, Callable[[Path], None]] = {
    "report": lambda path: report(path, formats=[Format.JUNIT]),
    "page": lambda path: report(path, formats=[Format.HTML]),
    "compare": lambda path: compare([path, path], anyway=True),
}


@pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS)
def test_a_changed_trial_is_one_message_with_its_file(study: StudyDirectory, command: Callable[[Path], None]) -> None:
    """An exponent of a drift that no float can hold."""
    figures = study.record(next(iter(study.trials()))).model_dump(mode="json")["figures"]
    file = change(study, "figures", {**figures, "drift": 1e300})
    with pytest.raises(BadInput) as raised:
        command(study.path)
    assert str(raised.value).startswith(f"{file}:1: the files of this trial have changed since they were recorded")
    assert f"Fix: restore {file.parent} from a copy, or move it away" in str(raised.value)


def test_check_reports_a_changed_trial_that_cannot_be_judged(
    study: StudyDirectory, capsys: pytest.CaptureFixture[str]
) -> None:
    change(study, "hosts", {})
    with pytest.raises(typer.Exit) as ended:
        check(study.path, as_json=True)
    assert ended.value.exit_code == 1
    assert "its files have changed since they were recorded" in capsys.readouterr().out


def test_an_error_on_unchanged_files_is_a_bug_and_stays(study: StudyDirectory) -> None:
    with pytest.raises(ZeroDivisionError), altered.named(study):
        raise ZeroDivisionError


def test_an_expected_error_keeps_its_message(study: StudyDirectory) -> None:
    change(study, "tps_mean", -5.0)
    with pytest.raises(BadInput, match="mine"), altered.named(study):
        raise BadInput("mine")
