"""Print the first gains of a study as soon as its first block is measured."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.records.trial_path import TrialPath
from harness.study.events import Event, Listener, TrialEnded

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.study.config import StudyConfig


class FirstGain:
    """Listener that passes events on, and prints gains after the first block of a study that has more of them."""

    def __init__(self, config: StudyConfig, listener: Listener, write: Callable[[str], None]) -> None:
        self._config = config
        self._listener = listener
        self._print = write

    def __call__(self, event: Event) -> None:
        self._listener(event)
        if isinstance(event, TrialEnded) and self._ends_first_block(event):
            for sentence in self._sentences():
                self._print(sentence)

    def _ends_first_block(self, event: TrialEnded) -> bool:
        """Whether a trial is the last one of the first block, and not the study's last one."""
        if TrialPath.parse(event.trial).repeat != 1 or self._config.grid.repeats.max == 1 or self._config.grid.gate:
            return False
        first = {path for path in self._config.directory.need_study().plan if TrialPath.parse(path).repeat == 1}
        return first <= self._config.directory.trials().keys()

    def _sentences(self) -> list[str]:
        from harness.summarise.summary import summarise_records  # imports numpy
        from report.sentences import progress

        study = self._config.directory.need_study()
        gains = summarise_records(study.scaled_grid, self._config.directory.trials()).gains
        page = (self._config.directory.path / "report.html").resolve().as_uri()
        return [*progress.after_first_block(gains), f"the page updates after every trial: {page}"]
