"""Console output as text and as JSON."""

import json

import pytest

from commands import console
from commands.console import Console
from harness.records.findings import Finding, Severity
from harness.study.events import SampleTaken, Step, StudyStarted, TrialEnded, TrialStarted
from harness.summarise.summary import summarise_records
from tests.builders import grid, judged, record, samples


def play(shown: Console) -> None:
    shown(StudyStarted(name="study", directory="results/study-1", planned=2, remaining=1, estimate_s=90.0))
    shown(Step("deployed", 14.0))
    shown(TrialStarted(trial="servers-1_vusers-100/r1", position=2, planned=2, duration_s=18.0, window_from_s=7.0))
    shown(SampleTaken(samples(280, 1000)[0]))
    finding = Finding(
        rule="E8",
        severity=Severity.WARNING,
        cause="1.4 % of the requests failed",
        next_step="check the kinds of failure",
    )
    shown(TrialEnded("servers-1_vusers-100/r1", record(1, 100, 2, 281.5), (finding,), 0.0))
    shown.finish()


def test_plain_lines_where_there_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    play(Console())
    out = capsys.readouterr().out
    assert "study: 1 trial to measure, 1 measured earlier, about 1 min 30 s" in out
    assert "servers-1_vusers-100/r1" in out
    assert "281.5 req/s  bottleneck: server" in out
    assert "E8 1.4 % of the requests failed" in out
    assert "\x1b" not in out


@pytest.mark.parametrize("found", [True, False])
def test_a_trial_with_a_warning_prints_its_reason_once(found: bool, capsys: pytest.CaptureFixture[str]) -> None:
    """Once, with or without a finding of the same text."""
    reason = "1.4 % of the requests failed"
    marked = record(1, 100, 2, 281.5, outcome="warning", cause=reason)
    findings = (
        (Finding(rule="E8", severity=Severity.WARNING, cause=reason, next_step="check the kinds of failure"),)
        if found
        else ()
    )
    shown = Console()
    shown(TrialEnded("servers-1_vusers-100/r1", marked, findings, 0.0))
    out = capsys.readouterr().out
    assert "bottleneck: server" in out
    assert out.count(reason) == 1


def test_json_is_one_object_per_line(capsys: pytest.CaptureFixture[str]) -> None:
    play(Console(as_json=True))
    events = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [event["event"] for event in events] == [
        "study_started",
        "step",
        "trial_started",
        "sample_taken",
        "trial_ended",
    ]
    assert events[-1]["record"]["tps_mean"] == 281.5


def test_errors_go_to_standard_error_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    Console().error("grid.yaml:3: wrong\ngrid.yaml:9: wrong too [see above]")
    assert capsys.readouterr().err == "error: grid.yaml:3: wrong\nerror: grid.yaml:9: wrong too [see above]\n"


def test_a_sparkline_spans_from_zero_to_the_maximum() -> None:
    assert console.sparkline([0, 50, 100]) == "▁▅█"
    assert console.sparkline([0, 0]) == "▁▁"


def test_a_gain_as_json_has_its_reason_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    records = {
        f"servers-{n}_vusers-1000/r1": judged(record(n, 1000, 1, 280.0 * n), "generator", of_users_bound=0.9)
        for n in (1, 2)
    }
    gains = summarise_records(grid(factors={"servers": [1, 2], "vusers": [1000]}, repeats=1), records).gains
    Console(as_json=True).gains(gains)
    (event,) = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert event["reason"].startswith("the bottleneck of 1 server was the generator: ")
    assert not {"obstacle", "remark"} & event.keys()


def test_notes_of_another_process_are_marked_once(capsys: pytest.CaptureFixture[str]) -> None:
    Console().warn("a character [U+1F600] has no font")
    printed = capsys.readouterr().err
    Console().relay(printed.strip())
    assert capsys.readouterr().err == printed == "note: a character [U+1F600] has no font\n"


def test_a_quoted_text_between_colons_stays_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    """Rich would replace :end: with a picture."""
    Console().error("hosts.ini:1: host range must be begin:end or begin:end:step")
    assert "begin:end:step" in capsys.readouterr().err
