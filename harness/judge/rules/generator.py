"""Verify that the load generator did not limit the trial: rules E5, E6 and E7."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from harness.grid.thresholds import Thresholds
from harness.judge import figures, host_usage, open_load, window_stats
from harness.judge.figures import littles_law_residual, think_s
from harness.judge.host_usage import generator_use
from harness.judge.observation import Observation
from harness.judge.rules.rule import less_load
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
            yield Finding(
                rule="E5",
                severity=severity,
                cause=f"Little's-law residual {percent(h, 1)}: these users were neither in a request nor in think time"
                if h > 0
                else f"Little's-law residual {percent(h, 1)}: more active users were counted than configured",
                next_step=LATE + (OF_SCRIPT if seen.responses else "")
                if h > 0
                else "this is a counting error: check the generator's log and both clocks"
                if all(row.thinking is not None for row in rows)
                else "throughput or queue changed in the window: use longer trials",
                figure=h,
                threshold=limit,
            )
            break
    at_balancer = seen.balancer.mean_in_flight
    if in_flight is None or at_balancer is None:
        return  # only one of the two counts requests in flight
    if abs(in_flight - at_balancer) > limits.in_flight_gap * seen.users:
        yield Finding(
            rule="E5",
            severity=Severity.INVALID,
            cause=f"the generator counts {in_flight:,.0f} requests in flight, the balancer {at_balancer:,.0f}",
            next_step="requests queue before they reach the balancer; check its connection limits and the generator's "
            "CPU",
            figure=abs(in_flight - at_balancer) / seen.users,
            threshold=limits.in_flight_gap,
        )


LATE = "the load generator is late: give it more CPU or more processes"
OF_SCRIPT = "; or the script waits without sleeping: for locks, for other clients, or in computations"


def busy(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E6: the load generator has spare CPU and is not late, so that it does not limit the trial."""
    use = generator_use(seen)
    if use is not None and use > limits.generator_cpu:
        yield Finding(
            rule="E6",
            severity=Severity.INVALID,
            cause=f"the CPU utilization of the busiest generator process was {percent(use)}",
            next_step="give the load generator more CPU or more processes, add a host to load_generators, or use "
            f"{less_load(seen)}",
            figure=use,
            threshold=limits.generator_cpu,
        )
    host = host_usage.generator_host_use(seen)
    if host is not None and host > limits.generator_cpu:
        yield Finding(
            rule="E6",
            severity=Severity.INVALID,
            cause=f"the CPU utilization of the generator's machine was {percent(host)}",
            next_step="stop other programs on that machine, give it more cores, or add a host to load_generators",
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
        yield Finding(
            rule="E6",
            severity=Severity.INVALID,
            cause=f"the generator's event loop was late by {lag_s * 1000:.0f} ms, more than {allowed_s * 1000:.0f} ms",
            next_step="give the load generator more CPU, or stop other programs on its machine",
            figure=lag_s,
            threshold=allowed_s,
        )
    elif lag_s > limits.lag_warning:
        yield Finding(
            rule="E6",
            severity=Severity.WARNING,
            cause=f"the generator's event loop was late by {lag_s * 1000:.0f} ms: latencies are uncertain by this "
            "delay",
            next_step="give the load generator more CPU if latencies matter",
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
        "5 % of the requests were sent late by": offered.delay_p95_s if offered and on_schedule else None,
        "the generator's event loop was late by": figures.generator_lag_s(seen),
    }
    late = [(delay_s, words) for words, delay_s in delays.items() if delay_s is not None and delay_s > allowed_s]
    if late:
        delay_s, words = max(late)
        yield Finding(
            rule="E6",
            severity=Severity.WARNING,
            cause=f"{words} {delay_s * 1000:.1f} ms, more than {percent(limits.lateness_share)} of the "
            f"{room_s * 1000:.0f} ms between R0 and the objective p95: the trial does not count for objectives",
            next_step="give the load generator more CPU or more processes, or stop other programs on its machine",
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
        yield Finding(
            rule="E7",
            severity=Severity.NOTE,
            cause=f"{rate:,.0f} req/s exceed the measured ceiling of {seen.ceiling:,.0f} req/s: its measurement was "
            "disturbed, and it is no bound",
            next_step="start the study in a new directory (--results) when the machines are quiet; it measures the "
            "ceiling again",
            figure=share,
            threshold=limits.ceiling_wrong,
        )
    elif share > limits.ceiling_note:
        is_invalid = share > limits.ceiling_invalid
        yield Finding(
            rule="E7",
            severity=Severity.INVALID if is_invalid else Severity.NOTE,
            cause=f"throughput is {percent(share)} of the ceiling of generator and balancer, {seen.ceiling:,.0f} req/s",
            next_step="give generator and balancer more CPU, or add a host to load_generators",
            figure=share,
            threshold=limits.ceiling_invalid if is_invalid else limits.ceiling_note,
        )
