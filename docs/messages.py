"""The messages of the report's sentences, found in the code: `python -m docs.messages` updates the catalogues.

A message is the first argument of `tr` or `sentence`, in Python, templates and scripts of the page; a text inside
`messages(…)`; a noun that is counted; or a member of an enumeration that reports name. New messages enter a catalogue
untranslated.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po, write_po

from harness.balancers.registry import BALANCERS
from harness.balancers.target import TARGET
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.thresholds import DECLARED
from harness.judge.rules import RULES
from harness.records.findings import Severity
from harness.records.trial import Component, Outcome
from harness.summarise.capacity.counts import Evidence
from harness.summarise.capacity.crossing import Bound
from harness.summarise.comparison.attribution import RatioBound
from harness.summarise.comparison.gate import GateConclusion
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.topology_choice import Fit
from report.language import TRANSLATIONS

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = ROOT / "report" / "output" / "templates"
NAMED: tuple[type[Enum], ...] = (
    Bound,
    Component,
    Conclusion,
    Evidence,
    Fit,
    GateConclusion,
    Outcome,
    RatioBound,
    Severity,
)
MAKING = ("tr", "around", "_around", "sentence")  # functions with a message as their first argument
COUNTING = ("count", "indicative")  # functions with a noun as their second argument
PACKAGES = ("harness/balancers", "harness/grid", "harness/judge", "harness/plan", "harness/summarise", "report")
MODULES = ("harness/language.py", "harness/words.py", "harness/study/ceiling.py", "harness/study/compare.py")
IN_TEXT = re.compile(r"\b(?:tr|translated)\((['\"])(.*?)\1")


def found() -> dict[str, str]:
    """Return every message, with the file that has it first."""
    messages: dict[str, str] = {}
    files = [file for package in PACKAGES for file in (ROOT / package).rglob("*.py")]
    for path in sorted([*files, *(ROOT / module for module in MODULES)]):
        for message in _in_module(ast.parse(path.read_text(encoding="utf-8"))):
            messages.setdefault(message, str(path.relative_to(ROOT)))
    for path in sorted([*TEMPLATES.glob("*.j2"), *TEMPLATES.glob("*.js")]):
        for _, message in IN_TEXT.findall(path.read_text(encoding="utf-8")):
            messages.setdefault(message, str(path.relative_to(ROOT)))
    for message, place in _declared():
        messages.setdefault(message, place)
    return messages


def _in_module(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in MAKING and node.args:
            yield from _texts(node.args[0])
        elif name == "messages":
            yield from (text for argument in node.args for text in _all_texts(argument))
        elif name in COUNTING and len(node.args) > 1:
            for noun in _texts(node.args[1]):
                yield from (f"{{number}} {noun}", f"{{number}} {noun}s")


def _texts(node: ast.expr) -> Iterator[str]:
    """The text of a constant, or those of a choice between constants."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)


def _all_texts(node: ast.expr) -> Iterator[str]:
    """The texts in a container; of a dictionary only its values."""
    if isinstance(node, ast.Dict):
        for value in node.values:
            yield from _all_texts(value)
    elif isinstance(node, ast.Tuple | ast.List):
        for element in node.elts:
            yield from _all_texts(element)
    else:
        yield from _texts(node)


def _declared() -> Iterator[tuple[str, str]]:
    """Messages that are values of objects: members of enumerations, rules, thresholds and balancers."""
    for kind in NAMED:
        yield from ((str(member.value).replace("_", " "), kind.__module__) for member in kind if str(member.value))
    for rule in RULES:
        of_rule = (rule.requirement, rule.where_free, rule.figure[1] if rule.figure else "")
        yield from ((text, "harness/judge/rules/__init__.py") for text in of_rule if text)
    yield from ((kind.counts, "harness/grid/load_generators.py") for kind in LOAD_GENERATORS)
    for balancer in (*BALANCERS, TARGET):
        of_balancer = (
            *(event.fix for event in balancer.events.values()),
            *balancer.unavailable.values(),
            *([balancer.ceiling_elsewhere] if balancer.forwards else []),
        )
        yield from ((text, "harness/balancers") for text in of_balancer if text)
    stays = {balancer.failed_server_stays for balancer in BALANCERS}
    yield from ((text, "harness/balancers") for text in sorted(stays) if text)
    yield from ((threshold.meaning, "harness/grid/thresholds.py") for threshold in DECLARED.values())


def updated(path: Path) -> Catalog:
    """Read a catalogue, add the code's new messages, and leave out messages that the code does not have."""
    with path.open("rb") as file:
        known = read_po(file)
    catalogue = Catalog(
        locale=path.stem,
        header_comment=f"# The report in {path.stem}.",
        project="scale-out-study",
        version="1",
        creation_date=datetime(2026, 1, 1, tzinfo=UTC),  # the same bytes at any time
        revision_date=datetime(2026, 1, 1, tzinfo=UTC),
        last_translator="the project",
        language_team=path.stem,
        msgid_bugs_address="none",
        fuzzy=False,
    )
    for message, place in sorted(found().items(), key=lambda item: (item[1], item[0])):
        old = known.get(message)
        flags = ("python-brace-format",) if re.search(r"{\w", message) else ()
        catalogue.add(message, old.string if old else "", locations=[(place, 0)], flags=flags)
    return catalogue


def main() -> None:
    """Update every catalogue."""
    for path in TRANSLATIONS.glob("*.po"):
        catalogue = updated(path)
        with path.open("wb") as file:
            write_po(file, catalogue, width=120, include_lineno=False, ignore_obsolete=True)


if __name__ == "__main__":
    main()
