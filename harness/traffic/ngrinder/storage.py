"""Store a load script with its files at an nGrinder controller, after a validation."""

from __future__ import annotations

from collections.abc import Mapping

from harness.errors import LoadGeneratorFailed
from harness.traffic.ngrinder.api import Controller
from harness.traffic.ngrinder.perftest import SCRIPT
from harness.traffic.ngrinder.script import validation_error

FOLDER = SCRIPT.rpartition("/")[0]
DESCRIPTION = "created by the study"


def store(controller: Controller, script: str, files: Mapping[str, bytes]) -> None:
    """Store the files, and the script after a validation; raises LoadGeneratorFailed if that fails.

    The validation sends the login and each request once, or runs one step of a script. It uses the stored files.
    """
    _replace(controller, files)
    entry = {"path": SCRIPT, "content": script}
    log = controller.call(
        "POST", "/script/api/validate", json={"fileEntry": entry, "hostString": ""}, timeout=110.0
    ).text
    if wrong := validation_error(log):
        raise LoadGeneratorFailed(f"nGrinder's validation of the script failed: {wrong}")
    controller.call("POST", "/script/api/save", json={"fileEntry": {**entry, "description": DESCRIPTION}})


def _replace(controller: Controller, files: Mapping[str, bytes]) -> None:
    """Store exactly these files: agents get everything in the folders lib and resources."""
    listed = controller.json("GET", f"/script/api/{FOLDER}")
    old = [each["path"] for each in listed if each.get("fileName") in ("lib", "resources")]
    if old:
        controller.call("DELETE", "/script/api/delete", json=old)
    for path, content in files.items():
        folder, _, name = path.rpartition("/")
        controller.call(
            "POST",
            f"/script/api/{FOLDER}/{folder}",
            params={"action": "upload"},
            data={"description": DESCRIPTION},
            files={"uploadFile": (name, content)},
            timeout=60.0,
        )
