"""The summary of HAProxy's own log (roles/haproxy_lb/files/image), without HAProxy."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from harness.balancers.haproxy import HAPROXY

FILE = Path(__file__).resolve().parents[3] / "roles" / "haproxy_lb" / "files" / "image" / "summarise_trial.py"


@pytest.fixture(scope="module")
def log() -> ModuleType:
    spec = importlib.util.spec_from_file_location("summarise_haproxy", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(
    status: str, ended: float, took: float, server: str = "a:1", *, state: str = "--", retries: str = "0",
    queued: int = 0, header: int | None = None, name: str = "server-1", trial: str = "t",
) -> str:  # fmt: skip
    whole = round(took * 1000)
    times = [whole, 1, queued, whole - 1 - queued if header is None else header]
    return "\t".join([trial, str(round(ended * 1000)), status, state, *map(str, times), server, retries, name])


def test_requests_are_counted_by_status_server_and_second_for_one_trial(log: ModuleType) -> None:
    lines = [
        line("200", 100.5, 0.5),
        line("200", 101.5, 1.0),
        line("400", 101.7, 2.0, "b:1", state="CH", header=-1),  # its client gave up
        line("502", 102.0, 0.1, "b:1", state="SH", retries="+1", header=-1),
        line("200", 101.0, 0.1, trial="another"),
        "Proxy users_1 stopped (cumulated conns: FE: 2, BE: 0).",
    ]
    summary = log.summarise(lines, "t", 100.0, 102.0)
    assert summary["statuses"] == {"200": 2, "499": 1, "502": 1}
    assert summary["upstreams"] == {"a:1": {"200": 2}, "b:1": {"499": 1, "502": 1}}
    assert summary["retried"] == 1
    assert summary["mean_in_flight"] == pytest.approx((0.5 + 1.0 + 1.7 + 0.1) / 2)  # the 499 began before the window
    assert summary["times_ms"]["200"] == [(500, 1), (1000, 1)]
    assert "499" not in summary["times_ms"], "it began before the window"
    seconds = log.summarise(lines, "t", 100.0, 102.0, since_s=99.6)["seconds"]
    assert seconds == [[0, "a:1", "200", 1], [1, "a:1", "200", 1], [2, "b:1", "499", 1], [2, "b:1", "502", 1]]
    begun = log.summarise(lines, "t", 100.0, 102.0, since_s=99.6)["begun"]
    assert begun == [[0, "200", 2], [0, "499", 1], [2, "502", 1]]


def test_the_time_of_servers_excludes_the_request_and_the_queue(log: ModuleType) -> None:
    found = log.summarise([line("200", 101.0, 0.5, queued=100)], "t", 100.0, 102.0)
    assert found["upstream_mean_s"] == pytest.approx(0.399)
    assert found["request_mean_s"] == pytest.approx(0.5)
    without = log.summarise([line("503", 101.0, 0.5, "-:-", state="SC", name="<NOSRV>", header=-1)], "t", 100.0, 102.0)
    assert without["upstream_mean_s"] is None
    assert without["upstreams"] == {"-": {"503": 1}}


@pytest.mark.parametrize(
    ("state", "name", "queued", "event"),
    [
        ("SC", "<NOSRV>", 0, "no server available"),
        ("SC", "server-1", 0, "connection to a server failed"),
        ("sC", "server-1", 0, "connection to a server timed out"),
        ("sH", "server-1", 0, "no response from a server in time"),
        ("SD", "server-1", 0, "a server closed the connection during its response"),
        ("RC", "server-1", 0, "no resource for a connection to a server"),
        ("--", "server-1", 5, "requests waited in the queue"),
    ],
)
def test_termination_states_are_named_events_with_their_first_time(
    log: ModuleType, state: str, name: str, queued: int, event: str
) -> None:
    lines = [line("503", at, 0.1, state=state, name=name, queued=queued) for at in (101.5, 101.0)]
    found = log.summarise([*lines, line("200", 100.0, 0.1)], "t", 100.0, 102.0)
    assert found["events"] == {event: 2}
    assert found["events_at"] == {event: 101.0}


def test_messages_about_servers_are_events_from_the_start_of_the_trial_on(log: ModuleType) -> None:
    down = 'Server servers/two is DOWN, reason: Layer4 connection problem, info: "Connection refused".'
    lines = [
        f"[WARNING]  (1280) : {down}",  # the same without a time
        f"<1>2026-12-01T03:28:20.500000+00:00 {down}",
        f"<1>2026-12-01T03:28:28.500000+00:00 {down}",
        "<5>2026-12-01T03:28:30.000000+00:00 Server servers/two is UP, reason: Layer4 check passed.",
        "<0>2026-12-01T03:28:29.000000+00:00 backend servers has no server available!",
    ]
    counts, first = log.count_messages(lines, since_s=1_796_095_705.0)
    assert counts == {"a server was removed": 1, "a server was added again": 1, "no server available": 1}
    assert first["a server was removed"] == 1_796_095_708.5


def test_every_event_of_the_log_has_a_place_in_the_rules(log: ModuleType) -> None:
    """Without an entry an event would have no fix, and would not count as an effect of a planned failure."""
    named = {*log.STATES.values(), *log.MESSAGES.values(), log.NO_SERVER, "requests waited in the queue"}
    assert named == set(HAPROXY.events)


def test_an_emptied_log_is_read_without_the_hole_at_its_beginning(log: ModuleType, tmp_path: Path) -> None:
    """HAProxy writes at its own offset, so an emptied file begins with zeros."""
    file = tmp_path / "trial-1.log"
    with file.open("wb", buffering=0) as written:
        written.write(b"first\n" * 5000)
        assert len(log.take(file)) == 5000
        assert log.take(file) == []
        written.write(b"second\n")
        assert log.take(file) == ["second"]
    assert file.stat().st_size == 0
