"""Login and history: stateless tokens, deterministic entries, counters and pacing."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from fastapi.testclient import TestClient

from service import accounts
from service.accounts import Accounts
from service.app import create_app
from service.pace import Pace
from service.settings import PASSWORD, Settings
from tests.unit.service.test_service import counted, image

LOGIN = {"user": "ann", "password": "secret words"}


@pytest.fixture(scope="module")
def client(model: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Settings(model_path=model, password=LOGIN["password"]))) as opened:
        yield opened


def bearer(client: TestClient, user: str = "ann") -> dict[str, str]:
    answer = client.post("/login", json={**LOGIN, "user": user})
    assert answer.status_code == 200, answer.text
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}


def test_a_form_and_json_log_in(client: TestClient) -> None:
    for answer in (client.post("/login", json=LOGIN), client.post("/login", data=LOGIN)):
        assert answer.status_code == 200
        assert answer.json().keys() == {"access_token", "token_type"}
        headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
        assert client.get("/history/ann", headers=headers).status_code == 200


def test_wrong_credentials_are_rejected_without_repeating_them(client: TestClient) -> None:
    assert client.post("/login", data={**LOGIN, "password": "wrong words"}).status_code == 401
    for answer in (
        client.post("/login", data={"password": "wrong words"}),
        client.post("/login", json={"user": "", "password": "wrong words"}),
        client.post("/login", content=b"wrong words"),
        client.post(
            "/login", content=b"user=\xff&password=x", headers={"content-type": "application/x-www-form-urlencoded"}
        ),
    ):
        assert answer.status_code == 422
        assert "wrong words" not in answer.text


def test_a_history_needs_the_token_of_its_user(client: TestClient) -> None:
    assert client.get("/history/ann").status_code == 401
    assert client.get("/history/ann", headers={"Authorization": "Basic YTpi"}).status_code == 401
    mine = bearer(client)["Authorization"]
    changed = mine[:-1] + ("0" if mine[-1] != "0" else "1")
    for token in (changed, "Bearer a.b.c", "Bearer ", "Bearer é"):
        assert client.get("/history/ann", headers={b"Authorization": token.encode()}).status_code == 401
    assert client.get("/history/bob", headers=bearer(client)).status_code == 403
    assert client.get("/history/bob", headers=bearer(client, "bob")).status_code == 200
    assert client.get("/history/%C3%B8yvind.5", headers=bearer(client, "øyvind.5")).json()["user"] == "øyvind.5"


def test_every_server_accepts_a_token_until_it_expires() -> None:
    one, two = Accounts("a"), Accounts("a")
    token = one.log_in("ann", "a", 1000)
    assert token
    assert two.user_of(token, 1000 + accounts.LIFETIME_S - 1) == "ann"
    assert two.user_of(token, 1000 + accounts.LIFETIME_S) is None
    assert Accounts("b").user_of(token, 1000) is None


def test_a_history_is_equal_everywhere_and_limited(client: TestClient) -> None:
    headers = bearer(client)
    ten = client.get("/history/ann", headers=headers).json()["entries"]
    assert len(ten) == 10
    assert client.get("/history/ann", headers=headers, params={"limit": 3}).json()["entries"] == ten[:3]
    assert accounts.history("ann", 10) == accounts.history("ann", 10) != accounts.history("bob", 10)
    assert [entry["age_s"] for entry in ten] == sorted(entry["age_s"] for entry in ten)
    for limit in (0, 101, "many"):
        assert client.get("/history/ann", headers=headers, params={"limit": limit}).status_code == 422


def test_logins_and_histories_count_like_predictions(client: TestClient) -> None:
    trial = {"X-Study-Trial": "own-traffic"}
    headers = {**bearer(client), **trial}
    client.post("/predict", json={"image": image(0)}, headers=trial)
    client.get("/history/ann", headers=headers)
    client.get("/history/bob", headers=headers)
    client.post("/login", data=LOGIN, headers={"X-Study-Trial": "own-traffic.login"})
    assert sorted(line.split(" ")[1] for line in counted(client, "own-traffic")) == ["1.0", "2.0"]
    assert [line.split(" ")[1] for line in counted(client, "own-traffic.login")] == ["1.0"]


def test_a_history_of_a_paced_server_takes_a_slot_and_a_login_takes_none(model: Path) -> None:
    app = create_app(Settings(model_path=model, pace=Pace(count=1, service_s=0.01)))

    async def send() -> tuple[float, float, float]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://paced") as client:
            before = await paced_answers(client)
            login = await client.post("/login", data={"user": "ann", "password": PASSWORD})
            after_login = await paced_answers(client)
            headers = {"Authorization": f"Bearer {login.json()['access_token']}"}
            for _ in range(2):
                assert (await client.get("/history/ann", headers=headers)).status_code == 200
            assert (await client.get("/history/bob", headers=headers)).status_code == 403
            return before, after_login, await paced_answers(client)

    before, after_login, after_histories = asyncio.run(send())
    assert after_login == before
    assert after_histories == before + 2


async def paced_answers(client: httpx.AsyncClient) -> float:
    lines = (await client.get("/metrics")).text.splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith("ml_paced_answers_total"))


def test_the_password_comes_from_the_environment_and_has_a_default() -> None:
    own = Settings.from_environment({"DEMO_PASSWORD": LOGIN["password"]})
    assert own.password == LOGIN["password"]
    assert Settings.from_environment({}).password == PASSWORD
