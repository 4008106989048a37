"""References to secrets: a grid names variables of the environment and does not contain the values."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import BadInput
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.secrecy import Masks
from tests.builders import BASE


def read(folder: Path, **more: Any) -> Grid:
    file = folder / "grid.yaml"
    file.write_text(yaml.safe_dump({**BASE, **more}, sort_keys=False))
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
