"""The role nginx_lb with a template of the user's own, in a real nginx of its own next to the lab."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docker
import httpx
import pytest
import yaml
from docker.models.containers import Container

from tests.containment import printed
from tests.integration.conftest import PLAYBOOK, ROOT, changed

pytestmark = pytest.mark.concurrent

EXAMPLE = ROOT / "examples" / "nginx" / "weighted.conf.j2"
PREFIX = f"{ROOT.name}-template"  # two clones do not conflict
SERVER = (
    "mkdir /tmp/www && cd /tmp/www && echo ready >readyz && echo $0 >index.html && exec python3 -m http.server 8080"
)
TRIAL = {"X-Study-Trial": "template-1"}


@dataclass
class Site:
    """One balancer and two servers on the engine's default network."""

    engine: docker.DockerClient
    folder: Path
    variables: dict[str, Any]
    serves: Path | str | None = None  # the template that the balancer has, if no variable was changed for it

    def apply(self, template: Path | str, **more: Any) -> subprocess.CompletedProcess[str]:
        """Run the role with a template."""
        play = {
            "name": "Deploy the balancer",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": {**self.variables, "nginx_lb_template": str(template), **more},
            "roles": ["nginx_lb"],
        }
        file = self.folder / "play.yml"
        file.write_text(yaml.safe_dump([play]), encoding="utf-8")
        done = subprocess.run(
            [PLAYBOOK, "-i", "localhost,", str(file)], cwd=ROOT, capture_output=True, text=True, check=False,
            timeout=300, env={**os.environ, "ANSIBLE_ROLES_PATH": str(ROOT / "roles")},
        )  # fmt: skip
        if done.returncode == 0:
            self.serves = None if more else template
        return done

    def rejected(self, text: str, **more: Any) -> str:
        """Apply a template that must fail; return the message in one line."""
        file = self.folder / "own.conf.j2"
        file.write_text(text, encoding="utf-8")
        done = self.apply(file, **more)
        assert done.returncode != 0, done.stdout
        return " ".join(done.stdout.replace('\\"', '"').split())

    @property
    def balancer(self) -> Container:
        return self.engine.containers.get(f"{PREFIX}-balancer")

    def url(self) -> str:
        self.balancer.reload()
        ports = self.balancer.attrs["NetworkSettings"]["Ports"]["80/tcp"]
        return f"http://127.0.0.1:{ports[0]['HostPort']}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, engine: docker.DockerClient) -> Iterator[Site]:
    images = [image.tags[0] for image in engine.images.list(name="scale-out/nginx") if image.tags]
    assert images, "no image scale-out/nginx. Fix: make images"
    _remove(engine)
    servers = []
    for name in ("server-1", "server-3"):
        command = ["sh", "-c", SERVER, name]
        made = engine.containers.run(
            images[0], command, name=f"{PREFIX}-{name}", detach=True, entrypoint="", user="root"
        )
        made.reload()
        address = made.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"]
        servers.append({"name": name, "address": address, "port": 8080})
    variables = {
        "nginx_lb_container": f"{PREFIX}-balancer",
        "nginx_lb_image": images[0],
        "nginx_lb_servers": servers,
        "nginx_lb_published_ports": ["127.0.0.1::80", "127.0.0.1::8081"],
        "nginx_lb_ready_within_s": 30,
        "ansible_python_interpreter": "{{ ansible_playbook_python }}",
    }
    yield Site(engine, tmp_path_factory.mktemp("template"), variables)
    _remove(engine)


def _remove(engine: docker.DockerClient) -> None:
    for name in ("balancer", "server-1", "server-3"):
        for container in engine.containers.list(all=True, filters={"name": f"^/{PREFIX}-{name}$"}):
            container.remove(force=True, v=True)


@pytest.fixture
def applied(site: Site) -> Site:
    """The site with the example's template; a rejected one leaves it in place."""
    if site.serves != EXAMPLE:
        done = site.apply(EXAMPLE)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-1000:]
    return site


def test_a_users_template_serves_with_everything_that_a_study_needs(applied: Site) -> None:
    assert changed(applied.apply(EXAMPLE).stdout) == 0, "a second run changes nothing"
    with httpx.Client(base_url=applied.url(), trust_env=False, timeout=10) as client:
        answers = [client.get("/", headers={"X-Study-Trial": "shares"}) for _ in range(30)]
        assert {answer.status_code for answer in answers} == {200}
        served = [answer.headers["X-Study-Server"] for answer in answers]
        assert all(float(answer.headers["X-Study-Time"]) < 10 for answer in answers)
        assert {answer.headers["Cache-Control"] for answer in answers} == {"no-store"}, "the template's own header"
        assert "X-Study-Server" not in client.get("/").headers
        addresses = {server["name"]: f"{server['address']}:8080" for server in applied.variables["nginx_lb_servers"]}
        shares = {name: served.count(address) for name, address in addresses.items()}
        assert shares == {"server-1": 10, "server-3": 20}, "the weights of the template"
        printed(applied.balancer, ["sh", "-c", "echo '{}' | tee /var/lib/balancer/null-answer"])
        ceiling = client.post("/", headers={"X-Study-Trial": "ceiling"})
        assert (ceiling.status_code, ceiling.text.strip()) == (200, "{}"), "the generator's ceiling needs no server"
    output = printed(applied.balancer, ["sh", "-c", "sleep 1.5; cat /var/log/balancer/trial.log"])
    rows = [line.split("\t") for line in output.decode().splitlines()]
    assert [row[4] for row in rows if row[0] == "shares"] == served


def test_a_second_template_replaces_the_first_and_none_the_second(applied: Site) -> None:
    text = EXAMPLE.read_text(encoding="utf-8").replace("no-store", "private")
    other = applied.folder / "other.conf.j2"
    other.write_text(text, encoding="utf-8")
    for template, expected in ((other, "private"), (EXAMPLE, "no-store"), ("", None)):
        done = applied.apply(template)
        assert done.returncode == 0, done.stdout[-3000:]
        headers = httpx.get(applied.url(), headers=TRIAL, trust_env=False).headers
        assert headers.get("Cache-Control") == expected
        assert headers["X-Study-Server"]


LISTEN, KEEPALIVE = "listen 80 backlog=4096;", "keepalive 256;"
# Fault → text of the example, what replaces it, and part of the message.
WRONG = {
    "unknown directive": (KEEPALIVE, "keep_alive 256;", 'own.conf.j2:9: nginx: [emerg] unknown directive "keep_alive"'),
    "value from a variable": (
        "max_fails={{",
        "max_fail={{",
        'own.conf.j2:7: nginx: [emerg] invalid parameter "max_fail=0"',
    ),
    "another server": (KEEPALIVE, "server 10.9.9.9:80;", "own.conf.j2:9: server 10.9.9.9:80 is not in the cell"),
    "a server less": (
        "in nginx_lb_servers %}",
        "in nginx_lb_servers[:1] %}",
        "own.conf.j2:7: the upstream has no server ",
    ),
    "another port": (LISTEN, "listen 8000;", "own.conf.j2:13: no server listens on port 80 (got 8000)"),
    "the control port": (LISTEN, "listen 80; listen 8081;", "listen 8081: the study's control port"),
    "no log": (LISTEN, "listen 80; access_log off;", "own.conf.j2:13: access_log off: it also switches"),
    "an undefined variable": (KEEPALIVE, "keepalive {{ my_keepalive }};", "'my_keepalive' is undefined"),
    "a syntax error of Jinja": ("{% endfor %}", "{% endfo %}", "Encountered unknown tag 'endfo'"),
    "a whole nginx.conf": ("upstream application", "events {}\nupstream application", "own.conf.j2:4: events: a whole"),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_template_that_breaks_a_study_is_rejected_with_its_line(applied: Site, fault: str) -> None:
    before, after, message = WRONG[fault]
    text = EXAMPLE.read_text(encoding="utf-8")
    assert before in text
    assert message in (found := applied.rejected(text.replace(before, after))), found
    assert httpx.get(applied.url(), headers=TRIAL, trust_env=False).status_code == 200, "the previous one still serves"


def test_a_template_that_is_no_file_is_rejected(site: Site) -> None:
    assert "Allowed: the absolute path of a file on the controller" in " ".join(
        site.apply(site.folder / "missing.j2").stdout.split()
    )
    shutil.copy(EXAMPLE, site.folder / "tls.conf.j2")
    done = site.apply(site.folder / "tls.conf.j2", nginx_lb_tls=True)
    assert "without nginx_lb_tls" in " ".join(done.stdout.split())
