"""What nGrinder can send: your nGrinder script, and the requests that its client has no call for."""

from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.grid import ngrinder_script
from harness.grid.reading import load_grid
from harness.traffic.data_files import DataReader

GRID = """name: study
load_generator: {generator}
factors: {{servers: [1, 2], vusers: [20]}}
load: {{think_time: 1s, ramp_up: 1s, duration: 9s}}
traffic:
{traffic}
"""
GOOD = """
import static org.junit.Assert.assertThat
// @Test sleep( new GTest(
class Mine {
    String text = "grinder.sleep(1) @RunWith" /* Thread.sleep(3) */
    void step(HTTPRequest request) {
        assertThat(request.GET("http://x/").statusCode, is(200))
    }
}
"""
TEMPLATE = """@RunWith(GrinderRunner)
class TestRunner {
    public static GTest test
    public static HTTPRequest request
    @BeforeProcess
    public static void beforeProcess() {
        test = new GTest(1, "127.0.0.1")
        request = new HTTPRequest()
    }
    @BeforeThread
    public void beforeThread() {
        test.record(this, "test")
    }
    @Test
    public void test() {
        request.GET("http://127.0.0.1/")
        grinder.sleep(1000)
    }
}
"""


def problems(folder: Path, traffic: str, generator: str = "ngrinder", more: str = "") -> tuple[str, ...]:
    """Return the problems of a grid with this `traffic`, and `more` lines."""
    file = folder / "grid.yaml"
    indented = "\n".join(f"  {line}" for line in traffic.splitlines())
    text = GRID.format(generator=generator, traffic=indented)
    file.write_text(text + more, encoding="utf-8")
    try:
        load_grid(file, frozenset(), data=DataReader(folder=folder))
    except BadInput as error:
        return tuple(problem.removeprefix(f"{file}:") for problem in error.problems)
    return ()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mine.groovy").write_text(GOOD, encoding="utf-8")
    (tmp_path / "rows.csv").write_text("a\n1\n", encoding="utf-8")
    return tmp_path


def test_a_script_with_files_is_valid(folder: Path) -> None:
    assert problems(folder, "script: mine.groovy\nfiles: [rows.csv]") == ()


def test_a_script_from_the_template_gets_one_message_for_each_change(folder: Path) -> None:
    (folder / "mine.groovy").write_text(TEMPLATE, encoding="utf-8")
    found = problems(folder, "script: mine.groovy")
    assert all(each.startswith("6: traffic.script: mine.groovy:") for each in found)
    lines = {each.removeprefix("6: traffic.script: mine.groovy:").split(":")[0]: each for each in found}
    for line, word in (
        ("1", "method step(request)"),
        ("5", "@BeforeProcess"),
        ("7", "new GTest"),
        ("8", "new HTTPRequest"),
        ("12", "record(...)"),
        ("14", "@Test"),
        ("17", "grinder.sleep: pauses are no think time. Fix: remove it"),
    ):
        assert word in lines[line]


def test_code_in_texts_and_comments_does_not_count() -> None:
    assert list(ngrinder_script.problems("mine.groovy", GOOD)) == []


@pytest.mark.parametrize(
    ("traffic", "message"),
    [
        ("script: no.groovy", "6: traffic.script: got 'no.groovy': no such file or folder"),
        ("script: mine.groovy\nfiles: [no.csv]", "7: traffic.files.0: got 'no.csv': no such file"),
        (
            "script: mine.groovy\nfiles: [rows.csv, x/rows.csv]",
            "traffic.files.1: got 'x/rows.csv': rows.csv has the same name",
        ),
        ("script: mine.groovy\nfiles: [a.yml]", "traffic.files.0: got 'a.yml': nGrinder does not pass on such files"),
        ("script: mine.groovy\nfiles: [b.c/a]", "traffic.files.0: got 'b.c/a': nGrinder does not pass on such files"),
        ("script: mine.groovy\nfiles: [a.JAR]", "traffic.files.0: got 'a.JAR': nGrinder does not pass on such files"),
        ("script: mine.groovy\nrequests: [{name: a, request: {path: /}}]", "script are set. Allowed: exactly one of"),
        ("script: mine.groovy\ndata: {file: rows.csv}", "traffic.data: only valid with requests or steps"),
        ("files: [rows.csv]\nrequests: [{name: a, request: {path: /}}]", "traffic.files: only valid with script"),
    ],
)
def test_an_unusable_script_is_named(folder: Path, traffic: str, message: str) -> None:
    found = problems(folder, traffic)
    assert any(message in each for each in found), found


def test_large_scripts_and_files_are_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrinder_script, "LARGEST_SCRIPT", 100)
    monkeypatch.setattr(ngrinder_script, "LARGEST_FILES", 3)
    found = problems(folder, "script: mine.groovy\nfiles: [rows.csv]")
    assert any("'mine.groovy' of" in each and "Allowed: 100 bytes" in each for each in found)
    assert any("traffic.files: 4 bytes in all. Allowed: 3" in each for each in found)


def test_locust_runs_no_ngrinder_script(folder: Path) -> None:
    (found,) = problems(folder, "script: mine.groovy", generator="locust")
    assert "traffic.script: only valid with load_generator: ngrinder" in found


@pytest.mark.parametrize(
    ("request_", "message"),
    [
        ("{method: OPTIONS, path: /}", "request.method: nGrinder's client has no OPTIONS"),
        ("{path: /, json: {a: 1}}", "request.json: nGrinder's client sends no body with GET"),
        ("{method: DELETE, path: /, form: {a: 1}}", "request.form: nGrinder's client sends no body with DELETE"),
        ("{path: /, follow_redirects: true}", "request.follow_redirects: nGrinder's client follows no redirects"),
        ("{path: /, headers: {Cookie: a=b}}", "request.headers.Cookie: the script keeps each user's cookies itself"),
    ],
)
def test_requests_that_its_client_cannot_send(folder: Path, request_: str, message: str) -> None:
    traffic = f"requests:\n  - name: a\n    request: {request_}"
    (found,) = problems(folder, traffic)
    assert message in found
    assert problems(folder, traffic, generator="locust") == ()


def test_objectives_by_name_need_counts_by_name(folder: Path) -> None:
    traffic = "requests: [{name: a, request: {path: /}}]\n"
    (found,) = problems(folder, traffic, more='objectives: {p95: {"*": 200ms}}\n')
    assert "7: objectives.p95: nGrinder counts no requests by name" in found


def test_pythons_own_regular_expressions_are_rejected(folder: Path) -> None:
    traffic = "requests:\n  - {name: a, request: {path: /}, expect: {body: '(?P<label>x)'}}"
    (found,) = problems(folder, traffic)
    assert "traffic.requests.0.expect.body: got '(?P<label>x)': nGrinder's Java has no '(?P<'" in found


def test_once_needs_rows_for_every_trial(folder: Path) -> None:
    """nGrinder does not report the kind of a failure, so rows that run out would have no reason."""
    (folder / "many.csv").write_text("a\n" + "1\n" * 380, encoding="utf-8")
    once = "data: {{file: {}, pick: once}}\nrequests: [{{name: a, request: {{path: '/${{row.a}}'}}}}]"
    assert problems(folder, once.format("many.csv")) == ()  # 20 users, each 19 times at most in 9 s
    (folder / "many.csv").write_text("a\n" + "1\n" * 379, encoding="utf-8")
    (found,) = problems(folder, once.format("many.csv"))
    assert "once: got 379 rows for 20 users, which use at most 380. nGrinder does not report rows that run out" in found
    assert problems(folder, once.format("many.csv"), generator="locust") == ()
