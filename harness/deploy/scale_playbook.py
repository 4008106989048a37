"""Find and check the playbook that scales a platform of the user, before the study starts."""

from __future__ import annotations

import hashlib
from pathlib import Path

import yaml

from harness import plain_file
from harness.grid.schema import Grid
from harness.grid.target import ScalePlaybook
from harness.grid.yamldata import Path_
from harness.words import short

WHERE: Path_ = ("target", "scale")
LARGEST = 1_000_000  # bytes
_REASONS = ("a loop of symbolic links", "not a file name")


def fill(root: Path, folder: Path, grid: Grid) -> tuple[Grid, list[tuple[Path_, str]]]:
    """Return the grid with the playbook that scales its platform, and (path in the grid, message) of each problem.

    `folder` is that of the grid file, `root` the project. The playbook is not executed.
    """
    if grid.platform is None:
        return grid, []
    name = grid.platform.scale
    try:
        found = _found(root, folder, name)
        if (size := found.stat().st_size) > LARGEST:
            raise _Unusable(f"{size:,} bytes. Allowed: at most {LARGEST:,}")
        content = plain_file.read(found, LARGEST)
    except _Unusable as error:
        return grid, [(WHERE, f"target.scale: got {short(name)}: {error}")]
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError for a loop of links
        reason = (error.strerror or "").lower() if isinstance(error, OSError) else _REASONS[type(error) is ValueError]
        return grid, [(WHERE, f"target.scale: got {short(name)}: {reason}. Allowed: a playbook that can be read")]
    if problem := _wrong_content(content):
        return grid, [(WHERE, f"target.scale: {short(name)} {problem}")]
    digest = hashlib.sha256(content).hexdigest()
    return grid.with_playbook(ScalePlaybook(path=str(found), size=len(content), sha256=digest)), []


class _Unusable(Exception):
    """A path that cannot be a playbook."""


def _found(root: Path, folder: Path, name: str) -> Path:
    """Return the file of a path that is relative to the grid file or else to the project."""
    allowed = "Allowed: a playbook in the folder of the grid file or in this project, by its relative path"
    if Path(name).is_absolute():
        raise _Unusable(f"an absolute path. {allowed}")
    for base in (folder, root):
        path = (base / name).resolve()
        if not path.exists():
            continue
        if not any(path.is_relative_to(place.resolve()) for place in (folder, root)):
            raise _Unusable(f"a path outside of both folders. {allowed}")
        if not path.is_file():
            raise _Unusable("not a file. Allowed: a playbook, as in playbooks/scale.yml")
        return path
    raise _Unusable(f"no such file. {allowed}")


def _wrong_content(content: bytes) -> str:
    """Return why a file is no playbook; empty for one that Ansible may read."""
    try:
        node = yaml.compose(content.decode("utf-8"), Loader=yaml.SafeLoader)
    except UnicodeDecodeError:
        return "is not text in UTF-8. Allowed: a playbook"
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        return f"is not YAML: line {line}: {error.problem}. Fix: run ansible-playbook --syntax-check with it"
    except RecursionError:
        return "is nested too deeply. Allowed: a playbook"
    except yaml.YAMLError as error:
        return f"is not YAML: {' '.join(str(error).split())}"
    if not isinstance(node, yaml.SequenceNode) or not all(isinstance(each, yaml.MappingNode) for each in node.value):
        return "is not a list of plays. Fix: run ansible-playbook --syntax-check with it"
    return "" if node.value else "has no play. Fix: write at least one"
