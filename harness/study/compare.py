"""`study.py compare`: compare two studies by cells and capacities (rule E21). Pure except for reading.

A comparison lists first what differs in how the studies were measured, and what is not known of them.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.grid.load_generators import BY_NAME, LOAD_GENERATORS
from harness.language import joined, messages, tr
from harness.records.directory import StudyDirectory
from harness.records.environment import Environment
from harness.records.study import Configuration, StudyRecord
from harness.records.trial import TrialRecord
from harness.study import identity
from harness.summarise.cells.cell import CellSummary
from harness.summarise.comparison import capacities, machine_change, studies
from harness.summarise.comparison.capacities import CapacityRatio
from harness.summarise.comparison.studies import StudyRatio
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary, summarise_directory

# A difference in one of these makes throughputs incomparable, unless its effect is the question.
DECISIVE = messages(
    {
        "machine.cpu": "CPU model",
        "machine.cores": "number of cores",
        "machine.kernel": "kernel",
        "hosts": "hosts' machines",
        "docker": "Docker engine",
        "balancer": "balancer",
    }
)
IMAGES = messages("images")
PLATFORM = messages("a platform that the user runs")
OWN = messages("deployed by the study")
DECISIVE_GRID_KEYS = frozenset({"load", "request", "traffic", "load_generator", "evidence"})
IGNORED_GRID_KEYS = frozenset({"name", "factors", "repeats", "seed", "budget"})


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Result of a comparison: `ratios` are those of cells, `capacities` those of topologies.

    `reasons` are those against comparing the two studies, `differences` all others. `machine_speed` is the speed of
    the later machines relative to the earlier ones, `machine_speed_text` the same as a sentence. `recommendation` is
    how to separate the effect of a build from that of the machines.
    """

    before: str
    after: str
    reasons: list[str]
    differences: list[str]
    unknown: list[str]
    ratios: list[StudyRatio]
    capacities: list[CapacityRatio]
    only_one: list[str]
    machine_speed: Interval | None
    machine_speed_text: str
    recommendation: str


@dataclass(frozen=True)
class ComparedStudy:
    """A study with everything that a comparison needs."""

    name: str
    record: StudyRecord
    summary: Summary
    trials: list[TrialRecord]


def load(directory: StudyDirectory, name: str = "") -> ComparedStudy:
    """Read a study, named as its directory unless `name` is given; raises BadInput when there is none."""
    record = directory.need_study()
    summary = summarise_directory(directory)
    return ComparedStudy(name or directory.path.name, record, summary, list(directory.trials().values()))


def names(directories: Sequence[Path]) -> list[str]:
    """Return a name for each directory: the last folders of its path, as many as distinguish different directories."""
    paths = [Path(os.path.realpath(directory)) for directory in directories]  # resolve() raises for a loop of links
    longest = max(len(path.parts) for path in paths)
    for count in range(1, longest + 1):
        found = ["/".join(path.parts[-count:]) for path in paths]
        if len(set(found)) == len(set(paths)):
            break
    return found


def compare(first: ComparedStudy, later: ComparedStudy) -> Comparison:
    """Compare two studies."""
    environment_reasons, unknown = _environment(first.record.where, later.record.where)
    configuration_reasons, differences = _configuration(first.record, later.record)
    before, after = _by_levels(first), _by_levels(later)
    pairs = [(before[key], after[key]) for key in before if key in after]
    thresholds = later.summary.grid.evidence
    speed = machine_change.between(
        (first.trials, later.trials), (first.record.where, later.record.where), pairs, thresholds.interval_repeats
    )
    ratios = studies.ratios(pairs, speed, thresholds)
    topologies = capacities.pairs_of(first.summary.capacities, later.summary.capacities)
    if first.summary.grid.objectives != later.summary.grid.objectives:
        topologies = []  # capacities under other objectives
    only_one = [_only(cell, first) for key, cell in before.items() if key not in after]
    only_one += [_only(cell, later) for key, cell in after.items() if key not in before]
    machines = None if speed.speed is None else speed.speed.ratio()
    return Comparison(
        before=first.name,
        after=later.name,
        reasons=environment_reasons
        + configuration_reasons
        + ([] if ratios or topologies else [tr("the studies have no common cell")]),
        differences=differences,
        unknown=unknown,
        ratios=ratios,
        capacities=capacities.ratios(topologies, speed, thresholds),
        only_one=only_one,
        machine_speed=machines,
        machine_speed_text=_machines(machines, speed),
        recommendation=_recommendation(first.record, later.record),
    )


def _only(cell: CellSummary, study: ComparedStudy) -> str:
    return tr("{cell}: only in {study}", cell=cell.name, study=study.name)


def _by_levels(study: ComparedStudy) -> dict[tuple[tuple[str, Any], ...], CellSummary]:
    return {tuple(cell.cell.items()): cell for cell in study.summary.cells}


def _configuration(first: StudyRecord, later: StudyRecord) -> tuple[list[str], list[str]]:
    """Return differences that make the studies incomparable, and all other differences."""
    reasons, differences = [], []
    sides = [tr(PLATFORM if each.nominal_grid.platform else OWN) for each in (first, later)]
    if sides[0] != sides[1]:
        reasons.append(tr("balancer and servers: {before} → {after}", before=sides[0], after=sides[1]))
    if first.kind != later.kind:
        reasons.append(tr("kind of hosts: {before} → {after}", before=first.kind, after=later.kind))
    for difference in identity.differences(_with_defaults(first), _with_defaults(later)):
        if difference.grid_key in DECISIVE_GRID_KEYS or difference.key[0] == "files":
            reasons.append(str(difference.without_grid))
        elif difference.grid_key not in IGNORED_GRID_KEYS:
            differences.append(str(difference.without_grid))
    if first.factor != later.factor:
        reasons.append(
            tr(
                "time factor: {before:g} → {after:g}, so the rates cannot be compared",
                before=first.factor,
                after=later.factor,
            )
        )
    return reasons, differences


def _with_defaults(record: StudyRecord) -> Configuration:
    """Return the configuration with every key of a grid, so that a new default is no difference."""
    return record.configuration.model_copy(update={"grid": record.nominal_grid.model_dump(mode="json", by_alias=True)})


LOAD_LIMITED = messages(
    "the machines’ own speed changed by {change}, measured as the CPU time per request of {roles}, the same builds in "
    "both studies, in cells that are load-limited in both studies. The servers may follow this change or not: each "
    "conclusion is valid in both cases"
)
ALL_CELLS = messages(
    "the machines’ own speed changed by {change}, measured as the CPU time per request of {roles}, the same builds in "
    "both studies. The servers may follow this change or not: each conclusion is valid in both cases"
)


def _machines(ratio: Interval | None, found: machine_change.MachineChange) -> str:
    """Return what is known of the machines' own speed, as a sentence."""
    if ratio is None:
        return tr(
            "the machines’ own speed is not known: {reason}. A difference may come from the change, from the machines, "
            "or from both",
            reason=found.reason,
        )
    return tr(
        LOAD_LIMITED if found.load_limited else ALL_CELLS,
        change=studies.change(ratio),
        roles=tr(joined([tr(role) for role in found.roles])),
    )


def _recommendation(first: StudyRecord, later: StudyRecord) -> str:
    """Recommend to compare builds within one study, with the studies' own images where they are known."""
    if first.nominal_grid.platform or later.nominal_grid.platform:
        return tr("Two studies cannot exclude that the platform or the machines changed between them")
    images = [_image(record) for record in (first, later)]
    levels = ", ".join(images) if all(images) and images[0] != images[1] else "OLD, NEW"
    return tr(
        "Two studies cannot exclude that the machines changed between them. To compare builds, measure both in the "
        "blocks of one study: {factors}",
        factors=f"factors: {{ml_server_image: [{levels}]}}",
    )


def _image(record: StudyRecord) -> str:
    """Return the image of the first server with a known image; empty when none is known."""
    servers = (name for name, host in record.configuration.hosts.items() if host.get("group") == "ml_servers")
    return next((image for name in servers if (image := record.where.images.get(name))), "")


def _environment(old: Environment, new: Environment) -> tuple[list[str], list[str]]:
    """Return decisive differences of the environment, and what is not known of both environments."""
    reasons: list[str] = []
    unknown: list[str] = []
    old_values, new_values = (_decisive_values(environment) for environment in (old, new))
    for key, name in _decisive().items():
        before, after = old_values.get(key), new_values.get(key)
        if not before and not after:
            if key in ("machine.cpu", "balancer", "image_digests"):
                unknown.append(tr("{name}: not recorded in either study", name=name))
        elif not before or not after:
            once = tr("{name}: recorded in one study only ({value})", name=name, value=before or after)
            (reasons if key in BY_NAME else unknown).append(once)
        elif before != after:
            reasons.append(f"{name}: {before} → {after}")
    unknown.append(tr("other programs on these machines, their temperature and their neighbours: never recorded"))
    return reasons, unknown


def _decisive() -> dict[str, str]:
    """Return key → name of everything that makes throughputs incomparable, in the order of the reasons."""
    of_machines = {key: tr(name) for key, name in DECISIVE.items()}
    return {**of_machines, **{kind.name: kind.shown for kind in LOAD_GENERATORS}, "image_digests": tr(IMAGES)}


def _decisive_values(environment: Environment) -> dict[str, Any]:
    machine = None if environment.hosts else environment.machine
    hosts = {name: (m.cpu, m.cores, m.kernel) for name, m in environment.hosts.items()}
    levels = [digests for servers in environment.image_levels.values() for digests in servers.values()]
    images = [digests for digests in [*environment.image_digests.values(), *levels] if digests]
    return {
        **{f"machine.{key}": getattr(machine, key, None) for key in ("cpu", "cores", "kernel")},
        "hosts": hosts,
        "image_digests": sorted({digests[0][:19] for digests in images}),
        "docker": environment.docker,
        "balancer": environment.balancer_versions,
        **{name: environment.version_of(name) for name in BY_NAME},
    }
