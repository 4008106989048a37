"""The path of a trial below trials/, such as "servers-2_vusers-100/r3", and its parts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_PATH = re.compile(r"([^/]+)/r(0|[1-9][0-9]*)(-control)?(?:-attempt([1-9][0-9]*))?")


@dataclass(frozen=True)
class TrialPath:
    """The parts of a trial's path; `str` and `parse` convert it.

    `cell` is the name of its cell's folder, which may contain any of the other parts' words. `repeat` is 0 for a probe
    of a search. `attempt` numbers earlier attempts from 1; None for the current one, which counts.
    """

    cell: str
    repeat: int
    control: bool = False
    attempt: int | None = None

    @classmethod
    def parse(cls, text: str) -> TrialPath:
        """Return the parts of a path; raises ValueError if it is not the path of a trial."""
        found = _PATH.fullmatch(text)
        if found is None:
            raise ValueError(
                f"not the path of a trial (got {text!r:.200}). "
                "Allowed: <cell>/r<repeat>, with -control, -attempt<number> or both"
            )
        cell, repeat, control, attempt = found.groups()
        return cls(cell, int(repeat), control=control is not None, attempt=int(attempt) if attempt else None)

    def __str__(self) -> str:
        attempt = "" if self.attempt is None else f"-attempt{self.attempt}"
        return f"{self.cell}/r{self.repeat}{'-control' if self.control else ''}{attempt}"

    @property
    def is_current(self) -> bool:
        """Whether this trial counts: it is not an earlier attempt, which was repeated."""
        return self.attempt is None

    @property
    def current(self) -> TrialPath:
        """The path of the trial that counts, of which this is an attempt."""
        return replace(self, attempt=None)

    @property
    def first(self) -> TrialPath:
        """The path of the first trial of a control trial's cell in the same block."""
        return replace(self, control=False)
