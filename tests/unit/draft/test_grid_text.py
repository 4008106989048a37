"""The text of a first grid, and how it is written."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.draft import writing, yaml_text
from harness.draft.found import FoundRequest, FoundTraffic
from harness.draft.observe import Observed, body_pattern, with_observations
from harness.errors import BadInput
from harness.grid.yamlcore import compose
from harness.grid.yamldata import Reading
from tests.drafts import first_grid, loaded

READ = FoundRequest(name="GET /a", path="/a")
TWO = FoundTraffic(title="x", requests=(READ, FoundRequest(name="GET /b", path="/b/${row.id}")), rows=({"id": 1},))


def read(text: str) -> Any:
    node = compose(text)
    assert node is not None
    reading = Reading()
    value = reading.value(node)
    assert reading.problems == []
    return value


@pytest.mark.parametrize("seed", range(4))
def test_any_plain_data_are_read_as_they_were_written(seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    letters = "abz09 .,:;#-_'\"\\{}[]&*!|>%@`$~\t\n\r\0\x85é한😀\u2028=<?/+"
    words = ["", "null", "True", "no", "0x1", "1e3", "-", "---", "? a", "a: b", "- a", "1.9s", "<<", "${x}", "=", "~"]

    def text() -> str:
        return chance.choice([*words, "".join(chance.choices(letters, k=chance.randrange(60)))])

    def value(depth: int) -> Any:
        kind = chance.randrange(8 if depth else 5)
        if kind < 5:
            return (text(), chance.randrange(-9, 9), chance.random() * 1e9, None, True)[kind]
        size = chance.randrange(9)
        return [value(depth - 1) for _ in range(size)] if kind < 7 else {text(): value(depth - 1) for _ in range(size)}

    for _ in range(6):
        data = {"key": value(2), "other": value(1)}
        lines = [line for key, each in data.items() for line in yaml_text.entry(key, each, 2)]
        shown = "\n".join(lines)
        assert read(shown) == data, shown


def test_long_lists_and_mappings_are_wrapped() -> None:
    data = {
        "image": list(range(200)),
        "inner": {f"key{number}": "a" * 30 for number in range(9)},
        "rows": [{"a": "b" * 90}] * 2,
    }
    lines = yaml_text.entry("json", data, 4)
    assert max(map(len, lines)) <= 120
    assert read("\n".join(lines)) == {"json": data}


def test_every_key_has_a_comment_or_a_sentence_above_it(tmp_path: Path) -> None:
    service = {"image": "registry.example/app@sha256:" + "0" * 64, "port": 8000, "health": "/healthz"}
    variables = {"ml_server_env": {"WORKERS": "4"}, "ml_server_command": ["gunicorn", "--bind=:8000"]}
    grid = loaded(tmp_path, TWO, service=service, variables=variables, vusers=(50, 200), servers=(1, 2, 4))
    assert (grid.service.image, grid.service.port, grid.service.health) == tuple(service.values())
    assert grid.vars == variables
    assert grid.levels == {"servers": (1, 2, 4), "vusers": (50, 200)}
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    for section in ("name", "inventory", "service", "factors", "load", "traffic", "repeats"):
        lines = text.splitlines()
        (at,) = (at for at, line in enumerate(lines) if line.startswith(f"{section}:"))
        assert "#" in lines[at] or "#" in lines[at - 1] or "#" in lines[at + 1], section
    assert max(map(len, text.splitlines())) <= 120


def test_requests_that_failed_are_comments_and_take_their_data_with_them(tmp_path: Path) -> None:
    seen = (Observed(status=200, pattern='"id"\\s*:'), Observed(status=404))
    traffic = replace(TWO, requests=with_observations(TWO.requests, seen))
    grid = loaded(tmp_path, traffic, observed=seen)
    assert [each.name for each in grid.requests] == ["GET /a"]
    assert grid.requests[0].expect.body == '"id"\\s*:'
    text = (tmp_path / "first.yaml").read_text(encoding="utf-8")
    assert "# NOT MEASURED: status 404: write a path that exists. Fix it and remove the '#'" in text
    uncommented = text.replace("    # - name: GET /b", "    - name: GET /b").replace("    #   ", "      ")
    names = [each["name"] for each in yaml.safe_load(uncommented)["traffic"]["requests"]]
    assert names == ["GET /a", "GET /b"], "removing the '#' is enough"


def test_without_any_success_every_request_stays(tmp_path: Path) -> None:
    seen = (Observed(status=401), Observed(problem="no response: closed"))
    assert len(loaded(tmp_path, TWO, observed=seen).requests) == 2
    assert "# FIX: no response: closed" in first_grid(TWO, observed=seen).text()


@pytest.mark.parametrize(
    ("body", "kind", "pattern"),
    [
        (b'{"message": "x", "label": 4}', "application/json", r'"label"\s*:'),
        (b'[{"id": 7, "token": "x"}]', "application/json", r'^\s*\[\s*\{[^}]*"id"\s*:'),
        (b"[1, 2]", "application/json", r"^\s*\["),
        (b'{"17": 1, "4 b": 2}', "application/json", ""),
        (b"<!DOCTYPE html><title> My (shop) </title>", "text/html", r"<title[^>]*>\s*My \(shop\)"),
        (b"<html><title>Order 17</title>", "text/html", ""),
        (b"ok\n", "text/plain", r"^\s*ok\s*$"),
        (b"s3cr3t-value", "text/plain", ""),
        (b"\xff\xfe\x00", "image/png", ""),
        (b"", "", ""),
        (b"{broken", "application/json", ""),
    ],
)
def test_a_body_check_has_names_and_no_values(body: bytes, kind: str, pattern: str) -> None:
    assert body_pattern(body, kind) == pattern


def test_an_existing_file_stays_unless_it_may_be_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    writing.check_free(path)
    writing.write(path, b"1", overwrite=False)
    words = r"a\.yaml exists\. Fix: choose another name with --grid, or overwrite"
    with pytest.raises(BadInput, match=words):
        writing.check_free(path)
    with pytest.raises(BadInput, match=words):
        writing.write(path, b"2", overwrite=False)
    assert path.read_bytes() == b"1"
    writing.write(path, b"3", overwrite=True)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == [b"3"], "no other file is left"
    for wrong in (tmp_path / "none" / "a.yaml", tmp_path / "a.txt"):
        with pytest.raises(BadInput, match="--grid: "):
            writing.check_free(wrong)
