"""Verify the servers' shares, all counters and the responding servers: rules E12, E13 and E14."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from harness.grid.thresholds import Thresholds
from harness.judge import cpu_cost, figures
from harness.judge.observation import Observation
from harness.language import Sentence, messages, sentence
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
            yield Finding.of(
                rule="E12",
                severity=Severity.WARNING if seen.balancing.even else Severity.NOTE,
                cause=sentence(
                    "the balancer's shares differ from {even}: {shares}", even=percent(even, 1), shares=shown
                )
                if seen.balancing.even
                else sentence(
                    "{method} gave the servers different shares, as expected: {shares}",
                    method=seen.balancing.method,
                    shares=shown,
                ),
                next_step=sentence("check for removed servers (max_fails), weights, or sticky connections")
                if seen.balancing.even
                else None,
                figure=abs(shares[worst] - even),
                threshold=limits.balance,
                kind=Kind.UNEVEN_SHARES,
            )
    retried = seen.balancer.retried
    if retried and not seen.stopped:  # retries after a server failure are expected
        yield Finding.of(
            rule="E12",
            severity=Severity.WARNING,
            cause=sentence("{count} requests were retried at another server", count=retried),
            next_step=sentence("check the servers' logs for failed connections"),
            figure=retried,
            threshold=0,
        )
    # A note: a few long requests may be the cause; the cell's trials show whether it is the server.
    slow = cpu_cost.most_expensive(seen)
    if slow is not None and slow.times > limits.slow_server:
        yield Finding.of(
            rule="E12",
            severity=Severity.NOTE,
            cause=sentence(
                MORE_TIME[bool(seen.pacing), bool(seen.type_of)],
                server=slow.server,
                times=slow.times,
                effect=_effect_of_slow_server(seen),
            ),
            next_step=sentence("check the set rate and service time of {server}", server=slow.server)
            if seen.pacing
            else sentence("check other programs on {server}, its CPU model and its CPU cap", server=slow.server),
            figure=slow.times,
            threshold=limits.slow_server,
            kind=Kind.SLOW_SERVER,
        )


MORE_TIME = messages(  # by whether servers are paced, and whether they have types
    {
        (False, False): "{server} needed {times:.1f} times as much CPU time per request as the cheapest server in this "
        "trial: {effect}",
        (False, True): "{server} needed {times:.1f} times as much CPU time per request as the cheapest server of its "
        "type in this trial: {effect}",
        (True, False): "{server} needed {times:.1f} times as much slot time per request as the cheapest server in this "
        "trial: {effect}",
        (True, True): "{server} needed {times:.1f} times as much slot time per request as the cheapest server of its "
        "type in this trial: {effect}",
    }
)


def _effect_of_slow_server(seen: Observation) -> Sentence:
    if seen.balancing.even:
        return sentence("with round robin the slowest server limits all")
    if seen.balancing.sticky:
        return sentence(
            "{method} keeps users at it, and they wait longer than the others", method=seen.balancing.method
        )
    return sentence(
        "{method} sends it fewer requests, and it adds less throughput than the others", method=seen.balancing.method
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


def _different(cause: Sentence, next_step: Sentence, difference: int, allowed: float) -> Finding:
    return Finding.of(
        rule="E13", severity=Severity.INVALID, cause=cause, next_step=next_step, figure=difference, threshold=allowed
    )


def _generator_and_balancer(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Compare successes, and failures that a load generator counts over the whole load."""
    generator, balancer = _succeeded_at_generator(seen), seen.succeeded(seen.balancer.statuses)
    if abs(generator - balancer) > allowed:
        yield _different(
            sentence(
                "the generator counts {at_generator} successes, the balancer {at_balancer}",
                at_generator=generator,
                at_balancer=balancer,
            ),
            sentence("requests were lost between generator and balancer, or the body check failed"),
            abs(generator - balancer),
            allowed,
        )
    failed, logged = seen.totals.get("failed", 0), sum(seen.balancer.statuses.values()) - balancer
    if failed - logged > allowed:
        yield _different(
            sentence(
                "the generator counts {at_generator} failures, the balancer {at_balancer}",
                at_generator=failed,
                at_balancer=logged,
            ),
            sentence("requests failed before they reached the balancer; check the generator's log and network"),
            failed - logged,
            allowed,
        )


def _generator_and_servers(seen: Observation, allowed: float) -> Iterator[Finding]:
    """Without a balancer, compare the generator's successes with the server's own count."""
    counted = [by for by in seen.served.values() if by is not None]
    if not counted:
        yield _not_compared(sentence("the server reports no request counts; nothing was compared with the generator's"))
        return
    generator, servers = _succeeded_at_generator(seen), sum(seen.succeeded(by) for by in counted)
    # The server may answer requests that their users gave up.
    given_up = sum(seen.failures.values())
    if not generator - allowed <= servers <= generator + given_up + seen.counted_logins + allowed:
        yield _different(
            sentence(
                "the generator counts {at_generator} successes, the server {at_server}",
                at_generator=generator,
                at_server=servers,
            ),
            sentence("requests were lost between generator and server, or the body check failed"),
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
        yield _not_compared(
            sentence(
                "the failed {servers} reported no count; the other servers' counts were compared",
                servers=sorted(seen.stopped),
            )
        )
    servers = sum(seen.succeeded(by) for by in counted)
    if not balancer - allowed <= servers <= balancer + given_up + seen.counted_logins + allowed:
        yield _different(
            sentence(
                "the balancer counts {at_balancer} successes, the servers {at_servers}",
                at_balancer=balancer,
                at_servers=servers,
            ),
            sentence("requests were lost between balancer and servers"),
            abs(servers - balancer),
            allowed,
        )


def _uncounted(seen: Observation, names: list[str], *, counts_exist: bool) -> Finding:
    """The finding for servers without a count: invalid if others have one, unless a server died."""
    if not counts_exist:
        return _not_compared(
            sentence("the servers report no request counts; only generator and balancer were compared")
        )
    if seen.died:
        return _not_compared(
            sentence("{servers} reported no count; the servers' counts were not compared", servers=names)
        )
    text = sentence("{servers} reported no count, unlike the other servers", servers=names)
    why = sentence("check its log and network: it may have stopped responding under load")
    return _different(text, why, len(names), 0)


def _not_compared(cause: Sentence) -> Finding:
    return Finding.of(rule="E13", severity=Severity.NOTE, cause=cause)


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
            sentence(
                "the generator abandoned {abandoned} requests, the balancer counts {counted} of them",
                abandoned=abandoned,
                counted=logged,
            ),
            sentence("responses were lost between balancer and generator"),
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
        yield from _answered(seen, seen.answers_in(math.ceil(gone), math.inf), remaining, after_failure=True)
    else:
        yield from _answered(seen, seen.balancer.upstreams, seen.expected_servers)


STRANGERS = messages("servers outside the cell responded: {servers}")
STRANGERS_AFTER_FAILURE = messages("servers outside the cell responded after the server failure: {servers}")
SILENT = messages("servers of the cell never responded: {servers}")
SILENT_AFTER_FAILURE = messages("servers of the cell never responded after the server failure: {servers}")


def _answered(
    seen: Observation,
    upstreams: Mapping[str, Mapping[str, int]],
    servers: Mapping[str, str],
    *,
    after_failure: bool = False,
) -> Iterator[Finding]:
    answered = {address for address, by in upstreams.items() if seen.succeeded(by)}
    expected = set(servers.values())
    strangers, silent = sorted(answered - expected - {"-"}), sorted(expected - answered)
    if strangers:
        yield Finding.of(
            rule="E14",
            severity=Severity.INVALID,
            cause=sentence(STRANGERS_AFTER_FAILURE if after_failure else STRANGERS, servers=strangers),
            next_step=sentence("repeat the trial"),
        )
    if silent and not seen.died:
        yield Finding.of(
            rule="E14",
            severity=Severity.INVALID,
            cause=sentence(SILENT_AFTER_FAILURE if after_failure else SILENT, servers=silent),
            next_step=sentence("check their logs"),
        )
