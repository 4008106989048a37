"""How a study was measured, in words. Pure."""

from __future__ import annotations

from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.schema import Grid
from harness.records.study import Ceiling, Environment, Machine, StudyRecord
from harness.records.trial import TrialData
from harness.summarise.summary import Summary
from report import format as text
from report.sentences import order, scalability
from report.sentences.environment import lab
from report.tables import sections, validity


def facts(study: StudyRecord, summary: Summary, trials: dict[str, TrialData]) -> list[tuple[str, str]]:
    """What somebody needs to repeat it; what is not known is left out."""
    environment = study.where
    told = [
        ("Load", _load(summary)),
        (
            "Order",
            f"{order.told(study, _blocks(trials))}; gains are paired by block{_stopping(study)}",
        ),
        ("Few blocks", order.few_blocks(study)),
        ("Engine", _engine(environment, summary.grid)),
        ("Balancer", environment.nginx.replace("nginx version: ", "")),
        ("Machine", "" if environment.hosts else _machine(environment.machine)),
        ("Hosts", _hosts(environment.hosts)),
        ("Versions", _versions(environment)),
        ("Images", _images(environment)),
        ("Kernel", _kernel(environment.kernel_settings)),
        ("Lab", lab(study)),
        ("Search", "; ".join(found.sentence for found in summary.searches)),
        ("Scalability", scalability.told(summary)),
        ("Program", environment.git),
        ("Time", _time(study, trials)),
    ]
    return [(name, said) for name, said in told if said]


def evidence(study: StudyRecord, summary: Summary) -> list[tuple[str, str]]:
    """What the whole study's figures rest on, beside the rules for each trial."""
    told = [
        ("Ceiling:", _ceiling(study.ceiling)),
        ("Noise floor:", _noise(summary)),
        ("Machines’ own speed:", validity.speed_of(summary)),
        ("Instrument:", _instrument(study, summary)),
    ]
    return [(name, f"{said}.") for name, said in told if said]


def _kernel(settings: dict[str, dict[str, str]]) -> str:
    """Settings that bound connections, by host; equal ones are told once."""
    alike: dict[str, list[str]] = {}
    for host, said in settings.items():
        if said:
            alike.setdefault(", ".join(f"{name} {value}" for name, value in said.items()), []).append(host)
    return "; ".join(f"{', '.join(hosts)}: {what}" for what, hosts in alike.items())


def _blocks(trials: dict[str, TrialData]) -> int:
    return max((data.record.repeat for data in trials.values()), default=0)


def _stopping(study: StudyRecord) -> str:
    """The rule that was settled before the first trial, and what came of it."""
    rule = study.stopping
    if rule is None or rule.until is None:
        return ""
    said = f"; from {rule.min} to {rule.max} blocks until every watched gain is within ±{rule.until:.0%}"
    return said + (f": {rule.decision.why}" if rule.decision and rule.decision.why else "")


def _load(summary: Summary) -> str:
    load = summary.grid.load
    if summary.grid.is_open:
        return _open_load(summary.grid)
    connections = "one kept-alive connection a user" if load.keep_alive else "a new connection for every request"
    return (
        f"closed loop: think time {load.think_time:g} s ± 50 %, ramp-up {load.ramp_up:g} s, "
        f"trial {load.duration:g} s, timeout {load.timeout:g} s; steady window from {load.window_from_s:g} s "
        f"to {load.duration:g} s; {connections}"
    )


def _open_load(grid: Grid) -> str:
    load = grid.load
    connections = "kept-alive connections" if load.keep_alive else "a new connection for every request"
    drawn = "equally spaced" if load.process == "constant" else "of a Poisson process, at one rate the same for all"
    slower = grid.time_factor
    played = "" if slower == 1 else f"; rates as in the grid, played {slower:g} times lower"
    return (
        f"open load: requests leave at moments {drawn}, whatever becomes of those before, and latency counts from "
        f"these moments; ramp-up {load.ramp_up:g} s, trial {load.duration:g} s, timeout {load.timeout:g} s; steady "
        f"window from {load.window_from_s:g} s to {load.duration:g} s; {connections}, at most {load.most_in_flight} "
        f"requests in flight{played}"
    )


def _engine(environment: Environment, grid: Grid) -> str:
    for kind in LOAD_GENERATORS:
        if version := environment.version_of(kind.name):
            counts = kind.counts.replace("closed model", "open model") if grid.is_open else kind.counts
            return f"{kind.shown} {version}; {counts}".replace("'", "’")
    return "an engine that this version does not know"


def _hosts(hosts: dict[str, Machine]) -> str:
    """Machines by what they are; equal ones are named together."""
    alike: dict[str, list[str]] = {}
    for name, machine in hosts.items():
        alike.setdefault(f"{_machine(machine)}, Docker {machine.docker}", []).append(name)
    return "; ".join(f"{', '.join(names)}: {what}" for what, names in alike.items())


def _images(environment: Environment) -> str:
    """Each image once, with the beginning of the digest that ran."""
    names, digests = environment.images, environment.image_digests
    told = {}
    for host, name in names.items():
        ran = digests.get(host) or [""]
        told[name] = f"{name} ({ran[0][:19]})" if name and ran[0] else name
    for name, servers in environment.image_levels.items():
        ran = next((ran for ran in servers.values() if ran), [""])
        told[name] = f"{name} ({ran[0][:19]})"
    return ", ".join(sorted(said for said in told.values() if said))


def _machine(machine: Machine | None) -> str:
    if machine is None:
        return ""
    cores = text.count(machine.cores, "core")
    return f"{machine.cpu}, {cores}, {machine.memory_gb} GB, {machine.system} {machine.kernel}"


def _versions(environment: Environment) -> str:
    if not environment.python:
        return ""
    packages = [f"{name} {version}" for name, version in environment.packages.items()]
    return ", ".join([*packages, f"Docker {environment.docker}", f"Python {environment.python}"])


def _ceiling(found: Ceiling | None) -> str:
    if not found:
        return "the generator's ceiling was not measured"
    if not found.per_s:
        return f"the generator's ceiling is not known: {found.why}"
    tries = found.tries
    best = f"the best of {', '.join(map(text.rate, tries))}; " if len(tries) > 1 else ""
    return (
        f"generator and balancer alone reached {text.rate(found.per_s)} requests per second "
        f"({best}{found.users} users without think time, {text.moment(found.measured_at)})"
    )


def _noise(summary: Summary) -> str:
    """Rule E20: the spread of a trial, and the smallest gains that are mostly found."""
    if summary.noise is None:
        return ""
    told = f"a trial's throughput varies by {text.percent(summary.noise.spread, 1)} beside its block's drift"
    found = [(gain, _at_least(least)) for gain in summary.gains if (least := gain.minimum_detectable_gain) is not None]
    if found:
        each = sections.by_load(found) if len(found) <= sections.JOINT_SHOWN else "see gains.csv"
        told += f"; the smallest gain that 80 % of studies like this one would tell from none: {each}"
    if summary.between_share is not None:
        told += f"; {text.percent(summary.between_share)} of its variance lies between trials, the rest within them"
    if summary.control is not None:
        told += (
            f"; the same cell at the end of its block against the begin: {text.ratio(summary.control)} "
            f"{text.ratio_interval(summary.control)}"
        )
    return told


def _at_least(share: float) -> str:
    return text.percent(max(share, 0.001), 1)


def _instrument(study: StudyRecord, summary: Summary) -> str:
    own = summary.calibration
    if own and own.complete:
        return f"this study is the check of this site: {own.text_with_result}"
    found = study.calibration
    if not found:
        return "no instrument check of this site is known; grids/calibration.yaml makes one"
    said = f"{found.text}: {'PASS' if found.passed else 'FAIL'}"
    return f"last check of this site, {text.moment(found.measured_at)} ({found.study}): {said}"


def _time(study: StudyRecord, trials: dict[str, TrialData]) -> str:
    if not study.runs:
        return ""
    took = text.duration(sum(run.duration_s for run in study.runs))
    between = sorted(d.record.overhead_s for d in trials.values() if d.record.overhead_s is not None)
    median = f"; between two loads {between[len(between) // 2]:.1f} s (median)" if between else ""
    return f"{took} in {text.count(len(study.runs), 'run')}{median}{_cost(study)}{_moved(study)}"


def _moved(study: StudyRecord) -> str:
    """Whose addresses changed between runs; empty for nobody's."""
    found = [host for run in study.runs for host in run.moved]
    return (
        f"; hosts with other addresses than in the run before, perhaps other machines: {', '.join(found)}"
        if found
        else ""
    )


def _cost(study: StudyRecord) -> str:
    """What rented hosts cost for so long, by the inventory's prices; empty where one has none."""
    prices = [host.usd_per_hour for host in study.rented.values() if host.usd_per_hour is not None]
    if study.kind != "hosts" or not prices or len(prices) < len(study.rented):
        return ""
    hours = sum(run.duration_s for run in study.runs) / 3600
    return f"; {sum(prices) * hours:.2f} USD by the inventory’s prices"


def notes(summary: Summary) -> list[str]:
    """How to read the figures."""
    limits = summary.grid.evidence
    borrowed = any(g.paired is not None and g.ratio != g.paired for g in summary.gains)
    moderated = [
        f"With fewer than {limits.statement_repeats} blocks the interval of a gain also learns from the noise of the "
        "other cells limited by servers, with the weight of 1.5 degrees of freedom; in simulated studies with equal "
        "and unequal noise it held the truth in 94 to 97 % (docs/explanation/statistics.md). "
        "The paired t stands beside it."
    ]
    return [
        *(moderated if borrowed else []),
        "Throughput counts successful requests only: the expected status and a right body. Failed requests never do.",
        "A gain is exp(mean ln(larger / smaller)) over pairs of the same block; its interval is that of a paired t on "
        "the logs. Repeats are the unit, never seconds, which depend on each other. Each interval is 95 % by itself; "
        "those that hold together (Bonferroni) stand below the gains, and in gains.csv.",
        f"Peak TPS is the largest mean of {limits.peak_seconds} consecutive seconds anywhere in a trial; a ratio of "
        "peaks is noisier than a ratio of means and stands in the table for comparison only.",
        *([OPEN] if summary.grid.is_open else [CLOSED]),
    ]


CLOSED = (
    "h is the share of users who neither wait nor think, so are late: (N − L − T) / N, where T counts those who "
    "think until the wake-up that was drawn (X·Z where the engine does not count them). A generator that keeps up "
    "has an h near 0."
)
OPEN = (
    "late is by how much 1 % of the requests were sent after the moment at which they were due; a latency counts from "
    "that moment, so this wait at the generator is part of it."
)
