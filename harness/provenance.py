"""Where and with what a study was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from pathlib import Path
from typing import Any

import docker
import psutil

from harness.inventory import Inventory
from harness.probes import Probes

TOLD = ("ansible", "ansible-core", "ansible-runner", "numpy", "scipy", "altair", "weasyprint")


def environment(root: Path, inventory: Inventory, probes: Probes, client: docker.DockerClient) -> dict[str, Any]:
    """Hardware, kernel, versions and the balancer's own account of its configuration; nothing secret."""
    engine = client.version()
    return {
        "machine": {
            "cpu": cpu_model(),
            "cores": os.cpu_count(),
            "memory_gb": round(psutil.virtual_memory().total / 1e9, 1),
            "kernel": platform.release(),
            "system": platform.system(),
        },
        "docker": engine.get("Version", ""),
        "python": platform.python_version(),
        "packages": {name: version for name in TOLD if (version := _version(name))},
        "nginx": probes.run_in(inventory.balancer, ["nginx", "-v"]).strip(),
        "nginx_configuration": probes.run_in(
            inventory.balancer, ["nginx", "-T", "-q", "-c", "/etc/balancer/conf/nginx.conf"]
        ),
        "locust": probes.run_in(
            inventory.generator,
            ["python3", "-c", "import importlib.metadata as m; print(m.version('locust'))"],
        ).strip(),
        "images": {
            host.name: state.image for host, state in zip(inventory.hosts, probes.states().values(), strict=True)
        },
        "git": git_state(root),
    }


def cpu_model() -> str:
    """The processor's own name where the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def git_state(root: Path) -> str:
    """Commit, and whether the tree differs from it; empty outside a checkout."""

    def git(*arguments: str) -> str:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, check=False)
        return done.stdout.strip() if done.returncode == 0 else ""

    try:
        commit = git("rev-parse", "--short=12", "HEAD")
        return f"{commit}{' with changes' if commit and git('status', '--porcelain', '--untracked-files=no') else ''}"
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return ""
