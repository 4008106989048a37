"""One order for what is read in any."""

from __future__ import annotations

import json

from harness.records.trial import TrialRecord


def canonical(record: TrialRecord) -> TrialRecord:
    """The record as it is read from its file, where the keys of every mapping are sorted.

    What walks through a mapping then gives the same before and after the trial is written.
    """
    text = json.dumps(record.model_dump(mode="json"), sort_keys=True)
    return TrialRecord.model_validate_json(text)
