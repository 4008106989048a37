"""An invalid grid is rejected with one message for each error: its line, the value, and the allowed values."""

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.grid import yamlfile
from harness.records.directory import StudyDirectory
from harness.study.config import resolve

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "tests" / "data" / "bad_grids"
FILES = sorted(FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", [f for f in FILES if f.name != "empty.yaml"], ids=lambda p: p.stem)
def test_a_bad_grid_is_rejected_with_its_line_and_a_fix(path: Path, tmp_path: Path) -> None:
    """The first comment of each file has the expected line and text."""
    expected = re.match(r"# expect (\d+): (.*)", path.read_text(encoding="utf-8"))
    assert expected, f"{path} must begin with '# expect LINE: MESSAGE'"
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, path)
    problems = caught.value.problems
    assert any(f"{path}:{expected[1]}: " in p and expected[2] in p for p in problems), "\n".join(problems)


def test_there_are_enough_bad_grids() -> None:
    assert len(FILES) >= 25


def test_all_problems_of_a_file_are_reported_at_once(tmp_path: Path) -> None:
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, FOLDER / "several-problems.yaml")
    lines = [int(problem.split(":")[1]) for problem in caught.value.problems]
    assert lines == [6, 7, 8]


def test_problems_of_keys_factors_values_and_load_are_reported_together(tmp_path: Path) -> None:
    """An error in one key hides no error in another."""
    grid = tmp_path / "grid.yaml"
    grid.write_text(
        "name: study\n"
        "factors:\n"
        "  servers: [1, zero]\n"
        "  rate: [100/s, 200]\n"
        "  ml_server_wokers: [1]\n"
        "  ml_server_cpus: [much]\n"
        "load:\n"
        "  think_time: 1s\n"
        "  ramp_up: 1s\n"
        "  duration: forever\n"
        "request:\n"
        "  path: /a b\n"
        "  headers: {A: 예}\n"
        "repeats: some\n"
        "engine: ngrinder\n"
        "vars: {ml_server_workers: many}\n"
        "objectives: {p95: 5}\n"
        "colour: red\n",
        "utf-8",
    )
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, grid)
    lines = {int(problem.split(":")[1]) for problem in caught.value.problems}
    assert lines == {3, 4, 5, 6, 8, 9, 10, 12, 13, 14, 15, 16, 17, 18}, str(caught.value)


WHOLE = """\
name: study
inventory: {inventory}
factors:
  servers: {servers}
  vusers: [100]
load: {{think_time: {think_time}, duration: 60s, ramp_up: 5s}}
request:
  path: /
  headers: {{Authorization: "Bearer ${{secret.NOBODY_SET_THIS}}"}}
  json: {{image: {body}}}
repeats: {repeats}
budget: {{time: 1m}}
"""


def rejected(tmp_path: Path, **values: object) -> list[str]:
    """Return the problems of a grid, each as "line: first words"."""
    whole = {"inventory": "inventory/lab", "servers": [1], "think_time": "1s", "body": "x", "repeats": 5}
    file = tmp_path / "grid.yaml"
    file.write_text(WHOLE.format(**{**whole, **values}), "utf-8")
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, file)
    return [":".join(problem.removeprefix(f"{file}:").split(":")[:2]) for problem in caught.value.problems]


BODY, SECRET, SERVERS, BUDGET = "10: request.json", "9: request.headers.Authorization", "4: factors", "12: budget"


def test_problems_of_the_grid_the_inventory_nginx_and_the_budget_are_reported_together(tmp_path: Path) -> None:
    small = "vars: {nginx_lb_client_max_body_size: 1k}\n"
    large = "'" + "x" * 2000 + f"'}}\n{small}metadata: {{a: b"
    assert rejected(tmp_path, servers=[99], body=large) == [SERVERS, SECRET, BODY, "12: grid", "14: budget"]
    assert rejected(tmp_path, servers=[1], body=large, repeats="many") == [SECRET, BODY, "12: grid", "13: repeats"]


def test_a_bad_value_causes_no_second_problem(tmp_path: Path) -> None:
    assert rejected(tmp_path, servers=[0, 99]) == [SERVERS, SECRET], "the number of trials is not known"
    assert rejected(tmp_path, think_time="soon") == ["6: load.think_time", SECRET]
    assert rejected(tmp_path, body="!!int x") == [SECRET, f"{BODY}.image", BUDGET]


def test_an_inventory_is_read_although_the_grid_has_problems(tmp_path: Path) -> None:
    assert rejected(tmp_path, think_time="soon", inventory="inventory/nowhere") == [
        "6: load.think_time",
        "2: inventory",
    ]
    hosts = tmp_path / "hosts"
    hosts.write_text(f"#!/bin/sh\ntouch {tmp_path}/executed\n", "utf-8")
    hosts.chmod(0o755)
    assert rejected(tmp_path, think_time="soon", inventory=hosts) == ["6: load.think_time"]
    assert not (tmp_path / "executed").exists(), "a program only runs for a grid without problems"


@pytest.mark.parametrize(
    "grid",
    [
        {"name": "x" * 5000}, {"x" * 5000: 1}, {"load_generator": "x" * 5000}, {"inventory": "x" * 5000},
        {"inventory": "/"}, {"inventory": "."}, {"inventory": ""}, {"inventory": "/dev/zero"}, {"inventory": "a\0b"},
        {"seed": 10**30},
        {"factors": {"servers": [10**30], "vusers": [10**30]}}, {"factors": {"x" * 5000: [1]}},
        {"target": f"{10**30}/s"},
        {"factors": []}, {"factors": None}, {"load": []}, {"load": None}, {"request": "x"}, {"exclude": {}},
        {"vars": []},
        {"service": 1}, {"repeats": {}}, {"repeats": 10**30}, {"budget": "x"}, {"evidence": []}, {"objectives": 1},
        {"include": [1]}, {"search": 1}, {"load_generator": {}}, {"load_generator": []}, {"name": {}},
        {"inventory": []}, {"load": {"duration": f"{10**30}s", "think_time": "1s"}},
        {"repeats": 100, "factors": {"servers": [1], "vusers": list(range(1, 9000))}},
    ],
    ids=lambda grid: str(grid)[:40],
)  # fmt: skip
def test_wrong_types_and_huge_values_are_rejected_with_one_short_line_each(
    grid: dict[str, object], tmp_path: Path
) -> None:
    whole = {
        "name": "study",
        "factors": {"servers": [1], "vusers": [10]},
        "load": {"think_time": "1s", "duration": "20s"},
        "request": {"path": "/"},
    }
    file = tmp_path / "grid.yaml"
    file.write_text(json.dumps({**whole, **grid}), "utf-8")
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, file)
    for problem in caught.value.problems:
        assert problem.startswith(f"{file}:1: ")
        assert len(problem) < 700 + len(str(file))


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (FOLDER / "empty.yaml", "the file is empty"),
        (FOLDER / "binary.bin", "is not text"),
        (FOLDER / "missing.yaml", "no such file"),
        (FOLDER, "is a directory"),
    ],
)
def test_a_path_without_a_grid_is_reported(path: Path, words: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=words):
        resolve(ROOT, tmp_path, path)


def test_a_pipe_without_a_writer_is_reported_and_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(yamlfile, "WITHIN_S", 0.1)
    pipe = tmp_path / "grid.yaml"
    os.mkfifo(pipe)
    with pytest.raises(BadInput, match="the file is empty"):
        yamlfile.load(pipe)
    silent = os.open(pipe, os.O_RDWR)
    try:
        with pytest.raises(BadInput, match=r"grid\.yaml: is a pipe to which nothing is written"):
            yamlfile.load(pipe)
    finally:
        os.close(silent)


def test_a_grid_may_come_from_a_pipe(tmp_path: Path) -> None:
    """As in --grid <(command), also from a writer that begins later."""
    pipe = tmp_path / "grid.yaml"
    os.mkfifo(pipe)
    writer = threading.Timer(0.2, pipe.write_text, [f"name: piped  # {'x' * 200_000}\n"])
    writer.start()
    assert yamlfile.load(pipe).data == {"name": "piped"}
    writer.join()
    writer = threading.Timer(0.0, pipe.write_bytes, [(ROOT / "grids" / "smoke.yaml").read_bytes()])
    writer.start()
    assert resolve(ROOT, tmp_path, pipe).grid.name == "smoke", "no part of the program reads it a second time"
    writer.join()


def test_results_that_are_a_file_are_reported(tmp_path: Path) -> None:
    file = tmp_path / "results"
    file.touch()
    with pytest.raises(BadInput, match=r"--results: .*results is not a directory"):
        resolve(ROOT, file, ROOT / "grids" / "smoke.yaml")
    with pytest.raises(BadInput, match=r"results: is not a directory\. Fix: give a directory below results/"):
        StudyDirectory(file).need_study()


def test_the_first_hundred_of_thousands_of_problems_are_listed(tmp_path: Path) -> None:
    """Each repair copies the data: 10,000 unknown keys took half a minute."""
    grid = tmp_path / "grid.yaml"
    grid.write_text("".join(f"key{number}: 1\n" for number in range(10_000)), encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, grid)
    assert any("problems, of which 100 are listed" in problem for problem in caught.value.problems)
    assert len(caught.value.problems) <= 102


@pytest.mark.parametrize("name", ["servers-zero.yaml", "yaml-broken.yaml", "binary.bin"])
def test_the_program_ends_with_2_and_no_traceback(name: str) -> None:
    done = subprocess.run(
        [sys.executable, ROOT / "study.py", "plan", "--grid", FOLDER / name],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    assert done.stderr.startswith("error: ")
    assert "Traceback" not in done.stderr


BEGINNING = "name: study\nfactors: {servers: [1], vusers: [10]}\nload: {think_time: 1s, ramp_up: 1s, duration: 10s}\n"
CANARY = "canary-" + "x" * 200 + "-canary"
SECRETS = {
    "line break in a header": f'request: {{path: /, headers: {{Authorization: "Bearer {CANARY}\\n"}}}}',
    "control character in a cookie": f'request: {{path: /, headers: {{Cookie: "sid={CANARY}\\x01"}}}}',
    "reference with a line break": "request: {path: /, headers: {Authorization: {env: LINES}}}",
    "reference in Host": "request: {path: /, headers: {Host: {env: LINES}}}",
    "reference as a number": "vars: {nginx_lb_worker_connections: {env: LINES}}\nrequest: {path: /}",
    "list as a header": f"request: {{path: /, headers: {{X-Api-Key: [{CANARY}]}}}}",
    "password in a URL": f'request: {{path: "http://user:{CANARY}@host/"}}',
    "password in an image": f'service: {{image: "https://user:{CANARY}@registry/x"}}\nrequest: {{path: /}}',
    "password in an inventory": f'inventory: "https://user:{CANARY}@host/x"\nrequest: {{path: /}}',
    "list as a variable": f"vars: {{ml_server_env: {{DB_PASSWORD: [{CANARY}]}}}}\nrequest: {{path: /}}",
    "list of variables": f"vars: {{ml_server_env: [DB_PASSWORD={CANARY}]}}\nrequest: {{path: /}}",
    "mapping as a field": f"traffic: {{requests: [{{name: a, request: {{path: /, method: POST, form: {{password: "
    f"{{x: {CANARY}}}}}}}}}]}}",
    "list in the script's environment": f"traffic: {{locustfile: a.py, env: {{API_KEY: [{CANARY}]}}}}",
}


@pytest.mark.parametrize("rest", SECRETS.values(), ids=SECRETS)
def test_a_message_about_a_secret_has_no_part_of_its_value(
    rest: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LINES", f"{CANARY}\n")
    grid = tmp_path / "grid.yaml"
    grid.write_text(BEGINNING + rest + "\n", encoding="utf-8")
    with pytest.raises(BadInput) as caught:
        resolve(ROOT, tmp_path, grid)
    assert "[masked]" in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "canary" not in json.dumps(caught.value.problems)
