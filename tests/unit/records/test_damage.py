"""Each damage to a study's files is one message with file, line and fix, without a wrong value or a traceback."""

import base64
import errno
import json
import os
import re
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import BadInput, CannotRun
from harness.records import frames, histogram
from harness.records.directory import StudyDirectory
from harness.records.files import cannot_write, replace
from harness.study import check, compare
from report import build
from tests.builders import measured_study

WHERE = "servers-1_vusers-2000/r1"
TRIAL = f"trials/{WHERE}"


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return measured_study(StudyDirectory(tmp_path_factory.mktemp("whole") / "study")).path


@pytest.fixture
def study(whole: Path, tmp_path: Path) -> StudyDirectory:
    return StudyDirectory(shutil.copytree(whole, tmp_path / whole.name))


def put(content: bytes) -> Callable[[Path], object]:
    return lambda file: file.write_bytes(content)


def changed(old: bytes, new: bytes) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        content = file.read_bytes()
        assert old in content
        file.write_bytes(content.replace(old, new, 1))

    return change


def cut(share: float) -> Callable[[Path], object]:
    """Keep the first part of a file, which never ends with a whole line."""
    return lambda file: file.write_bytes(file.read_bytes()[: int(len(file.read_bytes()) * share)].rstrip(b"\n"))


def key(place: str, value: Any) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        whole = json.loads(file.read_text(encoding="utf-8"))
        *above, last = place.split(".")
        holder = whole
        for part in above:
            holder = holder[part]
        holder[last] = value
        file.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")

    return change


def field(row: int, column: int, text: str) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        lines = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()]
        lines[row - 1][column] = text
        file.write_text("\n".join(map(",".join, lines)) + "\n", encoding="utf-8")

    return change


def other(make: Callable[[Path], object]) -> Callable[[Path], object]:
    def change(file: Path) -> None:
        file.unlink()
        make(file)

    return change


def bomb(_: Path) -> bytes:
    plain = b"\x00" * 50_000_000
    packed = zlib.compress(plain)
    return base64.b64encode(histogram.OUTER.pack(histogram.COMPRESSED | histogram.WIDTH, len(packed)) + packed) + b"\n"


ANY = [  # damage to a file of any kind, and the expected message
    (put(b""), r":1: is empty\."),
    (put(b"\xff\xfea\n"), r":1: is not UTF-8 text \(byte 0xff\)\."),
    (other(Path.mkdir), r": is a directory\."),
    (other(os.mkfifo), r": is not a regular file\."),
    (other(lambda file: file.symlink_to(file.name)), r": cannot be read: Too many levels of symbolic links\."),
]
RECORDS = [  # JSON
    (cut(0.6), r":\d+: is cut off\."),
    (put(b"[1]\n"), r":1: is not a JSON object\."),
    (put(b"{}\n"), r":1: not a (trial|study)'s record: \w+: field required\."),
    (put(b'{"a": 1}\nx'), r":2: is not JSON: Extra data \(column 1\)\."),
    (put(b'{"a":\n NaN}'), r":2: is not JSON: NaN is not a finite number\."),
    (put(b'{"a":\n\n 1e999}'), r":3: is not JSON: 1e999 is not a finite number\."),
    (put(b'{"a":\n' + b"9" * 5000 + b"}"), r":2: is not JSON: 9+… is not a finite number\."),
    (changed(b"{", b"\xef\xbb\xbf{"), r":1: begins with a byte order mark, which is no JSON\."),
    (put(b"[" * 200_000), r":1: is not JSON of this program: it is nested too deeply\."),
    (key("format", "1"), r":\d+: format: unknown version \(got '1'\)\. Allowed: 1\."),
    (key("format", None), r":\d+: format: unknown version \(got None\)\. Allowed: 1\."),
    (key("format", 99), r":\d+: written by a newer version of this program"),
]
SERIES = [  # CSV
    (changed(b"t_s", b"t_z"), r":1: is damaged: column 't_s' is missing\."),
    (cut(0.55), r":\d+: is cut off\."),
    (field(3, 0, "x"), r":3: is damaged: "),
    (field(3, 0, "1,2"), r":3: is damaged: \d+ fields, the header has \d+\."),
    (field(4, 0, "9" * 6000), r":4: is damaged: "),
    (put(b"\x00\x00\n"), r":1: is damaged: "),
]
HISTOGRAMS = [
    (cut(0.5), r":1: is cut off\."),
    (put(b"HISTF\n"), r":1: is damaged: not a compressed HdrHistogram"),
    (
        lambda file: file.write_bytes(bomb(file)),
        r":1: is damaged: not a compressed HdrHistogram of version 2: it ends too early, or",
    ),
]
CASES = [
    *((TRIAL, name, *case) for name in ("trial.json", "samples.csv", "latency.hgrm") for case in ANY),
    *((".", "study.json", *case) for case in ANY),
    *((TRIAL, "trial.json", *case) for case in RECORDS),
    *((".", "study.json", *case) for case in RECORDS),
    *((TRIAL, name, *case) for name in ("samples.csv", "hosts.csv") for case in SERIES),
    (TRIAL, "samples.csv", field(4, 0, "9" * 30), r":4: is damaged: 9+… is too large\."),
    (TRIAL, "samples.csv", field(5, 3, "nan"), r":5: is damaged: nan is not a finite number\."),
    (TRIAL, "samples.csv", field(5, 0, "1" + "0" * 12), r":5: is damaged: 10+ is no second of a trial\. "),
    (TRIAL, "hosts.csv", field(5, 0, "-1e9"), r":5: is damaged: -1e9 is no second of a trial\."),
    (TRIAL, "hosts.csv", field(2, 2, "inf"), r":2: is damaged: inf is not a finite number\."),
    *((TRIAL, "latency.hgrm", *case) for case in HISTOGRAMS),
    (
        TRIAL,
        "trial.json",
        key("repeat", "one"),
        r":\d+: not a trial's record: repeat: got 'one'. Allowed: a whole number",
    ),
    (TRIAL, "trial.json", key("hosts", []), r":\d+: not a trial's record: hosts: got \[\]. Allowed: a mapping"),
    (
        TRIAL,
        "trial.json",
        key("cell.vusers", "many"),
        r":\d+: not a trial's record: cell: vusers: got 'many'\. Allowed: ",
    ),
    (TRIAL, "trial.json", key("cell.servers", -1), r":\d+: not a trial's record: cell: servers: got -1\. Allowed: "),
    (
        TRIAL,
        "trial.json",
        key("cell", {"servers": 1}),
        r":\d+: not a trial's record: cell: factor 'vusers' or 'rate' is ",
    ),
    (
        TRIAL,
        "trial.json",
        key("cell", {"vusers": 1}),
        r":\d+: not a trial's record: cell: factor 'servers' is missing\.",
    ),
    (
        ".",
        "study.json",
        key("configuration.grid.factors", {"servers": list(range(1, 900)), "vusers": list(range(1, 900))}),
        r":\d+: not a grid: its factors have 808,201 combinations\. Allowed: 10,000\.",
    ),
    (".", "study.json", key("configuration.grid.load", 7), r":\d+: not a grid: configuration\.grid\.load: "),
    (
        ".",
        "study.json",
        key("configuration.grid.factors.servers", []),
        r":\d+: not a grid: configuration\.grid\.factors\.servers: ",
    ),
    (".", "study.json", key("time_scaling", {"factor": 0}), r":\d+: not a study's record: time_scaling\.factor: "),
]


@pytest.mark.parametrize(("folder", "name", "damage", "expected"), CASES)
def test_a_damaged_file_is_reported_with_file_line_and_fix(
    study: StudyDirectory, folder: str, name: str, damage: Callable[[Path], object], expected: str
) -> None:
    file = study.path / folder / name
    damage(file)

    def read_all() -> None:
        study.need_study()
        study.trial(WHERE)

    with pytest.raises(BadInput) as raised:
        read_all()
    message = str(raised.value)
    assert re.match(rf"{re.escape(str(file))}{expected}", message), message
    assert len(message.splitlines()) == 1
    if "newer version" not in message:
        away = file.parent if folder == TRIAL else "its directory"
        assert f" Fix: restore the file from a copy, or move {away} away;" in message


def test_a_line_of_a_record_is_that_of_the_key(study: StudyDirectory) -> None:
    file = study.path / TRIAL / "trial.json"
    key("counters.balancer.retried", "many")(file)
    (line,) = (n for n, text in enumerate(file.read_text().splitlines(), 1) if '"retried"' in text)
    with pytest.raises(BadInput, match=rf"trial\.json:{line}: not a trial's record: counters\.balancer\.retried: "):
        study.record(WHERE)


@pytest.mark.parametrize(
    "read",
    [
        lambda study: build.model_of(study),
        lambda study: compare.load(study),
        lambda study: frames.samples(study),
        lambda study: check.check(study),
    ],
    ids=["report", "compare", "frames", "check"],
)
def test_every_command_names_a_damaged_record(study: StudyDirectory, read: Callable[[StudyDirectory], object]) -> None:
    (study.path / TRIAL / "trial.json").write_text("{", encoding="utf-8")
    with pytest.raises(BadInput, match=r"r1/trial\.json:1: is cut off\. Fix"):
        read(study)


def test_check_reads_the_other_trials(study: StudyDirectory) -> None:
    field(3, 0, "x")(study.path / TRIAL / "samples.csv")
    failed = {line.rule: line.text for line in check.check(study) if not line.ok}
    assert "samples.csv:3: is damaged" in failed["files"]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [(put(b"\xff\n"), r"cells\.csv:1: is not UTF-8 text"), (other(Path.mkdir), r"cells\.csv: is a directory")],
)
def test_a_damaged_table_is_a_difference_and_is_written_again(
    study: StudyDirectory, damage: Callable[[Path], object], expected: str
) -> None:
    damage(study.path / "cells.csv")
    (failed,) = [line.text for line in check.check(study) if not line.ok]
    assert re.search(rf"{expected}.*\. Fix: move it away; 'study\.py report \S+' writes it again\.$", failed)
    with pytest.raises(BadInput, match=expected):
        frames.cells(study)


def test_keys_of_a_later_version_are_kept_and_ignored(study: StudyDirectory) -> None:
    file = study.path / "study.json"
    before = study.need_study()
    name = [line for line in check.check(study) if line.rule == "grid"]
    for place in ("of_the_future", "load.of_the_future", "evidence.of_the_future", "request.of_the_future"):
        key(f"configuration.grid.{place}", {"a": 1})(file)
    later = study.need_study()
    assert later.scaled_grid == before.scaled_grid
    assert [line for line in check.check(study) if line.rule == "grid"] == name
    study.write_study(later.model_copy(update={"runs": ()}))
    kept = json.loads(file.read_text(encoding="utf-8"))["configuration"]["grid"]
    assert kept["of_the_future"] == kept["evidence"]["of_the_future"] == kept["load"]["of_the_future"] == {"a": 1}


def test_a_failed_write_leaves_no_partial_file(study: StudyDirectory) -> None:
    before = sorted(study.path.rglob("*"))
    taken = study.path / "trials"
    with pytest.raises(CannotRun, match=r"/trials: cannot be written: Is a directory\. Fix: "):
        replace(taken, b"a")
    assert sorted(study.path.rglob("*")) == before


@pytest.mark.parametrize(
    ("number", "fix"),
    [
        ("ENOSPC", "free space on that disk"),
        ("EDQUOT", "free space on that disk"),
        ("EROFS", "mount that file system writable, or choose another one with --results"),
        ("EACCES", "give this user write permission there"),
        ("EISDIR", "move that directory or file away"),
    ],
)
def test_a_disk_without_room_or_permission_is_reported_with_its_fix(number: str, fix: str) -> None:
    code = getattr(errno, number)
    message = cannot_write("results/a-1/study.json", OSError(code, os.strerror(code)))
    assert message.startswith(f"results/a-1/study.json: cannot be written: {os.strerror(code)}. Fix: {fix}")
    assert message.endswith("earlier records are kept.")
