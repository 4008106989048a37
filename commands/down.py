"""Away with what was deployed."""

from typing import Annotated

import typer

from commands import options


def down(
    other_inventory: options.Inventory = None,
    keep_images: Annotated[bool, typer.Option("--keep-images", help="Leave the images for the next study.")] = False,
) -> None:
    """Remove everything this clone made in the lab, or site.yml on machines, and only that. Results stay.

    Machines keep the packages of their distribution; the rehearsal fleet itself goes with
    playbooks/rehearsal-down.yml, a rented one with playbooks/ec2-down.yml.
    """
    from commands.console import Console
    from harness.deploy import container_engine, host_locks, removal
    from harness.deploy.inventory.files import resolve_path
    from harness.deploy.inventory.resolve import describe

    console = Console()
    name = other_inventory or "inventory/lab"
    path = resolve_path(options.ROOT, name, options.ROOT, "--inventory")
    found = describe(options.ROOT, path, name, usable=False)
    lab = found.kind == "lab"
    removes_images = lab and not keep_images
    with host_locks.held(found, "'study.py down'", options.ROOT, removes_images):
        if not lab:
            for host in removal.remove_from_machines(options.ROOT, path):
                console.say(f"{host}: removed what was deployed")
            return
        variables = found.servers[0].variables
        client = container_engine.connect()
        removed = removal.remove_lab(client, str(variables["ml_server_labels"]["scale-out.lab"]))
        kept: list[str] = []
        if removes_images:
            images, kept = removal.remove_images(client, str(variables["study_owner"]))
            removed += images
        removed += removal.remove_state(options.ROOT, keep_images)
    for thing in removed:
        console.say(f"removed {thing}")
    for thing in kept:
        console.say(f"kept {thing}: something else uses it")
    if not removed:
        console.say("there was nothing to remove")
