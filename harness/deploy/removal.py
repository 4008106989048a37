"""Remove everything the tool made on this machine's engine, and only that: it goes by labels."""

from __future__ import annotations

import shutil
from pathlib import Path

import docker
import docker.errors

from harness.deploy.ansible import Ansible


def remove_lab(client: docker.DockerClient, lab: str) -> list[str]:
    """Remove the containers and the network labelled with this lab; returns their names."""
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
    """Remove what site.yml brought to machines; returns the hosts on which there was something.

    Raises DeployFailed with the hosts' words.
    """
    return sorted(Ansible(root, inventory).run("playbooks/remove-deployment.yml").changed)


def remove_images(client: docker.DockerClient, owner: str) -> tuple[list[str], list[str]]:
    """Remove the images this clone built; returns (removed, kept because something uses them)."""
    removed: list[str] = []
    kept: list[str] = []
    images = client.images.list(filters={"label": f"scale-out.owner={owner}"})
    # An image goes before the one it was built from.
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
    """Remove what the lab generated, and what images are made from unless these are kept; returns their names.

    The hosts that another inventory gave stay: a study on them may be running from this clone.
    """
    for described in (root / ".state" / "inventory").glob("*.json"):
        described.unlink(missing_ok=True)  # whoever needs one makes it again; this command itself may have made it
    removed = []
    for name in (".state/lab",) if keep_images else (".state/lab", ".cache"):
        if (root / name).exists():
            shutil.rmtree(root / name)
            removed.append(name)
    return removed
