"""The summary of the balancer's own log (roles/nginx_lb/files/image), without nginx."""

import importlib.util
import time
from pathlib import Path
from types import ModuleType

import pytest

FILE = Path(__file__).resolve().parents[3] / "roles" / "nginx_lb" / "files" / "image" / "summarise_trial.py"


@pytest.fixture(scope="module")
def log() -> ModuleType:
    spec = importlib.util.spec_from_file_location("summarise_trial", FILE)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def line(status: str, ended: float, took: float, upstream: str, trial: str = "t") -> str:
    return "\t".join([trial, f"{ended:.3f}", status, f"{took:.3f}", upstream, f"{took:.3f}"]) + "\n"


@pytest.mark.parametrize(
    ("tried", "retried"), [("a:1", 0), ("a:1, a:1", 0), ("a:1, ml_servers", 0), ("a:1, b:1", 1), ("a:1, b:1, ml", 1)]
)
def test_a_request_sent_to_several_servers_counts_as_retried(log: ModuleType, tried: str, retried: int) -> None:
    """If no server is available nginx logs the upstream's name."""
    assert log.summarise([line("502", 100.5, 0.5, tried)], "t", 100.0, 102.0)["retried"] == retried


def test_requests_are_counted_by_status_server_and_second_for_one_trial(log: ModuleType) -> None:
    lines = [
        line("200", 100.5, 0.5, "a:1"),
        line("200", 101.5, 1.0, "a:1"),
        line("499", 101.7, 2.0, "b:1"),
        line("502", 102.0, 0.1, "a:1, b:1"),  # tried a, then b
        line("200", 101.0, 0.1, "a:1", trial="another"),
        "cut",
    ]
    summary = log.summarise(lines, "t", 100.0, 102.0)
    assert summary["statuses"] == {"200": 2, "499": 1, "502": 1}
    assert summary["upstreams"] == {"a:1": {"200": 2}, "b:1": {"499": 1, "502": 1}}
    assert summary["retried"] == 1
    assert summary["mean_in_flight"] == pytest.approx((0.5 + 1.0 + 1.7 + 0.1) / 2)  # the 499 began before the window
    assert [100, "a:1", "200", 1] in summary["seconds"]
    # With since_s the seconds count from the start of the load, and each one is complete.
    seconds = log.summarise(lines, "t", 100.0, 102.0, since_s=99.6)["seconds"]
    assert seconds == [[0, "a:1", "200", 1], [1, "a:1", "200", 1], [2, "b:1", "499", 1], [2, "b:1", "502", 1]]
    early = log.summarise(lines[:2], "t", 100.0, 102.0, since_s=100.502)["seconds"]
    assert early == [[0, "a:1", "200", 2]]
    assert summary["times_ms"]["200"] == [(500, 1), (1000, 1)]
    assert "499" not in summary["times_ms"], "it began before the window"
    assert log.summarise(lines, "t", 99.0, 100.0)["times_ms"]["499"] == [(2000, 1)]
    begun = log.summarise(lines, "t", 100.0, 102.0, since_s=99.6)["begun"]
    assert begun == [[0, "200", 2], [0, "499", 1], [2, "502", 1]]


def test_events_before_the_trial_do_not_count(log: ModuleType) -> None:
    begin, fraction = 1_800_000_000.0, 0.7  # nginx logs whole seconds; a trial may begin within a second
    lines = [
        f"{time.strftime(log.STAMP, time.localtime(begin + second))} [error] 7#7: *1 {event}, client: 10.0.0.1"
        for second, event in (
            (-60, "upstream timed out (110: Connection timed out)"),
            (-1, "no live upstreams while connecting to upstream"),
            (0, "worker_connections are not enough while connecting to upstream"),
            (3, "no live upstreams while connecting to upstream"),
            (5, "upstream timed out (110: Connection timed out)"),
            (6, "upstream timed out (110: Connection timed out)"),
        )
    ]
    counts, first = log.count_events(lines, begin + fraction)
    crowded = "worker_connections are not enough"
    assert counts == {crowded: 1, "no live upstreams": 1, "upstream timed out": 2}
    assert first == {crowded: begin, "no live upstreams": begin + 3, "upstream timed out": begin + 5}


def test_the_servers_mean_time_covers_the_window_and_all_tried_servers(log: ModuleType) -> None:
    lines = [
        "t\t100.500\t200\t0.500\ta:1\t0.400\n",
        "t\t101.000\t200\t0.900\ta:1, b:1\t0.100, 0.500\n",
        "t\t101.200\t499\t2.000\ta:1\t-\n",
        "t\t103.000\t200\t0.900\ta:1\t9.000\n",  # after the window
    ]
    assert log.summarise(lines, "t", 100.0, 102.0)["upstream_mean_s"] == pytest.approx(0.5)
    assert log.summarise(lines[2:3], "t", 100.0, 102.0)["upstream_mean_s"] is None


def test_the_balancers_mean_time_covers_the_same_requests(log: ModuleType) -> None:
    lines = [
        "t\t100.500\t200\t0.500\ta:1\t0.400\n",
        "t\t101.000\t200\t0.900\ta:1, b:1\t0.100, 0.500\n",
        "t\t102.200\t499\t2.000\ta:1\t-\n",  # no server answered
        "t\t103.000\t200\t0.900\ta:1\t9.000\n",  # after the window
    ]
    assert log.summarise(lines, "t", 100.0, 102.0)["request_mean_s"] == pytest.approx(0.7)
    assert log.summarise(lines[2:3], "t", 100.0, 102.0)["request_mean_s"] is None
