"""The files of an inventory as text: can they be read, who reads them, and on which line does a name stand."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path

from harness.deploy.inventory import sizes
from harness.grid import yamldata
from harness.grid.yamlcore import NotYaml, compose

# What Ansible passes over in a directory of inventories, and the folders of variables that it reads otherwise.
PASSED_OVER = (".pyc", ".pyo", ".swp", ".bak", "~", ".rpm", ".md", ".txt", ".rst", ".orig", ".cfg", ".retry")
OF_VARIABLES = ("group_vars", "host_vars")


def files(path: Path) -> Iterator[Path]:
    """Every file that Ansible reads for an inventory, sources first."""
    if path.is_file():
        yield path
        for name in OF_VARIABLES:
            yield from below(path.parent / name)
    else:
        yield from sources(path)
        for name in OF_VARIABLES:
            yield from below(path / name)


def sources(path: Path) -> Iterator[Path]:
    """The files of a directory that Ansible takes for inventories."""
    if path.is_file():
        yield path
        return
    for entry in sorted(path.iterdir()):
        if entry.name.startswith(".") or entry.name.endswith(PASSED_OVER) or entry.name in OF_VARIABLES:
            continue
        yield from sources(entry) if entry.is_dir() else [entry]


def below(folder: Path) -> Iterator[Path]:
    """Files of variables in a folder."""
    if folder.is_dir():
        yield from (p for p in sorted(folder.rglob("*")) if p.is_file() and not p.name.startswith("."))


def programs(path: Path) -> list[Path]:
    """Sources that are asked rather than read."""
    return [file for file in sources(path) if plugin_of(file) in ("script", "auto")]


def plugin_of(file: Path) -> str:
    """Which of Ansible's plugins a source was written for: script, auto (a plugin's configuration), yaml or ini."""
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
    """Files that nobody can read: not text, or empty where hosts should stand. And keys that would be lost."""
    found = []
    if path.is_dir() and not any(sources(path)):
        found.append(f"{path}: this directory holds no inventory; hosts.yml is the usual one, as in inventory/ec2")
    here = list(sources(path))
    for file in files(path):
        try:
            text = file.read_bytes().decode("utf-8")
        except UnicodeDecodeError as error:
            line = error.object[: error.start].count(b"\n") + 1
            if plugin_of(file) != "script":
                found.append(f"{file}:{line}: this is not text; an inventory is a text file in UTF-8")
            continue
        except OSError as error:
            found.append(f"{file}: cannot be read: {error.strerror}")
            continue
        if "\0" in text and plugin_of(file) != "script":
            found.append(
                f"{file}:{text[: text.index(chr(0))].count(chr(10)) + 1}: this is not text, but holds a zero byte"
            )
        elif file in here and not text.strip():
            found.append(f"{file}:1: the file is empty; inventory/ec2/hosts.yml is an example to start from")
        elif file in here and file.suffix == ".json" and (told := yaml_error(file)):
            found.append(f"{file}:{told}")
        elif file in here and plugin_of(file) in ("yaml", "ini"):
            found += sizes.problems(file, text, plugin_of(file))
    return found


def yaml_error(file: Path) -> str:
    """line: what is not valid YAML (or JSON) in a file, or exceeds what is read; empty where it is."""
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
        tab = "" if "\t" not in "".join(text.splitlines()[error.line - 1 : error.line]) else "; indent with spaces"
        return f"{error.line}: {error}{tab}"
    problems = yamldata.doubled(node) if node is not None else []
    return f"{problems[0][0]}: {problems[0][1]}" if problems else ""


def variables_error(file: Path) -> str:
    """The same for a file of variables or a YAML source, and empty for one in INI."""
    return "" if file.parent.name not in OF_VARIABLES and plugin_of(file) == "ini" else yaml_error(file)


def encrypted(path: Path) -> str:
    """file:line of the first thing below a path that is encrypted with ansible-vault."""
    for file in files(path):
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if "$ANSIBLE_VAULT" in line or "!vault" in line:
                return f"{file}:{number}"
    return f"{path}:1"


def written(file: Path, name: str) -> int:
    """The first line that writes a name as a key, a section, a host or a variable; 0 where none does."""
    name = re.escape(name)
    sought = re.compile(rf"""^\s*[\[{{]?["']?{name}["']?\s*(:|\]|=|\s|$)|[\s{{,]["']?{name}["']?\s*[=:]""")
    lines = file.read_text(encoding="utf-8", errors="replace").splitlines()
    return next((number for number, line in enumerate(lines, 1) if sought.search(line)), 0)


def first_line(path: Path, name: str, file: str = "") -> str:
    """file:line where a name is first written; the first source's first line where it is nowhere."""
    candidates = [Path(file)] if file and Path(file).is_file() else [f for f in files(path) if plugin_of(f) != "script"]
    for candidate in candidates:
        if line := written(candidate, name):
            return f"{candidate}:{line}"
    return f"{file or next(sources(path), path)}:1"
