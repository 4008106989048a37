"""Whether a load's window is long enough for a capacity under the objective p95, the largest of several. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from harness.grid.schema import Grid
from harness.language import tr
from harness.summarise.capacity.crossing import LINE_ERROR
from harness.words import percent

ENOUGH = 100  # multiples of p95: the window is long enough
LEAST = 20  # multiples of p95: below, the error is larger than p95 / window


@dataclass(frozen=True)
class ShortWindow:
    """A window that is short for the objective p95; both in seconds at full speed."""

    length_s: float
    p95_s: float

    @property
    def no_evidence(self) -> bool:
        """Whether it is so short that it gives no capacity: most of the window passes before a queue is visible."""
        return self.length_s < LEAST * self.p95_s

    @property
    def sentence(self) -> str:
        """The bias and the fix, without a capital letter and a full stop."""
        enough = tr("{ENOUGH} times p95, {ENOUGH_2:.3g} s", ENOUGH=ENOUGH, ENOUGH_2=ENOUGH * self.p95_s)
        window = tr(
            "a window of {length_s:.3g} s is short for p95 below {p95_s:,.0f} ms",
            length_s=self.length_s,
            p95_s=1000 * self.p95_s,
        )
        if self.no_evidence:
            return tr(
                "{window}: there is no capacity below {LEAST} times p95, {LEAST_2:.3g} s; use {enough}",
                window=window,
                LEAST=LEAST,
                LEAST_2=LEAST * self.p95_s,
                enough=enough,
            )
        much = percent(self.p95_s / self.length_s)
        return tr(
            "{window}: capacities are overestimated by up to {much}; with {enough}, by {ENOUGH}",
            window=window,
            much=much,
            enough=enough,
            ENOUGH=percent(1 / ENOUGH),
        )


def line_error(grid: Grid) -> float:
    """Half width of a crossing's logarithm for what no number of blocks reduces: the line and the window's length."""
    return line_error_of(max(grid.objectives.all_p95_s, default=None), grid.load.duration - grid.window_from_s)


def line_error_of(p95_s: float | None, length_s: float) -> float:
    """The same for a window of `length_s` seconds and this objective in seconds, None without one.

    Capacities are overestimated by about p95 / window (`too_short`), so twice that is added to the line's error.
    """
    return LINE_ERROR + (2 * min(p95_s / length_s, 1 / LEAST) if p95_s is not None else 0.0)


def too_short(grid: Grid) -> ShortWindow | None:
    """The window if it is short for the objective p95; None if it is not, or without that objective.

    Long queues are rare, and the rarer they are within one window, the smaller is the share over the objective in most
    trials, compared with the long run. The capacity of one server is overestimated by about p95 / window, that of three
    servers by half of that, in simulations of queues M/D/c for any p95 from 1.5 to 4 times the service time.
    """
    p95_s, length_s = max(grid.objectives.all_p95_s, default=None), grid.load.duration - grid.window_from_s
    if p95_s is None or length_s >= ENOUGH * p95_s:
        return None
    slower = grid.time_factor
    return ShortWindow(length_s / slower, p95_s / slower)
