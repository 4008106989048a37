"""A site's last calibration, kept beside its studies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.records.directory import digest
from harness.records.files import replace
from harness.records.study import CalibrationResult, StudyRecord

FILE = "calibrations.json"


def site_of(study: StudyRecord) -> str:
    """What a check is valid for: the kind of hosts, their machines and addresses, the engine."""
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


def keep(results: Path, check: CalibrationResult) -> None:
    """Remember a site's last check beside its studies."""
    known = {**_known(results), check.site: check.model_dump(mode="json")}
    replace(results / FILE, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def last(results: Path, site: str) -> CalibrationResult | None:
    """A site's last check; None when there is none."""
    try:
        return CalibrationResult.model_validate(_known(results)[site])
    except (KeyError, ValidationError):
        return None


def _known(results: Path) -> dict[str, Any]:
    try:
        said = json.loads((results / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
