"""nGrinder with its roles and REST API on the fleet: the stand-in, or the real one from NGRINDER_WAR."""

import hashlib
import os
import re
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.deploy.connections import Connections
from harness.deploy.inventory.hosts import Url
from harness.errors import LoadGeneratorFailed
from harness.grid.request import Request
from harness.records.directory import StudyDirectory
from harness.traffic import registry
from harness.traffic.load_generator import LoadResult, LoadSpec
from harness.traffic.ngrinder import client, perftest
from harness.traffic.ngrinder.client import NgrinderLoadGenerator
from tests import builders
from tests.builders import grid
from tests.integration.conftest import HOSTS, ROOT, changed, command, events, study, wait_for
from tests.rehearsal.conftest import HERE, Fleet, deployment_changed, play, small_grid

DEPLOY = "playbooks/deploy-generators.yml"
HOME = "/var/lib/ngrinder-controller"
CONTROLLER = ("--tags", "ngrinder_controller")
real = pytest.mark.skipif("NGRINDER_WAR" in os.environ, reason="needs a controller that misbehaves on request")


def deploy(war: Path, *more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return play(DEPLOY, "-e", "study_load_generator=ngrinder", "-e", f"ngrinder_war_file={war}", *more, check=check)


def flat(done: subprocess.CompletedProcess[str]) -> str:
    """Return a playbook's output on one line."""
    return re.sub(r"\s+", " ", done.stdout)


@pytest.fixture(scope="module")
def controller(deployed_fleet: Fleet, war: Path) -> Fleet:
    if HOSTS != "use":  # otherwise the previous run of pytest deployed it
        deploy(war)
    return deployed_fleet


@pytest.fixture
def load_generator(controller: Fleet, connections: Connections) -> NgrinderLoadGenerator:
    ngrinder = grid(load_generator="ngrinder", vars={"ngrinder_war_file": "x"})
    found = registry.connect(ngrinder, controller.inventory, connections)
    assert isinstance(found, NgrinderLoadGenerator)
    return found


@pytest.fixture
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the lead time for the stand-in, whose agents start faster than real worker processes."""
    if "NGRINDER_WAR" not in os.environ:
        monkeypatch.setattr(client, "FIRST_LEAD_S", 12.0)


def load(fleet: Fleet, **more: object) -> LoadSpec:
    request = Request(path="/readyz")
    url = fleet.host("balancer").url(Url.TARGET)
    times = {"think_time_s": 0.2, "duration_s": 6.0, "timeout_s": 3.0}
    return builders.load(**{"trial": "trap", "url": url, "request": request, **times, **more})


def finish(load_generator: NgrinderLoadGenerator) -> LoadResult:
    over = False
    while not over:
        _, over = load_generator.samples(0)
    return load_generator.result()


@pytest.mark.concurrent
def test_the_units_run_as_their_own_users_with_limits(controller: Fleet) -> None:
    for unit, user in (("ngrinder-controller", "ngrinder"), ("ngrinder-agent", "ngrinder-agent")):
        shown = controller.on("generator", f"systemctl show {unit} --property=User,LimitNOFILE,MainPID,UnitFileState")
        assert f"User={user}" in shown
        assert "LimitNOFILE=65536" in shown
        assert "UnitFileState=enabled" in shown
    conf = controller.on("generator", f"cat {HOME}/system.conf")
    assert "controller.usage_report=false" in conf
    assert "controller.enable_agent_auto_approval=false" in conf
    assert "controller.ignore_too_low_tps=true" in conf


@pytest.mark.concurrent
@pytest.mark.parametrize("unit", ["ngrinder-controller", "ngrinder-agent"])
def test_the_units_are_restricted(controller: Fleet, unit: str) -> None:
    shown = controller.on("generator", f"systemd-analyze security {unit} --no-pager")
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", shown)
    assert exposure, shown
    assert float(exposure[1]) < 4, shown
    pid = controller.on("generator", f"systemctl show {unit} --property=MainPID --value").strip()
    status = controller.on("generator", f"cat /proc/{pid}/status")
    assert "CapBnd:\t0000000000000000" in status
    options = controller.on("generator", f"tr '\\0' '\\n' </proc/{pid}/environ")
    assert "-Duser.language=en -Dfile.encoding=UTF-8" in options
    for parts in (f"nsenter -t {pid} -m touch /etc/mine", f"nsenter -t {pid} -m touch /opt/mine"):
        assert "Read-only file system" in controller.on("generator", f"{parts} 2>&1; true")


@pytest.mark.long
def test_a_second_run_and_a_check_change_nothing(controller: Fleet, war: Path) -> None:
    assert controller
    assert changed(deploy(war).stdout) == 0
    assert changed(deploy(war, "--check").stdout) == 0


@pytest.mark.concurrent
def test_the_controller_listens_only_on_the_private_address(controller: Fleet) -> None:
    listening = [line.split()[3] for line in controller.on("generator", "ss -ltnH").splitlines()]
    private = controller.host("generator").private_ip
    found = {address for address in listening if address.endswith((":8080", ":16001"))}
    assert {address.strip("[]").removeprefix("::ffff:") for address in found} == {f"{private}:8080", f"{private}:16001"}


@pytest.mark.concurrent
def test_no_well_known_password_works(controller: Fleet, connections: Connections) -> None:
    folder = Path(controller.host("generator").ngrinder_credentials)
    client = connections.http(controller.host("generator"), Url.NGRINDER)
    for name in ("admin", "user", "superuser", "system"):
        file = folder / name
        assert file.stat().st_mode & 0o777 == 0o600
        client.cookies.clear()  # a session would need no password
        assert client.get("/user/api/profile", auth=(name, name)).status_code == httpx.codes.UNAUTHORIZED
        answer = client.get("/user/api/profile", auth=(name, file.read_text().strip()))
        assert answer.status_code == httpx.codes.OK


@pytest.mark.long
def test_a_wrong_checksum_is_rejected(controller: Fleet, war: Path) -> None:
    assert controller
    right = hashlib.sha256(war.read_bytes()).hexdigest()
    done = deploy(war, "-e", f"ngrinder_war_sha256={'0' * 64}", check=False)
    assert done.returncode != 0
    assert f"its SHA-256 differs from ngrinder_war_sha256 (got {right}). Allowed: {'0' * 64}" in flat(done)


@pytest.mark.concurrent
def test_two_sources_of_the_war_are_rejected(controller: Fleet, war: Path) -> None:
    assert controller
    done = deploy(war, "-e", "ngrinder_war_url=https://example.org/ngrinder.war", check=False)
    assert done.returncode != 0
    assert "nGrinder's WAR needs exactly one source" in flat(done)


@pytest.mark.long
def test_a_java_that_is_too_new_is_rejected(controller: Fleet, war: Path) -> None:
    fake = "#!/bin/sh\\necho 'openjdk version \\\"17.0.9\\\" 2023-10-17' >&2\\n"
    controller.on(
        "generator", f'mkdir -p /opt/jdk-17/bin; printf "{fake}" >/opt/jdk-17/bin/java; chmod 755 /opt/jdk-17/bin/java'
    )
    done = play(
        "tests/rehearsal/controller.yml",
        "-e",
        f"war={war}",
        "-e",
        "home=/opt/jdk-17",
        "-e",
        f"study_root={ROOT}",
        check=False,
    )
    assert done.returncode != 0
    message = flat(done).replace('\\"', '"')
    assert 'nGrinder cannot run its scripts with /opt/jdk-17 (got openjdk version "17.0.9"' in message


@pytest.mark.long
def test_a_port_in_use_and_a_broken_war_are_reported(controller: Fleet, war: Path, tmp_path: Path) -> None:
    private = controller.host("generator").private_ip
    controller.on("generator", "systemctl stop ngrinder-controller")
    controller.on("generator", f"systemd-run --unit=squatter python3 -m http.server 8080 --bind {private}; sleep 1")
    try:
        done = deploy(war, *CONTROLLER, check=False)
    finally:
        controller.on("generator", "systemctl stop squatter")
    assert done.returncode != 0
    assert "nGrinder's controller does not start. Fix: if port 8080" in flat(done)
    broken = tmp_path / "broken.war"
    broken.write_bytes(b"this is no archive")
    done = deploy(broken, *CONTROLLER, check=False)
    assert done.returncode != 0
    assert "Invalid or corrupt jarfile" in flat(done)
    deploy(war, *CONTROLLER)


@pytest.mark.long
@real
def test_one_variable_selects_the_version(controller: Fleet, war: Path, load_generator: NgrinderLoadGenerator) -> None:
    deploy(war, "-e", "ngrinder_version=3.5.9")
    try:
        assert load_generator.version() == {"ngrinder": "3.5.9"}
        assert load_generator.ready()
        assert "ngrinder-agent/3.5.9/" in controller.on("generator", "systemctl cat ngrinder-agent")
    finally:
        deploy(war)


@pytest.mark.long
@real
def test_an_agent_of_another_version_is_reported(
    controller: Fleet, war: Path, load_generator: NgrinderLoadGenerator
) -> None:
    script = "/opt/ngrinder-agent/3.5.9-p1/ngrinder-agent/run_agent.sh"
    controller.on(
        "generator", f"sed -i.right s/version=3.5.9-p1/version=3.5.8/ {script}; systemctl restart ngrinder-agent"
    )
    try:
        done = deploy(war, "--tags", "ngrinder_agent_join", check=False)
        with pytest.raises(
            LoadGeneratorFailed, match=r"agent generator has version 3\.5\.8, the controller 3\.5\.9-p1"
        ):
            load_generator.ready()
    finally:
        controller.on("generator", f"mv {script}.right {script}; systemctl restart ngrinder-agent")
    assert done.returncode != 0
    assert "its nGrinder agent has version 3.5.8, the controller 3.5.9-p1" in flat(done)
    deploy(war, "--tags", "ngrinder_agent_join")


@pytest.mark.long
def test_a_changed_password_is_reported(controller: Fleet, war: Path, load_generator: NgrinderLoadGenerator) -> None:
    file = Path(controller.host("generator").ngrinder_credentials) / "admin"
    right = file.read_text()
    file.write_text("not the right one\n")
    try:
        done = deploy(war, "--tags", "ngrinder_controller_passwords", check=False)
        with pytest.raises(LoadGeneratorFailed, match="rejects the stored password of admin"):
            load_generator.ready()
    finally:
        file.write_text(right)
    assert done.returncode != 0
    assert "accepts neither the stored password of admin nor the well-known one" in flat(done)


@pytest.mark.long
def test_a_failed_start_ends_the_wait_at_once(controller: Fleet, war: Path) -> None:
    """The stand-in logs the failure and hangs; the role must not wait three minutes. The real controller ends."""
    if "NGRINDER_WAR" in os.environ:
        damage = f"mv {HOME}/db {HOME}/db.right; echo no folder >{HOME}/db"
        repair = f"rm {HOME}/db; mv {HOME}/db.right {HOME}/db"
    else:
        damage, repair = f"touch {HOME}/fail-start", f"rm {HOME}/fail-start"
    controller.on("generator", "systemctl stop ngrinder-controller")
    with controller.broken("generator", damage, repair):
        done = deploy(war, *CONTROLLER, check=False)
    assert done.returncode != 0
    assert "nGrinder's controller does not start" in flat(done)
    if "NGRINDER_WAR" not in os.environ:
        assert "the controller failed during its start: Caused by: " in flat(done)
    deploy(war, *CONTROLLER)
    deploy(war, "--tags", "ngrinder_agent_join")


@pytest.mark.long
def test_agents_join_at_another_control_port(
    controller: Fleet, war: Path, load_generator: NgrinderLoadGenerator
) -> None:
    deploy(war, "-e", "ngrinder_controller_control_port=16201")
    try:
        assert load_generator.ready()
        assert ":16201" in controller.on("generator", "ss -ltnH")
        assert ":16001" not in controller.on("generator", "ss -ltnH")
    finally:
        deploy(war)


@pytest.mark.long
def test_a_closed_port_is_found_before_an_agent_joins(controller: Fleet, war: Path) -> None:
    private = controller.host("generator").private_ip
    rule = f"OUTPUT -p tcp -d {private} --dport 16001 -j DROP"
    with controller.broken("generator", f"iptables -I {rule}", f"iptables -D {rule}"):
        done = deploy(war, "--tags", "ngrinder_agent_join", "-e", "reachability_within_s=4", check=False)
    assert done.returncode != 0
    assert f"generator cannot connect to generator (port for agents) at {private}:16001" in flat(done)
    assert "open port 16001 for the private network" in flat(done)


@pytest.mark.long
def test_logs_of_deleted_tests_are_removed(controller: Fleet, war: Path) -> None:
    gone, kept = f"{HOME}/perftest/0_999/901", f"{HOME}/perftest/0_999/902"
    controller.on(
        "generator",
        f"mkdir -p {gone}/logs {kept}/report; touch {gone}/logs/agent--log.zip; touch -d '1 hour ago' {gone} {kept}; "
        f"chown -R ngrinder {HOME}/perftest",
    )
    assert changed(deploy(war, "--tags", "ngrinder_controller_service").stdout) == 1
    assert controller.on("generator", f"ls -d {gone} {kept} 2>/dev/null; true").split() == [kept]
    controller.on("generator", f"rm -r {kept}")


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
@real
@pytest.mark.parametrize("fault", ["late-workers", "ends-at-once"])
def test_a_load_waits_for_its_users(controller: Fleet, load_generator: NgrinderLoadGenerator, fault: str) -> None:
    """If workers are 20 s late, or the first test ends at once, the load starts again with more lead time."""
    controller.on("generator", f"echo {fault} >{HOME}/faults; chown ngrinder {HOME}/faults")
    began = time.time()
    t0 = load_generator.start(load(controller))
    assert t0 - began > 2 * client.FIRST_LEAD_S  # the lead times of both attempts
    result = finish(load_generator)
    assert result.samples is not None
    assert [sample.t_s for sample in result.samples][:6] == list(range(6))
    assert all(sample.completed for sample in result.samples[2:6])
    assert all(sample.users == 20 for sample in result.samples[:6])


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_load_stopped_before_its_first_response_has_no_sample(
    controller: Fleet, load_generator: NgrinderLoadGenerator, connections: Connections
) -> None:
    load_generator.start(load(controller, duration_s=60.0))
    load_generator.stop()
    result = finish(load_generator)
    assert result.samples == []
    assert result.over
    client = connections.http(controller.host("generator"), Url.NGRINDER)
    password = Path(controller.host("generator").ngrinder_credentials, "admin").read_text().strip()
    listed = client.get("/perftest/api/list", auth=("admin", password)).json()["tests"]
    assert not [test for test in listed if test["testName"].startswith("scale-out ")]


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_later_load_takes_as_long_as_the_first_one_needed(
    controller: Fleet, load_generator: NgrinderLoadGenerator
) -> None:
    began = time.time()
    first = load_generator.start(load(controller)) - began
    finish(load_generator)
    while not load_generator.ready():
        time.sleep(0.2)
    began = time.time()
    second = load_generator.start(load(controller)) - began
    finish(load_generator)
    assert second <= client.MARGIN * first + 2 * perftest.TOGETHER_S


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_non_ascii_text_is_found_in_responses(controller: Fleet, load_generator: NgrinderLoadGenerator) -> None:
    private = controller.host("generator").private_ip
    controller.on("generator", "mkdir -p /srv/words; printf 'gr\\303\\274n' >/srv/words/green")
    serve = f"python3 -m http.server 8999 --bind {private} --directory /srv/words"
    with controller.broken("generator", f"systemd-run --unit=words {serve}; sleep 1", "systemctl stop words"):
        request = grid(request={"path": "/green", "expect_body": "grün"}).request
        load_generator.start(load(controller, url=f"http://{private}:8999", request=request))
        result = finish(load_generator)
    assert not result.errors
    assert result.samples
    assert sum(sample.completed for sample in result.samples) > 100


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
@real
@pytest.mark.parametrize("fault", ["lose-script", "skip-second repeat-second"])
def test_lost_scripts_and_wrong_seconds_are_handled(
    controller: Fleet, load_generator: NgrinderLoadGenerator, fault: str
) -> None:
    """A lost script is sent again, a missing second remains a gap, and a repeated second counts once."""
    controller.on("generator", f"echo {fault} >{HOME}/faults; chown ngrinder {HOME}/faults")
    load_generator.start(load(controller, duration_s=9.0))
    result = finish(load_generator)
    assert result.samples is not None
    seconds = [sample.t_s for sample in result.samples]
    gaps = set(range(max(seconds) + 1)) - set(seconds)
    assert len(gaps) == (1 if "skip" in fault else 0), seconds
    assert len(set(seconds)) == len(seconds)
    assert result.lost_workers == 0
    assert result.users == 20
    assert sum(sample.completed for sample in result.samples) > 200
    assert all(sample.in_flight is None for sample in result.samples)


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_stopped_load_keeps_its_samples(controller: Fleet, load_generator: NgrinderLoadGenerator) -> None:
    t0 = load_generator.start(load(controller, duration_s=60.0))
    while len(load_generator.samples(0)[0]) < 4:
        pass
    load_generator.stop()
    result = finish(load_generator)
    assert result.started_at == t0
    assert result.samples
    assert 3 <= len([sample for sample in result.samples if sample.completed]) < 15


@pytest.mark.usefixtures("sooner")
def test_a_script_with_wrong_responses_is_rejected_before_the_load(
    controller: Fleet, load_generator: NgrinderLoadGenerator
) -> None:
    wrong = grid(request={"path": "/readyz", "expect_status": 418}).request
    with pytest.raises(LoadGeneratorFailed, match="validation of the script failed"):
        load_generator.start(load(controller, request=wrong))


def test_more_users_than_agents_allow_are_rejected(controller: Fleet, load_generator: NgrinderLoadGenerator) -> None:
    with pytest.raises(
        LoadGeneratorFailed, match="5,000 users on 1 agents: 5,000 users per agent exceed nGrinder's limit of 3,000"
    ):
        load_generator.start(load(controller, users=5000))


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_controller_restarted_during_a_load_is_reported(
    controller: Fleet, load_generator: NgrinderLoadGenerator
) -> None:
    """The controller reports the test as finished, without results."""
    load_generator.start(load(controller, duration_s=30.0))
    while len(load_generator.samples(0)[0]) < 2:
        pass
    controller.on("generator", "systemctl restart ngrinder-controller")
    with pytest.raises(LoadGeneratorFailed, match="nGrinder"):
        finish(load_generator)
    for _ in range(100):
        if load_generator.ready():  # the agent joins again
            break
        time.sleep(0.2)
    assert load_generator.ready()


@pytest.fixture(scope="module")
def measured(controller: Fleet, war: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The directory of a study with nGrinder, run by the command that a user types."""
    assert controller
    folder = tmp_path_factory.mktemp("ngrinder")
    grid_file = small_grid(
        folder / "grid.yaml",
        name="ngrinder",
        load_generator="ngrinder",
        vars={"ngrinder_war_file": str(war)},
        factors={"servers": [2], "vusers": [100]},
        repeats=1,
        # The think time exceeds the wait at the load's end, so requests that are counted late would be lost.
        load={"think_time": "5s", "ramp_up": "2s", "duration": "12s", "timeout": "1s"},
        # By chance, 100 users send 5 % more or fewer requests in a window of 5 s.
        evidence={"ceiling": False, "lag_invalid": "25%", "loop_invalid": "20%"},
    )
    done = study("--grid", grid_file, "--results", folder / "results")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return next((folder / "results").iterdir())


def test_a_study_with_deployed_ngrinder_changes_nothing(measured: Path) -> None:
    assert deployment_changed(measured) == 0


def test_a_study_with_ngrinder_is_complete(measured: Path) -> None:
    data = StudyDirectory(measured).trial("servers-2_vusers-100/r1")
    assert data.record.outcome in ("ok", "warning"), data.record.cause
    assert data.record.counters
    assert data.record.counters.generator.workers == 1
    assert data.record.figures
    assert data.record.figures.users == 100
    assert data.record.latency_source == "balancer"
    assert data.latencies
    assert (measured / "report.pdf").stat().st_size > 10_000
    assert study("check", measured).returncode == 0


def test_a_study_with_ngrinder_counts_every_request_in_its_second(measured: Path) -> None:
    data = StudyDirectory(measured).trial("servers-2_vusers-100/r1")
    logged = Counter[int]()
    for row in data.balancer:
        logged[row.t_s] += row.requests if row.status == "200" else 0
    assert [row.t_s for row in data.samples] == list(range(len(data.samples)))
    assert {row.t_s: row.completed for row in data.samples if row.completed} == {t: n for t, n in logged.items() if n}
    assert data.record.counters
    # nGrinder's own total: a request that it counted after a think time would be missing.
    own = data.record.counters.generator.totals["completed"]
    assert own == pytest.approx(data.record.counters.balancer.statuses["200"], abs=3)


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_an_agent_outside_the_inventory_is_not_used(
    controller: Fleet, load_generator: NgrinderLoadGenerator, connections: Connections
) -> None:
    """nGrinder would use an approved idle agent like all others."""
    host = controller.host("generator")
    private = host.private_ip
    auth = ("admin", Path(host.ngrinder_credentials, "admin").read_text().strip())
    client = connections.http(host, Url.NGRINDER)

    def listed() -> dict[str, dict[str, Any]]:
        return {shown["name"]: shown for shown in client.get("/agent/api/list", auth=auth).json()}

    program = controller.on("generator", "ls -d /opt/ngrinder-agent/*/ngrinder-agent").split()[-1]
    java = "--setenv=JAVA_HOME=/opt/jdk-11 --setenv=PATH=/opt/jdk-11/bin:/usr/bin:/bin"
    run = f"{program}/run_agent.sh -ah /tmp/stranger -hi a-stranger -ch {private} -cp 16001"
    start, end = f"systemd-run --unit=stranger {java} {run}", "systemctl stop stranger; rm -r /tmp/stranger"
    with controller.broken("generator", start, end):
        while "a-stranger" not in listed():
            time.sleep(0.2)
        stranger = f"/agent/api/{listed()['a-stranger']['ip']}/a-stranger"
        client.put(stranger, params={"action": "approve"}, auth=auth)
        assert listed()["a-stranger"]["approved"]
        load_generator.start(load(controller))
        result = finish(load_generator)
        assert {name: shown["approved"] for name, shown in listed().items()} == {"generator": True, "a-stranger": False}
    assert result.totals["completed"] > 100


@pytest.mark.long
def test_a_study_with_two_agents_continues_after_one_fails(controller: Fleet, war: Path, tmp_path: Path) -> None:
    grid_file = small_grid(
        tmp_path / "grid.yaml",
        name="ngrinder",
        inventory=str(HERE / "two_generators"),
        load_generator="ngrinder",
        vars={"ngrinder_war_file": str(war), "ngrinder_agent_cpus": 0.35},
        factors={"servers": [2], "vusers": [100]},
        repeats=2,
    )
    arguments = command("--grid", grid_file, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        wait_for(started, "sample_taken", seconds=3)
        controller.on("server-3", "systemctl stop ngrinder-agent")  # the second load generator in this inventory
        output, _ = started.communicate(timeout=800)
    lost, whole = (event["record"] for event in events(output) if event["event"] == "trial_ended")
    assert lost["outcome"] == "invalid"
    assert "1 generator processes were lost" in [finding["cause"] for finding in lost["findings"]]
    assert whole["outcome"] in ("ok", "warning"), whole["cause"]
    assert whole["counters"]["generator"]["workers"] == 2
    assert whole["figures"]["users"] == 100
    assert whole["latency_source"] == "balancer"
    folder = next((tmp_path / "results").iterdir())
    assert (folder / "report.pdf").stat().st_size > 10_000
    data = StudyDirectory(folder).trial("servers-2_vusers-100/r2")
    assert {sample.host for sample in data.hosts} >= {"generator", "generator-2", "balancer"}
    assert data.latencies
