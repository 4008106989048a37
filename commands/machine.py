"""Commands on this machine and on hosts: is it ready, and away with what was deployed."""

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

ROOT = Path(__file__).resolve().parent.parent
JsonOption = Annotated[bool, typer.Option("--json", help="One JSON object a line, for machines.")]
InventoryOption = Annotated[
    str | None, typer.Option("--inventory", help="Another inventory than the grid's, e.g. inventory/lab.")
]


def doctor(as_json: JsonOption = False) -> None:
    """Is this machine ready, what is missing, and the command to mend it."""
    from harness.console import Console
    from harness.deploy import readiness

    console = Console(as_json)
    checks = readiness.check_all()
    if as_json:
        console.json([asdict(check) for check in checks])
    else:
        rows = [["ok" if check.ok else "missing", check.name, check.found] for check in checks]
        console.table(("", "needed", "found"), rows)
        for check in checks:
            if not check.ok:
                console.say(f"to mend it: {check.mend}")
        if not all(check.ok for check in checks) and readiness.may_install():
            console.say("'python study.py --grid grid.yaml' does this by itself")
    raise typer.Exit(0 if all(check.ok for check in checks) else 4)


def down(
    other_inventory: InventoryOption = None,
    keep_images: Annotated[bool, typer.Option("--keep-images", help="Leave the images for the next study.")] = False,
) -> None:
    """Remove everything this clone made in the lab, or site.yml on machines, and only that. Results stay.

    Machines keep the packages of their distribution; the rehearsal fleet itself goes with
    playbooks/rehearsal-down.yml, a rented one with playbooks/ec2-down.yml.
    """
    from harness.console import Console
    from harness.deploy import connections, inventory, removal
    from harness.deploy.description import describe

    console = Console()
    name = other_inventory or "inventory/lab"
    hosts = describe(ROOT, inventory.resolve(ROOT, name, ROOT, "--inventory"), name, usable=False)
    if hosts.kind != "lab":
        path = inventory.resolve(ROOT, name, ROOT, "--inventory")
        for host in removal.remove_from_machines(ROOT, path):
            console.say(f"{host}: removed what was deployed")
        return
    variables = hosts.servers[0].variables
    client = connections.connect()
    removed = removal.remove_lab(client, str(variables["ml_server_labels"]["scale-out.lab"]))
    kept: list[str] = []
    if not keep_images:
        images, kept = removal.remove_images(client, str(variables["study_owner"]))
        removed += images
    removed += removal.remove_state(ROOT, keep_images)
    for thing in removed:
        console.say(f"removed {thing}")
    for thing in kept:
        console.say(f"kept {thing}: something else uses it")
    if not removed:
        console.say("there was nothing to remove")
