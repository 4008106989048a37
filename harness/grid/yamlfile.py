"""Read a YAML file as plain data with the line of every value."""

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
    """Plain data, and the line of every path (keys and indices) in it.

    `problems` are (line, message) of what is no valid data; `unread` has the paths of these values, which are None.
    """

    data: Any
    lines: dict[Path_, int]
    problems: tuple[tuple[int, str], ...] = ()
    unread: frozenset[Path_] = frozenset()

    def line(self, path: Path_) -> int:
        """Return the line of `path`, or of its nearest parent with one."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def load(path: Path) -> Document:
    """Read a YAML mapping by the core schema of YAML 1.2.

    Raises BadInput with path:line for a missing, binary, empty or huge file, bad syntax, and an unknown or recursive
    alias. Duplicate keys, tags, and values in a request's body without a JSON equivalent are the document's problems.
    """
    text = text_of(path)
    try:
        node = compose(text)
    except NotYaml as error:
        raise BadInput(f"{path}:{error.line}: {error}") from None
    if node is None:
        raise BadInput(f"{path}:1: the file is empty. Fix: start from grid.yaml")
    if not isinstance(node, yaml.MappingNode):
        raise BadInput(f"{path}:1: not a mapping. Allowed: keys with values, as in 'name: my-study'")
    reading = Reading()
    data = reading.value(node)
    return Document(data, reading.lines, tuple(sorted(set(reading.problems))), frozenset(reading.unread))


def text_of(path: Path) -> str:
    """Return the text of a file; raises BadInput if it cannot be read, is not text, or exceeds LARGEST."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise BadInput(f"{path}: is a device. Allowed: a YAML file")
        with path.open("rb") as file:
            text = file.read(LARGEST + 1)
        if len(text) > LARGEST:
            raise BadInput(f"{path}: the file is too large. Allowed: {LARGEST // 1_000_000} MB")
        return text.decode("utf-8-sig")
    except FileNotFoundError:
        raise BadInput(f"{path}: no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: is a directory. Allowed: a YAML file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: is not text. Allowed: a YAML file in UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    except ValueError:  # a zero byte in its name
        raise BadInput(f"{str(path)!r}: not a file name") from None
