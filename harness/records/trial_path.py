"""The path of a trial below trials/, such as "servers-2_vusers-100/r3", and its parts. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

_PATH = re.compile(r"([^/]+)/r(0(?:-probe(?:[2-9]|[1-9][0-9]+))?|[1-9][0-9]*)(-control)?(?:-attempt([1-9][0-9]*))?")


@dataclass(frozen=True, kw_only=True)
class TrialPath:
    """The parts of a trial's path; `str` and `parse` convert it.

    `cell` is the name of its cell's folder, which may contain any of the other parts' words. `repeat` is 0 for a probe
    of a search, of which a load may have several: `probe` numbers them from 1, which the path leaves out. `attempt`
    numbers earlier attempts from 1; None for the current one, which counts.
    """

    cell: str
    repeat: int
    control: bool = False
    attempt: int | None = None
    probe: int = 1

    @classmethod
    def parse(cls, text: str) -> TrialPath:
        """Return the parts of a path; raises ValueError if it is not the path of a trial."""
        found = _PATH.fullmatch(text)
        if found is None:
            raise ValueError(
                f"not the path of a trial (got {text!r:.200}). "
                "Allowed: <cell>/r<repeat>, with -control, -attempt<number> or both, or <cell>/r0-probe<number>"
            )
        cell, numbers, control, attempt = found.groups()
        repeat, _, probe = numbers.partition("-probe")
        return cls(
            cell=cell,
            repeat=int(repeat),
            control=control is not None,
            attempt=int(attempt) if attempt else None,
            probe=int(probe or 1),
        )

    def __str__(self) -> str:
        attempt = "" if self.attempt is None else f"-attempt{self.attempt}"
        probe = "" if self.probe == 1 else f"-probe{self.probe}"
        return f"{self.cell}/r{self.repeat}{probe}{'-control' if self.control else ''}{attempt}"

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
