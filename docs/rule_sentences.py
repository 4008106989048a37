"""The sentences of the evidence rules: the condition of each, and an example."""

from __future__ import annotations

from docs.examples import Example

RULES: dict[str, list[Example]] = {
    "E3": [
        Example("The series lacks seconds.", "the series is incomplete: seconds", "repeat the trial"),
        Example("The series ends early.", "the series is incomplete: the series has", "repeat the trial"),
        Example("The series has no row.", "the series is incomplete: it is", "repeat the trial"),
        Example(
            "A process of the generator was lost.",
            "{count} generator processes",
            "check the generator's log",
            {"count": 1},
        ),
        Example(
            "Seconds lack a host's CPU reading.", "the CPU usage of {hosts}", "check `docker stats`", {"share": "90 %"}
        ),
    ],
    "E5": [
        Example("Users are late (h > 0).", "Little's-law residual {h}: these", "the load generator is late: give"),
        Example(
            "The same with a script.",
            "Little's-law residual {h}: these",
            "the load generator is late: give it more CPU or more processes; or",
        ),
        Example(
            "h < 0, thinking users counted.",
            "Little's-law residual {h}: more",
            "this is a counting error",
            {"h": "−2.4 %"},
        ),
        Example(
            "h < 0, not counted.", "Little's-law residual {h}: more", "throughput or queue changed", {"h": "−2.4 %"}
        ),
        Example("Both counts in flight differ.", "the generator counts {at_generator:,.0f}", "requests queue before"),
        Example("With a rate: the same as times.", "the generator counts requests in flight", "requests queue before"),
        Example("With a rate: the limit in flight.", "{share} of the requests waited", "use more servers or a lower"),
        Example(
            "With a rate: requests are missing.",
            "{share} of the due requests",
            "give the load generator more CPU or more processes, or add",
        ),
        Example(
            "With a rate: the send delay is large.",
            "1 % of the requests",
            "give the load generator more CPU or more processes, or add",
        ),
    ],
    "E6": [
        Example(
            "A process of the generator is busy.",
            "the CPU utilization of the busiest generator",
            "give the load generator more CPU or more processes, add",
            {"share": "95 %"},
        ),
        Example(
            "The same with a rate.",
            "the CPU utilization of the busiest generator",
            "give the load generator more CPU or more processes, add",
            {"share": "95 %", "less": "@a lower rate"},
        ),
        Example(
            "The generator's machine is busy.",
            "the CPU utilization of the generator's",
            "stop other programs on that",
            {"share": "91 %"},
        ),
        Example(
            "Users: the event loop is late.",
            "the generator's event loop was late by {lag_ms:,.0f} ms, more",
            "give the load generator more CPU, or",
            {"allowed_ms": 101.0},
        ),
        Example(
            "The event loop is slightly late.",
            "the generator's event loop was late by {lag_ms:,.0f} ms: lat",
            "give the load generator more CPU if",
        ),
        Example(
            "Objective p95: requests are sent late.",
            "5 % of the requests were",
            "give the load generator more CPU or more processes, or stop",
        ),
        Example(
            "Objective p95: the event loop is late.",
            "the generator's event loop was late by {delay_ms",
            "give the load generator more CPU or more processes, or stop",
        ),
    ],
    "E7": [
        Example(
            "Throughput is near the ceiling.",
            "throughput is {share} of the ceiling",
            "give generator and balancer",
            {"share": "93 %"},
        ),
        Example("Throughput exceeds the ceiling.", "{rate:,.0f} req/s exceed", "start the study in a new"),
    ],
    "E8": [
        Example("Requests failed.", "{share} of the requests failed ({kinds})", "check the kinds of failure"),
        Example(
            "The balancer's log has an event.",
            "{what}: {why}",
            "check the servers' health",
            {"what": "@{share} of the requests failed (", "why": "@the balancer logged"},
        ),
        Example(
            "Nearly all failures are of one kind.",
            "{share} of the requests {predicate}",
            "raise or remove the limit",
            {"predicate": "@were rejected with {status}", "status": 429},
        ),
        Example(
            "The load was stopped: failed requests.",
            "{why} ({kinds})",
            "{less}, or more servers",
            {"share": "50 %", "why": "@more than {share}"},
        ),
        Example(
            "The load was stopped: no success.",
            "no request succeeded for",
            "{less}, or more servers",
            {"less": "@a lower rate"},
        ),
        Example(
            "The same after a planned failure.",
            "{why}, without {servers}",
            "{less}, or more servers",
            {"servers": "server-2", "share": "50 %"},
        ),
        Example(
            "A server ended.",
            "{deaths} during the trial",
            "{first}; {second}",
            {"deaths": "@{server} died with", "second": "@nginx_lb_max_fails is {fails}: after {fails}"},
        ),
        Example(
            "A server was killed for lack of memory.",
            "{deaths} during the trial",
            "give the servers more memory (ml_server_memory), or find a leak; fewer",
        ),
        Example(
            "The same with a rate.",
            "{deaths} during the trial",
            "give the servers more memory (ml_server_memory), or find a leak; a lower",
        ),
        Example(
            "A server fails its health check.",
            "{server} failed its health",
            "check that server's log and",
            {"status": 503},
        ),
        Example("Rows of traffic.data ran out.", "the rows of traffic.data", "use more rows"),
        Example("Logins failed.", "some users could not log in", "check traffic.login"),
        Example(
            "Sessions: 401 or 403 with several servers.",
            "{share} of the requests {predicate}",
            "if a single server accepts",
            {"predicate": "@were rejected with {status}", "status": 401, "servers": 3},
        ),
        Example(
            "The same; the balancer can keep users.",
            "{share} of the requests {predicate}",
            "if a single server accepts this request, it keeps sessions in its memory that the others of {servers} do "
            "not have. Fix: keep sessions outside the servers or in a signed token, or",
            {
                "predicate": "@were rejected with {status}",
                "status": 403,
                "servers": 3,
                "variable": "nginx_lb_method",
                "method": "cookie",
            },
        ),
    ],
    "E9": [
        Example("The balancer's log has an event.", "the balancer logged", "check the servers' health"),
        Example(
            "A server's log: a worker ended.",
            "{host} logged",
            "a worker of uvicorn",
            {"event": "Child process died", "count": 2},
        ),
        Example(
            "A server's log: a worker was replaced.",
            "{host} logged",
            "raise or remove the service's",
            {"event": "Worker reached its request limit"},
        ),
        Example("The listen queue was full.", "{host}: {count} connections", "use a longer backlog"),
        Example("The instance's network is exhausted.", "{host}: the instance's", "use a larger instance"),
        Example(
            "The connection table is nearly full.", "{machine}: the kernel's", "raise net.netfilter", {"share": "92 %"}
        ),
    ],
    "E10": [
        Example("A trial changes (note).", "throughput changed by", "none, unless the cell's"),
        Example("A cell changes, and settles.", "not steady: from", "", {"low": "9.1 %", "high": "15.0 %"}),
        Example(
            "A cell changes, without end.",
            "not steady: from",
            "",
            {"low": "9.1 %", "high": "15.0 %", "settles": "@make ramp_up"},
        ),
        Example("Only a cell's response times change.", "{how} by {abs}"),
        Example("The same, downwards.", "{how} by {abs}", "", {"how": "@fell"}),
    ],
    "E11": [
        Example("The hypervisor takes CPU.", "{machine}: the hypervisor", "use another instance type"),
        Example("Foreign processes use CPU.", "{machine}: the CPU utilization", "find these processes"),
        Example(
            "The same, a platform of your own.",
            "{machine}: the CPU utilization by processes outside the study was {share}, which",
            "find these processes",
        ),
        Example("Processors differ.", "the servers' processors differ", "use machines of one type"),
    ],
    "E12": [
        Example("Shares differ with equal distribution.", "the balancer's shares differ", "check for removed servers"),
        Example("Shares differ with another method.", "{method} gave the servers"),
        Example("Requests were retried.", "{count} requests were retried", "check the servers' logs for"),
        Example(
            "One server is slower in a trial.",
            "{server} needed {times:.1f} times as much CPU time per request as the cheapest server in",
            "check other programs on",
        ),
        Example(
            "The same, servers of several types.",
            "{server} needed {times:.1f} times as much CPU time per request as the cheapest server of",
            "check other programs on",
            {"effect": "@{method} sends it"},
        ),
        Example(
            "The same, paced servers.",
            "{server} needed {times:.1f} times as much slot time per request as the cheapest server in",
            "check the set rate",
            {"effect": "@{method} keeps users", "method": "cookie"},
        ),
        Example(
            "The same, paced servers of several types.",
            "{server} needed {times:.1f} times as much slot time per request as the cheapest server of",
            "check the set rate",
        ),
        Example(
            "One server is slower over a cell's trials.",
            "{comparison} ({where})",
            "look for other processes",
            {"high": 1.41},
        ),
        Example("Types differ, shares are equal.", "{clause} ({where})", "use the balancing method"),
    ],
    "E13": [
        Example(
            "Successes differ.",
            "the generator counts {at_generator} successes, the balancer",
            "requests were lost between generator and balancer",
        ),
        Example(
            "Failures differ.",
            "the generator counts {at_generator} failures",
            "requests failed before",
            {"at_generator": 41, "at_balancer": 3},
        ),
        Example(
            "Without a balancer.",
            "the generator counts {at_generator} successes, the server",
            "requests were lost between generator and server",
        ),
        Example("The servers count others.", "the balancer counts", "requests were lost between balancer"),
        Example("Abandoned requests differ.", "the generator abandoned", "responses were lost"),
        Example(
            "One server has no count.",
            "{servers} reported no count, unlike",
            "check its log and network",
            {"servers": "server-2"},
        ),
        Example("The same after a death.", "{servers} reported no count; the", "", {"servers": "server-2"}),
        Example("After a planned failure.", "the failed {servers}", "", {"servers": "server-2"}),
        Example("No server has a count.", "the servers report no"),
        Example("The same without a balancer.", "the server reports no"),
    ],
    "E14": [
        Example("Other servers responded.", "servers outside the cell responded:", "repeat the trial"),
        Example("The same after a planned failure.", "servers outside the cell responded after", "repeat the trial"),
        Example("Servers did not respond.", "servers of the cell never responded:", "check their logs"),
        Example("The same after a planned failure.", "servers of the cell never responded after", "check their logs"),
    ],
    "E16": [
        Example(
            "Gains are imprecise after the last block.",
            "imprecise: {why}",
            "±{target} requires",
            {"why": "@the widest"},
        ),
    ],
    "E20": [
        Example("A trial's position has an effect.", "throughput changes by", "look for effects"),
        Example("A block was slower.", "block {block} {differs}", "look for other load", {"expm1": "6.1 %"}),
        Example(
            "A block was faster.",
            "block {block} {differs}",
            "look for other load",
            {"expm1": "6.1 %", "differs": "@ran {expm1} faster"},
        ),
        Example("A block was noisier.", "block {block} {differs}", "look for other load", {"differs": "@was {sqrt"}),
        Example(
            "The control trial differs.",
            "the same cell at the end",
            "look for CPU credits",
            {"change": "−4.1 % [−6.0 %, −2.2 %]"},
        ),
    ],
    "E22": [
        Example("Machines changed their speed.", "the machines’ own speed changed and", "measure on", {"span": 1.23}),
        Example(
            "The correlation with throughput is known.",
            "the machines’ own speed changed and made the intervals wide: a request cost {span:.2f} times as much CPU "
            "time in the slowest trial as in the fastest of equal cells (",
            "measure on",
            {"span": 1.23},
        ),
    ],
    "E23": [
        Example(
            "A paced server lost slots.",
            "this machine is too slow for the requested lab: {server} had",
            "stop other programs here",
        ),
        Example(
            "Its responses are late.",
            "this machine is too slow for the requested lab: {server} resp",
            "stop other programs here",
        ),
    ],
    "E24": [
        Example(
            "A server was not killed.",
            "{server} was not killed",
            "repeat the trial; if",
            {"at_s": 12.0, "why": "@the load ended"},
        ),
        Example("A server was killed late.", "{server} was killed at", "check the container engine"),
    ],
    "any rule": [
        Example("A trial has nothing to evaluate it with.", "not available: {reason}"),
        Example("E7: a Locust script.", "not available: {reason}", "", {"reason": "@the ceiling of generator and"}),
        Example("E7: another balancer.", "not available: {reason}", "", {"reason": "@the ceiling was measured"}),
        Example("E5: a script streams responses.", "not available: {reason}", "", {"reason": "@the script streams"}),
    ],
}
