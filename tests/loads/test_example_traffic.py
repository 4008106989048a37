"""grids/own-traffic.yaml against the default service: real Locust processes, and the service's own counters."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import httpx
import pytest
from sklearn.datasets import load_digits

from harness.deploy.inventory.hosts import Host, Inventory
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.traffic import run_load
from harness.traffic.data_files import DataReader
from harness.traffic.locust import LocustLoadGenerator
from service.train import train
from tests.locust_environment import free_port, generator

ROOT = Path(__file__).resolve().parents[2]
GRIDS = ROOT / "grids"
USERS = 150  # more than rows, so that some users share a name


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The URL of the default service with two processes, which share no state but their counters."""
    train(tmp_path / "digits.onnx")
    counts = tmp_path / "counts"
    counts.mkdir()
    variables = {"SERVICE_MODEL_PATH": str(tmp_path / "digits.onnx"), "PROMETHEUS_MULTIPROC_DIR": str(counts)}
    url = f"http://127.0.0.1:{(port := free_port())}"
    command = [sys.executable, "-m", "uvicorn", "service.app:create_app", "--factory", "--port", str(port)]
    environment = {**os.environ, **variables}
    environment.pop("DEMO_PASSWORD", None)
    with subprocess.Popen([*command, "--workers", "2", "--no-access-log"], cwd=ROOT, env=environment) as server:
        try:
            deadline = time.monotonic() + 60
            while not _is_ready(url):
                assert time.monotonic() < deadline, "the service does not start"
                time.sleep(0.1)
            yield url
        finally:
            server.terminate()


def _is_ready(url: str) -> bool:
    try:
        return httpx.get(f"{url}/readyz", trust_env=False).status_code == 200
    except httpx.TransportError:
        return False


def example() -> Grid:
    """The example, shorter and with less think time."""
    grid, _ = load_grid(GRIDS / "own-traffic.yaml", frozenset(), data=DataReader(folder=GRIDS))
    load = grid.load.model_copy(update={"think": 0.5, "ramp_up": 2.0, "duration": 8.0})
    return grid.model_copy(update={"load": load})


def counted(url: str, trial: str) -> dict[str, int]:
    """Status → requests of a trial, as the service counts them."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    pattern = rf'^ml_requests_total\{{status="(\d+)",trial="{re.escape(trial)}"\}} ([\d.]+)$'
    return {status: int(float(count)) for status, count in re.findall(pattern, text, re.M)}


def test_the_example_grid_is_served_by_the_default_service(service: str) -> None:
    hosts = (
        Host.parse("balancer", "load_balancers", {"study_target_url": service}),
        Host.parse("server-1", "ml_servers", {"private_ip": "10.0.0.1"}),
    )
    with generator(service, workers=2) as master:
        traffic = cast(
            run_load.TrafficContext,
            SimpleNamespace(
                grid=example(),
                inventory=Inventory("test", hosts),
                load_generator=LocustLoadGenerator(master._client, master._token_file.read_text),
                wait=lambda _: time.sleep(0.1),
                on_second=lambda _: None,
            ),
        )
        spec = run_load.load_spec(traffic, USERS, "example")
        load, result = run_load.run_load(traffic, spec, lambda _at: None)
    assert result.errors == {}
    completed = sum(sample.completed for sample in load.samples)
    assert counted(service, "example") == {"200": completed}
    assert result.logins.completed == USERS
    assert counted(service, "example.login") == {"200": USERS}
    sent = sum(each.requests for each in result.requests.values())
    chance = 4 * (sent * 0.1 * 0.9) ** 0.5  # binomial: one of ten requests
    assert abs(result.requests["history"].requests - 0.1 * sent) < chance


def test_the_rows_are_scikit_learns_first_digits() -> None:
    dataset = DataReader(folder=GRIDS).read(example())
    assert dataset
    digits = load_digits()
    assert [row["image"] for row in dataset.rows] == digits.data[:100].astype(int).tolist()
    assert [row["label"] for row in dataset.rows] == digits.target[:100].tolist()
    assert len({row["user"] for row in dataset.rows}) == 100
