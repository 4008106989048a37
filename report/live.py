"""The page of a running study and its updates, within a budget of CPU time."""

from __future__ import annotations

import time

import scipy.special  # noqa: F401 - imported now, not with the first interval, while users start

from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from report import build
from report.output import live_data

BUDGET_S = 0.3  # of CPU time for each trial


class Writer:
    """Writes the page once and then its updates, for at most `budget_s` of CPU time for each trial."""

    def __init__(self, study: StudyDirectory, budget_s: float = BUDGET_S, language: str = "en") -> None:
        self._study = study
        self._budget_s = budget_s
        self._language = language
        self._begun = False
        self._saved_s = self._cost_s = 0.0  # saved by recorded trials, and used by the last update

    def begin(self) -> None:
        """Write the page with the trials so far; does nothing while there is no study yet."""
        try:
            update = build.update(self._study, self._language)
        except BadInput:
            return
        live_data.write(self._study.path, live_data.FILE, update)
        live_data.write(self._study.path, "report.html", build.page(self._study, live_data.FILE, self._language))
        self._begun = True

    def trials_recorded(self, trials: int) -> None:
        """Write an update after `trials` more trials; later, with the next ones, where that exceeds the budget."""
        self._saved_s += self._budget_s * trials
        if self._saved_s < self._cost_s:
            return
        if not self._begun:
            self.begin()
            return
        began = time.process_time()
        live_data.write(self._study.path, live_data.FILE, build.update(self._study, self._language))
        self._cost_s = time.process_time() - began
        self._saved_s -= self._cost_s
