"""How long the program's own parts take on this machine: `python -m benchmarks.speed [STUDY]`.

Prints a Markdown table. With a study's directory it also times resuming and rendering it.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import psutil

from harness.results import StudyDirectory

ROOT = Path(__file__).resolve().parent.parent
PROGRAM = [sys.executable, str(ROOT / "study.py")]


def timed(arguments: list[str], times: int = 5) -> tuple[float, float]:
    """Median seconds and largest resident memory in MB of a command."""
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


def rows(study: Path | None) -> list[tuple[str, str]]:
    """What was timed, and the result."""
    found = []
    measured = [("plan of grid.yaml", [*PROGRAM, "plan"])]
    if study is not None:
        measured.append(("rendering HTML and PDF", [*PROGRAM, "report", str(study), "--quiet"]))
    for name, arguments in measured:
        seconds, memory = timed(arguments)
        found.append((name, f"{seconds:.2f} s, {memory:.0f} MB"))
    if study is not None:
        directory = StudyDirectory(study)
        records = list(directory.trials().values())
        overheads = sorted(r.overhead_s for r in records if r.overhead_s is not None)
        said = directory.read_json("study.json") or {}
        total = sum(run["duration_s"] for run in said.get("runs", []))
        found.append((f"the study: {len(records)} trials", f"{total / 60:.1f} min"))
        if overheads:
            spread = f"median {statistics.median(overheads):.2f} s, largest {overheads[-1]:.2f} s"
            found.append(("between the end of one load and the start of the next", spread))
    return found


def main() -> None:
    """Print the table."""
    study = Path(sys.argv[1]) if len(sys.argv) > 1 else None
    sys.stdout.write(f"| what ({os.cpu_count()} cores) | figure |\n|---|---|\n")
    for name, figure in rows(study):
        sys.stdout.write(f"| {name} | {figure} |\n")


if __name__ == "__main__":
    main()
