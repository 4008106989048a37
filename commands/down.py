"""`study.py down`: remove a deployment."""

from typing import Annotated

import typer

from commands import completion, options


def down(
    inventory_name: Annotated[
        str,
        typer.Option(
            "--inventory",
            help="Inventory of the deployment, e.g. inventory/rehearsal.",
            autocompletion=completion.inventories,
        ),
    ] = "inventory/lab",
    keep_images: Annotated[
        bool, typer.Option("--keep-images", help="Keep the lab's images for the next study.")
    ] = False,
) -> None:
    """Remove everything that this clone deployed to the lab or to machines. Results are kept.

    Packages of the distribution stay on machines. playbooks/rehearsal-down.yml removes the rehearsal fleet itself,
    playbooks/ec2-down.yml a rented one.

    Example: `study.py down --inventory inventory/rehearsal --keep-images`
    """
    from commands.console import Console
    from harness.deploy import container_engine, host_locks, removal
    from harness.deploy.inventory.files import resolve_path
    from harness.deploy.inventory.resolve import describe

    console = Console()
    path = resolve_path(options.ROOT, inventory_name, options.ROOT, "--inventory")
    inventory = describe(options.ROOT, path, inventory_name, usable=False)
    lab = inventory.kind == "lab"
    removes_images = lab and not keep_images
    with host_locks.held(inventory, "'study.py down'", options.ROOT, removes_images):
        if not lab:
            for host in removal.remove_from_machines(options.ROOT, path):
                console.print(f"{host}: removed the deployment")
            return
        variables = (inventory.servers or inventory.generators)[0].variables
        labels = variables["ml_server_labels" if inventory.servers else "locust_labels"]
        client = container_engine.connect()
        removed = removal.remove_lab(client, str(labels["scale-out.lab"]))
        kept: list[str] = []
        if removes_images:
            images, kept = removal.remove_images(client, str(variables["study_owner"]))
            removed += images
        removed += removal.remove_state(options.ROOT, keep_images)
    for item in removed:
        console.print(f"removed {item}")
    for item in kept:
        console.print(f"kept {item}: it is in use")
    if not removed:
        console.print("nothing to remove")
