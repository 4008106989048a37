"""Dependencies point one way, and what computes does no I/O."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
# Folder → what of ours it may import.
ALLOWED = {
    "harness": {"harness"},
    "report": {"report", "harness"},
    "service": {"service"},
    "commands": {"commands", "harness", "report"},
}
# Package of harness/ → packages that it may import. All packages may also import the modules in ROOT_MODULES.
PACKAGES: dict[str, set[str]] = {
    "balancers": set(),
    "grid": {"balancers"},
    "records": {"balancers", "grid"},
    "deploy": {"balancers", "grid", "records"},
    "observe": {"balancers", "deploy", "records"},
    "judge": {"balancers", "grid", "records"},
    "traffic": {"balancers", "grid", "records", "deploy", "observe", "judge"},
    "summarise": {"balancers", "grid", "records", "judge"},
    "plan": {"grid", "records", "judge", "summarise"},
    "study": {"balancers", "grid", "records", "deploy", "observe", "judge", "traffic", "summarise", "plan"},
    "draft": {"grid", "records", "deploy", "traffic"},
}
ROOT_MODULES = {
    "errors",
    "language",
    "words",
    "secrecy",
    "bootstrap",
    "docker_context",
    "plain_file",
    "process_environment",
}
# Folder of harness/summarise/ → folders that it may import. The modules outside the folders may import all of them.
ROOMS: dict[str, set[str]] = {
    "statistics": set(),
    "cells": {"statistics"},
    "gains": {"statistics", "cells"},
    "capacity": {"statistics", "cells", "gains"},
    "comparison": {"statistics", "cells", "gains", "capacity"},
    "search": {"statistics", "cells", "gains", "capacity"},
}
# Packages without I/O and without a clock, including all imports of this project.
PURE = ["balancers", "grid", "judge", "summarise", "plan"]
# Files and folders of report/, in addition to the data of charts.
PURE_FILES = ("model", "format", "phrases", "estimates", "spreads", "elements")
PURE_PAGES = [*(f"{name}.py" for name in PURE_FILES), "sentences", "tables"]
IMPURE = {"time", "datetime", "os", "pathlib", "subprocess", "socket", "httpx", "docker", "sys", "shutil"}
# A grid is a file, which two modules read; their callers get frozen types.
READERS = {"grid/yamlfile.py", "grid/reading.py"}


@cache
def parsed(file: Path) -> ast.Module:
    """Return the tree of a module, which several tests read."""
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imported(file: Path) -> frozenset[str]:
    names: set[str] = set()
    for node in ast.walk(parsed(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def test_packages_import_only_what_they_may() -> None:
    ours = {"harness", "report", "service", "study", "tests", "benchmarks", "commands"}
    for package, allowed in ALLOWED.items():
        for file in (ROOT / package).rglob("*.py"):
            tops = {name.split(".")[0] for name in imported(file)} & ours
            assert tops <= allowed, f"{file} imports {tops - allowed}"


def test_only_one_module_speaks_to_ansible_runner_and_one_prints() -> None:
    for file in [*(ROOT / "harness").rglob("*.py"), *(ROOT / "report").rglob("*.py")]:
        names = imported(file)
        assert "ansible_runner" not in names or file.name == "ansible.py", file
        assert not any(n.split(".")[0] == "rich" for n in names) or file.name == "console.py", file


def test_only_the_door_to_the_data_loads_pandas() -> None:
    for package in ("harness", "report", "commands"):
        for file in (ROOT / package).rglob("*.py"):
            loaded = {name.split(".")[0] for name in imported(file)} & {"pandas", "pyarrow"}
            assert not loaded or file == ROOT / "harness" / "records" / "frames.py", f"{file} imports {loaded}"


@pytest.mark.parametrize(
    ("program", "arguments", "loads"),
    [
        ("from commands.app import main; main()", ["--help"], False),
        ("from commands.app import main; main()", ["plan", "--grid", "grid.yaml"], False),
        ("import commands.live, commands.closing, harness.study.runner, harness.study.check, report.live", [], False),
        ("import harness.records.frames", [], True),  # as this test would see it
    ],
)
def test_pandas_is_loaded_only_when_asked_for(program: str, arguments: list[str], loads: bool) -> None:
    """It takes twice as long as all of `study.py --help`; and the page of a running study has no CPU time for it."""
    command = [sys.executable, "-X", "importtime", "-c", program, *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    modules = {line.split("|")[-1].strip() for line in done.stderr.splitlines() if line.startswith("import time:")}
    assert "harness.errors" in modules
    assert bool(modules & {"pandas", "pyarrow"}) == loads


def test_packages_of_the_harness_import_only_those_before_them() -> None:
    for package, allowed in PACKAGES.items():
        for file in (ROOT / "harness" / package).rglob("*.py"):
            parts = {name.split(".")[1] for name in imported(file) if name.startswith("harness.")}
            strange = parts - allowed - {package} - ROOT_MODULES
            assert not strange, f"{file} imports {strange}"
    # A folder that is left of an earlier version, with nothing but compiled files, is no package.
    there = {path.parent.name for path in (ROOT / "harness").glob("*/*.py")}
    assert there == PACKAGES.keys()
    assert {path.stem for path in (ROOT / "harness").glob("*.py")} == {"__init__", *ROOT_MODULES}


def test_rooms_of_the_summary_import_only_those_before_them() -> None:
    package = ROOT / "harness" / "summarise"
    for room, allowed in ROOMS.items():
        for file in (package / room).rglob("*.py"):
            ours = {name.split(".")[2] for name in imported(file) if name.startswith("harness.summarise.")}
            strange = ours - allowed - {room}
            assert not strange, f"{file} imports {strange}"
    assert {path.parent.name for path in package.glob("*/*.py")} == ROOMS.keys()


def test_the_report_imports_types_of_the_summary_and_no_functions() -> None:
    for file in (ROOT / "report").rglob("*.py"):
        for node in ast.walk(parsed(file)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("harness.summarise"):
                functions = [alias.name for alias in node.names if not alias.name[0].isupper()]
                assert not functions, f"{file} imports {functions} from {node.module}"


@cache
def reached(file: Path) -> frozenset[str]:
    """Return all foreign packages that a module imports, directly or through modules of this project."""
    found: set[str] = set()
    for name in imported(file):
        ours = ROOT.joinpath(*name.split(".")).with_suffix(".py")
        found |= reached(ours) if ours.is_file() else {name.split(".")[0]}
    return frozenset(found)


def test_pure_packages_do_no_io_and_read_no_clock() -> None:
    modules = [file for package in PURE for file in (ROOT / "harness" / package).rglob("*.py")]
    for name in PURE_PAGES:
        place = ROOT / "report" / name
        modules += [place] if place.suffix else list(place.rglob("*.py"))
    modules += list((ROOT / "report" / "charts").glob("*_data.py"))
    for file in modules:
        if str(file.relative_to(ROOT / "harness" if "harness" in file.parts else ROOT)) not in READERS:
            assert not reached(file) & IMPURE, f"{file} imports {sorted(reached(file) & IMPURE)}"


def test_modules_stay_small() -> None:
    for file in [
        *(ROOT / "harness").rglob("*.py"),
        *(ROOT / "report").rglob("*.py"),
        *(ROOT / "service").rglob("*.py"),
        *(ROOT / "commands").rglob("*.py"),
    ]:
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= 400, f"{file} has {lines} lines: split it by meaning"


def test_tests_stand_where_what_they_test_does_and_builders_import_none_of_them() -> None:
    folders = {
        path.name for path in (ROOT / "tests" / "unit").iterdir() if path.is_dir() and path.name != "__pycache__"
    }
    assert folders <= {*PACKAGES, "commands", "report", "roles", "service"}
    assert not any(name.startswith("tests") for name in imported(ROOT / "tests" / "builders.py"))


# Room of report/ → the rooms it may import. The modules directly in report/ are rooms of their own.
FOUNDATION = {"format", "language", "script_data", "phrases", "estimates", "spreads", "elements"}
REPORT = {
    **dict.fromkeys(FOUNDATION, FOUNDATION),
    **dict.fromkeys(("sentences", "tables", "charts"), FOUNDATION),
    "model": {*FOUNDATION, "sentences", "tables", "charts"},
    "output": {*FOUNDATION, "charts", "model"},
    "build": {*FOUNDATION, "model", "output"},
    "live": {"build", "output"},
}
MOST_ARROWS = 30  # imports of one module of report/ by a module of another room, without the foundation
MOST_LINES_OF_A_FUNCTION, MOST_PUBLIC_NAMES, MOST_LINES_OF_A_MODULE = 60, 10, 400
MOST_MODULES_WITHOUT_README, MOST_LINES_OF_A_SCREEN = 12, 60
MOST_POSITIONAL_FIELDS = 4  # of a dataclass; roles are excluded, as theirs run on Python 3.8 without `kw_only`


def modules_of_the_report() -> dict[str, Path]:
    paths = [path for path in (ROOT / "report").rglob("*.py") if path.name != "__init__.py"]
    return {".".join(path.relative_to(ROOT).with_suffix("").parts): path for path in paths}


def test_rooms_of_the_report_import_only_those_before_them() -> None:
    modules = modules_of_the_report()
    arrows = set()
    for name, path in modules.items():
        room = name.split(".")[1]
        for other in imported(path) & modules.keys():
            target = other.split(".")[1]
            assert target == room or target in REPORT[room], f"{name} imports {other}"
            if target != room and target not in FOUNDATION:
                arrows.add((name, other))
    assert {name.split(".")[1] for name in modules} == REPORT.keys()
    assert len(arrows) <= MOST_ARROWS, sorted(arrows)


def modules() -> Iterator[Path]:
    """Every Python module of the program; roles copy theirs to hosts as single files."""
    for folder in ("harness", "report", "commands", "service", "benchmarks", "docs"):
        yield from sorted((ROOT / folder).rglob("*.py"))


@pytest.mark.parametrize("path", list(modules()), ids=lambda path: str(path.relative_to(ROOT)))
def test_functions_and_modules_are_small(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    tree = parsed(path)
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or 0) - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines"
    public = [
        node.name
        for node in tree.body
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_")
    ]
    assert len(public) <= MOST_PUBLIC_NAMES, f"{len(public)} public names: {public}"
    assert len(text.splitlines()) <= MOST_LINES_OF_A_MODULE


def test_no_two_classes_share_a_name() -> None:
    """One name for one idea, so that a reader can search for it."""
    found: dict[str, list[str]] = {}
    for path in (path for folder in ("harness", "report", "commands") for path in (ROOT / folder).rglob("*.py")):
        for node in parsed(path).body:
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(str(path.relative_to(ROOT)))
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


@pytest.mark.parametrize("folder", ["harness", "report", "commands", "service", "benchmarks", "docs", "tests"])
def test_dataclasses_with_many_fields_are_made_by_keyword(folder: str) -> None:
    """Two fields of one type that are swapped in a call are no error of a type checker."""
    positional = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.ClassDef) and _has_positional_fields(node)
    ]
    assert not positional, "give these dataclasses kw_only=True"


def _has_positional_fields(node: ast.ClassDef) -> bool:
    """Whether a class is a dataclass with more than four fields and without kw_only."""
    fields = [each for each in node.body if isinstance(each, ast.AnnAssign)]
    constants = [each for each in fields if "ClassVar" in ast.unparse(each.annotation)]
    decorators = [text for each in node.decorator_list if "dataclass" in (text := ast.unparse(each)).split("(")[0]]
    return len(fields) - len(constants) > MOST_POSITIONAL_FIELDS and any(
        "kw_only=True" not in text for text in decorators
    )


def test_every_large_package_has_a_readme_of_a_screen() -> None:
    for folder in {path.parent for path in modules()} - {ROOT / "harness"}:
        count = sum(path.name != "__init__.py" for path in folder.rglob("*.py"))
        readme = folder / "README.md"
        if count > MOST_MODULES_WITHOUT_README:
            assert readme.exists(), f"{folder.relative_to(ROOT)} has {count} modules"
            assert len(readme.read_text(encoding="utf-8").splitlines()) <= MOST_LINES_OF_A_SCREEN, readme
