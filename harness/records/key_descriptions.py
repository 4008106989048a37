"""The meaning of every key of trial.json and study.json, in one place. `docs/generate.py` makes tables of it.

In a key's path `<word>` stands for any name, `[]` for each entry of a list, `…` for everything below. Tests verify that
each key of a real study is described, and that each described key exists in the record types.
"""

from __future__ import annotations

from typing import NamedTuple


class Key(NamedTuple):
    """What a value means. `raw` values were read; the others are derived from raw data by `harness.judge`."""

    meaning: str
    unit: str = ""
    raw: bool = False


SECOND = "s since second 0"
TRIAL: dict[str, Key] = {
    "format": Key("version of this format, 1"),
    "id": Key("name of this load, sent as header `X-Study-Trial` and found in logs and counters; empty without a load"),
    "cell.<factor>": Key("the cell: factor → level; always `servers` and the load"),
    "repeat": Key("number of the repeat and of its block, from 1; 0 for a probe of a search"),
    "probe": Key("number of a probe of a search at its load, from 1; null in blocks and in earlier studies"),
    "control": Key("whether it is its block's control trial (rule E20), compared with its twin only"),
    "block_position": Key("place in the order of all trials, from 1"),
    "started_at": Key("when the study requested the load, by the clock of the controlling machine", "time of day"),
    "outcome": Key("`ok`, `warning`, `server_down`, `invalid`, or `failed` (could not be carried out)"),
    "cause": Key("why the outcome is not `ok`, in words"),
    "window.from_s": Key("start of the steady window", SECOND),
    "window.to_s": Key("end of the steady window", SECOND),
    "tps_mean": Key("mean rate of successes in the window (rule E1)", "req/s"),
    "tps_peak": Key("largest mean over consecutive seconds of the trial, without the drain (rule E2)", "req/s"),
    "error_rate": Key("failed share of all requests in the window", "share"),
    "latency_ms.p50": Key("median of the successes in the window; `null` without any", "ms"),
    "latency_ms.p95": Key("95th percentile of the successes; needs 100 requests", "ms"),
    "latency_ms.p99": Key("99th percentile of the successes; needs 662 requests by default (rule E4)", "ms"),
    "latency_with_failures_ms.<percentile>": Key(
        "`p50`, `p95`, `p99` with each failure at the timeout or more; compared with objectives", "ms"
    ),
    "objective_counts.requests": Key("responses and failures of the window, by its two histograms", "requests"),
    "objective_counts.late": Key(
        "failures, and requests slower than the objective for p95 if there is one", "requests"
    ),
    "objective_counts.failed": Key("failures", "requests"),
    "requests.<name>.requests": Key(
        "requests of this name due or sent in the window; `{}` for one plain request", "requests", raw=True
    ),
    "requests.<name>.failed": Key("of these, the failed ones", "requests", raw=True),
    "requests.<name>.completed": Key("successes that ended in the window", "requests", raw=True),
    "requests.<name>.slow": Key(
        "of `requests`, successes slower than the objective p95, by the load generator", "requests", raw=True
    ),
    "requests.<name>.errors.<kind>": Key("failures of the window by kind", "requests", raw=True),
    "requests.<name>.share": Key("share of all requests (rule E25)", "share"),
    "requests.<name>.tps": Key("mean rate of successes in the window", "req/s"),
    "requests.<name>.error_rate": Key("failed share; `null` without requests", "share"),
    "requests.<name>.latency_ms.<statistic>": Key(
        "`mean`, `p50`, `p90` (needs 50 requests), `p95`, `p99` and `max` of the successes", "ms"
    ),
    "requests.<name>.latency_with_failures_ms.<percentile>": Key("as `latency_with_failures_ms`", "ms"),
    "requests.<name>.late": Key(
        "failures, and requests slower than the own objective for p95; `null` without one", "requests"
    ),
    "transactions.…": Key("the same for transactions of `steps`, without a share; `{}` for requests"),
    "logins.completed": Key("successful logins of the whole load; `{}` without a login", "logins", raw=True),
    "logins.errors.<kind>": Key("failed logins by kind; each is repeated", "logins", raw=True),
    "sent.<count>": Key(
        "digest of the first 1, 2, 4, … transactions of all users, or of arrivals; equal within a block",
        raw=True,
    ),
    "latency_source": Key("`generator`, or `balancer` (whole ms) if the load generator keeps no times"),
    "unloaded_ms": Key("response time R0 without load, median of the verifying requests", "ms", raw=True),
    "load_s": Key("from second 0 until the last user finished", "s", raw=True),
    "overhead_s": Key("from the end of the previous load to this second 0; `null` for the first", "s", raw=True),
    "counters.generator.completed": Key("successes of the whole trial, summed over `samples.csv`", "requests"),
    "counters.generator.failed": Key("failures of the whole trial, summed over `samples.csv`", "requests"),
    "counters.generator.totals.<outcome>": Key(
        "nGrinder's own `completed` and `failed`, as `samples.csv` has the balancer's counts (rule E13); else `{}`",
        "requests",
        raw=True,
    ),
    "counters.generator.errors.<kind>": Key(
        "failures by kind: `timeout`, `refused`, `aborted`, `not sent`, `no rows`, `status 500` and so on",
        "requests",
        raw=True,
    ),
    "counters.generator.delays.<µs>": Key(
        "with `rate`: requests due in the window by their send delay, to 3 %; empty with users", "requests", raw=True
    ),
    "counters.generator.statuses.<status>": Key("responses to a Locust script, by status", "responses"),
    "counters.generator.workers": Key("generator processes that took part", "processes", raw=True),
    "counters.balancer.statuses.<status>": Key(
        "responses by status, from the balancer's log; 499: abandoned by the generator", "requests", raw=True
    ),
    "counters.balancer.upstreams.<address>.<status>": Key(
        "responses by the server that responded last, and status", "requests", raw=True
    ),
    "counters.balancer.retried": Key("requests that were tried at more than one server", "requests", raw=True),
    "counters.balancer.request_s.<percentile>": Key(
        "`p50`, `p95`, `p99` of the balancer's own times in the window", "s", raw=True
    ),
    "counters.balancer.upstream_mean_s": Key(
        "mean time of the servers for a response in the window; `null` without responses", "s", raw=True
    ),
    "counters.balancer.request_mean_s": Key(
        "mean time at the balancer of the requests in `upstream_mean_s`; `null` without responses and in older studies",
        "s",
        raw=True,
    ),
    "counters.balancer.mean_in_flight": Key(
        "mean number in flight at the balancer in the window", "requests", raw=True
    ),
    "counters.balancer.worker_cpu_s[]": Key("CPU time of each worker, or thread, since its start", "s", raw=True),
    "counters.balancer.events.<event>": Key("named events in its error log (rule E9)", "lines", raw=True),
    "counters.balancer.events_first_s.<event>": Key("first occurrence of each event", SECOND, raw=True),
    "counters.servers.<server>.<status>": Key(
        "the server's own count by status; `null` for a server without counts", "requests", raw=True
    ),
    "hosts.<host>.<when>.running": Key(
        "whether the host's container or unit ran, `before` and `after` the load", raw=True
    ),
    "hosts.<host>.<when>.started_at": Key(
        "its start; a different value `after` means that it died", "time of day", raw=True
    ),
    "hosts.<host>.<when>.restarts": Key("restarts by container engine or systemd", "times", raw=True),
    "hosts.<host>.<when>.oom_killed": Key("whether it was killed for lack of memory", raw=True),
    "hosts.<host>.<when>.exit_code": Key("exit code of a container that ended; −1 for a missing one", raw=True),
    "hosts.<host>.<when>.cpus": Key(
        "its CPU limit, or all cores of its machine; `null` without a limit in the lab", "cores", raw=True
    ),
    "hosts.<host>.<when>.image": Key("image by name; empty for a unit", raw=True),
    "context.users": Key("actual virtual users; 0 with `rate`", "users", raw=True),
    "context.lost_workers": Key("generator processes that were lost", "processes", raw=True),
    "context.stopped_s": Key("whole seconds of a load that was stopped early; else `null`", SECOND, raw=True),
    "context.generators[]": Key("hosts that generated load", raw=True),
    "context.balancer": Key("the balancer's host", raw=True),
    "context.balancing.balancer": Key("balancer of the cell; nginx in older records", raw=True),
    "context.balancing.method": Key("balancing method in force", raw=True),
    "context.balancing.max_fails": Key("`nginx_lb_max_fails` in force; `null` if unknown", "failures", raw=True),
    "context.balancing.fail_timeout": Key("`nginx_lb_fail_timeout` in force", "nginx's notation", raw=True),
    "context.balancing.next_upstream": Key("`nginx_lb_next_upstream` in force; empty if unknown", raw=True),
    "context.balancing.next_upstream_tries": Key(
        "`nginx_lb_next_upstream_tries` in force; `null` if unknown", "servers", raw=True
    ),
    "context.balancing.next_upstream_timeout": Key(
        "`nginx_lb_next_upstream_timeout` in force; empty if unknown", "nginx's notation", raw=True
    ),
    "context.balancing.connect_timeout": Key(
        "`nginx_lb_connect_timeout` in force; empty if unknown", "nginx's notation", raw=True
    ),
    "context.expected_servers.<server>": Key("servers of the cell", "address:port", raw=True),
    "context.health.<server>": Key(
        "status of each running server's health check after the load; 502 or 504: no response", raw=True
    ),
    "context.kind": Key("`lab`, `rehearsal` or `hosts`", raw=True),
    "context.ceiling": Key(
        "maximum of generator and balancer without a server; `null` if not measured", "req/s", raw=True
    ),
    "context.machine_of.<host>": Key("the machine of a host", raw=True),
    "context.network.<host>.listen_overflows": Key(
        "connections dropped at a full listen queue since the window began", "connections", raw=True
    ),
    "context.network.<host>.retransmits": Key(
        "TCP segments retransmitted since the window began", "segments", raw=True
    ),
    "context.network.<host>.segments": Key("TCP segments sent since the window began", "segments", raw=True),
    "context.network.<host>.time_wait": Key("sockets in state TIME_WAIT after the load", "sockets", raw=True),
    "context.network.<host>.<allowance>": Key(
        "increase of EC2's `…_allowance_exceeded` since the window began; absent elsewhere", "packets", raw=True
    ),
    "context.logged.<server>.<event>": Key("named events in the server's log (rule E9)", "lines", raw=True),
    "context.cpu_models.<host>": Key("processor of each host that is a machine of its own", raw=True),
    "context.dependencies.<host>.name": Key("name of a shared dependency in sentences; none without any", raw=True),
    "context.dependencies.<host>.cores": Key(
        "cores that its program can use at most; `null` without such a limit", "cores", raw=True
    ),
    "context.dependencies.<host>.connections": Key(
        "most connections that it accepts (`dependency_connections`); `null` if the inventory has no number", raw=True
    ),
    "context.unavailable.<rule>": Key("why a rule cannot be evaluated, or not in full"),
    "context.pacing.<server>.offered": Key(
        "time offered by a paced server's slots in the window (slots × its length)", "s", raw=True
    ),
    "context.pacing.<server>.busy": Key("slot time used by requests", "s", raw=True),
    "context.pacing.<server>.lost": Key("slot time lost for lack of CPU (rule E23)", "s", raw=True),
    "context.pacing.<server>.late": Key("delay of responses after the end of their slots, summed", "s", raw=True),
    "context.pacing.<server>.answers": Key("responses in the window", "requests", raw=True),
    "context.server_failure.servers[]": Key("servers that the cell fails; `{}` without any", raw=True),
    "context.server_failure.at_s": Key("planned time of the failure", SECOND, raw=True),
    "context.server_failure.stopped_s.<server>": Key(
        "end of each server by its container engine; absent for one that was not killed", SECOND, raw=True
    ),
    "context.server_failure.problems.<server>": Key("why a server was not killed", raw=True),
    "failover.servers[]": Key("servers that were killed as planned (rule E24); `{}` without any"),
    "failover.of": Key("servers before the failure", "servers"),
    "failover.at_s": Key("end of the first of them", SECOND),
    "failover.failed": Key("requests that failed from then on, by the generator", "requests"),
    "failover.failed_at_balancer": Key("the same by `balancer.csv`", "requests"),
    "failover.failing_s": Key("from the failure to the last failed request; `null` without any", "s"),
    "failover.expected": Key("expected throughput of the survivors, relative to before", "share"),
    "failover.recovery_s": Key("from the failure to the recovery of throughput; `null` if it never recovered", "s"),
    "failover.latency_recovery_s": Key("the same for the mean latency", "s"),
    "failover.p95_recovery_s": Key("the same for p95; `null` without an objective, or if exceeded before", "s"),
    "failover.before.from_s": Key("start of the window up to the failure", SECOND),
    "failover.before.to_s": Key("end of the window up to the failure", SECOND),
    "failover.before.tps": Key("mean rate of successes in it", "req/s"),
    "failover.before.error_rate": Key("failed share of all requests in it", "share"),
    "failover.before.mean_ms": Key("mean latency of the successes in it", "ms"),
    "failover.before.over_p95": Key("share of its requests that failed or exceeded the objective p95", "share"),
    "failover.after.from_s": Key(
        "start of the window from the recovery on; without recovery the later half of the rest", SECOND
    ),
    "failover.after.to_s": Key("end of that window", SECOND),
    "failover.after.tps": Key("as `failover.before.tps`", "req/s"),
    "failover.after.error_rate": Key("as `failover.before.error_rate`", "share"),
    "failover.after.mean_ms": Key("as `failover.before.mean_ms`", "ms"),
    "failover.after.over_p95": Key("as `failover.before.over_p95`", "share"),
    "figures.users": Key("as `context.users`", "users"),
    "figures.littles_law_residual": Key("residual h of rule E5; `null` without think times", "share of users"),
    "figures.mean_in_flight": Key("mean in flight in the window, by generator or else balancer", "requests"),
    "figures.mean_think_s": Key("mean think time in the window", "s"),
    "figures.generator_lag_ms": Key("largest delay of the generator's event loop in the window", "ms"),
    "figures.drift": Key("second half of the window relative to the first (rule E10)", "ln of a ratio"),
    "figures.latency_drift": Key("the same for the mean latency", "ln of a ratio"),
    "figures.server_cost.<server>": Key(
        "cost of a request for each server: CPU share per request share, or slot time (rule E12)", "relative"
    ),
    "figures.steady_from_s": Key("start of steady throughput (MSER); `null` if unknown", SECOND),
    "figures.foreign_cpu.<machine>": Key("CPU used by processes outside the study (rule E11)", "share"),
    "figures.cpu_ms_per_request.<role>": Key(
        "CPU time of a request at `generator`, `balancer` and `servers` (rule E22)", "ms"
    ),
    "figures.retransmitted": Key("largest share of segments that a host retransmitted", "share"),
    "figures.timeline[]": Key("events and deaths, in the order of time", "s since second 0, words"),
    "figures.of_ceiling": Key("`tps_mean` relative to `context.ceiling`", "share"),
    "figures.offered_per_s": Key(
        "with `rate`: requests due in the window; `null` with users, as the next three", "req/s"
    ),
    "figures.offered_sent": Key("share of them sent in the window", "share"),
    "figures.falls_behind": Key("whether fewer than 98 % of them ended in the window: a queue grows"),
    "figures.offered_late": Key("those that waited because too many were in flight", "requests"),
    "figures.send_delay_p99_ms": Key("99th percentile of their send delay", "ms"),
    "findings[].rule": Key("the evidence rule that fired, `E3` to `E24`"),
    "findings[].severity": Key("`invalid`, `warning` or `note`"),
    "findings[].cause": Key("what was found, in words"),
    "findings[].next_step": Key("the recommended action"),
    "findings[].figure": Key("the figure", "the rule's own"),
    "findings[].threshold": Key("the threshold it was compared with", "the rule's own"),
    "findings[].kind": Key(
        "topic, of rules with several: `uneven shares`, `slow server`, `collapse`, `no rows`, `lateness`; else empty"
    ),
    "findings[].cause_sentence.message": Key(
        "`cause` with placeholders, for a report in another language; `cause_sentence` is `null` in older studies"
    ),
    "findings[].cause_sentence.facts.…": Key("placeholder → text, number, sentence of the same form, or list of them"),
    "findings[].next_step_sentence.message": Key("the same for `next_step`; `null` if that is empty"),
    "findings[].next_step_sentence.facts.…": Key("as `cause_sentence.facts`"),
    "bottleneck.component": Key("`generator`, `load`, `balancer`, `network`, `dependency`, `server` or `unknown`"),
    "bottleneck.reason": Key("the reason, in words"),
    "bottleneck.basis.kind": Key("what was seen: a value of `harness/records/reasons.py::ReasonKind`"),
    "bottleneck.basis.subject": Key("host or servers that it concerns; empty for none, or for all servers together"),
    "bottleneck.basis.detail": Key("text of the finding or of the log, where it has one"),
    "bottleneck.basis.detail_sentence.message": Key("as `findings[].cause_sentence`, for `detail`; `null` for a log's"),
    "bottleneck.basis.detail_sentence.facts.…": Key("as `findings[].cause_sentence.facts`"),
    "bottleneck.basis.users": Key("users whose load was served completely, else `null`", "users"),
    "bottleneck.next_bottleneck": Key("the next bottleneck; empty if none is near"),
    "bottleneck.figures.users_bound": Key(
        "maximum rate of the users, N / (R0 + Z); R0 at most that of the fastest 1 % under load", "req/s"
    ),
    "bottleneck.figures.of_users_bound": Key(
        "throughput relative to that, (T + X·R0) / N if thinking users are counted; `null` above 102 %", "share"
    ),
    "bottleneck.figures.offered_per_s": Key("as `figures.offered_per_s`; absent with users, as the next two", "req/s"),
    "bottleneck.figures.of_offered": Key("successful share of the requests due in the window", "share"),
    "bottleneck.figures.latency_rise": Key("mean latency of the window's second half relative to the first", "ratio"),
    "bottleneck.figures.server_cpu": Key("CPU utilization of the busiest server in the window", "share of its limit"),
    "bottleneck.figures.server_slots": Key(
        "utilization of the busiest paced server's slots; `null` without paced servers", "share"
    ),
    "bottleneck.figures.server_throttled": Key("share of periods in which servers were throttled, mean", "share"),
    "bottleneck.figures.generator_cpu": Key(
        "busiest generator process, mean over the window", "share of a core or its limit"
    ),
    "bottleneck.figures.balancer_cpu": Key("busiest worker or thread of it", "share of a core or its limit"),
    "bottleneck.figures.dependency_cpu": Key(
        "busiest dependency in the window; absent without dependencies, `null` without an allowance",
        "share of its allowance",
    ),
    "bottleneck.figures.dependency_connections": Key(
        "connections in use, of the dependency with the largest share; absent or `null` as well",
        "share of the most that it accepts",
    ),
    "bottleneck.figures.dependency_times": Key("time of a request in a dependency / `unloaded_s`", "ratio"),
    "bottleneck.figures.response_s": Key(
        "mean response time in the window: with users by Little's law, with `rate` by the balancer's log", "s"
    ),
    "bottleneck.figures.upstream_s": Key("as `counters.balancer.upstream_mean_s`", "s"),
    "bottleneck.figures.unloaded_s": Key("R0, as `unloaded_ms`", "s"),
    "bottleneck.figures.times": Key("`response_s` / `unloaded_s`", "ratio"),
    "bottleneck.figures.served": Key("`upstream_s` / `response_s`, the servers' part", "share"),
    "bottleneck.figures.retransmitted": Key("as `figures.retransmitted`", "share"),
    "bottleneck.figures.over_allowance": Key(
        "largest share of a host's segments beyond its instance's allowance; `null` without one", "share"
    ),
}
