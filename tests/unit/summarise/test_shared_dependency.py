"""Servers that wait for something that they share: another server adds nothing."""

from __future__ import annotations

import pytest

from harness.summarise.gains.gain import Gain
from harness.summarise.summary import Summary, summarise_records
from report.sentences import answer
from report.tables import gains as gain_table
from tests.builders import changed, grid, record

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
