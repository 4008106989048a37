"""YAML that knows its lines: every value can be traced back to where somebody wrote it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from harness.errors import BadInput

Path_ = tuple[str | int, ...]


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
    """Read a YAML mapping.

    Raises BadInput with file:line for a missing, binary or empty file, bad syntax, a duplicate key,
    an unknown alias or one that contains itself.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise BadInput(f"{path}: there is no such file") from None
    except IsADirectoryError:
        raise BadInput(f"{path}: this is a directory; give a YAML file") from None
    except UnicodeDecodeError:
        raise BadInput(f"{path}: this is not text; give a YAML file in UTF-8") from None
    except OSError as error:
        raise BadInput(f"{path}: cannot be read: {error.strerror}") from None
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.YAMLError as error:
        raise BadInput(f"{path}:{told(error)[0]}: not valid YAML: {told(error)[1]}") from None
    if node is None:
        raise BadInput(f"{path}: the file is empty; grid.yaml is an example to start from")
    if not isinstance(node, yaml.MappingNode):
        raise BadInput(f"{path}:1: a grid is a mapping of keys to values, as in 'name: my-study'")
    lines: dict[Path_, int] = {}
    problems: list[str] = []
    walk(node, (), lines, problems, path, ())
    if problems:
        raise BadInput(*problems)
    try:
        data = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadInput(f"{path}:{told(error)[0]}: not valid YAML: {told(error)[1]}") from None
    except ValueError as error:  # a date that no calendar has
        raise BadInput(f"{path}: not valid YAML: {error}") from None
    return Document(data, lines)


def told(error: yaml.YAMLError) -> tuple[int, str]:
    """The line that is not valid YAML, and what is wrong there."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    return mark.line + 1 if mark else 1, getattr(error, "problem", None) or " ".join(str(error).split())


def walk(
    node: yaml.Node,
    path: Path_,
    lines: dict[Path_, int],
    problems: list[str],
    file: Path,
    above: tuple[int, ...],
) -> None:
    """Take down the line of everything below a node, and what no YAML file of this project may have."""
    if id(node) in above:
        problems.append(f"{file}:{node.start_mark.line + 1}: an anchor contains its own alias; write the value out")
        return
    above = (*above, id(node))
    lines.setdefault(path, node.start_mark.line + 1)
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            walk(item, (*path, index), lines, problems, file, above)
    if not isinstance(node, yaml.MappingNode):
        return
    seen: dict[str, int] = {}
    for key, value in node.value:
        name, line = str(key.value), key.start_mark.line + 1
        if name in seen:
            problems.append(f"{file}:{line}: '{name}' stands here again (first on line {seen[name]}); keep one of them")
        seen.setdefault(name, line)
        lines[(*path, name)] = line
        walk(value, (*path, name), lines, problems, file, above)
