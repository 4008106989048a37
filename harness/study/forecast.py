"""Describe what a study will measure, before it starts."""

from __future__ import annotations

from harness.grid import row_checks, server_type_checks
from harness.grid.cells import SearchedCells
from harness.judge import prediction
from harness.plan import predicted_idle
from harness.study import identity
from harness.study.config import StudyConfig
from harness.summarise.capacity import window
from harness.words import load_name, percent


def sentences(config: StudyConfig) -> list[str]:
    """Return the forecast: known limits of load and servers, special cells, and the number of blocks."""
    idle = predicted_idle.sentences(config.terms().predicted_idle, config.grid, config.nominal_think_s)
    hint = ["Set evidence: {predicted_idle: false} to measure every cell in every block"] if idle else []
    return [
        *foreign_masks(config),
        *load_bounds(config),
        *own_platform(config),
        *own_script(config),
        *without_linear_speedup(config),
        *row_checks.sentences(config.grid),
        *time_scaling(config),
        *server_failures(config),
        *idle,
        *hint,
        *number_of_blocks(config),
    ]


def load_bounds(config: StudyConfig) -> list[str]:
    """Compare what the load requests with what paced servers can serve; empty without pacing, and for a script.

    The load of a script is known only once its users have run.
    """
    known = config.scaled_rates
    if not known or config.grid.has_script:
        return []
    cells = config.grid.cells.known
    servers = sorted({cell.servers_level for cell in cells}, key=known.of)
    if config.grid.is_open:
        rates = [(cell.rate, config.grid.scaled_per_s(cell.rate)) for cell in cells]
        return prediction.of_rates(rates, servers, known)
    return prediction.sentences(
        sorted({cell.vusers for cell in cells}),
        servers,
        known,
        config.scaled_service_s,
        config.grid.think_per_request_s,
    )


def without_linear_speedup(config: StudyConfig) -> list[str]:
    """Name the single servers whose cells are missing: their sum is the linear speedup of several types."""
    return [
        f"{level} will have no linear speedup and no efficiency, because the grid has no cell of one server of type "
        f"{' and '.join(names)}. Add {', '.join(f'{{{name}: 1}}' for name in names)} to servers to measure it"
        for level, names in server_type_checks.missing_singles(config.grid).items()
    ]


def own_script(config: StudyConfig) -> list[str]:
    """Report what is known of your script before it runs: times, and with nGrinder a bound; empty without one."""
    grid, load = config.grid, config.grid.load
    if grid.traffic is None or (grid.traffic.script is None and not grid.has_script):
        return []
    script = grid.traffic.locustfile or grid.traffic.script
    times = f"each trial runs {script} for {load.duration:g} s, with a steady window from {grid.window_from_s:g} s on"
    if grid.has_script:
        return [f"{times}. Its requests, waits and rate are known only when it runs, so plan cannot name idle servers"]
    most = max((cell.vusers for cell in grid.cells.known), default=0)
    bound = (
        f"; {most:,} users send at most {most / load.think_time:,.0f} requests per second" if load.think_time else ""
    )
    return [f"{times}{bound}. Its requests are known only when it runs"]


def own_platform(config: StudyConfig) -> list[str]:
    """Report that a study runs the user's own playbook, and what it cannot observe; empty without a platform."""
    platform = config.grid.platform
    if platform is None:
        return []
    return [
        f"Before each topology the study runs {platform.scale}, a program of the grid's author, on this machine with "
        f"your rights and servers=N, and waits up to {platform.ready_timeout_s:g} s until {platform.url} answers",
        "The estimated duration has no time for this playbook. The platform's counters are not read, so the evidence "
        "will be of grade C",
    ]


def foreign_masks(config: StudyConfig) -> list[str]:
    """Warn that secrets cannot be compared when the recorded study was masked with another key."""
    study = config.directory.study()
    if study is None or not identity.is_foreign(study.configuration):
        return []
    return [
        "The secrets of this study were masked with the key of another machine, or with a key that is lost: "
        "the study cannot detect whether they have changed"
    ]


def time_scaling(config: StudyConfig) -> list[str]:
    """Report the factor of time scaling; empty when it is 1 or not known."""
    factor = config.time_factor or 1.0
    if factor == 1:
        return []
    return [f"Time scaling: durations are multiplied and rates divided by {factor:g}"]


def server_failures(config: StudyConfig) -> list[str]:
    """Report when servers are killed; empty when no cell has a server failure."""
    most = max(topology.fail_servers for topology in config.grid.cells.topologies)
    if not most:
        return []
    servers = "the last server is" if most == 1 else f"up to {most} of the last servers are"
    at_s = config.grid.fail_at_s
    return [
        f"Cells with a server failure: {servers} killed at second {at_s:g} of each trial and started again after it"
    ]


def number_of_blocks(config: StudyConfig) -> list[str]:
    """Report the rules that decide the number of trials when it is not fixed in advance."""
    found, repeats, cells = [], config.grid.repeats, config.grid.cells
    if isinstance(cells, SearchedCells):
        search = cells.search
        found.append(
            f"Searches the limit of each topology from {load_name({search.factor: search.least})} to "
            f"{load_name({search.factor: search.most})}; the first probe is a warm-up, and results decide the others"
        )
        short = window.too_short(config.grid)
        found += [short.sentence] if short else []
    if config.grid.gate is not None:
        found.append(
            f"Measures {repeats.min} blocks, then up to {repeats.max} until the gate is decided, for at most "
            f"{2 * repeats.max * config.grid.load.duration / 60:.0f} min of load"
        )
    elif not repeats.fixed:
        target = percent(repeats.target(config.inventory.kind))
        found.append(
            f"Measures {repeats.min} blocks, then up to {repeats.max} blocks of the watched cells until every watched "
            f"gain is within ±{target}"
        )
    return found
