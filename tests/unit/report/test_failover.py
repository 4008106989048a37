"""The sentences and the table of failovers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from harness.grid.objectives import Objectives
from harness.grid.thresholds import Thresholds
from harness.records import frames
from harness.study import check
from harness.summarise.cells.failover import CellFailover, Spread
from harness.words import load_name
from report import build
from report.output import ci_summary
from report.sentences import failover
from report.tables import failover as failover_table
from tests.study_stubs import FakeSite


def same(value: float) -> Spread:
    return Spread(value, value, value)


BACK = CellFailover(
    cell={"servers": 3, "vusers": 1000, "fail_servers": 1},
    failed_servers=1,
    servers=3,
    trials=3,
    failed=Spread(41, 38, 44),
    failed_at_balancer=Spread(41, 38, 44),
    failing=3,
    failing_s=same(2),
    recovered=3,
    recovery_s=Spread(1.3, 1, 2),
    expected=1.0,
    left=Spread(0.98, 0.97, 0.99),
    still_failing=same(0),
    latency_recovered=3,
    latency_recovery_s=same(3),
    before_ms=same(60),
    after_ms=same(70),
    p95_ms=312.0,
)
ONE, TWO = (
    "At 1,000 users one of 3 servers failed",
    "At 1,000 users, nginx_lb_max_fails 1, 2 of 3 servers failed",
)
PATTERNS = {
    "back": (
        BACK,
        f"{ONE} under load: 41 [38, 44] requests failed within 2.0 s, until the balancer removed it; throughput "
        "recovered within 1.3 [1.0, 2.0] s, to 98 % [97, 99] of its previous value; the mean response time recovered "
        "within 3.0 s (from 60.0 to 70.0 ms) (means of 3 trials).",
    ),
    "nothing failed": (
        replace(
            BACK, failed=same(0), failing=0, failing_s=None, recovery_s=same(0), latency_recovery_s=same(0), trials=1,
            recovered=1, latency_recovered=1,
        ),
        f"{ONE} under load: no request failed; throughput stayed at 98 % [97, 99] of its previous value; the mean "
        "response time stayed near its previous value (from 60.0 to 70.0 ms) (one trial).",
    ),
    "to the end": (
        replace(
            BACK,
            failed=same(900),
            to_the_end=3,
            still_failing=same(1 / 3),
            recovered=0,
            recovery_s=None,
            left=same(0.67),
        ),
        f"{ONE} under load: 900 requests failed, and 33 % of them still failed at the end of the load; throughput "
        "did not recover and stayed at 67 % of its previous value; the mean response time recovered within 3.0 s (from "
        "60.0 to 70.0 ms) (means of 3 trials).",
    ),
    "busy servers": (
        replace(
            BACK,
            cell={"servers": 3, "vusers": 1000, "fail_servers": 2, "nginx_lb_max_fails": 1},
            failed_servers=2,
            expected=1 / 3,
            left=same(0.34),
            recovered=2,
            latency_recovered=0,
            latency_recovery_s=None,
        ),
        f"{TWO} under load: 41 [38, 44] requests failed within 2.0 s, until the balancer removed them; throughput"
        " recovered in 2 of 3 trials within 1.3 [1.0, 2.0] s, to 34 % of its previous value (33 % is expected of the "
        "remaining servers); the mean response time rose from 60.0 to 70.0 ms and did not recover (means of 3 trials).",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", PATTERNS)
def test_a_sentence_for_every_pattern(name: str) -> None:
    failed, expected = PATTERNS[name]
    assert failover.sentence(failed, Objectives()) == expected


@pytest.mark.parametrize(
    ("wanted", "holds"), [("500ms", "meets the objective of 500 ms"), ("200ms", "misses the objective of 200 ms")]
)
def test_throughput_after_a_failure_is_compared_with_the_objective(wanted: str, holds: str) -> None:
    sentence = failover.sentence(BACK, Objectives.model_validate({"p95": wanted}))
    assert holds in sentence
    assert "p95 over the whole window, failures included, is 312 ms" in sentence


SECONDS = replace(BACK, in_p95=3, p95_recovered=3, p95_recovery_s=Spread(2, 1, 3), over_p95=Spread(0.02, 0.01, 0.03))
OF_P95 = {
    "p95 met the objective of 500 ms again after 2.0 [1.0, 3.0] s": SECONDS,
    "p95 met the objective of 500 ms again in 2 of 3 trials after 2.0 [1.0, 3.0] s": replace(SECONDS, p95_recovered=2),
    "p95 met the objective of 500 ms throughout": replace(SECONDS, p95_recovery_s=same(0)),
    "p95 did not meet the objective of 500 ms again: 12 % of the later requests took longer or failed": replace(
        SECONDS, p95_recovered=0, p95_recovery_s=None, over_p95=same(0.12)
    ),
    "p95 missed the objective of 500 ms before the failure already, and 12 % of the later requests took longer or "
    "failed": (replace(SECONDS, in_p95=0, p95_recovered=0, p95_recovery_s=None, over_p95=same(0.12))),
}


@pytest.mark.parametrize("expected", OF_P95)
def test_the_recovery_of_p95_is_reported_by_the_seconds(expected: str) -> None:
    sentence = failover.sentence(OF_P95[expected], Objectives.model_validate({"p95": "500ms"}))
    assert f"to 98 % [97, 99] of its previous value; {expected} (means of 3 trials)." in sentence


def test_the_table_has_when_p95_was_back() -> None:
    table = failover_table.table(
        [SECONDS, replace(SECONDS, p95_recovered=0), replace(SECONDS, in_p95=0, p95_recovered=0)], Thresholds()
    )
    assert table
    place = table.columns.index("p95 recovered after")
    assert [row[place] for row in table.rows] == ["2.0 [1.0, 3.0] s", "never", "–"]


def test_the_largest_loads_have_a_sentence_and_the_table_has_the_rest() -> None:
    many = [replace(BACK, cell={**BACK.cell, "vusers": users}) for users in (100, 400, 200, 300, 500)]
    sentences = failover.sentences(many, Objectives())
    assert [sentence.split()[1] for sentence in sentences[:3]] == ["500", "400", "300"]
    assert sentences[3] == "The failover table has 2 more cells."
    assert failover.sentences([replace(BACK, trials=0)], Objectives()) == []
    assert failover_table.table([], Thresholds()) is None
    table = failover_table.table([BACK, replace(BACK, recovered=0, recovery_s=None)], Thresholds())
    assert table
    shown = [dict(zip(table.columns, row, strict=True)) for row in table.rows]
    assert [row["throughput recovered after"] for row in shown] == ["1.3 [1.0, 2.0] s", "never"]
    assert shown[0]["cell"] == "3 servers, 1,000 users"
    assert table.links[0] == "#cell-servers-3_vusers-1000_fail_servers-1"
    assert "90 % of the expected value" in table.note


def test_a_load_names_its_failed_servers() -> None:
    assert load_name({"vusers": 400, "fail_servers": 0}) == "400 users"
    assert load_name({"vusers": 400, "fail_servers": 1}) == "400 users, 1 server failed"
    assert load_name({"vusers": 400, "fail_servers": 2}) == "400 users, 2 servers failed"
    as_on_disk = {"fail_servers": 1, "nginx_lb_max_fails": 1, "vusers": 400}  # by name
    assert load_name(as_on_disk) == "400 users, 1 server failed, nginx_lb_max_fails 1"


def test_every_output_has_the_failover(tmp_path: Path) -> None:
    site = FakeSite(servers=3)
    site.left_out_after_s = 2
    load = {"think_time": "1s", "ramp_up": "2s", "duration": "20s"}
    study = site.study(
        tmp_path, factors={"servers": [2, 3], "vusers": [400], "fail_servers": [0, 1]}, load=load, repeats=3
    )
    study.run()
    directory = study._directory
    report, summary = build.model_of(directory)
    sentences = [sentence for sentence in report.answer if "failed under load" in sentence]
    assert len(sentences) == 2
    assert "266 requests failed within 2.0 s, until the balancer removed it" in sentences[0]
    assert report.failover
    assert len(report.failover.rows) == 2
    assert {row["load"] for row in report.charts["headline"].arguments["cells"]} == {"400 users"}
    assert {row["load"] for row in report.charts["series"].arguments["rows"]} == {
        "400 users",
        "400 users, 1 server failed",
    }
    marks = report.charts["series"].arguments["marks"]
    assert {(mark["load"], mark["what"]) for mark in marks} == {
        ("400 users, 1 server failed", "1 server stopped (3 trials)"),
    }
    assert sentences[0] in ci_summary.markdown(report, summary)
    assert "failed under load" in ci_summary.junit(report, summary)
    build.write(directory, ("html", "data"))
    assert "Server failure and failover" in (directory.path / "report.html").read_text(encoding="utf-8")
    table = frames.failover(directory)
    assert table.failed.tolist() == [400.0, 266.0]
    assert table.recovery_s.isna().tolist() == [True, False]
    assert [line for line in check.check(directory) if not line.ok] == []
    written = directory.path / "failover.csv"
    written.write_text(written.read_text().replace(",266,", ",26,", 1))
    assert [line.rule for line in check.check(directory) if not line.ok] == ["E24"]
