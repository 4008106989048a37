"""Names, levels and log lines that are written to be obeyed are shown, in every output."""

import csv
import dataclasses
import io
import json
import logging
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path
from typing import Any

import pytest

from commands.compare import compare
from commands.console import Console
from commands.run import log_to
from harness.errors import BadInput
from harness.grid.cell import Cell
from harness.records import csv_tables, frames
from harness.records.directory import StudyDirectory
from harness.records.files import read_csv, write_csv
from harness.records.series import HostSample
from harness.records.trial import TrialData
from harness.words import HIDDEN, cell, of_cell, visible
from report import build
from report.output import ci_summary, html, live_data, pdf
from tests.builders import changed, grid, record, samples, study_record

ESCAPES = "\x1b[31mred\x1b[0m \x1b]8;;http://evil\x07link \x9b2J \r\x08\x00 \u202egnp.exe \ufeff \u2028"
MARKUP = "<!--<script> </script><script>bad()</script> {{LIVE}} {{SPECS}} <img src=x onerror=bad()> ]]> &amp; \"'"
MARKDOWN = "[click](http://evil) ![x](http://evil/x.png) `code` **bold** | cell \\| @everyone\n\n# Heading"
FORMULAS = ['=HYPERLINK("http://evil")', "+1+cmd|' /C calc'!A0", "-2+3", "@SUM(1)", "\t=1"]
FACTOR = "a_factor"


def hostile(directory: StudyDirectory, levels: list[str], cause: str = "") -> StudyDirectory:
    """A study with these levels of a factor; the trials of the last one are invalid because of `cause`."""
    factors: dict[str, list[Any]] = {"servers": [1, 2], "vusers": [1000], FACTOR: levels}
    written = grid(factors=factors, repeats=3)
    plan = []
    for number, level in enumerate(levels):
        for servers, tps in ((1, 280), (2, 500)):
            levels_of: dict[str, Any] = {"servers": servers, "vusers": 1000, FACTOR: level}
            for repeat in (1, 2, 3):
                invalid = bool(cause) and number == len(levels) - 1
                recorded = record(servers, 1000, repeat, None if invalid else tps + repeat)
                recorded = changed(recorded, cell=levels_of, **({"cause": cause} if invalid else {}))
                where = f"{Cell(tuple(levels_of.items())).slug}/r{repeat}"
                directory.write_trial(
                    where, TrialData(record=recorded, samples=samples(tps, 1000, think_s=0.1), hosts=[], balancer=[])
                )
                plan.append(where)
    configuration = {"grid": written.model_dump(mode="json", by_alias=True)}
    nginx = f"log_format x '{ESCAPES}{MARKUP}';"
    made = study_record(name=f"study {ESCAPES}{MARKUP}", configuration=configuration, plan=plan)
    made = made.model_copy(update={"environment": made.where.model_copy(update={"nginx_configuration": nginx})})
    directory.write_study(made)
    return directory


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    directory = StudyDirectory(tmp_path_factory.mktemp("hostile") / 'study-"; } body { display: none } x')
    return hostile(directory, [ESCAPES, MARKUP, MARKDOWN, *FORMULAS], f"server-1 logged {ESCAPES}{MARKUP}{MARKDOWN}")


def test_control_characters_are_shown() -> None:
    assert visible("\x1b[31mred\x07\u202e\ud800") == "\\u{1B}[31mred\\u{7}\\u{202E}\\u{D800}"
    assert visible("a\tb\nc예é🚀 \u00a0") == "a\tb\nc예é🚀 \u00a0"


def test_the_console_sends_no_control_character(capsys: pytest.CaptureFixture[str], made: StudyDirectory) -> None:
    text = f"{ESCAPES} [red]markup[/] {MARKUP}"
    console = Console()
    console.print(text)
    console.warn(text)
    console.error(text)
    console.table(["name", ESCAPES], [[text, text]])
    console.gains(build.model_of(made)[1].gains)
    printed_ = "".join(capsys.readouterr())
    assert not HIDDEN.search(printed_)
    assert printed_.count("\\u{1B}[31mred") >= 5
    assert "[red]markup[/]" in printed_
    machine = Console(as_json=True)
    machine.print(text)
    machine.gains(build.model_of(made)[1].gains)
    for line in capsys.readouterr().out.splitlines():
        json.loads(line)


def test_junit_is_xml_that_hides_nothing(made: StudyDirectory) -> None:
    text = ci_summary.junit(*build.model_of(made))
    assert not HIDDEN.search(text)
    suite = ElementTree.fromstring(text)  # noqa: S314 - our own
    names = [case.get("name") or "" for case in suite.iter("testcase")]
    assert any(MARKUP in name for name in names)
    assert any("\\u{1B}[31mred" in name for name in names)
    assert any(MARKUP in (failure.get("message") or "") for failure in suite.iter("failure"))


def test_markdown_holds_no_markup_of_others(made: StudyDirectory) -> None:
    text = ci_summary.markdown(*build.model_of(made))
    assert not HIDDEN.search(text)
    assert "<" not in text
    assert not re.search(r"(?<!\\)\]\(", text)
    assert "http://" not in text
    assert not re.search(r"(?<![\\*])\*\*bold", text)
    assert "\n# Heading" not in text
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len({len(re.findall(r"(?<!\\)(?:\\\\)*\|", row)) for row in rows}) == 1, "a level added a column"


def test_a_cell_that_a_spreadsheet_would_compute_is_text_and_comes_back(made: StudyDirectory) -> None:
    build.write(made, {"html"})
    for name in ("cells.csv", "gains.csv"):
        content = (made.path / name).read_text(encoding="utf-8")
        assert not HIDDEN.search(content)
        for row in csv.reader(io.StringIO(content)):
            for field in row:
                assert not field.startswith(("=", "+", "-", "@", "\t")) or float(field) is not None, field
    levels = set(frames.cells(made)[FACTOR])
    assert set(FORMULAS) <= levels
    assert [of_cell(cell(formula)) for formula in FORMULAS] == FORMULAS


def test_series_have_no_formulas_either(tmp_path: Path) -> None:
    rows = [
        HostSample(t_s=1.0, host=host, cpu_cores=-0.5, throttled_share=None, memory_mb=9.0)
        for host in ["=cmd", "-h", "@x", "server-1"]
    ]
    write_csv(tmp_path / "hosts.csv", rows, [field.name for field in dataclasses.fields(HostSample)])
    assert read_csv(tmp_path / "hosts.csv", HostSample) == rows
    assert [line.split(",")[1] for line in (tmp_path / "hosts.csv").read_text().splitlines()] == [
        "host",
        "'=cmd",
        "'-h",
        "'@x",
        "server-1",
    ]


def test_the_log_hides_nothing(tmp_path: Path) -> None:
    log_to(tmp_path / "study.log")
    logger = logging.getLogger("harness")
    try:
        logger.warning("server-1: %s", ESCAPES)
    finally:
        for handler in logger.handlers[:]:
            logger.removeHandler(handler)
            handler.close()
    assert not HIDDEN.search((tmp_path / "study.log").read_text(encoding="utf-8"))


def test_a_negative_number_stays_a_number() -> None:
    csv_text = csv_tables.cells_csv([{"a_factor": -1, "servers": 1, "tps_mean": -0.5, "reason": "-x"}])
    assert csv_text.splitlines()[1] == "-1,1,-0.5,'-x"


def test_the_pages_script_stays_whole(made: StudyDirectory) -> None:
    page = html.html(build.model_of(made)[0], live_data.FILE)
    assert not HIDDEN.search(page.replace("\x0b", ""))
    written, live = page[page.index("let SPECS = ") :].splitlines()[:2]
    assert not set("<>&") & set(written + live)
    assert live == 'const LIVE = "report-data.js";'
    specs = json.loads(written.removeprefix("let SPECS = ").removesuffix(";"))
    assert "{{LIVE}}" in json.dumps(specs)


def test_paper_is_drawn_all_the_same(tmp_path: Path) -> None:
    from tests.unit.report.test_report import pdf_text

    small = hostile(StudyDirectory(tmp_path / 'study-"; } body { display: none } x'), [ESCAPES + MARKUP])
    text = pdf_text(pdf.pdf(build.model_of(small)[0]))
    assert "display: none" in text, "the folder's name is text of the page's foot, and no style"
    assert "<!--<script>" in text


def test_the_live_files_do_not_follow_links(tmp_path: Path) -> None:
    """Somebody who may write into results/ cannot have the study overwrite a file of its user."""
    target = tmp_path / "precious"
    target.write_text("mine")
    folder = tmp_path / "study"
    folder.mkdir()
    for name in (f".{live_data.FILE}-live", live_data.FILE, "report.html", ".report.html-live"):
        (folder / name).symlink_to(target)
    live_data.write(folder, live_data.FILE, "news")
    live_data.write(folder, "report.html", "page")
    assert target.read_text() == "mine"
    assert (folder / live_data.FILE).read_text() == "news"
    assert not (folder / live_data.FILE).is_symlink()
    live_data.end(folder)
    live_data.remove(folder)
    assert target.read_text() == "mine"
    assert not list(folder.glob(".*-live"))


LONG = "n" * 3000
SEPARATORS = str.maketrans({"/": "_", "\0": "_"})
NAMES = [f"{ESCAPES} [red]x[/] <img src=x onerror=bad()>\nline".translate(SEPARATORS), f"=1+2{LONG[:230]}"]


@pytest.mark.parametrize("name", NAMES, ids=["markup", "long"])
def test_a_comparison_shows_names_levels_and_builds_without_obeying_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    first, later = (tmp_path / kind / name for kind in ("earlier", "later"))
    for folder, build_ in ((first, f"{MARKUP}{ESCAPES}"), (later, f"../../{LONG}")):
        study_ = hostile(StudyDirectory(folder), [MARKUP, ESCAPES, LONG[:150]])
        data = study_.read_json("study.json")
        assert data is not None
        hosts = {build_: {"group": "ml_servers", "ml_server_image": build_}, "server-1": {"group": "ml_servers"}}
        data["configuration"]["hosts"] = hosts
        data["configuration"]["grid"]["service"] = {"image": build_}
        data["environment"] |= {
            "images": {"server-1": build_},
            "docker": build_,
            "image_digests": {"server-1": [build_]},
        }
        study_.write_json("study.json", data)
    before = {path for path in tmp_path.rglob("*") if path.is_file()}
    compare([first, later], anyway=True)
    page = (later / "comparison.html").read_text(encoding="utf-8")
    printed_ = "".join(capsys.readouterr())
    assert {path for path in tmp_path.rglob("*") if path.is_file()} - before == {later / "comparison.html"}
    assert not HIDDEN.search(page + printed_)
    assert "<img" not in page
    assert "<script" not in page
    assert "<!--" not in page
    assert "{{LIVE}}" in printed_
    with pytest.raises(BadInput) as rejected:
        compare([first, later])
    Console().error(str(rejected.value))
    printed_ = capsys.readouterr().err
    assert not HIDDEN.search(printed_)
    assert all(line.startswith("error: ") for line in printed_.splitlines())
    compare([first, later], anyway=True, as_json=True)
    (machine,) = json.loads(capsys.readouterr().out)
    assert [machine["before"], machine["after"]] == [f"earlier/{name}", f"later/{name}"]
