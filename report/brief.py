"""The answer in short, for places that show no page: Markdown for a pull request, JUnit for a CI server. Pure."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree

from harness.summarise import objectives
from harness.summarise.summary import Summary
from report import format as text
from report import rejections
from report.lost import sentence as loss_sentence
from report.model import Report
from report.parts import anchor, cell_name


def markdown(report: Report, summary: Summary) -> str:
    """Answer, capacities, gains and objectives."""
    lines = [f"### {report.title}: how much more do more servers bring?", ""]
    lines += [*(f"**{sentence}**" for sentence in report.answer), ""]
    for table in (report.capacity, report.gains):
        if table is not None:
            lines += [_row(table.columns), _row(["---"] * len(table.columns)), *(_row(row) for row in table.rows), ""]
    lines += [*(f"- {finding}" for finding in report.findings), ""]
    judged = objectives.judge(summary)
    lines += [f"- {'met' if one.met else '**not met**'}: {one.text}" for one in judged]
    lines += [""] if judged else []
    return "\n".join([*lines, f"{report.where} Configuration {report.hash}, {report.state}.", ""])


def _row(fields: list[str]) -> str:
    return "| " + " | ".join(field.replace("|", "\\|") for field in fields) + " |"


def junit(report: Report, summary: Summary) -> str:
    """One test case for each cell (was it measured?) and each objective."""
    judged = objectives.judge(summary)
    bad = [one for one in judged if not one.met]
    lost = [cell for cell in summary.cells if not cell.usable]
    suite = ElementTree.Element(
        "testsuite", name=report.title, tests=str(len(judged) + len(summary.cells)), failures=str(len(bad) + len(lost))
    )
    losses = {anchor(one.cell): loss_sentence(one, summary.grid.objectives) for one in summary.losses if one.trials}
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
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"
