"""nGrinder's load script, and how its users are divided. Pure, except for reading the script's template."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass, replace
from pathlib import Path

from harness.errors import LoadGeneratorFailed
from harness.traffic.load_generator import LoadSpec

THREADS_PER_PROCESS = 500
MOST_PROCESSES = 10


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
            f"{users} users on {agents} agents: {each} users per agent exceed nGrinder's limit of {most_per_agent}. "
            "Fix: add hosts to load_generators, or raise ngrinder_controller_max_vusers_per_agent."
        )
    if each == 0:
        return Split(1, 1, users)
    fewest = math.ceil(each / THREADS_PER_PROCESS)
    exact = next((n for n in range(fewest, MOST_PROCESSES + 1) if each % n == 0), fewest)
    return Split(agents, exact, each // exact)


def render(load: LoadSpec) -> str:
    """The Groovy script of a load. It is the same for all trials: trial and times are parameters of the test."""
    settings = replace(load, trial="", users=0, seed="").wire()
    (sole,) = load.traffic.requests
    request = sole.request
    settings["request"] = {
        "method": request.method,
        "path": request.target,
        "body": request.body,
        "headers": request.all_headers,
        "expect_status": list(sole.expect.status),
        "expect_body": sole.expect.body,
    }
    text = Path(__file__).with_name("load.groovy").read_text(encoding="utf-8")
    return text.replace("@SETTINGS@", base64.b64encode(json.dumps(settings).encode()).decode())


def validation_error(log: str) -> str:
    """Why the validation of a script failed, from its log; empty if it succeeded."""
    totals = re.search(r"^Totals\s+(\d+)\s+(\d+)", log, re.M)
    if totals and int(totals[1]) >= 1 and int(totals[2]) == 0 and not re.search(r"(^| )ERROR ", log, re.M):
        return ""
    errors = [line.strip() for line in log.splitlines() if "ERROR" in line or "Exception" in line]
    return " ".join(errors[:2])[:500] or "it sent no request"
