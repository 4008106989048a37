"""A body is sent as it is written: YAML 1.2 as it stands, or a message with its line."""

import json
from pathlib import Path

import pytest

from harness.errors import BadInput
from harness.grid import reading
from harness.grid.reading import load_grid
from harness.grid.yamlcore import MOST_VALUES, NotYaml, compose

GRID = """name: study
factors: {servers: [1], vusers: [10]}
load: {think_time: 1s, duration: 20s}
request:
  path: /
  json:
    value: """


def sent(tmp_path: Path, written: str) -> object:
    file = tmp_path / "grid.yaml"
    file.write_text(GRID + written + "\n", encoding="utf-8")
    return json.loads(load_grid(file, frozenset())[0].requests[0].request.body)["value"]


@pytest.mark.parametrize(
    ("written", "body"),
    [
        ("NO", "NO"),
        ("[on, off, yes, y, N]", ["on", "off", "yes", "y", "N"]),
        ("[true, False, TRUE]", [True, False, True]),
        ("12:30:00", "12:30:00"),
        ("2024-01-01", "2024-01-01"),
        ("2024-01-01T10:00:00Z", "2024-01-01T10:00:00Z"),
        ("1_000", "1_000"),
        ("0b11", "0b11"),
        ("1e3", 1000.0),
        ("[0o17, 0x1F, -3, +4, 0]", [15, 31, -3, 4, 0]),
        ("[.5, 1., -0.25]", [0.5, 1.0, -0.25]),
        ("[~, null, '', '~', Null]", [None, None, "", "~", None]),
        ("'01234'", "01234"),
        ("!!str 12", "12"),
        ("{a, b}", {"a": None, "b": None}),
        ('{"1": x, "true": y, "<<": z}', {"1": "x", "true": "y", "<<": "z"}),
        ('"\\ud83d\\ude00 \\/"', "😀 /"),
        ("예측", "예측"),
        ("=", "="),
        ("12345678901234567890123", 12345678901234567890123),
    ],
)
def test_a_value_is_sent_as_it_is_written(written: str, body: object, tmp_path: Path) -> None:
    assert sent(tmp_path, written) == body


@pytest.mark.parametrize(
    "written",
    [
        "01234", "-007", "00.5", ".nan", "-.inf", "1e400", "!!set {a, b}", "!!timestamp 2024-01-01", "!!binary aGk=",
        "!!omap [a: 1]", "!!python/name:os.system x", "!unsafe x", "!!int x", "!!float x", "!!bool maybe", "{1: a}",
        "{true: a}", "{~: a}", "{<<: {a: 1}}", "{a: 1, a: 2}", "{? [a] : 1}", '"\\ud83d"', "9" * 101,
    ],
)  # fmt: skip
def test_an_ambiguous_or_invalid_body_is_rejected_with_its_line(written: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput) as error:
        sent(tmp_path, written)
    assert all(problem.startswith(f"{tmp_path / 'grid.yaml'}:7: ") for problem in error.value.problems)
    assert max(map(len, error.value.problems)) < 400


def test_outside_of_a_body_merge_keys_and_words_for_booleans_hold(tmp_path: Path) -> None:
    file = tmp_path / "grid.yaml"
    file.write_text(
        GRID + "1\nvars: &v {ml_server_workers: 2, ml_server_app: a}\nevidence: {ceiling: off, predicted_idle: no}\n",
        "utf-8",
    )
    assert load_grid(file, frozenset({"ml_server_workers", "ml_server_app"}))[0].evidence.ceiling is False
    file.write_text(file.read_text("utf-8").replace("&v {", "{<<: &v {ml_server_workers: 3}, "), "utf-8")
    assert load_grid(file, frozenset({"ml_server_workers", "ml_server_app"}))[0].vars["ml_server_workers"] == 2


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000,
        "{a: " * 100_000,
        "- " * 1000 + "x",
        "a: &a [x, x]\n" + "".join(f"{n}: &n{n} [*{'a' if not n else f'n{n - 1}'}]\n" for n in range(100)),
        "a: &a [x, x]\n" + "".join(f"{n}: &n{n} [{('*a,' if not n else f'*n{n - 1},') * 8}]\n" for n in range(20)),
        "- 1\n" * (MOST_VALUES + 1),
        "a: &a {b: *a}",
    ],
    ids=["flow", "mapping", "block", "chain", "bomb", "many", "endless"],
)
def test_nesting_and_size_are_bounded_before_anything_is_built(text: str) -> None:
    with pytest.raises(NotYaml):
        compose(text)


def test_a_file_that_is_too_large_or_a_device_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInput, match="is a device"):
        load_grid(Path("/dev/zero"), frozenset())
    monkeypatch.setattr("harness.grid.yamlfile.LARGEST", 10)
    (tmp_path / "grid.yaml").write_text(GRID)
    with pytest.raises(BadInput, match="the file is too large"):
        reading.load_grid(tmp_path / "grid.yaml", frozenset())
