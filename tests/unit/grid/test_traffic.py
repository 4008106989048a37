"""Traffic of a grid: every mistake is one message with file and line, before anything is deployed."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.grid import templates
from harness.grid.dataset import Dataset
from harness.grid.reading import load_grid
from harness.grid.schema import Grid
from harness.grid.traffic_checks import TrafficChecker
from harness.records.study import Configuration
from harness.traffic import data_files
from harness.traffic.data_files import DataReader
from tests.builders import grid

HEAD = """name: study
factors: {servers: [1, 2], vusers: [100]}
load: {think_time: 1s, duration: 20s}
"""


def read(folder: Path, text: str) -> Grid:
    (folder / "grid.yaml").write_text(text, encoding="utf-8")
    return load_grid(folder / "grid.yaml", frozenset(), data=DataReader(folder=folder))[0]


def problems(folder: Path, text: str) -> list[str]:
    with pytest.raises(BadInput) as caught:
        read(folder, text)
    return [problem.removeprefix(f"{folder}/") for problem in caught.value.problems]


def files(folder: Path) -> Path:
    """Write the files that the grids name; return their folder."""
    (folder / "rows.jsonl").write_text('{"user": "a", "n": 1}\n{"user": "b", "n": 2}\n')
    headers = [{"n": 1, "user": user} for user in ("a", "b\nX: c", "caf\xe9", "\ud55c", " d")]
    (folder / "headers.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in headers))
    (folder / "empty.jsonl").write_text("\n")
    (folder / "header.csv").write_text("user,n\n")
    (folder / "malformed.jsonl").write_text('{"n": 1}\n{"n": }\n[1]\n\n{"m": 1}\n{"n": 2, "k": 1}\n{"n": NaN}\n')
    (folder / "semicolons.csv").write_text("user;n\na;1\n")
    (folder / "malformed.csv").write_text('user,n\na,1\n"b\nc",1,2\nd\n"e"x,1\n')
    (folder / "twice.csv").write_text("n,n\n1,2\n")
    (folder / "rows.txt").write_text("1")
    (folder / "bytes.csv").write_bytes(b"n\n\xff\n")
    (folder / "folder.csv").mkdir()
    (folder / "half.jsonl").write_text('{"n": 1}\n{"n": ["\\ud800"]}\n')
    (folder / "large.jsonl").write_text('{"n": 1e999}\n')
    (folder / "names").mkdir()
    (Path(os.fsdecode(os.fsencode(folder / "names") + b"/\xff.png"))).write_bytes(b"")
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return files(tmp_path)


GRIDS = sorted((Path(__file__).resolve().parents[2] / "data" / "bad_traffic").glob("*.yaml"))


@pytest.mark.parametrize("path", GRIDS, ids=lambda path: path.stem)
def test_every_mistake_is_one_message_with_its_line(path: Path, folder: Path) -> None:
    """The first lines of each file have all messages, with their lines."""
    text = path.read_text(encoding="utf-8")
    expected = [line.removeprefix("# expect ") for line in text.splitlines() if line.startswith("# expect ")]
    assert expected
    assert [problem.removeprefix("grid.yaml:") for problem in problems(folder, text)] == expected


def test_files_that_are_too_large_are_rejected(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for all files together."""
    monkeypatch.setattr(data_files, "LARGEST", 100)
    (folder / "a.png").write_bytes(b"x" * 60)
    traffic = (
        "traffic:\n  data: {file: rows.jsonl}\n  requests: [{name: a, request: {path: '/${row.n}', file: a.png}}]\n"
    )
    (found,) = problems(folder, HEAD + traffic)
    assert found == (
        "grid.yaml:6: traffic.requests.0.request.file: got 'a.png' of 60 bytes, 104 in all. Allowed: 100 bytes in all. "
        "Fix: use fewer rows or smaller files"
    )


def test_rows_of_each_kind_of_file(folder: Path) -> None:
    """Values of JSONL keep their types, those of CSV are text, and a folder has a row for each file."""

    def rows(data: str, column: str) -> Dataset:
        traffic = f"traffic:\n  data: {data}\n  requests: [{{name: a, request: {{path: '/${{row.{column}}}'}}}}]\n"
        found = read(folder, HEAD + traffic).dataset
        assert found
        return found

    (folder / "rows.csv").write_text('\ufeffuser,n\r\n"a ""b"",\nc",1\r\n\r\nd,2\r\n', encoding="utf-8")
    (folder / "images").mkdir()
    for name, content in (("b.png", b"bb"), ("a.png", b"a"), (".hidden", b"h")):
        (folder / "images" / name).write_bytes(content)
    (folder / "images" / "more").mkdir()
    assert rows("{file: rows.jsonl}", "n").rows == ({"user": "a", "n": 1}, {"user": "b", "n": 2})
    assert rows("{file: rows.csv}", "n").rows == ({"user": 'a "b",\nc', "n": "1"}, {"user": "d", "n": "2"})
    images = rows("{folder: images}", "name")
    assert images.rows == ({"file": "images/a.png", "name": "a.png"}, {"file": "images/b.png", "name": "b.png"})
    assert images.files == {"images/a.png": b"a", "images/b.png": b"bb"}


def test_a_value_of_csv_may_be_long(folder: Path) -> None:
    """An image in base64 is longer than what Python's reader accepts by default."""
    (folder / "long.csv").write_text(f"n\n{'x' * 200_000}\n")
    traffic = "traffic:\n  data: {file: long.csv}\n  requests: [{name: a, request: {path: /, text: '${row.n}'}}]\n"
    found = read(folder, HEAD + traffic).dataset
    assert found
    assert len(found.rows[0]["n"]) == 200_000


def test_the_time_to_check_a_mix_grows_with_its_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each text is searched a few times, however many requests there are."""
    calls: list[str] = []
    original = templates.names

    def counted(text: str) -> list[str]:
        calls.append(text)
        return original(text)

    monkeypatch.setattr(templates, "names", counted)
    mix = [{"name": f"r{number}", "request": {"path": f"/{number}"}} for number in range(200)]
    assert not list(TrafficChecker(grid(request=None, traffic={"requests": mix})).all())
    assert len(calls) <= 5 * len(mix)


def test_files_named_by_rows_are_read_once(folder: Path) -> None:
    (folder / "a.png").write_bytes(b"a")
    (folder / "b.png").write_bytes(b"b")
    request = "{path: /, multipart: [{name: x, file: '${row.user}.png'}, {name: y, file: a.png}]}"
    traffic = f"traffic:\n  data: {{file: rows.jsonl}}\n  requests: [{{name: a, request: {request}}}]\n"
    found = read(folder, HEAD + traffic).dataset
    assert found
    assert found.files == {"a.png": b"a", "b.png": b"b"}
    assert set(found.sources) == {"rows.jsonl", "a.png", "b.png"}


def test_both_forms_have_the_same_requests() -> None:
    short = grid(request={"path": "/", "expect_status": 201, "expect_body": "a"})
    mix = {"name": "request", "request": {"path": "/"}, "expect": {"status": 201, "body": "a"}}
    (mine,), (other,) = short.requests, grid(request=None, traffic={"requests": [mix]}).requests
    assert (mine.name, mine.expect, mine.request.path) == (other.name, other.expect, other.request.path)
    assert short.sole_request == mine
    assert grid(request=None, traffic={"requests": [mix, {**mix, "name": "b"}]}).sole_request is None


def test_steps_scale_with_time_and_think_between_requests() -> None:
    """N = X (R + Z) holds for requests: pauses are spread over the steps, with the think time after the last one."""
    steps = [{"name": name, "request": {"path": "/"}, "pause": pause} for name, pause in (("a", "1s"), ("b", "0s"))]
    found = grid(request=None, traffic={"steps": steps})
    assert [each.pause_s for each in found.scaled(3).requests] == [3, 0]
    assert (found.think_per_request_s, found.scaled(3).think_per_request_s) == (1.0, 3.0)
    assert grid().think_per_request_s == 1.0


def test_the_window_begins_after_the_ramp_up_and_all_waits_of_a_transaction() -> None:
    steps = [{"name": name, "request": {"path": "/"}, "pause": pause} for name, pause in (("a", "1s"), ("b", "2s"))]
    load = {"think_time": "1s", "ramp_up": "2s", "duration": "16s"}
    found = grid(request=None, traffic={"steps": steps}, load=load)
    assert (grid(load=load).window_from_s, found.window_from_s, found.scaled(2).window_from_s) == (3.0, 6.0, 12.0)
    assert (found.fail_at_s, found.scaled(2).fail_at_s) == (11.0, 22.0)


def test_a_mix_expects_the_statuses_of_all_requests() -> None:
    requests = [{"name": str(n), "request": {"path": "/"}, "expect": {"status": n}} for n in (201, 200)]
    assert grid(request=None, traffic={"requests": requests}).expected_statuses == (201, 200)


def test_new_keys_change_no_stored_grid() -> None:
    """Neither its text nor its hash: only keys that are set are stored."""
    stored = grid().model_dump(mode="json", by_alias=True)
    assert "traffic" not in stored
    assert stored["request"] == {
        "method": "GET", "path": "/", "json": None, "headers": {}, "expect_status": [200], "expect_body": None,
    }  # fmt: skip
    configuration = Configuration(grid=stored).model_dump(mode="json")
    assert configuration.keys() == {"format", "grid", "hosts"}


def test_a_stored_mix_reads_back() -> None:
    traffic = {
        "data": {"folder": "images", "pick": "zipf(1.2)"},
        "login": {"request": {"path": "/login"}, "extract": {"t": {"regex": "(a)"}}},
        "steps": [{"name": "a", "pause": "2s", "request": {"path": "/", "form": {"n": [1, 2]}, "params": {"a": True}}}],
    }
    written = grid(request=None, traffic=traffic)
    assert Grid.model_validate(written.model_dump(mode="json", by_alias=True)) == written
