"""`study.py check`: recompute everything a study says from its raw files, and compare (all rules).

Raw are a trial's series (samples.csv, hosts.csv, machines.csv, balancer.csv, latency.hgrm, failures.hgrm) and, in its
trial.json, the counters and the context that were read. Everything else follows from these and the grid.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from harness.errors import BadInput
from harness.grid.schema import Grid
from harness.judge.assess import assess
from harness.judge.rules import RULES
from harness.records.directory import StudyDirectory
from harness.records.findings import Kind
from harness.records.part import as_json
from harness.records.stored import text_of
from harness.records.study import StudyRecord
from harness.records.trial import Figures, Outcome, TrialData, TrialRecord
from harness.study import recheck_plan
from harness.study.identity import identify, names_of
from harness.summarise import tables
from harness.summarise.search import search
from harness.summarise.summary import Summary, summarise_records


@dataclass(frozen=True)
class Line:
    """One thing that was compared, what was found, and the file that was read."""

    ok: bool
    rule: str
    text: str
    file: str


def check(directory: StudyDirectory) -> list[Line]:
    """Every comparison, in the order of the rules; raises BadInput when there is no study at all."""
    study = directory.need_study()
    grid = study.grid
    trials: dict[str, TrialData] = {}
    lines: list[Line] = [*_identity(directory, study, grid)]
    unreadable = []
    for where in directory.trials(attempts=True):
        try:
            trials[where] = directory.trial(where)
        except BadInput as error:
            unreadable.append(f"{where}: {error}")
    lines.append(_line("files", unreadable, f"{len(trials)} trials can be read", "trials/*/*"))
    measured = {where: data for where, data in trials.items() if data.record.context}
    again: dict[str, TrialRecord] = {}
    broken = []
    for where, data in measured.items():
        try:
            again[where] = assess(data, grid)
        except (KeyError, TypeError, ValueError, ArithmeticError) as error:
            broken.append(f"{where}: cannot be judged again: {error!r}")
    lines.append(_line("raw", broken, f"{len(again)} trials can be judged again", "trials/*/*/trial.json"))
    lines += _unmeasured(trials)
    lines += _trials({where: (measured[where].record, record) for where, record in again.items()})
    lines += _balancer(measured)
    current = {where: record for where, record in again.items() if "-attempt" not in where}
    current |= {w: d.record for w, d in trials.items() if w not in measured and "-attempt" not in w}
    histograms = (lambda where: trials[where].latencies), (lambda where: trials[where].failures)
    summary = summarise_records(grid, current, *histograms)
    lines += _tables(directory, summary)
    wrong = recheck_plan.order_and_stopping(study, grid, current)
    lines.append(_line("E16", wrong, "order and stopping follow from the seed and the rule", "study.json"))
    wrong = recheck_plan.few_blocks(study, current, trials)
    lines.append(
        _line("E16", wrong, "cells with few blocks are those that were predicted to say nothing", "study.json")
    )
    return lines


def _line(rule: str, wrong: list[str], good: str, file: str) -> Line:
    if not wrong:
        return Line(True, rule, good, file)
    more = f" (and {len(wrong) - 1} more)" if len(wrong) > 1 else ""
    return Line(False, rule, wrong[0] + more, file)


def _identity(directory: StudyDirectory, study: StudyRecord, grid: Grid) -> Iterator[Line]:
    """Is this the study it says it is, and are its trials those it recorded, each where it belongs?"""
    named = directory.path.name.rpartition("-")[2]
    written = study.written_grid
    wrong = []
    if named not in names_of(written, study.configuration):
        hashed = identify(written, study.configuration)
        wrong.append(f"the configuration's hash is {hashed}, the directory says {named}")
    if written.seed not in (None, study.seed):
        wrong.append(f"the order's seed is {study.seed}, the grid asks for {written.seed}")
    yield _line("grid", wrong, "grid and role variables are those the study began with", "study.json")
    kept = study.digests
    there = directory.trials()
    wrong = [f"{where} is recorded but not there" for where in kept if where not in there]
    wrong += [f"{where} is there but was never recorded" for where in there if where not in kept]
    wrong += [
        f"{where}: its files are not as they were recorded"
        for where in there
        if where in kept and directory.digest_of(where) != kept[where]
    ]
    yield _line("digest", wrong, f"{len(there)} trials are as they were recorded", "study.json, trials/*/*")
    cells = {cell.slug: cell.by_name for cell in search.cells(grid, there)}
    if grid.search is not None:
        cells |= {cell.slug: cell.by_name for cell in search.planned(grid, there)[0]}
    wrong = []
    for where, record in there.items():
        slug, _, name = where.partition("/")
        if cells.get(slug) != record.cell or name != f"r{record.repeat}{'-control' if record.control else ''}":
            wrong.append(f"{where} holds repeat {record.repeat} of {record.cell}")
    planned = study.plan
    wrong += [f"{where} is not in the plan" for where in there if where not in planned]
    positions = [planned.index(where) + 1 for where in there if where in planned]
    if sorted(r.block_position for w, r in there.items() if w in planned) != sorted(positions):
        wrong.append("the trials' places in the order are not those of the plan")
    ids = [record.id for record in there.values() if record.id]
    wrong += [f"two trials have the id {name}" for name in {name for name in ids if ids.count(name) > 1}]
    yield _line("E15", wrong, "every trial is where the plan has it", "study.json, trials/*/*/trial.json")


def _unmeasured(trials: Mapping[str, TrialData]) -> Iterator[Line]:
    """Trials without a context could not be carried out, so they must not say that they count."""
    bare = {where: data.record for where, data in trials.items() if not data.record.context}
    wrong = [
        f"{where}: outcome {record.outcome}, but nothing was measured"
        for where, record in bare.items()
        if record.outcome != Outcome.FAILED
    ]
    if bare:
        yield _line(
            "raw", wrong, f"{len(bare)} trials could not be carried out and do not count", "trials/*/*/trial.json"
        )


def _trials(pairs: Mapping[str, tuple[TrialRecord, TrialRecord]]) -> Iterator[Line]:
    """Figure by figure, then rule by rule: what trial.json says against what its raw data give."""

    def compare(rule: str, what: str, of: Callable[[TrialRecord], object], file: str) -> Line:
        wrong = [
            f"{where}/trial.json: {what} is {_short(of(said))}, the raw data give {_short(of(found))}"
            for where, (said, found) in pairs.items()
            if _plain(of(said)) != _plain(of(found))
        ]
        return _line(rule, wrong, f"{what} of {len(pairs)} trials", f"trials/*/*/{file}")

    yield compare("E1", "tps_mean", lambda r: r.tps_mean, "samples.csv")
    yield compare("E2", "tps_peak", lambda r: r.tps_peak, "samples.csv")
    yield compare("E4", "latency_ms", lambda r: r.latency_ms, "latency.hgrm")
    # A figure that an earlier version did not keep is no difference.
    pairs = {
        w: (
            a,
            b
            if "latency_with_failures_ms" in a.model_fields_set
            else b.model_copy(update={"latency_with_failures_ms": {}}),
        )
        for w, (a, b) in pairs.items()
    }
    yield compare("E4", "latency_with_failures_ms", lambda r: r.latency_with_failures_ms, "latency.hgrm, failures.hgrm")
    pairs = {
        w: (a, b if "objective_counts" in a.model_fields_set else b.model_copy(update={"objective_counts": None}))
        for w, (a, b) in pairs.items()
    }
    yield compare("E4", "counts against the objectives", lambda r: r.objective_counts, "latency.hgrm, failures.hgrm")
    yield compare("E8", "error_rate", lambda r: r.error_rate, "samples.csv")
    yield compare("E10", "window", lambda r: r.window, "samples.csv")
    yield compare("E13", "the generator's counts", lambda r: r.counters and r.counters.generator, "samples.csv")
    pairs = {w: (a, b.model_copy(update={"figures": _as_kept(b.figures, a.figures)})) for w, (a, b) in pairs.items()}
    yield compare("E5", "figures", lambda r: r.figures, "samples.csv, hosts.csv, machines.csv")
    yield compare("E24", "what losses cost", lambda r: r.failover, "samples.csv, balancer.csv")
    for rule in dict.fromkeys(rule.id for rule in RULES):

        def found_by(record: TrialRecord, rule: str = rule) -> list[str]:
            return [f"{f.severity}: {f.cause}" for f in record.findings if f.rule == rule]

        yield compare(rule, f"findings of {rule}", found_by, "*")
    yield compare("findings", "all findings", _kept_of_findings, "*")
    yield compare("bottleneck", "bottleneck", lambda r: r.bottleneck, "*")
    yield compare("outcome", "outcome", lambda r: (r.outcome, r.cause), "*")


def _kept_of_findings(record: TrialRecord) -> list[dict[str, Any]]:
    """Findings without their kind, which earlier versions did not keep and which follows from the rest."""
    return [asdict(replace(finding, kind=Kind.OTHER)) for finding in record.findings]


def _as_kept(computed: Figures | None, kept: Figures | None) -> Figures | None:
    """The figures that a record has too."""
    if computed is None or kept is None:
        return computed
    return computed.model_copy(
        update={
            name: field.get_default(call_default_factory=True)
            for name, field in Figures.model_fields.items()
            if name not in kept.model_fields_set
        }
    )


def _balancer(measured: Mapping[str, TrialData]) -> Iterator[Line]:
    """E13: balancer.csv, second by second, adds up to the balancer's counters."""
    wrong = []
    for where, data in measured.items():
        statuses: dict[str, int] = {}
        for row in data.balancer:
            statuses[row.status] = statuses.get(row.status, 0) + row.requests
        said = data.record.counters.balancer.statuses if data.record.counters else {}
        if statuses != {status: count for status, count in said.items() if count}:
            wrong.append(f"{where}: balancer.csv adds up to {statuses}, trial.json says {said}")
    yield _line("E13", wrong, f"the balancer's seconds add up to its counts in {len(measured)} trials", "balancer.csv")


def _tables(directory: StudyDirectory, summary: Summary) -> Iterator[Line]:
    """E15, E17, E18: the tables beside the report, figure by figure."""
    from harness.records import frames  # pandas, which nothing else here needs

    written = [
        ("E1", "cells.csv", frames.cells_csv(tables.cells(summary))),
        ("E15", "gains.csv", frames.gains_csv(tables.gains(summary), summary.grid)),
    ]
    if summary.losses:
        written.append(("E24", "failover.csv", frames.failover_csv(tables.failover(summary))))
    if any(capacity.requests for capacity in summary.capacities):
        written.append(("E15", "capacity.csv", frames.capacity_csv(tables.capacity(summary), summary.grid)))
    for rule, name, wanted in written:
        try:
            said = text_of(directory.path / name).splitlines()
        except (FileNotFoundError, BadInput) as error:
            missing = f"there is no {name}; 'study.py report' writes it"
            yield Line(False, rule, str(error) if isinstance(error, BadInput) else missing, name)
            continue
        wrong = [
            f"line {number}: {old!r}, the trials give {new!r}"
            for number, (old, new) in enumerate(zip(said, wanted.splitlines(), strict=False), 1)
            if old != new
        ]
        if len(said) != len(wanted.splitlines()):
            wrong.append(f"{len(said)} lines, the trials give {len(wanted.splitlines())}")
        yield _line(rule, wrong, f"{len(said) - 1} rows follow from the trials", name)


def _plain(value: object) -> object:
    """As JSON holds it, with nine digits: the last ones are the order in which numbers were added."""
    return json.loads(json.dumps(value, default=as_json), parse_float=lambda digits: float(f"{float(digits):.9g}"))


def _short(value: object) -> str:
    text = json.dumps(value, default=as_json, ensure_ascii=False)
    return text if len(text) <= 160 else f"{text[:157]}..."
