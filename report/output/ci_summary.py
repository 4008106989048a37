"""The answer in short, for places that show no page: Markdown for a pull request, JUnit for a CI server. Pure."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ElementTree

from harness.summarise.summary import Summary
from harness.words import visible
from report import format as text
from report.elements import anchor, cell_name
from report.model import Report
from report.sentences import rejections
from report.sentences.failover import sentence as loss_sentence


def markdown(report: Report, summary: Summary) -> str:
    """Answer, capacities, gains and objectives."""
    lines = [f"### {_plain(report.title)}: how much more do more servers bring?", ""]
    lines += [*(f"**{_plain(sentence)}**" for sentence in report.answer), ""]
    for table in (report.capacity, report.gains):
        if table is not None:
            lines += [_row(table.columns), _row(["---"] * len(table.columns)), *(_row(row) for row in table.rows), ""]
    lines += [*(f"- {_plain(finding)}" for finding in report.findings), ""]
    judged = summary.objectives
    lines += [f"- {'met' if one.met else '**not met**'}: {_plain(one.text)}" for one in judged]
    lines += [""] if judged else []
    return "\n".join([*lines, f"{_plain(f'{report.where} Configuration {report.hash}, {report.state}.')}", ""])


def _row(fields: list[str]) -> str:
    return "| " + " | ".join(_plain(field).replace("|", "\\|") for field in fields) + " |"


def _plain(said: str) -> str:
    """Text as one line in which Markdown finds no markup: no tags, links, pictures, code, emphasis or mentions."""
    line = " ".join(visible(said).split("\n")).replace("\t", " ")
    line = re.sub(r"\\(?!u\{)|[`*~]|(?<!\w)_|_(?!\w)|!(?=\[)|(?<=\])\(", lambda found: f"\\{found[0]}", line)
    line = re.sub(r"(?<!\w)@(?=\w)", "&#64;", line.replace("&", "&amp;").replace("<", "&lt;"))
    return re.sub(r"\b(https?|ftp)://", r"\1&#58;//", line)


def junit(report: Report, summary: Summary) -> str:
    """One test case for each cell (was it measured?) and each objective."""
    judged = summary.objectives
    bad = [one for one in judged if not one.met]
    lost = [cell for cell in summary.cells if not cell.usable]
    suite = ElementTree.Element(
        "testsuite", name=report.title, tests=str(len(judged) + len(summary.cells)), failures=str(len(bad) + len(lost))
    )
    losses = {anchor(one.cell): loss_sentence(one, summary.grid.objectives) for one in summary.failovers if one.trials}
    for cell in summary.cells:
        case = ElementTree.SubElement(suite, "testcase", classname=report.title, name=cell_name(cell))
        if not cell.usable:
            ElementTree.SubElement(case, "failure", message=cell.cause).text = cell.outcome
        else:
            told = f"{rejections.of_cell(cell)}{text.rate_interval(cell.tps)} requests per second"
            ElementTree.SubElement(case, "system-out").text = losses.get(anchor(cell.cell), told)
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
