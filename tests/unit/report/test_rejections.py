"""A large share of rejected or failed requests comes first, wherever a result is printed."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from commands import closing
from commands.console import Console
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.summarise.gains.gain import GainKind
from harness.summarise.summary import Summary, summarise_records
from report import model
from report.output import ci_summary
from tests.builders import grid, study_record, trial_data
from tests.study_stubs import FakeSite

NOTHING = "no measured resource is exhausted"
BLOCKS = 3


def rejecting(
    servers: int, repeat: int, kinds: dict[str, float], written: Grid, *, counted: bool = False, seconds: int = 18
) -> TrialData:
    """A trial of 400 req/s with idle servers, in which requests end by kind of failure; `counted`: as a success."""
    data = trial_data(servers, 2000, repeat, 400, repeat)
    record = data.record
    assert record.counters
    share = sum(kinds.values())
    failed = 0 if counted else round(400 * share)
    # As users see it who are rejected at once: all but a few think.
    rows = [replace(row, completed=400 - failed, failed=failed) for row in data.samples[:seconds]]
    total = 400 * len(rows)
    errors = {} if counted else {kind: round(total * part) for kind, part in kinds.items()}
    statuses = {k.removeprefix("status "): round(total * v) for k, v in kinds.items() if k.startswith("status ")}
    balancer = record.counters.balancer.model_copy(
        update={"statuses": {"200": total - sum(statuses.values()), **statuses}, "mean_in_flight": rows[0].in_flight}
    )
    generator = record.counters.generator.model_copy(update={"errors": errors})
    served = {
        name: {status: count // servers for status, count in balancer.statuses.items()}
        for name in record.counters.servers
    }
    counters = record.counters.model_copy(update={"generator": generator, "balancer": balancer, "servers": served})
    hosts = [replace(row, cpu_cores=0.02) for row in data.hosts]
    cell: dict[str, Any] = {"servers": servers, **({"rate": 400} if written.is_open else {"vusers": 2000})}
    bare = record.model_copy(update={"counters": counters, "cell": cell, "unloaded_ms": 3000.0})
    bent = replace(data, record=bare, samples=rows, hosts=hosts, balancer=[])
    return replace(bent, record=assess(bent, written))


def studied(
    one: dict[str, float], two: dict[str, float], *, rate: bool = False, counted: bool = False, **keys: Any
) -> tuple[Summary, dict[str, TrialData]]:
    """A study of one server and two, whose requests fail so."""
    name, level = ("rate", "400/s") if rate else ("vusers", 2000)
    load = {"ramp_up": "2s", "duration": "12s", **({} if rate else {"think_time": "2s"})}
    # Rules about the generator and the counters have tests of their own.
    lenient = {"errors_stop": "100%", "counters_share": "100%", "loop_invalid": "100%", "loop_warning": "100%"}
    lenient |= {"balance": "100%", "offered_invalid": "100%", "in_flight_gap": "100%"}
    evidence = {**lenient, **keys.pop("evidence", {})}
    written = grid(factors={"servers": [1, 2], name: [level]}, load=load, repeats=BLOCKS, evidence=evidence, **keys)
    trials = {
        f"servers-{n}_{name}-{400 if rate else 2000}/r{k}": rejecting(n, k, kinds, written, counted=counted)
        for n, kinds in ((1, one), (2, two))
        for k in range(1, BLOCKS + 1)
    }
    return summarise_records(written, {where: data.record for where, data in trials.items()}), trials


def everywhere(summary: Summary, trials: dict[str, TrialData]) -> dict[str, str]:
    """The report's sentences by output."""
    study = study_record(configuration={"grid": summary.grid.model_dump(mode="json", by_alias=True)}, plan=list(trials))
    report = model.build(study, summary, trials, "study-0123abcd")
    limits = "\n".join(" ".join(row) for row in report.bottlenecks.rows)
    return {
        "page": "\n".join(report.answer) + "\n" + limits,
        "markdown": ci_summary.markdown(report, summary),
        "junit": ci_summary.junit(report, summary),
    }


@pytest.mark.parametrize("rate", [False, True], ids=["users", "rate"])
@pytest.mark.parametrize(
    ("one", "two", "first"),
    [
        ({"status 429": 0.75}, {}, "75 % of the requests were rejected with 429 (1 server at "),
        ({"status 429": 0.75}, {"status 429": 0.5}, "75 % of the requests were rejected with 429 (1 server at "),
        ({"status 503": 0.3}, {"status 503": 0.3}, "30 % of the requests were rejected with 503 (1 server at "),
        ({}, {"status 403": 0.4}, "40 % of the requests were rejected with 403 (2 servers at "),
        ({"status 302": 0.4}, {"status 302": 0.4}, "40 % of the requests were answered with 302 (1 server at "),
        (
            {"status 429": 0.4, "status 503": 0.2, "timeout": 0.1},
            {},
            "70 % of the requests failed (40 % were rejected with 429, 20 % were rejected with 503, 10 % timed out) "
            "(1 server at ",
        ),
    ],
)
def test_rejections_come_first_everywhere_and_make_no_gain(
    one: dict[str, float],
    two: dict[str, float],
    first: str,
    rate: bool,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary, trials = studied(one, two, rate=rate)
    (gain,) = summary.gains
    assert (gain.kind, gain.ratio, gain.peak_ratio) == (GainKind.NONE, None, None)
    shown = everywhere(summary, trials)
    assert shown["page"].startswith(first)
    assert shown["markdown"].split("\n")[2].startswith(f"**{first}")
    assert f"<system-out>{first}" in shown["junit"]
    for cell in summary.cells:
        if cell.failing:
            assert cell.reason.startswith(cell.failing.words)
            assert NOTHING not in cell.reason
            assert f"<system-out>{cell.failing.words}; " in shown["junit"]
            assert all(
                r.record.bottleneck and r.record.bottleneck.reason.startswith(cell.failing.words)
                for r in _of(trials, cell)
            )
    config = FakeSite(2).config(tmp_path)
    config.directory.write_trial("servers-1_vusers-1000/r1", next(iter(trials.values())))
    monkeypatch.setattr(closing, "summarise_directory", lambda _directory: summary)
    closing.print_summary(Console(), config, False)
    shown["console"] = capsys.readouterr().out
    assert first in shown["console"]


def _of(trials: dict[str, TrialData], cell: Any) -> list[TrialData]:
    return [data for data in trials.values() if data.record.cell == cell.cell]


def test_rejections_that_end_a_trial_are_its_cause() -> None:
    """Every cell is invalid by E8: the first sentence still reports the rejections."""
    summary, trials = studied({"status 429": 0.75}, {"status 429": 0.6}, evidence={"errors_stop": "50%"})
    assert {cell.outcome for cell in summary.cells} == {Outcome.INVALID}
    shown = everywhere(summary, trials)
    first = "75 % of the requests were rejected with 429"
    assert shown["page"].startswith(f"{first} (1 server at 2,000 users); also rejected or failed: 60 % (2")
    assert f'message="{first}: more than 50 % of the requests failed for 10 s' in shown["junit"]
    assert summary.cells[0].next_step.startswith("raise or remove the limit that rejects them")


def test_a_topology_that_rejects_is_carried_by_one_that_does_not() -> None:
    summary, _ = studied({"status 429": 0.75}, {"status 429": 0.02}, evidence={"errors_stop": "50%"})
    (gain,) = summary.gains
    assert gain.kind == GainKind.ONLY_LARGER
    assert gain.reason == "with 1 server 75 % of the requests were rejected with 429, 2 servers served the load"
    summary, _ = studied({"status 429": 0.75}, {"status 429": 0.4}, evidence={"errors_stop": "50%"})
    assert summary.gains[0].kind == GainKind.NONE, "two servers that reject 40 % sustain no load"


def test_rejections_that_the_grid_counts_as_successes_make_no_gain_either() -> None:
    request = {"path": "/", "expect_status": [200, 429]}
    summary, trials = studied({"status 429": 0.75}, {"status 429": 0.5}, counted=True, request=request)
    assert summary.gains[0].ratio is None
    assert everywhere(summary, trials)["page"].startswith(
        "75 % of the requests were rejected with 429, which request.expect_status counts as a success"
    )


def test_failures_with_a_known_bottleneck_come_first_and_keep_their_gain() -> None:
    """Timeouts of servers that are saturated: a gain is theirs all the same."""
    summary, _ = studied({"timeout": 0.3}, {"timeout": 0.3})
    assert all(cell.reason.startswith("30 % of the requests timed out; ") for cell in summary.cells)
    assert summary.gains[0].kind != GainKind.NONE


def test_a_generator_that_names_no_kinds_has_them_from_the_balancer() -> None:
    written = grid(factors={"servers": [1], "vusers": [2000]}, evidence={"errors_stop": "100%"})
    data = rejecting(1, 1, {"status 429": 0.75}, written)
    record = data.record
    assert record.counters
    unnamed = record.counters.generator.model_copy(update={"errors": {"failed": 100}})
    bent = record.model_copy(update={"counters": record.counters.model_copy(update={"generator": unnamed})})
    judged: TrialRecord = assess(replace(data, record=bent), written)
    assert judged.bottleneck
    assert judged.bottleneck.reason.startswith("75 % of the requests were rejected with 429; ")


def test_failures_that_the_balancer_does_not_log_are_not_those_that_it_logs() -> None:
    """Incomplete bodies have an expected status in the balancer's log."""
    written = grid(factors={"servers": [1], "vusers": [2000]}, evidence={"errors_stop": "100%"})
    data = rejecting(1, 1, {"status 429": 0.75}, written)
    record = data.record
    assert record.counters
    logged = record.counters.balancer.statuses["429"]
    unnamed = record.counters.generator.model_copy(update={"errors": {"failed": 3 * logged}})
    bent = record.model_copy(update={"counters": record.counters.model_copy(update={"generator": unnamed})})
    judged: TrialRecord = assess(replace(data, record=bent), written)
    assert judged.bottleneck
    words = "75 % of the requests failed (50 % failed, 25 % were rejected with 429); "
    assert judged.bottleneck.reason.startswith(words), judged.bottleneck.reason


def test_incomplete_bodies_keep_their_kind_next_to_failures_without_one() -> None:
    """nGrinder counts incomplete bodies, and all other failures together; the balancer's log divides these."""
    written = grid(factors={"servers": [1], "vusers": [2000]}, evidence={"errors_stop": "100%"})
    data = rejecting(1, 1, {"status 429": 0.75}, written)
    record = data.record
    assert record.counters
    logged = record.counters.balancer.statuses["429"]
    errors = {"failed": 2 * logged, "incomplete": logged}
    counted = record.counters.generator.model_copy(update={"errors": errors})
    bent = record.model_copy(update={"counters": record.counters.model_copy(update={"generator": counted})})
    judged: TrialRecord = assess(replace(data, record=bent), written)
    assert judged.bottleneck
    kinds = "25 % failed, 25 % had an incomplete response, 25 % were rejected with 429"
    assert judged.bottleneck.reason.startswith(f"75 % of the requests failed ({kinds}); "), judged.bottleneck.reason


def test_a_few_failures_change_nothing() -> None:
    summary, _ = studied({"status 429": 0.05}, {"status 500": 0.05})
    assert not any(cell.failing for cell in summary.cells)
