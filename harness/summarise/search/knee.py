"""The knee of a topology's throughput: where users stop being the limit and servers begin to be. Pure.

Asymptotic model of a closed loop: X(N) = min(N / (R0 + Z), µ), whose two lines meet at the knee
N* = µ (R0 + Z). Lazowska et al., Quantitative System Performance (1984), chapter 5. Both lines are fitted to
all probes at once, on logarithms, because what disturbs throughput does so by a share of it. R0 + Z is free,
so that the think time need not be believed. A real curve is rounded at the knee: it lies below the model there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Users at saturation, in knees. The users' bound is then 1.3 µ at least, so a trial at µ has 77 % of it, where
# the bottleneck `users` begins at 95 %: knee and trial together may err by a fifth. Beyond 1.5 only the queue grows.
LEAST, MOST = 1.3, 1.5
FLAT = 1.1  # knees, from where on a probe tells of µ: next to the knee noise and waiting only take from the rate
SAME = 1e-9  # logs of users that differ by less are the same


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; without `low` and `high` the probes give none."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Knee:
    """Both lines as they fit the probes best; `rising` and `level` are the residuals (logs) on each of them.

    `flat` are the logs of the rates that tell of µ, those of the probes well beyond the knee.
    `users` is N*, `rate` µ in requests per second. Without a rising probe N* is at most `users`, without a level
    one at least: then `users` is the smallest or the largest load that was probed.
    """

    users: float
    rate: float
    rising: tuple[float, ...]
    level: tuple[float, ...]
    flat: tuple[float, ...]

    @property
    def seen(self) -> bool:
        """Whether there are probes on both sides of it."""
        return bool(self.rising and self.level)

    @property
    def probes(self) -> int:
        """How many it is fitted to."""
        return len(self.rising) + len(self.level)


def fit(rates: Mapping[int, float]) -> Knee | None:
    """The least squares' knee of users → requests per second, all above 0; None without any.

    With k probes on the rise the squares are a parabola in ln N*, so the least of all is found exactly.
    """
    if not rates:
        return None
    loads = sorted(rates)
    x, y = [math.log(load) for load in loads], [math.log(rates[load]) for load in loads]
    ln_users = min((_between(x, y, k) for k in range(1, len(x))), default=(0.0, x[-1]))[1]
    all_rising = [rate - load for load, rate in zip(x, y, strict=True)]
    if ln_users >= x[-1] - SAME:
        return Knee(float(loads[-1]), math.exp(x[-1] + _mean(all_rising)), _residuals(all_rising), (), ())
    if ln_users <= x[0] + SAME:
        return Knee(float(loads[0]), math.exp(_mean(y)), (), _residuals(y), tuple(y))
    beyond = [load >= ln_users - SAME for load in x]
    reduced = [rate - min(load - ln_users, 0.0) for load, rate in zip(x, y, strict=True)]
    rising = [value for value, level in zip(all_rising, beyond, strict=True) if not level]
    level = [rate for rate, level in zip(y, beyond, strict=True) if level]
    flat = tuple(rate for load, rate in zip(x, y, strict=True) if load >= ln_users + math.log(FLAT))
    return Knee(math.exp(ln_users), math.exp(_mean(reduced)), _residuals(rising), _residuals(level), flat)


def _between(x: Sequence[float], y: Sequence[float], k: int) -> tuple[float, float]:
    """Least sum of squares with `k` probes on the rise and the ln N* that has it.

    ln X = ln µ + min(ln N − ln N*, 0).
    """
    n = len(x)
    # What ln µ has to explain is p + q ln N*, with q = 1 on the rise and 0 beyond it.
    p = [y[i] - (x[i] if i < k else 0.0) for i in range(n)]
    mean_p, mean_q = _mean(p), k / n
    s_qq = k * (n - k) / n
    s_pq = math.fsum((p[i] - mean_p) * ((i < k) - mean_q) for i in range(n))
    knee = min(max(-s_pq / s_qq, x[k - 1]), x[k])
    squares = math.fsum((value - mean_p) ** 2 for value in p) + 2 * knee * s_pq + knee * knee * s_qq
    return squares, knee


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def _residuals(values: Sequence[float]) -> tuple[float, ...]:
    mean = _mean(values) if values else 0.0
    return tuple(value - mean for value in values)


def users(knee: Knee) -> Estimate:
    """N* with its interval, by the delta method on logs: ln N* = ln µ + ln(R0 + Z), each a mean over its own probes.

    Both lines count as disturbed as the noisier of them, with that one's degrees of freedom. Their noise is never
    pooled, because rates that users limit are several times quieter than those that servers do, and many more:
    intervals from the pooled squares held the truth in 75 to 95 % of simulated searches, these in 94 to 99 %
    (docs/evidence.md). It takes two probes on either side.
    """
    if len(knee.rising) < 2 or len(knee.level) < 2:
        return Estimate(knee.users)
    noisier = max(knee.level, knee.rising, key=_variance)
    variance = _variance(noisier) * (1 / len(knee.rising) + 1 / len(knee.level))
    return _around(knee.users, variance, len(noisier) - 1)


def rate(knee: Knee) -> Estimate:
    """µ as the mean of the logs well beyond the knee, with its t interval; with fewer than three of them as fitted.

    Two that happen to be equal would make an interval of no width (rule E15 has none below three either).
    """
    if len(knee.flat) < 3:
        return Estimate(knee.rate)
    variance = _variance(_residuals(knee.flat)) / len(knee.flat)
    return _around(math.exp(_mean(knee.flat)), variance, len(knee.flat) - 1)


def _variance(residuals: Sequence[float]) -> float:
    return math.fsum(value * value for value in residuals) / (len(residuals) - 1)


def _around(value: float, variance: float, freedom: float) -> Estimate:
    from harness.summarise.statistics.intervals import (
        t_quantile,  # numpy takes long to load, and a start has no need of it
    )

    half = min(t_quantile(freedom) * math.sqrt(variance), 700.0)  # what exp can hold
    return Estimate(value, value * math.exp(-half), value * math.exp(half))


def saturating(knee: Knee) -> int:
    """Users that surely saturate: 1.3 times the interval's high end, from 1.3 to 1.5 times the knee itself.

    Without an interval 1.5 times the knee; where no probe rises, of the smallest load.
    """
    high = users(knee).high
    factor = MOST if high is None else min(max(LEAST * high / knee.users, LEAST), MOST)
    return math.ceil(round(factor * knee.users, 6))  # the same on every machine, where it is a whole number
