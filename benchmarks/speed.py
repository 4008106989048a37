"""Run times of the program's parts on this machine: `python -m benchmarks.speed [STUDY]`.

Prints a Markdown table. With a study's directory it also measures rendering and checking it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from harness.deploy.container_engine import connect
from harness.judge.assess import assess
from harness.records.directory import StudyDirectory

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, str(ROOT / "study.py")]


def timed(arguments: list[str], times: int = 5) -> tuple[float, float]:
    """Run a command several times; return its median seconds and largest resident memory in MB."""
    seconds, largest = [], 0.0
    for _ in range(times):
        began = time.perf_counter()
        with subprocess.Popen(arguments, stdout=subprocess.DEVNULL, cwd=ROOT) as started:
            process = psutil.Process(started.pid)
            while started.poll() is None:
                try:
                    largest = max(largest, process.memory_info().rss / 1e6)
                except psutil.NoSuchProcess:
                    break
                time.sleep(0.01)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds), largest


def watching(seconds: float) -> float:
    """Return the mean number of cores that the machine's watcher uses over `seconds`."""
    program = str(ROOT / "harness" / "observe" / "agents" / "machine.py")
    with subprocess.Popen([sys.executable, program], stdout=subprocess.DEVNULL) as started:
        process = psutil.Process(started.pid)
        time.sleep(2.0)
        before = process.cpu_times()
        time.sleep(seconds)
        after = process.cpu_times()
        started.kill()
    return (after.user + after.system - before.user - before.system) / seconds


def reading_a_container(seconds: float) -> float | None:
    """Return the cores that the engine uses to report one container's usage; None without a running container."""
    engine = connect()
    running = engine.containers.list()
    daemons = [p for p in psutil.process_iter(["name"]) if p.info["name"] in ("dockerd", "containerd")]
    if not running or not daemons:
        return None

    def used() -> float:
        return sum(times.user + times.system for times in (daemon.cpu_times() for daemon in daemons))

    spent = []
    for reading in (False, True):
        stream = engine.api.stats(str(running[0].id), stream=True, decode=True) if reading else None
        time.sleep(2.0)
        before, began = used(), time.perf_counter()
        while time.perf_counter() - began < seconds:
            if stream is None:
                time.sleep(0.2)
            else:
                next(stream)
        spent.append((used() - before) / (time.perf_counter() - began))
    engine.close()
    return max(0.0, spent[1] - spent[0])


def judging(study: Path, times: int) -> float:
    """Return the seconds that reading and judging `times` trials takes; repeats the study's trials."""
    directory = StudyDirectory(study)
    grid = directory.need_study().scaled_grid
    trials = [where for where, record in directory.trials().items() if record.context]
    began = time.perf_counter()
    for number in range(times):
        assess(directory.trial(trials[number % len(trials)]), grid)
    return time.perf_counter() - began


def rows(study: Path | None) -> list[tuple[str, str]]:
    """Return the rows of the table: what was measured, and its value."""
    found = []
    measured = [("plan of grid.yaml", [*PROGRAM, "plan"])]
    if study is not None:
        measured.append(("rendering HTML and PDF", [*PROGRAM, "report", str(study), "--quiet"]))
        measured.append(("checking it", [*PROGRAM, "check", str(study)]))
    for name, arguments in measured:
        seconds, memory = timed(arguments)
        found.append((name, f"{seconds:.2f} s, {memory:.0f} MB"))
    found.append(("watching a machine, of a core", f"{watching(20.0):.2%}"))
    engine = reading_a_container(20.0)
    if engine is not None:
        found.append(("container engine reporting one container's usage, of a core", f"{engine:.2%}"))
    if study is not None:
        found.append(("all rules on 1000 trials", f"{judging(study, 1000):.1f} s"))
        directory = StudyDirectory(study)
        records = list(directory.trials().values())
        overheads = sorted(r.overhead_s for r in records if r.overhead_s is not None)
        record = directory.read_json("study.json") or {}
        total = sum(run["duration_s"] for run in record.get("runs", []))
        found.append((f"the study: {len(records)} trials", f"{total / 60:.1f} min"))
        if overheads:
            spread = f"median {statistics.median(overheads):.2f} s, maximum {overheads[-1]:.2f} s"
            found.append(("between the end of one load and the start of the next", spread))
    return found


def main() -> None:
    """Print the table."""
    study = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.write(f"| measurement ({os.cpu_count()} cores) | value |\n|---|---|\n")
    for name, figure in rows(study):
        sys.stdout.write(f"| {name} | {figure} |\n")


if __name__ == "__main__":
    main()
