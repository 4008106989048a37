"""`study.py check`: recompute every figure of a study from its raw files, and compare (all rules).

The raw files of a trial are its series (samples.csv, hosts.csv, machines.csv, balancer.csv, latency.hgrm,
failures.hgrm) and the counters and conditions in its trial.json. All other figures follow from these and the grid.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from harness.errors import BadInput
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.judge.rules import RULES
from harness.records.directory import StudyDirectory
from harness.records.part import as_json
from harness.records.stored import text_of
from harness.records.study import StudyRecord
from harness.records.trial import Outcome, TrialData, TrialRecord
from harness.records.trial_path import TrialPath
from harness.study import recheck_plan, recheck_traffic
from harness.study.identity import identify
from harness.study.summaries import csv_files
from harness.summarise.search.search import state_of
from harness.summarise.summary import Summary, summarise_records
from harness.words import short

MAX_VALUE_LENGTH = 160
THOUSANDS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")  # JSON has a space after each of its own commas
SENTENCE = "_sentence"  # the end of the keys of sentences, which make a text again in another language


@dataclass(frozen=True)
class CheckResult:
    """One comparison: whether it passed, its rule, its result, and the file that was read."""

    ok: bool
    rule: str
    text: str
    file: str


def check(directory: StudyDirectory) -> list[CheckResult]:
    """Run every comparison; raises BadInput when the directory has no study."""
    study = directory.need_study()
    grid = study.scaled_grid
    results = [*_identity(directory, study), *_placement(directory, study, grid)]
    trials, unreadable = _read_trials(directory)
    results.append(_result("files", unreadable, f"{len(trials)} trials are readable", "trials/*/*"))
    measured = {where: data for where, data in trials.items() if data.record.context}
    judged, failed = _judge_again(measured, grid)
    results.append(_result("raw", failed, f"{len(judged)} trials can be judged again", "trials/*/*/trial.json"))
    results += _not_measured(trials)
    results += _trials({where: _comparable(measured[where].record, record) for where, record in judged.items()})
    results.append(_balancer_counts(measured))
    records = judged | {where: data.record for where, data in trials.items() if where not in measured}
    current = {where: record for where, record in records.items() if TrialPath.parse(where).is_current}
    histograms = (lambda where: trials[where].latencies), (lambda where: trials[where].failures)
    by_request = {
        where: {**data.request_histograms, None: data.transaction_histograms} for where, data in trials.items()
    }
    summary = summarise_records(grid, current, *histograms, by_request=lambda where: by_request[where])
    results += _grade(study, summary)
    results += _tables(directory, summary)
    wrong = recheck_plan.order_and_stopping(study, grid, current)
    results.append(_result("E16", wrong, "order and stopping follow from seed and rule", "study.json"))
    wrong = recheck_plan.server_order(study, current)
    results.append(_result("E15", wrong, "servers take part as planned", "study.json, trials/*/*/trial.json"))
    wrong = recheck_traffic.same_traffic(current)
    if any(record.sent for record in current.values()):
        good = "all topologies were sent the same traffic in each block"
        results.append(_result("E25", wrong, good, "trials/*/*/trial.json"))
    wrong = recheck_plan.predicted_idle_cells(study, current, trials)
    results.append(_result("E16", wrong, "predicted-idle cells follow from their prediction", "study.json"))
    return results


def _result(rule: str, wrong: list[str], good: str, file: str) -> CheckResult:
    """Return a result that shows the first difference, or `good` without any."""
    if not wrong:
        return CheckResult(True, rule, good, file)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return CheckResult(False, rule, wrong[0] + more, file)


def _read_trials(directory: StudyDirectory) -> tuple[dict[str, TrialData], list[str]]:
    """Read all trials, repeated attempts included; return them and the errors."""
    trials: dict[str, TrialData] = {}
    errors = []
    for where in directory.trials(attempts=True):
        try:
            trials[where] = directory.trial(where)
        except BadInput as error:
            errors.append(f"{where}: {error}")
    return trials, errors


def _judge_again(measured: Mapping[str, TrialData], grid: Grid) -> tuple[dict[str, TrialRecord], list[str]]:
    """Judge the trials again from their raw data; return the records and the errors."""
    judged: dict[str, TrialRecord] = {}
    errors = []
    for where, data in measured.items():
        try:
            judged[where] = assess(data, grid)
        except (ArithmeticError, AttributeError, LookupError, TypeError, ValueError) as error:
            errors.append(f"{where}: cannot be judged again: {error!r}")
    return judged, errors


def _identity(directory: StudyDirectory, study: StudyRecord) -> Iterator[CheckResult]:
    """Compare the directory's name, the seed and the trials' digests with study.json."""
    named = directory.path.name.rpartition("-")[2]
    grid = study.nominal_grid
    wrong = []
    if named != (computed := identify(grid, study.configuration)):
        wrong.append(f"the configuration has the hash {computed}, the directory's name has {named}")
    if study.name != grid.name:
        wrong.append(f"the name is {short(study.name)}, the grid has {grid.name!r}")
    if grid.seed not in (None, study.seed):
        wrong.append(f"the seed of the order is {study.seed}, the grid sets {grid.seed}")
    yield _result("grid", wrong, "grid and role variables are those of the study's start", "study.json")
    recorded, found = study.digests, directory.trials()
    wrong = [f"{where} is recorded but missing" for where in recorded if where not in found]
    wrong += [f"{where} exists but is not recorded" for where in found if where not in recorded]
    wrong += [f"{where}: its files have changed since they were recorded" for where in directory.changed()]
    yield _result("digest", wrong, f"{len(found)} trials are unchanged", "study.json, trials/*/*")


def _placement(directory: StudyDirectory, study: StudyRecord, grid: Grid) -> Iterator[CheckResult]:
    """Check that every trial has the folder and the position that the plan gives it (rule E15)."""
    found, planned = directory.trials(), study.plan
    state = state_of(grid, found)
    cells = {cell.slug: cell.by_name for cell in [*state.cells, *(probe.cell for probe in state.probes)]}
    wrong = []
    for where, record in found.items():
        path = TrialPath.parse(where)
        own = TrialPath(cell=path.cell, repeat=record.repeat, control=record.control, probe=record.probe or 1)
        if cells.get(path.cell) != record.cell or path != own:
            wrong.append(f"{where} holds repeat {record.repeat} of {record.cell}")
    wrong += [f"{where} is not in the plan" for where in found if where not in planned]
    positions = [planned.index(where) + 1 for where in found if where in planned]
    if sorted(record.block_position for where, record in found.items() if where in planned) != sorted(positions):
        wrong.append("the positions of the trials are not those of the plan")
    ids = [record.id for record in found.values() if record.id]
    wrong += [f"two trials have the id {name}" for name in {name for name in ids if ids.count(name) > 1}]
    yield _result("E15", wrong, "every trial is where the plan has it", "study.json, trials/*/*/trial.json")


def _not_measured(trials: Mapping[str, TrialData]) -> Iterator[CheckResult]:
    """Check that trials without raw data have failed, so that they count nowhere."""
    bare = {where: data.record for where, data in trials.items() if not data.record.context}
    wrong = [
        f"{where}: outcome {record.outcome}, but the trial has no raw data"
        for where, record in bare.items()
        if record.outcome != Outcome.FAILED
    ]
    if bare:
        good = f"{len(bare)} trials could not be run and do not count"
        yield _result("raw", wrong, good, "trials/*/*/trial.json")


def _comparable(recorded: TrialRecord, judged: TrialRecord) -> tuple[TrialRecord, TrialRecord]:
    """Return both, without figures of the bottleneck that an earlier version did not record."""
    if recorded.bottleneck is None or judged.bottleneck is None:
        return recorded, judged
    figures = {name: value for name, value in judged.bottleneck.figures.items() if name in recorded.bottleneck.figures}
    return recorded, judged.model_copy(update={"bottleneck": judged.bottleneck.model_copy(update={"figures": figures})})


def _trials(pairs: Mapping[str, tuple[TrialRecord, TrialRecord]]) -> Iterator[CheckResult]:
    """Compare each recorded trial with the one judged again: figure by figure, then rule by rule."""

    def compare(rule: str, name: str, of: Callable[[TrialRecord], object], file: str) -> CheckResult:
        wrong = [
            f"{where}/trial.json: {name} is {_short(of(recorded))}, the raw data give {_short(of(judged))}"
            for where, (recorded, judged) in pairs.items()
            if not _same(_plain(of(recorded)), _plain(of(judged)))
        ]
        return _result(rule, wrong, f"{name} of {len(pairs)} trials", f"trials/*/*/{file}")

    yield compare("E1", "tps_mean", lambda r: r.tps_mean, "samples.csv")
    yield compare("E2", "tps_peak", lambda r: r.tps_peak, "samples.csv")
    yield compare("E4", "latency_ms", lambda r: r.latency_ms, "latency.hgrm")
    yield compare("E4", "latency_with_failures_ms", lambda r: r.latency_with_failures_ms, "latency.hgrm, failures.hgrm")
    yield compare("E4", "counts against the objectives", lambda r: r.objective_counts, "latency.hgrm, failures.hgrm")
    yield compare("E4", "requests by name", lambda r: r.requests, "latency.*.hgrm, failures.*.hgrm")
    yield compare("E4", "transactions", lambda r: r.transactions, "latency.*.hgrm, failures.*.hgrm")
    yield compare("E8", "error_rate", lambda r: r.error_rate, "samples.csv")
    yield compare("E10", "window", lambda r: r.window, "samples.csv")
    yield compare("E13", "load generator's counts", lambda r: r.counters and r.counters.generator, "samples.csv")
    yield compare("E5", "figures", lambda r: r.figures, "samples.csv, hosts.csv, machines.csv")
    yield compare("E24", "effect of the server failure", lambda r: r.failover, "samples.csv, balancer.csv")
    for rule in dict.fromkeys(rule.id for rule in RULES):

        def findings_of_rule(record: TrialRecord, rule: str = rule) -> list[str]:
            return [f"{f.severity}: {f.cause}" for f in record.findings if f.rule == rule]

        yield compare(rule, f"findings of {rule}", findings_of_rule, "*")
    yield compare("findings", "all findings", lambda r: r.findings, "*")
    yield compare("bottleneck", "bottleneck", lambda r: r.bottleneck, "*")
    yield compare("outcome", "outcome", lambda r: (r.outcome, r.cause), "*")


def _balancer_counts(measured: Mapping[str, TrialData]) -> CheckResult:
    """Compare the sum of balancer.csv with the balancer's counters (rule E13)."""
    wrong = []
    for where, data in measured.items():
        statuses: dict[str, int] = {}
        for row in data.balancer:
            statuses[row.status] = statuses.get(row.status, 0) + row.requests
        counted = data.record.counters.balancer.statuses if data.record.counters else {}
        if statuses != {status: count for status, count in counted.items() if count}:
            wrong.append(f"{where}: balancer.csv sums up to {statuses}, trial.json has {counted}")
    good = f"balancer.csv sums up to the balancer's counters in {len(measured)} trials"
    return _result("E13", wrong, good, "balancer.csv")


def _grade(study: StudyRecord, summary: Summary) -> Iterator[CheckResult]:
    """Compare the recorded grade of the evidence; studies of earlier versions have none."""
    recorded, found = study.evidence_grade, summary.evidence_grade
    if recorded is not None:
        wrong = [] if recorded == found else [f"the recorded grade is {recorded}, the trials give {found}"]
        yield _result("grade", wrong, f"the evidence has grade {recorded.letter}", "study.json")


def _tables(directory: StudyDirectory, summary: Summary) -> Iterator[CheckResult]:
    """Compare the tables next to the report, line by line (rules E15, E17, E18)."""
    rules = {"cells.csv": "E1", "requests.csv": "E25", "failover.csv": "E24"}
    for name, table in csv_files(summary).items():
        rule = rules.get(name, "E15")
        try:
            found = text_of(directory.path / name).splitlines()
        except FileNotFoundError:
            yield CheckResult(False, rule, f"{name} is missing. Fix: run 'study.py report'.", name)
            continue
        except BadInput as error:
            yield CheckResult(False, rule, str(error), name)
            continue
        rows = table.splitlines()
        wrong = [
            f"line {number}: {old!r}, the trials give {new!r}"
            for number, (old, new) in enumerate(zip(found, rows, strict=False), 1)
            if old != new
        ]
        if len(found) != len(rows):
            wrong.append(f"{len(found)} lines, the trials give {len(rows)}")
        yield _result(rule, wrong, f"{len(found) - 1} rows follow from the trials", name)


def _plain(value: object) -> object:
    """Return a value as JSON holds it, with nine digits: further digits depend on the order of a sum.

    Texts lose the separators between thousands, which records of earlier versions do not have.
    """
    written = THOUSANDS.sub("", json.dumps(value, default=as_json))
    return json.loads(written, parse_float=lambda digits: float(f"{float(digits):.9g}"))


def _same(recorded: object, judged: object) -> bool:
    """Whether two values in JSON are equal; records of earlier versions have texts without their sentences."""
    return recorded == judged or _texts_only(recorded, empty_only=True) in (
        _texts_only(judged, empty_only=True),
        _texts_only(judged),
    )


def _texts_only(value: object, *, empty_only: bool = False) -> object:
    """Return a value in JSON without its sentences; with `empty_only` sentences that are not empty stay."""
    if isinstance(value, list):
        return [_texts_only(each, empty_only=empty_only) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: _texts_only(each, empty_only=empty_only)
        for name, each in value.items()
        if not name.endswith(SENTENCE) or (empty_only and each)
    }


def _short(value: object) -> str:
    text = json.dumps(value, default=as_json, ensure_ascii=False)
    return text if len(text) <= MAX_VALUE_LENGTH else f"{text[: MAX_VALUE_LENGTH - 3]}..."
