"""Your Locust script in a grid: its keys, the files that go with it, and its image."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.deploy import script_context
from harness.errors import BadInput
from harness.grid.own_script import ScriptFiles
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.traffic.data_files import DataReader
from harness.traffic.sent_traffic import SentTraffic

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = "from locust import HttpUser\nclass Shop(HttpUser):\n    pass\n"


def read(folder: Path, traffic: dict[str, Any], **more: Any) -> Grid:
    """Read a grid with this traffic from a folder; keyword arguments replace its other keys."""
    data = {"name": "own", "factors": {"servers": [1], "vusers": [5]}, "load": {"ramp_up": "1s", "duration": "10s"}}
    file = folder / "grid.yaml"
    file.write_text(yaml.safe_dump({**data, "traffic": traffic, **more}, sort_keys=False))
    return load_grid(file, frozenset(), None, DataReader(folder=folder))[0]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    tests = tmp_path / "tests"
    (tests / "data").mkdir(parents=True)
    (tests / "load.py").write_text(SCRIPT)
    (tests / "data" / "rows.csv").write_text("a,b\n")
    (tests / ".env").write_text("SECRET=canary")
    (tests / "__pycache__").mkdir()
    (tests / "__pycache__" / "load.pyc").write_bytes(b"x")
    (tmp_path / "requirements.txt").write_text("# ours\nfaker==30.1  # names\nhttpx[http2]>=0.27\n")
    return tmp_path


def test_the_folder_of_a_script_goes_with_it_without_hidden_files(folder: Path) -> None:
    traffic = {"locustfile": "tests/load.py", "requirements": "requirements.txt", "users": ["Shop"]}
    grid = read(folder, traffic)
    assert grid.dataset
    script = grid.dataset.script
    assert script
    assert set(script.files) == {"load.py", "data/rows.csv"}
    assert (script.folder, script.entry) == ("tests", "load.py")
    assert set(grid.dataset.sources) == {"tests/load.py", "tests/data/rows.csv", "requirements.txt"}
    assert (grid.requests, grid.sole_request, grid.has_script) == ((), None, True)


def test_values_of_environment_variables_are_in_no_load_and_no_image(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CANARY", "canary-1")
    env = {"A": "x${secret.ACCOUNT}", "B": {"env": "CANARY"}, "C": "plain", "D": 3}
    grid = read(folder, {"locustfile": "tests/load.py", "env": env}).with_traffic_secrets({"ACCOUNT": "canary-2"})
    sent = SentTraffic.of_grid(grid)
    assert sent.script
    assert dict(sent.script.env) == {"A": "xcanary-2", "B": "canary-1", "C": "plain", "D": "3"}
    assert "canary" not in str(sent.wire())
    assert "canary" not in repr(sent)
    assert {"canary-1", "canary-2"} <= grid.secrets
    other = SentTraffic.of_grid(grid.with_traffic_secrets({"ACCOUNT": "another"}))
    assert other.wire()["env"] != sent.wire()["env"]


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "absent": ({"locustfile": "no.py"}, "grid.yaml:11: traffic.locustfile: got 'no.py': no such file"),
    "not python": ({"locustfile": "grid.yaml"}, "Allowed: a Python file, as in tests/load.py"),
    "class": ({"locustfile": "tests/load.py", "users": ["Shp"]}, "got 'Shp': the script has no such class"),
    "syntax": ({"locustfile": "bad/load.py"}, "bad/load.py:2: not Python: expected ':'"),
    "option": (
        {"locustfile": "tests/load.py", "requirements": "options.txt"},
        "options.txt:1: got '-r more.txt'. Allowed: a package with versions",
    ),
    "no requirements": (
        {"locustfile": "tests/load.py", "requirements": "no.txt"},
        "grid.yaml:12: traffic.requirements: got 'no.txt': no such file",
    ),
    "mix": ({"locustfile": "tests/load.py", "requests": [{"name": "a", "request": {"path": "/"}}]}, "are set. Allowed"),
    "data": ({"locustfile": "tests/load.py", "data": {"file": "a.csv"}}, "only valid with requests or steps"),
    "no script": ({"requests": [{"name": "a", "request": {"path": "/"}}], "tags": ["a"]}, "only valid with locustfile"),
    "variable": ({"locustfile": "tests/load.py", "env": {"PYTHONPATH": "x"}}, "names of environment variables"),
    "template": ({"locustfile": "tests/load.py", "env": {"A": "${row.x}"}}, "Allowed: text, and ${secret.NAME}"),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_wrong_script_is_rejected_with_its_line(name: str, folder: Path) -> None:
    (folder / "bad").mkdir()
    (folder / "bad" / "load.py").write_text("from locust import HttpUser\nclass A(HttpUser)\n")
    (folder / "options.txt").write_text("-r more.txt\n")
    traffic, words = WRONG[name]
    with pytest.raises(BadInput) as raised:
        read(folder, traffic)
    assert words in str(raised.value)
    assert "grid.yaml:" in str(raised.value)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"load": {"think_time": "1s", "ramp_up": "1s", "duration": "10s"}}, "its own waits, which are measured"),
        ({"factors": {"servers": [1], "rate": ["5/s"]}}, "Fix: use vusers instead of rate"),
        ({"load_generator": "ngrinder"}, "it cannot run a Locust script"),
    ],
)
def test_keys_that_a_script_decides_are_rejected(more: dict[str, Any], words: str, folder: Path) -> None:
    with pytest.raises(BadInput, match=words):
        read(folder, {"locustfile": "tests/load.py"}, **more)


def test_a_script_with_names_of_another_module_may_have_any_class(folder: Path) -> None:
    (folder / "tests" / "load.py").write_text("from shop import *\n")
    assert read(folder, {"locustfile": "tests/load.py", "users": ["Shop"]}).has_script


def test_the_same_script_has_one_image_and_another_has_another(tmp_path: Path) -> None:
    for place in (script_context.DOCKERFILE, script_context.LOCKED):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_bytes((ROOT / place).read_bytes())

    def script(content: bytes, requirements: str = "") -> ScriptFiles:
        files = {"load.py": content, "data/a.csv": b"1"}
        return ScriptFiles(folder="t", entry="load.py", files=files, requirements=requirements)

    first = script_context.write(tmp_path, script(b"a"))
    assert first == script_context.write(tmp_path, script(b"a"))
    assert (
        len({first, script_context.write(tmp_path, script(b"b")), script_context.write(tmp_path, script(b"a", "x"))})
        == 3
    )
    assert (first / "script" / "data" / "a.csv").read_bytes() == b"1"
    assert (first / "requirements.txt").read_text() == "pip\n"
    versions = (first / "constraints.txt").read_text().splitlines()
    assert any(line.startswith("locust==") for line in versions)
    assert all("hash" not in line and "\\" not in line for line in versions)
    assert first.stat().st_mode & 0o077 == 0
