"""References to secrets: a grid names variables of the environment and does not contain the values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import BadInput
from harness.grid import traffic_checks
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.secrecy import Masks
from tests.builders import BASE


def read(folder: Path, **more: Any) -> Grid:
    file = folder / "grid.yaml"
    data = {key: value for key, value in {**BASE, **more}.items() if value is not None}
    file.write_text(yaml.safe_dump(data, sort_keys=False))
    return load_grid(file, frozenset({"ml_server_env"}))[0]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOKEN", "can/ary&1")
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.delenv("MISSING", raising=False)


def test_a_reference_is_the_value_of_a_variable_of_the_environment(tmp_path: Path) -> None:
    token = {"env": "TOKEN"}
    headers = {"Authorization": {**token, "prefix": "Bearer "}, "X-Plain": token}
    body = {"api": [token], "env": "prod", "where": {"env": "prod"}}
    request = {"path": "/x?a=1", "query": {"sig": token, "n": 2}, "headers": headers, "json": body}
    found = read(tmp_path, request=request, vars={"ml_server_env": {"HF": token, "env": "x"}})
    assert found.requests[0].request.headers == {"Authorization": "Bearer can/ary&1", "X-Plain": "can/ary&1"}
    assert found.requests[0].request.path == "/x?a=1&sig=can%2Fary%261&n=2"
    assert found.requests[0].request.json_body == {"api": ["can/ary&1"], "env": "prod", "where": {"env": "prod"}}
    assert found.vars == {"ml_server_env": {"HF": "can/ary&1", "env": "x"}}
    kept = str(Masks(lambda: b"k" * 32, found.secrets).grid(found.model_dump(mode="json", by_alias=True)))
    assert "ary" not in kept
    assert kept.count("masked:") == 5


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (
            {"headers": {"Authorization": {"env": "MISSING"}}},
            "request.headers.Authorization: the environment variable MISSING is not set. Fix: export MISSING with the",
        ),
        ({"headers": {"A": {"env": "EMPTY"}}}, "request.headers.A: the environment variable EMPTY is empty"),
        (
            {"headers": {"A": {"env": "a b"}}},
            "request.headers.A: env: got 'a b'. Allowed: the name of an environment variable",
        ),
        ({"json": {"a": [{"env": "MISSING"}]}}, "request.json.a.0: the environment variable MISSING is not set"),
        ({"query": {"a": {"env": "MISSING"}}}, "request.query.a: the environment variable MISSING is not set"),
        ({"query": {"a": [1]}}, "request.query: Allowed: a mapping of names to texts or numbers"),
        ({"headers": {"A": "masked:0123abcd:0123456789abcdef"}}, "request.headers.A: a mask instead of a value"),
    ],
)
def test_an_unresolvable_reference_is_rejected_with_its_line(tmp_path: Path, more: Any, expected: str) -> None:
    with pytest.raises(BadInput) as error:
        read(tmp_path, request={"path": "/", **more})
    (problem,) = error.value.problems
    where, _, words = problem.partition(": ")
    assert words.startswith(expected)
    key = expected.split(":", maxsplit=1)[0].split(".")[-1]
    line = (tmp_path / "grid.yaml").read_text().splitlines()[int(where.rpartition(":")[2]) - 1]
    assert key in line or "env" in line


REQUEST = {"name": "a", "request": {"path": "/"}}
TRAFFIC = {
    "login": {
        "request": {"method": "POST", "path": "/login", "form": {"user": "${user}", "env": {"env": "TOKEN"}}},
        "extract": {"t": {"header": "T"}},
    },
    "requests": [
        {
            "name": "a",
            "request": {
                "method": "POST",
                "path": {"env": "TOKEN", "prefix": "/a/"},
                "params": {"env": "x", "sig": [1, {"env": "TOKEN"}]},
                "headers": {"authorization": {"env": "TOKEN", "prefix": "${t} "}, "env": "${t}"},
                "json": {"env": "PROD", "where": {"env": "prod"}, "key": {"env": "TOKEN"}},
            },
        },
        {
            "name": "b",
            "request": {"method": "POST", "path": "/", "multipart": [{"name": "p", "value": {"env": "TOKEN"}}]},
        },
        {"name": "c", "request": {"method": "POST", "path": "/", "text": {"env": "TOKEN"}}},
    ],
}


def test_a_reference_in_traffic_is_a_secret_wherever_a_template_is(tmp_path: Path) -> None:
    found = read(tmp_path, request=None, traffic=TRAFFIC)
    assert found.login is not None
    assert found.login.request.form == {"user": "${user}", "env": "${secret.TOKEN}"}
    a, b, c = (each.request for each in found.requests)
    assert a.path == "/a/${secret.TOKEN}"
    assert a.params == {"env": "x", "sig": (1, "${secret.TOKEN}")}
    assert a.headers == {"authorization": "$${t} ${secret.TOKEN}", "env": "${t}"}, "a prefix is text"
    assert a.json_body == {"env": "PROD", "where": {"env": "prod"}, "key": "${secret.TOKEN}"}
    assert b.multipart is not None
    assert (b.multipart[0].value, c.text) == ("${secret.TOKEN}", "${secret.TOKEN}")
    assert traffic_checks.secrets(found).keys() == {"TOKEN"}


def test_the_short_form_has_references_in_the_same_places(tmp_path: Path) -> None:
    found = read(tmp_path, request={"method": "POST", "path": "/", "form": {"a": {"env": "TOKEN"}}, "params": {"b": 1}})
    assert found.requests[0].request.form == {"a": "${secret.TOKEN}"}


@pytest.mark.parametrize("name", ["MISSING", "a b"])
def test_a_reference_in_traffic_without_a_value_is_one_message_with_its_line(tmp_path: Path, name: str) -> None:
    steps = [{"name": "a", "request": {"path": "/", "headers": {"K": {"env": name}}}}]
    with pytest.raises(BadInput) as error:
        read(tmp_path, request=None, traffic={"steps": steps})
    (problem,) = error.value.problems
    assert "traffic.steps.0.request.headers.K: " in problem


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"request": {"path": "/", "query": {"n": 1, "sig": {"env": "TOKEN"}}}}, "request.query.sig"),
        ({"request": {"path": "/${secret.TOKEN}"}}, "request.path"),
        ({"request": {"path": "/", "params": {"sig": {"env": "TOKEN"}}}}, "request.params.sig"),
        (
            {"traffic": {"steps": [{"name": "a", "request": {"path": "/?a=${secret.TOKEN}"}}]}},
            "traffic.steps.0.request.path",
        ),
        (
            {
                "traffic": {
                    "login": {"request": {"path": "/", "params": {"k": "${secret.TOKEN}"}}},
                    "requests": [REQUEST],
                }
            },
            "traffic.login.request.params.k",
        ),
    ],
)
def test_ngrinder_sends_no_secret_in_a_url(tmp_path: Path, more: Any, key: str) -> None:
    """Its agents log every URL."""
    with pytest.raises(BadInput) as error:
        read(tmp_path, **{"request": None, **more, "load_generator": "ngrinder"})
    (problem,) = error.value.problems
    assert f": {key}: " in problem
    assert "a secret in a URL" in problem
    assert read(tmp_path, **{"request": None, **more})


def test_ngrinder_sends_secrets_in_headers_and_bodies(tmp_path: Path) -> None:
    headers = {"a": "${secret.TOKEN}"}
    request = {"method": "POST", "path": "/", "params": {"b": 1}, "headers": headers, "form": {"c": {"env": "TOKEN"}}}
    assert read(tmp_path, request=request, load_generator="ngrinder")
