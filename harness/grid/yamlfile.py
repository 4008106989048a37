"""Read a YAML file as plain data with the line of every value."""

from __future__ import annotations

import os
import select
import stat
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness import plain_file
from harness.errors import BadInput
from harness.grid.yamlcore import NotYaml, compose
from harness.grid.yamldata import Path_, Reading

LARGEST = 10_000_000  # bytes
WITHIN_S = 5.0  # for a pipe without a writer, and for each piece of one with a writer


@dataclass(frozen=True, kw_only=True)
class Document:
    """Plain data, the line of every path (keys and indices) in it, and the text, as the file may change or be a pipe.

    `problems` are (line, message) of what is no valid data; `unread` has the paths of these values, which are None.
    `empty` has the paths of values that are not written, as after "key:", which are None too.
    """

    data: Any
    lines: dict[Path_, int]
    problems: tuple[tuple[int, str], ...] = ()
    unread: frozenset[Path_] = frozenset()
    empty: frozenset[Path_] = frozenset()
    text: str = ""

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
    return Document(
        data=data,
        lines=reading.lines,
        problems=tuple(sorted(set(reading.problems))),
        unread=frozenset(reading.unread),
        empty=frozenset(reading.empty),
        text=text,
    )


def text_of(path: Path) -> str:
    """Return the text of a file; raises BadInput if it cannot be read, is not text, or exceeds LARGEST."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISDIR(mode) and not stat.S_ISREG(mode) and not stat.S_ISFIFO(mode):
            raise BadInput(f"{path}: is a device. Allowed: a YAML file")
        text = _piped(path) if stat.S_ISFIFO(mode) else plain_file.read(path, LARGEST)
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


def _piped(path: Path) -> bytes:
    """Return what is written to a pipe, as in --grid <(command); raises BadInput without a writer."""
    content, source = b"", os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        deadline = time.monotonic() + WITHIN_S
        while len(content) <= LARGEST:
            try:
                piece = os.read(source, LARGEST)
            except BlockingIOError:  # it has a writer
                if not select.select([source], [], [], WITHIN_S)[0]:
                    raise BadInput(f"{path}: is a pipe to which nothing is written. Allowed: a YAML file") from None
                continue
            content += piece
            if piece:
                continue
            if content or time.monotonic() > deadline:
                break
            time.sleep(0.02)  # a writer may come
        return content
    finally:
        os.close(source)
