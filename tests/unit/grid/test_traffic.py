"""Traffic of a grid: every mistake is one message with file and line, before anything is deployed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.errors import BadInput
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.study.identity import identify
from harness.records.study import Configuration
from harness.traffic.data_files import DataReader
from tests.builders import BASE, grid

HEAD = """name: study
factors: {servers: [1, 2], vusers: [100]}
load: {think_time: 1s, duration: 20s}
"""
OPEN = """name: study
factors: {servers: [1, 2], rate: [100/s]}
load: {duration: 20s}
"""
GET = "request: {path: /}"


def read(folder: Path, text: str) -> Grid:
    (folder / "grid.yaml").write_text(text, encoding="utf-8")
    return load_grid(folder / "grid.yaml", frozenset(), data=DataReader(folder))[0]


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "rows.jsonl").write_text('{"user": "a", "n": 1}\n{"user": "b", "n": 2}\n')
    return tmp_path


ROWS = "  data: {file: rows.jsonl}\n"
MISTAKES = {
    "an unknown name": (
        HEAD + "traffic:\n  requests:\n    - name: a\n      request: {path: '/${usr}'}\n",
        "",
    ),
    "no rows": (HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: '/${row.user}'}}\n", ""),
    "a missing column": (
        HEAD + "traffic:\n" + ROWS + "  requests:\n    - {name: a, request: {path: '/${row.usr}'}}\n",
        "",
    ),
    "an unclosed template": (HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, text: 'x ${user'}}\n", ""),
    "a name of a field with a template": (
        HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, form: {'${user}': x}}}\n",
        "",
    ),
    "a weight of 0": (HEAD + "traffic:\n  requests:\n    - {name: a, weight: 0, " + GET + "}\n", ""),
    "a negative weight": (HEAD + "traffic:\n  requests:\n    - {name: a, weight: -1, " + GET + "}\n", ""),
    "a step without a name": (HEAD + "traffic:\n  steps:\n    - {name: a, " + GET + "}\n    - {" + GET + "}\n", ""),
    "a name twice": (
        HEAD + "traffic:\n  requests:\n    - {name: a, " + GET + "}\n    - {name: a, " + GET + "}\n",
        "",
    ),
    "requests and steps": (
        HEAD + "traffic:\n  requests:\n    - {name: a, " + GET + "}\n  steps:\n    - {name: b, " + GET + "}\n",
        "",
    ),
    "neither": (HEAD + "traffic:\n  data: {file: rows.jsonl}\n", ""),
    "request and traffic": (HEAD + "request: {path: /}\ntraffic:\n  requests: [{name: a, " + GET + "}]\n", ""),
    "neither request nor traffic": (HEAD, ""),
    "a value before it exists": (
        HEAD
        + "traffic:\n  steps:\n    - {name: a, request: {path: '/${id}'}}\n"
        + "    - {name: b, "
        + GET
        + ", extract: {id: {json: $.id}}}\n",
        "",
    ),
    "a value of the same step": (
        HEAD + "traffic:\n  steps:\n    - {name: a, request: {path: '/${id}'}, extract: {id: {header: X-Id}}}\n",
        "",
    ),
    "a value of another request of a mix": (
        HEAD
        + "traffic:\n  requests:\n    - {name: a, "
        + GET
        + ", extract: {id: {json: $.id}}}\n    - {name: b, request: {path: '/${id}'}}\n",
        "",
    ),
    "steps at a rate": (OPEN + "traffic:\n  steps:\n    - {name: a, " + GET + "}\n", ""),
    "a value that is never used": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {token: {json: $.token}}}\n  requests:\n    - {name: a, "
        + GET
        + "}\n",
        "",
    ),
    "two bodies": (
        HEAD + "traffic:\n  requests:\n    - name: a\n      request:\n        path: /\n        json: 1\n        text: x\n",
        "",
    ),
    "zipf(0)": (
        HEAD + "traffic:\n  data: {file: rows.jsonl, pick: zipf(0)}\n  requests: [{name: a, request: {path: '/${row.n}'}}]\n",
        "",
    ),
    "another pick": (
        HEAD + "traffic:\n  data: {file: rows.jsonl, pick: first}\n  requests: [{name: a, request: {path: '/${row.n}'}}]\n",
        "",
    ),
    "a JSONPath of several values": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {t: {json: $..t}}}\n  requests: [{name: a, request: {path: '/${t}'}}]\n",
        "",
    ),
    "no JSONPath": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {t: {json: token}}}\n  requests: [{name: a, request: {path: '/${t}'}}]\n",
        "",
    ),
    "a regular expression without a group": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {t: {regex: 'id=.*'}}}\n  requests: [{name: a, request: {path: '/${t}'}}]\n",
        "",
    ),
    "two ways to extract": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {t: {json: $.a, header: B}}}\n  requests: [{name: a, request: {path: '/${t}'}}]\n",
        "",
    ),
    "a built-in name": (
        HEAD
        + "traffic:\n  login: {"
        + GET
        + ", extract: {user: {json: $.a}}}\n  requests: [{name: a, request: {path: '/${user}'}}]\n",
        "",
    ),
    "sessions of users": (
        HEAD + "traffic:\n  login: {sessions: 5, " + GET + "}\n  requests: [{name: a, " + GET + "}]\n",
        "",
    ),
    "the name login": (HEAD + "traffic:\n  login: {" + GET + "}\n  requests: [{name: login, " + GET + "}]\n", ""),
    "a part with value and file": (
        HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, multipart: [{name: x, value: y, file: rows.jsonl}]}}\n",
        "",
    ),
    "a file that does not exist": (
        HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, file: no.png}}\n",
        "",
    ),
    "a file by a name that is no column": (
        HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, file: '${user}.png'}}\n",
        "",
    ),
    "files of rows that do not exist": (
        HEAD + "traffic:\n" + ROWS + "  requests:\n    - {name: a, request: {path: /, file: '${row.user}.png'}}\n",
        "",
    ),
    "a path that cannot be sent": (HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: '/a ${user}'}}\n", ""),
    "a header that cannot be sent": (
        HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, headers: {Content-Length: '${user}'}}}\n",
        "",
    ),
    "an unknown key": (HEAD + "traffic:\n  requests:\n    - {name: a, request: {path: /, jsno: 1}}\n", ""),
    "rows that no request uses": (HEAD + "traffic:\n" + ROWS + "  requests: [{name: a, " + GET + "}]\n", ""),
    "expectations of the short form": (
        HEAD + "traffic:\n  requests: [{name: a, request: {path: /, expect_status: 201}}]\n",
        "",
    ),
}


def test_print(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import json
    with capsys.disabled():
        for name, (text, _) in MISTAKES.items():
            try:
                found = problems(folder, text)
            except BaseException as e:
                found = [repr(e)]
            print("####", name)
            for line in found: print("   ", line)
