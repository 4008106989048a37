"""Verify that the load generator did not limit the trial: rules E5, E6 and E7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import figures, host_usage, open_load, window_stats
from harness.judge.figures import littles_law_residual, think_s
from harness.judge.host_usage import generator_use
from harness.judge.observation import Observation
from harness.judge.rules.rule import QUEUED, less_load
from harness.language import Sentence, messages, sentence
from harness.records.findings import Finding, Kind, Severity
from harness.records.series import Sample
from harness.words import percent


def applied(limits: Thresholds, rows: Iterable[Sample]) -> Thresholds:
    """Return the thresholds of E5: doubled if the load generator does not count thinking users."""
    edges = 1 if all(row.thinking is not None for row in rows) else 2
    larger = {"loop_warning": edges * limits.loop_warning, "loop_invalid": edges * limits.loop_invalid}
    return limits if edges == 1 else limits.model_copy(update=larger)


def closed_loop(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E5: h = (N − L − T) / N, the share of late users, is small; and both in-flight counts agree.

    T is the number of thinking users, counted until their drawn wake-up times. A load generator may not count them:
    then T is X·Z, with the rate X of all responses and the mean drawn think time Z. Source: Little, "A Proof for the
    Queuing Formula L = λW", Operations Research 9 (1961), for the thinking users. X·Z depends on the window's edges: a
    server that stops for a second there moves h by up to 9 %, so the thresholds are doubled.
    """
    rows = seen.window
    if not rows or seen.rate_per_s is not None or think_s(seen) is None:
        return
    in_flight = None if "E5" in seen.unavailable else window_stats.mean_in_flight(rows)
    h = littles_law_residual(seen) or 0.0
    limits = applied(limits, rows)
    for severity, limit in ((Severity.INVALID, limits.loop_invalid), (Severity.WARNING, limits.loop_warning)):
        if abs(h) > limit:
            yield Finding.of(
                rule="E5",
                severity=severity,
                cause=sentence(TOO_FEW if h > 0 else TOO_MANY, h=percent(h, 1)),
                next_step=_of_residual(seen, h),
                figure=h,
                threshold=limit,
            )
            break
    at_balancer = seen.balancer.mean_in_flight
    if in_flight is None or at_balancer is None:
        return  # only one of the two counts requests in flight
    if abs(in_flight - at_balancer) > limits.in_flight_gap * seen.users:
        yield Finding.of(
            rule="E5",
            severity=Severity.INVALID,
            cause=sentence(
                "the generator counts {at_generator:,.0f} requests in flight, the balancer {at_balancer:,.0f}",
                at_generator=in_flight,
                at_balancer=at_balancer,
            ),
            next_step=sentence(QUEUED),
            figure=abs(in_flight - at_balancer) / seen.users,
            threshold=limits.in_flight_gap,
        )


TOO_FEW = messages("Little's-law residual {h}: these users were neither in a request nor in think time")
TOO_MANY = messages("Little's-law residual {h}: more active users were counted than configured")


def _of_residual(seen: Observation, h: float) -> Sentence:
    """Return the fix for late users, for those of a script, for a counting error or for a change in the window."""
    if h <= 0:
        counted = all(row.thinking is not None for row in seen.window)
        return (
            sentence("this is a counting error: check the generator's log and both clocks")
            if counted
            else sentence("throughput or queue changed in the window: use longer trials")
        )
    return (
        sentence(
            "the load generator is late: give it more CPU or more processes; or the script waits without sleeping: for "
            "locks, for other clients, or in computations"
        )
        if seen.responses
        else sentence("the load generator is late: give it more CPU or more processes")
    )


def busy(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E6: the load generator has spare CPU and is not late, so that it does not limit the trial."""
    use = generator_use(seen)
    if use is not None and use > limits.generator_cpu:
        yield Finding.of(
            rule="E6",
            severity=Severity.INVALID,
            cause=sentence("the CPU utilization of the busiest generator process was {share}", share=percent(use)),
            next_step=sentence(
                "give the load generator more CPU or more processes, add a host to load_generators, or use {less}",
                less=less_load(seen),
            ),
            figure=use,
            threshold=limits.generator_cpu,
        )
    host = host_usage.generator_host_use(seen)
    if host is not None and host > limits.generator_cpu:
        yield Finding.of(
            rule="E6",
            severity=Severity.INVALID,
            cause=sentence("the CPU utilization of the generator's machine was {share}", share=percent(host)),
            next_step=sentence(
                "stop other programs on that machine, give it more cores, or add a host to load_generators"
            ),
            figure=host,
            threshold=limits.generator_cpu,
        )
    yield from _lag(seen, limits)


def _lag(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """A late event loop sends requests late and measures latencies late."""
    lag_s = figures.generator_lag_s(seen)
    if lag_s is None or seen.unloaded_s is None:
        return
    allowed_s = limits.lag_invalid * (seen.unloaded_s + seen.think_time_s)
    # Late users reduce the load. An open load stays the same, and E5 has its send delay.
    if lag_s > allowed_s and seen.rate_per_s is None:
        yield Finding.of(
            rule="E6",
            severity=Severity.INVALID,
            cause=sentence(
                "the generator's event loop was late by {lag_ms:,.0f} ms, more than {allowed_ms:,.0f} ms",
                lag_ms=lag_s * 1000,
                allowed_ms=allowed_s * 1000,
            ),
            next_step=sentence("give the load generator more CPU, or stop other programs on its machine"),
            figure=lag_s,
            threshold=allowed_s,
        )
    elif lag_s > limits.lag_warning:
        yield Finding.of(
            rule="E6",
            severity=Severity.WARNING,
            cause=sentence(
                "the generator's event loop was late by {lag_ms:,.0f} ms: latencies are uncertain by this delay",
                lag_ms=lag_s * 1000,
            ),
            next_step=sentence("give the load generator more CPU if latencies matter"),
            figure=lag_s,
            threshold=limits.lag_warning,
        )


def _room_s(seen: Observation) -> float | None:
    """Objective p95 minus R0: the time that queues may take. None without that objective, or if R0 misses it.

    The smallest one of objectives by name; R0 of a name is the 1st percentile of its latency under load.
    """
    warm_s = figures.warm_s(seen) or seen.fastest_s or 0.0
    rooms_s = [p95_s - (seen.fastest_by_name.get(name) or warm_s) for name, p95_s in seen.p95_by_name.items()]
    if seen.p95_s is not None:
        rooms_s.append(seen.p95_s - warm_s)
    return min((room_s for room_s in rooms_s if room_s > 0), default=None)


SENT_LATE = messages(
    "5 % of the requests were sent late by {delay_ms:,.1f} ms, more than {share} of the {room_ms:,.0f} ms between R0 "
    "and the objective p95: the trial does not count for objectives"
)
LOOP_LATE = messages(
    "the generator's event loop was late by {delay_ms:,.1f} ms, more than {share} of the {room_ms:,.0f} ms between R0 "
    "and the objective p95: the trial does not count for objectives"
)


def lateness(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E6: the generator's own lateness is small compared with the time that the objective p95 allows for queues.

    Latencies include it, so a trial with more shows nothing about the servers' latency. Where many requests waited for
    others in flight, their send delay is no lateness of the generator.
    """
    room_s = _room_s(seen)
    if room_s is None:
        return
    allowed_s, offered = limits.lateness_share * room_s, open_load.of_trial(seen)
    on_schedule = offered is not None and offered.late < open_load.FEW_WAITED * offered.due
    delays = {
        SENT_LATE: offered.delay_p95_s if offered and on_schedule else None,
        LOOP_LATE: figures.generator_lag_s(seen),
    }
    late = [(delay_s, message) for message, delay_s in delays.items() if delay_s is not None and delay_s > allowed_s]
    if late:
        delay_s, message = max(late)
        yield Finding.of(
            rule="E6",
            severity=Severity.WARNING,
            cause=sentence(
                message, delay_ms=delay_s * 1000, share=percent(limits.lateness_share), room_ms=room_s * 1000
            ),
            next_step=sentence(
                "give the load generator more CPU or more processes, or stop other programs on its machine"
            ),
            figure=delay_s,
            threshold=allowed_s,
            kind=Kind.LATENESS,
        )


def ceiling(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E7: throughput is far below the ceiling of generator and balancer without servers."""
    rate = window_stats.mean_rate(seen.window)
    if not seen.ceiling or rate is None:
        return
    share = rate / seen.ceiling
    if share > limits.ceiling_wrong:
        yield Finding.of(
            rule="E7",
            severity=Severity.NOTE,
            cause=sentence(
                "{rate:,.0f} req/s exceed the measured ceiling of {ceiling:,.0f} req/s: its measurement was disturbed, "
                "and it is no bound",
                rate=rate,
                ceiling=seen.ceiling,
            ),
            next_step=sentence(
                "start the study in a new directory (--results) when the machines are quiet; it measures the ceiling "
                "again"
            ),
            figure=share,
            threshold=limits.ceiling_wrong,
        )
    elif share > limits.ceiling_note:
        is_invalid = share > limits.ceiling_invalid
        yield Finding.of(
            rule="E7",
            severity=Severity.INVALID if is_invalid else Severity.NOTE,
            cause=sentence(
                "throughput is {share} of the ceiling of generator and balancer, {ceiling:,.0f} req/s",
                share=percent(share),
                ceiling=seen.ceiling,
            ),
            next_step=sentence("give generator and balancer more CPU, or add a host to load_generators"),
            figure=share,
            threshold=limits.ceiling_invalid if is_invalid else limits.ceiling_note,
        )
