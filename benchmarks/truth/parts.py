"""Load the modules of roles that count requests, so that simulated and real loads are counted by the same code."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import httpx

from harness.traffic.load_generator import LoadResult
from harness.traffic.locust import LocustLoadGenerator

ROLES = Path(__file__).resolve().parents[2] / "roles"


@cache
def part(role: str, name: str) -> ModuleType:
    """Import a module of a role's image."""
    where = ROLES / role / "files" / "image" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise ImportError(f"{where} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inside the image they import each other by these names
    sys.path.insert(0, str(where.parent))
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(where.parent))
    return module


def recorder(
    window_from_s: float, window_to_s: float, timeout_s: float, *, open_load: bool = False, p95_s: float | None = None
) -> Any:
    """The recorder of a Locust worker; `p95_s` is the objective for the latency."""
    return part("locust", "recorder").Recorder(window_from_s, window_to_s, timeout_s, open_load, p95_s)


def due_times(rate_per_s: float, ramp_up_s: float, until_s: float, seed: str) -> Iterator[float]:
    """The times at which a Locust worker's requests of a Poisson load are due, in seconds."""
    times: Iterator[float] = part("locust", "arrivals").due_times(rate_per_s, ramp_up_s, until_s, "poisson", seed)
    return times


def residual_s(think_time_s: float, which: float, where: float) -> float:
    """The residual think time of a user who starts in the middle of one, by two draws from 0 to 1."""
    found: float = part("locust", "recorder").residual_s(think_time_s, which, where)
    return found


def load_result(counted: Any, over_at: float, *, open_load: bool = False, counts_slow: bool = False) -> LoadResult:
    """The result and the samples that a master with one worker sends to the harness for this recorder."""
    trial = part("locust", "merging").Trial("t", 0.0, {"w"}, open_load, counts_slow)
    trial.add("w", counted.take(over_at, last=True))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("samples"):
            content: dict[str, Any] = {"samples": trial.samples(0), "over": trial.over}
        else:
            content = trial.result()
        return httpx.Response(200, content=json.dumps(content).encode())

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://generator") as client:
        load_generator = LocustLoadGenerator(client, str)
        result = load_generator.result()
        samples, _ = load_generator.samples(0)
    return replace(result, samples=samples)


def balancer_summary(lines: Iterable[str], from_s: float, to_s: float) -> dict[str, Any]:
    """The balancer's summary of its log, for a trial named t."""
    summary: dict[str, Any] = part("nginx_lb", "summarise_trial").summarise(list(lines), "t", from_s, to_s)
    return summary
