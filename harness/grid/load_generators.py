"""The supported load generators and their properties; harness/traffic/registry.py has their clients. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.words import short


@dataclass(frozen=True, kw_only=True)
class LoadGeneratorKind:
    """One load generator.

    `name` is its name in grids, and in study.json's environment, with its version. `roles` deploy it, `tags` apply a
    change of their variables, which begin with `prefix`, and `repair` restarts dead processes. `open_loads` is true if
    it can generate an open load, `verifies_tls` if it can verify certificates, `counts_kinds` if it counts failures by
    kind.
    """

    name: str
    shown: str  # its name in texts
    counts: str  # for the report: the source of latencies, and values that it does not count
    roles: tuple[str, ...]
    prefix: str
    tags: tuple[str, ...]
    repair: tuple[str, ...]
    open_loads: bool = False
    verifies_tls: bool = False
    counts_kinds: bool = False
    lead_s: float = 0.0  # from the start of a load to its second 0
    variables: tuple[str, ...] = ()  # required variables of its roles without a default


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
        verifies_tls=True,
        counts_kinds=True,
    ),
    LoadGeneratorKind(
        name="ngrinder",
        shown="nGrinder",
        counts=(
            "it keeps no figures by request, no percentiles and no requests in flight: the last two come from the "
            "balancer's log, to the millisecond"
        ),
        roles=("ngrinder_controller", "ngrinder_agent"),
        prefix="ngrinder_",
        tags=("jdk_verify", "ngrinder_controller", "ngrinder_agent"),
        lead_s=15.0,
        # Restarts both units, joins and approves the agents; installs nothing.
        repair=("ngrinder_controller_service", "ngrinder_agent_service", "ngrinder_agent_join"),
        variables=("ngrinder_version", "ngrinder_war_url", "ngrinder_war_file", "ngrinder_war_sha256"),
    ),
)
BY_NAME = {kind.name: kind for kind in LOAD_GENERATORS}


def known(name: object) -> str:
    """Return the name of a load generator; raises ValueError for an unknown one."""
    if not isinstance(name, str) or name not in BY_NAME:
        raise ValueError(f"got {short(name)}. Allowed: {' or '.join(repr(each) for each in BY_NAME)}")
    return name
