"""Anybody's image on the machines: pulled by them by digest, for their own processors, on any port."""

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.connections import Connections
from tests.integration.conftest import changed
from tests.rehearsal.conftest import Fleet, gateway, play
from tests.rehearsal.registry import PASSWORD, USER, Registry, base_image, serve, small_recipe

pytestmark = pytest.mark.concurrent

DISTRIBUTE = "playbooks/distribute-images.yml"
SERVERS = ("server-1", "server-2", "server-3")
# Nothing of ours: another port, root, and something written beside the program.
PROGRAM = """
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        open('/srv/asked', 'w').write(self.path)
        self.send_response(200)
        self.end_headers()
        self.wfile.write((sys.argv[1:] or ['it answers'])[0].encode())
HTTPServer(('', 8000), Answer).serve_forever()
"""


@dataclass(frozen=True)
class Own:
    """A user's image in a registry, for two families of processors."""

    registry: Registry
    repository: str
    digest: str = ""

    @property
    def name(self) -> str:
        return f"{self.registry.address}/{self.repository}:1"

    @property
    def exact(self) -> str:
        return f"{self.name}@{self.digest}"

    def publish(self, recipe: str) -> str:
        """Push it anew under its tag, for both; returns the digest."""
        self.registry.push(recipe, f"{self.repository}:amd64")
        return self.registry.join(self.repository, "1", {"amd64": "amd64", "arm64": "arm64"})


def published(registry: Registry, repository: str, recipe: str) -> Own:
    """An image whose other family's half is only said to be for other processors."""
    registry.push(small_recipe(registry.engine), f"{repository}:arm64")
    registry.disguise(repository, "arm64", "arm64")
    return Own(registry, repository, Own(registry, repository).publish(recipe))


def saying(registry: Registry, words: str) -> str:
    """The recipe of a service that answers these words."""
    return f"FROM {base_image(registry.engine)}\nCMD {json.dumps(['python3', '-c', PROGRAM, words])}\n"


@pytest.fixture(scope="module")
def registry(deployed_fleet: Fleet, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registry]:
    with serve(deployed_fleet.engine, gateway(deployed_fleet), tmp_path_factory.mktemp("registry")) as served:
        yield served
    for name in SERVERS:
        deployed_fleet.on(name, f"docker images -q '{served.address}/*/*' | sort -u | xargs -r docker rmi -f")


@pytest.fixture(scope="module")
def small(registry: Registry) -> Own:
    """An image of one small file: nothing can run it."""
    return published(registry, "team/small", small_recipe(registry.engine))


@pytest.fixture(scope="module")
def app(registry: Registry) -> Own:
    """A service of a user's own."""
    return published(registry, "team/app", saying(registry, "it answers"))


@pytest.fixture(scope="module")
def ours_again(deployed_fleet: Fleet) -> Iterator[Fleet]:
    """For tests that deploy another service: afterwards the fleet runs ours."""
    yield deployed_fleet
    for name in ("deploy-servers", "deploy-balancer"):
        play(f"playbooks/{name}.yml")


@pytest.fixture
def account(registry: Registry, tmp_path: Path) -> Path:
    """Variables with the account, in a file as a vault would be."""
    file = tmp_path / "account.json"
    file.write_text(
        json.dumps(
            {
                "image_distribution_registry_username": USER,
                "image_distribution_registry_password": PASSWORD,
                "image_distribution_registry_ca": str(registry.certificate),
            }
        )
    )
    return file


def variables(image: str, method: str, **more: Any) -> list[str]:
    """Arguments that say what is deployed and how it gets there."""
    return ["-e", json.dumps({"ml_server_image": image, "images_distribution": method, **more})]


SERVICE = {"ml_server_port": 8000, "nginx_lb_server_port": 8000, "ml_server_health": "/x", "nginx_lb_health": "/x"}


def test_hosts_pull_an_image_by_the_digest_that_its_tag_was(small: Own, account: Path, deployed_fleet: Fleet) -> None:
    """The tag is asked for once; nothing is pushed, and the account is nowhere when it is over."""
    two = ("server-1", "server-2")
    arguments = [*variables(small.name, "pull"), "-e", f"@{account}", "--limit", f"{','.join(two)},localhost"]
    pushes = len(small.registry.asked("^(PUT|POST|PATCH) "))
    done = play(DISTRIBUTE, "-v", *arguments)
    assert PASSWORD not in done.stdout + done.stderr
    inspect = f"docker image inspect --format '{{{{json .RepoDigests}}}}' {small.name}"
    for name in two:
        assert f"{small.registry.address}/team/small@{small.digest}" in deployed_fleet.on(name, inspect)
        left = "ls /root/.docker/config.json /home/admin/.docker/config.json /tmp/registry-* 2>/dev/null"
        assert deployed_fleet.on(name, left, check=False) == ""
    first = str(deployed_fleet.host("server-1").private_ip)
    assert {line.split()[0] for line in small.registry.asked("^(GET|HEAD) /v2/team/small/manifests/1$")} == {first}
    assert len(small.registry.asked("^(PUT|POST|PATCH) ")) == pushes
    assert small.registry.asked(f"/team/small/manifests/{small.digest}")
    assert changed(play(DISTRIBUTE, *arguments).stdout) == 0
    assert changed(play(DISTRIBUTE, "--check", *arguments).stdout) == 0


@pytest.mark.long
@pytest.mark.usefixtures("ours_again")
def test_it_runs_on_its_own_port_behind_the_balancer(app: Own, account: Path, deployed_fleet: Fleet) -> None:
    arguments = [*variables(app.name, "pull", **SERVICE), "-e", f"@{account}"]
    for name in ("distribute-images", "deploy-servers", "check-servers", "deploy-balancer"):
        play(f"playbooks/{name}.yml", *arguments)
    private_ip = deployed_fleet.host("server-2").private_ip
    ask = "python3 -c \"import urllib.request as u; print(u.urlopen('http://{}').read().decode())\""
    assert deployed_fleet.on("generator", ask.format(f"{private_ip}:8000/x")) == "it answers\n"
    balancer = deployed_fleet.host("balancer").private_ip
    assert deployed_fleet.on("balancer", ask.format(f"{balancer}:80/y")) == "it answers\n"
    seen = {deployed_fleet.on(name, "docker exec ml-server cat /srv/asked", check=False) for name in SERVERS}
    assert "/x" in seen or "/y" in seen
    assert changed(play("playbooks/deploy-servers.yml", *arguments).stdout) == 0
    other = json.dumps({"ml_server_command": ["python3", "-c", PROGRAM, "another command"]})
    assert changed(play("playbooks/deploy-servers.yml", *arguments, "-e", other).stdout) == 3
    play("playbooks/deploy-balancer.yml", *arguments)
    assert deployed_fleet.on("balancer", ask.format(f"{balancer}:80/y")) == "another command\n"


@pytest.mark.long
def test_a_tag_that_moved_is_the_same_on_every_host(registry: Registry, account: Path, deployed_fleet: Fleet) -> None:
    moving = published(registry, "team/moving", saying(registry, "it answers"))
    arguments = [*variables(moving.name, "pull"), "-e", f"@{account}"]
    play(DISTRIBUTE, *arguments)
    digest = moving.publish(saying(registry, "it answers anew"))
    assert digest != moving.digest
    done = play(DISTRIBUTE, *arguments)
    assert all(f"changed: [{name}]" in done.stdout for name in SERVERS)
    inspect = f"docker image inspect --format '{{{{json .RepoDigests}}}}' {moving.name}"
    assert all(digest in deployed_fleet.on(name, inspect) for name in SERVERS)


@pytest.fixture
def logged_in(app: Own, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The controller's user is, at the registry that the image comes from."""
    secret = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
    folder = tmp_path / "docker"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps({"auths": {app.registry.address: {"auth": secret}}}))
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))


@pytest.mark.long
@pytest.mark.usefixtures("logged_in", "ours_again")
@pytest.mark.parametrize("method", ["copy", "registry", "pull"])
def test_a_name_with_a_digest_works_however_it_gets_there(
    app: Own, account: Path, deployed_fleet: Fleet, connections: Connections, method: str
) -> None:
    """With a tag beside it, as people copy it from a registry's page."""
    only = ["--limit", "server-3,localhost"]
    registry = {"images_registry": f"{app.registry.address}/mine"} if method == "registry" else {}
    arguments = [*variables(app.exact, method, **registry), "-e", f"@{account}", *only]
    play(DISTRIBUTE, *arguments)
    assert changed(play(DISTRIBUTE, *arguments).stdout) == 0
    play("playbooks/deploy-servers.yml", *arguments)
    assert changed(play("playbooks/deploy-servers.yml", *arguments).stdout) == 0
    host = connections.docker(deployed_fleet.host("server-3"))
    container = host.containers.get("ml-server")
    hexadecimal = app.digest.removeprefix("sha256:")
    assert container.attrs["Config"]["Image"] == f"{app.registry.address}/team/app:sha256-{hexadecimal}"
    assert container.attrs["Config"]["Cmd"][:2] == ["python3", "-c"]
    if method == "registry":
        pushed = rf"/mine/team-app/manifests/sha256-{hexadecimal}"
        assert [line for line in app.registry.asked(pushed) if "PUT" in line]
    container.remove(force=True)
    for name in (container.attrs["Config"]["Image"], f"{app.registry.address}/team/app@{app.digest}"):
        deployed_fleet.on("server-3", f"docker rmi -f {name}", check=False)


LIE = '#!/bin/sh\n[ "$1" != version ] || { echo linux/arm64; exit; }\nexec /usr/bin/docker "$@"\n'


@pytest.mark.long
@pytest.mark.usefixtures("logged_in")
def test_every_host_gets_the_image_of_its_own_processors(app: Own, account: Path, deployed_fleet: Fleet) -> None:
    """There is one family here, so the program that tells the engine's is made to lie on one machine."""
    digest = app.publish(saying(app.registry, "for each its own"))
    lie = f"cat >/usr/local/bin/docker <<'END'\n{LIE}END\nchmod 755 /usr/local/bin/docker"
    architecture = f"docker image inspect --format '{{{{.Architecture}}}}' {app.name}"
    with deployed_fleet.broken("server-3", lie, "rm /usr/local/bin/docker"):
        done = play(DISTRIBUTE, check=False)
        said = re.sub(r"\s+", " ", done.stdout)
        assert done.returncode != 0
        assert "server-3: its engine runs linux/arm64, and scale-out/service:" in said
        assert "was built on the controller, for linux/amd64. Set images_distribution: build" in said

        done = play(DISTRIBUTE, *variables(app.name, "copy"), check=False)
        assert done.returncode != 0
        assert "runs on hosts of linux/amd64 and linux/arm64" in re.sub(r"\s+", " ", done.stdout)
        assert "Set images_distribution: pull" in re.sub(r"\s+", " ", done.stdout)

        play(DISTRIBUTE, *variables(app.name, "pull"), "-e", f"@{account}")
        found = [deployed_fleet.on(name, architecture).strip() for name in SERVERS]
        assert found == ["amd64", "amd64", "arm64"]
        assert app.registry.asked(f"/team/app/manifests/{digest}")

        deployed_fleet.on("server-3", f"docker rmi -f {app.name}")
        play(DISTRIBUTE, *variables(app.name, "copy"), "--limit", "server-3,localhost")
        assert deployed_fleet.on("server-3", architecture).strip() == "arm64"

        only_one = app.name.removesuffix(":1") + ":amd64"
        done = play(DISTRIBUTE, *variables(only_one, "copy"), "--limit", "server-3,localhost", check=False)
        assert done.returncode != 0
        assert f"there is no {only_one} for linux/arm64" in re.sub(r"\s+", " ", done.stdout)
    deployed_fleet.on("server-3", f"docker rmi -f {app.name}")


@pytest.mark.parametrize(
    ("image", "more", "words"),
    [
        pytest.param("team/small:none", {}, "cannot be pulled by this host: ", marks=pytest.mark.long),
        (
            "team/small:1",
            {"image_distribution_registry_password": "no-such-secret"},
            "does not take the account tester",
        ),
        pytest.param(
            "team/small:1",
            {"image_distribution_registry_username": ""},
            "the account (image_distribution_registry_username",
            marks=pytest.mark.long,
        ),
    ],
)
def test_what_cannot_be_pulled_is_one_message(
    small: Own, account: Path, image: str, more: dict[str, str], words: str
) -> None:
    asked = variables(f"{small.registry.address}/{image}", "pull")
    done = play(
        DISTRIBUTE, *asked, "-e", f"@{account}", "-e", json.dumps(more), "--limit", "server-3,localhost", check=False
    )
    assert done.returncode != 0
    said = re.sub(r"\s+", " ", done.stdout)
    assert (
        f"server-3: {small.registry.address if 'account tester' in words else small.registry.address + '/' + image}"
        in said
    )
    assert words in said
    assert "no-such-one" not in done.stdout + done.stderr
    assert PASSWORD not in done.stdout + done.stderr
