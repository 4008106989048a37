"""`study.py init` starts an image once and observes it."""

from __future__ import annotations

from pathlib import Path

import docker
import pytest
import yaml

from harness.deploy.inventory.hosts import Inventory
from tests.integration.conftest import study


@pytest.mark.concurrent
def test_an_image_is_started_observed_and_removed(
    deployed: Inventory, engine: docker.DockerClient, tmp_path: Path
) -> None:
    image = engine.containers.get(deployed.servers[0].container).image
    assert image is not None
    path = tmp_path / "own.yaml"
    done = study("init", "--image", image.tags[0], "--operation", "predict", "--grid", path)
    assert done.returncode == 0, done.stderr
    assert "is ready: GET /readyz returns 200" in done.stdout
    grid = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert grid["service"] == {"image": image.tags[0], "port": 8080, "health": "/readyz"}
    (request,) = grid["traffic"]["requests"]
    assert request["expect"] == {"status": 200, "body": r'"predictions"\s*:'}
    left = [each.name for each in engine.containers.list(all=True) if (each.name or "").startswith("scale-out-init-")]
    assert left == []
