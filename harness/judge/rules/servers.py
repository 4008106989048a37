"""Did the servers that should answer do so, evenly, and do all counters agree? Rules E12, E13 and E14."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from harness.grid.thresholds import Thresholds
from harness.judge import cpu_cost, figures
from harness.judge.observation import Observation
from harness.records.findings import Finding, Kind, Severity
from harness.words import percent


def balance(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E12: equal shares where the method gives such, no retried request; and equal cost of a request."""
    shares = figures.shares(seen)
    if len(shares) > 1:
        even = 1 / len(shares)
        worst = max(shares, key=lambda name: abs(shares[name] - even))
        if abs(shares[worst] - even) > limits.balance:
            told = ", ".join(f"{name} {percent(share, 1)}" for name, share in shares.items())
            method = seen.balancing.method
            yield Finding(
                "E12",
                Severity.WARNING if seen.balancing.even else Severity.NOTE,
                f"the balancer's shares differ from {percent(even, 1)}: {told}"
                if seen.balancing.even
                else f"{method} gave the servers unlike numbers of requests, as it may: {told}",
                "look for servers that were taken out (max_fails), weights, or connections that stick"
                if seen.balancing.even
                else "",
                abs(shares[worst] - even),
                limits.balance,
                Kind.UNEVEN_SHARES,
            )
    retried = seen.balancer.retried
    if retried and not seen.stopped:  # a balancer may well try again what it asked a server that was stopped
        yield Finding(
            "E12",
            Severity.WARNING,
            f"{retried} requests were tried on more than one server",
            "look at the servers' logs for refused or broken connections",
            retried,
            0,
        )
    # A note: whether it is the server or chance, which a few requests of great length are, tell a cell's trials.
    slow = cpu_cost.dearest(seen)
    if slow is not None and slow.times > limits.slow_server:
        spent = "slots" if seen.pacing else "CPU"
        yield Finding(
            "E12",
            Severity.NOTE,
            f"{slow.server} spent {slow.times:.1f} times as much of its {spent} on a request as the cheapest server in "
            "this trial: "
            + (
                "round robin gives every server the share of the slowest"
                if seen.balancing.even
                else f"{seen.balancing.method} keeps users at it, who wait longer than the others"
                if seen.balancing.sticky
                else f"{seen.balancing.method} gives it fewer requests, and it adds less than the others"
            ),
            f"look at the rate and the service time that {slow.server} is held to"
            if seen.pacing
            else f"look at what else runs on {slow.server}, and at its CPU's model and cap",
            slow.times,
            limits.slow_server,
            Kind.SLOW_SERVER,
        )


def counters_agree(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E13: generator, balancer and servers counted the same requests of this trial."""
    generator = seen.totals.get("completed", sum(s.completed for s in seen.samples))
    allowed = max(limits.counters_share * generator, limits.counters_count)
    statuses = seen.balancer.statuses
    balancer = seen.succeeded(statuses)
    if abs(generator - balancer) > allowed:
        yield Finding(
            "E13",
            Severity.INVALID,
            f"the generator counts {generator} successes, the balancer {balancer}",
            "requests were lost between generator and balancer, or the body check failed",
            abs(generator - balancer),
            allowed,
        )
    failed, logged = seen.totals.get("failed", 0), sum(statuses.values()) - balancer
    if failed - logged > allowed:
        yield Finding(
            "E13",
            Severity.INVALID,
            f"the generator counts {failed} failures, the balancer {logged}",
            "requests failed before they reached the balancer: look at the generator's log and at its network",
            failed - logged,
            allowed,
        )
    left = {name: by for name, by in seen.served.items() if name not in seen.stopped}
    counted = [by for by in left.values() if by is not None]
    mute = sorted(name for name, by in left.items() if by is None)
    if mute and counted and not seen.died:
        yield Finding(
            "E13",
            Severity.INVALID,
            f"{', '.join(mute)} did not report its own count, the other servers did",
            "look at its log and its network: it may have stopped answering under the load",
            len(mute),
            0,
        )
    elif mute and counted:  # of a server that died no other is expected
        yield Finding("E13", Severity.NOTE, f"{', '.join(mute)} reported no count; the servers' were not compared", "")
    elif mute:
        yield Finding("E13", Severity.NOTE, "the servers keep no count of their own; theirs was not compared", "")
    else:
        if seen.stopped:
            balancer = sum(
                seen.succeeded(seen.balancer.upstreams.get(seen.expected_servers[name], {})) for name in left
            )
            gone = ", ".join(sorted(seen.stopped))
            yield Finding(
                "E13", Severity.NOTE, f"the own count of {gone} was lost with it; the other servers' were compared", ""
            )
        servers = sum(seen.succeeded(by) for by in counted)
        given_up = statuses.get("499", 0)
        if not balancer - allowed <= servers <= balancer + given_up + allowed:
            yield Finding(
                "E13",
                Severity.INVALID,
                f"the balancer counts {balancer} successes, the servers {servers}",
                "requests were lost between balancer and servers",
                abs(servers - balancer),
                allowed,
            )
    if "failed" in seen.generator_errors:
        return  # an engine that does not tell the kinds of failures
    unanswered = sum(seen.generator_errors.get(kind, 0) for kind in ("timeout", "aborted"))
    if abs(unanswered - statuses.get("499", 0)) > allowed:
        yield Finding(
            "E13",
            Severity.INVALID,
            f"the generator gave up {unanswered} requests, the balancer saw {statuses.get('499', 0)} of them",
            "answers were lost between balancer and generator",
            abs(unanswered - statuses.get("499", 0)),
            allowed,
        )


def served_by(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E14: the servers that answered are exactly those the cell asks for.

    Until some are stopped on purpose all of them, and from then on the rest.
    """
    if seen.stopped and seen.answered:
        left = {name: address for name, address in seen.expected_servers.items() if name not in seen.stopped}
        gone = max(seen.stopped.values())
        yield from _answered(seen, seen.answers_in(0.0, seen.calm_to_s), seen.expected_servers)
        yield from _answered(seen, seen.answers_in(math.ceil(gone), math.inf), left, " after the loss")
    else:
        yield from _answered(seen, seen.balancer.upstreams, seen.expected_servers)


def _answered(
    seen: Observation, upstreams: Mapping[str, Mapping[str, int]], servers: Mapping[str, str], when: str = ""
) -> Iterator[Finding]:
    answered = {address for address, by in upstreams.items() if seen.succeeded(by)}
    expected = set(servers.values())
    strangers, silent = sorted(answered - expected - {"-"}), sorted(expected - answered)
    if strangers:
        yield Finding(
            "E14",
            Severity.INVALID,
            f"servers outside the cell answered{when}: {', '.join(strangers)}",
            "repeat the trial",
        )
    if silent and not seen.died:
        yield Finding(
            "E14",
            Severity.INVALID,
            f"servers of the cell never answered{when}: {', '.join(silent)}",
            "look at their logs",
        )
