"""Only the study may start load, and only against the balancer (roles/locust/files/image/gate.py)."""

import stat
from pathlib import Path

import flask
import httpx
import pytest

from harness.errors import LoadGeneratorFailed
from harness.traffic.locust import LocustLoadGenerator
from tests.locust_image import gate

TOKEN = "the-token"  # noqa: S105 - of this test
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def app() -> flask.Flask:
    """An engine's paths behind the gate, with one of Locust's own."""
    made = flask.Flask("engine")
    gate.guard(made, TOKEN)
    made.add_url_rule("/study/ready", "ready", lambda: {"ready": True, "version": "2"})
    made.add_url_rule("/study/stop", "stop", lambda: {}, methods=["POST"])
    made.add_url_rule("/swarm", "swarm", lambda: {"started": True}, methods=["POST"])
    return made


@pytest.mark.parametrize("header", ["", "Bearer ", "Bearer the-toke", "Bearer the-token2", "the-token", "Bearer ü"])
@pytest.mark.parametrize("path", ["/study/ready", "/study/stop", "/swarm", "/nothing"])
def test_nothing_is_answered_without_the_token(app: flask.Flask, header: str, path: str) -> None:
    for method in ("GET", "POST", "OPTIONS"):
        answer = app.test_client().open(path, method=method, headers={"Authorization": header}, json={})
        assert answer.status_code == 401
        assert TOKEN not in answer.text


@pytest.mark.parametrize("kind", ["", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_an_order_is_json(app: flask.Flask, kind: str) -> None:
    """A web page can send these content types to another site without a preflight request."""
    client = app.test_client()
    assert client.post("/study/stop", data="{}", content_type=kind, headers=BEARER).status_code == 415
    assert client.post("/study/stop", json={}, headers=BEARER).status_code == 200


def test_locusts_own_pages_are_not_served(app: flask.Flask) -> None:
    assert app.test_client().post("/swarm", json={}, headers=BEARER).status_code == 404
    assert app.test_client().get("/study/ready", headers=BEARER).status_code == 200


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.2/",
        "http://10.0.0.1.example/",
        "http://10.0.0.1:81/",
        "http://10.0.0.1@example/",
        "https://10.0.0.1/",  # another port
        "https://10.0.0.1:443/",
        "https://10.0.0.2:80/",
        "http://10.0.0.1",
        "",
    ],
)
def test_load_goes_to_the_balancer_alone(url: str) -> None:
    gate.check_target("http://10.0.0.1/predict?a=http://b/", "http://10.0.0.1")
    gate.check_target("http://10.0.0.1/", "http://10.0.0.1/")
    gate.check_target("https://10.0.0.1:80/predict", "http://10.0.0.1")
    gate.check_target("https://10.0.0.1:8443/", "http://10.0.0.1:8443/")
    with pytest.raises(ValueError, match="not the target of this load generator"):
        gate.check_target(url, "http://10.0.0.1")
    with pytest.raises(ValueError, match="set locust_target_url"):
        gate.check_target(url, "")


def test_a_token_is_another_one_each_time_and_only_its_user_can_read_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    tokens = {gate.new_token(file) for _ in range(3)}
    assert len(tokens) == 3
    assert file.read_text() in tokens
    assert min(map(len, tokens)) >= 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["token"]


def test_the_study_reads_the_token_once_and_again_after_a_restart(app: flask.Flask) -> None:
    read: list[str] = []
    tokens = [TOKEN]

    def token() -> str:
        read.append(tokens[-1])
        return tokens[-1]

    sent: list[str | None] = []
    hooks = {"request": [lambda request: sent.append(request.headers.get("Authorization"))]}
    with httpx.Client(transport=httpx.WSGITransport(app=app), base_url="http://generator", event_hooks=hooks) as client:
        load_generator = LocustLoadGenerator(client, token)
        assert load_generator.ready()
        load_generator.stop()
        assert len(read) == 1
        assert sent == [None, *[f"Bearer {TOKEN}"] * 2], "a header without a value cannot be sent"
        load_generator._token = "of an engine that was restarted"  # noqa: S105 - no secret
        assert load_generator.ready()
        assert len(read) == 2
        tokens.append("wrong")
        load_generator._token = ""
        with pytest.raises(LoadGeneratorFailed, match="token of this load generator is missing or wrong"):
            load_generator.ready()
