"""Console output as text and as JSON."""

import io
import json
import sys
from collections.abc import Sequence

import pytest

from commands.console import Console
from harness.grid.cell import Cell
from harness.plan.order import PlannedTrial
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
    assert "  servers-1_vusers-100: E8 1.4 % of the requests failed" in out.splitlines()
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


def ended(servers: int, repeat: int, cause: str = "", rules: Sequence[str] = (), outcome: str = "ok") -> TrialEnded:
    """Return the end of a trial with findings of these rules."""
    found = tuple(Finding(rule=rule, severity=Severity.WARNING, cause=f"{rule} fired") for rule in rules)
    measured = record(servers, 100, repeat, 281.5, outcome=outcome, cause=cause)
    path = f"servers-{servers}_vusers-100/r{repeat}"
    return TrialEnded(path, measured.model_copy(update={"findings": found}), found, 60.0)


def test_a_finding_is_printed_once_for_each_cell(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Console()
    for servers, repeat in ((1, 1), (2, 1), (1, 2)):
        shown(ended(servers, repeat, rules=["E8"]))
    out = capsys.readouterr().out
    assert out.count("E8 E8 fired") == 2
    assert [line.split(":")[0].strip() for line in out.splitlines() if "fired" in line] == [
        "servers-1_vusers-100",
        "servers-2_vusers-100",
    ]


def test_the_end_of_a_block_has_the_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    shown = Console()
    planned = [PlannedTrial(Cell((("servers", n), ("vusers", 100))), k) for n in (1, 2) for k in (1, 2)]
    shown.plan(planned, {}, may_grow=False)
    for servers, repeat in ((1, 1), (2, 1), (2, 2), (1, 2)):
        shown(ended(servers, repeat))
    lines = [line for line in capsys.readouterr().out.splitlines() if "block" in line]
    assert lines == ["block 1 measured: about 60 s left"]


def test_a_log_of_a_large_study_is_bounded(capsys: pytest.CaptureFixture[str]) -> None:
    """Trials have at most 400 lines, findings and steps 100 each; of many valid trials every n-th one is printed."""
    shown = Console()
    shown(StudyStarted(name="study", directory="results", planned=5000, remaining=5000, estimate_s=1.0))
    for number in range(1000, 6000):
        valid = number % 2 == 0
        shown(Step(f"starting server-{number} again"))
        shown(ended(number // 6, number, f"cause {number}", ["E8"], "ok" if valid else "invalid"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 + 400 + 100 + 100 + 3
    assert sum(line.startswith("further") for line in lines) == 3


def test_text_of_others_is_one_line_without_markup_and_escape_sequences(capsys: pytest.CaptureFixture[str]) -> None:
    hostile = "[red]\x1b[31m:bug:\nsecond[/]\\"
    shown = Console()
    shown(StudyStarted(name=hostile, directory="results", planned=1, remaining=1, estimate_s=1.0))
    shown(Step(hostile))
    shown(ended(1, 1, cause=hostile, outcome="invalid"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 4
    assert sum("[red]\\u{1B}[31m:bug: second[/]\\" in line for line in lines) == 3


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_characters_that_the_locale_lacks_are_no_error(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(written, encoding=encoding))
    play(Console())
    sys.stdout.flush()
    assert b"? deployed (14 s)" in written.getvalue() or "· deployed".encode(encoding) in written.getvalue()
