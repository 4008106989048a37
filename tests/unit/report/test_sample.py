"""The sample in docs/: a real default study, as this code reads it."""

import io
import re
import subprocess
import sys

import pypdf
import pytest

from benchmarks.sample import ROOT, unpack
from harness.records.directory import StudyDirectory
from harness.study import check
from report import build
from report.model import Report
from report.output import pdf as paper


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    return unpack(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def report(sample: StudyDirectory) -> Report:
    return build.model_of(sample)[0]


@pytest.fixture(scope="module")
def printed(report: Report) -> bytes:
    return paper.pdf(report)


def test_six_cells_take_eight_pages_at_most_and_the_first_is_enough(printed: bytes, report: Report) -> None:
    reader = pypdf.PdfReader(io.BytesIO(printed))
    assert len(reader.pages) <= 8
    first = re.sub(r"\s+", " ", reader.pages[0].extract_text())
    for sentence in [*(each.text for each in report.headlines), *report.findings, report.environment]:
        assert re.sub(r"\s+", " ", sentence) in first
    assert f"page 1 of {len(reader.pages)}" in first


def test_no_page_holds_a_number_that_is_none_and_no_heading_stands_alone(printed: bytes) -> None:
    for page in pypdf.PdfReader(io.BytesIO(printed)).pages:
        text = page.extract_text()
        assert not re.search(r"\b(nan|NaN|None|inf)\b", text)
        last = [line for line in text.splitlines() if line.strip() and not line.startswith(("configuration", "page "))][
            -1
        ]
        assert last not in ("Gains", "Validity", "All trials", "Latency and errors", "Method")


def test_a_study_without_a_recorded_grade_has_the_grade_of_its_trials(sample: StudyDirectory, report: Report) -> None:
    assert sample.need_study().evidence_grade is None
    assert report.grade == "Grade A: load generator, balancer and servers were counted and observed."
    assert report.grade in (ROOT / "docs" / "sample-report.html").read_text(encoding="utf-8")


def test_page_one_can_be_recomputed_by_anybody(sample: StudyDirectory) -> None:
    build.write(sample, {"html", "data"})
    command = [sys.executable, str(ROOT / "docs" / "recompute.py"), str(sample.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    ratios = re.findall(r"\S+× \[[^]]+\]", " ".join(build.model_of(sample)[0].answer))
    assert len(ratios) >= 3
    assert set(ratios) <= set(re.findall(r"report\.html prints (\S+ \[[^]]+\])", done.stdout))


def test_the_sample_passes_its_own_check(sample: StudyDirectory) -> None:
    build.write(sample, {"data"})
    assert [line.text for line in check.check(sample) if not line.ok] == []
