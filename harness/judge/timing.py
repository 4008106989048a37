"""Times in a trial: of events for its chart, and of the end of the warm-up. Pure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from harness.judge.observation import Observation, deaths, silent
from harness.language import tr
from harness.records.series import Sample
from harness.records.trial import TrialRecord


def of_trial(seen: Observation) -> list[tuple[float, str]]:
    """Return (second, event) for log events, server failures and deaths with a known time, in the order of time.

    A death has the time of the server's last reading, at most one second early.
    """
    found = [(at, event) for event, at in seen.balancer.events_first_s.items()]
    found += [(round(at, 1), f"{server} stopped") for server, at in seen.stopped.items()]
    for server, what in seen.died.items():
        readings = [h.t_s for h in seen.hosts if h.host == server]
        if readings:
            found.append((max(readings), str(what.of(server))))
    return sorted(found)


def events(record: TrialRecord) -> list[tuple[float, str]]:
    """Return the recorded times of a trial with the events in the current language; lines of a log stay as they are."""
    if record.figures is None:
        return []
    known: dict[str, str] = {}
    if (context := record.context) is not None:
        stopped = context.server_failure.stopped_s if context.server_failure else {}
        known = {f"{server} stopped": tr("{server} stopped", server=server) for server in stopped}
        died = silent(context) | deaths(
            [name for name in context.expected_servers if name in record.hosts], record.hosts
        )
        known |= {str(death.of(server)): tr(death.of(server)) for server, death in died.items()}
    return [(at, known.get(what, what)) for at, what in record.figures.timeline]


def mser_cut_s(samples: Sequence[Sample]) -> int | None:
    """Second from which the rate is steady by MSER-5; None for a series of less than 20 s.

    The cut minimises the standard error of the mean of the rest, over batches of 5 s and at most half of
    the series: White, "An Effective Truncation Heuristic for Bias Reduction in Simulation
    Output", Simulation 69 (1997). A note only: on healthy short trials it cuts in up to half of them.
    """
    batches = [sum(s.completed for s in samples[i : i + 5]) / 5 for i in range(0, len(samples) - 4, 5)]
    if len(batches) < 4:
        return None
    scores = []
    for cut in range(len(batches) // 2 + 1):
        rest = np.array(batches[cut:])
        scores.append(float(((rest - rest.mean()) ** 2).sum()) / len(rest) ** 2)
    return 5 * int(np.argmin(scores))
