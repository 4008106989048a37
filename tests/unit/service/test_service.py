"""The service: correct predictions, clear error messages and exact counters."""

import asyncio
import re
import time
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient

from service import calibration, counting
from service.app import create_app
from service.pace import Pace
from service.settings import Settings

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="session")
def client(model: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(model_path=model, max_batch=8))) as opened:
        yield opened


@cache
def digits() -> Any:
    """Return scikit-learn's images and labels, read once."""
    from sklearn.datasets import load_digits

    return load_digits()


def image(number: int) -> list[float]:
    return [float(v) for v in digits().data[number]]


def test_it_classifies_single_images_and_batches(client: TestClient) -> None:
    truth = [int(label) for label in digits().target[:80]]
    single = [client.post("/predict", json={"image": image(i)}).json()["predictions"][0] for i in range(80)]
    batch = client.post("/predict", json={"images": [image(i) for i in range(8)]}).json()["predictions"]
    right = sum(found["label"] == label for found, label in zip(single, truth, strict=True))
    assert right >= 0.95 * len(truth)
    assert [p["label"] for p in batch] == [p["label"] for p in single[:8]]
    assert all(0 <= p["confidence"] <= 1 for p in batch)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ({}, "either 'image' or 'images'"),
        ({"image": [0.0] * 64, "images": [[0.0] * 64]}, "either 'image' or 'images'"),
        ({"image": [0.0] * 63}, "at least 64"),
        ({"image": [17.0] * 64}, "less than or equal to 16"),
        ({"image": ["a"] * 64}, "valid number"),
        ({"images": []}, "at least 1"),
        ({"images": [[0.0] * 64] * 9}, "at most 8"),
        ({"picture": [0.0] * 64}, "Extra inputs are not permitted"),
    ],
)
def test_an_invalid_body_is_rejected_with_a_reason(client: TestClient, body: dict[str, object], reason: str) -> None:
    response = client.post("/predict", json=body)
    assert response.status_code == 422
    assert reason in response.text


def test_health_readiness_and_documentation_return_200(client: TestClient) -> None:
    for path in ("/healthz", "/readyz", "/docs"):
        assert client.get(path).status_code == 200, path


def counted(client: TestClient, trial: str) -> list[str]:
    lines = client.get("/metrics").text.splitlines()
    return [line for line in lines if line.startswith("ml_requests_total") and f'trial="{trial}"' in line]


def test_requests_are_counted_by_trial_and_status(client: TestClient) -> None:
    for body in ({"image": image(0)}, {"image": image(1)}, {}):
        client.post("/predict", json=body, headers={"X-Study-Trial": "t-1"})
    client.get("/healthz", headers={"X-Study-Trial": "t-1"})
    assert counted(client, "t-1") == [
        'ml_requests_total{status="200",trial="t-1"} 2.0',
        'ml_requests_total{status="422",trial="t-1"} 1.0',
    ]


def test_the_number_of_counted_trials_is_limited(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MOST_TRIALS", 0)
    client.post("/predict", json={"image": image(0)}, headers={"X-Study-Trial": "one-too-many"})
    client.post("/predict", json={"image": image(0)}, headers={"X-Study-Trial": 'bad"label'})
    assert counted(client, "one-too-many") == []


def test_a_missing_model_and_an_invalid_setting_are_reported(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"train one with python -m service\.train"):
        create_app(Settings(model_path=tmp_path / "none.onnx"))
    with pytest.raises(ValueError, match=r"SERVICE_MAX_BATCH is not a positive whole number \(got '0'\)"):
        Settings.from_environment({"SERVICE_MAX_BATCH": "0"})


@pytest.mark.parametrize(
    ("name", "value", "example"),
    [
        ("SERVICE_RATE", "140", "140/s"),
        ("SERVICE_RATE", "0/s", "140/s"),
        ("SERVICE_TIME", "50", "50ms"),
        ("SERVICE_TIME_SCALING", "fast", "2"),
    ],
)
def test_an_invalid_pace_is_rejected_with_an_example(name: str, value: str, example: str) -> None:
    with pytest.raises(ValueError, match=rf"{name} is not .*\(got '{value}'\)\. Allowed: for example {example}"):
        Settings.from_environment({"SERVICE_RATE": "1/s", name: value})


def test_a_pace_is_shared_by_all_processes_and_scaled_in_time() -> None:
    assert Settings.from_environment({}).pace is None
    pace = Settings.from_environment({"SERVICE_RATE": "140/s", "SERVICE_TIME": "50ms"}).pace
    assert pace == Pace(7, 0.05)
    environ = {"SERVICE_RATE": "140/s", "SERVICE_TIME": "0.1s", "SERVICE_WORKERS": "2", "SERVICE_TIME_SCALING": "4"}
    scaled = Settings.from_environment(environ).pace
    assert scaled is not None
    assert scaled.count == 7
    assert scaled.service_s == pytest.approx(0.4)


def total(client: TestClient, name: str) -> float:
    """Return a counter of this process, which other tests may have incremented; 0 before its first use."""
    found = re.search(rf"^{re.escape(name)} (\S+)$", client.get("/metrics").text, re.M)
    return float(found[1]) if found else 0.0


def test_a_paced_server_returns_its_prediction_at_the_end_of_the_slot(model: Path) -> None:
    paced = create_app(Settings(model_path=model, pace=Pace(1, 0.2)))
    responses, busy_s = "ml_paced_answers_total", 'ml_slot_seconds_total{state="busy"}'
    with TestClient(paced) as client:
        before = total(client, responses), total(client, busy_s)
        began = time.monotonic()
        found = client.post("/predict", json={"image": image(0)}).json()["predictions"][0]
        took_s = time.monotonic() - began
        after = total(client, responses), total(client, busy_s)
        assert total(client, "ml_capacity_per_second") == 5
    assert found["label"] == digits().target[0]
    assert took_s >= 0.19
    assert after[0] - before[0] == 1
    assert after[1] - before[1] == pytest.approx(0.2)


def test_the_calibration_service_responds_like_the_classifier() -> None:
    app = calibration.create_app()

    async def request() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://calibration") as client:
            assert (await client.get("/readyz")).status_code == 200
            return await client.post("/predict", json={})

    assert asyncio.run(request()).json()["predictions"][0]["label"] == 0


def test_a_database_is_used_only_where_its_address_is_set() -> None:
    assert Settings.from_environment({}).database is None
    environ = {"DATABASE_URL": "postgresql://db/app", "DATABASE_HOLD": "200ms", "SERVICE_TIME_SCALING": "3"}
    found = Settings.from_environment(environ).database
    assert found
    assert found.hold_s == pytest.approx(0.6)
    assert found.connections == 64


@pytest.mark.parametrize(
    ("name", "value"), [("DATABASE_HOLD", "200"), ("DATABASE_CONNECTIONS", "0"), ("DATABASE_CONNECTIONS", "many")]
)
def test_an_invalid_setting_of_the_database_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        Settings.from_environment({"DATABASE_URL": "postgresql://db/app", name: value})


def test_a_server_without_its_database_does_not_start(model: Path) -> None:
    environ = {"DATABASE_URL": "postgresql://app:x@127.0.0.1:9/app", "SERVICE_MODEL_PATH": str(model)}
    with pytest.raises(OSError, match="Connect"), TestClient(create_app(Settings.from_environment(environ))):
        pass
