"""A platform that the study does not deploy: Docker Compose with its own nginx, scaled by the user's playbook."""

from collections.abc import Iterator
from pathlib import Path

import docker
import pytest
import yaml

from harness.deploy.inventory.hosts import OF_PLATFORM, Inventory
from harness.deploy.inventory.resolve import find
from harness.records.directory import StudyDirectory
from harness.summarise.summary import summarise_directory
from tests.integration.conftest import GRIDS, ROOT, study

pytestmark = pytest.mark.long

LARGEST_ERROR = 0.03
TRUTH = {(1, 2): 2.0, (2, 3): 1.5}  # of paced servers


@pytest.fixture
def platform(deployed: Inventory, engine: docker.DockerClient) -> Iterator[str]:
    """The name of the Compose project, which is removed at the end."""
    assert deployed, "its images exist, and the last test removes the generator"
    inventory, _ = find(ROOT, ROOT / "inventory" / "compose", "inventory/compose", groups=OF_PLATFORM)
    project = f"target-{inventory.generator.variables['locust_labels']['scale-out.lab']}"
    label: dict[str, str | list[str] | bool] = {"label": f"com.docker.compose.project={project}"}
    yield project
    for container in engine.containers.list(all=True, filters=label):
        container.remove(force=True, v=True)
    for network in engine.networks.list(filters=label):
        network.remove()


def test_a_study_scales_the_platform_and_finds_the_true_gains(
    platform: str, engine: docker.DockerClient, tmp_path: Path
) -> None:
    grid = yaml.safe_load((GRIDS / "compose.yaml").read_text(encoding="utf-8"))
    # This machine may be busy.
    written = {**grid, "repeats": 3, "evidence": {"lag_invalid": "25%"}}
    file = tmp_path / "grid.yaml"
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    done = study("--grid", file, "--results", tmp_path / "results", timeout_s=1500)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "evidence: Grade C" in done.stdout
    directory = StudyDirectory(next((tmp_path / "results").iterdir()))
    summary = summarise_directory(directory)
    assert summary.evidence_grade
    assert summary.evidence_grade.letter == "C"
    found = {(gain.from_servers, gain.to_servers): gain for gain in summary.gains}
    for step, truth in TRUTH.items():
        ratio = found[step].ratio
        assert ratio, found[step].reason
        assert found[step].kind == "gain"
        assert abs(ratio.value / truth - 1) < LARGEST_ERROR
    last = max(directory.trials().values(), key=lambda record: record.block_position)
    running = engine.containers.list(filters={"label": f"com.docker.compose.project={platform}"})
    services = [container.labels["com.docker.compose.service"] for container in running]
    assert services.count("app") == last.cell["servers"]
    assert study("check", directory.path).returncode == 0
