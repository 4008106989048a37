"""Did the generator do what it was asked for? Rules E5, E6 and E7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import figures, window_stats
from harness.judge.figures import generator_use, littles_law_residual, think_s
from harness.judge.observation import Observation
from harness.judge.rules.rule import less_load
from harness.records.findings import Finding, Severity
from harness.records.series import Sample
from harness.words import percent


def applied(limits: Thresholds, rows: Iterable[Sample]) -> Thresholds:
    """The thresholds as E5 applies them: twice as large where an engine does not count the users that think."""
    edges = 1 if all(row.thinking is not None for row in rows) else 2
    larger = {"loop_warning": edges * limits.loop_warning, "loop_invalid": edges * limits.loop_invalid}
    return limits if edges == 1 else limits.model_copy(update=larger)


def closed_loop(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E5: h = (N − L − T) / N, users that neither wait nor think, so are late; and both in-flight counts agree.

    T is the number of users that think, counted until the wake-ups that were drawn. Where an engine does not count
    them it is X·Z: X is the rate of all answers, Z the mean think time drawn. Source: Little, "A Proof for the Queuing
    Formula L = λW", Operations Research 9 (1961), for the thinking users. That has edges: a server that stops for a
    second just before the window, or in its last seconds, moves h by up to 9 %; so it takes twice as much to say so.
    """
    rows = seen.window
    if not rows or seen.rate_per_s is not None or think_s(seen) is None:
        return
    in_flight = window_stats.mean_in_flight(rows)
    h = littles_law_residual(seen) or 0.0
    limits = applied(limits, rows)
    for severity, limit in ((Severity.INVALID, limits.loop_invalid), (Severity.WARNING, limits.loop_warning)):
        if abs(h) > limit:
            yield Finding(
                "E5",
                severity,
                f"{percent(h, 1)} of the users were neither waiting for an answer nor thinking"
                if h > 0
                else f"{percent(-h, 1)} more users were waiting or thinking than there are",
                "the generator lags behind its users: give it more CPU or more processes"
                if h > 0
                else "this is a fault of counting: the generator's log and both clocks tell more"
                if all(row.thinking is not None for row in rows)
                else "throughput or queue changed in the window: longer trials level that out",
                h,
                limit,
            )
            break
    at_balancer = seen.balancer.mean_in_flight
    if in_flight is None or at_balancer is None:
        return  # only one of the two counts: there is nothing to compare
    if abs(in_flight - at_balancer) > limits.in_flight_gap * seen.users:
        yield Finding(
            "E5",
            Severity.INVALID,
            f"the generator counts {in_flight:.0f} requests in flight, the balancer {at_balancer:.0f}",
            "requests queue before they reach the balancer: look at its connection limits and the generator's CPU",
            abs(in_flight - at_balancer) / seen.users,
            limits.in_flight_gap,
        )


def busy(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E6: a generator that is busy measures itself."""
    use = generator_use(seen)
    if use is not None and use > limits.generator_cpu:
        yield Finding(
            "E6",
            Severity.INVALID,
            f"the busiest generator process used {percent(use)} of the CPU it may use",
            "give the load generator more CPU or more processes, add a host to load_generators, or use "
            f"{less_load(seen)}",
            use,
            limits.generator_cpu,
        )
    host = figures.generator_host_use(seen)
    if host is not None and host > limits.generator_cpu:
        yield Finding(
            "E6",
            Severity.INVALID,
            f"the generator's machine was busy to {percent(host)}",
            "take other work off that machine, give it more cores, or add a host to load_generators",
            host,
            limits.generator_cpu,
        )
    yield from _lag(seen, limits)


def _lag(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """A late event loop sends late and stamps late."""
    lag_s = figures.generator_lag_s(seen)
    if lag_s is None or seen.unloaded_s is None:
        return
    allowed_s = limits.lag_invalid * (seen.unloaded_s + seen.think_time_s)
    # Users who are late ask for less; requests at a rate do not, and by how much they are late is known (E5).
    if lag_s > allowed_s and seen.rate_per_s is None:
        yield Finding(
            "E6",
            Severity.INVALID,
            f"the generator's event loop was late by {lag_s * 1000:.0f} ms, more than {allowed_s * 1000:.0f} ms",
            "give the load generator more CPU, or look at what else runs on its machine",
            lag_s,
            allowed_s,
        )
    elif lag_s > limits.lag_warning:
        yield Finding(
            "E6",
            Severity.WARNING,
            f"the generator's event loop was late by {lag_s * 1000:.0f} ms: latencies are that uncertain",
            "give the load generator more CPU where latencies matter",
            lag_s,
            limits.lag_warning,
        )


def ceiling(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E7: how near a trial came to what this generator can do on this path with no server behind it."""
    rate = window_stats.mean_rate(seen.window)
    if not seen.ceiling or rate is None:
        return
    share = rate / seen.ceiling
    if share > limits.ceiling_wrong:
        yield Finding(
            "E7",
            Severity.NOTE,
            f"{rate:.0f} requests per second are more than the ceiling of {seen.ceiling:.0f} that was measured: "
            "something disturbed that measurement, and it bounds nothing",
            "start the study in a new directory (--results) when the machines are quiet, which measures it again",
            share,
            limits.ceiling_wrong,
        )
    elif share > limits.ceiling_note:
        refused = share > limits.ceiling_invalid
        yield Finding(
            "E7",
            Severity.INVALID if refused else Severity.NOTE,
            f"{percent(share)} of the {seen.ceiling:.0f} requests per second that generator and balancer reach alone",
            "give generator and balancer more CPU, or add a host to load_generators",
            share,
            limits.ceiling_invalid if refused else limits.ceiling_note,
        )
