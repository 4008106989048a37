"""Valid grids with every key of traffic, balancers, platforms, types and objectives, and odd values in their places.

A grid is plain data in which `Raw` is a text of YAML. Each damage is a function of a seed, or one of all pairs of a
place and an odd value.
"""

from __future__ import annotations

import copy
import json
import random
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.warm import ROOT

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Raw:
    """A value or a key as it is written in the file."""

    text: str


ODD = tuple(
    map(
        Raw,
        (
            *("", "~", "null", "true", "NO", "on", "0", "-1", "1", "2.5", "1e400", "-0.0", ".nan", ".inf", "1_000"),
            *("0x1F", "0o17", "01234", "12:30:00", "2024-01-01", "9" * 30, "9" * 5000, "1" + "0" * 90, "5s", "3 m"),
            *(
                "50%",
                "200/s",
                "±5%",
                '""',
                '" "',
                '"x"',
                '"\\0"',
                '"\\n"',
                '"\\ud800"',
                '"é한💥"',
                '"' + "x" * 5000 + '"',
            ),
            *('"${"', '"${row.nothing}"', '"${secret.}"', '"$${"', '"{{ 1 }}"', '"*"', '"/"', '"../.."', '"/dev/zero"'),
            *("[]", "{}", "[[]]", "[[[1]]]", "[~]", "[1, a]", "{a: 1}", "{1: 2}", "{~: 1}", "{true: 1}", "{{}: 1}"),
            *("[{}]", "[{a: [1]}]", "{env: X}", "{env: [1]}", "{env: FUZZ, prefix: [1]}", "{env: FUZZ}"),
            *("!!int x", "!!str 5", "!!set {a, b}", "!!binary aGk=", "!!python/object:os.system {}", "!vault x"),
            *("*unknown", "&a [*a]", "{<<: 1}", "{<<: {path: /}}", "{a: 1, a: 2}", "'x", "[", "{", "- a", "? a", "| a"),
        ),
    )
)

_LOAD = {"think_time": "1s", "ramp_up": "2s", "duration": "20s", "timeout": "10s", "keep_alive": True}
_FACTORS = {"servers": [1, 2], "vusers": [100]}
_MIX: dict[str, Any] = {
    "data": {"file": "rows.jsonl", "pick": "zipf(1.1)", "per": "user"},
    "login": {
        "request": {"method": "POST", "path": "/login", "form": {"user": "${row.user}", "p": ["a", 1, True]}},
        "expect": {"status": [200, 201], "body": "token"},
        "extract": {"token": {"json": "$.access.token"}, "csrf": {"header": "X-Csrf"}, "id": {"regex": "id=(\\d+)"}},
    },
    "requests": [
        {
            "name": "json",
            "weight": 9,
            "request": {
                "method": "POST",
                "path": "/a/${row.user}",
                "params": {"q": "${csrf}", "n": [1, 2.5, "x", False]},
                "headers": {"Authorization": "Bearer ${token}", "X-Id": "${id}"},
                "json": {"image": "${row.image}", "deep": [{"a": None}]},
                "follow_redirects": True,
            },
            "expect": {"status": 200, "body": "ok"},
        },
        {
            "name": "parts",
            "weight": 1,
            "request": {
                "method": "PUT",
                "path": "/b",
                "multipart": [
                    {"name": "title", "value": "${uuid}"},
                    {"name": "image", "file": "a.png", "filename": "b.png", "type": "image/png"},
                ],
            },
        },
        {"name": "file", "request": {"method": "POST", "path": "/c", "file": {"path": "a.png", "type": "image/png"}}},
        {"name": "short", "request": {"method": "POST", "path": "/d", "file": "a.png"}},
        {"name": "text", "request": {"method": "POST", "path": "/e", "text": "${trial} ${user}"}},
    ],
}
_STEPS = {
    "data": {"folder": "images", "pick": "cycle", "per": "transaction"},
    "steps": [
        {
            "name": "first",
            "request": {"method": "POST", "path": "/a", "file": "${row.file}"},
            "extract": {"id": {"json": "$.items[0].id"}},
            "pause": "500ms",
        },
        {"name": "second", "request": {"path": "/b/${id}"}, "expect": {"status": [200, 404]}},
    ],
}
_SERVICE = {
    "image": "registry.example/team/app:1.4",
    "port": 8000,
    "health": "/readyz",
    "requests_metric": {
        "name": "http_requests_total",
        "trial_label": "trial",
        "status_label": "code",
        "labels": {"path": "/a"},
        "path": "/metrics",
    },
}
GRIDS: dict[str, dict[str, Any]] = {
    "mix": {"traffic": _MIX, "objectives": {"error_rate": "1%", "p95": {"json": "200ms", "*": "1s"}, "gain": {2: 1.5}}},
    "steps": {"traffic": _STEPS},
    "rate": {
        "factors": {"servers": [1, 2], "rate": ["10/s", "1200/min"]},
        "load": {"ramp_up": "2s", "duration": "20s", "arrivals": "constant", "in_flight": 100},
        "traffic": {**_MIX, "login": {**_MIX["login"], "sessions": 5}},
    },
    "locustfile": {
        "load": {"ramp_up": "2s", "duration": "20s"},
        "traffic": {
            "locustfile": "script/load.py",
            "requirements": "script/requirements.txt",
            "users": ["Reader"],
            "tags": ["a"],
            "exclude_tags": ["b"],
            "env": {"CLIENT": "study", "N": 5, "TOKEN": {"env": "FUZZ", "prefix": "Bearer "}},
        },
    },
    "script": {
        "load_generator": "ngrinder",
        "inventory": "hosts.yml",
        "vars": {"ngrinder_war_url": "https://web.example/ngrinder.war", "ngrinder_war_sha256": "a" * 64},
        "traffic": {"script": "mine.groovy", "files": ["more.jar", "rows.csv"]},
    },
    "balancers": {
        "factors": {
            **_FACTORS,
            "servers": [1],
            "balancer": ["nginx", "haproxy", "none"],
            "nginx_lb_method": ["round_robin", "least_conn"],
        },
        "exclude": [{"balancer": "haproxy", "nginx_lb_method": "least_conn"}],
        "vars": {"nginx_lb_max_fails": 1, "haproxy_lb_method": "source", "ml_server_env": {"A": "b", "C": 1}},
        "evidence": {"ceiling_invalid": "70%", "send_delay": "5ms", "control_trial": False, "peak_seconds": 10},
    },
    "template": {"balancer": "nginx", "vars": {"nginx_lb_template": "own.conf.j2"}, "budget": {"time": "5h"}},
    "platform": {
        "inventory": "inventory/compose",
        "target": {"url": "http://web.example:8080", "scale": "scale.yml", "ready_timeout": "60s", "rate": "50/s"},
    },
    "types": {
        "inventory": "inventory/lab_types",
        "server_types": {"small": ["server-1", "server-2"], "large": ["server-3"]},
        "factors": {"servers": [{"small": 1}, {"small": 2}, {"small": 2, "large": 1}], "vusers": [100]},
        "target": "200/s",
    },
    "failures": {
        "factors": {"servers": [2, 3], "vusers": [100], "fail_servers": [0, 1]},
        "load": {**_LOAD, "fail_at": "50%", "duration": "30s"},
        "include": [{"servers": 3, "vusers": 200, "fail_servers": 2}],
        "service": _SERVICE,
        "objectives": {"p95": "1s", "error_rate": "5%"},
        "repeats": {"min": 3, "max": 6, "until": "±5%"},
        "budget": {"time": "50h", "cost": "5 USD"},
        "seed": 7,
    },
    "search": {
        "factors": {"servers": [1, 2], "rate": {"from": "10/s", "to": "100/s", "until": "20%"}},
        "load": {"ramp_up": "2s", "duration": "20s"},
        "objectives": {"p95": "1s"},
        "target": {"rate": "40/s"},
    },
    "gate": {
        "factors": {"servers": [1], "vusers": [100], "ml_server_image": ["app:1", "app:2"]},
        "repeats": {"min": 6, "max": 20},
        "gate": {"tolerance": "5%"},
        "calibration": False,
        "quick": False,
    },
}
FILES: dict[str, bytes] = {
    "rows.jsonl": b'{"user": "a", "image": [1, 2]}\n{"user": "b", "image": [3]}\n',
    "rows.csv": b"user,image\na,1\nb,2\n",
    "a.png": b"\x89PNG\r\n",
    "images/1.png": b"\x89PNG\r\n",
    "images/2.png": b"\x89PNG\r\n",
    "script/load.py": b"from locust import HttpUser, task\n\n\nclass Reader(HttpUser):\n    @task\n    def read(self):"
    b'\n        self.client.get("/")\n',
    "script/requirements.txt": b"faker==30.1\n",
    "mine.groovy": b"class Mine {\n  void step(request) { request.GET('/') }\n}\n",
    "more.jar": b"PK\x03\x04",
    "own.conf.j2": b"upstream app {\n  {% for s in nginx_lb_servers %}server {{ s }};{% endfor %}\n}\n",
    "scale.yml": b"- hosts: localhost\n  tasks: []\n",
    "hosts.yml": (
        b"all:\n  vars: {ansible_user: root, ansible_connection: ssh}\n  children:\n    ml_servers:\n      hosts:\n"
        b"        server-1: {ansible_host: 10.0.0.1, private_ip: 10.0.0.1}\n"
        b"        server-2: {ansible_host: 10.0.0.2, private_ip: 10.0.0.2}\n"
        b"    load_balancers:\n      hosts:\n        balancer: {ansible_host: 10.0.0.3, private_ip: 10.0.0.3}\n"
        b"    load_generators:\n      hosts:\n        generator: {ansible_host: 10.0.0.4, private_ip: 10.0.0.4}\n"
    ),
}


def whole(name: str) -> dict[str, Any]:
    """Return one of the valid grids."""
    base = {"name": "study", "factors": _FACTORS, "load": _LOAD}
    grid = {**base, **GRIDS[name]}
    return copy.deepcopy(grid if "traffic" in grid else {**grid, "request": {"path": "/"}})


def places(value: Any, where: Place = ()) -> Iterator[Place]:
    """Yield the path of every value of a grid, outermost first."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in inner:
        yield (*where, key)
        yield from places(each, (*where, key))


def replaced(grid: dict[str, Any], where: Place, value: Any) -> dict[str, Any]:
    """Return a grid with another value at a path."""
    changed = copy.deepcopy(grid)
    _holder(changed, where)[where[-1]] = value
    return changed


def damaged(random_: random.Random, grid: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Return a grid with one to three random damages, and their description."""
    done = []
    for _ in range(random_.choice((1, 1, 1, 2, 3))):
        where = random_.choice(list(places(grid)))
        kind = random_.choice(("odd", "odd", "odd", "odd", "gone", "unknown", "renamed", "moved", "wrapped", "listed"))
        grid = _damaged(random_, grid, where, kind)
        done.append(f"{kind} at {'.'.join(map(str, where))}")
    return grid, ", ".join(done)


def _damaged(random_: random.Random, grid: dict[str, Any], where: Place, kind: str) -> dict[str, Any]:
    changed = copy.deepcopy(grid)
    holder, key = _holder(changed, where), where[-1]
    value = holder[key]
    if kind == "odd":
        holder[key] = random_.choice(ODD)
    elif kind == "gone":
        del holder[key]
    elif kind == "moved":
        other = random_.choice(list(places(changed)))
        holder[key] = copy.deepcopy(_holder(changed, other)[other[-1]])
    elif kind == "wrapped":
        holder[key] = {random_.choice(("a", "from", str(key))): value}
    elif kind == "listed":
        holder[key] = random_.choice(([value], [value, value], [[value]]))
    elif isinstance(holder, dict):
        new = random_.choice((f"{key}s", str(key)[:-1], str(key).upper(), Raw("7"), Raw("~"), Raw("true"), Raw("2.0")))
        holder[new] = random_.choice(ODD) if kind == "unknown" else holder.pop(key)
    return changed


def _holder(grid: Any, where: Place) -> Any:
    for part in where[:-1]:
        grid = grid[part]
    return grid


def text(value: Any, indent: int = 0) -> str:
    """Return a grid as YAML with one value a line, so that a line in a message can be verified."""
    pad = "\n" + "  " * indent
    if isinstance(value, Raw):
        return f" {value.text}" if value.text else ""
    if isinstance(value, dict) and value:
        return "".join(f"{pad}{_key(key)}:{text(each, indent + 1)}" for key, each in value.items())
    if isinstance(value, list) and value:
        return "".join(f"{pad}-{text(each, indent + 1)}" for each in value)
    return f" {json.dumps(value, ensure_ascii=False)}"


def _key(key: Any) -> str:
    return key.text if isinstance(key, Raw) else str(key) if isinstance(key, int) else json.dumps(key)


def write(folder: Path, files: dict[str, bytes] = FILES) -> None:
    """Write the files that the grids name."""
    shutil.copytree(ROOT / "inventory" / "ec2" / "group_vars", folder / "group_vars", dirs_exist_ok=True)
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)
