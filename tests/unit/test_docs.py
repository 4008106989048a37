"""Pages name only existing places, the reference follows from the code, and every key on disk is described."""

from __future__ import annotations

import ast
import dataclasses
import json
import re
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from benchmarks.sample import unpack
from docs import generate
from harness.grid.load import LOAD_FACTORS, Load
from harness.grid.schema import Grid
from harness.records import column_descriptions, columns, series
from harness.records.directory import StudyDirectory
from harness.records.key_descriptions import TRIAL, Key
from harness.records.study import StudyRecord
from harness.records.study_key_descriptions import STUDY
from harness.records.trial import TrialRecord
from harness.summarise.statistics.conclusion import Conclusion
from tests.builders import measured_study, trial_data

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted(DOCS.rglob("*.md"))]
# Pages for people who change the code; they name many places.
FOR_DEVELOPERS = {"architecture.md": 60, "CONTRIBUTING.md": 40, "glossary.md": 25}
# A file or folder of the clone, where <word> stands for one of many, and what is in it: FILE::NAME.
NAMED = re.compile(r"[\w.<>-]+(?:/[\w.<>-]*)*(?:::[\w.]+)?")
FILES = {".py", ".md", ".toml", ".yaml", ".yml", ".js", ".j2"}
NOT_OF_THE_CLONE = {
    ".venv",
    ".cache",
    ".state",
    "results",
    "trials",
    "<cell>",
    "log",
    "..",
    "my-fleet.yml",
    "hosts.yml",
}
# Ways that pages write something else with a slash.
NOT_A_PATH = re.compile(r"^(inventory/(ec2-article|$)|aws_ec2\.yml|docker\.io|me/app|\d+/|<role>_|req/s)")
DESCRIBED = {"trial.json": TRIAL, "study.json": STUDY}
Path_ = tuple[str, ...]


def links(page: Path) -> Iterator[str]:
    """Return the targets of a page's links, relative to the repository and without other sites."""
    for link in re.findall(r"\]\(([^)#\s]+)[^)]*\)", page.read_text(encoding="utf-8")):
        if "://" not in link:
            yield str((page.parent / link).resolve().relative_to(ROOT))


def places(page: Path) -> Iterator[str]:
    """Everything on a page that names a file or a folder: in backticks, in commands, and in links."""
    text = page.read_text(encoding="utf-8")
    yield from links(page)
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
    """The missing part of a place; empty if it exists."""
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


def paths(described: dict[str, Key]) -> list[Path_]:
    """Described keys, each split at its dots; `<word>` stands for any key, `…` for everything below."""
    return [tuple(key.replace("[]", ".[]").split(".")) for key in described]


def leaves(data: object, at: Path_ = ()) -> Iterator[tuple[Path_, bool]]:
    """Yield the place of each value of a JSON document, and whether it may have children (null or empty)."""
    if isinstance(data, dict) and data:
        for key, value in data.items():
            yield from leaves(value, (*at, key))
    elif isinstance(data, list) and data:
        for value in data:
            yield from leaves(value, (*at, "[]"))
    else:
        yield at, data in (None, {}, [])


def covers(pattern: Path_, key: Path_, open_ended: bool) -> bool:
    """Whether a described key explains a value; for an empty one, whether something below it is described."""
    if pattern[-1] == "…":
        pattern, key = pattern[:-1], key[: len(pattern) - 1]
    if open_ended:
        pattern = pattern[: len(key)]
    return len(pattern) == len(key) and all(
        part.startswith("<") or part == own for part, own in zip(pattern, key, strict=True)
    )


def undescribed(file: str, data: object) -> set[str]:
    """Keys of a document that have no description."""
    patterns = paths(DESCRIBED[file])
    return {
        ".".join(key)
        for key, open_ended in leaves(data)
        if not any(covers(pattern, key, open_ended) for pattern in patterns)
    }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return unpack(tmp_path_factory.mktemp("sample")).path


def undescribed_of(study: Path) -> set[str]:
    """Keys of a study's files without a description."""
    files = [study / "study.json", *study.glob("trials/*/*/trial.json")]
    assert len(files) > 1
    return set().union(*(undescribed(file.name, json.loads(file.read_text(encoding="utf-8"))) for file in files))


ADD = "describe these in harness/records/key_descriptions.py, with unit and meaning"


def test_every_key_of_a_real_study_is_described(sample: Path) -> None:
    assert undescribed_of(sample) == set(), ADD


def test_every_key_that_this_version_writes_is_described(tmp_path: Path) -> None:
    directory = measured_study(StudyDirectory(tmp_path / "study"))
    judged = trial_data(2, 2000, 4, 540, 7, evidence={"generator_cpu": "1%"})  # so that a rule fires
    assert judged.record.findings
    directory.write_trial("servers-2_vusers-2000/r4", judged)
    assert undescribed_of(directory.path) == set(), ADD


def test_a_key_without_a_description_is_found() -> None:
    assert undescribed("trial.json", {"window": {"from_s": 7.0, "middle_s": 9.0}, "mood": 1}) == {
        "window.middle_s",
        "mood",
    }
    assert undescribed("trial.json", {"findings": [{"rule": "E3", "colour": "red"}]}) == {"findings.[].colour"}
    assert undescribed("study.json", {"runs": [], "ceiling": None, "shares": {}, "mood": None}) == {"mood"}


def fields(annotation: Any) -> dict[str, Any] | None:
    """The fields of a record type by name; None of another type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return {name: field.annotation for name, field in annotation.model_fields.items()}
    if isinstance(annotation, type) and dataclasses.is_dataclass(annotation):
        return dict(typing.get_type_hints(annotation))
    return None


def exists(annotation: Any, path: Path_) -> bool:
    """Whether a described key can be in a value of a type."""
    if not path or path[0] == "…":
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin is typing.Annotated:
        return exists(arguments[0], path)
    if origin is dict:
        return exists(arguments[1], path[1:])
    if origin in (list, tuple):
        return path[0] == "[]" and exists(arguments[0], path[1:])
    if arguments:
        return any(exists(each, path) for each in arguments)
    known = fields(annotation)
    if known is None:
        return annotation is Any
    if path[0].startswith("<"):  # one of several fields of one type
        return all(exists(each, path[1:]) for each in known.values())
    return exists(known[path[0]], path[1:]) if path[0] in known else path[-1] == "locust"


@pytest.mark.parametrize(("file", "record"), [("trial.json", TrialRecord), ("study.json", StudyRecord)])
def test_every_described_key_is_one_of_the_record(file: str, record: type[BaseModel]) -> None:
    described = paths(DESCRIBED[file])
    assert [".".join(path) for path in described if not exists(record, path)] == []
    assert {path[0].removesuffix("[]") for path in described} == record.model_fields.keys()


@pytest.mark.parametrize(
    ("described", "row"),
    [
        (column_descriptions.SAMPLES, series.Sample),
        (column_descriptions.HOSTS, series.HostSample),
        (column_descriptions.MACHINES, series.MachineSample),
        (column_descriptions.BALANCER, series.BalancerSample),
    ],
)
def test_every_column_of_a_series_is_described(described: dict[str, Key], row: Any) -> None:
    assert list(described) == [field.name for field in dataclasses.fields(row)]


def test_every_column_of_a_table_is_described() -> None:
    assert set(column_descriptions.CELLS) == set(columns.CELLS)
    assert set(column_descriptions.GAINS) == {*columns.GAINS, *columns.AT_SATURATION}
    assert set(column_descriptions.CAPACITY) == set(columns.CAPACITY)
    assert set(column_descriptions.TRIALS) == set(columns.TRIALS)
    assert set(column_descriptions.FAILOVER) == set(columns.FAILOVER)


@pytest.mark.parametrize("name", generate.PAGES)
def test_a_reference_page_follows_from_the_code(name: str) -> None:
    page = (generate.REFERENCE / name).read_text(encoding="utf-8")
    assert page == generate.PAGES[name](), f"docs/reference/{name} is older than the code. Fix: make reference"


def test_the_reference_has_every_key_of_a_grid_with_its_meaning() -> None:
    page = generate.PAGES["grid.md"]()
    of_load = {field.alias or name for name, field in Load.model_fields.items()}
    for name in sorted(Grid.model_fields.keys() | of_load):
        assert f"| `{name}` |" in page, f"docs/reference/grid.md lacks {name}"
    for name in LOAD_FACTORS:
        assert f"`{name}`" in page, f"docs/reference/grid.md lacks {name}"
    lacking = re.findall(r"^\| `(\w+)` \|  \|", page, re.M)
    assert lacking == [], "give these fields a description in harness/grid"


def test_the_reference_has_every_role() -> None:
    page = (DOCS / "reference" / "roles.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)\]", page, re.M) == sorted(path.name for path in (ROOT / "roles").iterdir())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_places_on_a_page_exist(page: Path) -> None:
    named = sorted({place for place in places(page) if not NOT_A_PATH.match(place)})
    assert len(named) >= FOR_DEVELOPERS.get(page.name, 0)
    assert [place for place in named if missing(place)] == [], f"{page.name} names missing places"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    assert [link for link in links(page) if not (ROOT / link).exists()] == []


def test_a_missing_name_is_found() -> None:
    assert missing("harness/nowhere.py") == "harness/nowhere.py"
    assert missing("roles/<role>/nowhere.yml")
    assert missing("harness/study/runner.py::Stud") == "Stud in harness/study/runner.py"
    assert missing("harness/study/runner.py::Study.walk") == "Study.walk in harness/study/runner.py"
    assert missing("harness/study/runner.py::Study.run") == missing("harness/study/runner.py::Study") == ""


def test_pages_named_in_the_code_exist() -> None:
    """A message that refers to a page must lead there."""
    suffixes = {".py", ".yml", ".yaml", ".j2", ".toml"}
    folders = ["harness", "commands", "report", "roles", "playbooks", "inventory", "benchmarks", "service"]
    found = {
        f"{path.relative_to(ROOT)}: {named}"
        for folder in folders
        for path in (ROOT / folder).rglob("*")
        if path.suffix in suffixes
        for named in re.findall(r"(?<![\w/.])docs/[\w/.-]+\.(?:md|py|html|pdf|ipynb)", path.read_text(encoding="utf-8"))
        if not (ROOT / named).exists()
    }
    assert found == set()


def test_the_evidence_page_has_every_conclusion_and_every_rule() -> None:
    page = (DOCS / "explanation" / "evidence.md").read_text(encoding="utf-8")
    for conclusion in Conclusion:
        assert f"| `{conclusion}` |" in page
    for number in range(1, 25):
        assert f"\n### E{number}\n" in page


def test_the_glossary_has_the_terms_of_every_section() -> None:
    terms = re.findall(r"^\| ([^|]+?) \|", (DOCS / "glossary.md").read_text(encoding="utf-8"), re.M)
    assert {"bottleneck", "load generator", "capacity", "evidence rule E*n*", "time scaling"} <= set(terms)
    assert len(terms) == len(set(terms)) + 4, "each term once, and the head of each of the five tables"
