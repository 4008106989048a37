"""YAML that knows its lines: every value can be traced back to where somebody wrote it."""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import BadInput
from harness.grid.yamlcore import NotYaml, compose
from harness.grid.yamldata import Path_, Reading

LARGEST = 10_000_000  # bytes


@dataclass(frozen=True)
class Document:
    """Plain data, and for every path into it (keys and indices) the line it stands on."""

    data: Any
    lines: dict[Path_, int]

    def line(self, path: Path_) -> int:
        """Line of `path`, or of the nearest thing around it that has one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(path: Path) -> Document:
    """Read a YAML mapping by the core schema of YAML 1.2.

    Raises BadInput with file:line for a missing, binary, empty or huge file, bad syntax, a duplicate key, an unknown
    alias or one that contains itself, a tag, and what JSON cannot hold in a request's body.
    """
    text = text_of(path)
    try:
        node = compose(text)
    except NotYaml as error:
        raise BadInput(f"{path}:{error.line}: {error}") from None
    if node is None:
        raise BadInput(f"{path}:1: the file is empty; grid.yaml is an example to start from")
    if not isinstance(node, yaml.MappingNode):
        raise BadInput(f"{path}:1: a grid is a mapping of keys to values, as in 'name: my-study'")
    reading = Reading()
    data = reading.value(node)
    if reading.problems:
        raise BadInput(*(f"{path}:{line}: {words}" for line, words in sorted(set(reading.problems))))
    return Document(data, reading.lines)


def text_of(path: Path) -> str:
    """The text of a file; raises BadInput where it cannot be read, is no text, or exceeds LARGEST."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise BadInput(f"{path}: this is a device; give a YAML file")
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise BadInput(f"{path}: the file is too large. Allowed: {LARGEST // 1_000_000} MB")
        return text.decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: this is a directory; give a YAML file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: this is not text; give a YAML file in UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # a zero byte in its name
        raise BadInput(f"{str(path)!r}: this is no name of a file") from None
