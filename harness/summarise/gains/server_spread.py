"""How much the servers of a fleet differ in speed, estimated from the rotation of servers over blocks. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

import numpy as np

from harness.records.trial import Component, TrialRecord

LEAST_FREEDOM = 3  # of the residuals
SIGNIFICANCE = 0.05


@dataclass(frozen=True, kw_only=True)
class ServerSpread:
    """Differences between servers: `speeds` are relative to their mean, `spread` is their standard deviation.

    `p` is the p value of the F test against equal servers.
    """

    speeds: dict[str, float]
    spread: float
    p: float

    @property
    def differs(self) -> bool:
        """Whether the servers differ by more than chance explains."""
        return self.p < SIGNIFICANCE

    @property
    def slowest(self) -> str:
        """Name of the slowest server."""
        return min(self.speeds, key=lambda name: self.speeds[name])


@dataclass(frozen=True)
class _Trial:
    block: int
    cell: tuple[tuple[str, object], ...]
    servers: tuple[str, ...]
    log_rate: float


def of_records(
    records: Iterable[TrialRecord], types: Mapping[str, Sequence[str]] = MappingProxyType({})
) -> ServerSpread | None:
    """The spread of servers by the trials that servers limited; None if the design cannot separate them.

    With `types` (type → its servers) it is that of the type whose servers differ most clearly, by the topologies of
    this type alone; its p value is multiplied by the number of types (Bonferroni).
    """
    trials = [
        _Trial(
            record.repeat,
            tuple(sorted(record.cell.items())),
            tuple(record.context.expected_servers),
            math.log(record.tps_mean),
        )
        for record in records
        if record.usable and record.repeat and not record.control and record.context and record.tps_mean
        if record.component == Component.SERVER and not int(record.cell.get("fail_servers", 0))
    ]
    if not types:
        return _fit(trials)
    fits = [_fit([trial for trial in trials if set(trial.servers) <= set(own)]) for own in types.values()]
    found = min(filter(None, fits), key=lambda fit: fit.p, default=None)
    return found and replace(found, p=min(1.0, found.p * sum(fit is not None for fit in fits)))


def _fit(trials: Sequence[_Trial]) -> ServerSpread | None:
    """Least squares of ln throughput on blocks, cells and the mean effect of the servers that took part.

    The variance between servers is that of the estimated effects, without the part that the trials' noise adds to it:
    the method of moments for random effects, Searle, Casella and McCulloch, "Variance Components" (1992), chapter 5.
    """
    from scipy import special  # here, because loading it takes a second that a start should not

    blocks, cells = sorted({trial.block for trial in trials}), sorted({trial.cell for trial in trials}, key=str)
    names = sorted({name for trial in trials for name in trial.servers})
    if len(names) < 2:
        return None
    own = np.array([[(name in t.servers) / len(t.servers) - 1 / len(names) for name in names] for t in trials])
    own = own[:, :-1] - own[:, -1:]  # effects sum to 0
    other = np.array([[t.block == k for k in blocks] + [t.cell == cell for cell in cells[1:]] for t in trials], float)
    y = np.array([t.log_rate for t in trials])
    both = np.hstack([other, own])
    rank, without = (int(np.linalg.matrix_rank(matrix)) for matrix in (both, other))
    freedom, effects = len(y) - rank, len(names) - 1
    if rank - without < effects or freedom < LEAST_FREEDOM:
        return None
    full, reduced = (_residual_squares(matrix, y) for matrix in (both, other))
    noise = full / freedom
    found = np.linalg.lstsq(both, y, rcond=None)[0][-effects:]
    speeds = np.append(found, -found.sum())
    # The covariance of the effects for a noise of 1, with the last server's by the constraint.
    left = own - other @ np.linalg.lstsq(other, own, rcond=None)[0]
    covariance = np.linalg.pinv(left.T @ left)
    last = covariance.sum()
    by_noise = noise * (float(np.trace(covariance)) + float(last)) / effects
    between = max(0.0, float((speeds**2).sum()) / effects - by_noise)
    ratio = (reduced - full) / effects / noise if noise else math.inf
    return ServerSpread(
        speeds={name: float(math.exp(speed)) for name, speed in zip(names, speeds, strict=True)},
        spread=math.sqrt(between),
        p=float(special.fdtrc(effects, freedom, ratio)),
    )


def _residual_squares(design: np.ndarray, y: np.ndarray) -> float:
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return float(((y - fitted) ** 2).sum())
