"""Read a server's metrics in Prometheus' text format or OpenMetrics, with Prometheus' own library."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as open_metrics
from prometheus_client.parser import text_string_to_metric_families as plain_text
from prometheus_client.samples import Sample

MOST_NAMES = 12  # in a message


@dataclass(frozen=True, kw_only=True)
class Counting:
    """A server's counter of requests: its name, its labels, and the path at which it is read.

    Without a `trial` label, the counts of a load are the difference between after and before it. `only` are labels that
    a sample must have. `chosen` is whether the grid sets the counter.
    """

    name: str = "ml_requests_total"
    trial: str | None = "trial"
    status: str = "status"
    path: str = "/metrics"
    only: Mapping[str, str] = field(default_factory=dict)
    chosen: bool = False

    def counted(self, text: str, trial: str) -> dict[str, int] | None:
        """Status → requests of a trial, or since the start without a trial label; None without the counter."""
        there = list(samples(text, self.name))
        mine = [sample for sample in there if self._fits(sample)]
        if not mine and (there or self.name not in names(text)):
            return None
        found: dict[str, int] = {}
        for sample in mine:
            if self.trial is None or sample.labels[self.trial] == trial:
                status = sample.labels[self.status]
                found[status] = found.get(status, 0) + int(sample.value)
        return found

    def problem(self, text: str) -> str:
        """Why the counter cannot be used, and which metrics or labels exist instead; empty if it can."""
        there = names(text)
        if self.name not in there:
            near = difflib.get_close_matches(self.name, there, n=3, cutoff=0.5)
            shown = near or there[:MOST_NAMES]
            more = f" and {len(there) - len(shown)} others" if len(there) > len(shown) else ""
            listed = f"Existing metrics: {', '.join(shown)}{more}" if there else "The server has no metrics"
            return f"no metric {self.name!r}. {listed}"
        found = list(samples(text, self.name))
        labels = sorted({label for sample in found for label in sample.labels})
        for label in (self.status, *([self.trial] if self.trial else []), *self.only):
            if found and label not in labels:
                return f"{self.name} has no label {label!r}. Existing labels: {', '.join(labels) or 'none'}"
        if found and not any(self._fits(sample) for sample in found):
            return f"no sample of {self.name} has the labels {dict(self.only)}"
        return ""

    def _fits(self, sample: Sample) -> bool:
        needed = {self.status, *([self.trial] if self.trial else [])}
        only = all(sample.labels.get(name) == value for name, value in self.only.items())
        return only and needed <= sample.labels.keys() and math.isfinite(sample.value)


OURS = Counting()  # the counter of the service in service/


def slots(text: str) -> dict[str, float] | None:
    """Sums over a paced server's slots so far; None if the server is not paced."""
    found = {s.labels["state"]: s.value for s in samples(text, "ml_slot_seconds_total") if "state" in s.labels}
    late = [s.value for s in samples(text, "ml_late_seconds_total")]
    answers = [s.value for s in samples(text, "ml_paced_answers_total")]
    if not found or not late or not answers:
        return None
    return {**found, "late": late[-1], "answers": answers[-1]}


def samples(text: str, name: str) -> Iterator[Sample]:
    """All samples of a metric; lines of other metrics are not parsed."""
    base = name.removesuffix("_total")
    for family in _families("\n".join([line for line in text.splitlines() if base in line] + [""])):
        yield from (sample for sample in family.samples if sample.name == name)


def names(text: str) -> list[str]:
    """Sorted names of all samples, and of counters without samples."""
    families = _families(text)
    found = {sample.name for family in families for sample in family.samples}
    for family in families:
        if not family.samples and not any(name.startswith(f"{family.name}_") for name in found):
            found.add(f"{family.name}_total" if family.type == "counter" else family.name)
    return sorted(found)


def _families(text: str) -> list[Metric]:
    """All families. If a line is invalid, lines are parsed one by one, so that one metric does not hide the others."""
    try:
        if text.rstrip().endswith("# EOF"):
            return list(open_metrics(text))  # type: ignore[no-untyped-call] # this function of the library is untyped
        return list(plain_text(text))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return [family for line in text.splitlines() for family in _of_line(line)]


def _of_line(line: str) -> list[Metric]:
    try:
        return list(plain_text(line.strip() + "\n"))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError):
        return []
