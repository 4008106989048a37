"""Check that a grid of a platform that the user already runs needs no part that the study would deploy. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from harness.grid.load import BALANCER, LOAD_FACTORS
from harness.grid.load_generators import BY_NAME
from harness.grid.schema import Grid
from harness.grid.yamldata import Path_
from harness.words import short

SUPPORTED = "locust"  # nGrinder takes its counts of a second from the balancer's log
NOT_DEPLOYED = "with target.url the study deploys load generators only"


def problems(grid: Grid) -> Iterator[tuple[Path_, str]]:
    """Yield (path in the grid, message) for each key, factor and variable of balancers, servers and dependencies."""
    if grid.platform is None:
        return
    yield from _factors(grid)
    prefix = BY_NAME[SUPPORTED].prefix
    for name in grid.vars:
        if not name.startswith(prefix):
            yield (
                ("vars", name),
                f"vars: {short(name)}: {NOT_DEPLOYED}. Allowed: variables that begin with {prefix}. Fix: remove "
                "it, and set the property in the playbook of target.scale",
            )
    if grid.load_generator != SUPPORTED:
        shown = BY_NAME[grid.load_generator].shown
        yield (
            ("load_generator",),
            f"load_generator: {shown} needs the balancer's log, which target.url has not. "
            f"Fix: use load_generator: {SUPPORTED}",
        )
    for key, part in ((BALANCER, "balancer"), ("service", "service")):
        if key in grid.model_fields_set:
            yield (key,), f"{key}: {NOT_DEPLOYED}, and the platform has its own {part}. Fix: remove it"
    if grid.calibration:
        yield (
            ("calibration",),
            f"calibration: {NOT_DEPLOYED}, so no server has a known capacity. Fix: remove it, or "
            "use grids/calibration.yaml",
        )
    if grid.gate is not None:
        yield ("gate",), f"gate: {NOT_DEPLOYED}, so it cannot switch between builds. Fix: remove gate or target"


def _factors(grid: Grid) -> Iterator[tuple[Path_, str]]:
    allowed = f"Allowed: servers, and {' or '.join(LOAD_FACTORS)}"
    for name in grid.factors:
        if name in ("servers", *LOAD_FACTORS):
            continue
        if name == "fail_servers":
            why = "the study cannot kill servers of a platform"
        elif name == BALANCER:
            why = "the platform has its own balancer"
        else:
            why = NOT_DEPLOYED
        yield ("factors", name), f"factors: {short(name)}: {why}. {allowed}. Fix: remove it"
