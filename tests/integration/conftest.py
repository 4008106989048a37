"""The real lab: Docker, nginx, uvicorn, Locust and Ansible on this machine.

All tests share one deployment, in any order. A test that needs the lab exactly as `site.yml` deploys it requests
`pristine`; a test that only needs a deployed lab requests `deployed`.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
import yaml

from harness.deploy.container_engine import connect
from harness.deploy.inventory.hosts import Inventory, Url
from harness.deploy.inventory.resolve import describe
from tests.containment import printed

ROOT = Path(__file__).resolve().parents[2]
GRIDS = ROOT / "grids"
PLAYBOOK = str(Path(sys.executable).with_name("ansible-playbook"))
# `make test` uses the lab and the fleet in two runs of pytest. With `keep` the first run keeps the hosts, and with
# `use` the second run uses and removes them. `stay` uses and keeps them, to repeat one test. Otherwise a run creates
# and removes them.
HOSTS = os.environ.get("HOSTS", "")
# Playbook → parts of the lab that it deploys.
PARTS = frozenset({"balancer", "servers", "generators"})
DEPLOYS = {
    "site.yml": PARTS,
    "playbooks/deploy-balancer.yml": {"balancer"},
    "playbooks/switch-topology.yml": {"balancer"},
    "playbooks/deploy-servers.yml": {"servers"},
    "playbooks/deploy-generators.yml": {"generators"},
}
changed_parts: set[str] = set(PARTS)  # parts that may differ from a deployment with `site.yml`
BUSY_MACHINE = {"E5", "E6", "E11", "E23"}  # rules that a trial breaks on a machine with too little CPU


def playbook(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run ansible-playbook as a user would."""
    done = subprocess.run([PLAYBOOK, *arguments], cwd=ROOT, capture_output=True, text=True, check=False, timeout=800)
    if not {"-i", "--check", "--syntax-check"} & set(arguments):
        parts = DEPLOYS.get(arguments[0], set())
        as_site_yml = len(arguments) == 1 and done.returncode == 0
        changed_parts.difference_update(parts) if as_site_yml else changed_parts.update(parts)
    assert done.returncode == 0 or not check, done.stdout[-4000:] + done.stderr[-2000:]
    return done


@cache
def build_images() -> None:
    """Build the lab's images, once in this process."""
    playbook("playbooks/build-images.yml")


def changed(output: str) -> int:
    """Return the number of changed tasks on all hosts."""
    recap = output.split("PLAY RECAP")[1]
    return sum(int(part.split("=")[1]) for part in recap.split() if part.startswith("changed="))


def command(*arguments: str | Path) -> list[str]:
    """Return the command line of study.py; a study and `down` change the lab."""
    if arguments[0] in ("--grid", "down"):
        changed_parts.update(PARTS)
    return [sys.executable, str(ROOT / "study.py"), *map(str, arguments)]


def study(*arguments: str | Path, timeout_s: float = 800) -> subprocess.CompletedProcess[str]:
    """Run study.py to its end."""
    return subprocess.run(
        command(*arguments), cwd=ROOT, capture_output=True, text=True, check=False, timeout=timeout_s,
        env={**os.environ, "COLUMNS": "200"},
    )  # fmt: skip


def events(output: str) -> list[dict[str, Any]]:
    """Return the JSON events that a study printed."""
    return [json.loads(line) for line in output.splitlines() if line.startswith("{")]


def wait_for(started: subprocess.Popen[str], event: str, seconds: int = 0) -> dict[str, Any]:
    """Read a running study's events up to `event`, for `sample_taken` up to a second of the trial."""
    assert started.stdout
    deadline = time.monotonic() + 600
    for line in started.stdout:
        printed = json.loads(line) if line.startswith("{") else {}
        if printed.get("event") == event and printed.get("sample", {}).get("t_s", seconds) >= seconds:
            return dict(printed)
        assert time.monotonic() < deadline, f"no {event} in time"
    raise AssertionError(f"the study ended without {event}")


def small_grid(path: Path, without: Sequence[str] = (), **more: Any) -> Path:
    """Write a grid that needs no probe of this machine's speed, `without` some of its keys."""
    base = yaml.safe_load((GRIDS / "smoke.yaml").read_text())
    base["vars"] = {"lab_time_scaling": 1}
    base["load"]["duration"] = "9s"
    base["evidence"] = {"ceiling": False, "lag_invalid": "25%"}  # this machine may be busy
    path.write_text(yaml.safe_dump({name: value for name, value in {**base, **more}.items() if name not in without}))
    return path


@pytest.fixture(scope="session")
def engine() -> Iterator[docker.DockerClient]:
    client = connect()
    yield client
    client.close()


@pytest.fixture(scope="session")
def lab() -> Inventory:
    return describe(ROOT, ROOT / "inventory" / "lab", "inventory/lab")


@pytest.fixture(scope="session")
def deployed(lab: Inventory) -> Iterator[Inventory]:
    """The lab, deployed once; removed at the end except for its images."""
    if HOSTS not in ("use", "stay"):
        assert study("down", "--keep-images").returncode == 0
        on_fresh_host = playbook("site.yml", "--check")
        assert "failed=0" in on_fresh_host.stdout
        playbook("site.yml")
    yield lab
    if HOSTS not in ("keep", "stay"):
        assert study("down", "--keep-images").returncode == 0


def wait_until_ready(lab: Inventory, engine: docker.DockerClient, within_s: float = 60.0) -> None:
    """Wait until the balancer reaches every server, and no nginx worker of an earlier configuration runs."""
    balancer = engine.containers.get(lab.balancer.container)
    deadline = time.monotonic() + within_s
    with httpx.Client(base_url=lab.balancer.url(Url.CONTROL), trust_env=False, timeout=5) as control:
        paths = [f"/servers/{server.name}/readyz" for server in lab.servers]
        while True:
            with contextlib.suppress(httpx.TransportError):
                answering = all(control.get(path).status_code == httpx.codes.OK for path in paths)
                processes = balancer.top()["Processes"] or []
                if answering and not any("shutting down" in " ".join(process) for process in processes):
                    break
            assert time.monotonic() < deadline, "the lab is not ready"
            time.sleep(0.1)


def engine_token(lab: Inventory) -> dict[str, str]:
    """Return the header that the lab's load generator requires."""
    client = connect()
    generator = client.containers.get(lab.generator.container)
    token = printed(generator, ["cat", "/tmp/study-token"]).decode()  # noqa: S108 - the container's own
    client.close()
    return {"Authorization": f"Bearer {token}"}


@pytest.fixture
def token(pristine: Inventory) -> dict[str, str]:
    """The header for the lab as `site.yml` deploys it."""
    return engine_token(pristine)


@pytest.fixture
def pristine(deployed: Inventory, engine: docker.DockerClient) -> Inventory:
    """The lab as `site.yml` deploys it; undoes changes of earlier tests."""
    if changed_parts >= PARTS:
        playbook("site.yml")
    for part in sorted(changed_parts):
        playbook(f"playbooks/deploy-{part}.yml")
    wait_until_ready(deployed, engine)
    return deployed
