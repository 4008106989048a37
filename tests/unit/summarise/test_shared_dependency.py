"""Servers that wait for something that they share: another server adds nothing."""

from __future__ import annotations

import pytest

from harness.grid.objectives import Objectives
from harness.records.trial import Component
from harness.summarise.comparison import attribution
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import Summary, summarise_records
from harness.summarise.sustainable_rate import sustainable_rates
from report.sentences import answer, findings
from report.tables import gains as gain_table
from tests.builders import changed, grid, record, study_record

SAME = (280.0, 284.0, 277.0, 281.0, 279.0)


def study(cpu: dict[int, float], kind: str = "concurrency", two: tuple[float, ...] = SAME) -> Summary:
    """Return a study of one and two servers at one load; `cpu` is the CPU utilization of a server."""
    records = {}
    for servers, rates in ((1, SAME), (2, two)):
        for block, tps in enumerate(rates, 1):
            bottleneck = {
                "component": "server",
                "basis": {"kind": kind},
                "figures": {"times": 8.0, "server_cpu": cpu[servers]},
            }
            records[f"servers-{servers}_vusers-100/r{block}"] = changed(
                record(servers, 100, block, tps), bottleneck=bottleneck
            )
    return summarise_records(grid(factors={"servers": [1, 2], "vusers": [100]}, repeats=5), records)


def gain_of(summary: Summary) -> Gain:
    (gain,) = summary.gains
    return gain


def test_equal_throughput_of_waiting_servers_is_a_shared_dependency() -> None:
    summary = study({1: 0.3, 2: 0.16})
    assert gain_of(summary).shared
    assert "something that they share, such as a database" in answer.answer(summary)[0]
    table = gain_table.gain_table(summary.gains, summary.cells)
    assert table
    assert table.rows[0][8] == "dependency"
    assert "something that they share" in table.rows[0][-1]


def measured(*components: str) -> Summary:
    """Return a study of topologies with these bottlenecks, whose database has a CPU utilization of 97 %."""
    records = {}
    for servers, component in enumerate(components, 1):
        for block, tps in enumerate(SAME, 1):
            bottleneck = {
                "component": component,
                "basis": {"kind": "dependency CPU", "subject": "PostgreSQL"}
                if component == "dependency"
                else {"kind": "server CPU"},
                "figures": {"server_cpu": 0.99, "dependency_cpu": 0.97},
            }
            throughput = tps * min(servers, 1.5)
            records[f"servers-{servers}_vusers-1500/r{block}"] = changed(
                record(servers, 1500, block, throughput), bottleneck=bottleneck
            )
    factors = {"servers": list(range(1, len(components) + 1)), "vusers": [1500]}
    return summarise_records(grid(factors=factors, repeats=5), records)


def test_a_gain_beyond_a_dependency_is_no_statement_about_servers() -> None:
    first, second = measured("server", "dependency", "dependency").gains
    assert first.kind is GainKind.LOWER_BOUND
    assert first.ratio
    assert first.ratio.value == pytest.approx(1.5)
    assert second.kind is GainKind.NOT_MEASURABLE
    assert second.reason == "the bottleneck of 2 servers was the dependency: the CPU utilization of PostgreSQL was 97 %"
    assert not first.shared


def test_the_report_states_what_a_dependency_means_for_the_next_server() -> None:
    found = findings.sentences(measured("server", "dependency", "dependency"), study_record())
    assert found == ["At 1,500 users a fourth server will not help: the CPU utilization of PostgreSQL was 97 %."]
    assert "will not help" not in " ".join(findings.sentences(measured("server", "server"), study_record()))


def test_the_rate_at_a_dependency_is_the_topologys_own() -> None:
    rates = sustainable_rates(measured("server", "dependency").cells, Objectives())
    assert [rate.lower_bound for rate in rates] == [False, False]
    sides = (Component.SERVER, Component.DEPENDENCY)
    assert attribution.of_components(sides, attribution.NOT_SERVERS).hidden_by is Component.DEPENDENCY


@pytest.mark.parametrize(
    ("cpu", "kind", "two"),
    [
        ({1: 0.3, 2: 0.3}, "concurrency", SAME),  # the servers spend the CPU on something else
        ({1: 0.9, 2: 0.45}, "server CPU", SAME),
        ({1: 0.3, 2: 0.3}, "concurrency", tuple(1.9 * tps for tps in SAME)),
        ({1: 0.3, 2: 0.15}, "concurrency", (150.0, 610.0, 200.0, 500.0, 250.0)),  # nothing is known
    ],
)
def test_other_equal_throughputs_are_not(cpu: dict[int, float], kind: str, two: tuple[float, ...]) -> None:
    summary = study(cpu, kind, two)
    assert not gain_of(summary).shared
    assert "share" not in " ".join(answer.answer(summary))
