"""How a study was measured: facts for a repetition, and notes on reading the figures. Pure."""

from __future__ import annotations

import re

from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.schema import Grid
from harness.language import messages, tr
from harness.records.environment import Environment, Machine
from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.summarise.summary import Summary
from report import phrases
from report.sentences import environment as place
from report.sentences import order, scalability

DIGEST = 19  # letters of an image's digest


def facts(study: StudyRecord, summary: Summary, trials: dict[str, TrialData]) -> list[tuple[str, str]]:
    """Name and value of everything that a repetition needs, as far as it is known."""
    environment = study.where
    found = [
        (tr("Load"), _load(summary)),
        (
            tr("Order"),
            tr(
                "{study}; gains are paired by block{stopping}",
                study=order.sentence(study, _blocks(trials)),
                stopping=_stopping(study),
            ),
        ),
        (tr("Few blocks"), order.few_blocks(study)),
        (tr("Load generator"), _load_generator(environment, summary.grid)),
        (tr("Balancer"), environment.balancer_versions),
        (tr("Machine"), "" if environment.hosts else _machine(environment.machine)),
        (tr("Hosts"), _hosts(environment.hosts)),
        (tr("Versions"), _versions(environment)),
        (tr("Images"), _images(environment)),
        (tr("Kernel"), _kernel(environment.kernel_settings)),
        (tr("Lab"), place.lab(study)),
        (tr("Search"), "; ".join(found.sentence for found in summary.searches)),
        (tr("Scalability"), scalability.sentence(summary)),
        (tr("Program"), environment.git),
        (tr("Time"), _time(study, trials)),
    ]
    return [(name, value) for name, value in found if value]


def notes(summary: Summary) -> list[str]:
    """How to read the figures."""
    limits = summary.grid.evidence
    moderated = tr(
        "With fewer than {statement_repeats} blocks the interval of a gain also uses the noise of "
        "the other server-limited cells, with the weight of 1.5 degrees of freedom. In simulated "
        "studies with equal and unequal noise it covered the true value in 94 to 97 % of the cases "
        "(docs/explanation/statistics.md). The paired t interval is below the table of gains.",
        statement_repeats=limits.statement_repeats,
    )
    borrowed = any(gain.paired is not None and gain.ratio != gain.paired for gain in summary.gains)
    return [
        *([moderated] if borrowed else []),
        tr("Throughput counts successful requests: those with the expected status and a valid body."),
        tr(
            "A gain is exp(mean ln(larger / smaller)) over pairs of the same block. Its interval is that "
            "of a paired t on the logarithms. The unit is the repeat: the seconds of a trial depend on "
            "each other. Each interval covers 95 % on its own; simultaneous intervals (Bonferroni) are "
            "below the table of gains and in gains.csv."
        ),
        tr(
            "Peak TPS is the largest mean of {peak_seconds} consecutive seconds anywhere in a trial. A "
            "ratio of peaks is noisier than a ratio of means and is in the table for comparison only.",
            peak_seconds=limits.peak_seconds,
        ),
        tr(OPEN if summary.grid.is_open else CLOSED),
    ]


CLOSED = messages(
    "h is the residual of Little’s law: the share of users who neither wait nor think, (N − L − T) / N. T counts the "
    "users who think until their drawn wake-up time (X·Z where the load generator does not count them). A load "
    "generator that keeps up has an h near 0."
)
OPEN = messages(
    "late is the delay with which the latest 1 % of the requests were sent. A latency counts from the scheduled send "
    "time, which avoids coordinated omission, so this delay is part of it."
)


def _kernel(settings: dict[str, dict[str, str]]) -> str:
    """Settings that limit connections, by host; hosts with equal settings share a clause."""
    alike: dict[str, list[str]] = {}
    for host, values in settings.items():
        if values:
            alike.setdefault(", ".join(f"{name} {value}" for name, value in values.items()), []).append(host)
    return "; ".join(f"{', '.join(hosts)}: {values}" for values, hosts in alike.items())


def _blocks(trials: dict[str, TrialData]) -> int:
    return max((data.record.repeat for data in trials.values()), default=0)


def _stopping(study: StudyRecord) -> str:
    """The stopping rule of the study, and its decision."""
    rule = study.stopping
    if rule is not None and study.nominal_grid.gate is not None:
        decided = f": {rule.decision.why_text}" if rule.decision else ""
        return tr(
            "; from {min} to {max} blocks until the gate is decided{decided}",
            min=rule.min,
            max=rule.max,
            decided=decided,
        )
    if rule is None or rule.until is None:
        return ""
    until = tr(
        "; from {min} to {max} blocks until every watched gain is within ±{until:.0%}",
        min=rule.min,
        max=rule.max,
        until=rule.until,
    )
    return until + (f": {rule.decision.why_text}" if rule.decision and rule.decision.why else "")


def _load(summary: Summary) -> str:
    load = summary.grid.load
    if summary.grid.is_open:
        return _open_load(summary.grid)
    connections = (
        tr("one keep-alive connection per user") if load.keep_alive else tr("a new connection for every request")
    )
    thinks = tr("users of your Locust script, whose sleeps are the think times")
    if not summary.grid.has_script:
        pauses_s = summary.grid.cycle_think_s - load.think_time
        pauses = tr(", pauses between steps {pauses_s:g} s ± 50 % in all", pauses_s=pauses_s) if pauses_s else ""
        thinks = tr("think time {think_time:g} s ± 50 %{pauses}", think_time=load.think_time, pauses=pauses)
    return tr(
        "closed loop: {thinks}, ramp-up {ramp_up:g} s, trial {duration:g} s, timeout {timeout:g} s; "
        "steady window from {window_from_s:g} s to {duration:g} s; {connections}",
        thinks=thinks,
        ramp_up=load.ramp_up,
        duration=load.duration,
        timeout=load.timeout,
        window_from_s=summary.grid.window_from_s,
        connections=connections,
    )


def _open_load(grid: Grid) -> str:
    load = grid.load
    connections = tr("keep-alive connections") if load.keep_alive else tr("a new connection for every request")
    times = (
        tr("equally spaced times")
        if load.process == "constant"
        else tr("the times of a Poisson process, equal at equal rates")
    )
    slower = grid.time_factor
    scaled = "" if slower == 1 else tr("; rates as in the grid, sent {slower:g} times slower", slower=slower)
    return tr(
        "open loop: requests are sent on schedule at {times}, and latency counts from these times; "
        "ramp-up {ramp_up:g} s, trial {duration:g} s, timeout {timeout:g} s; steady window from "
        "{window_from_s:g} s to {duration:g} s; {connections}, at most {most_in_flight} requests in "
        "flight{scaled}",
        times=times,
        ramp_up=load.ramp_up,
        duration=load.duration,
        timeout=load.timeout,
        window_from_s=grid.window_from_s,
        connections=connections,
        most_in_flight=load.most_in_flight,
        scaled=scaled,
    )


def _load_generator(environment: Environment, grid: Grid) -> str:
    for kind in LOAD_GENERATORS:
        if version := environment.version_of(kind.name):
            model = tr("open") if grid.is_open else tr("closed")
            return tr(
                "{shown} {version}; {counts} ({model} model)",
                shown=kind.shown,
                version=version,
                counts=tr(kind.counts),
                model=model,
            ).replace("'", "’")
    return tr("one that this version does not know")


def _hosts(hosts: dict[str, Machine]) -> str:
    """Hosts by machine; equal machines share a clause."""
    alike: dict[str, list[str]] = {}
    for name, machine in hosts.items():
        alike.setdefault(tr("{machine}, Docker {docker}", machine=_machine(machine), docker=machine.docker), []).append(
            name
        )
    return "; ".join(f"{', '.join(names)}: {kind}" for kind, names in alike.items())


def _images(environment: Environment) -> str:
    """Each image once, with the beginning of its digest."""
    names, digests = environment.images, environment.image_digests
    shown = {}
    for host, name in names.items():
        ran = digests.get(host) or [""]
        shown[name] = f"{name} ({ran[0][:DIGEST]})" if name and ran[0] else name
    for name, servers in environment.image_levels.items():
        ran = next((ran for ran in servers.values() if ran), [""])
        shown[name] = f"{name} ({ran[0][:DIGEST]})"
    whole = re.compile(rf"(?<=sha256:[0-9a-f]{{{DIGEST - len('sha256:')}}})[0-9a-f]+")
    bases = "; ".join(
        tr("base: {image}", image=whole.sub("", base)) for base in sorted({*environment.base_images.values()})
    )
    listed = ", ".join(sorted(image for image in shown.values() if image))
    return f"{listed}; {bases}" if bases else listed


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return ""
    cores = phrases.count(machine.cores, "core")
    return f"{machine.cpu}, {cores}, {machine.memory_gb} GB, {machine.system} {machine.kernel}"


def _versions(environment: Environment) -> str:
    if not environment.python:
        return ""
    packages = [f"{name} {version}" for name, version in environment.packages.items()]
    return ", ".join(
        [*packages, tr("Docker {docker}", docker=environment.docker), tr("Python {python}", python=environment.python)]
    )


def _time(study: StudyRecord, trials: dict[str, TrialData]) -> str:
    if not study.runs:
        return ""
    took = phrases.duration(sum(run.duration_s for run in study.runs))
    between = sorted(d.record.overhead_s for d in trials.values() if d.record.overhead_s is not None)
    median = tr("; between two loads {between:.1f} s (median)", between=between[len(between) // 2]) if between else ""
    return tr(
        "{took} in {runs}{median}{cost}{moved}",
        took=took,
        runs=phrases.count(len(study.runs), "run"),
        median=median,
        cost=_cost(study),
        moved=_moved(study),
    )


def _moved(study: StudyRecord) -> str:
    """Hosts whose addresses changed between runs; empty for none."""
    found = [host for run in study.runs for host in run.moved]
    return (
        tr("; new addresses since the run before, perhaps other machines: {listed}", listed=", ".join(found))
        if found
        else ""
    )


def _cost(study: StudyRecord) -> str:
    """The cost of rented hosts by the inventory's prices; empty where one has no price."""
    prices = [host.usd_per_hour for host in study.rented.values() if host.usd_per_hour is not None]
    if study.kind != "hosts" or not prices or len(prices) < len(study.rented):
        return ""
    hours = sum(run.duration_s for run in study.runs) / 3600
    return tr("; {prices:.2f} USD at the inventory’s prices", prices=sum(prices) * hours)
