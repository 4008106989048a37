"""nGrinder by its roles and its REST API, on the fleet: the stand-in, or a real one by NGRINDER_WAR."""

import hashlib
import os
import re
import subprocess
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from harness.deploy.connections import Reach
from harness.errors import EngineFailed
from harness.records.directory import StudyDirectory
from harness.traffic import registry
from harness.traffic.load_generator import EngineResult, LoadSpec
from harness.traffic.ngrinder import client, perftest
from harness.traffic.ngrinder.client import NgrinderEngine
from tests.builders import grid
from tests.integration.conftest import HOSTS, ROOT, changed, command, events, study, wait_for
from tests.rehearsal.conftest import HERE, Fleet, deployment_changed, play, small_grid

DEPLOY = "playbooks/deploy-generators.yml"
HOME = "/var/lib/ngrinder-controller"
CONTROLLER = ("--tags", "ngrinder_controller")
real = pytest.mark.skipif("NGRINDER_WAR" in os.environ, reason="needs a controller that misbehaves when told to")


def deploy(war: Path, *more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return play(DEPLOY, "-e", "study_load_generator=ngrinder", "-e", f"ngrinder_war_file={war}", *more, check=check)


def told(done: subprocess.CompletedProcess[str]) -> str:
    """What a playbook said, on one line."""
    return re.sub(r"\s+", " ", done.stdout)


@pytest.fixture(scope="module")
def controller(deployed_fleet: Fleet, war: Path) -> Fleet:
    if HOSTS != "use":  # else it was deployed by the run of pytest before
        deploy(war)
    return deployed_fleet


@pytest.fixture
def engine(controller: Fleet, reach: Reach) -> NgrinderEngine:
    asked = grid(load_generator="ngrinder", vars={"ngrinder_war_file": "x"})
    found = registry.connect(asked, controller.inventory, reach)
    assert isinstance(found, NgrinderEngine)
    return found


@pytest.fixture
def sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    """The stand-in's agents start faster than worker processes of the real one."""
    if "NGRINDER_WAR" not in os.environ:
        monkeypatch.setattr(client, "FIRST_LEAD_S", 12.0)


def load(fleet: Fleet, **more: object) -> LoadSpec:
    request = grid(request={"path": "/readyz"}).request
    url = fleet.host("balancer").need("study_target_url")
    spec = LoadSpec("trap", url, 20, 0.2, 1.0, 6.0, 3.0, 2.0, request)
    return replace(spec, **more)  # type: ignore[arg-type] # the tests name fields of LoadSpec


def finish(engine: NgrinderEngine) -> EngineResult:
    over = False
    while not over:
        _, over = engine.samples(0)
    return engine.result()


@pytest.mark.concurrent
def test_the_units_run_as_their_own_users_with_their_limits(controller: Fleet) -> None:
    for unit, user in (("ngrinder-controller", "ngrinder"), ("ngrinder-agent", "ngrinder-agent")):
        said = controller.on("generator", f"systemctl show {unit} --property=User,LimitNOFILE,MainPID,UnitFileState")
        assert f"User={user}" in said
        assert "LimitNOFILE=65536" in said
        assert "UnitFileState=enabled" in said
    conf = controller.on("generator", f"cat {HOME}/system.conf")
    assert "controller.usage_report=false" in conf
    assert "controller.enable_agent_auto_approval=false" in conf
    assert "controller.ignore_too_low_tps=true" in conf


@pytest.mark.concurrent
@pytest.mark.parametrize("unit", ["ngrinder-controller", "ngrinder-agent"])
def test_the_units_may_do_little_but_their_work(controller: Fleet, unit: str) -> None:
    said = controller.on("generator", f"systemd-analyze security {unit} --no-pager")
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", said)
    assert exposure, said
    assert float(exposure[1]) < 4, said
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
def test_the_controller_listens_on_the_private_address_alone(controller: Fleet) -> None:
    listening = [line.split()[3] for line in controller.on("generator", "ss -ltnH").splitlines()]
    private = controller.host("generator").need("private_ip")
    found = {address for address in listening if address.endswith((":8080", ":16001"))}
    assert {address.strip("[]").removeprefix("::ffff:") for address in found} == {f"{private}:8080", f"{private}:16001"}


@pytest.mark.concurrent
def test_no_well_known_password_is_left(controller: Fleet, reach: Reach) -> None:
    folder = Path(controller.host("generator").need("study_ngrinder_credentials"))
    client = reach.http(controller.host("generator"), "study_ngrinder_url")
    for name in ("admin", "user", "superuser", "system"):
        file = folder / name
        assert file.stat().st_mode & 0o777 == 0o600
        client.cookies.clear()  # a session would do without a password
        assert client.get("/user/api/profile", auth=(name, name)).status_code == httpx.codes.UNAUTHORIZED
        answer = client.get("/user/api/profile", auth=(name, file.read_text().strip()))
        assert answer.status_code == httpx.codes.OK


@pytest.mark.long
def test_a_wrong_checksum_is_refused(controller: Fleet, war: Path) -> None:
    assert controller
    right = hashlib.sha256(war.read_bytes()).hexdigest()
    done = deploy(war, "-e", f"ngrinder_war_sha256={'0' * 64}", check=False)
    assert done.returncode != 0
    assert f"its SHA-256 is {right}, ngrinder_war_sha256 says {'0' * 64}" in told(done)


@pytest.mark.concurrent
def test_a_url_needs_its_checksum_and_one_source_is_enough(controller: Fleet, war: Path) -> None:
    assert controller
    done = deploy(war, "-e", "ngrinder_war_url=https://example.org/ngrinder.war", check=False)
    assert done.returncode != 0
    assert "One of the two, not both" in told(done)


@pytest.mark.long
def test_a_java_that_its_scripts_do_not_work_with(controller: Fleet, war: Path) -> None:
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
    assert 'nGrinder needs Java 8 to 11; /opt/jdk-17 is openjdk version "17.0.9"' in told(done).replace('\\"', '"')


@pytest.mark.long
def test_a_port_that_is_taken_and_a_war_that_does_not_start(controller: Fleet, war: Path, tmp_path: Path) -> None:
    private = controller.host("generator").need("private_ip")
    controller.on("generator", "systemctl stop ngrinder-controller")
    controller.on("generator", f"systemd-run --unit=squatter python3 -m http.server 8080 --bind {private}; sleep 1")
    try:
        done = deploy(war, *CONTROLLER, check=False)
    finally:
        controller.on("generator", "systemctl stop squatter")
    assert done.returncode != 0
    assert "nGrinder's controller does not start. If port 8080" in told(done)
    broken = tmp_path / "broken.war"
    broken.write_bytes(b"this is no archive")
    done = deploy(broken, *CONTROLLER, check=False)
    assert done.returncode != 0
    assert "Invalid or corrupt jarfile" in told(done)
    deploy(war, *CONTROLLER)


@pytest.mark.long
@real
def test_the_other_version_is_one_variable_away(controller: Fleet, war: Path, engine: NgrinderEngine) -> None:
    deploy(war, "-e", "ngrinder_version=3.5.9")
    try:
        assert engine.version() == {"ngrinder": "3.5.9"}
        assert engine.ready()
        assert "ngrinder-agent/3.5.9/" in controller.on("generator", "systemctl cat ngrinder-agent")
    finally:
        deploy(war)


@pytest.mark.long
@real
def test_an_agent_of_another_version(controller: Fleet, war: Path, engine: NgrinderEngine) -> None:
    script = "/opt/ngrinder-agent/3.5.9-p1/ngrinder-agent/run_agent.sh"
    controller.on(
        "generator", f"sed -i.right s/version=3.5.9-p1/version=3.5.8/ {script}; systemctl restart ngrinder-agent"
    )
    try:
        done = deploy(war, "--tags", "ngrinder_agent_join", check=False)
        with pytest.raises(EngineFailed, match=r"agent generator has version 3\.5\.8, the controller 3\.5\.9-p1"):
            engine.ready()
    finally:
        controller.on("generator", f"mv {script}.right {script}; systemctl restart ngrinder-agent")
    assert done.returncode != 0
    assert "its nGrinder agent has version 3.5.8, the controller 3.5.9-p1" in told(done)
    deploy(war, "--tags", "ngrinder_agent_join")


@pytest.mark.long
def test_a_password_that_somebody_changed(controller: Fleet, war: Path, engine: NgrinderEngine) -> None:
    file = Path(controller.host("generator").need("study_ngrinder_credentials")) / "admin"
    right = file.read_text()
    file.write_text("not the right one\n")
    try:
        done = deploy(war, "--tags", "ngrinder_controller_passwords", check=False)
        with pytest.raises(EngineFailed, match="does not accept the kept password of admin"):
            engine.ready()
    finally:
        file.write_text(right)
    assert done.returncode != 0
    assert "accepts neither the kept password of admin nor the well-known one; somebody changed it" in told(done)


@pytest.mark.long
def test_a_start_that_fails_inside_ends_the_wait_at_once(controller: Fleet, war: Path) -> None:
    """The stand-in says so in its journal and hangs, and nobody waits three minutes for it; the real one ends."""
    if "NGRINDER_WAR" in os.environ:
        harm = f"mv {HOME}/db {HOME}/db.right; echo no folder >{HOME}/db"
        mend = f"rm {HOME}/db; mv {HOME}/db.right {HOME}/db"
    else:
        harm, mend = f"touch {HOME}/fail-start", f"rm {HOME}/fail-start"
    controller.on("generator", "systemctl stop ngrinder-controller")
    with controller.broken("generator", harm, mend):
        done = deploy(war, *CONTROLLER, check=False)
    assert done.returncode != 0
    assert "nGrinder's controller does not start" in told(done)
    if "NGRINDER_WAR" not in os.environ:
        assert "the controller failed while it started: Caused by: " in told(done)
    deploy(war, *CONTROLLER)
    deploy(war, "--tags", "ngrinder_agent_join")


@pytest.mark.long
def test_agents_join_at_another_control_port(controller: Fleet, war: Path, engine: NgrinderEngine) -> None:
    deploy(war, "-e", "ngrinder_controller_control_port=16201")
    try:
        assert engine.ready()
        assert ":16201" in controller.on("generator", "ss -ltnH")
        assert ":16001" not in controller.on("generator", "ss -ltnH")
    finally:
        deploy(war)


@pytest.mark.long
def test_a_closed_port_is_found_before_an_agent_joins(controller: Fleet, war: Path) -> None:
    private = controller.host("generator").need("private_ip")
    rule = f"OUTPUT -p tcp -d {private} --dport 16001 -j DROP"
    with controller.broken("generator", f"iptables -I {rule}", f"iptables -D {rule}"):
        done = deploy(war, "--tags", "ngrinder_agent_join", "-e", "reachability_within_s=4", check=False)
    assert done.returncode != 0
    assert f"generator gets no answer from generator (where agents dial in) at {private}:16001" in told(done)
    assert "must let port 16001 in from the private network" in told(done)


@pytest.mark.long
def test_what_deleted_tests_left_behind_is_removed(controller: Fleet, war: Path) -> None:
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
def test_a_load_waits_for_its_users(controller: Fleet, engine: NgrinderEngine, fault: str) -> None:
    """Workers that come 20 s late, and a first test that is over at once: the load begins again with more time."""
    controller.on("generator", f"echo {fault} >{HOME}/faults; chown ngrinder {HOME}/faults")
    began = time.time()
    t0 = engine.start(load(controller))
    assert t0 - began > 2 * client.FIRST_LEAD_S  # the second try's, after the first one's
    result = finish(engine)
    assert result.samples is not None
    assert [sample.t_s for sample in result.samples][:6] == list(range(6))
    assert all(sample.completed for sample in result.samples[2:6])
    assert all(sample.users == 20 for sample in result.samples[:6])


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_load_that_is_stopped_before_its_first_answer_has_no_sample(
    controller: Fleet, engine: NgrinderEngine, reach: Reach
) -> None:
    engine.start(load(controller, duration_s=60.0))
    engine.stop()
    result = finish(engine)
    assert result.samples == []
    assert result.over
    client = reach.http(controller.host("generator"), "study_ngrinder_url")
    password = Path(controller.host("generator").need("study_ngrinder_credentials"), "admin").read_text().strip()
    listed = client.get("/perftest/api/list", auth=("admin", password)).json()["tests"]
    assert not [test for test in listed if test["testName"].startswith("scale-out ")]


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_later_load_takes_as_long_as_the_first_one_needed(controller: Fleet, engine: NgrinderEngine) -> None:
    began = time.time()
    first = engine.start(load(controller)) - began
    finish(engine)
    while not engine.ready():
        time.sleep(0.2)
    began = time.time()
    second = engine.start(load(controller)) - began
    finish(engine)
    assert second <= client.MARGIN * first + 2 * perftest.TOGETHER_S


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_words_in_other_alphabets_are_found_in_answers(controller: Fleet, engine: NgrinderEngine) -> None:
    private = controller.host("generator").need("private_ip")
    controller.on("generator", "mkdir -p /srv/words; printf 'gr\\303\\274n' >/srv/words/green")
    serve = f"python3 -m http.server 8999 --bind {private} --directory /srv/words"
    with controller.broken("generator", f"systemd-run --unit=words {serve}; sleep 1", "systemctl stop words"):
        request = grid(request={"path": "/green", "expect_body": "grün"}).request
        engine.start(load(controller, url=f"http://{private}:8999", request=request))
        result = finish(engine)
    assert not result.errors
    assert result.samples
    assert sum(sample.completed for sample in result.samples) > 100


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
@real
@pytest.mark.parametrize("fault", ["lose-script", "skip-second repeat-second"])
def test_what_a_test_leaves_behind(controller: Fleet, engine: NgrinderEngine, fault: str) -> None:
    """A script that got lost is sent again, a missing second stays a gap, one written twice counts once."""
    controller.on("generator", f"echo {fault} >{HOME}/faults; chown ngrinder {HOME}/faults")
    engine.start(load(controller, duration_s=9.0))
    result = finish(engine)
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
def test_a_load_can_be_stopped_and_keeps_what_it_has(controller: Fleet, engine: NgrinderEngine) -> None:
    t0 = engine.start(load(controller, duration_s=60.0))
    while len(engine.samples(0)[0]) < 4:
        pass
    engine.stop()
    result = finish(engine)
    assert result.started_at == t0
    assert result.samples
    assert 3 <= len([sample for sample in result.samples if sample.completed]) < 15


@pytest.mark.usefixtures("sooner")
def test_a_script_that_gets_wrong_answers_is_found_before_the_load(controller: Fleet, engine: NgrinderEngine) -> None:
    wrong = grid(request={"path": "/readyz", "expect_status": 418}).request
    with pytest.raises(EngineFailed, match="trial run of the script failed"):
        engine.start(load(controller, request=wrong))


def test_more_users_than_agents_may_have(controller: Fleet, engine: NgrinderEngine) -> None:
    with pytest.raises(EngineFailed, match="5000 users are 5000 for each of 1 agents, and nGrinder allows 3000"):
        engine.start(load(controller, users=5000))


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_a_controller_that_is_started_again_in_the_middle(controller: Fleet, engine: NgrinderEngine) -> None:
    """The test comes back as finished, with nothing in it."""
    engine.start(load(controller, duration_s=30.0))
    while len(engine.samples(0)[0]) < 2:
        pass
    controller.on("generator", "systemctl restart ngrinder-controller")
    with pytest.raises(EngineFailed, match="nGrinder"):
        finish(engine)
    for _ in range(100):
        if engine.ready():  # the agent joins again by itself
            break
        time.sleep(0.2)
    assert engine.ready()


@pytest.fixture(scope="module")
def measured(controller: Fleet, war: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole study with nGrinder, by the command that a user types; returns its directory."""
    assert controller
    folder = tmp_path_factory.mktemp("ngrinder")
    asked = small_grid(
        folder / "grid.yaml",
        name="ngrinder",
        load_generator="ngrinder",
        vars={"ngrinder_war_file": str(war)},
        factors={"servers": [2], "vusers": [100]},
        repeats=1,
        # Users that think for longer than the load is waited for at its end: what is not counted before is lost.
        load={"think_time": "5s", "ramp_up": "2s", "duration": "12s", "timeout": "1s"},
    )
    done = study("--grid", asked, "--results", folder / "results")
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr
    return next((folder / "results").iterdir())


def test_a_study_deploys_ngrinder_and_changes_nothing_where_it_is_deployed(measured: Path) -> None:
    assert deployment_changed(measured) == 0


def test_a_study_with_ngrinder_is_whole(measured: Path) -> None:
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
    # Its own count of the whole load: a request that it held through a think time would be missing.
    own = data.record.counters.generator.totals["completed"]
    assert own == pytest.approx(data.record.counters.balancer.statuses["200"], abs=3)


@pytest.mark.long
@pytest.mark.usefixtures("sooner")
def test_an_agent_that_is_not_in_the_inventory_takes_no_part(
    controller: Fleet, engine: NgrinderEngine, reach: Reach
) -> None:
    """Approved and idle it would be picked as well as the others."""
    host = controller.host("generator")
    private = host.need("private_ip")
    auth = ("admin", Path(host.need("study_ngrinder_credentials"), "admin").read_text().strip())
    client = reach.http(host, "study_ngrinder_url")

    def listed() -> dict[str, dict[str, Any]]:
        return {said["name"]: said for said in client.get("/agent/api/list", auth=auth).json()}

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
        engine.start(load(controller))
        result = finish(engine)
        assert {name: said["approved"] for name, said in listed().items()} == {"generator": True, "a-stranger": False}
    assert result.totals["completed"] > 100


@pytest.mark.long
def test_a_study_with_two_agents_goes_on_after_one_was_lost(controller: Fleet, war: Path, tmp_path: Path) -> None:
    asked = small_grid(
        tmp_path / "grid.yaml",
        name="ngrinder",
        inventory=str(HERE / "two_generators"),
        load_generator="ngrinder",
        vars={"ngrinder_war_file": str(war), "ngrinder_agent_cpus": 0.35},
        factors={"servers": [2], "vusers": [100]},
        repeats=2,
    )
    arguments = command("--grid", asked, "--results", tmp_path / "results", "--json")
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True, cwd=ROOT) as started:
        wait_for(started, "second_seen", seconds=3)
        controller.on("server-3", "systemctl stop ngrinder-agent")  # which plays users in this inventory
        output, _ = started.communicate(timeout=200)
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
