"""One order of keys for records in memory and on disk."""

from __future__ import annotations

import json

from harness.records.trial import TrialRecord


def canonical(record: TrialRecord) -> TrialRecord:
    """Return the record with the keys of every mapping sorted, as in its file.

    Loops over a mapping then give the same result before and after the trial is written.
    """
    text = json.dumps(record.model_dump(mode="json"), sort_keys=True)
    return TrialRecord.model_validate_json(text)
