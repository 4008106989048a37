"""The parts of roles that count a load, taken from there as they are: a simulated one is counted as a real one is."""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Iterable
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
    """A module of a role's image."""
    where = ROLES / role / "files" / "image" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(name, where)
    if spec is None or spec.loader is None:
        raise ImportError(f"{where} is no module")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # inside the image they import each other by these names
    spec.loader.exec_module(module)
    return module


def recorder(window_from_s: float, window_to_s: float, timeout_s: float) -> Any:
    """The recorder of a Locust worker."""
    return part("locust", "recorder").Recorder(window_from_s, window_to_s, timeout_s)


def residual_s(think_time_s: float, which: float, where: float) -> float:
    """What is left of a think time for a user who begins in its midst, by two draws from 0 to 1."""
    found: float = part("locust", "recorder").residual_s(think_time_s, which, where)
    return found


def engine_result(counted: Any, over_at: float) -> LoadResult:
    """What the harness gets from a master with one worker that has this recorder; its samples too."""
    trial = part("locust", "merging").Trial("t", 0.0, {"w"})
    trial.add("w", counted.take(over_at, last=True))

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("samples"):
            said: dict[str, Any] = {"samples": trial.samples(0), "over": trial.over}
        else:
            said = trial.result()
        return httpx.Response(200, content=json.dumps(said).encode())

    with httpx.Client(transport=httpx.MockTransport(answer), base_url="http://generator") as client:
        load_generator = LocustLoadGenerator(client, str)
        result = load_generator.result()
        samples, _ = load_generator.samples(0)
    return replace(result, samples=samples)


def balancer_summary(lines: Iterable[str], from_s: float, to_s: float) -> dict[str, Any]:
    """What the balancer makes of its log; the trial is called t."""
    said: dict[str, Any] = part("nginx_lb", "summarise_trial").summarise(list(lines), "t", from_s, to_s)
    return said
