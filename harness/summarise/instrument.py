"""The instrument's own check: a study whose truth is known (grids/calibration.yaml). Rules in docs/evidence.md.

Each server's capacity is exact by construction, so the true gain of every step is its ideal.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from harness.grid.schema import Grid
from harness.records.directory import digest
from harness.records.files import replace
from harness.summarise.cell import CellSummary
from harness.summarise.gains import Gain
from harness.words import percent

LARGEST_ERROR = 0.015
WIDEST = 0.03
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


def judge(gains: Sequence[Gain]) -> tuple[bool, str]:
    """PASS when every gain is within 1.5 % of its ideal and its interval within 3 %, in words."""
    if not gains:
        return False, "no gain was measured"
    told, passed = [], True
    for gain in gains:
        ideal, ratio = gain.step_ideal, gain.ratio
        if gain.kind != "gain" or ratio is None or ratio.low is None or ratio.high is None:
            told.append(
                f"{gain.from_servers} → {gain.to_servers}: no gain with an interval ({gain.reason or gain.word})"
            )
            passed = False
            continue
        error = ratio.value / ideal - 1
        within = ratio.low >= ideal * (1 - WIDEST) and ratio.high <= ideal * (1 + WIDEST)
        passed = passed and abs(error) <= LARGEST_ERROR and within
        told.append(f"{ratio.value:.3f} [{ratio.low:.3f}, {ratio.high:.3f}] for {ideal:g} (error {percent(error, 2)})")
    return passed, "found " + ", ".join(told)


def told(grid: Grid, cells: Sequence[CellSummary], gains: Sequence[Gain]) -> str:
    """What a study that is such a check found, and PASS or FAIL; empty for another one, or while a cell is missing."""
    if not grid.instrument_check or any(cell.outcome == "missing" for cell in cells):
        return ""
    passed, said = judge(gains)
    return with_verdict(said, passed)


def with_verdict(said: str, passed: bool) -> str:
    """What a check found, and PASS or FAIL, as console and report write it."""
    return f"{said}: {'PASS' if passed else 'FAIL'}"


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
