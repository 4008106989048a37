"""Store the last calibration of each site next to its studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.records.directory import digest
from harness.records.files import replace
from harness.records.study import CalibrationResult, StudyRecord

FILE = "calibration.json"


def site_id(study: StudyRecord) -> str:
    """Return the identity of a site: kind of hosts, machines, addresses and load generator.

    A calibration is valid for all studies with the same identity.
    """
    environment = study.where
    machine = environment.machine
    return digest(
        {
            "kind": study.kind,
            "machine": [machine.cpu, machine.cores] if machine else [None, None],
            "hosts": {name: host.cpu for name, host in environment.hosts.items()},
            "load_generator": study.configuration.grid["load_generator"],
        }
    )


def store(results: Path, calibration: CalibrationResult) -> None:
    """Store a calibration as the last one of its site."""
    known = {**_stored(results), calibration.site: calibration.model_dump(mode="json")}
    replace(results / FILE, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def latest(results: Path, site: str) -> CalibrationResult | None:
    """Return a site's last calibration; None when there is none that can be read."""
    try:
        return CalibrationResult.model_validate(_stored(results)[site])
    except (KeyError, ValidationError):
        return None


def _stored(results: Path) -> dict[str, Any]:
    try:
        content = json.loads((results / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
