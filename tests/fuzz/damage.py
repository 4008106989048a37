"""Damage to a study's directory, drawn from a seed, as disks, editors, copies and other versions cause it."""

from __future__ import annotations

import gzip
import json
import os
import random
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

TRIAL_FILES = (
    "trial.json",
    "samples.csv",
    "hosts.csv",
    "machines.csv",
    "balancer.csv",
    "latency.hgrm",
    "failures.hgrm",
)
ODD: tuple[Any, ...] = (
    None,
    "",
    "x",
    "NaN",
    -1,
    0,
    1e300,
    10**400,
    True,
    [],
    {},
    [[]],
    {"a": 1},
    "\u0000",
    "../..",
    [None],
    "é" * 5000,
)


def draw(random_: random.Random, study: Path) -> str:
    """Damage one file of a study, or its folder; return a description of the damage."""
    name = random_.choice((*TRIAL_FILES, "study.json", "study.json", "trial.json"))
    if name == "study.json":
        file = study / name
    else:
        trials = sorted(path.parent for path in study.glob("trials/*/r*/trial.json"))
        file = random_.choice(trials) / name
    kinds: list[Callable[[random.Random, Path], str]] = [truncated, flipped, emptied, replaced, overwritten, not_text]
    kinds += [a_folder, a_pipe, a_loop, a_device, removed, a_line, extended, reencoded]
    if name.endswith(".json"):
        kinds += [key_damaged] * 12
    if name.endswith(".csv"):
        kinds += [field_damaged] * 6
    if not file.exists():
        file.write_text("")
    what = random_.choice(kinds)(random_, file)
    return f"{file.relative_to(study)}: {what}"


def truncated(random_: random.Random, file: Path) -> str:
    content = file.read_bytes()
    keep = random_.randrange(len(content) or 1)
    file.write_bytes(content[:keep])
    return f"truncated to {keep} bytes"


def flipped(random_: random.Random, file: Path) -> str:
    content = bytearray(file.read_bytes() or b" ")
    places = [random_.randrange(len(content)) for _ in range(random_.choice((1, 1, 1, 8, 64)))]
    for at in places:
        content[at] ^= 1 << random_.randrange(8)
    file.write_bytes(content)
    return f"bits flipped at {places}"


def emptied(_: random.Random, file: Path) -> str:
    file.write_bytes(b"")
    return "emptied"


def replaced(random_: random.Random, file: Path) -> str:
    others = [other for other in sorted(file.parent.iterdir()) if other != file and other.is_file()]
    other = random_.choice(others or [Path(__file__)])
    file.write_bytes(other.read_bytes())
    return f"replaced by {other.name}"


def overwritten(random_: random.Random, file: Path) -> str:
    content = bytearray(file.read_bytes() or b" ")
    at = random_.randrange(len(content))
    length = random_.choice((16, 512, 4096))
    content[at : at + length] = b"\x00" * min(length, len(content) - at)
    file.write_bytes(content)
    return f"{length} zero bytes at {at}"


def not_text(random_: random.Random, file: Path) -> str:
    file.write_bytes(file.read_text(encoding="utf-8", errors="replace").encode(random_.choice(("utf-16", "utf-32"))))
    return "in another encoding"


def a_folder(_: random.Random, file: Path) -> str:
    file.unlink()
    file.mkdir()
    return "a folder in its place"


def a_pipe(_: random.Random, file: Path) -> str:
    file.unlink()
    os.mkfifo(file)
    return "a pipe in its place"


def a_loop(_: random.Random, file: Path) -> str:
    file.unlink()
    file.symlink_to(file.name)
    return "a link to itself in its place"


def a_device(random_: random.Random, file: Path) -> str:
    device = random_.choice(("/dev/zero", "/dev/full", "/dev/null"))
    file.unlink()
    file.symlink_to(device)
    return f"a link to {device} in its place"


def reencoded(random_: random.Random, file: Path) -> str:
    """Write the same content as an editor or a copying program does."""
    content = file.read_bytes()
    kind, changed = random_.choice(
        (
            ("with a byte order mark", b"\xef\xbb\xbf" + content),
            ("with lines of Windows", content.replace(b"\n", b"\r\n")),
            ("with lines of an old Macintosh", content.replace(b"\n", b"\r")),
            ("twice", content * 2),
            ("compressed", gzip.compress(content, mtime=0)),
        )
    )
    file.write_bytes(changed)
    return kind


def removed(random_: random.Random, file: Path) -> str:
    if random_.random() < 0.3 and file.name != "study.json":
        shutil.rmtree(file.parent)
        return "its folder removed"
    file.unlink()
    return "removed"


def a_line(random_: random.Random, file: Path) -> str:
    lines = file.read_text(encoding="utf-8").splitlines(True) or ["\n"]
    at = random_.randrange(len(lines))
    kind = random_.choice(("twice", "gone", "moved"))
    line = lines.pop(at)
    if kind == "twice":
        lines[at:at] = [line, line]
    elif kind == "moved":
        lines.insert(random_.randrange(len(lines) + 1), line)
    file.write_text("".join(lines), encoding="utf-8")
    return f"line {at + 1} {kind}"


def extended(random_: random.Random, file: Path) -> str:
    more = random_.choice((b"x", b"\n\n", b"{}", b"1,2,3\n", b"\xff\xfe", b"[" * 200_000))
    file.write_bytes(file.read_bytes() + more)
    return f"{more[:8]!r} appended"


def key_damaged(random_: random.Random, file: Path) -> str:
    """Change a value of a JSON file or its type, remove its key, or add a key."""
    whole = json.loads(file.read_text(encoding="utf-8") or "{}")
    place: list[str | int] = []
    holder: Any = whole
    while True:
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            return "unchanged"
        key = random_.choice(keys)
        place.append(key)
        if not isinstance(holder[key], dict | list) or not holder[key] or random_.random() < 0.2:
            break
        holder = holder[key]
    old, kind = holder[key], random_.choice(("value", "value", "value", "gone", "added", "scaled"))
    if kind == "gone":
        del holder[key]
    elif kind == "added" and isinstance(holder, dict):
        holder["of_the_future"] = random_.choice(ODD)
    elif kind == "scaled" and isinstance(old, int | float) and not isinstance(old, bool):
        holder[key] = old * random_.choice((-1, 0, 1e6, 1e-9, 10**9))
    else:
        holder[key] = random_.choice((*ODD, f"{old}x", [old], {"a": old}))
    file.write_text(json.dumps(whole, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return f"{kind} at {'.'.join(map(str, place))}"


def field_damaged(random_: random.Random, file: Path) -> str:
    """Replace one field of a table."""
    lines = [line.split(",") for line in file.read_text(encoding="utf-8").splitlines()] or [[""]]
    row = random_.randrange(len(lines))
    column = random_.randrange(len(lines[row]))
    lines[row][column] = random_.choice(
        (
            "",
            "x",
            "nan",
            "inf",
            "-inf",
            "1000000000000",
            "-1",
            "1e308",
            "9" * 30,
            "9" * 6000,
            "0",
            "\x00",
            '"',
            "1_0",
            "٣",
            "1000000000",
        )
    )
    file.write_text("\n".join(",".join(line) for line in lines) + "\n", encoding="utf-8")
    return f"line {row + 1}, field {column + 1}"
