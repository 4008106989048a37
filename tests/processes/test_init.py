"""`study.py init` observes a real service, and `plan` accepts the grid that it writes."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import yaml

from service.train import train

ROOT = Path(__file__).resolve().parents[2]
ENTRIES = """{"log": {"entries": [
 {"request": {"method": "POST", "url": "https://shop.example/login", "postData":
   {"mimeType": "application/x-www-form-urlencoded", "text": "user=ann&password=open-sesame"}},
  "response": {"status": 200, "content": {"mimeType": "application/json", "text": "{\\"access_token\\": \\"recorded-one\\"}"}}},
 {"request": {"method": "GET", "url": "https://shop.example/history/ann?limit=5",
   "headers": [{"name": "Authorization", "value": "Bearer recorded-one"}]}, "response": {"status": 200}},
 {"request": {"method": "GET", "url": "https://shop.example/gone"}, "response": {"status": 200}}
]}}"""  # noqa: E501 - a recording


@pytest.fixture
def service(tmp_path: Path) -> Iterator[str]:
    """The bundled service as a process of this machine."""
    train(tmp_path / "digits.onnx")
    (tmp_path / "counts").mkdir()
    own = {"SERVICE_MODEL_PATH": str(tmp_path / "digits.onnx"), "PROMETHEUS_MULTIPROC_DIR": str(tmp_path / "counts")}
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "service.app:create_app", "--factory", "--port", str(port)]
    with subprocess.Popen([*command, "--log-level", "warning"], cwd=ROOT, env={**os.environ, **own}) as server:
        url = f"http://127.0.0.1:{port}"
        for _ in range(300):
            try:
                if httpx.get(f"{url}/readyz", trust_env=False).status_code == httpx.codes.OK:
                    break
            except httpx.TransportError:
                time.sleep(0.1)
        yield url
        server.terminate()


def study(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run study.py as a user does, in the user's folder."""
    return subprocess.run(
        [sys.executable, str(ROOT / "study.py"), *arguments],
        cwd=folder, capture_output=True, text=True, check=False, timeout=300,
        env={**os.environ, "SCALE_OUT_ENTERED": "1", "COLUMNS": "200", **environ},
    )  # fmt: skip


def test_a_service_is_observed_and_the_grid_passes_plan(service: str, tmp_path: Path) -> None:
    (tmp_path / "shop.har").write_text(ENTRIES, encoding="utf-8")
    words = ("init", "--har", "shop.har", "--url", service)
    done = study(*words, folder=tmp_path, PASSWORD="open-sesame")  # noqa: S106 - known to everyone
    assert done.returncode == 0, done.stderr
    assert "GET /history/ann: status 200, body " in done.stdout
    assert "GET /gone: status 404: write a path that exists" in done.stdout
    assert done.stdout.endswith("next: python study.py plan --grid shop.example.yaml\n")
    text = (tmp_path / "shop.example.yaml").read_text(encoding="utf-8")
    assert not {"open-sesame", "recorded-one"} & set(text.replace('"', " ").split())
    login, history = yaml.safe_load(text)["traffic"]["steps"]
    assert login["expect"] == {"status": 200, "body": r'"access_token"\s*:'}
    assert history["expect"]["status"] == 200, "sent with the token of this login, not the recorded one"
    again = study(*words, folder=tmp_path)
    assert (again.returncode, again.stderr.count("exists. Fix: choose another name")) == (2, 1)
    planned = study("plan", "--grid", "shop.example.yaml", folder=tmp_path, PASSWORD="open-sesame")  # noqa: S106
    assert planned.returncode == 0, planned.stderr

    done = study("init", "--url", service, "--operation", "predict", "--grid", "own.yaml", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (request,) = yaml.safe_load((tmp_path / "own.yaml").read_text(encoding="utf-8"))["traffic"]["requests"]
    assert len(request["request"]["json"]["image"]) == 64, "a body by the service's own OpenAPI document"
    assert request["expect"] == {"status": 200, "body": r'"predictions"\s*:'}
