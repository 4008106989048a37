"""Damaged and hostile sources of `study.py init`: an error with the file, or a grid that `plan` reads."""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.draft import access_log, har, openapi
from harness.draft.found import FoundTraffic
from harness.draft.sources import ParsedDocument
from harness.errors import BadInput
from tests.drafts import loaded
from tests.unit.draft.test_har import SESSION, entry
from tests.unit.draft.test_openapi import SHOP

ODD: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1e308,
        "",
        "\0",
        "${",
        "${row.x}",
        "$${a}",
        "%",
        "\ud800",
        "é한😀",
        "a" * 3000,
        "\r\nX: 1",
        "../..",
    ),
    *(
        [],
        {},
        [None],
        {"$ref": "#"},
        {"$ref": "#/paths"},
        {"a": {"b": {"c": [1]}}},
        "http://[",
        "//x",
        "{x}",
        " ",
        "\u2028",
    ),
]
RECORDING = {
    "log": {
        "entries": [*SESSION, entry("https://shop.example/a?b=1&b=2", "PUT", post={"mimeType": "a/b", "text": "x"})]
    }
}
LOG = [
    '2001:db8::1 - - [10/Oct/2026:13:55:36 +0000] "GET /items/7?q=a HTTP/1.1" 200 5 "-" "x"',
    '::1 - - [10/Oct/2026:13:55:36 +0000] "POST /a HTTP/1.1" 201 5 "-" "x"',
    '{"method": "GET", "path": "/a", "status": 200}',
]


def mutated(value: Any, chance: random.Random) -> Any:
    """Replace, remove or double some parts of plain data."""
    if chance.random() < 0.03:
        return chance.choice(ODD)
    if isinstance(value, dict):
        kept = [(key, each) for key, each in value.items() if chance.random() > 0.02]
        found = {key: mutated(each, chance) for key, each in kept}
        return {**found, str(chance.choice(ODD)): chance.choice(ODD)} if chance.random() < 0.05 else found
    if isinstance(value, list):
        return [mutated(each, chance) for each in value for _ in range(chance.choice((1, 1, 1, 1, 0, 2)))]
    return value


def of_recording(chance: random.Random, folder: Path) -> FoundTraffic:
    file = folder / "a.har"
    file.write_text(json.dumps(mutated(RECORDING, chance)), encoding="utf-8")
    return har.found_in(str(file), as_steps=chance.choice((None, True, False)))


def of_document(chance: random.Random, _: Path) -> FoundTraffic:
    names = chance.choice(((), ("addItem",), ("getItem", "POST /upload")))
    return openapi.found_in(ParsedDocument("a.json", json.dumps(mutated(SHOP, chance))), names)


def of_log(chance: random.Random, folder: Path) -> FoundTraffic:
    lines = []
    for line in LOG * 10:
        content = bytearray(line.encode())
        for _ in range(chance.choice((0, 0, 1, 3))):
            content[chance.randrange(len(content))] = chance.choice(b'"\\ []{}%$/?&=\x00\xff\n')
        lines.append(bytes(content))
    (folder / "a.log").write_bytes(b"\n".join(lines))
    return access_log.found_in(str(folder / "a.log"))


def drafted(
    source: Callable[[random.Random, Path], FoundTraffic], chance: random.Random, folder: Path
) -> FoundTraffic | None:
    """Return the traffic of a source; None for a rejected one."""
    try:
        return source(chance, folder)
    except BadInput:
        return None


@pytest.mark.parametrize("source", [of_recording, of_document, of_log])
@pytest.mark.parametrize("seed", range(8))
def test_a_damaged_source_is_an_error_or_a_valid_grid(
    source: Callable[[random.Random, Path], FoundTraffic], seed: int, tmp_path: Path
) -> None:
    chance = random.Random(seed)  # noqa: S311 - no secret
    for number in range(5):
        folder = tmp_path / str(number)
        folder.mkdir()
        traffic = drafted(source, chance, folder)
        if traffic is not None:
            loaded(folder, traffic)
