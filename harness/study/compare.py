"""`study.py compare`: two or more studies, cell by cell (rule E21). Pure but for reading.

Comparable first: what differs between the studies besides what they are meant to show is listed
before any figure, and what cannot be told is said.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from harness.grid.load_generators import BY_NAME, LOAD_GENERATORS
from harness.records.directory import StudyDirectory
from harness.records.study import Configuration, Environment, StudyRecord
from harness.records.trial import TrialRecord
from harness.study import identity
from harness.study.measured import from_directory
from harness.summarise.comparison import machine_speed, studies
from harness.summarise.comparison.studies import Ratio
from harness.summarise.statistics.intervals import Interval
from harness.summarise.summary import Summary

# Differences in these make throughputs incomparable, unless somebody wants to see just their effect.
WEIGHTY = (
    ("machine.cpu", "CPU model"),
    ("machine.cores", "number of cores"),
    ("machine.kernel", "kernel"),
    ("hosts", "hosts' machines"),
    ("docker", "Docker engine"),
    ("nginx", "nginx"),
    *((kind.name, kind.shown) for kind in LOAD_GENERATORS),
    ("image_digests", "images"),
)


@dataclass(frozen=True)
class Comparison:
    """`reasons` say why the two should not be compared, `differences` what else is not the same.

    `machines` is by how many times the later machines were faster, `machines_said` the same in words; `properly` is
    how builds are told apart from days.
    """

    before: str
    after: str
    reasons: list[str]
    differences: list[str]
    unknown: list[str]
    ratios: list[Ratio]
    only_one: list[str]
    machines: Interval | None
    machines_said: str
    properly: str


@dataclass(frozen=True)
class Study:
    """A study as it is compared."""

    name: str
    said: StudyRecord
    summary: Summary
    trials: list[TrialRecord]


def load(directory: StudyDirectory) -> Study:
    """Read a study; raises BadInput when there is none."""
    return Study(
        directory.path.name, directory.need_study(), from_directory(directory), list(directory.trials().values())
    )


def compare(first: Study, later: Study) -> Comparison:
    """Everything that can be said of two studies."""
    reasons, unknown = _environment(first.said.where, later.said.where)
    if first.said.kind != later.said.kind:
        reasons.append(f"kind of hosts: {first.said.kind} → {later.said.kind}")
    differences = []
    for line in identity.differences(_written(first.said), _written(later.said)):
        what = line.partition(": ")[0]
        if what.startswith(("grid.load", "grid.request", "grid.load_generator", "grid.evidence")):
            reasons.append(line.removeprefix("grid."))
        elif not what.startswith(("grid.name", "grid.factors", "grid.repeats", "grid.seed", "grid.budget")):
            differences.append(line.removeprefix("grid."))
    speeds = [study.said.factor for study in (first, later)]
    if speeds[0] != speeds[1]:
        reasons.append(f"slow motion: {speeds[0]:g} → {speeds[1]:g} times slower, so their rates say nothing together")
    before = {tuple(cell.cell.items()): cell for cell in first.summary.cells}
    after = {tuple(cell.cell.items()): cell for cell in later.summary.cells}
    pairs = [(before[key], after[key]) for key in before if key in after]
    limits = later.summary.grid.evidence
    speed = machine_speed.between(
        (first.trials, later.trials), (first.said.where, later.said.where), pairs, limits.interval_repeats
    )
    ratios = studies.ratios(pairs, speed, limits)
    only = [f"{cell.name}: only in {first.name}" for key, cell in before.items() if key not in after]
    only += [f"{cell.name}: only in {later.name}" for key, cell in after.items() if key not in before]
    if not ratios:
        reasons.append("no cell is in both")
    machines = None if speed.speed is None else speed.speed.ratio()
    said = _machines(machines, speed)
    properly = _properly(first.said, later.said)
    return Comparison(first.name, later.name, reasons, differences, unknown, ratios, only, machines, said, properly)


def _written(said: StudyRecord) -> Configuration:
    """The configuration with every key that this version knows: a default that came later is no difference."""
    return said.configuration.model_copy(update={"grid": said.written_grid.model_dump(mode="json", by_alias=True)})


def _machines(ratio: Interval | None, found: machine_speed.Days) -> str:
    """What is known of the machines' own speed, in a sentence."""
    if ratio is None:
        return (
            f"the machines’ own speed is not known: {found.why}; a difference is that of what was changed and of the "
            "machines together"
        )
    of = " and ".join(found.roles)
    where = ", in cells where the load asked for no more either way" if found.at_users else ""
    return (
        f"the machines’ own speed changed by {studies.change(ratio)}, by the CPU time that a request cost {of}, which "
        f"ran the same builds in both{where}; nobody knows how far servers follow it: a word holds with and without it"
    )


def _properly(first: StudyRecord, later: StudyRecord) -> str:
    """How builds are told apart from days: in one study, with the studies' own images where they are known."""
    images = [_image(said) for said in (first, later)]
    levels = ", ".join(images) if all(images) and images[0] != images[1] else "OLD, NEW"
    return (
        "two studies can never rule out that the machines changed between them; to compare builds properly, measure "
        f"them in one study, in blocks that hold both: factors: {{ml_server_image: [{levels}]}}"
    )


def _image(said: StudyRecord) -> str:
    """The image of the first server; empty where none is told."""
    servers = (name for name, host in said.configuration.hosts.items() if host.get("group") == "ml_servers")
    return next((image for name in servers if (image := said.where.images.get(name))), "")


def _environment(old: Environment, new: Environment) -> tuple[list[str], list[str]]:
    """What weighs and differs; and what is not known of both."""
    reasons: list[str] = []
    unknown: list[str] = []
    flat_old, flat_new = (_grouped(environment) for environment in (old, new))
    for key, name in WEIGHTY:
        a, b = flat_old.get(key), flat_new.get(key)
        if not a and not b:
            if key in ("machine.cpu", "nginx", "image_digests"):
                unknown.append(f"{name}: neither study tells")
        elif not a or not b:
            (reasons if key in BY_NAME else unknown).append(f"{name}: only one study tells ({a or b})")
        elif a != b:
            reasons.append(f"{name}: {a} → {b}")
    unknown.append("what else ran on these machines, their temperature and their neighbours: no study can tell")
    return reasons, unknown


def _grouped(environment: Environment) -> dict[str, Any]:
    machine = None if environment.hosts else environment.machine
    hosts = {name: (m.cpu, m.cores, m.kernel) for name, m in environment.hosts.items()}
    levels = [ran for servers in environment.image_levels.values() for ran in servers.values()]
    return {
        **{f"machine.{key}": getattr(machine, key, None) for key in ("cpu", "cores", "kernel")},
        "hosts": hosts,
        "image_digests": sorted({ran[0][:19] for ran in [*environment.image_digests.values(), *levels] if ran}),
        "docker": environment.docker,
        "nginx": environment.nginx,
        **{name: environment.version_of(name) for name in BY_NAME},
    }
