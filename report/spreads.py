"""Means over the trials of a cell, with their range, as text. Pure."""

from __future__ import annotations

from harness.summarise.cells.failover import Spread
from report import format as text


def mean_count(spread: Spread) -> str:
    """A mean number over trials, with the range: 41 [38, 44]."""
    return _with_range(*(text.rate(value) for value in (spread.mean, spread.least, spread.most)))


def mean_share(spread: Spread) -> str:
    """A mean share over trials, with the range: 98 % [97, 99]."""
    return _with_range(*(text.percent(value) for value in (spread.mean, spread.least, spread.most)))


def mean_seconds(spread: Spread | None) -> str:
    """A mean duration over trials, with the range: 1.3 [1.0, 2.0] s."""
    if spread is None:
        return text.NOTHING
    return f"{_with_range(*(f'{value:.1f}' for value in (spread.mean, spread.least, spread.most)))} s"


def _with_range(mean: str, least: str, most: str) -> str:
    """A mean with the least and the most, where these differ as printed."""
    return mean if least == most == mean else f"{mean} [{least.removesuffix(' %')}, {most.removesuffix(' %')}]"
