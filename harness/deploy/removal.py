"""Remove everything that the project created in this machine's container engine, found by labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker
import docker.errors

from harness.deploy.ansible import Ansible


def remove_lab(client: docker.DockerClient, lab: str) -> list[str]:
    """Remove the containers and the network with this lab's label; return their names."""
    label: dict[str, str | list[str] | bool] = {"label": f"scale-out.lab={lab}"}
    removed = []
    for container in client.containers.list(all=True, filters=label, ignore_removed=True):
        container.remove(force=True, v=True)
        removed.append(f"container {container.name}")
    for network in client.networks.list(filters=label):
        network.remove()
        removed.append(f"network {network.name}")
    return removed


def remove_from_machines(root: Path, inventory: Path) -> list[str]:
    """Remove what site.yml deployed on machines; return the hosts on which something was removed.

    Raises DeployFailed with the hosts' messages.
    """
    return sorted(Ansible(root, inventory).run("playbooks/remove-deployment.yml").changed)


def remove_images(client: docker.DockerClient, owner: str) -> tuple[list[str], list[str]]:
    """Remove the images that this clone built; return (removed, kept because they are in use)."""
    removed: list[str] = []
    kept: list[str] = []
    images = client.images.list(filters={"label": f"scale-out.owner={owner}"})
    # Remove an image before its base image.
    for image in sorted(images, key=lambda image: image.attrs["Created"], reverse=True):
        names = image.tags or [image.short_id]
        try:
            for name in names:
                client.images.remove(name)
            removed += [f"image {name}" for name in names]
        except docker.errors.APIError:
            kept += [f"image {name}" for name in names]
    return removed, kept


def remove_state(root: Path, keep_images: bool) -> list[str]:
    """Remove the lab's generated files, and the sources of images unless these are kept; return their names.

    Snapshots of inventories stay: a study of this clone may be using them.
    """
    for kept in (root / ".state" / "inventory").glob("*.json"):
        kept.unlink(missing_ok=True)  # created again when needed
    removed = []
    for name in (".state/lab",) if keep_images else (".state/lab", ".cache"):
        if (root / name).exists():
            shutil.rmtree(root / name)
            removed.append(name)
    return removed
