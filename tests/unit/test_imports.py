"""Dependencies point one way."""

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# Package → what of ours it may import.
ALLOWED = {
    "harness": {"harness"},
    "report": {"report", "harness"},
    "service": {"service"},
    "commands": {"commands", "harness", "report"},
}
# Modules that do no I/O and read no clock.
PURE = [
    "harness/plan/order.py",
    "harness/judge/rules/__init__.py",
    "harness/judge/rules/series.py",
    "harness/judge/rules/generator.py",
    "harness/judge/rules/failures.py",
    "harness/judge/rules/servers.py",
    "harness/judge/rules/machines.py",
    "harness/judge/observation.py",
    "harness/judge/figures.py",
    "harness/judge/assess.py",
    "harness/summarise/intervals.py",
    "harness/summarise/blocks.py",
    "harness/summarise/noise.py",
    "harness/summarise/scalability.py",
    "harness/summarise/speed.py",
    "harness/plan/stopping.py",
    "harness/judge/prediction.py",
    "harness/summarise/tables.py",
    "harness/judge/verdict.py",
    "harness/summarise/gains.py",
    "harness/summarise/cell.py",
    "harness/judge/seconds.py",
    "harness/records/histogram.py",
    "report/model.py",
    "report/format.py",
    "report/answer.py",
    "report/figures.py",
    "report/sections.py",
    "report/method.py",
]
IMPURE = {"time", "datetime", "os", "pathlib", "subprocess", "socket", "httpx", "docker", "sys", "shutil"}


def imported(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


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


def test_pure_modules_do_no_io_and_read_no_clock() -> None:
    for name in PURE:
        tops = {module.split(".")[0] for module in imported(ROOT / name)}
        assert not tops & IMPURE, f"{name} imports {tops & IMPURE}"


def test_modules_stay_small() -> None:
    for file in [
        *(ROOT / "harness").rglob("*.py"),
        *(ROOT / "report").rglob("*.py"),
        *(ROOT / "service").rglob("*.py"),
        *(ROOT / "commands").rglob("*.py"),
    ]:
        lines = len(file.read_text(encoding="utf-8").splitlines())
        assert lines <= 270, f"{file} has {lines} lines: split it by meaning"
