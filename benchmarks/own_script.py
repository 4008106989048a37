"""CPU cost of your Locust script under the study's recorder: `python -m benchmarks.own_script [PYTHON]`.

Runs the same script in turn with Locust alone and under the recorder (roles/locust/files/image), against a small server
on this machine, and prints a Markdown table. PYTHON is as in `benchmarks.open`. Costs are ratios of the worker's CPU
time per request, because machines differ.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import psutil

from benchmarks.open import IMAGE, SERVICE_S, _until_ready, free_port, running, site, with_locust
from harness.traffic import sent_traffic
from harness.traffic.load_generator import LoadSpec
from harness.traffic.locust import LocustLoadGenerator
from harness.traffic.sent_traffic import SentScript, SentTraffic

USERS, UNTIL_S, ROUNDS = 40, 12, 4
STARTED_S = 0.5  # CPU time of the import of Locust, at least
SCRIPT = """
from locust import {kind}, constant, task

class Plain({kind}):
    wait_time = constant(0.2)

    @task
    def get(self):
        self.client.get("/hello")
"""


def alone(python: str, file: Path) -> float:
    """Return the CPU time of a request in ms with Locust alone."""
    port, bus = free_port(), free_port()
    own = f"import asyncio, sys; from benchmarks.open import serve; asyncio.run(serve({port}, {SERVICE_S}))"
    locust = (python, "-m", "locust", f"--locustfile={file}")
    lead = ("--master", "--headless", f"--master-bind-port={bus}", "--expect-workers=1", f"--users={USERS}")
    load = (f"--spawn-rate={USERS}", f"--run-time={UNTIL_S}s", f"--host=http://127.0.0.1:{port}", "--json")
    with ExitStack() as stack:
        stack.enter_context(running(sys.executable, "-c", f"import sys; sys.path[:0] = {sys.path!r}; {own}"))
        worker = psutil.Process(stack.enter_context(running(*locust, "--worker", f"--master-port={bus}")).pid)
        before = _idle(worker)
        with subprocess.Popen([*locust, *lead, *load], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as master:
            time.sleep(UNTIL_S)
            while master.poll() is None and worker.is_running():
                try:
                    used = sum(worker.cpu_times()[:2]) - before
                except psutil.NoSuchProcess:
                    break
                time.sleep(0.02)
            output = master.stdout.read() if master.stdout else b""
    (stats,) = json.loads(output)
    return 1000 * used / int(stats["num_requests"])


def _idle(process: psutil.Process) -> float:
    """Wait until a process has started and uses no CPU for a second; return its CPU time."""
    before = -1.0
    while (used := sum(process.cpu_times()[:2])) > before + 0.03 or used < STARTED_S:
        before = used
        time.sleep(1)
    return used


def recorded(load_generator: LocustLoadGenerator, url: str, file: Path) -> float:
    """Return the CPU time of a request in ms under the study's recorder."""
    _until_ready(load_generator)
    spec = LoadSpec(
        trial="t",
        url=url,
        users=USERS,
        think_time_s=0.0,
        ramp_up_s=0.5,
        duration_s=float(UNTIL_S),
        timeout_s=10.0,
        window_from_s=1.0,
        traffic=SentTraffic(requests=(), script=SentScript(file=file.name)),
    )
    load_generator.start(spec)
    while not load_generator.samples(0)[1]:
        time.sleep(0.2)
    samples = load_generator.result().samples or []
    return 1000 * sum(each.busiest_cpu_s or 0.0 for each in samples) / sum(each.requests or 0 for each in samples)


def rows(python: str, folder: Path) -> list[tuple[str, str]]:
    """Return the rows of the table: what was measured, and its value."""
    sent_traffic.SCRIPT_FOLDER = str(folder)
    found = []
    for kind in ("HttpUser", "FastHttpUser"):
        file = folder / f"{kind.lower()}.py"
        file.write_text(SCRIPT.format(kind=kind))
        ratios, ours = [], []
        with site(python) as (load_generator, url):
            for _ in range(ROUNDS):
                ours.append(recorded(load_generator, url, file))
                ratios.append(ours[-1] / alone(python, file))
        ratios.sort()
        each = f"{statistics.median(ratios):.3f} [{ratios[0]:.3f}, {ratios[-1]:.3f}]"
        found.append((f"CPU time per request of {kind}, recorded ÷ alone", each))
        found.append((f"CPU time per request of {kind}, recorded", f"{statistics.median(ours):.3f} ms"))
    return found


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        python = sys.argv[1] if len(sys.argv) > 1 else with_locust(Path(folder))
        sys.stdout.write(f"| measurement ({os.cpu_count()} cores, Locust of {IMAGE.name}) | value |\n|---|---|\n")
        for name, figure in rows(python, Path(folder)):
            sys.stdout.write(f"| {name} | {figure} |\n")


if __name__ == "__main__":
    main()
