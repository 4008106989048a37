"""A small measured study whose traffic is a mix of requests, or a transaction of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.judge import latency_stats
from harness.judge.assess import assess
from harness.records.directory import StudyDirectory
from harness.records.requests import Histograms, Logins, RequestStats
from harness.records.trial import TrialData
from harness.study.summaries import csv_files
from harness.summarise.summary import summarise_directory
from tests.builders import measured_study

PREDICT, HISTORY = "predict", "Verlauf /history?q=ä"  # a name may be any text
TIMES_MS = {PREDICT: 200, HISTORY: 20}
TRAFFIC = {
    "requests": [
        {"name": PREDICT, "weight": 3, "request": {"path": "/predict"}},
        {"name": "history", "weight": 1, "request": {"path": "/history"}},
    ]
}


def counted(requests: int, ms: int, failed: int = 0, late_ms: int = 10_000) -> tuple[RequestStats, Histograms]:
    """Return the requests of one name: successes after `ms`, and failures after `late_ms`."""
    served = requests - failed
    errors = {"timeout": failed} if failed else {}
    stats = RequestStats(requests=requests, failed=failed, completed=served, slow=0, errors=errors)
    failures = latency_stats.histogram_of_ms([(late_ms, failed)]) if failed else ""
    return stats, Histograms(latency_stats.histogram_of_ms([(ms, served)]), failures)


def with_requests(data: TrialData, by_name: Mapping[str, tuple[RequestStats, Histograms]], **more: Any) -> TrialData:
    """Return the trial with requests by name, not judged; `more` are keys of its record."""
    record = data.record.model_copy(update={"requests": {name: stats for name, (stats, _) in by_name.items()}, **more})
    return replace(data, record=record, requests={name: each for name, (_, each) in by_name.items()})


def mixed_study(directory: StudyDirectory, **keys: Any) -> StudyDirectory:
    """Write a study of a mix that passes `check`: three of four requests are predictions."""
    made = measured_study(directory, request=None, traffic=TRAFFIC, **keys)
    study = made.need_study()
    digests = {}
    for where in made.trials():
        data = made.trial(where)
        each = data.record.cell["servers"]
        mix = {PREDICT: counted(3000, TIMES_MS[PREDICT] // int(each), failed=30), HISTORY: counted(1000, 20)}
        sent = {str(2**power): f"{data.record.repeat:032x}" for power in range(4)}
        data = with_requests(data, mix, sent=sent, logins=Logins(completed=2000))
        made_again = made.path / "trials" / where
        for file in made_again.iterdir():
            file.unlink()
        made_again.rmdir()
        made.write_trial(where, replace(data, record=assess(data, study.scaled_grid)))
        digests[where] = made.digest_of(where)
    made.write_study(study.model_copy(update={"digests": digests}))
    for name, text in csv_files(summarise_directory(made)).items():
        (made.path / name).write_text(text, encoding="utf-8")
    return made
