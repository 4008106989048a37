"""The answer in short: Markdown for a pull request, JUnit for a CI server. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from harness.language import tr, use
from harness.summarise.comparison.gate import GateConclusion, GateResult
from harness.summarise.summary import Summary
from harness.words import visible
from report.model import Report


def markdown(report: Report, summary: Summary) -> str:
    """Answer, capacities, gains, requests by name, key findings and objectives as Markdown."""
    with use(report.language):
        return _markdown(report, summary)


def _markdown(report: Report, summary: Summary) -> str:
    lines = [f"### {_plain(report.title)}: {report.question}", ""]
    lines += [*(f"**{_plain(sentence)}**" for sentence in report.answer), ""]
    for table in (report.gate, report.capacity, report.gains, report.requests):
        if table is not None:
            lines += [
                _row([tr(column) for column in table.columns]),
                _row(["---"] * len(table.columns)),
                *(_row(row) for row in table.rows),
                "",
            ]
            lines += [line for footnote in table.footnotes for line in (_plain(footnote), "")]
    lines += [_plain(report.gate.note), ""] if report.gate is not None else []
    lines += [*(f"- {_plain(finding)}" for finding in report.findings), ""]
    judged = summary.objectives
    lines += [f"- {tr('met') if one.met else '**' + tr('not met') + '**'}: {_plain(one.text)}" for one in judged]
    lines += [""] if judged else []
    lines += [f"**{tr('Evidence')}** {_plain(report.grade)}", ""] if report.grade else []
    configuration = tr(
        "{environment} Configuration {hash}, {state}.",
        environment=report.environment,
        hash=report.hash,
        state=report.state,
    )
    return "\n".join([*lines, f"{_plain(configuration)}", ""])


def _row(fields: list[str]) -> str:
    return "| " + " | ".join(_plain(field).replace("|", "\\|") for field in fields) + " |"


def _plain(sentence: str) -> str:
    """Text as one line without Markdown markup: tags, links, pictures, code, emphasis and mentions are escaped."""
    line = " ".join(visible(sentence).split("\n")).replace("\t", " ")
    line = re.sub(r"\\(?!u\{)|[`*~]|(?<!\w)_|_(?!\w)|!(?=\[)|(?<=\])\(", lambda found: f"\\{found[0]}", line)
    line = re.sub(r"(?<!\w)@(?=\w)", "&#64;", line.replace("&", "&amp;").replace("<", "&lt;"))
    return re.sub(r"\b(https?|ftp)://", r"\1&#58;//", line)


def junit(report: Report, summary: Summary) -> str:
    """A JUnit test case for each cell (whether it has a valid trial), each objective, and the gate."""
    with use(report.language):
        return _junit(report, summary)


def _junit(report: Report, summary: Summary) -> str:
    judged = summary.objectives
    failures = sum(not one.met for one in judged) + sum(cell.failure is not None for cell in report.cells)
    tests = len(judged) + len(report.cells)
    suite = ElementTree.Element("testsuite", name=report.title, tests=str(tests), failures=str(failures))
    if summary.gate is not None:
        _add_gate(suite, report, summary.gate)
    for cell in report.cells:
        case = ElementTree.SubElement(suite, "testcase", classname=report.title, name=cell.name)
        if cell.failure is not None:
            outcome, cause = cell.failure
            ElementTree.SubElement(case, "failure", message=cause).text = outcome
        else:
            ElementTree.SubElement(case, "system-out").text = cell.text
    for one in judged:
        case = ElementTree.SubElement(suite, "testcase", classname=report.title, name=one.name)
        if not one.met:
            ElementTree.SubElement(case, "failure", message=one.text)
    ElementTree.SubElement(suite, "system-out").text = " ".join(report.answer)
    for element in suite.iter():
        element.text = element.text and visible(element.text)
        element.attrib.update({name: visible(value) for name, value in element.attrib.items()})
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _add_gate(suite: ElementTree.Element, report: Report, gate: GateResult) -> None:
    """Add the case of a gate: a regression is a failure, an undecided gate an error."""
    case = ElementTree.SubElement(suite, "testcase", classname=report.title, name="no regression")
    kind = {GateConclusion.REGRESSION: "failure", GateConclusion.UNDECIDED: "error"}.get(gate.conclusion)
    suite.set("tests", str(int(suite.get("tests", "0")) + 1))
    if kind is None:
        ElementTree.SubElement(case, "system-out").text = " ".join(report.answer)
        return
    ElementTree.SubElement(case, kind, message=report.answer[0]).text = " ".join(report.answer)
    counted = f"{kind}s"
    suite.set(counted, str(int(suite.get(counted, "0")) + 1))
