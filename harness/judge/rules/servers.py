"""Verify the servers' shares, all counters and the responding servers: rules E12, E13 and E14."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from harness.grid.thresholds import Thresholds
from harness.judge import cpu_cost, figures
from harness.judge.observation import Observation
from harness.records.failure_kind import FailureCategory, FailureKind
from harness.records.findings import Finding, Kind, Severity
from harness.words import percent


def balance(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E12: equal shares with round robin, no retried request, and equal cost of a request."""
    shares = figures.shares(seen)
    if len(shares) > 1:
        evens = _even_shares(seen, shares)
        worst = max(shares, key=lambda name: abs(shares[name] - evens[name]))
        even = evens[worst]
        if abs(shares[worst] - even) > limits.balance:
            shown = ", ".join(f"{name} {percent(share, 1)}" for name, share in shares.items())
            method = seen.balancing.method
            yield Finding(
                rule="E12",
                severity=Severity.WARNING if seen.balancing.even else Severity.NOTE,
                cause=f"the balancer's shares differ from {percent(even, 1)}: {shown}"
                if seen.balancing.even
                else f"{method} gave the servers different shares, as expected: {shown}",
                next_step="check for removed servers (max_fails), weights, or sticky connections"
                if seen.balancing.even
                else "",
                figure=abs(shares[worst] - even),
                threshold=limits.balance,
                kind=Kind.UNEVEN_SHARES,
            )
    retried = seen.balancer.retried
    if retried and not seen.stopped:  # retries after a server failure are expected
        yield Finding(
            rule="E12",
            severity=Severity.WARNING,
            cause=f"{retried:,} requests were retried at another server",
            next_step="check the servers' logs for failed connections",
            figure=retried,
            threshold=0,
        )
    # A note: a few long requests may be the cause; the cell's trials show whether it is the server.
    slow = cpu_cost.most_expensive(seen)
    if slow is not None and slow.times > limits.slow_server:
        spent = "slot" if seen.pacing else "CPU"
        yield Finding(
            rule="E12",
            severity=Severity.NOTE,
            cause=f"{slow.server} needed {slow.times:.1f} times as much {spent} time per request as the cheapest "
            f"server{' of its type' if seen.type_of else ''} in this trial: "
            + (
                "with round robin the slowest server limits all"
                if seen.balancing.even
                else f"{seen.balancing.method} keeps users at it, and they wait longer than the others"
                if seen.balancing.sticky
                else f"{seen.balancing.method} sends it fewer requests, and it adds less throughput than the others"
            ),
            next_step=f"check the set rate and service time of {slow.server}"
            if seen.pacing
            else f"check other programs on {slow.server}, its CPU model and its CPU cap",
            figure=slow.times,
            threshold=limits.slow_server,
            kind=Kind.SLOW_SERVER,
        )


def _even_shares(seen: Observation, shares: Mapping[str, float]) -> dict[str, float]:
    """The share of each server in a fair distribution: equal ones; by load those of its type, as types differ."""
    if seen.balancing.even or not seen.type_of:
        return dict.fromkeys(shares, 1 / len(shares))
    groups = {name: [shares[other] for other in seen.alike(name) if other in shares] for name in shares}
    return {name: sum(group) / len(group) for name, group in groups.items()}


def counters_agree(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E13: generator, balancer and servers count the same requests of this trial."""
    allowed = max(limits.counters_share * _succeeded_at_generator(seen), limits.counters_count)
    if not seen.expected_servers:  # those of a platform are unknown
        return
    if not seen.balancing.kind.forwards:
        yield from _generator_and_servers(seen, allowed)
        return
    yield from _generator_and_balancer(seen, allowed)
    yield from _balancer_and_servers(seen, allowed)
    yield from _abandoned(seen, allowed)


def _succeeded_at_generator(seen: Observation) -> int:
    """Successes that the generator counts; of a script, which has its own idea of success, responses below 400."""
    if seen.responses:
        return seen.succeeded(seen.responses)
    return seen.totals.get("completed", sum(s.completed for s in seen.samples))


def _different(cause: str, next_step: str, difference: int, allowed: float) -> Finding:
    return Finding(
        rule="E13", severity=Severity.INVALID, cause=cause, next_step=next_step, figure=difference, threshold=allowed
    )


def _generator_and_balancer(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Compare successes, and failures that a load generator counts over the whole load."""
    generator, balancer = _succeeded_at_generator(seen), seen.succeeded(seen.balancer.statuses)
    if abs(generator - balancer) > allowed:
        yield _different(
            f"the generator counts {generator} successes, the balancer {balancer}",
            "requests were lost between generator and balancer, or the body check failed",
            abs(generator - balancer),
            allowed,
        )
    failed, logged = seen.totals.get("failed", 0), sum(seen.balancer.statuses.values()) - balancer
    if failed - logged > allowed:
        yield _different(
            f"the generator counts {failed:,} failures, the balancer {logged:,}",
            "requests failed before they reached the balancer; check the generator's log and network",
            failed - logged,
            allowed,
        )


def _generator_and_servers(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Without a balancer, compare the generator's successes with the server's own count."""
    counted = [by for by in seen.served.values() if by is not None]
    if not counted:
        text = "the server reports no request counts; nothing was compared with the generator's"
        yield Finding(rule="E13", severity=Severity.NOTE, cause=text, next_step="")
        return
    generator, servers = _succeeded_at_generator(seen), sum(seen.succeeded(by) for by in counted)
    # The server may answer requests that their users gave up.
    given_up = sum(seen.failures.values())
    if not generator - allowed <= servers <= generator + given_up + seen.counted_logins + allowed:
        yield _different(
            f"the generator counts {generator} successes, the server {servers}",
            "requests were lost between generator and server, or the body check failed",
            abs(servers - generator),
            allowed,
        )


def _balancer_and_servers(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Compare successes with the servers' own counts, without those of servers that failed as planned."""
    remaining = {name: by for name, by in seen.served.items() if name not in seen.stopped}
    counted = [by for by in remaining.values() if by is not None]
    uncounted = sorted(name for name, by in remaining.items() if by is None)
    if uncounted:
        yield _uncounted(seen, uncounted, counts_exist=bool(counted))
        return
    balancer, given_up = seen.succeeded(seen.balancer.statuses), seen.balancer.statuses.get("499", 0)
    if seen.stopped:
        upstreams = seen.balancer.upstreams
        balancer = sum(seen.succeeded(upstreams.get(seen.expected_servers[name], {})) for name in remaining)
        gone = ", ".join(sorted(seen.stopped))
        text = f"the failed {gone} reported no count; the other servers' counts were compared"
        yield Finding(rule="E13", severity=Severity.NOTE, cause=text, next_step="")
    servers = sum(seen.succeeded(by) for by in counted)
    if not balancer - allowed <= servers <= balancer + given_up + seen.counted_logins + allowed:
        yield _different(
            f"the balancer counts {balancer} successes, the servers {servers}",
            "requests were lost between balancer and servers",
            abs(servers - balancer),
            allowed,
        )


def _uncounted(seen: Observation, names: list[str], *, counts_exist: bool) -> Finding:
    """The finding for servers without a count: invalid if others have one, unless a server died."""
    if not counts_exist:
        return Finding(
            rule="E13",
            severity=Severity.NOTE,
            cause="the servers report no request counts; only generator and balancer were compared",
            next_step="",
        )
    text = f"{', '.join(names)} reported no count"
    if seen.died:
        return Finding(
            rule="E13", severity=Severity.NOTE, cause=f"{text}; the servers' counts were not compared", next_step=""
        )
    why = "check its log and network: it may have stopped responding under load"
    return _different(f"{text}, unlike the other servers", why, len(names), 0)


def _abandoned(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Compare requests that the load generator abandoned, if it counts kinds of failure."""
    if FailureKind(FailureCategory.FAILED) in seen.failures:
        return
    abandoned = sum(
        seen.failures.get(FailureKind(category), 0) for category in (FailureCategory.TIMEOUT, FailureCategory.ABORTED)
    )
    logged = seen.balancer.statuses.get("499", 0)
    if abs(abandoned - logged) > allowed:
        yield _different(
            f"the generator abandoned {abandoned:,} requests, the balancer counts {logged:,} of them",
            "responses were lost between balancer and generator",
            abs(abandoned - logged),
            allowed,
        )


def served_by(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E14: exactly the cell's servers responded; after a planned failure, exactly the remaining ones."""
    if "E14" in seen.unavailable:
        return
    if seen.stopped and seen.answered:
        remaining = {name: address for name, address in seen.expected_servers.items() if name not in seen.stopped}
        gone = max(seen.stopped.values())
        yield from _answered(seen, seen.answers_in(0.0, seen.calm_to_s), seen.expected_servers)
        yield from _answered(seen, seen.answers_in(math.ceil(gone), math.inf), remaining, " after the server failure")
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
            rule="E14",
            severity=Severity.INVALID,
            cause=f"servers outside the cell responded{when}: {', '.join(strangers)}",
            next_step="repeat the trial",
        )
    if silent and not seen.died:
        yield Finding(
            rule="E14",
            severity=Severity.INVALID,
            cause=f"servers of the cell never responded{when}: {', '.join(silent)}",
            next_step="check their logs",
        )
