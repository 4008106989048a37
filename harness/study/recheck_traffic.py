"""Check that all topologies of a block received the same traffic (common random numbers)."""

from __future__ import annotations

from collections.abc import Mapping

from harness.grid.load import LOAD_FACTORS
from harness.records.trial import TrialRecord


def same_traffic(records: Mapping[str, TrialRecord]) -> list[str]:
    """Return the differences in the traffic of one load within a block, with both trials.

    `records` are by path. Each record has a digest for some numbers of transactions. Digests that two of them have in
    common must be equal. Scripts have none. Probes of a search with different numbers draw different traffic.
    """
    first: dict[tuple[object, ...], tuple[str, str]] = {}
    problems = []
    for where, record in records.items():
        load = tuple((name, record.cell[name]) for name in LOAD_FACTORS if name in record.cell)
        for count, digest in record.sent.items():
            key = (record.repeat, record.probe or 1, load, count)
            other, known = first.setdefault(key, (where, digest))
            if known != digest:
                problems.append(
                    f"{where} and {other} were sent different traffic: the digests of {count} transactions are "
                    f"{digest:.40} and {known:.40}"
                )
    return problems
