"""The files of an inventory as text: which there are, which program reads each, and on which line a name stands."""

from __future__ import annotations

import itertools
import json
import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path

from harness.deploy.inventory import sizes
from harness.deploy.inventory.messages import FileLine
from harness.errors import BadInput
from harness.grid import yamldata
from harness.grid.yamlcore import NotYaml, compose
from harness.words import short

VARIABLE_FOLDERS = ("group_vars", "host_vars")
# Endings of files that Ansible ignores in a directory of inventories.
_IGNORED = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")
_MOST_FILES = 1000  # in one inventory
_LARGEST = 10_000_000  # bytes of a source or a file of variables


def resolve_path(root: Path, inventory: str, grid_folder: Path, where: str) -> Path:
    """The path of an inventory, relative to the project or else to the folder of the grid.

    Raises BadInput, which begins with `where`, if the path does not exist or cannot be an inventory.
    """
    for base in (root, grid_folder):
        path = base / inventory
        if not os.path.exists(path):  # noqa: PTH110 - it takes names that are too long for any file
            continue
        path = path.resolve()
        if not path.is_file() and not path.is_dir():
            raise BadInput(f"{where}: inventory: {short(inventory)} is a device. Allowed: a file or a folder.")
        files = itertools.islice(_everything_below(path), _MOST_FILES + 1)
        if root.resolve().is_relative_to(path) or sum(1 for _ in files) > _MOST_FILES:
            raise BadInput(
                f"{where}: inventory: {short(inventory)} contains more than an inventory (this project, or more than "
                f"{_MOST_FILES} files). Fix: name the folder or the file that lists the hosts."
            )
        return path
    known = sorted(str(p.relative_to(root)) for p in (root / "inventory").iterdir() if p.is_dir())
    raise BadInput(f"{where}: inventory: no such path (got {short(inventory)}). In this project: {', '.join(known)}.")


def files(path: Path) -> Iterator[Path]:
    """Every file that Ansible reads for an inventory: its sources, then files of variables."""
    yield from _sources(path)
    base = path.parent if path.is_file() else path
    for name in VARIABLE_FOLDERS:
        yield from _variable_files(base / name)


def programs(path: Path) -> list[Path]:
    """Sources that are executed or that configure an inventory plugin, instead of listing hosts."""
    return [file for file in _sources(path) if plugin_of(file) in ("script", "auto")]


def plugin_of(file: Path) -> str:
    """The Ansible plugin that a source is written for: script, auto (a plugin's configuration), yaml or ini."""
    if os.access(file, os.X_OK):
        return "script"
    text = file.read_text(encoding="utf-8", errors="replace")
    if re.search(r"^plugin\s*:", text, re.M):
        return "auto"
    if file.suffix in (".yml", ".yaml", ".json"):
        return "yaml"
    first = next((line.strip() for line in text.splitlines() if line.strip() and line.strip()[0] not in "#;"), "")
    return "yaml" if first.startswith(("{", "---")) or first.endswith(":") else "ini"


def unreadable(path: Path) -> list[str]:
    """Messages about files that cannot be read: no text, no hosts, or keys that Ansible would ignore."""
    sources = set(_sources(path))
    found = [problem for file in files(path) for problem in _unreadable(file, file in sources)]
    if path.is_dir() and not sources:
        found.insert(0, f"{path}: the directory contains no inventory. Fix: add a hosts.yml, as in inventory/ec2.")
    return found


def _unreadable(file: Path, is_source: bool) -> list[str]:
    is_script = os.access(file, os.X_OK)
    try:
        found = file.stat()
        if not stat.S_ISREG(found.st_mode):  # reading a pipe would block
            return [f"{file}: is a pipe or a device. Allowed: a file."]
        if found.st_size > _LARGEST:
            return [] if is_script else [f"{file}: the file is too large. Allowed: {_LARGEST // 1_000_000} MB."]
        text = file.read_bytes().decode("utf-8")
    except UnicodeDecodeError as error:
        line = error.object[: error.start].count(b"\n") + 1
        return [] if is_script else [f"{file}:{line}: not text. Allowed: UTF-8."]
    except OSError as error:
        return [f"{file}: cannot be read: {error.strerror}"]
    if "\0" in text and not is_script:
        line = text[: text.index("\0")].count("\n") + 1
        return [f"{file}:{line}: not text: the line contains a zero byte. Allowed: UTF-8."]
    if not is_source:
        return []
    if not text.strip():
        return [f"{file}:1: the file is empty. Fix: start from a copy of inventory/ec2/hosts.yml."]
    if file.suffix == ".json" and (problem := yaml_error(file)):
        return [f"{file}:{problem}"]
    kind = plugin_of(file)
    if kind == "ini" and text.startswith("\ufeff"):  # a part of the first name for Ansible
        return [f"{file}:1: begins with a byte order mark. Fix: save the file as UTF-8 without it."]
    return sizes.problems(file, text, kind) if kind in ("yaml", "ini") else []


def yaml_error(file: Path) -> str:
    """The first error of a YAML or JSON file as "line: problem"; empty for none."""
    text = file.read_text(encoding="utf-8", errors="replace")
    if file.suffix == ".json":
        try:
            json.loads(text)
        except json.JSONDecodeError as error:
            return f"{error.lineno}: not valid JSON: {error.msg}"
        except RecursionError:
            return "1: not valid JSON: nested too deeply"
        return ""
    try:
        node = compose(text)
    except NotYaml as error:
        has_tab = "\t" in "".join(text.splitlines()[error.line - 1 : error.line])
        return f"{error.line}: {error}{'. Fix: indent with spaces' if has_tab else ''}"
    problems = yamldata.doubled(node) if node is not None else []
    return f"{problems[0][0]}: {problems[0][1]}" if problems else ""


def variables_error(file: Path) -> str:
    """`yaml_error` for a file of variables or a YAML source; empty for a source in INI."""
    return "" if file.parent.name not in VARIABLE_FOLDERS and plugin_of(file) == "ini" else yaml_error(file)


def encrypted(path: Path) -> FileLine:
    """Return the place of the first thing below a path that is encrypted with ansible-vault."""
    for file in files(path):
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if "$ANSIBLE_VAULT" in line or "!vault" in line:
                return FileLine(str(file), number)
    return FileLine(str(path), 1)


def line_of(file: Path, name: str) -> int:
    """The first line that contains a name as a key, a section, a host or a variable; 0 for none."""
    name = re.escape(name)
    pattern = re.compile(rf"""^\s*[\[{{]?["']?{name}["']?\s*(:|\]|=|\s|$)|[\s{{,]["']?{name}["']?\s*[=:]""")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if pattern.search(line)), 0)


def first_line(path: Path, name: str, file: str = "") -> FileLine:
    """Return the place at which a name first occurs in `file`, or else in the inventory.

    Without an occurrence it is line 1 of `file` or of the first source.
    """
    candidates = [Path(file)] if file and Path(file).is_file() else [f for f in files(path) if plugin_of(f) != "script"]
    for candidate in candidates:
        if line := line_of(candidate, name):
            return FileLine(str(candidate), line)
    return FileLine(file or str(next(_sources(path), path)), 1)


def _sources(path: Path) -> Iterator[Path]:
    """The file itself, or the files in a directory that Ansible reads as inventories."""
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(_IGNORED) or entry.name in VARIABLE_FOLDERS:
            continue
        yield from _sources(entry) if entry.is_dir() else [entry]


def _variable_files(folder: Path) -> Iterator[Path]:
    if folder.is_dir():
        yield from (
            p for p in sorted(folder.rglob("*")) if p.exists() and not p.is_dir() and not p.name.startswith(".")
        )


def _everything_below(path: Path) -> Iterator[Path]:
    """Everything below a folder, without following links."""
    for folder, folders, names in os.walk(path):
        yield from (Path(folder) / name for name in (*folders, *names))
