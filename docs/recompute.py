#!/usr/bin/env python3
"""Recompute page 1 of a report from its data files, with pandas alone (pip install pandas pyarrow).

    python docs/recompute.py results/<study>

Reads results.parquet (every second of every trial), cells.csv and gains.csv, and imports nothing of this project.
Recomputes the throughput of every cell and every gain from the seconds, compares them with both tables, and finds
them in report.html. The exit code is 1 if one differs.
"""

import html
import math
import re
import sys
from pathlib import Path

import pandas as pd

OWN = ("trial", "repeat", "block_position", "control", "outcome", "usable", "in_window")
SERIES = ("t_s", "completed", "failed", "users", "in_flight", "mean_ms")


def t_quantile(freedom, share=0.95):
    """Two-sided quantile of Student's t, by integrating its density (Simpson) and halving the bracket."""
    scale = math.exp(math.lgamma((freedom + 1) / 2) - math.lgamma(freedom / 2)) / math.sqrt(freedom * math.pi)

    def within(t, steps=2000):
        width = t / steps
        values = [scale * (1 + (i * width) ** 2 / freedom) ** (-(freedom + 1) / 2) for i in range(steps + 1)]
        return 2 * width / 3 * (values[0] + values[-1] + 4 * sum(values[1:-1:2]) + 2 * sum(values[2:-1:2]))

    low, high = 0.0, 100.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) < share else (low, middle)
    return (low + high) / 2


def interval(values, share=0.95):
    """Mean with its t interval over trials; no interval below three."""
    mean, k = values.mean(), len(values)
    if k < 3:
        return mean, None, None
    half = t_quantile(k - 1, share) * values.std(ddof=1) / math.sqrt(k)
    return mean, mean - half, mean + half


def trials(seconds, factors):
    """Mean rate of successes in the steady window, one row for each trial that counts."""
    counted = seconds[seconds.usable & seconds.in_window & ~seconds.control & (seconds.repeat > 0)]
    return counted.groupby([*factors, "repeat"], as_index=False).completed.mean()


def gain(table, factors, row, share=0.95):
    """The ratio of one step over pairs of the same block: estimate, interval, number of pairs."""
    alike = table
    for name in factors:
        if name != "servers" and name in row and not pd.isna(row[name]):
            alike = alike[alike[name].astype(str) == str(row[name])]
    by = alike.pivot_table(index="repeat", columns="servers", values="completed")
    if row.from_servers not in by or row.to_servers not in by:
        return None
    pairs = by[[row.from_servers, row.to_servers]].dropna()
    logs = (pairs[row.to_servers] / pairs[row.from_servers]).apply(math.log)
    mean, low, high = interval(logs, share)
    return math.exp(mean), None if low is None else math.exp(low), None if high is None else math.exp(high), len(logs)


def shown(value, low, high):
    """A gain as the report prints it."""
    digits = 3 if low is not None and high - low < 0.015 else 2
    text = f"{value:.{digits}f}×"
    return text if low is None else f"{text} [{low:.{digits}f}, {high:.{digits}f}]"


def page(folder):
    """The text of report.html, without its tags and scripts."""
    text = re.sub(r"<(script|style).*?</\1>", " ", (folder / "report.html").read_text(encoding="utf-8"), flags=re.S)
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))


def main():
    """Compare and print; returns the exit code."""
    folder = Path(sys.argv[1])
    seconds = pd.read_parquet(folder / "results.parquet")
    factors = [name for name in seconds.columns if name not in OWN + SERIES]
    table = trials(seconds, factors)
    printed, wrong = page(folder), []

    def compare(what, stored, found):
        same = (pd.isna(stored) and found is None) or (found is not None and math.isclose(stored, found, rel_tol=1e-4))
        computed = "none" if found is None else f"{found:.6g}"
        print(f"{'ok   ' if same else 'WRONG'} {what}: printed {stored:.6g}, computed {computed}")
        if not same:
            wrong.append(what)

    for _, row in pd.read_csv(folder / "cells.csv").iterrows():
        if pd.isna(row.tps_mean):
            continue
        mine = table
        for name in factors:
            mine = mine[mine[name].astype(str) == str(row[name])]
        name = ", ".join(f"{factor} {row[factor]}" for factor in factors)
        for column, found in zip(("tps_mean", "tps_low", "tps_high"), interval(mine.completed), strict=True):
            compare(f"{name} {column}", row[column], found)

    gains = pd.read_csv(folder / "gains.csv")
    confidence = 1 - 0.05 / max(1, gains.simultaneous_low.notna().sum())  # Bonferroni
    for _, row in gains.iterrows():
        if pd.isna(row.gain) or "vusers" not in row or row.get("load") == "saturation":
            continue
        value, low, high, k = gain(table, factors, row)
        name = f"{row.from_servers} → {row.to_servers} at {row.vusers} users"
        compare(f"{name} gain", row.gain, value)
        compare(f"{name} k", row.k, k)
        if k >= 5:  # with fewer the interval also uses the noise of other cells; the paired t is next to it
            compare(f"{name} low", row.low, low)
            compare(f"{name} high", row.high, high)
        text = shown(value, low, high)
        if k >= 5 and not pd.isna(row.simultaneous_low):
            _, low, high, _ = gain(table, factors, row, confidence)
            compare(f"{name} simultaneous low", row.simultaneous_low, low)
            compare(f"{name} simultaneous high", row.simultaneous_high, high)
        if k < 5:
            text = text.partition("× ")[2]  # only the paired t's interval
        if k >= 3 and text not in printed:
            wrong.append(f"{text} is not in report.html")
            print(f"WRONG {name}: report.html does not print {text}")
        elif k >= 3:
            print(f"ok    {name}: report.html prints {text}")

    print(f"{len(wrong)} differ" if wrong else "everything is as printed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
