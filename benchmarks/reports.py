"""Duration of a report, for a study and for large ones made of its trials.

    python -m benchmarks.reports STUDY [CELLS ...]

Prints a Markdown table: seconds and largest memory of `study.py report`, sizes of the files, pages. A large
study has the trials of STUDY, made 60 s long, under other levels: it is about size, not about its numbers.
"""

from __future__ import annotations

import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pypdf

from benchmarks.speed import PROGRAM, timed
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialData

SECONDS, REPEATS, TOPOLOGIES = 60, 5, 10


def enlarged(study: StudyDirectory, cells: int, into: Path) -> StudyDirectory:
    """A study of `cells` cells, five repeats of 60 s each, made of the trials of `study`."""
    study_json = study.read_json("study.json") or {}
    templates = [study.trial(where) for where, record in study.trials().items() if record.usable]
    servers = list(range(1, min(TOPOLOGIES, cells) + 1))
    vusers = [100 * (i + 1) for i in range(cells // len(servers))]
    made, planned = StudyDirectory(into), []
    for m in servers:
        for users in vusers:
            for repeat in range(1, REPEATS + 1):
                like = templates[(m + users // 100 + repeat) % len(templates)]
                where = f"servers-{m}_vusers-{users}/r{repeat}"
                planned.append(where)
                made.write_trial(where, _long(like, {"servers": m, "vusers": users}, repeat, len(planned)))
    study_json["plan"], study_json["name"] = planned, "large"
    grid = study_json["configuration"]["grid"]
    grid.update(factors={"servers": servers, "vusers": vusers}, repeats=REPEATS)
    grid["load"]["duration"] = f"{SECONDS}s"
    made.write_json("study.json", study_json)
    return made


def _long(like: TrialData, cell: dict[str, int], repeat: int, position: int) -> TrialData:
    """One trial tiled to 60 s, with throughput that grows with servers and users."""
    wanted = min(cell["vusers"] / 2, 280.0 * cell["servers"] ** 0.9) * (1 + 0.01 * (position % 7 - 3))
    factor = wanted / (like.record.tps_mean or 1.0)
    rows = [
        replace(s, t_s=t, completed=round(s.completed * factor))
        for t in range(SECONDS)
        for s in [like.samples[t % len(like.samples)]]
    ]
    record = like.record.model_copy(
        update={
            "id": str(position),
            "cell": dict(cell),
            "repeat": repeat,
            "block_position": position,
            "tps_mean": wanted,
            "tps_peak": wanted * 1.02,
            "control": False,
        }
    )
    return replace(like, record=record, samples=rows)


def row(name: str, directory: Path, times: int) -> str:
    """Return a table row with the time and memory of rendering one study."""
    seconds, memory = timed([*PROGRAM, "report", str(directory), "--quiet"], times)
    page, _ = timed([*PROGRAM, "report", str(directory), "--format=html", "--quiet"], times)
    sizes = [f"{(directory / f'report.{kind}').stat().st_size / 1e6:.1f} MB" for kind in ("html", "pdf")]
    pages = len(pypdf.PdfReader(directory / "report.pdf").pages)
    return f"| {name} | {seconds:.1f} s | {page:.1f} s | {memory:.0f} MB | {' | '.join(sizes)} | {pages} |\n"


def main() -> None:
    """Print the table."""
    study = StudyDirectory(Path(sys.argv[1]))
    out = sys.stdout.write
    out("| study | all | HTML alone | memory | HTML | PDF | pages |\n|---|---|---|---|---|---|---|\n")
    out(row(json.dumps((study.read_json("study.json") or {}).get("name")), study.path, 3))
    for cells in map(int, sys.argv[2:] or ("100", "1000")):
        with tempfile.TemporaryDirectory() as folder:
            made = enlarged(study, cells, Path(folder) / "large-00000000")
            out(row(f"{cells} cells × {REPEATS} × {SECONDS} s", made.path, 1))


if __name__ == "__main__":
    main()
