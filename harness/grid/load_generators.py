"""The traffic engines there are, and what each declares; their clients stand in harness/traffic/registry.py. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.words import short


@dataclass(frozen=True)
class LoadGeneratorKind:
    """One traffic engine.

    `name` stands in grids, and with the engine's version in study.json's environment. `roles` deploy it; a change of
    their variables, which begin with `prefix`, is applied by `tags`, and what died is started again by `repair`.
    `open_loads` tells whether it can send requests at a rate, whatever becomes of those before.
    """

    name: str
    shown: str  # as people write it
    counts: str  # what it does not count itself and where latencies come from, for the report
    roles: tuple[str, ...]
    prefix: str
    tags: tuple[str, ...]
    repair: tuple[str, ...]
    open_loads: bool = False
    lead_s: float = 0.0  # from the order of a load to its second 0
    variables: tuple[str, ...] = ()  # that its roles need and have no default for


LOAD_GENERATORS = (
    LoadGeneratorKind(
        name="locust",
        shown="Locust",
        counts="latencies from merged HDR histograms",
        roles=("locust",),
        prefix="locust_",
        tags=("locust",),
        repair=("locust",),
        open_loads=True,
    ),
    LoadGeneratorKind(
        name="ngrinder",
        shown="nGrinder",
        counts=(
            "it keeps no percentiles and no requests in flight: both come from the balancer's log, to the millisecond"
        ),
        roles=("ngrinder_controller", "ngrinder_agent"),
        prefix="ngrinder_",
        tags=("jdk_verify", "ngrinder_controller", "ngrinder_agent"),
        lead_s=15.0,
        # Both units again, the agents joined and approved; nothing is installed.
        repair=("ngrinder_controller_service", "ngrinder_agent_service", "ngrinder_agent_join"),
        variables=("ngrinder_version", "ngrinder_war_url", "ngrinder_war_file", "ngrinder_war_sha256"),
    ),
)
BY_NAME = {kind.name: kind for kind in LOAD_GENERATORS}


def known(name: object) -> str:
    """An engine's name; raises ValueError with those that there are."""
    if not isinstance(name, str) or name not in BY_NAME:
        raise ValueError(f"got {short(name)}; allowed: {' or '.join(repr(each) for each in BY_NAME)}")
    return name
