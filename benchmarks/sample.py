"""Render the sample report in docs/ from a real study; done at a release.

    python -m benchmarks.sample [STUDY]

With the directory of a study, its records replace those of the sample (docs/sample-study.tar.xz). Then the report and
the pictures of the README are rendered from them. Tests compare other pages, of tests/golden_study.py.
"""

from __future__ import annotations

import io
import sys
import tarfile
import tempfile
from pathlib import Path

import pypdfium2

from harness.records.directory import StudyDirectory
from report import build
from report.output import html, pdf

ROOT = Path(__file__).resolve().parent.parent
ARCHIVE = ROOT / "docs" / "sample-study.tar.xz"
SHOWN = (1, 2)  # pages that the README shows


def pack(study: Path) -> None:
    """Keep a study's records, and nothing of its logs or reports; the same study gives the same bytes."""
    files = [study / "study.json", *sorted(file for file in (study / "trials").rglob("*") if file.is_file())]
    with tarfile.open(ARCHIVE, "w:xz", preset=9) as archive:
        for file in files:
            entry = tarfile.TarInfo(f"{study.name}/{file.relative_to(study)}")
            content = file.read_bytes()
            entry.size, entry.mode = len(content), 0o644
            archive.addfile(entry, io.BytesIO(content))


def unpack(into: Path) -> StudyDirectory:
    """The sample's study."""
    with tarfile.open(ARCHIVE) as archive:
        archive.extractall(into, filter="data")
    return StudyDirectory(next(path for path in into.iterdir() if path.is_dir()))


def main() -> None:
    """Pack if requested, render, draw."""
    if len(sys.argv) > 1:
        pack(Path(sys.argv[1]).resolve())
    with tempfile.TemporaryDirectory() as folder:
        report, _ = build.model_of(unpack(Path(folder)))
    (ROOT / "docs" / "sample-report.html").write_text(html.html(report), encoding="utf-8")
    pages = pdf.pdf(report)
    (ROOT / "docs" / "sample-report.pdf").write_bytes(pages)
    for number, page in enumerate(pypdfium2.PdfDocument(pages), 1):
        if number in SHOWN:
            page.render(scale=1.6).to_pil().save(ROOT / "docs" / f"report-page-{number}.png", optimize=True)


if __name__ == "__main__":
    main()
