"""Evidence rules over recorded data. Pure: the same functions serve the study and its report.

Each rule gives findings: what was seen, against which threshold, and what to do. Severities: a
*refused* trial counts for nothing, a *degraded* one counts and is marked, a *note* is said.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from harness import stats
from harness.findings import Finding
from harness.observation import Observation, generator_use, little_gap, think_s
from harness.results import Sample
from harness.thresholds import Thresholds
from harness.words import percent


def judge(seen: Observation, limits: Thresholds) -> list[Finding]:
    """Apply every rule, in the order of their numbers."""
    rules = (series, readings, closed_loop, generator_busy, errors, events, counters_agree, served_by)
    return [finding for rule in rules for finding in rule(seen, limits)]


def outcome_of(findings: Sequence[Finding], died: Mapping[str, str]) -> tuple[str, str]:
    """The trial's outcome and, unless it is ok, its cause in words."""
    # What a death brings with it breaks other rules too; the death is the cause.
    first = sorted(findings, key=lambda finding: not (died and finding.rule == "E8"))
    for severity, outcome in (("refuse", "refused"), ("degrade", "degraded")):
        for finding in first:
            if finding.severity == severity:
                return ("server_down" if died and severity == "refuse" else outcome), finding.cause
    return "ok", ""


def series(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E3: one row for every second, each once."""
    seconds = [s.t_s for s in seen.samples]
    last = max(seconds, default=-1)
    gaps = sorted(set(range(last + 1)) - set(seconds))
    if gaps or len(set(seconds)) < len(seconds) or last + 1 < seen.window_to_s - 1:
        what = f"seconds {gaps[:5]} are missing" if gaps else f"the series has {len(seconds)} rows up to second {last}"
        yield Finding("E3", "refuse", f"the series is not whole: {what}", "repeat the trial", len(gaps), 0)
    if seen.lost_workers:
        yield Finding(
            "E3",
            "refuse",
            f"{seen.lost_workers} generator processes were lost",
            "look at the generator's log",
            seen.lost_workers,
            0,
        )


def readings(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E3 for hosts: without CPU readings nothing can be said of what limited the trial."""
    begin, end = seen.window_from_s, seen.window_to_s
    counts = Counter(h.host for h in seen.hosts if begin <= h.t_s <= end)
    poorest = min((counts[host] / max(end - begin, 1) for host in seen.caps), default=1.0)
    silent = [host for host in seen.caps if counts[host] < limits.readings * (end - begin)]
    if silent and not seen.died:
        yield Finding(
            "E3",
            "degrade",
            f"the CPU usage of {', '.join(silent)} was read in fewer than {percent(limits.readings)} of the seconds",
            "see `docker stats` there; study.py doctor tells what keeps an engine from reading CPU usage",
            poorest,
            limits.readings,
        )


def closed_loop(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E5: Little's law, h = (N − L − X·Z) / N, and both in-flight counts agree.

    X is the rate of all answers and Z the mean think time drawn. Source: Little, "A Proof for the
    Queuing Formula L = λW", Operations Research 9 (1961), for the thinking users.
    """
    rows = seen.window
    if not rows or think_s(seen) is None:
        return
    in_flight = stats.mean_in_flight(rows)
    h = little_gap(seen) or 0.0
    for severity, limit in (("refuse", limits.loop_refuse), ("degrade", limits.loop_degrade)):
        if abs(h) > limit:
            yield Finding(
                "E5",
                "refuse" if severity == "refuse" else "degrade",
                f"{percent(h, 1)} of the users were neither waiting for an answer nor thinking",
                "the generator lags behind its users: give it more CPU or more processes",
                h,
                limit,
            )
            break
    at_balancer = seen.balancer.get("mean_in_flight")
    if in_flight is None or at_balancer is None:
        return  # only one of the two counts: there is nothing to compare
    if abs(in_flight - at_balancer) > limits.in_flight_gap * seen.users:
        yield Finding(
            "E5",
            "refuse",
            f"the generator counts {in_flight:.0f} requests in flight, the balancer {at_balancer:.0f}",
            "requests queue before they reach the balancer: look at its connection limits and the generator's CPU",
            abs(in_flight - at_balancer) / seen.users,
            limits.in_flight_gap,
        )


def generator_busy(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E6: a generator that is busy measures itself."""
    use = generator_use(seen)
    if use is not None and use > limits.generator_cpu:
        yield Finding(
            "E6",
            "refuse",
            f"the busiest generator process used {percent(use)} of the CPU it may use",
            "give the load generator more CPU or more processes, add a host to load_generators, or use fewer users",
            use,
            limits.generator_cpu,
        )


def errors(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E8: failed requests, and the spans in which hardly anything succeeded."""
    rate = stats.error_rate(seen.window)
    kinds = ", ".join(
        f"{count} {kind}" for kind, count in sorted(seen.generator_errors.items(), key=lambda i: -i[1])[:3]
    )
    if rate is not None and rate > limits.errors_degrade:
        yield Finding(
            "E8",
            "degrade",
            f"{percent(rate, 1)} of the requests failed ({kinds})",
            "look at the error kinds and the servers' logs",
            rate,
            limits.errors_degrade,
        )
    why = collapse(seen.samples, seen.window_from_s, limits)
    if why:
        dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
        yield Finding(
            "E8",
            "refuse",
            f"{dead + ': ' if dead else ''}{why}{f' ({kinds})' if kinds else ''}",
            "fewer users, or more servers",
            rate,
            limits.errors_stop,
        )
    elif seen.died:
        dead = "; ".join(f"{host} {what}" for host, what in seen.died.items())
        yield Finding("E8", "refuse", f"{dead} during the trial", "look at that server's log and memory limit")


def collapse(samples: Sequence[Sample], ramped_up_s: float, limits: Thresholds) -> str:
    """Why a trial must stop now (rule E8), in words; empty while it may go on."""
    span = round(limits.errors_stop_for)
    for end in range(span, len(samples) + 1):
        rows = samples[end - span : end]
        rate = stats.error_rate(rows)
        if rate is not None and rate > limits.errors_stop:
            return f"more than {percent(limits.errors_stop)} of the requests failed for {span} s"
        if rows[0].t_s >= ramped_up_s and not any(s.completed for s in rows):
            return f"no request succeeded for {span} s"
    return ""


def events(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E9: events that the balancer's log names."""
    for event, count in seen.balancer.get("events", {}).items():
        yield Finding("E9", "note", f'the balancer logged "{event}" {count} times', EVENT_HELP.get(event, ""), count, 0)


EVENT_HELP = {
    "worker_connections are not enough": "raise nginx_lb_worker_connections or use nginx_lb_settings: tuned",
    "Too many open files": "raise nginx_lb_nofile",
    "Cannot assign requested address": "keep upstream connections: nginx_lb_upstream_keepalive",
    "no live upstreams": "look at the servers' health",
}


def counters_agree(seen: Observation, limits: Thresholds) -> Iterator[Finding]:
    """E13: generator, balancer and servers counted the same requests of this trial."""
    generator = sum(s.completed for s in seen.samples)
    allowed = max(limits.counters_share * generator, limits.counters_count)
    statuses = seen.balancer.get("statuses", {})
    balancer = sum(count for status, count in statuses.items() if status.startswith("2"))
    if abs(generator - balancer) > allowed:
        yield Finding(
            "E13",
            "refuse",
            f"the generator counts {generator} successes, the balancer {balancer}",
            "requests were lost between generator and balancer, or the body check failed",
            abs(generator - balancer),
            allowed,
        )
    counted = [by for by in seen.served.values() if by is not None]
    if len(counted) < len(seen.served):
        yield Finding("E13", "note", "the servers keep no count of their own; theirs was not compared", "")
    else:
        servers = sum(count for by in counted for status, count in by.items() if status.startswith("2"))
        given_up = statuses.get("499", 0)
        if not balancer - allowed <= servers <= balancer + given_up + allowed:
            yield Finding(
                "E13",
                "refuse",
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
            "refuse",
            f"the generator gave up {unanswered} requests, the balancer saw {statuses.get('499', 0)} of them",
            "answers were lost between balancer and generator",
            abs(unanswered - statuses.get("499", 0)),
            allowed,
        )


def served_by(seen: Observation, _limits: Thresholds) -> Iterator[Finding]:
    """E14: the servers that answered are exactly those the cell asks for."""
    answered = {
        address
        for address, by in seen.balancer.get("upstreams", {}).items()
        if any(status.startswith("2") for status in by)
    }
    expected = set(seen.expected.values())
    strangers, silent = sorted(answered - expected - {"-"}), sorted(expected - answered)
    if strangers:
        yield Finding("E14", "refuse", f"servers outside the cell answered: {', '.join(strangers)}", "repeat the trial")
    if silent and not seen.died:
        yield Finding("E14", "refuse", f"servers of the cell never answered: {', '.join(silent)}", "look at their logs")
