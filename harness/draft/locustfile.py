"""The user's Locust script as traffic: checked by the study's own rules, never run."""

from __future__ import annotations

import ast
import os
from pathlib import Path

from harness.draft.found import FoundTraffic, count, study_name
from harness.draft.sources import read
from harness.errors import BadInput
from harness.grid.own_script import LocustScript, syntax_error
from harness.grid.templates import Path_
from harness.traffic import script_files


def found_in(file: str, grid_folder: Path) -> FoundTraffic:
    """Return the traffic of a script, whose path is relative to the grid's folder; raises BadInput with its line."""
    content = read(file)
    if words := syntax_error(file, content):
        raise BadInput(words)
    tree = ast.parse(content)
    classes = _user_classes(tree)
    if not classes and not _may_import_users(tree):
        words = "no user class. Allowed: at least one class derived from HttpUser or FastHttpUser"
        raise BadInput(f"{file}:1: {words}")
    name = Path(os.path.relpath(Path(file).resolve(), grid_folder.resolve())).as_posix()
    problems: list[str] = []

    def report(_: Path_, words: str) -> None:
        problems.append(words)

    def content_of(path: str) -> bytes:
        return read(grid_folder / path)

    found = script_files.read(LocustScript(locustfile=name), grid_folder, content_of, "", report)
    if problems:
        raise BadInput(*(words if ":" in words.partition(" ")[0] else f"{file}: {words}" for words in problems))
    folder = count(len(found.files), "file") if found else "0 files"
    requirements = Path(file).with_name("requirements.txt").exists()
    return FoundTraffic(
        title=study_name(
            Path(file).resolve().parent.name if Path(file).stem in ("locustfile", "load") else Path(file).stem
        ),
        script=name,
        users=classes,
        notes=(f"the script's folder goes with it: {folder}",),
        others=("requirements: requirements.txt  # packages that the script needs, next to the grid",)
        if requirements
        else (),
    )


def _user_classes(tree: ast.Module) -> tuple[str, ...]:
    """Return the classes, except abstract ones, that derive from a class named …User, also through others."""
    classes = {each.name: each for each in ast.walk(tree) if isinstance(each, ast.ClassDef)}

    def is_user(name: str, seen: frozenset[str] = frozenset()) -> bool:
        if name not in classes or name in seen:
            return name.endswith("User")
        return any(is_user(base, seen | {name}) for base in map(_base, classes[name].bases))

    return tuple(name for name, each in classes.items() if is_user(name) and not _is_abstract(each))


def _base(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def _is_abstract(node: ast.ClassDef) -> bool:
    return any(
        isinstance(each, ast.Assign)
        and any(isinstance(target, ast.Name) and target.id == "abstract" for target in each.targets)
        and isinstance(each.value, ast.Constant)
        and each.value.value is True
        for each in node.body
    )


def _may_import_users(tree: ast.Module) -> bool:
    """Whether a script imports names, of which some may be user classes."""
    return any(isinstance(each, ast.ImportFrom) for each in ast.walk(tree))
