"""A load with nGrinder: division of users, script, and seconds from its CSV."""

import base64
import json
import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from harness.errors import LoadGeneratorFailed
from harness.grid.request import Request
from harness.grid.templates import escaped
from harness.traffic.load_generator import LoadSpec
from harness.traffic.ngrinder import client, csv, perftest, script
from harness.traffic.ngrinder.csv import Row
from tests.builders import load

HEADER = "DateTime,vuser,Tests,Errors,Mean_Test_Time_(ms),TPS,Response_errors\n"
T0 = 1_795_425_840  # 2026-11-23 09:24:00 UTC
LOAD = load()


@pytest.mark.parametrize(
    ("users", "agents", "expected"),
    [
        (1000, 1, (1, 2, 500)),
        (2000, 1, (1, 4, 500)),
        (2000, 2, (2, 2, 500)),
        (300, 1, (1, 1, 300)),
        (501, 1, (1, 3, 167)),
        (1, 2, (1, 1, 1)),
    ],
)
def test_users_are_divided_exactly(users: int, agents: int, expected: tuple[int, int, int]) -> None:
    found = script.split(users, agents, 3000)
    assert (found.agents, found.processes, found.threads) == expected
    assert found.users == users


def test_an_indivisible_number_of_users_is_reduced() -> None:
    found = script.split(1009, 2, 3000)  # 504 each, and one is left over
    assert found.users == 1008
    prime = script.split(2003, 1, 3000)
    assert prime.users == prime.processes * prime.threads <= 2003


def test_more_users_than_an_agent_may_have() -> None:
    with pytest.raises(
        LoadGeneratorFailed, match="7,000 users on 2 agents: 3,500 users per agent exceed nGrinder's limit of 3,000"
    ):
        script.split(7000, 2, 3000)


def settings(load_spec: LoadSpec) -> dict[str, Any]:
    """Return what a rendered script reads."""
    found = re.search(r'SETTINGS = \["([A-Za-z0-9+/=", ]+)"\]', script.render(load_spec))
    assert found
    read: dict[str, Any] = json.loads(base64.b64decode(found[1].replace('", "', "")))
    return read


def test_nothing_of_the_request_is_pasted_into_the_script() -> None:
    """A body with Groovy's own signs must not become code."""
    body = {"text": "''' + \"${System.exit(1)}\" \\ é"}
    request = Request(method="POST", path="/x", json=templates_escaped(body), expect_body="a|b")
    found = load(request=request)
    assert "System.exit" not in script.render(found)
    assert "@SETTINGS@" not in script.render(found)
    read = settings(found)
    (sent,) = read["traffic"]["requests"]
    assert json.loads(sent["body"][0]) == body
    assert read["url"] + sent["target"][0] == "http://10.0.0.1/x"
    assert sent["headers"] == [["Content-Type", ["application/json"]]]


def templates_escaped(body: dict[str, str]) -> dict[str, str]:
    return {name: escaped(value) for name, value in body.items()}


def test_long_settings_are_in_pieces() -> None:
    """A text in a Java class has 65,535 bytes at most."""
    long = load(request=Request(method="POST", path="/x", json={"text": "x" * 200_000}))
    assert max(len(each) for each in re.findall(r'"([A-Za-z0-9+/=]{100,})"', script.render(long))) <= script.PIECE
    assert len(settings(long)["traffic"]["requests"][0]["body"][0]) > 200_000


def test_trials_of_a_load_have_one_script() -> None:
    """A new script is validated with a request of its own before its first load."""
    assert script.render(LOAD) == script.render(replace(LOAD, trial="other", users=40, seed="7"))


@pytest.mark.parametrize(
    ("log", "wrong"),
    [
        ("Totals       1            0            66.00  1.2", ""),
        ("ERROR java.lang.AssertionError: status 500\nTotals  0  1  NaN", "AssertionError"),
        ("ERROR Script error - MultipleCompilationErrorsException get.groovy: 33: Unexpected input", "Unexpected"),
        ("2026 INFO nothing happened", "it sent no request"),
        (
            "ERROR Script error - Error while initialize test runner\nCaused by: startup failed:\n"
            "mine.groovy: 3: Unexpected input: '(' @ line 3, column 14.\n",
            "mine.groovy: 3: Unexpected input: '(' @ line 3, column 14.",
        ),
        (
            "1 ERROR my reason\njava.lang.IllegalStateException: my reason\n\tat Load.step(load.groovy:58)\n"
            "\tat Mine.step(mine.groovy:4)\nTotals  1  1  3.0",
            "my reason at mine.groovy:4",
        ),
    ],
)
def test_the_validation_is_judged_by_its_text(log: str, wrong: str) -> None:
    assert (wrong in script.validation_error(log)) if wrong else script.validation_error(log) == ""


def row(ended: int, users: int, completed: int, failed: int, mean_ms: float) -> Row:
    return Row(ended=ended, users=users, completed=completed, failed=failed, mean_ms=mean_ms)


def rows(*stamps: int, completed: int = 10) -> list[Row]:
    return [row(T0 + stamp, 5, completed + n, 0, 3.0 + n) for n, stamp in enumerate(stamps)]


@pytest.mark.parametrize(
    ("stamps", "seconds"),
    [
        ((0, 1, 2, 3), [0, 1, 2, 3]),
        ((0, 0, 2, 3), [0, 1, 2, 3]),  # a stamp cut just before the second
        ((0, 2, 2, 3), [0, 1, 2, 3]),  # or just after
        ((0, 1, 3, 4), [0, 1, 3, 4]),  # a late sample: a gap
        ((0, 1, 5, 6), [0, 1, 5, 6]),
    ],
)
def test_rows_find_their_seconds(stamps: tuple[int, ...], seconds: list[int]) -> None:
    assert [second - T0 for second, _ in csv.aligned(rows(*stamps))] == seconds


def test_a_row_written_twice_counts_once() -> None:
    one, two, three = rows(0, 1, 3)
    assert [second - T0 for second, _ in csv.aligned([one, two, two, three])] == [0, 1, 3]


@pytest.mark.parametrize("hour", [18, 9, 0])  # nine hours east, none, nine hours west
def test_the_time_zone_of_the_controller_does_not_matter(hour: int) -> None:
    text = HEADER + f"2026-11-23 {hour:02}:24:03,10,229,0,62.69,229,0\n2026-11-23 {hour:02}:24:04,10,0,2,0,0,0\n"
    found = csv.parse(text, T0)
    assert [row.ended - T0 for row in found] == [3, 4]
    assert found[0] == row(T0 + 3, 10, 229, 0, 62.69)


def test_samples_begin_with_the_load_and_what_is_not_counted_is_empty() -> None:
    text = HEADER + "".join(
        f"2026-11-23 09:24:{10 + n:02d},10,{count},0,5.0,0,0\n" for n, count in enumerate((0, 0, 20, 30, 0, 10, 0, 0))
    )
    found = csv.samples(csv.parse(text, T0), T0 + 12, duration_s=3)
    assert [(s.t_s, s.completed) for s in found] == [(0, 20), (1, 30), (2, 0), (3, 10)]
    assert found[0].in_flight is None
    assert found[0].thinks is None
    assert found[2].mean_ms is None


def test_reports_of_incomplete_bodies_are_no_successes_and_name_the_kind() -> None:
    """Three of the five failures ended early: each is reported by a success of 0 ms and a response error."""
    text = HEADER + "2026-11-23 09:24:03,10,6,4,5,6,2\n2026-11-23 09:24:04,10,1,1,0,1,1\n"
    found = csv.parse(text, T0)
    assert [(row.completed, row.failed, row.incomplete) for row in found] == [(4, 4, 2), (0, 1, 1)]
    assert found[0].mean_ms == pytest.approx(7.5), "of the successes alone"
    for test in ({"tests": 7, "errors": 5}, {}):
        totals = csv.totals(test, found, users=0)
        assert totals == {"completed": 4, "failed": 5}
        assert csv.errors(totals["failed"], found) == {"failed": 2, "incomplete": 3}
    assert csv.errors(3, found) == {"incomplete": 3}
    assert csv.errors(0, []) == {}


def test_text_other_than_the_csv_is_rejected() -> None:
    with pytest.raises(LoadGeneratorFailed, match="cannot read nGrinder's CSV"):
        csv.parse("DateTime,vuser\nnever,1\n", T0)


def test_decimal_commas_are_reported_with_a_fix() -> None:
    with pytest.raises(LoadGeneratorFailed, match="its Java writes decimal commas"):
        csv.parse(HEADER + "2026-11-23 09:24:03,10,229,0,62,69,229,0\n", T0)


def test_a_csv_that_is_not_there_has_no_rows() -> None:
    assert csv.parse("", T0) == []
    assert csv.samples([], T0, 9.0) == []


@pytest.mark.parametrize(
    ("test", "expected"),
    [
        ({"tests": 57.0, "errors": 2.0}, {"completed": 47, "failed": 2}),
        ({}, {"completed": 21, "failed": 3}),  # each row once
        ({"tests": 3}, {"completed": 0, "failed": 3}),  # stopped before every user was counted
    ],
)
def test_totals_exclude_the_reports_of_users_starts(test: dict[str, object], expected: dict[str, int]) -> None:
    first = row(T0, 10, 15, 3, 3.0)
    assert csv.totals(test, [first, first, row(T0 + 1, 10, 16, 0, 3.0)], users=10) == expected


class Console:
    """The part of the controller's REST API that one load uses, and a clock that the test moves."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = float(T0)
        self.ordered: dict[str, Any] = {}
        self.tests = self.stops = self.incomplete = 0
        self.late_users = 0  # of the first test
        self.left_s: list[float] = []  # at each stop, until second 0
        clock = SimpleNamespace(time=lambda: self.now, monotonic=lambda: self.now, sleep=self.sleep)
        monkeypatch.setattr(client, "time", clock)
        monkeypatch.setattr(perftest, "time", clock)
        (folder / "admin").write_text("secret", encoding="utf-8")
        http = httpx.Client(base_url="http://controller", transport=httpx.MockTransport(self.answer))
        self.load_generator = client.NgrinderLoadGenerator(http, http, folder / "admin", ["agent-1"])

    def sleep(self, seconds: float) -> None:
        self.now += seconds

    def answer(self, request: httpx.Request) -> httpx.Response:
        if (request.method, request.url.path) == ("POST", "/perftest/api"):
            self.ordered = json.loads(request.content)
            self.late_users = 0 if self.stops else self.late_users
        if request.method == "PUT":
            self.stops += 1
            self.left_s.append(int(re.findall(r"t0_ms=(\d+)", self.ordered["param"])[0]) / 1000 - self.now)
        is_over = bool(self.stops and self.late_users)
        users = self.ordered.get("vuserPerAgent", 0) - self.late_users
        totals = {"Tests": users + self.tests, "Errors": self.incomplete, "User_defined_incomplete": self.incomplete}
        perf = {"thread": users, "totalStatistics": totals}
        answers: dict[str, Any] = {
            "/perftest/api": {"id": 7},
            "/perftest/api/list": {"tests": []},
            "/agent/api/list": [{"name": "agent-1", "ip": "10.0.0.1", "approved": True, "state": {"ready": True}}],
            "/perftest/api/7": {"status": {"deletable": True}},
            "/perftest/api/7/sample": {"status": {"reportable": is_over, "name": "TESTING"}, "perf": perf},
        }
        if request.url.path == "/script/api/validate":
            return httpx.Response(200, text="Totals       1            0            66.00  1.2")
        return httpx.Response(200, json=answers.get(request.url.path, {}))


@pytest.fixture
def console(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Console:
    return Console(tmp_path, monkeypatch)


def test_a_tests_duration_covers_the_start_of_its_users_and_the_longest_load(console: Console) -> None:
    t0 = console.load_generator.start(LOAD)
    assert t0 > T0, "users start before second 0"
    assert console.ordered["duration"] / 1000 == pytest.approx(t0 - T0 + LOAD.longest_s)


def test_users_of_a_load_that_starts_again_are_stopped_long_before_they_send(console: Console) -> None:
    """A slow agent needs seconds to stop them. Their requests would count in second 0 of the next try."""
    console.late_users = 1
    second = console.load_generator.start(LOAD) - console.now
    assert console.left_s[0] >= client.FIRST_LEAD_S / 4 - perftest.STATE_EVERY_S
    assert second > client.FIRST_LEAD_S, "the next try has more time"


def test_a_load_ends_after_its_last_response(console: Console) -> None:
    end = console.load_generator.start(LOAD) + LOAD.duration_s
    for since_end_s, answers, stops in ((0, 100, 0), (2, 101, 0), (4, 101, 0), (5.5, 101, 1)):
        console.now, console.tests = end + since_end_s, answers
        console.load_generator.samples(0)
        assert console.stops == stops, since_end_s


def test_live_totals_have_no_reports_of_incomplete_bodies(console: Console) -> None:
    """If all responses are incomplete, no request succeeds, and the study ends the trial early."""
    begin = console.load_generator.start(LOAD)
    console.now, console.tests, console.incomplete = begin + 2, 30, 30
    rows, _ = console.load_generator.samples(0)
    assert sum(row.completed for row in rows) == 0
    assert sum(row.failed for row in rows) == 30
