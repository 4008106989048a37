"""The report: numbers that stand in the files, complete and incomplete studies, the same bytes twice."""

import csv
import io
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pypdf
import pytest
from markupsafe import Markup

from harness.records.directory import StudyDirectory
from report import build
from report.output import html, pdf
from tests.builders import study

RATES: dict[tuple[int, int], list[float | None]] = {
    (1, 1000): [280, 284, 277, 281, 279],
    (2, 1000): [490, 495, 488, 492, 494],
    (1, 2000): [281, 283, 278, 282, 280],
    (2, 2000): [510, 517, 503, 512, 508],
}


@pytest.fixture(scope="module")
def rendered(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    """One healthy study with everything that is rendered from it, for the tests that only look."""
    directory = made(tmp_path_factory.mktemp("rendered"), limits={(2, 1000): "load"})
    build.write(directory)
    return directory


def made(tmp_path: Path, rates: dict[tuple[int, int], list[float | None]] = RATES, **more: object) -> StudyDirectory:
    return study(StudyDirectory(tmp_path / "study-0123abcd"), rates, **more)


def pdf_text(content: bytes) -> str:
    pages = pypdf.PdfReader(io.BytesIO(content)).pages
    return re.sub(r"\s+", " ", " ".join(page.extract_text() for page in pages))


def structure(item: Any) -> Iterator[Any]:
    """Every element of a PDF's tree of tags."""
    item = item.get_object()
    if isinstance(item, dict):
        yield item
        kids = item.get("/K", [])
        for kid in kids if isinstance(kids, list) else [kids]:
            yield from structure(kid)


def test_paper_is_a4_or_letter(rendered: StudyDirectory) -> None:
    def size(content: bytes) -> tuple[int, int]:
        box = pypdf.PdfReader(io.BytesIO(content)).pages[0].mediabox
        return round(float(box.width)), round(float(box.height))

    assert size((rendered.path / "report.pdf").read_bytes()) == (595, 842)
    assert size(pdf.pdf(build.model_of(rendered)[0], "Letter")) == (612, 792)


def test_the_answer_on_page_one_can_be_computed_from_the_tables(rendered: StudyDirectory) -> None:
    directory = rendered
    rows = list(csv.DictReader((directory.path / "gains.csv").read_text().splitlines()))
    saturated = next(row for row in rows if row["vusers"] == "2000")
    gain, low, high = (float(saturated[name]) for name in ("gain", "low", "high"))
    digits = 3 if high - low < 0.015 else 2
    shown = f"{gain:.{digits}f}× [{low:.{digits}f}, {high:.{digits}f}]"
    assert shown in pdf_text((directory.path / "report.pdf").read_bytes())
    assert shown in (directory.path / "report.html").read_text()


def test_the_tables_have_the_columns_that_others_rely_on(rendered: StudyDirectory) -> None:
    directory = rendered
    cells = (directory.path / "cells.csv").read_text().splitlines()[0]
    assert cells == (
        "servers,vusers,trials,usable,tps_mean,tps_low,tps_high,tps_peak,p50_ms,p95_ms,p99_ms,error_rate,outcome,bottleneck,reason"
    )
    gains = (directory.path / "gains.csv").read_text().splitlines()[0]
    assert gains == (
        "vusers,from_servers,to_servers,gain,low,high,peak_gain,step_ideal,efficiency,k,conclusion,reason,simultaneous_low,simultaneous_high,minimum_detectable_gain"
    )


def test_a_calibration_reports_its_result_on_page_one(tmp_path: Path) -> None:
    exact: dict[tuple[int, int], list[float | None]] = {(1, 2000): [200.0] * 5, (2, 2000): [400.0] * 5}
    report, _ = build.model_of(made(tmp_path / "a", exact, calibration=True))
    assert report.findings[0].startswith("Calibration: measured 2.000 [2.000, 2.000] for 2 (error 0.00 %): PASS.")
    assert dict(report.evidence)["Calibration:"].startswith(
        "this study is the calibration of these machines: measured 2.000"
    )
    assert report.article is None
    short: dict[tuple[int, int], list[float | None]] = {(1, 2000): [200.0] * 5, (2, 2000): [380.0] * 5}
    wrong, _ = build.model_of(made(tmp_path / "b", short, calibration=True))
    assert wrong.findings[0].endswith("FAIL.")


def test_a_number_and_its_unit_stay_on_one_line() -> None:
    assert html.unbroken("100 % of 2 s, 3 servers") == "100\u00a0% of 2\u00a0s, 3 servers"
    assert html.unbroken(Markup("<p>5 %")) == "<p>5 %"
    assert html.unbroken(7) == 7


def test_the_same_results_give_the_same_bytes_and_rendering_logs_nothing(
    rendered: StudyDirectory, caplog: pytest.LogCaptureFixture
) -> None:
    names = ("report.html", "report.pdf", "cells.csv", "gains.csv")
    first = {name: (rendered.path / name).read_bytes() for name in names}
    with caplog.at_level(logging.DEBUG, logger="weasyprint"):
        build.write(rendered)
    assert {name: (rendered.path / name).read_bytes() for name in names} == first
    assert [r.getMessage() for r in caplog.records if r.levelno >= logging.WARNING] == []


def test_the_html_is_one_file_without_requests(rendered: StudyDirectory) -> None:
    page = (rendered.path / "report.html").read_text()
    head = page.split("<script>")[0]
    assert not re.search(r"""(src|href)=["']https?:""", head)
    assert "@import" not in head
    assert len(page) < 3_000_000


def test_fields_of_tables_have_no_attributes_of_their_own(rendered: StudyDirectory) -> None:
    """A study of 1,000 cells has 100,000 fields: each byte of a field counts."""
    page = str(html.main(build.model_of(rendered)[0]))
    rows = re.findall(r"<tr.*", page)
    assert len(rows) > 50
    assert all(
        re.fullmatch(r'<tr(?: id="[^"]+")?>(?:<td>(?:<a href="#[^"]+">[^<]+</a>|[^<]*))+', row)
        for row in rows
        if "<td>" in row
    )
    assert 'class="trial right-2 right-3' in page


def test_fonts_are_embedded_and_the_pdf_is_tagged(rendered: StudyDirectory) -> None:
    reader = pypdf.PdfReader(rendered.path / "report.pdf")
    assert reader.metadata
    assert reader.metadata.title
    assert reader.metadata.author == "scale-out-study"
    catalog = reader.trailer["/Root"]
    assert catalog["/Lang"] == "en"  # type: ignore[index] # a PDF dictionary
    assert "pdfuaid:part" in reader.xmp_metadata.stream.get_data().decode()  # type: ignore[union-attr] # there is one
    figures = [item for item in structure(catalog["/StructTreeRoot"]) if item.get("/S") == "/Figure"]  # type: ignore[index] # as above
    assert len(figures) == 3
    assert all(str(item["/Alt"]) for item in figures)
    fonts = reader.pages[0]["/Resources"]["/Font"]  # type: ignore[index] # a PDF dictionary
    assert all("Inter" in font.get_object()["/BaseFont"] for font in fonts.values())
    assert [item["/Title"] for item in reader.outline[:1]]  # type: ignore[call-overload] # a nested list


@pytest.mark.parametrize(
    "rates",
    [
        {(1, 100): [None], (2, 100): [None]},
        {(1, 100): [250.0]},
        {(2, 100): [250.0, 251.0], (2, 200): [250.0, None]},
        {(1, 100): [100.0], (2, 100): []},
    ],
    ids=["all invalid", "one cell", "one topology", "half missing"],
)
def test_an_incomplete_study_has_a_report(rates: dict[tuple[int, int], list[float | None]], tmp_path: Path) -> None:
    directory = made(tmp_path, rates)
    build.write(directory)
    text = pdf_text((directory.path / "report.pdf").read_bytes())
    assert "Method" in text
    assert "nan" not in text.lower().replace("finance", "")
    assert "None" not in text


def test_text_of_a_user_is_escaped(tmp_path: Path) -> None:
    directory = made(tmp_path, request={"path": "/", "expect_body": "<script>alert(1)</script>"})
    build.write(directory, {"html"})
    assert "<script>alert" not in (directory.path / "report.html").read_text()
