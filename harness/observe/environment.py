"""Where and with what a study was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Sequence
from pathlib import Path

import docker.errors
import psutil

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.observe.containers import Probes
from harness.records.study import Environment, Machine

SETTINGS = (
    "net/core/somaxconn",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_tw_reuse",
    "net/ipv4/tcp_fin_timeout",
)
TOLD = ("ansible", "ansible-core", "ansible-runner", "numpy", "scipy", "altair", "weasyprint")


def environment(
    root: Path,
    inventory: Inventory,
    probes: Probes,
    connections: Connections,
    load_generator: dict[str, str],
    levels: dict[str, dict[str, list[str]]],
) -> Environment:
    """Hardware, kernel, versions and the balancer's own account of its configuration; nothing secret.

    `machine` is the one this runs on; `hosts` are the machines of the inventory, where they are others;
    `engine` is the traffic engine's name with its version, `levels` what `image_levels` found.
    """
    states = probes.states()
    return Environment(
        machine=Machine(
            cpu=cpu_model(),
            cores=os.cpu_count() or 0,
            memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
            kernel=platform.release(),
            system=platform.system(),
        ),
        hosts={name: machine(connections, tunnel.host) for name, tunnel in connections.tunnels.items()},
        docker=str(connections.docker(inventory.servers[0]).version().get("Version", "")),
        python=platform.python_version(),
        packages={name: version for name in TOLD if (version := _version(name))},
        nginx=probes.run_in(inventory.balancer, ["nginx", "-v"]).strip(),
        nginx_configuration=probes.run_in(
            inventory.balancer, ["nginx", "-T", "-q", "-c", "/etc/balancer/conf/nginx.conf"]
        ),
        kernel_settings={
            host.name: kernel_settings(probes, host) for host in (inventory.balancer, inventory.servers[0])
        },
        images={name: state.image for name, state in states.items()},
        image_digests={host.name: digests(connections, host, states[host.name].image) for host in inventory.hosts},
        image_levels=levels,
        git=git_state(root),
        **load_generator,
    )


def kernel_settings(probes: Probes, host: Host) -> dict[str, str]:
    """Settings of the kernel that bound connections, as the host's container has them; empty where unreadable."""
    script = 'cd /proc/sys && for f in "$@"; do echo "$f $(cat $f)"; done'
    lines = probes.run_in(host, ["sh", "-c", script, "sh", *SETTINGS]).splitlines()
    told = dict(line.partition(" ")[::2] for line in lines)
    return {name.replace("/", "."): " ".join(value.split()) for name, value in told.items() if value}


def machine(connections: Connections, host: Host) -> Machine:
    """What a host is, by its own engine and kernel."""
    said = connections.docker(host).info()
    lines = connections.run(host, ["cat", "/proc/cpuinfo"]).splitlines()
    return Machine(
        cpu=model_name(lines),
        cores=said.get("NCPU") or 0,
        memory_gb=round(said.get("MemTotal", 0) / 1e9, 1),
        kernel=said.get("KernelVersion", ""),
        system=said.get("OperatingSystem", ""),
        docker=said.get("ServerVersion", ""),
    )


def digests(connections: Connections, host: Host, image: str) -> list[str]:
    """What identifies the image that runs: its own digest, then those by which registries know it."""
    if not image:
        return []
    try:
        said = connections.docker(host).images.get(image).attrs
    except docker.errors.ImageNotFound:
        return []
    return [str(said["Id"]), *(str(digest) for digest in said.get("RepoDigests") or [])]


def image_levels(
    images: Sequence[str], inventory: Inventory, connections: Connections
) -> dict[str, dict[str, list[str]]]:
    """Image that is compared → server → its digests there, as `digests` tells them; none where it is not."""
    return {
        image: {
            server.name: next((said for name in names_of(image) if (said := digests(connections, server, name))), [])
            for server in inventory.servers
        }
        for image in images
    }


def names_of(image: str) -> list[str]:
    """Names by which an engine may know an image: one with a digest goes by that alone, or by a tag made of it."""
    name, _, digest = image.partition("@")
    if not digest:
        return [image]
    bare = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return [f"{bare}@{digest}", f"{bare}:{digest.replace(':', '-')}"]


def model_name(cpuinfo: list[str]) -> str:
    """The processor's name in the lines of /proc/cpuinfo; empty where they have none."""
    return next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), "")


def cpu_model() -> str:
    """The processor's own name where the kernel tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return model_name(lines) or platform.machine()


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
