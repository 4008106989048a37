"""CPU cost of traffic: `python -m benchmarks.traffic [PYTHON]`.

Sends the fixed request and mixes with data in turn, with the load generator's own code (roles/locust/files/image), to a
small server on this machine, and prints a Markdown table. PYTHON is as in benchmarks/open.py. Costs are ratios of the
worker process's CPU time per request, because machines differ.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.open import Measured, run, site, with_locust
from harness.grid.dataset import Dataset
from harness.grid.request import Expect, HttpRequest, Request
from harness.grid.traffic import TrafficRequest
from harness.traffic.sent_traffic import SentTraffic

ROUNDS = 3
USERS, THINK_S = 150, 0.3
ROWS = 1000
IMAGE = [round(number * 0.37 % 16, 2) for number in range(64)]  # as large as the default request's


def _request(name: str, weight: float = 1.0, **request: Any) -> TrafficRequest:
    sent = HttpRequest.model_validate(request)
    return TrafficRequest(name=name, weight=weight, request=sent, expect=Expect())


def _fixed() -> SentTraffic:
    return SentTraffic.of(Request(method="POST", path="/predict", json={"image": IMAGE}))


def _mix(pick: str = "cycle", **headers: str) -> SentTraffic:
    rows = tuple({"user": f"user {number}", "image": [*IMAGE[1:], float(number)]} for number in range(ROWS))
    predict = _request("predict", 9, method="POST", path="/predict", json={"image": "${row.image}"}, headers=headers)
    history = _request("history", 1, path="/history/${row.user}", params={"limit": 10}, headers=headers)
    return SentTraffic(requests=(predict, history), pick=pick, zipf_s=1.1, dataset=Dataset(rows=rows))


KINDS: dict[str, Callable[[], SentTraffic]] = {
    "mix of two requests, rows in turn": _mix,
    "mix of two requests, random rows": lambda: _mix("random"),
    "mix of two requests, rows by Zipf's law": lambda: _mix("zipf"),
    "mix of two requests, with values of each request": lambda: _mix(
        "cycle", **{"X-Id": "${uuid}", "X-User": "${user}"}
    ),
}


def rows(python: str) -> list[tuple[str, str]]:
    """Return the rows of the table: traffic, and its cost relative to the fixed request."""
    traffics = {"the fixed request, again": _fixed(), **{name: make() for name, make in KINDS.items()}}
    costs: dict[str, list[float]] = {name: [] for name in traffics}
    with site(python, after_s=0.0) as (load_generator, url):

        def measured(traffic: SentTraffic) -> Measured:
            return run(load_generator, url, users=USERS, think_time_s=THINK_S, traffic=traffic)

        for _ in range(ROUNDS):
            for name, traffic in traffics.items():
                fixed = measured(_fixed())
                costs[name].append(measured(traffic).cpu_ms / fixed.cpu_ms)
    return [(name, f"{statistics.median(each):.3f} [{min(each):.3f}, {max(each):.3f}]") for name, each in costs.items()]


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        python = sys.argv[1] if len(sys.argv) > 1 else with_locust(Path(folder))
        sys.stdout.write("| traffic | CPU time per request ÷ fixed request |\n|---|---|\n")
        for name, figure in rows(python):
            sys.stdout.write(f"| {name} | {figure} |\n")


if __name__ == "__main__":
    main()
