"""Requests by name in trial.json, in files of their own, in requests.csv and in frames."""

import json
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.judge import latency_stats
from harness.records import columns, frames
from harness.records.directory import StudyDirectory
from harness.records.histogram import Histogram
from harness.records.requests import MOST_OF_NAME, Logins, histogram_files
from harness.records.trial import TrialRecord
from harness.study import check
from tests.builders import measured_study, record
from tests.mixes import HISTORY, PREDICT, mixed_study

WHERE = "servers-1_vusers-2000/r1"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    return mixed_study(StudyDirectory(tmp_path_factory.mktemp("mixed") / "study"))


def test_a_trial_is_read_as_it_was_written(mixed: StudyDirectory) -> None:
    data = mixed.trial(WHERE)
    assert set(data.record.requests) == set(data.requests) == {PREDICT, HISTORY}
    assert latency_stats.merged([data.requests[PREDICT].latencies]).total == 2970
    assert latency_stats.merged([data.requests[PREDICT].failures]).total == 30
    assert data.requests[HISTORY].failures == ""
    assert data.record.logins == Logins(completed=2000)
    assert data.record.sent["8"] == f"{1:032x}"
    assert mixed.request_histograms(WHERE) == data.requests


def test_names_of_files_are_safe_for_any_name() -> None:
    names = ["predict", "Predict", "../../etc/passwd", "a" * 500, "ä", "CON", "", "transactions", "GET /a?b=c"]
    files = [histogram_files(name) for name in names] + [histogram_files(None)]
    assert len({file.lower() for pair in files for file in pair}) == 2 * len(files)
    for pair in files:
        assert all(
            len(file) <= MOST_OF_NAME + 25 and set(file.lower()) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-")
            for file in pair
        ), pair


def test_a_study_of_one_plain_request_has_none(tmp_path: Path) -> None:
    plain = measured_study(StudyDirectory(tmp_path / "study"))
    data = plain.trial(WHERE)
    assert (data.record.requests, data.record.transactions, data.record.logins, data.record.sent) == (
        {},
        None,
        None,
        {},
    )
    assert not [*(plain.path / "trials").glob("**/*.*.hgrm")]
    assert frames.requests(plain, by_trial=True).empty
    with pytest.raises(BadInput, match=r"requests\.csv is missing"):
        frames.requests(plain)


def test_a_record_without_the_new_keys_is_read() -> None:
    stored = record(1, 100, 1, 100.0).model_dump(mode="json")
    for key in ("requests", "transactions", "logins", "sent"):
        del stored[key]
    found = TrialRecord.model_validate(stored)
    assert (found.requests, found.transactions, found.logins, found.sent) == ({}, None, None, {})


@pytest.mark.parametrize("content", [b"", b"cut", b"no histogram\n"])
def test_a_damaged_histogram_of_a_name_is_one_message(tmp_path: Path, content: bytes) -> None:
    made = mixed_study(StudyDirectory(tmp_path / "study"))
    file = made.path / "trials" / WHERE / histogram_files(HISTORY)[0]
    file.write_bytes(content)
    with pytest.raises(BadInput) as caught:
        made.trial(WHERE)
    assert caught.value.problems[0].startswith(f"{file}:1: is ")
    assert "Fix: restore the file from a copy, or move" in caught.value.problems[0]


def test_check_passes_a_mix_and_finds_a_changed_share(tmp_path: Path) -> None:
    made = mixed_study(StudyDirectory(tmp_path / "study"))
    assert [line.text for line in check.check(made) if not line.ok] == []
    file = made.path / "trials" / WHERE / "trial.json"
    data = json.loads(file.read_text())
    data["requests"][PREDICT]["share"] = 0.5
    file.write_text(json.dumps(data))
    wrong = [line.text for line in check.check(made) if not line.ok and line.rule == "E4"]
    assert any("requests by name is" in text for text in wrong)


def test_requests_csv_has_a_row_for_each_cell_and_name(mixed: StudyDirectory) -> None:
    table = frames.requests(mixed)
    assert {str(name): str(kind) for name, kind in table.dtypes.items()} == {
        "servers": "Int64",
        "vusers": "Int64",
        **columns.REQUESTS,
    }
    assert [*zip(table.servers, table.request, strict=True)] == [
        (servers, name) for servers in (1, 2) for name in (PREDICT, HISTORY)
    ]
    row = table[(table.servers == 1) & (table.request == PREDICT)].iloc[0]
    assert (row.requests, row.failed, row.share, row.error_rate) == (9000, 90, 0.75, 0.01)
    assert row.p95_ms == pytest.approx(200, rel=1e-3)


def test_the_frame_of_trials_has_a_row_for_each_trial_and_name(mixed: StudyDirectory) -> None:
    table = frames.requests(mixed, by_trial=True)
    assert len(table) == 2 * len(mixed.trials())
    assert set(table.trial) == set(mixed.trials())
    (row,) = table[(table.trial == WHERE) & (table.request == HISTORY)].itertuples()
    assert (row.requests, row.completed, row.failed, row.share) == (1000, 1000, 0, 0.25)
    assert [*table.columns][-len(columns.TRIAL_REQUESTS) :] == [*columns.TRIAL_REQUESTS]


def test_mean_and_maximum_of_a_histogram_are_within_its_resolution() -> None:
    values = [3, 1500, 20_000, 20_000, 950_000]
    histogram = Histogram()
    assert (histogram.mean_us, histogram.most_us) == (None, None)
    histogram.record({value: values.count(value) for value in values})
    assert histogram.mean_us == pytest.approx(sum(values) / len(values), rel=1e-3)
    assert histogram.most_us == pytest.approx(950_000, rel=1e-3)
