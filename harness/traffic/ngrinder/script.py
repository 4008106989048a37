"""nGrinder's load script and its files, and how its users are divided. Pure, except for reading the templates."""

from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import LoadGeneratorFailed
from harness.grid import ngrinder_script
from harness.grid.dataset import Dataset
from harness.traffic.load_generator import LoadSpec
from harness.traffic.ngrinder import translation

THREADS_PER_PROCESS = 500
MOST_PROCESSES = 10
RESOURCES = "resources"
PIECE = 60_000  # characters of a text in the script: a class allows 65,535 bytes


@dataclass(frozen=True)
class Split:
    """How users are divided: each agent runs `processes`, each with `threads` users."""

    agents: int
    processes: int
    threads: int

    @property
    def users(self) -> int:
        """Number of users in all."""
        return self.agents * self.processes * self.threads


def split(users: int, agents: int, most_per_agent: int) -> Split:
    """Divide users among agents and processes: exactly if possible, else a few fewer.

    It uses few processes, because each needs memory of its own. Raises LoadGeneratorFailed if the agents cannot run so
    many users.
    """
    each = users // agents
    if each > most_per_agent:
        raise LoadGeneratorFailed(
            f"{users:,} users on {agents} agents: {each:,} users per agent exceed nGrinder's limit of "
            f"{most_per_agent:,}. Fix: add hosts to load_generators, or raise ngrinder_controller_max_vusers_per_agent."
        )
    if each == 0:
        return Split(1, 1, users)
    fewest = math.ceil(each / THREADS_PER_PROCESS)
    exact = next((n for n in range(fewest, MOST_PROCESSES + 1) if each % n == 0), fewest)
    return Split(agents, exact, each // exact)


def settings(load: LoadSpec) -> dict[str, Any]:
    """The settings that the script reads. They are the same for all trials; `parameter` has the differences."""
    traffic = load.traffic
    found = {
        "url": load.url,
        "timeout_s": load.timeout_s,
        "think_time_s": load.think_time_s,
        "ramp_up_s": load.ramp_up_s,
        "keep_alive": load.keep_alive,
    }
    data = traffic.dataset or Dataset()
    if traffic.groovy:
        own = {"script": data.files[traffic.groovy].decode(), "script_name": traffic.groovy.rpartition("/")[2]}
        # Their digests, so that a changed file is validated again.
        return {**found, **own, "files": {key: _digest(data.files[key]) for key in traffic.groovy_files}}
    return {
        **found,
        "traffic": translation.translated(traffic.wire()),
        "rows": f"{RESOURCES}/{_rows_name(data)}" if data.rows else "",
        "files": {key: f"{RESOURCES}/{_file_name(content)}" for key, content in data.files.items()},
    }


def render(load: LoadSpec) -> str:
    """The Groovy script of a load; the same for all of its trials."""
    part = "own.groovy" if load.traffic.groovy else "declared.groovy"
    text = "".join(_template(name) for name in ("load.groovy", part))
    encoded = base64.b64encode(json.dumps(settings(load)).encode()).decode()
    pieces = [encoded[place : place + PIECE] for place in range(0, len(encoded), PIECE)]
    return text.replace("@SETTINGS@", '", "'.join(pieces))


def resources(load: LoadSpec) -> dict[str, bytes]:
    """The files next to the script, by their paths from its folder: rows and files, or those of your script."""
    traffic, data = load.traffic, load.traffic.dataset
    if data is None:
        return {}
    if traffic.groovy:
        paths = {key: f"{ngrinder_script.folder(key)}/{key.rpartition('/')[2]}" for key in traffic.groovy_files}
        return {path: data.files[key] for key, path in paths.items()}
    files = {f"{RESOURCES}/{_file_name(content)}": content for content in data.files.values()}
    if data.rows:
        files[f"{RESOURCES}/{_rows_name(data)}"] = json.dumps(translation.rows(data.rows)).encode()
    return files


def parameter(load: LoadSpec, split: Split, t0: int) -> str:
    """The parameter of a trial's test; nGrinder allows no spaces in it, and it is visible in process lists."""
    seed = hashlib.sha256(load.seed.encode()).hexdigest()[:32]
    return (
        f"trial={load.trial},t0_ms={t0 * 1000},duration_ms={round(load.duration_s * 1000)},"
        f"users={split.users},processes={split.processes},seed={seed}"
    )


def _template(name: str) -> str:
    return Path(__file__).with_name(name).read_text(encoding="utf-8")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:32]


def _file_name(content: bytes) -> str:
    return f"{_digest(content)}.bin"  # nGrinder does not pass on files without an ending


def _rows_name(data: Dataset) -> str:
    return f"rows-{data.digest[:32]}.json"


def validation_error(log: str) -> str:
    """Why the validation of a script failed, from its log; empty if it succeeded."""
    totals = re.search(r"^Totals\s+(\d+)\s+(\d+)", log, re.M)
    if totals and int(totals[1]) >= 1 and int(totals[2]) == 0 and not re.search(r"(^| )ERROR ", log, re.M):
        return ""
    if syntax := re.search(r"^(\S+\.groovy: \d+: .+)$", log, re.M):
        return syntax[1][:500]
    errors = [line.strip() for line in log.splitlines() if "ERROR" in line or "Exception" in line]
    place = re.search(r"\((?!load\.groovy)([^():\s]+\.groovy:\d+)\)", log)  # in your nGrinder script
    return (" ".join(errors[:2])[:500] or "it sent no request") + (f" at {place[1]}" if place else "")
