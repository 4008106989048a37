"""The printed pages of studies of every shape: page 1 is whole, and no page break leaves anything alone."""

import io
import json
import re
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

import pypdf
import pytest

from benchmarks.sample import unpack
from harness.records.directory import StudyDirectory
from report import build
from report.elements import MOST_WORDS
from report.model import Report
from report.output import pdf
from report.sentences import headline
from tests import pages
from tests.builders import study
from tests.golden_study import CEILING, ENVIRONMENT
from tests.unit.report.test_golden import tables

Rates = dict[tuple[int, int], list[float | None]]


def rates(
    servers: int, loads: tuple[int, ...], repeats: int, invalid: Callable[[int], bool] = lambda _: False
) -> Rates:
    """Throughput that grows as it does, with a little noise; some repeats invalid."""
    return {
        (m, users): [None if invalid(k) else 280 * m**0.93 * (1 + 0.01 * ((k * m) % 5 - 2)) for k in range(repeats)]
        for users in loads
        for m in range(1, servers + 1)
    }


def ordinary(directory: StudyDirectory) -> None:
    """Three loads and three topologies: floors, gains and steps that found no load."""
    limits = {(2, 500): "load", (3, 500): "load", (3, 1000): "load"}
    study(directory, rates(3, (500, 1000, 2000), 5), limits=limits)


CAUSES = {
    "E5": "Little's-law residual 5.4 %: these users were neither in a request nor in think time",
    "E6": "the generator’s event loop was late by 210 ms, which is more than 5 % of response and think time",
    "E8": "server-2 died with exit code 137 and was started again 3.5 s later, while the others went on",
}


def crowded(directory: StudyDirectory) -> None:
    """The same with as many findings as page 1 can hold: invalid trials for several reasons, and a next bottleneck."""
    ordinary(directory)
    for number, (rule, cause) in enumerate(CAUSES.items(), 1):
        file = directory.path / "trials" / f"servers-{number}_vusers-1000" / "r2" / "trial.json"
        step = "give the generator more CPU, or the study more hosts that generate load"
        lost = {"rule": rule, "severity": "invalid", "cause": cause, "next_step": step, "figure": 1, "threshold": 0}
        trial = json.loads(file.read_text())
        trial.update(outcome="invalid", cause=cause, tps_mean=None, findings=[lost])
        file.write_text(json.dumps(trial))
    for file in directory.path.glob("trials/servers-3_vusers-2000/*/trial.json"):
        trial = json.loads(file.read_text())
        trial["bottleneck"]["figures"] = {"of_users_bound": 0.89}
        file.write_text(json.dumps(trial))


def half(directory: StudyDirectory) -> None:
    study(directory, rates(3, (1000, 2000), 5))
    shutil.rmtree(directory.path / "trials" / "servers-3_vusers-2000")
    for cell in (directory.path / "trials").iterdir():
        shutil.rmtree(cell / "r5")


STUDIES: dict[str, Callable[[StudyDirectory], object]] = {
    "ordinary": ordinary,
    "crowded": crowded,
    "one load": lambda d: study(d, rates(3, (1000,), 5)),
    "six topologies": lambda d: study(d, rates(6, (1000, 2000), 5)),
    "few blocks": lambda d: study(d, rates(3, (1000, 2000), 3)),
    "half finished": half,
    "all invalid": lambda d: study(d, rates(2, (1000, 2000), 4, invalid=lambda _: True)),
    "some invalid": lambda d: study(d, rates(3, (1000, 2000), 7, invalid=lambda k: k in (1, 4))),
    "many panels": lambda d: study(d, rates(7, (100, 200, 500, 1000, 2000), 3)),
    "long tables": lambda d: study(d, rates(4, (500, 1000, 1500, 2000), 11)),
}

# The others have breaks of these shapes too; a PDF takes seconds.
IN_EVERY_RUN = ("sample", "crowded", "half finished", "all invalid", "long tables")
NAMES = [pytest.param(name, marks=() if name in IN_EVERY_RUN else pytest.mark.long) for name in ("sample", *STUDIES)]


@dataclass
class Rendered:
    """A study's report; its PDF and the pages in it, each made once and when first looked at."""

    report: Report

    @cached_property
    def content(self) -> bytes:
        return pdf.pdf(self.report)

    @cached_property
    def pages(self) -> list[pages.Page]:
        return pages.read(self.content)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Rendered]:
    """The report of a study, by its name."""

    @cache
    def get(name: str) -> Rendered:
        if name == "sample":
            return Rendered(build.model_of(unpack(tmp_path_factory.mktemp("sample")))[0])
        directory = StudyDirectory(tmp_path_factory.mktemp("pages") / "study-0123abcd")
        STUDIES[name](directory)
        record = directory.need_study()
        directory.write_study(record.model_copy(update={"environment": ENVIRONMENT, "ceiling": CEILING}))
        return Rendered(build.model_of(directory)[0])

    return get


def dense(text: str) -> str:
    """Without spaces: a table's lines end where they must."""
    return re.sub(r"[\s\u00a0]+", "", text)


@pytest.mark.parametrize("name", NAMES)
def test_no_page_break_leaves_anything_alone(made: Callable[[str], Rendered], name: str) -> None:
    """Headings, rows, terms: each is next to its own, and only the last page may be nearly empty."""
    assert pages.faults(made(name).pages) == []


@pytest.mark.parametrize("name", NAMES)
def test_page_one_holds_what_a_decision_takes(made: Callable[[str], Rendered], name: str) -> None:
    """The question, a sentence for each load, the chart next to the gains, findings, where and when; nothing else."""
    report = made(name).report
    first = dense(pypdf.PdfReader(io.BytesIO(made(name).content)).pages[0].extract_text())
    blocks = made(name).pages[0].blocks
    headlines = [headline.text for headline in report.headlines]
    for sentence in [*headlines, *report.findings, report.environment, report.when, *report.progress]:
        assert dense(sentence) in first
    assert blocks[0][0] in ("/P", "/H1")
    drawn = [name for name in ("capacity_by_servers", "headline", "gains") if name in report.charts]
    assert sum(tag == "/Figure" for tag, _ in blocks) == min(2, len(drawn))
    assert not (drawn and any(tag == "/Table" for tag, _ in blocks))  # without a chart the details follow
    for row in report.charts["gains"].arguments["rows"] if "gains" in report.charts else ():
        assert dense(row["shown"]) in first


@pytest.mark.parametrize("name", ["sample", *STUDIES])
def test_a_sentence_of_page_one_has_at_most_25_words(made: Callable[[str], Rendered], name: str) -> None:
    report = made(name).report
    assert report.headlines
    assert len(report.headlines) <= headline.MOST_LOADS + headline.MOST_OTHERS
    for each in report.headlines:
        assert len(each.text.split()) <= headline.MOST_WORDS, each.text


@pytest.mark.parametrize("name", ["sample", *STUDIES])
def test_a_table_cell_has_at_most_20_words(made: Callable[[str], Rendered], name: str) -> None:
    for table in tables(made(name).report):
        for row in table.rows:
            assert all(len(field.split()) <= MOST_WORDS for field in row), row


def test_the_load_that_is_answered_first_has_the_first_gains(made: Callable[[str], Rendered]) -> None:
    report = made("ordinary").report
    assert report.gains is not None
    assert report.answer[0].startswith("At 2,000 users")
    assert list(dict.fromkeys(row[0] for row in report.gains.rows)) == ["2,000 users", "1,000 users", "500 users"]


def test_a_crowded_page_one_has_a_line_to_spare(made: Callable[[str], Rendered]) -> None:
    first = made("crowded").pages[0]
    assert len(made("crowded").report.findings) == 5
    assert [tag for tag, _ in first.blocks][-1] == "/P"
    line, height = 14, 842 - 33 * 72 / 25.4  # points
    assert first.full < 1 - line / height


def test_the_contents_have_the_page_of_each_section(made: Callable[[str], Rendered]) -> None:
    texts = [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(made("sample").content)).pages]
    listed = texts[0].partition("Contents")[2]
    found = re.findall(r"^([A-Z]\w.*?)\s+(\d+)$", listed, re.MULTILINE)
    titles = [title for title, _ in found]
    assert titles[0] == "Gains"
    assert titles[-3:] == ["Appendix A: thresholds", "Appendix B: grid", "Appendix C: balancer configuration"]
    for title, number in found:
        assert title in texts[int(number) - 1].splitlines(), title


def test_lines_of_text_keep_a_grid_of_three_points(made: Callable[[str], Rendered]) -> None:
    """Text and tables: the baselines of each size are multiples of the grid apart, charts or not between them."""
    found = pages.baselines(made("sample").content, sizes=(9.0, 7.4))
    assert {size for size, _ in found} == {9.0, 7.4}
    for size in (9.0, 7.4):
        offsets = [y % 3 for of, y in found if of == size]
        assert len(offsets) > 20
        assert max(min(abs(each - offsets[0]), 3 - abs(each - offsets[0])) for each in offsets) < 0.1, size


def test_a_fault_is_found() -> None:
    """The walk itself: each of its faults, on pages that have it."""
    whole = pages.Page([("/H2", []), ("/Table", [3, 3, 3])], 0.9)
    assert pages.faults([whole, pages.Page([("/Table", [3]), ("/P", [])], 0.5)]) == [
        "page 2: a single row of a table at its head"
    ]
    assert pages.faults([pages.Page([("/P", []), ("/H2", [])], 0.2), whole]) == [
        "page 1: only 20% full",
        "page 1: a heading at its foot, apart from what follows",
    ]
    assert pages.faults([pages.Page([("/L", [2, 1])], 0.9), whole]) == ["page 1: a term apart from its text"]
