"""Figures of one trial for rules, bottlenecks and the report, derived from its observation. Pure."""

from __future__ import annotations

from harness.judge import window_stats
from harness.judge.observation import Observation


def littles_law_residual(seen: Observation) -> float | None:
    """Residual h of rule E5, as a share of the users; None without think times."""
    rows = seen.window
    thinking_s, waiting = think_s(seen), in_flight(seen)
    if thinking_s is None or waiting is None:
        return None
    thinking = [s.thinking for s in rows if s.thinking is not None]
    if len(thinking) == len(rows):
        # Counted until the drawn wake-up times: the rest are late users, at any edge of the window.
        return (seen.users - waiting - sum(thinking) / len(rows)) / seen.users
    rate = sum(s.completed + s.failed for s in rows) / len(rows)
    return (seen.users - waiting - rate * thinking_s) / seen.users


def think_s(seen: Observation) -> float | None:
    """Mean think time drawn in the window; the configured mean if the load generator does not count it."""
    rows = seen.window
    if rows and all(s.thinks is None for s in rows):
        return seen.think_time_s
    return window_stats.mean_think_s(rows)


def in_flight(seen: Observation) -> float | None:
    """Mean number of requests in flight in the window, counted by the load generator, else by the balancer."""
    counted = window_stats.mean_in_flight(seen.window)
    at_balancer = seen.balancer.mean_in_flight
    return counted if counted is not None or at_balancer is None else float(at_balancer)


def drift(seen: Observation) -> float | None:
    """Ln of throughput in the window's second half over its first half (rule E10).

    None if a half has no success, and in a trial with a server failure, which changes throughput.
    """
    return None if seen.stopped else window_stats.log_change(seen.window, window_stats.mean_rate)


def latency_drift(seen: Observation) -> float | None:
    """Ln of the mean latency in the window's second half over its first half; None as `drift`."""
    return None if seen.stopped else window_stats.log_change(seen.window, window_stats.mean_latency_s)


def of_users_bound(seen: Observation) -> float | None:
    """Throughput as a share of N / (R0 + Z), the users' maximum rate; None if unknown.

    R0 is at most the 1st percentile of the latency under load, because the first request may be cold. If thinking users
    are counted, the share is (T + X·R0) / N, which is the same by Little's law and independent of the window's edges.
    A bound that is exceeded by more than 2 % is wrong, so the result is None.
    """
    if seen.rate_per_s is not None:
        return None
    rows, think = seen.window, think_s(seen) or seen.think_time_s
    rate, unloaded_s = window_stats.mean_rate(rows), warm_s(seen)
    if not unloaded_s or not rate:
        return None
    answers = sum(s.completed + s.failed for s in rows) / len(rows)
    thinking = [s.thinking for s in rows if s.thinking is not None]
    thinkers = sum(thinking) / len(rows) if len(thinking) == len(rows) else answers * think
    share = rate / answers * (thinkers + answers * unloaded_s) / seen.users
    return share if share <= BOUND_WRONG else None


BOUND_WRONG = 1.02


def warm_s(seen: Observation) -> float | None:
    """R0 in seconds: measured without load, at most the 1st percentile under load."""
    return min(seen.unloaded_s, seen.fastest_s or seen.unloaded_s) if seen.unloaded_s else None


def in_window(seen: Observation, t_s: float) -> bool:
    """Whether a reading of the second that ends at `t_s` lies in the window."""
    return seen.window_from_s <= t_s - 1 and t_s <= seen.window_to_s


def generator_lag_s(seen: Observation) -> float | None:
    """p99 of the event loop's delay in seconds, at a random moment of the window; None without readings.

    A reading is weighted by its duration: a delay of 2 s blocks the loop for 2 s, and a task that arrives meanwhile
    waits for the rest of it. The largest delay of each second is known.
    """
    freezes_s = sorted((s.lag_ms / 1000 for s in seen.window if s.lag_ms is not None), reverse=True)
    share_s, whole_s = 0.01 * len(freezes_s), 0.0
    for count, (lag_s, following_s) in enumerate(zip(freezes_s, [*freezes_s[1:], 0.0], strict=False), 1):
        whole_s += lag_s
        late_s = (whole_s - share_s) / count  # delay that these freezes exceed for 1 % of the window
        if late_s >= following_s:
            return max(0.0, late_s)
    return None


def shares(seen: Observation) -> dict[str, float]:
    """Return server → share of the responses, by the balancer's log; empty without any.

    With a server failure, only responses before it count.
    """
    upstreams = seen.answers_in(0.0, seen.calm_to_s) if seen.stopped else seen.balancer.upstreams
    counts = {name: sum(upstreams.get(address, {}).values()) for name, address in seen.expected_servers.items()}
    total = sum(counts.values())
    return {name: count / total for name, count in counts.items()} if total else {}
