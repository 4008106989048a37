"""A site's last instrument check, kept beside its studies."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.records.directory import digest
from harness.records.files import replace

FILE = "instrument.json"


@dataclass(frozen=True)
class Check:
    """`site` identifies the machines; `text` tells what was found against which truth."""

    site: str
    passed: bool
    text: str
    measured_at: str
    study: str


def site_of(study: dict[str, Any]) -> str:
    """What a check is valid for: the kind of hosts, their machines and addresses, the engine."""
    environment, configuration = study["environment"], study["configuration"]
    machine = environment.get("machine", {})
    return digest(
        {
            "kind": study["kind"],
            "machine": [machine.get(key) for key in ("cpu", "cores")],
            "hosts": {name: m.get("cpu") for name, m in environment.get("hosts", {}).items()},
            "engine": configuration["grid"]["engine"],
        }
    )


def keep(results: Path, check: Check) -> None:
    """Remember a site's last check beside its studies."""
    known = _known(results)
    known[check.site] = asdict(check)
    replace(results / FILE, (json.dumps(known, indent=1, sort_keys=True) + "\n").encode())


def last(results: Path, site: str) -> dict[str, Any] | None:
    """A site's last check; None when there is none."""
    found: dict[str, Any] | None = _known(results).get(site)
    return found


def _known(results: Path) -> dict[str, Any]:
    try:
        said = json.loads((results / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
