"""The page of a running study, which stays, and its news, which it takes in every few seconds."""

from __future__ import annotations

import time

import scipy.special  # noqa: F401 - now, and not with the first interval, while users start

from harness.errors import BadInput
from harness.records.directory import StudyDirectory
from report import build
from report.output import html, live_data

BUDGET_S = 0.3  # of CPU that the page may cost a trial


class Writer:
    """Renders the page once and its news from then on, for no more CPU time than a study can spare."""

    def __init__(self, study: StudyDirectory, budget_s: float = BUDGET_S) -> None:
        self._study = study
        self._budget_s = budget_s
        self._begun = False
        self._saved_s = self._cost_s = 0.0  # of trials that were told, and of the last time

    def begin(self) -> None:
        """The page with what there is, and a place for news; nothing while there is no study yet."""
        try:
            report, _ = build.model_of(self._study)
        except BadInput:
            return
        live_data.write(self._study.path, live_data.FILE, html.news(report))
        live_data.write(self._study.path, "report.html", html.html(report, live_data.FILE))
        self._begun = True

    def tell(self, trials: int) -> None:
        """What so many more trials brought; where that costs more than their share, together with the next ones'."""
        self._saved_s += self._budget_s * trials
        if self._saved_s < self._cost_s:
            return
        if not self._begun:
            self.begin()
            return
        began = time.process_time()
        live_data.write(self._study.path, live_data.FILE, html.news(build.model_of(self._study)[0]))
        self._cost_s = time.process_time() - began
        self._saved_s -= self._cost_s
