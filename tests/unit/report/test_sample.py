"""The sample in docs/: a real default study, rendered by the code as it is; and what its pages must hold."""

import io
import re
import subprocess
import sys

import numpy as np
import PIL.Image
import pypdf
import pypdfium2
import pytest

from benchmarks.sample import GOLDEN, ROOT, SCALE, unpack
from harness.records.directory import StudyDirectory
from harness.study import check
from report import build
from report.model import Report
from report.output import html
from report.output import pdf as paper

AGAIN = "; 'make sample' renders it again, then look at every page"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    return unpack(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="module")
def report(sample: StudyDirectory) -> Report:
    return build.model_of(sample)[0]


@pytest.fixture(scope="module")
def printed(report: Report) -> bytes:
    return paper.pdf(report)


def test_the_page_in_docs_is_from_this_code(report: Report) -> None:
    kept = (ROOT / "docs" / "sample-report.html").read_text(encoding="utf-8")
    assert html.html(report) == kept, "docs/sample-report.html is older than the code" + AGAIN


def test_the_printed_pages_look_as_they_were_approved(printed: bytes) -> None:
    """Within a tolerance: libraries of the system set letters a little differently."""
    pages = list(pypdfium2.PdfDocument(printed))
    assert len(pages) == len(list(GOLDEN.glob("page-*.png"))), "another number of pages" + AGAIN
    for number, page in enumerate(pages, 1):
        drawn = np.asarray(page.render(scale=SCALE, grayscale=True).to_pil(), dtype=float)
        approved = np.asarray(PIL.Image.open(GOLDEN / f"page-{number}.png").convert("L"), dtype=float)
        assert drawn.shape == approved.shape
        assert np.abs(drawn - approved).mean() < 2.0, f"page {number} looks different" + AGAIN


def test_six_cells_take_eight_pages_at_most_and_the_first_is_enough(printed: bytes, report: Report) -> None:
    reader = pypdf.PdfReader(io.BytesIO(printed))
    assert len(reader.pages) <= 8
    first = re.sub(r"\s+", " ", reader.pages[0].extract_text())
    for sentence in [*report.answer, *report.findings, report.where]:
        assert re.sub(r"\s+", " ", sentence) in first
    assert f"page 1 of {len(reader.pages)}" in first


def test_no_page_holds_a_number_that_is_none_and_no_heading_stands_alone(printed: bytes) -> None:
    for page in pypdf.PdfReader(io.BytesIO(printed)).pages:
        text = page.extract_text()
        assert not re.search(r"\b(nan|NaN|None|inf)\b", text)
        last = [line for line in text.splitlines() if line.strip() and not line.startswith(("configuration", "page "))][
            -1
        ]
        assert last not in ("Gains", "Validity", "Every trial", "Latency and errors", "How it was measured")


def test_page_one_can_be_recomputed_by_anybody(sample: StudyDirectory) -> None:
    build.write(sample, {"html", "data"})
    command = [sys.executable, str(ROOT / "docs" / "recompute.py"), str(sample.path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    told = re.findall(r"\S+× \[[^]]+\]", " ".join(build.model_of(sample)[0].answer))
    assert len(told) >= 3
    assert set(told) <= set(re.findall(r"report\.html prints (\S+ \[[^]]+\])", done.stdout))


def test_the_sample_passes_its_own_check(sample: StudyDirectory) -> None:
    build.write(sample, {"data"})
    assert [line.text for line in check.check(sample) if not line.ok] == []
