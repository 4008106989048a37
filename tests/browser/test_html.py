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
from report.output import live_data
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
    numbers = [float(value.replace("\u202f", "").replace(" ", "")) for value in column(page, "trials .wide ", 3)]
    assert numbers == sorted(numbers)
    assert numbers != [float(value.replace(" ", "")) for value in before]
    head.focus()
    page.keyboard.press("Enter")
    numbers = [float(value.replace(" ", "")) for value in column(page, "trials .wide ", 3)]
    assert numbers == sorted(numbers, reverse=True)
    assert page.locator("th[aria-sort=descending]").count() == 1


def test_a_link_to_a_cell_leaves_its_trials_alone(page: Page, report: Path) -> None:
    open_(page, report, "#cell-servers-2_vusers-200")
    shown = [text for text in column(page, "trials .wide ", 1) if text]
    expect(page.locator("tr[data-cell]:visible")).to_have_count(3)
    assert len(shown) == 18
    assert page.locator(".chosen").inner_text().startswith("Only the trials of servers 2, vusers 200.")
    page.locator(".chosen a").click()
    expect(page.locator("tr[data-cell]:visible")).to_have_count(18)
    page.locator("#chart-headline g.mark-symbol.role-mark").last.locator("path").first.click()
    assert "#cell-servers-" in page.url
    expect(page.locator("tr[data-cell]:visible")).to_have_count(3)


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
    field, output = page.get_by_label("Required requests per second"), page.locator("#cost output")
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
        "For 5 000/s, no measured topology was shown to be sufficient: 3 servers deliver at least 484 "
    )
    field.press("Enter")  # sends no request
    field.fill("")
    expect(output).to_have_text("")
    assert page.evaluate("document.documentElement.scrollWidth") <= 360


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_serious(page: Page, half: Path, priced: Path, scheme: str) -> None:
    """The page of the unfinished study has its progress, and the other one all other sections."""
    page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of the two it takes
    for file in (half, priced) if scheme == "light" else (priced,):  # in the dark only colours differ
        open_(page, file)
        found = Axe().run(page).response["violations"]
        assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in ("serious", "critical")] == []


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
    """Text, charts and tables are new; where it is read, how it is sorted and which cell is chosen are not."""
    directory, _, measure = running
    page.clock.install()
    open_(page, directory.path / "report.html", "#cell-servers-2_vusers-200")
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
    expect(page.locator("tr[data-cell]:visible")).to_have_count(3)
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
    assert order[:6] == ["", "progress", "answer", "findings", "contents", "gains"]


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
