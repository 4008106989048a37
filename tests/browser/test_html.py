"""The page in a real browser: drawn, silent, sortable, linked, live, and fit for small and dark screens and readers."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect, sync_playwright

from harness.judge.latency_stats import histogram_of_ms
from harness.records.directory import StudyDirectory
from harness.records.study import Rented
from harness.records.trial import TrialData
from report import build
from report.live import Writer
from report.output import html, live_data
from report.tables import trials
from tests.builders import changed, measured_study, study
from tests.unit.report.test_hostile import ESCAPES, MARKDOWN, MARKUP, hostile

# Without these a browser looks for its maker's hosts and for a screen.
QUIET = ["--disable-quic", "--no-first-run", "--disable-background-networking", "--disable-component-update"]
RATES: dict[tuple[int, int], list[float | None]] = {
    (s, v): [v * 0.9 * s**0.9, v * 0.91 * s**0.9, v * 0.89 * s**0.9] for s in (1, 2, 3) for v in (100, 200)
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    assert chromium, "no Chromium on this machine: `make setup` installs it on Debian and Ubuntu"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=QUIET)
        yield started
        started.close()


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = StudyDirectory(tmp_path_factory.mktemp("browser") / "study-0123abcd")
    build.write(study(directory, RATES), {"html"})
    return directory.path / "report.html"


@pytest.fixture(scope="module")
def half(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study that is not through."""
    directory = study(StudyDirectory(tmp_path_factory.mktemp("half") / "study-0123abcd"), RATES)
    shutil.rmtree(directory.path / "trials" / "servers-3_vusers-200")
    build.write(directory, {"html"})
    return directory.path / "report.html"


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with prices and a target load, and with response times."""
    directory = StudyDirectory(tmp_path_factory.mktemp("priced") / "study-0123abcd")
    study(directory, RATES, target="300/s", objectives={"p95": "2s", "error_rate": "1%"})
    for where, record in directory.trials().items():
        median = int(record.cell["vusers"])
        timed = changed(record, latency_with_failures_ms={"p50": float(median), "p95": 3.0 * median})
        latencies = histogram_of_ms([(median, 900), (3 * median, 100)])
        directory.write_trial(
            where, TrialData(record=timed, samples=directory.samples(where), hosts=[], balancer=[], latencies=latencies)
        )
    record_ = directory.need_study()
    groups = {"balancer": "load_balancers"} | {f"server-{i}": "ml_servers" for i in (1, 2, 3)}
    hosts = {name: {"group": group} for name, group in groups.items()}
    rented = {name: Rented(usd_per_hour=0.1) for name in groups}
    configuration = record_.configuration.model_copy(update={"hosts": hosts})
    directory.write_study(record_.model_copy(update={"configuration": configuration, "rented": rented}))
    build.write(directory, {"html"})
    return directory.path / "report.html"


@pytest.fixture(scope="module")
def used(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A study with the resource usage of its hosts."""
    directory = measured_study(StudyDirectory(tmp_path_factory.mktemp("used") / "study-0123abcd"))
    build.write(directory, {"html"})
    return directory.path / "report.html"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page that must log nothing and request nothing."""
    logged: list[str] = []
    requested: list[str] = []

    def on_console(message: ConsoleMessage) -> None:
        logged.append(message.text)

    def on_request(request: Request) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            requested.append(request.url)

    context = browser.new_context(viewport={"width": 1280, "height": 900})
    opened = context.new_page()
    opened.on("console", on_console)
    opened.on("pageerror", lambda error: logged.append(str(error)))
    opened.on("request", on_request)
    yield opened
    context.close()
    assert logged == []
    assert requested == []


def open_(page: Page, report: Path, fragment: str = "") -> None:
    page.goto(report.as_uri() + fragment)
    page.wait_for_selector("#chart-series svg")


def column(page: Page, region: str, number: int) -> list[str]:
    return page.locator(f"#{region} table").first.locator(f"tbody tr td:nth-child({number})").all_inner_texts()


def test_every_chart_is_drawn(page: Page, report: Path) -> None:
    open_(page, report)
    for name in ("headline", "gains", "series"):
        assert page.locator(f"#chart-{name} svg path").count() > 5, name


def test_tables_are_sorted_by_mouse_and_by_keyboard(page: Page, report: Path) -> None:
    open_(page, report)
    before = column(page, "trials .wide ", 3)
    assert len(before) == 18
    head = page.locator("#trials .wide").first.locator("th", has_text="TPS").locator("button")
    head.click()
    numbers = [float(value.replace(",", "")) for value in column(page, "trials .wide ", 3)]
    assert numbers == sorted(numbers)
    assert numbers != [float(value.replace(",", "")) for value in before]
    head.focus()
    page.keyboard.press("Enter")
    numbers = [float(value.replace(",", "")) for value in column(page, "trials .wide ", 3)]
    assert numbers == sorted(numbers, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_a_cell_has_a_page_with_its_trials_on_one_clock(page: Page, report: Path) -> None:
    """By its link, by a click on its point, and back; the address is its permalink."""
    open_(page, report)
    page.locator("#table-throughput-by-cell a", has_text="2 servers at 200 users").click()
    assert page.url.endswith("#cell-servers-2_vusers-200")
    page.wait_for_selector("#chart-cell svg")
    expect(page.locator("#cell h1")).to_have_text("2 servers at 200 users")
    expect(page.locator("main")).to_be_hidden()
    expect(page.locator("#table-cell tbody tr")).to_have_count(3)
    axes = page.locator("#chart-cell svg text").all_text_contents()
    for panel in ("requests per second", "requests in flight", "milliseconds"):
        assert panel in axes
    marks = page.locator("#chart-cell g.mark-line path")
    lines = marks.count()
    page.get_by_label("Show", exact=True).select_option("servers-2_vusers-200/r2")
    expect(marks).to_have_count(lines // 3)  # one trial of three
    page.locator("#cell .ways a", has_text="report").click()
    expect(page.locator("#cell")).to_be_hidden()
    page.locator("#chart-headline g.mark-symbol.role-mark").last.locator("path").first.click()
    expect(page.locator("#cell h1")).to_have_text("1 server at 100 users")
    open_(page, report, "#findings")
    expect(page.locator("#findings")).to_be_in_viewport()


def test_the_page_of_a_cell_shows_the_utilization_of_every_host(page: Page, used: Path) -> None:
    page.goto(used.as_uri() + "#cell-servers-1_vusers-2000")
    page.wait_for_selector("#chart-cell svg")
    legend = page.locator("#chart-cell svg .role-legend-label text").all_text_contents()
    assert {"server-1", "generator"} <= set(legend)
    assert "utilization" in page.locator("#chart-cell svg text").all_text_contents()


def test_trials_of_a_long_table_have_permalinks(page: Page, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The script makes them of the paths."""
    monkeypatch.setattr(trials, "MOST_IDS", 5)
    directory = study(StudyDirectory(tmp_path / "study-0123abcd"), RATES)
    build.write(directory, {"html"})
    written = directory.path / "report.html"
    assert 'id="trial-' not in written.read_text(encoding="utf-8")
    open_(page, written, "#trial-servers-3_vusers-200-r2")
    row = page.locator("tr:target")
    expect(row).to_be_in_viewport()
    assert row.locator("td").first.inner_text() == "servers-3_vusers-200/r2"
    row.locator("a").click()
    expect(page.locator("#table-cell tbody tr")).to_have_count(3)
    page.locator("#table-cell .permalink").nth(1).click()
    expect(page.locator("tr:target td").first).to_have_text("servers-3_vusers-200/r2")
    expect(page.locator("tr:target")).to_be_in_viewport()


def test_columns_of_numbers_are_right_aligned(page: Page, report: Path) -> None:
    open_(page, report)
    aligned = page.evaluate("""[...document.querySelectorAll("main table")].every((table) =>
        [...table.rows].every((row) => [...row.cells].every((cell, at) =>
            (getComputedStyle(cell).textAlign === "right") ===
            table.tHead.rows[0].cells[at].classList.contains("right"))))""")
    assert aligned
    assert page.locator("main th.right").count() > 10


def test_charts_are_as_wide_as_their_column_and_follow_it(page: Page, report: Path) -> None:
    open_(page, report)
    widths = (
        "[...document.querySelectorAll('main .chart')].map((chart) => "
        "[chart.querySelector('svg')?.getBoundingClientRect().width ?? 0, chart.closest('figure').clientWidth])"
    )
    fits = f"{widths}.every(([drawn, column]) => drawn > 0.95 * column && drawn <= column + 1)"
    page.wait_for_function(fits)
    before = page.evaluate(widths)
    for width in (900, 700):
        page.set_viewport_size({"width": width, "height": 900})
        page.wait_for_function(f"{fits} && {widths}[0][0] !== {before[0][0]}")


def test_a_wide_screen_has_the_contents_next_to_the_text(page: Page, report: Path) -> None:
    page.set_viewport_size({"width": 1440, "height": 900})
    open_(page, report)
    index, text = page.locator("#contents").bounding_box(), page.locator("#answer").bounding_box()
    assert index
    assert text
    assert index["x"] + index["width"] <= text["x"]
    page.locator("#contents a", has_text="All trials").click()
    expect(page.locator("#trials h2")).to_be_in_viewport()
    expect(page.locator("#contents")).to_be_in_viewport()


def test_a_table_is_copied_as_csv(page: Page, report: Path) -> None:
    open_(page, report)
    page.evaluate("document.addEventListener('copy', () => { window.text = document.activeElement.value; })")
    button = page.locator("#gains .tools button")
    button.click()
    expect(button).to_have_text("Copied")
    rows = [line.split(",") for line in page.evaluate("window.text").splitlines()]
    assert rows[0][:3] == ["load", "servers", "gain"]
    assert len(rows) == 1 + page.locator("#gains tbody tr").count()
    assert float(rows[1][2].removesuffix("×")) > 1


def test_headings_tables_and_charts_have_permalinks(page: Page, report: Path) -> None:
    open_(page, report)
    links = page.locator(".permalink")
    targets = links.evaluate_all("links => links.map((link) => link.hash.slice(1))")
    assert {"gains", "table-gains", "chart-headline", "table-all-trials", "thresholds"} <= set(targets)
    missing = page.evaluate("ids => ids.filter((id) => !document.getElementById(id))", targets)
    assert missing == []
    assert len(set(targets)) == len(targets)


def test_the_fields_answer_from_measurements_alone(page: Page, report: Path) -> None:
    open_(page, report)
    servers, rate = page.locator("#servers"), page.locator("#rate")
    for_servers, for_rate = page.locator("output[for=servers]"), page.locator("output[for=rate]")
    servers.fill("2")
    expect(for_servers).to_contain_text("2 servers sustain ")
    servers.fill("7")
    expect(for_servers).to_have_text(
        "7 servers were not measured, and nothing is extrapolated. The study measured 1, 2 and 3."
    )
    rate.fill("250")
    expect(for_rate).to_contain_text("For 250/s, 2 servers ")
    rate.fill("9000")
    expect(for_rate).to_contain_text("For 9,000/s, no measured topology ")


def test_print_has_the_contents_of_the_pdf(page: Page, report: Path) -> None:
    """All sections, also from the page of a cell, and nothing that only a screen has."""
    open_(page, report)
    page.goto(report.as_uri() + "#cell-servers-2_vusers-200")
    page.wait_for_selector("#chart-cell svg")
    page.emulate_media(media="print")
    sections = ("answer", "findings", "gains", "series", "cells", "latency", "validity", "trials", "thresholds", "grid")
    for section in sections:
        expect(page.locator(f"main #{section}")).to_be_visible()
    for hidden in ("#cell", "#lookup", "#contents", ".tools", ".permalink"):
        expect(page.locator(hidden).first).to_be_hidden()


@pytest.mark.parametrize("width", [360, 1600])
def test_it_fits_a_phone_and_a_wide_screen(page: Page, report: Path, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    open_(page, report)
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_dark_screen_is_dark_and_paper_is_not(page: Page, report: Path) -> None:
    page.emulate_media(color_scheme="dark")
    open_(page, report)
    colour = "getComputedStyle(document.documentElement).backgroundColor"
    assert page.evaluate(colour) == "rgb(21, 21, 21)"
    page.emulate_media(color_scheme="dark", media="print")
    assert page.evaluate(colour) == "rgb(255, 255, 255)"
    assert page.evaluate("getComputedStyle(document.querySelector('.chart svg')).filter") == "none"


def test_response_times_by_load_are_drawn(page: Page, priced: Path) -> None:
    open_(page, priced)
    assert page.locator("#chart-latency_by_load svg path").count() > 20
    assert page.locator("#chart-latency_by_load").get_attribute("aria-label", timeout=1000)


def test_the_field_shows_the_cheapest_topology_for_any_load(page: Page, priced: Path) -> None:
    page.set_viewport_size({"width": 360, "height": 800})
    open_(page, priced)
    field, output = page.get_by_label("Required requests per second"), page.locator("output[for=rate]")
    answer = page.locator("#cost p").first.inner_text().replace("\u00a0", " ")
    assert answer.startswith("For 300/s, 2 servers are the cheapest sufficient topology: 0.30 USD per hour, ")
    expect(output).to_have_text(answer)
    field.fill("150")
    expect(output).to_have_text(
        "For 150/s, 1 server is the cheapest sufficient topology: 0.20 USD per hour, 0.37 USD per million requests. "
        "With one server failed (N−1), 2 servers are needed: 0.30 USD per hour."
    )
    field.fill("5000")
    expect(output).to_contain_text(
        "For 5,000/s, no measured topology was shown to be sufficient: 3 servers deliver at least 484 "
    )
    field.press("Enter")  # sends no request
    field.fill("")
    expect(output).to_have_text("")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


def serious(page: Page) -> list[tuple[str, str]]:
    """Rule and first element of each serious violation that axe finds."""
    found = Axe().run(page).response["violations"]
    return [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, half: Path, priced: Path, scheme: str) -> None:
    """The page of the unfinished study has its progress, and the other one all other sections."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of the two it takes
    for file in (half, priced) if scheme == "light" else (priced,):  # in the dark only colours differ
        open_(page, file)
        assert serious(page) == []
    page.goto(priced.as_uri() + "#cell-servers-2_vusers-200")
    page.wait_for_selector("#chart-cell svg")
    assert serious(page) == []


def test_while_the_study_runs_the_page_shows_progress_and_keeps_its_place(page: Page, half: Path) -> None:
    page.clock.install()
    open_(page, half)
    progress = page.locator("#progress").inner_text()
    assert "15 of 18 trials measured" in progress
    assert "Next: servers-3_vusers-200/r1, servers-3_vusers-200/r2, servers-3_vusers-200/r3." in progress
    page.evaluate("scrollTo(0, 700)")
    with page.expect_navigation():
        page.clock.fast_forward(20_500)
    page.wait_for_selector("#chart-series svg")
    page.clock.fast_forward(1000)
    page.wait_for_function("scrollY === 700")


@pytest.fixture
def running(tmp_path: Path) -> tuple[StudyDirectory, Writer, Callable[[], None]]:
    """A study that is not through, its page, and what measures the three trials that are left."""
    directory = study(StudyDirectory(tmp_path / "study-0123abcd"), RATES)
    last, aside = directory.path / "trials" / "servers-3_vusers-200", tmp_path / "aside"
    shutil.move(last, aside)
    writer = Writer(directory)
    writer.begin()

    def measure() -> None:
        shutil.move(aside, last)
        writer.trials_recorded(1)

    return directory, writer, measure


def test_a_page_that_is_open_takes_in_what_is_new_and_stays(
    page: Page, running: tuple[StudyDirectory, Writer, Callable[[], None]]
) -> None:
    """Text, charts and tables are new; where it is read and how it is sorted are not."""
    directory, _, measure = running
    page.clock.install()
    open_(page, directory.path / "report.html")
    page.evaluate("window.same = true")
    page.locator("#cells table").first.locator("th", has_text="cell").locator("button").click()
    page.evaluate("document.querySelector('#latency').scrollIntoView()")
    top = page.evaluate("document.querySelector('#latency').getBoundingClientRect().top")
    lines = page.locator("#chart-series svg path").count()
    page.clock.fast_forward(5_100)
    assert "15 of 18 trials measured" in page.locator("#progress").inner_text()
    measure()
    page.clock.fast_forward(5_100)
    page.wait_for_selector("#progress", state="detached")
    page.wait_for_function(f"document.querySelectorAll('#chart-series svg path').length > {lines}")
    assert page.evaluate("window.same")
    assert page.evaluate("document.querySelector('#latency').getBoundingClientRect().top") == pytest.approx(top, abs=1)
    assert page.locator("#cells th[aria-sort=ascending]").count() == 1
    cells = page.locator("#cells table").first.locator("tbody tr td:first-child").all_inner_texts()
    assert cells == sorted(cells)
    assert "2 → 3" in page.locator("#gains").inner_text()


def test_a_page_fills_from_nothing(page: Page, running: tuple[StudyDirectory, Writer, Callable[[], None]]) -> None:
    directory, writer, _ = running
    trials, aside = directory.path / "trials", directory.path / "aside"
    trials.rename(aside)
    writer.begin()
    page.clock.install()
    page.goto((directory.path / "report.html").as_uri())
    assert "No trial has been measured yet." in page.locator("#answer").inner_text()
    assert page.locator(".chart").count() == 0
    aside.rename(trials)
    writer.trials_recorded(15)
    page.clock.fast_forward(5_100)
    for name in ("headline", "gains", "series"):
        page.wait_for_selector(f"#chart-{name} svg")
    order = page.locator("main > *").evaluate_all("parts => parts.map((part) => part.id)")
    assert order[:6] == ["", "progress", "answer", "findings", "lookup", "contents"]


def test_a_study_that_is_over_leaves_one_complete_page(
    page: Page, running: tuple[StudyDirectory, Writer, Callable[[], None]]
) -> None:
    directory, _, measure = running
    page.clock.install()
    open_(page, directory.path / "report.html")
    page.evaluate("scrollTo(0, 700)")
    measure()
    live_data.end(directory.path)
    page.clock.fast_forward(5_100)
    page.wait_for_timeout(100)
    build.write(directory, {"html"})
    assert not (directory.path / live_data.FILE).exists()
    with page.expect_navigation():
        page.clock.fast_forward(10_100)
    page.wait_for_selector("#chart-series svg")
    page.clock.fast_forward(1000)
    page.wait_for_function("scrollY === 700")
    assert page.evaluate("LIVE") == ""
    assert page.locator("#progress").count() == 0


def test_latencies_are_drawn_where_there_are_any(page: Page, tmp_path: Path) -> None:
    directory = measured_study(StudyDirectory(tmp_path / "study"))
    build.write(directory, {"html"})
    open_(page, directory.path / "report.html")
    assert page.locator("#chart-latency svg path").count() > 3


def test_a_level_that_looks_like_script_breaks_nothing(browser: Browser, tmp_path: Path) -> None:
    """Charts are drawn, tables can be sorted, and nothing that a level holds is run."""
    directory = hostile(StudyDirectory(tmp_path / "study-0123abcd"), [ESCAPES, MARKUP, MARKDOWN])
    build.write(directory, {"html"})
    page = browser.new_page()
    problems: list[str] = []
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.goto((directory.path / "report.html").as_uri())
    expect(page.locator("#chart-headline svg")).to_be_visible()
    page.locator("table.trial th button").first.click()
    expect(page.locator("table.trial th[aria-sort]")).to_have_count(1)
    assert page.locator("main img").count() == 0
    assert "<!--<script>" in page.locator("main").inner_text()
    page.close()
    assert not problems


def test_a_korean_page_is_sorted_linked_and_copied_as_an_english_one(page: Page, used: Path) -> None:
    study_ = StudyDirectory(used.parent)
    korean = used.parent / "korean.html"
    korean.write_text(html.html(build.model_of(study_, language="ko")[0]), encoding="utf-8")
    open_(page, korean)
    assert page.evaluate("document.documentElement.lang") == "ko"
    assert page.evaluate("document.fonts.check('16px \"Study Hangul\"', '처리량')")
    table = page.locator("#table-throughput-by-cell table")
    rates = table.locator("tbody td:nth-child(2)")
    head = table.locator("th:nth-child(2) button")
    head.click()
    first = rates.all_text_contents()
    head.click()
    assert rates.all_text_contents() == first[::-1]
    button = page.locator("#table-throughput-by-cell + .tools button")
    assert button.text_content() == "CSV로 복사"
    page.locator("#table-throughput-by-cell td a").first.click()
    expect(page.locator("#cell h2").last).to_have_text("시행")
    expect(page.locator("#cell .ways a").first).to_have_text("← 보고서")
    expect(page.locator("#cell dt").first).to_have_text("병목")
    page.wait_for_selector("#chart-cell svg")
