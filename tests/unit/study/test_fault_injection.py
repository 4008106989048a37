"""Server failures in the middle of a trial: the study kills, records, judges and starts servers again (rule E24)."""

from __future__ import annotations

import itertools
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Host
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study import check
from harness.study.fault_injection import FaultInjector, kill
from tests.study_stubs import FakeSite

FAILS_SERVER_3 = 9  # seed with which the first block fails server-3, and then server-2
LOAD = {"think_time": "1s", "ramp_up": "2s", "duration": "20s"}
SERVER_FAILURE: dict[str, Any] = {"factors": {"servers": [3], "vusers": [400], "fail_servers": [0, 1]}, "load": LOAD}


@pytest.fixture
def site() -> FakeSite:
    found = FakeSite(servers=3)
    found.seeds = itertools.count(FAILS_SERVER_3)
    return found


def measured(results: Path) -> dict[str, TrialRecord]:
    (folder,) = (path.parent for path in results.glob("*/study.json"))
    return StudyDirectory(folder).trials()


def record_with_failure(results: Path) -> TrialRecord:
    return next(record for record in measured(results).values() if record.cell["fail_servers"] == 1)


def test_a_server_is_killed_under_load_recorded_and_started_again(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 2
    site.study(tmp_path, **SERVER_FAILURE, repeats=2).run()
    records = measured(tmp_path)
    assert {str(record.outcome) for record in records.values()} == {"ok"}
    record = record_with_failure(tmp_path)
    lost = record.failover
    assert lost
    assert record.context
    assert record.context.server_failure
    assert record.context.server_failure.servers == ["server-3"]
    assert record.context.server_failure.at_s == pytest.approx(11.5)
    assert lost.servers == ["server-3"]
    assert lost.at_s == pytest.approx(11, abs=0.01)
    assert lost.failed == lost.failed_at_balancer == 2 * 133
    assert lost.failing_s == pytest.approx(2, abs=0.01)
    assert lost.recovery_s == pytest.approx(2, abs=0.01)
    assert lost.expected == 1  # load-limited
    assert lost.after.tps == lost.before.tps == 400
    assert lost.after.error_rate == 0
    assert all(other.failover is None for other in records.values() if other.cell["fail_servers"] == 0)
    rules = [finding.rule for finding in record.findings]
    assert rules == ["E13"]
    assert "server-3" in record.findings[0].cause
    assert record.figures
    assert [what for at_s, what in record.figures.timeline if 10.9 <= at_s <= 11.1] == ["server-3 stopped"]
    dies = [place for place, what in enumerate(site.journal) if what.endswith(" dies")]
    assert len(dies) == 2
    assert all(site.journal[place + 1] == "repair" for place in dies)


def test_failures_to_the_end_of_the_load_are_recorded(site: FakeSite, tmp_path: Path) -> None:
    site.study(tmp_path, **SERVER_FAILURE).run()
    lost = record_with_failure(tmp_path).failover
    assert lost
    assert lost.failing_s == pytest.approx(9, abs=0.01)
    assert lost.recovery_s is None
    assert lost.after.error_rate == pytest.approx(1 / 3, abs=0.01)
    assert record_with_failure(tmp_path).outcome == "ok"  # the failure is the purpose of the trial


def test_busy_servers_are_expected_to_keep_the_share_of_the_survivors(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 1
    factors = {"servers": [3], "vusers": [2000], "fail_servers": [1]}
    site.study(tmp_path, factors=factors, load=LOAD).run()
    lost = record_with_failure(tmp_path).failover
    assert lost
    assert lost.expected == pytest.approx(2 / 3)
    assert lost.before.tps == pytest.approx(840)
    assert lost.after.tps == pytest.approx(560)
    assert lost.recovery_s == pytest.approx(0, abs=0.01)  # the surviving servers kept their share
    assert lost.latency_recovery_s is None


def test_several_killed_servers_are_all_recorded(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 1
    site.study(tmp_path, factors={"servers": [3], "vusers": [200], "fail_servers": [2]}, load=LOAD).run()
    (record,) = measured(tmp_path).values()
    assert record.outcome == "ok", record.cause
    assert record.failover
    assert record.failover.servers == ["server-2", "server-3"]


def test_a_server_that_cannot_be_killed_makes_the_trial_invalid(site: FakeSite, tmp_path: Path) -> None:
    site.holds = {"server-3"}
    site.study(tmp_path, **SERVER_FAILURE).run()
    record = record_with_failure(tmp_path)
    assert record.outcome == "invalid"
    assert record.cause == (
        "server-3 was not killed at second 11.5 as planned: the container engine could not kill it: the engine is busy"
    )
    assert record.failover is None


def test_an_unplanned_death_counts_next_to_a_planned_one(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 1
    site.happens(1, 15, lambda: site.die("server-1"))
    site.study(tmp_path, factors={"servers": [3], "vusers": [400], "fail_servers": [1]}, load=LOAD).run()
    (record,) = measured(tmp_path).values()
    assert record.outcome == "server_down"
    assert record.cause.startswith("server-1 died with exit code 137 during the trial")


def test_a_server_killed_at_the_wrong_time_makes_the_trial_invalid(site: FakeSite, tmp_path: Path) -> None:
    begin = {"think_time": "1s", "ramp_up": "2s", "duration": "20s"}
    site.study(
        tmp_path,
        factors={"servers": [3], "vusers": [400], "fail_servers": [1]},
        load=begin,
        evidence={"failure_late": "100ms"},
    ).run()
    (record,) = measured(tmp_path).values()
    assert record.cause == "server-3 was killed at second 11.0, planned: 11.5"


def test_a_study_of_server_failures_is_recomputed_from_its_files(site: FakeSite, tmp_path: Path) -> None:
    site.left_out_after_s = 2
    study = site.study(tmp_path, **SERVER_FAILURE, repeats=3)
    study.run()
    wrong = [line.text for line in check.check(study._directory) if not line.ok and ".csv" not in line.text]
    assert wrong == []
    file = next(study._directory.path.glob("trials/*fail_servers-1/r1/trial.json"))
    file.write_text(file.read_text().replace('"failed_at_balancer": 266', '"failed_at_balancer": 26'))
    assert any(line.rule == "E24" and not line.ok for line in check.check(study._directory))


class FakeDockerApi:
    """The part of Docker's API that kills a container."""

    def __init__(self) -> None:
        self.killed: list[str] = []

    def kill(self, container: str) -> None:
        self.killed.append(container)

    def wait(self, container: str, **_more: Any) -> None:
        assert self.killed == [container]

    def inspect_container(self, _container: str) -> dict[str, Any]:
        return {"State": {"Running": False, "FinishedAt": "2026-01-02T03:04:05.123456789Z"}}


def connections_to(engine: FakeDockerApi) -> Connections:
    return cast(Connections, SimpleNamespace(docker=lambda _host: SimpleNamespace(api=engine)))


SERVER = Host.parse("server-1", "ml_servers", {"study_container": "one"})


def test_the_container_engine_reports_when_a_server_ended() -> None:
    engine = FakeDockerApi()
    assert kill(connections_to(engine), SERVER) == pytest.approx(1767323045.123456, abs=1e-5)
    injector = FaultInjector(connections_to(FakeDockerApi()), [SERVER], time.time() - 1)
    injector._threads[0].join()
    loss = injector.result(9.0, {"server-1": 1767323036.0})
    assert loss.stopped_s == {"server-1": pytest.approx(9.123)}
    assert not loss.problems


def test_the_end_of_a_load_cancels_a_planned_failure() -> None:
    engine = FakeDockerApi()
    injector = FaultInjector(connections_to(engine), [SERVER], time.time() + 3600)
    injector.cancel()
    assert engine.killed == []
    assert injector.result(9.0, {"server-1": 0.0}).stopped_s == {}
