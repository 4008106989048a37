"""What the pages for newcomers name is there, and no key of a study's files is missing from them."""

from __future__ import annotations

import ast
import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sample import unpack
from harness.grid.counter import RequestsMetric
from harness.grid.load import LOAD_FACTORS, Load
from harness.grid.schema import Grid, Service
from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from tests.builders import measured_study, trial_data

ROOT = Path(__file__).resolve().parents[2]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
PAGES = (ARCHITECTURE, ROOT / "CONTRIBUTING.md")
# A file or folder of the clone, where <word> stands for one of many, and what is in it: FILE::NAME.
NAMED = re.compile(r"[\w.<>-]+(?:/[\w.<>-]*)*(?:::[\w.]+)?")
FILES = {".py", ".md", ".toml", ".yaml", ".yml", ".js", ".j2"}
NOT_OF_THE_CLONE = {".venv", "results", "trials", "<cell>"}
Key = tuple[str, ...]


def places(page: Path) -> Iterator[str]:
    """Everything on a page that names a file or a folder: in backticks, in commands, and where links lead."""
    text = page.read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)#]+)[^)]*\)", text):
        if "://" not in link:
            yield str((page.parent / link).resolve().relative_to(ROOT))
    commands = [word for line in re.findall(r"^    (.+)$", text, re.M) for word in line.split("#")[0].split()]
    for word in [*re.findall(r"`([^`\n]+)`", text), *(word.rpartition("=")[2] for word in commands)]:
        path = word.partition("::")[0]
        is_path = "/" in path.strip("/") or path.endswith("/") or Path(path).suffix in FILES
        if (
            NAMED.fullmatch(word)
            and is_path
            and not word.startswith("/")
            and path.split("/")[0] not in NOT_OF_THE_CLONE
        ):
            yield word


def missing(place: str) -> str:
    """What of a place is not there; empty where all of it is."""
    path, _, name = place.partition("::")
    found = list(ROOT.glob(re.sub(r"<\w+>", "*", path.rstrip("/"))))
    if not found or (path.endswith("/") and not all(each.is_dir() for each in found)):
        return path
    return f"{name} in {path}" if name and name not in defined(found[0]) else ""


def defined(module: Path) -> set[str]:
    """Functions, classes and constants at the top of a module, and classes' methods as CLASS.METHOD."""
    names: set[str] = set()
    for node in ast.parse(module.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
            inner = node.body if isinstance(node, ast.ClassDef) else []
            names |= {f"{node.name}.{each.name}" for each in inner if isinstance(each, ast.FunctionDef)}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            names |= {target.id for target in targets if isinstance(target, ast.Name)}
    return names


def documented(file: str) -> list[Key]:
    """Keys in the table of a file, each split at its dots; `<word>` stands for any key, `…` for all that is below."""
    text = ARCHITECTURE.read_text(encoding="utf-8")
    section = text.partition(f"\n### {file}\n")[2].partition("\n#")[0]
    return [tuple(key.replace("[]", ".[]").split(".")) for key in re.findall(r"^\| `([^`]+)` \|", section, re.M)]


def leaves(data: object, at: Key = ()) -> Iterator[tuple[Key, bool]]:
    """Where each value of a JSON document is, and whether there might be more below it (nothing, or empty)."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*at, key))
    elif isinstance(data, list) and data:
        for value in data:
            yield from leaves(value, (*at, "[]"))
    else:
        yield at, data in (None, {}, [])


def covers(pattern: Key, key: Key, open_ended: bool) -> bool:
    """Whether a documented key tells what a value is; of one that is empty, whether something below it is told."""
    if pattern[-1] == "…":
        pattern, key = pattern[:-1], key[: len(pattern) - 1]
    if open_ended:
        pattern = pattern[: len(key)]
    return len(pattern) == len(key) and all(
        part.startswith("<") or part == own for part, own in zip(pattern, key, strict=True)
    )


def untold(file: str, data: object) -> set[str]:
    """Keys of a document that the table of its file does not have."""
    patterns = documented(file)
    return {
        ".".join(key)
        for key, open_ended in leaves(data)
        if not any(covers(pattern, key, open_ended) for pattern in patterns)
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("sample")).path


def untold_of(study: Path) -> set[str]:
    """Keys of a study's files that are not told."""
    files = [study / "study.json", *study.glob("trials/*/*/trial.json")]
    assert len(files) > 1
    return set().union(*(untold(file.name, json.loads(file.read_text(encoding="utf-8"))) for file in files))


def test_every_key_of_a_real_study_is_told(sample: Path) -> None:
    assert untold_of(sample) == set(), "add these to docs/architecture.md, with unit and meaning"


def test_every_key_that_this_version_writes_is_told(tmp_path: Path) -> None:
    directory = measured_study(StudyDirectory(tmp_path / "study"))
    judged = trial_data(2, 2000, 4, 540, 7, evidence={"generator_cpu": "1%"})  # so that a rule speaks
    assert judged.record.findings
    directory.write_trial("servers-2_vusers-2000/r4", judged)
    assert untold_of(directory.path) == set(), "add these to docs/architecture.md, with unit and meaning"


def test_a_key_that_is_not_told_is_noticed() -> None:
    assert untold("trial.json", {"window": {"from_s": 7.0, "middle_s": 9.0}, "mood": 1}) == {"window.middle_s", "mood"}
    assert untold("trial.json", {"findings": [{"rule": "E3", "colour": "red"}]}) == {"findings.[].colour"}
    assert untold("study.json", {"runs": [], "ceiling": None, "shares": {}, "mood": None}) == {"mood"}


def test_the_fields_of_a_trials_record_are_those_that_are_told() -> None:
    fields = set(inspect.get_annotations(TrialRecord))
    assert {key[0] for key in documented("trial.json")} == fields, "docs/architecture.md and TrialRecord differ"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_page_names_is_there(page: Path) -> None:
    named = sorted(set(places(page)))
    assert len(named) > 10
    assert [place for place in named if missing(place)] == [], f"{page.name} names what is not there"


def test_a_name_that_is_not_there_is_noticed() -> None:
    assert missing("harness/nowhere.py") == "harness/nowhere.py"
    assert missing("roles/<role>/nowhere.yml")
    assert missing("harness/study/runner.py::Stud") == "Stud in harness/study/runner.py"
    assert missing("harness/study/runner.py::Study.walk") == "Study.walk in harness/study/runner.py"
    assert missing("harness/study/runner.py::Study.run") == missing("harness/study/runner.py::Study") == ""


def test_the_readme_has_every_key_of_a_grid() -> None:
    table = (ROOT / "README.md").read_text(encoding="utf-8").partition("\n## The grid\n")[2].partition("\n## ")[0]
    written = {name for name in Grid.model_fields if name != "search"}  # written as the levels of the load factor
    of_load = {field.alias or name for name, field in Load.model_fields.items()} | set(LOAD_FACTORS)
    for name in sorted(written | of_load):
        assert f"`{name}`" in table, f"the README's table of a grid's keys lacks {name}"


def test_the_readme_has_every_key_of_a_services_counter() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    table = text.partition("\n## The grid\n")[2].partition("\n## ")[0]
    for name in Service.model_fields:
        assert f"`{name}`" in table, f"the README's table of a grid's keys lacks {name}"
    own = text.partition("\n## Your own service\n")[2].partition("\n## ")[0]
    for name in RequestsMetric.model_fields:
        assert f"`{name}`" in own, f"the README's section on a service of one's own lacks {name}"
