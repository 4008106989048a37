"""Small synthetic studies and the pages that were approved of them (tests/golden_study.py)."""

import difflib
import json
import re
from collections.abc import Callable
from dataclasses import fields
from functools import cache

import numpy as np
import PIL.Image
import pypdfium2
import pytest

from report import build
from report.charts import drawing
from report.elements import MOST_WORDS, Table
from report.model import Report
from report.output import pdf
from tests import pages
from tests.golden_study import GOLDEN, SCALE, STUDIES, made, page

AGAIN = "; 'make golden' renders the approved pages again, then look at every page"
LARGEST_DIFFERENCE = 2.0  # mean over a page, of 255: libraries of the system set letters a little differently


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Report]:
    """The report of a study, by its name."""

    @cache
    def get(name: str) -> Report:
        return build.model_of(made(name, tmp_path_factory.mktemp(name)))[0]

    return get


@pytest.mark.parametrize("name", STUDIES)
def test_the_text_of_the_page_is_the_approved_one(report: Callable[[str], Report], name: str) -> None:
    approved = (GOLDEN / name / "page.html").read_text(encoding="utf-8")
    changes = difflib.unified_diff(approved.splitlines(), page(report(name)).splitlines(), lineterm="", n=0)
    assert list(changes) == [], "the page has another text" + AGAIN


@pytest.mark.parametrize("name", STUDIES)
def test_no_figure_has_digits_that_depend_on_the_processor(report: Callable[[str], Report], name: str) -> None:
    drawn = json.dumps([drawing.specification(chart) for chart in report(name).charts.values()])
    for figure in re.findall(r"(?<![\w.])\d+\.\d+", drawn + page(report(name))):
        assert len(figure.replace(".", "").strip("0")) <= 8, figure


@pytest.mark.parametrize("name", STUDIES)
def test_the_printed_pages_are_the_approved_ones(report: Callable[[str], Report], name: str) -> None:
    content = pdf.pdf(report(name))
    drawn_pages = list(pypdfium2.PdfDocument(content))
    assert len(drawn_pages) == len(list((GOLDEN / name).glob("page-*.png"))), "another number of pages" + AGAIN
    for number, drawn_page in enumerate(drawn_pages, 1):
        drawn = np.asarray(drawn_page.render(scale=SCALE, grayscale=True).to_pil(), dtype=float)
        approved = np.asarray(PIL.Image.open(GOLDEN / name / f"page-{number}.png").convert("L"), dtype=float)
        assert drawn.shape == approved.shape
        assert np.abs(drawn - approved).mean() < LARGEST_DIFFERENCE, f"page {number} looks different" + AGAIN
    assert pages.faults(pages.read(content)) == []


@pytest.mark.parametrize("name", STUDIES)
def test_a_table_cell_has_at_most_20_words(report: Callable[[str], Report], name: str) -> None:
    for table in tables(report(name)):
        for row in table.rows:
            assert all(len(field.split()) <= MOST_WORDS for field in row), row


def tables(report: Report) -> list[Table]:
    """All tables of a report."""
    found = [getattr(report, field.name) for field in fields(report)]
    return [table for table in [*found, report.cost and report.cost.table] if isinstance(table, Table)]


def test_the_studies_show_every_part_of_a_report(report: Callable[[str], Report]) -> None:
    all_of_them = [report(name) for name in STUDIES]
    for part in ("gains", "capacity", "failover", "cost", "findings", "requests"):
        assert any(getattr(one, part) for one in all_of_them), part
    charts = {name for one in all_of_them for name in one.charts}
    by_load = {"latency", "latency_by_load", "by_request"}
    assert charts == {"headline", "capacity_by_servers", "gains", "series", "cell"} | by_load


def test_a_long_field_is_cut_at_a_clause_and_becomes_a_footnote() -> None:
    long = (
        "the first clause has these words; the second one has many more so that both together do not fit into one cell"
    )
    table = Table(columns=["a", "b"], rows=[["1", long], ["2", "short"], ["3", long], ["4", f"{long} either"]])
    assert table.rows[0] == ["1", "the first clause has these words\u00a0…¹"]
    assert table.rows[1] == ["2", "short"]
    assert table.rows[2][1].endswith("…¹")
    assert table.footnotes == (f"¹ {long}", f"² {long} either")
    assert table.only([1, 3], "some").footnotes == (f"² {long} either",)
