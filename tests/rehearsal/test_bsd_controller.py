"""The controller with the programs of macOS, as far as Linux allows: see tests/bsd.py."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from tests import bsd
from tests.integration.conftest import PLAYBOOK, ROOT, command
from tests.rehearsal.conftest import INVENTORY, Fleet, small_grid


@pytest.fixture
def mac(tmp_path: Path) -> tuple[dict[str, str], Path]:
    """An environment with macOS's programs and its long temporary folder, and the file of rejected calls."""
    path, rejected = bsd.programs(tmp_path / "bin")
    folder = tmp_path / "var-folders" / "zz" / "zyxvpxvq6csfxvn_n0000000000000" / "T"
    folder.mkdir(parents=True)
    return {**os.environ, "PATH": path, "TMPDIR": str(folder)}, rejected


@pytest.mark.concurrent
def test_the_fake_programs_reject_gnu_options_like_a_mac(mac: tuple[dict[str, str], Path]) -> None:
    environment, rejected = mac
    for shell in ("date +%s.%N", "sha256sum x", "sed -i s/a/b/ x", "stat -c %s x", "timeout 1 true"):
        done = subprocess.run(["sh", "-c", shell], env=environment, capture_output=True, text=True, check=False)
        assert done.returncode in (64, 127), shell
    assert len(rejected.read_text().splitlines()) == 5
    assert subprocess.run(["sh", "-c", "date +%s"], env=environment, capture_output=True, check=False).returncode == 0


@pytest.mark.long
def test_a_deployment_needs_no_gnu_program_on_the_controller(
    deployed_fleet: Fleet, mac: tuple[dict[str, str], Path]
) -> None:
    """One host lacks its image, so the controller packs, compresses and copies it."""
    environment, rejected = mac
    image = deployed_fleet.host("server-1").variables["ml_server_image"]
    deployed_fleet.on("server-1", f"docker rm -f ml-server && docker rmi -f {image}")
    done = subprocess.run(
        [PLAYBOOK, "-i", str(INVENTORY), "site.yml"],
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    assert rejected.read_text() == ""


@pytest.mark.long
def test_a_study_needs_no_gnu_program_on_the_controller(
    deployed_fleet: Fleet, mac: tuple[dict[str, str], Path], tmp_path: Path
) -> None:
    """Also for the tunnels' sockets, whose paths would be too long in macOS's temporary folder."""
    assert deployed_fleet
    environment, rejected = mac
    grid = small_grid(tmp_path / "grid.yaml", name="mac", factors={"servers": [1, 2], "vusers": [40]}, repeats=1)
    done = subprocess.run(
        command("--grid", grid, "--results", tmp_path / "results"),
        cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=800,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    assert rejected.read_text() == ""
