"""The knee of a topology's throughput: the number of users at which it saturates. Pure.

Asymptotic model of a closed loop: X(N) = min(N / (R0 + Z), µ), whose two lines meet at the knee
N* = µ (R0 + Z). Lazowska et al., Quantitative System Performance (1984), chapter 5. Both lines are fitted to
all probes at once, on logarithms, as noise is proportional to throughput. R0 + Z is a free parameter, so the fit does
not depend on the think time. A real curve is rounded at the knee: it lies below the model there.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# Users at saturation, in knees. The users' maximum rate is then at least 1.3 µ, so a trial at µ has 77 % of it, and it
# is load-limited from 95 % on: knee and trial together may err by a fifth. Above 1.5 only the queue grows.
LEAST, MOST = 1.3, 1.5
FLAT = 1.1  # knees, from where on a probe is an estimate of µ: nearer to the knee noise and waiting reduce the rate
SAME = 1e-9  # logs of users that differ by less are equal


@dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; `low` and `high` are None where the probes are too few."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, kw_only=True)
class Knee:
    """Both lines, fitted to the probes; `rising` and `level` are the residuals (logs) on each of them.

    `flat` are the logs of the rates of the probes well beyond the knee, which estimate µ.
    `users` is N*, `rate` µ in requests per second. Without a rising probe N* is at most `users`, without a level
    one at least: then `users` is the smallest or the largest load that was probed.
    """

    users: float
    rate: float
    rising: tuple[float, ...]
    level: tuple[float, ...]
    flat: tuple[float, ...]

    @property
    def bracketed(self) -> bool:
        """Whether there are probes on both sides of it."""
        return bool(self.rising and self.level)

    @property
    def probes(self) -> int:
        """The number of probes that it is fitted to."""
        return len(self.rising) + len(self.level)

    @property
    def users_estimate(self) -> Estimate:
        """N* with its interval, by the delta method on logs: ln N* = ln µ + ln(R0 + Z), each a mean over its probes.

        Both lines get the noise of the noisier one, with its degrees of freedom. Their noise is never pooled, as
        load-limited rates are several times less noisy than saturated ones, and there are many more of them. In
        simulated searches intervals from the pooled squares had a coverage of 75 to 95 %, these of 94 to 99 %
        (docs/explanation/statistics.md). The interval needs two probes on either side.
        """
        if len(self.rising) < 2 or len(self.level) < 2:
            return Estimate(self.users)
        noisier = max(self.level, self.rising, key=_variance)
        variance = _variance(noisier) * (1 / len(self.rising) + 1 / len(self.level))
        return _with_interval(self.users, variance, len(noisier) - 1)

    @property
    def rate_estimate(self) -> Estimate:
        """µ as the mean of the logs well beyond the knee, with its t interval; with fewer than three of them as fitted.

        Two equal ones would have an interval of width 0 (rule E15 has none below three either).
        """
        if len(self.flat) < 3:
            return Estimate(self.rate)
        variance = _variance(_residuals(self.flat)) / len(self.flat)
        return _with_interval(math.exp(_mean(self.flat)), variance, len(self.flat) - 1)

    @property
    def saturating_users(self) -> int:
        """Users that saturate the topology: 1.3 times the interval's high end, but 1.3 to 1.5 times the knee.

        Without an interval 1.5 times the knee; without a rising probe 1.5 times the smallest load.
        """
        high = self.users_estimate.high
        factor = MOST if high is None else min(max(LEAST * high / self.users, LEAST), MOST)
        return math.ceil(round(factor * self.users, 6))  # rounded, as whole numbers differ in the last digits


def fit(rates: Mapping[int, float]) -> Knee | None:
    """Fit the knee by least squares to users → requests per second, all above 0; None without any.

    With k rising probes the sum of squares is a parabola in ln N*, so its minimum is exact.
    """
    if not rates:
        return None
    loads = sorted(rates)
    x, y = [math.log(load) for load in loads], [math.log(rates[load]) for load in loads]
    ln_users = min((_between(x, y, k) for k in range(1, len(x))), default=(0.0, x[-1]))[1]
    all_rising = [rate - load for load, rate in zip(x, y, strict=True)]
    if ln_users >= x[-1] - SAME:
        return Knee(
            users=float(loads[-1]),
            rate=math.exp(x[-1] + _mean(all_rising)),
            rising=_residuals(all_rising),
            level=(),
            flat=(),
        )
    if ln_users <= x[0] + SAME:
        return Knee(users=float(loads[0]), rate=math.exp(_mean(y)), rising=(), level=_residuals(y), flat=tuple(y))
    beyond = [load >= ln_users - SAME for load in x]
    reduced = [rate - min(load - ln_users, 0.0) for load, rate in zip(x, y, strict=True)]
    rising = [value for value, level in zip(all_rising, beyond, strict=True) if not level]
    level = [rate for rate, level in zip(y, beyond, strict=True) if level]
    flat = tuple(rate for load, rate in zip(x, y, strict=True) if load >= ln_users + math.log(FLAT))
    return Knee(
        users=math.exp(ln_users),
        rate=math.exp(_mean(reduced)),
        rising=_residuals(rising),
        level=_residuals(level),
        flat=flat,
    )


def _between(x: Sequence[float], y: Sequence[float], k: int) -> tuple[float, float]:
    """The least sum of squares with `k` rising probes, and its ln N*.

    ln X = ln µ + min(ln N − ln N*, 0).
    """
    n = len(x)
    # ln µ is the mean of p + q ln N*, with q = 1 for rising probes and 0 for level ones.
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


def _variance(residuals: Sequence[float]) -> float:
    return math.fsum(value * value for value in residuals) / (len(residuals) - 1)


def _with_interval(value: float, variance: float, freedom: float) -> Estimate:
    from harness.summarise.statistics.intervals import t_quantile  # here, because a start should not load numpy

    half = min(t_quantile(freedom) * math.sqrt(variance), 700.0)  # exp of more overflows
    return Estimate(value, value * math.exp(-half), value * math.exp(half))
