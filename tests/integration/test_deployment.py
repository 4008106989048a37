"""site.yml on the lab: it converges in one run, a second run changes nothing, and the deployed hosts work."""

import json
import time
from dataclasses import replace
from pathlib import Path

import docker
import httpx
import pytest

from harness.deploy.inventory.hosts import Inventory, Url
from harness.grid.request import Request
from tests.builders import load
from tests.containment import printed
from tests.integration.conftest import ROOT, changed, playbook, wait_until_ready

IMAGE = [0.0, 0.0, 5.0, 13.0, 9.0, 1.0, 0.0, 0.0] * 8

pytestmark = pytest.mark.concurrent
LOAD = load(
    url="http://203.0.113.1",
    users=1,
    think_time_s=3.0,
    ramp_up_s=2.0,
    duration_s=5.0,
    timeout_s=9.0,
    window_from_s=5.0,
    request=Request(path="/readyz"),
)


def serving(lab: Inventory, count: int = 12) -> set[str]:
    """Return the addresses of the servers that respond through the balancer."""
    url = lab.balancer.url(Url.SERVICE)
    with httpx.Client(base_url=url, trust_env=False) as client:
        answers = [client.post("/predict", json={"image": IMAGE}, headers={"X-Study-Trial": "t"}) for _ in range(count)]
    assert all(answer.status_code == 200 for answer in answers)
    return {answer.headers["X-Study-Server"] for answer in answers}


def test_syntax_of_every_playbook() -> None:
    playbook("--syntax-check", "site.yml", *(str(file) for file in sorted((ROOT / "playbooks").glob("*.yml"))))


@pytest.mark.usefixtures("pristine")
def test_a_second_run_and_a_check_change_nothing() -> None:
    assert changed(playbook("site.yml").stdout) == 0
    assert changed(playbook("site.yml", "--check").stdout) == 0


def test_the_balancer_serves_from_all_servers_by_private_addresses(pristine: Inventory) -> None:
    assert serving(pristine) == {server.address for server in pristine.servers}


def test_a_switch_changes_only_the_upstream(pristine: Inventory, engine: docker.DockerClient) -> None:
    before = {host.name: engine.containers.get(host.container).attrs["State"] for host in pristine.hosts}
    done = playbook("playbooks/switch-topology.yml", "--tags", "nginx_lb_configure", "-e", "study_servers=2")
    assert changed(done.stdout) > 0
    time.sleep(0.5)
    assert serving(pristine) == {server.address for server in pristine.servers[:2]}
    after = {host.name: engine.containers.get(host.container).attrs["State"] for host in pristine.hosts}
    assert {name: state["StartedAt"] for name, state in before.items()} == {
        name: state["StartedAt"] for name, state in after.items()
    }


def test_only_a_changed_configuration_is_applied(pristine: Inventory, engine: docker.DockerClient) -> None:
    """A configuration that nginx may not have loaded is applied again."""
    balancer = engine.containers.get(pristine.balancer.container)

    def switched(servers: int, *more: str) -> int:
        return changed(playbook("playbooks/deploy-balancer.yml", "-e", f"study_servers={servers}", *more).stdout)

    switched(2)
    assert switched(2) == 0
    assert switched(3, "--check") == 1
    assert len(serving(pristine)) == 2, "a check changed something"
    balancer.exec_run(["touch", "/etc/balancer/next/unfinished"])
    assert switched(2) == 1
    assert switched(2) == 0
    balancer.restart(timeout=1)
    assert switched(2) == 0
    assert len(serving(pristine)) == 2, "nginx must start with the last accepted configuration"


def test_a_removed_container_is_recreated(pristine: Inventory, engine: docker.DockerClient) -> None:
    engine.containers.get(pristine.servers[1].container).remove(force=True)
    assert changed(playbook("playbooks/deploy-servers.yml").stdout) == 1
    assert changed(playbook("playbooks/deploy-servers.yml").stdout) == 0
    wait_until_ready(pristine, engine)
    assert serving(pristine) == {server.address for server in pristine.servers}


def test_changes_to_a_running_container_are_repaired(pristine: Inventory, engine: docker.DockerClient) -> None:
    """One run repairs the first server's memory limit, a paused second server and a stopped third one."""
    servers = [engine.containers.get(server.container) for server in pristine.servers]
    before = [(server.id, server.attrs["HostConfig"]["Memory"]) for server in servers]
    memory = before[0][1]
    servers[0].update(mem_limit=memory // 2, memswap_limit=memory // 2)
    servers[1].pause()
    servers[2].stop()
    assert changed(playbook("playbooks/deploy-servers.yml").stdout) == 3
    assert changed(playbook("playbooks/deploy-servers.yml").stdout) == 0
    for server in servers:
        server.reload()
        assert server.status == "running"
    assert [(server.id, server.attrs["HostConfig"]["Memory"]) for server in servers] == before


def test_a_configuration_that_nginx_rejects_is_never_used(pristine: Inventory) -> None:
    done = playbook("playbooks/deploy-balancer.yml", "-e", "nginx_lb_fail_timeout=never", check=False)
    assert done.returncode != 0
    assert 'invalid parameter \\"fail_timeout=never\\"' in done.stdout
    assert serving(pristine)


@pytest.mark.usefixtures("pristine")
def test_a_variable_with_an_invalid_value_is_rejected_by_name() -> None:
    done = playbook("playbooks/deploy-balancer.yml", "-e", "nginx_lb_settings=fast", check=False)
    assert done.returncode != 0
    assert "nginx_lb_settings must be one of: stock, tuned" in done.stdout


def test_one_variable_switches_between_stock_and_tuned(pristine: Inventory, engine: docker.DockerClient) -> None:
    balancer = engine.containers.get(pristine.balancer.container)

    def effective() -> str:
        return printed(balancer, ["nginx", "-T", "-q", "-c", "/etc/balancer/conf/nginx.conf"]).decode()

    def answered(kilobytes: int) -> tuple[int, bool]:
        """Return the status of the response to a large body, and whether a server sent it."""
        url, headers = f"{pristine.balancer.url(Url.SERVICE)}/no-such-path", {"X-Study-Trial": "t"}
        answer = httpx.post(url, content=b"x" * 1024 * kilobytes, headers=headers, trust_env=False)
        return answer.status_code, bool(answer.headers.get("X-Study-Server"))

    assert "worker_connections 8192" in effective()
    assert answered(3000) == (404, True)
    playbook("playbooks/deploy-balancer.yml", "-e", "nginx_lb_settings=stock")
    assert answered(3000) == (413, False)
    assert "worker_connections 1024" in effective()
    assert "keepalive 1024;" not in effective()
    playbook("playbooks/deploy-balancer.yml")
    assert "keepalive 1024;" in effective()


def test_images_are_small_and_hold_no_certificate_of_this_machine(
    pristine: Inventory, engine: docker.DockerClient
) -> None:
    image = engine.images.get(str(pristine.servers[0].variables["ml_server_image"]))
    assert image.attrs["Size"] < 350e6
    history = " ".join(str(layer.get("CreatedBy", "")) for layer in image.history())
    assert "proxy" not in history.lower()
    environment = " ".join(image.attrs["Config"]["Env"])
    assert "CERT" not in environment.upper()


def test_a_server_is_ready_soon_after_its_start(pristine: Inventory, engine: docker.DockerClient) -> None:
    """Runs without the lab's CPU limit, which is lower than on any real host."""
    image = str(pristine.servers[0].variables["ml_server_image"])
    container = engine.containers.run(image, detach=True, read_only=True, tmpfs={"/tmp": ""}, labels=["scale-out-test"])  # noqa: S108 - the container's own
    try:
        probe = "import urllib.request as u; u.urlopen('http://127.0.0.1:8080/readyz')"
        for _ in range(100):
            if container.exec_run(["python3", "-c", probe]).exit_code == 0:
                break
            time.sleep(0.1)
        else:
            pytest.fail(container.logs().decode())
        container.stop(timeout=15)
        container.reload()
        assert container.attrs["State"]["ExitCode"] in (0, 143)
    finally:
        container.remove(force=True)


def test_the_load_generator_rejects_a_load_beyond_its_limits(pristine: Inventory, token: dict[str, str]) -> None:
    url = pristine.generator.url(Url.LOAD_GENERATOR)
    too_many = replace(LOAD, url=pristine.balancer.url(Url.TARGET), users=1_000_000).wire()
    answer = httpx.post(f"{url}/study/start", json=too_many, trust_env=False, headers=token)
    assert answer.status_code == httpx.codes.CONFLICT
    assert "outside the load generator's limits" in answer.json()["error"]
    answer = httpx.post(f"{url}/study/start", json={"trial": "t"}, trust_env=False, headers=token)
    assert answer.status_code == httpx.codes.CONFLICT, "a message with other fields"


def test_the_load_generator_requires_its_token_and_the_balancer_as_target(
    pristine: Inventory, token: dict[str, str], engine: docker.DockerClient
) -> None:
    """Also for Locust's own pages. The master accepts workers of other hosts only with several load generators."""
    url = pristine.generator.url(Url.LOAD_GENERATOR)
    for path in ("/study/ready", "/", "/stats/requests", "/swarm"):
        assert httpx.get(f"{url}{path}", trust_env=False).status_code == httpx.codes.UNAUTHORIZED
    assert httpx.post(f"{url}/swarm", trust_env=False, headers=token).status_code == httpx.codes.NOT_FOUND
    stopped = httpx.post(f"{url}/study/stop", data={"a": "b"}, trust_env=False, headers=token)
    assert stopped.status_code == httpx.codes.UNSUPPORTED_MEDIA_TYPE
    for order in ("start", "send-each"):
        answer = httpx.post(f"{url}/study/{order}", json=LOAD.wire(), trust_env=False, headers=token)
        assert answer.status_code == httpx.codes.CONFLICT
        assert "not the target of this load generator" in answer.json()["error"]
    container = engine.containers.get(pristine.generator.container)
    visible = json.dumps(container.attrs) + json.dumps(container.top(ps_args="-eo pid,args"))
    assert token["Authorization"].split()[1] not in visible
    assert "--master-bind-host=127.0.0.1" in visible


def test_every_user_keeps_its_connection_until_the_load_ends(
    pristine: Inventory, engine: docker.DockerClient, token: dict[str, str]
) -> None:
    """Also above file descriptor 1023: a new connection per request would slow the generator down by a factor of 20."""
    # The test stops the load when all users have started, which takes longer on a busy machine.
    spec = replace(LOAD, trial="left-behind", url=pristine.balancer.url(Url.TARGET), users=1200, duration_s=60.0)
    container = engine.containers.get(pristine.generator.container)

    def connections(state: str) -> int:
        """Return the number of connections to port 80 in a state, by the kernel's table."""
        table = printed(container, ["cat", "/proc/net/tcp"]).decode()
        return sum(line.split()[2].endswith(":0050") and line.split()[3] == state for line in table.splitlines()[1:])

    established, time_wait = "01", "06"

    with httpx.Client(base_url=pristine.generator.url(Url.LOAD_GENERATOR), trust_env=False, headers=token) as client:
        assert client.post("/study/start", json=spec.wire()).status_code == httpx.codes.OK
        before = connections(time_wait)
        for _ in range(50):
            if connections(established) >= 1190:
                break
            time.sleep(1)
        time.sleep(4)  # one more think time, for second requests
        assert connections(established) >= 1190
        assert connections(time_wait) - before < 50
        assert client.post("/study/stop", json={}).status_code == httpx.codes.OK
        for _ in range(300):
            if client.get("/study/ready").json()["idle"]:
                break
            time.sleep(0.1)
    assert connections(established) == 0


def test_two_clones_do_not_conflict(lab: Inventory) -> None:
    """Names, network and ports are derived from the clone's path."""
    variables = lab.servers[0].variables
    assert variables["study_container"].startswith("scale-out-")
    text = (ROOT / "inventory" / "lab" / "group_vars" / "all.yml").read_text()
    assert "inventory_dir" in text
    assert Path(variables["study_root"]) == ROOT


def test_the_balancer_counts_after_its_log_is_written(pristine: Inventory, engine: docker.DockerClient) -> None:
    balancer = engine.containers.get(pristine.balancer.container)

    def summarise() -> tuple[int, str]:
        done = balancer.exec_run(["summarise-trial", "t", "0", "0", "1"])
        assert isinstance(done.output, bytes)
        return int(done.exit_code or 0), done.output.decode()

    def signal_workers(name: str) -> None:
        find = "import os, signal, glob\nfor path in glob.glob('/proc/[0-9]*/cmdline'):\n"
        find += "    if open(path, 'rb').read().startswith(b'nginx: worker'):\n"
        find += f"        os.kill(int(path.split('/')[2]), signal.{name})"
        assert balancer.exec_run(["python3", "-c", find]).exit_code == 0

    summarise()
    for count in (1, 7, 40, 3):
        serving(pristine, count)
        code, output = summarise()
        summary = output.partition("\n")[2]  # the first line reports that the log may grow again
        assert (code, json.loads(summary)["statuses"]) == (0, {"200": count})
    signal_workers("SIGSTOP")
    try:
        code, output = summarise()
    finally:
        signal_workers("SIGCONT")
    assert (code, output.strip()) == (1, "an nginx worker did not flush its log within 5 s")
    assert summarise()[0] == 0
