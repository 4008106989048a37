"""What is judged does not depend on the order in which something was read."""

import json
from typing import Any

import pytest

from harness.judge.assess import assess
from harness.records.canonical import canonical
from harness.records.trial import TrialData, TrialRecord
from tests.builders import grid, trial_data


def turned(value: Any) -> Any:
    """The same with every mapping in the opposite order."""
    if isinstance(value, dict):
        return {key: turned(inner) for key, inner in reversed(value.items())}
    return [turned(inner) for inner in value] if isinstance(value, list) else value


def troubled(servers: int) -> TrialData:
    """A trial whose balancer logged two kinds of events, and two of whose servers died."""
    data = trial_data(servers, 1000, 1, 280, 1)
    written = data.record.model_dump(mode="json")
    events = {"upstream prematurely closed connection": 40, "connect() failed": 40}
    written["counters"]["balancer"]["events"] = events
    for name in (f"server-{servers}", "server-2"):
        written["hosts"][name]["after"] |= {"running": False, "exit_code": 137}
    return TrialData(
        record=TrialRecord.model_validate(written),
        samples=data.samples,
        hosts=data.hosts,
        balancer=data.balancer,
        latencies=data.latencies,
    )


@pytest.mark.parametrize("servers", [2, 11])
def test_a_trial_is_judged_alike_before_and_after_it_was_written(servers: int) -> None:
    """Includes server-10, which JSON sorts before server-2, and two kinds of events."""
    data, written = troubled(servers), grid()
    first = assess(data, written)
    assert len(first.findings) >= 2
    stored = json.loads(json.dumps(first.model_dump(mode="json"), sort_keys=True))
    for again in (stored, turned(stored)):
        record = TrialRecord.model_validate(again)
        found = assess(
            TrialData(
                record=record, samples=data.samples, hosts=data.hosts, balancer=data.balancer, latencies=data.latencies
            ),
            written,
        )
        assert found == first
        assert [finding.cause for finding in found.findings] == [finding.cause for finding in first.findings]


def test_a_canonical_record_has_its_mappings_sorted() -> None:
    record = canonical(trial_data(11, 1000, 1, 280, 1).record)
    assert list(record.hosts) == sorted(record.hosts)
    assert canonical(record) == record
