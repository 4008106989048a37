"""The environment of a study: hardware, kernels, versions and configuration."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import docker.errors
import psutil

from harness.balancers.balancer import Balancer
from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host, Inventory
from harness.observe.containers import Probes
from harness.records.environment import BalancerSoftware, Environment, Machine

_SETTINGS = (
    "net/core/somaxconn",
    "net/ipv4/tcp_max_syn_backlog",
    "net/ipv4/ip_local_port_range",
    "net/ipv4/tcp_tw_reuse",
    "net/ipv4/tcp_fin_timeout",
)
_BASE_LABEL = "scale-out.base"  # roles/base_image; images inherit it
_PACKAGES = ("ansible", "ansible-core", "ansible-runner", "numpy", "scipy", "altair", "weasyprint")


def environment(
    root: Path,
    inventory: Inventory,
    probes: Probes,
    connections: Connections,
    load_generator: dict[str, str],
    levels: dict[str, dict[str, list[str]]],
    balancers: Mapping[str, BalancerSoftware],
) -> Environment:
    """Hardware, kernel, versions, and the balancers' configurations. It contains no secrets.

    In the result, `machine` is this machine and `hosts` are other machines of the inventory. `load_generator` is the
    load generator's name with its version, `levels` the result of `image_levels`, `balancers` has those of the study.
    """
    states, nginx = probes.states(), balancers.get("nginx", BalancerSoftware())
    measured = (inventory.servers[0], inventory.balancer) if inventory.servers else (inventory.generator,)
    return Environment(
        machine=Machine(
            cpu=_cpu_model(),
            cores=os.cpu_count() or 0,
            memory_gb=round(psutil.virtual_memory().total / 1e9, 1),
            kernel=platform.release(),
            system=platform.system(),
        ),
        hosts={name: machine(connections, tunnel.host) for name, tunnel in connections.tunnels.items()},
        docker=str(connections.docker(measured[0]).version().get("Version", "")),
        python=platform.python_version(),
        packages={name: version for name in _PACKAGES if (version := _version(name))},
        nginx=nginx.version,
        nginx_configuration=nginx.configuration,
        balancers={name: each for name, each in balancers.items() if name != "nginx"},
        kernel_settings={host.name: kernel_settings(probes, host) for host in measured},
        images={name: state.image for name, state in states.items()},
        image_digests={host.name: digests(connections, host, states[host.name].image) for host in inventory.observed},
        base_images=_bases(connections, inventory.observed, {name: state.image for name, state in states.items()}),
        image_levels=levels,
        git=git_state(root),
        **load_generator,
    )


def balancer_software(probes: Probes, host: Host, balancer: Balancer) -> BalancerSoftware:
    """Version and configuration of the balancer that runs on its host."""
    return BalancerSoftware(
        version=probes.run_in(host, list(balancer.version)).strip(),
        configuration=probes.run_in(host, list(balancer.configuration)),
    )


def kernel_settings(probes: Probes, host: Host) -> dict[str, str]:
    """Kernel settings that limit connections, in the host's container; empty if they cannot be read."""
    script = 'cd /proc/sys && for f in "$@"; do echo "$f $(cat $f)"; done'
    lines = probes.run_in(host, ["sh", "-c", script, "sh", *_SETTINGS]).splitlines()
    settings = dict(line.partition(" ")[::2] for line in lines)
    return {name.replace("/", "."): " ".join(value.split()) for name, value in settings.items() if value}


def machine(connections: Connections, host: Host) -> Machine:
    """Hardware and versions of a host, from its container engine and its kernel; of a unit only the processor."""
    lines = connections.run(host, ["cat", "/proc/cpuinfo"]).splitlines()
    if host.unit:  # its machine may have no container engine
        return Machine(cpu=model_name(lines), cores=sum(line.startswith("processor") for line in lines))
    info = connections.docker(host).info()
    return Machine(
        cpu=model_name(lines),
        cores=info.get("NCPU") or 0,
        memory_gb=round(info.get("MemTotal", 0) / 1e9, 1),
        kernel=info.get("KernelVersion", ""),
        system=info.get("OperatingSystem", ""),
        docker=info.get("ServerVersion", ""),
    )


def digests(connections: Connections, host: Host, image: str) -> list[str]:
    """Digests of an image on a host: its own one, then those in registries; none if the image does not exist."""
    attributes = _attributes(connections, host, image)
    if not attributes:
        return []
    return [str(attributes["Id"]), *(str(digest) for digest in attributes.get("RepoDigests") or [])]


def _attributes(connections: Connections, host: Host, image: str) -> dict[str, Any]:
    """Attributes of an image on a host; empty if the image does not exist."""
    try:
        return dict(connections.docker(host).images.get(image).attrs) if image else {}
    except docker.errors.ImageNotFound:
        return {}


def _bases(connections: Connections, hosts: Sequence[Host], images: dict[str, str]) -> dict[str, str]:
    """Host → base of its image, for images built here."""
    found = {host.name: _attributes(connections, host, images[host.name]) for host in hosts}
    return {name: text for name, attributes in found.items() if (text := base_of(attributes))}


def base_of(attributes: Mapping[str, Any]) -> str:
    """Origin of the base of an image, and the digest of its files; empty for an image that was not built here.

    `attributes` are those of the container engine. The first layer has the files of the base: of a pulled image as its
    publisher made them, of a bootstrapped one the installed packages.
    """
    origin = ((attributes.get("Config") or {}).get("Labels") or {}).get(_BASE_LABEL, "")
    layers = (attributes.get("RootFS") or {}).get("Layers") or []
    return f"{origin}, files {layers[0]}" if origin and layers else str(origin)


def image_levels(
    images: Sequence[str], inventory: Inventory, connections: Connections
) -> dict[str, dict[str, list[str]]]:
    """Compared image → server → digests of the image on it."""
    return {
        image: {
            server.name: next(
                (found for name in image_names(image) if (found := digests(connections, server, name))), []
            )
            for server in inventory.servers
        }
        for image in images
    }


def image_names(image: str) -> list[str]:
    """Possible names of an image on a host: an image with a digest has that name, or a tag derived from the digest."""
    name, _, digest = image.partition("@")
    if not digest:
        return [image]
    bare = name.rpartition(":")[0] if ":" in name.rpartition("/")[2] else name
    return [f"{bare}@{digest}", f"{bare}:{digest.replace(':', '-')}"]


def model_name(cpuinfo: list[str]) -> str:
    """The processor's name in lines of /proc/cpuinfo; empty for none."""
    return next((line.split(":", 1)[1].strip() for line in cpuinfo if line.startswith("model name")), "")


def _cpu_model() -> str:
    """The name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return model_name(lines) or platform.machine()


def git_state(root: Path) -> str:
    """The commit, with a mark if the working tree differs from it; empty outside of a git repository."""

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
