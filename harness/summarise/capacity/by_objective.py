"""The objectives of a load: the requests that each is about, and those of a trial that are over it. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from harness.grid.objectives import P95, Objectives
from harness.language import tr
from harness.records.trial import TrialRecord
from harness.summarise.capacity.counts import Count, Evidence, evidence, of_record, requests_needed


def names_of(records: Iterable[TrialRecord]) -> list[str]:
    """The names of the requests in these trials; empty for one plain request."""
    return sorted({name for record in records for name in record.requests})


def allowed_shares(objectives: Objectives, names: Iterable[str] = ()) -> dict[str, float]:
    """Objective → the share of requests that may be over, for the objectives of a load.

    An objective for p95 is `p95`, or `p95 NAME` for the requests of one name; `names` are those of all requests.
    """
    found = {} if objectives.p95_s is None else {"p95": P95}
    found |= {f"p95 {name}": P95 for name in objectives.p95_of_names(names)}
    return found if objectives.error_rate is None else {**found, "error_rate": objectives.error_rate}


def of_objective(count: Count, objective: str) -> Count:
    """The same trial with the requests that an objective is about: all of them, or those of one name.

    A trial that collapsed before the first of them has a single late one, as `of_record` has it.
    """
    _, _, name = objective.partition(" ")
    if not name:
        return count
    collapsed = (1, 1) if count.late == count.requests and not count.by_name else (0, 0)
    requests, late = count.by_name.get(name, collapsed)
    return replace(count, requests=requests, late=late)


def over(count: Count, objective: str) -> int:
    """The number of requests over this objective, of a trial with the requests that it is about."""
    return count.failed if objective == "error_rate" else count.late


def misses(count: Count, allowed: Mapping[str, float]) -> bool:
    """Whether a trial has more requests over any of these objectives than are allowed."""
    each = ((of_objective(count, name), name, share) for name, share in allowed.items())
    return any(over(of_it, name) > share * of_it.requests for of_it, name, share in each)


def sentence(probe: TrialRecord | None, allowed: Mapping[str, float]) -> str:
    """The evidence of a single trial for each objective, and the number of requests needed where they are too few."""
    count = of_record(probe, 0.0) if probe else None
    if count is None or probe is None or probe.collapsed:
        return ""
    clauses = []
    for name, share in allowed.items():
        of_it = of_objective(count, name)
        beyond = over(of_it, name)
        result = evidence(of_it.requests, beyond, share)
        few = result == Evidence.TOO_FEW and beyond <= share * of_it.requests
        needed = requests_needed(beyond, share) if few else None
        more = "" if needed is None else tr(", {needed} with no more over are enough", needed=needed)
        about = f"{name.removeprefix('p95 ')} " if name.startswith("p95 ") else ""
        state = tr("failed") if name == "error_rate" else tr("late")
        clauses.append(
            tr(
                "{beyond} of {requests} {about}requests {state}: {result}{more}",
                beyond=beyond,
                requests=of_it.requests,
                about=about,
                state=state,
                result=result,
                more=more,
            )
        )
    return "; ".join(clauses)
