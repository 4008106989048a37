"""Text in any script is on paper: drawn by a font that is installed, else as its code points with a warning."""

import copy
import re
from dataclasses import replace
from pathlib import Path

import pytest
from weasyprint.text.fonts import FontConfiguration

from harness.records.directory import StudyDirectory
from harness.words import code_point
from report import build
from report.charts import drawing
from report.model import Report
from report.output import glyphs, html, pdf
from tests.builders import study
from tests.unit.report.test_report import pdf_text

NEVER = "\u0378\u0379"  # unassigned: no font has them
TEXTS = {
    "Hangul": "예측",
    "Han": "预测",
    "Kana": "よそく",
    "Arabic": "توقع",
    "Devanagari": "भविष्य",
    "Thai": "ทำนายที่",
    "Hebrew": "חיזוי",
    "emoji": "🚀🇩🇪",
    "combining": "x\u0323\u0301",
    "none": NEVER,
}


JOINED = ("Arabic", "Devanagari", "Thai", "Hebrew", "combining")  # letters that are shaped together or run leftwards


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Report:
    """A report whose text and whose charts hold all of these."""
    directory = StudyDirectory(tmp_path_factory.mktemp("scripts") / "study-0123abcd")
    rates: dict[tuple[int, int], list[float | None]] = {(1, 1000): [280, 284, 277], (2, 1000): [490, 495, 488]}
    study(directory, rates, request={"path": "/" + "/".join(TEXTS.values())})
    report = build.model_of(directory)[0]
    headline = report.charts["headline"]
    arguments = copy.deepcopy(headline.arguments)
    for number, row in enumerate(arguments["labels"]):
        row["label"] = f"chart{number}: {''.join(of for name, of in TEXTS.items() if name not in JOINED)}"
    charts = {**report.charts, "headline": replace(headline, arguments=arguments)}
    return replace(report, charts=charts, environment=f"where: {' '.join(TEXTS.values())}")


def on_paper(text: str, character: str) -> bool:
    return character in text or re.sub(r"\s", "", code_point(character)) in text


def test_no_character_vanishes_from_paper(written: Report) -> None:
    warnings: list[str] = []
    text = re.sub(r"\s", "", pdf_text(pdf.pdf(written, warn=warnings.append)))
    vanished = {
        name: [code_point(c) for c in of if not on_paper(text, c)]
        for name, of in TEXTS.items()
        if name not in JOINED  # of which a PDF holds shapes
    }
    assert not any(vanished.values()), vanished
    # In the text, in the path of the grid as run, and in a chart.
    assert text.count(code_point(NEVER[0])) >= 3
    chart = text[text.index("chart0:") :]
    assert on_paper(chart, "예")
    assert code_point(NEVER[0]) in chart
    (warning,) = warnings
    assert "report.html is complete" in warning


@pytest.mark.parametrize("of", [TEXTS[name] for name in JOINED], ids=JOINED)
def test_a_chart_with_letters_that_are_shaped_together_is_a_picture(written: Report, of: str) -> None:
    """WeasyPrint would draw them one by one, from left to right."""
    spec = drawing.specification(written.charts["headline"])
    assert not glyphs.joined(spec)
    spec["datasets"]["labels"][0]["label"] = f"500 users, {of}"
    assert glyphs.joined(spec)
    assert drawing.png(spec).startswith(b"\x89PNG")


def test_characters_without_a_font_are_those_that_pango_leaves_out() -> None:
    """After the replacement nothing is left that it would."""
    faces = FontConfiguration()
    page = "".join(TEXTS.values())
    unknown = glyphs.missing(page, faces)
    assert set(NEVER) <= unknown
    assert not glyphs.missing(glyphs.replaced(page, unknown), faces)
    assert not glyphs.missing("plain text", faces)
    assert not glyphs.missing("Größe é → ≥ × ● − µ", faces)


@pytest.mark.parametrize(
    ("characters", "script", "package"),
    [
        ("예", "Hangul", "fonts-noto-cjk"),
        ("预", "CJK", "fonts-noto-cjk"),
        ("よ", "Hiragana", "fonts-noto-cjk"),
        ("भ", "Devanagari", "fonts-noto-core"),
        ("ع", "Arabic", "fonts-noto-core"),
        ("🚀", "emoji and symbols", "fonts-noto-color-emoji"),
        ("भ예", "Devanagari, Hangul", "fonts-noto-cjk fonts-noto-core"),
    ],
)
def test_the_warning_names_the_script_and_what_to_install(characters: str, script: str, package: str) -> None:
    message = glyphs.warning(set(characters))
    assert f"({script})" in message
    assert f"apt-get install {package})" in message
    assert code_point(min(characters)) in message


def test_the_page_for_a_screen_keeps_every_character(written: Report) -> None:
    page = html.html(written)
    for of in TEXTS.values():
        assert of in page
    assert '<meta charset="utf-8">' in page


def test_the_report_command_prints_the_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from commands.report import Format, report

    directory = StudyDirectory(tmp_path / "study-0123abcd")
    study(directory, {(1, 1000): [280]}, request={"path": f"/{NEVER}"})
    report(directory.path, quiet=True, formats=[Format.PDF])
    assert "note: report.pdf: no font on this machine has 2 of its characters" in capsys.readouterr().err
