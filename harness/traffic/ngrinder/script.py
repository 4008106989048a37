"""nGrinder's load script and how its users are divided. Pure, but for reading the script's template."""

from __future__ import annotations

import base64
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from harness.errors import LoadGeneratorFailed
from harness.traffic.load_generator import LoadSpec

THREADS_PER_PROCESS = 500
MOST_PROCESSES = 10


@dataclass(frozen=True)
class Split:
    """How users are divided: every agent runs `processes` with `threads` users each."""

    agents: int
    processes: int
    threads: int

    @property
    def users(self) -> int:
        """How many there are in all."""
        return self.agents * self.processes * self.threads


def split(users: int, agents: int, most_per_agent: int) -> Split:
    """Divide users over agents and processes, exactly where that is possible, else a few fewer.

    Few processes, as each takes memory of its own. Raises LoadGeneratorFailed when the agents cannot have so
    many.
    """
    each = users // agents
    if each > most_per_agent:
        raise LoadGeneratorFailed(
            f"{users} users are {each} for each of {agents} agents, and nGrinder allows {most_per_agent}; "
            "add hosts to load_generators, or raise ngrinder_controller_max_vusers_per_agent"
        )
    if each == 0:
        return Split(1, 1, users)
    fewest = math.ceil(each / THREADS_PER_PROCESS)
    exact = next((n for n in range(fewest, MOST_PROCESSES + 1) if each % n == 0), fewest)
    return Split(agents, exact, each // exact)


def render(load: LoadSpec) -> str:
    """The Groovy script that plays this load; trial and times come as the test's parameter."""
    request = load.request
    settings = {
        "url": load.url + request.path,
        "method": request.method,
        "body": request.body,
        "headers": request.all_headers,
        "expect_status": list(request.expect_status),
        "expect_body": request.expect_body,
        "think_time_s": load.think_time_s,
        "ramp_up_s": load.ramp_up_s,
        "timeout_s": load.timeout_s,
    }
    text = Path(__file__).with_name("load.groovy").read_text(encoding="utf-8")
    return text.replace("@SETTINGS@", base64.b64encode(json.dumps(settings).encode()).decode())


def wrong_with_validation(log: str) -> str:
    """Why a script is no good, from the log of its validation; empty when it is."""
    totals = re.search(r"^Totals\s+(\d+)\s+(\d+)", log, re.M)
    if totals and int(totals[1]) >= 1 and int(totals[2]) == 0 and not re.search(r"(^| )ERROR ", log, re.M):
        return ""
    told = [line.strip() for line in log.splitlines() if "ERROR" in line or "Exception" in line]
    return " ".join(told[:2])[:500] or "it made no request"
