#!/usr/bin/env python3
"""Recompute page 1 of a report and its mixes of requests from the data files, with pandas (pip install pandas pyarrow).

    python docs/recompute.py results/<study>

Reads results.parquet (every second of every trial), cells.csv and gains.csv, and imports nothing of this project.
Recomputes the throughput of every cell and every gain from the seconds, compares them with both tables, and finds
them in report.html. For a mix of requests it also reads study.json and every trial.json: it recomputes requests.csv's
counts and shares, and for each gain whether both sides did the same work (rule E25). The exit code is 1 if one differs.
"""

import html
import json
import math
import re
import sys
from collections import Counter
from pathlib import Path
from statistics import NormalDist

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


def mixes(folder, seconds, factors):
    """Levels of a cell → name → requests in the windows of its trials that count, from every trial.json."""
    counted = seconds[seconds.usable & ~seconds.control & (seconds.repeat > 0)]
    found = {}
    for where, rows in counted.groupby("trial"):
        requests = json.loads((folder / "trials" / where / "trial.json").read_text(encoding="utf-8"))["requests"]
        key = tuple(str(rows.iloc[0][name]) for name in factors)
        found.setdefault(key, Counter()).update({name: each["requests"] for name, each in requests.items()})
    return found


def mix_held(first, second, least):
    """Whether no share differs by more than `least` and by more than chance: 99 %, Bonferroni over the names."""
    names = sorted({*first, *second})
    totals = first.total(), second.total()
    if len(names) < 2 or not all(totals):
        return True
    z = NormalDist().inv_cdf(1 - 0.01 / 2 / len(names))
    for name in names:
        pooled = (first[name] + second[name]) / sum(totals)
        chance = z * math.sqrt(pooled * (1 - pooled) * (1 / totals[0] + 1 / totals[1]))
        if abs(first[name] / totals[0] - second[name] / totals[1]) > max(least, chance):
            return False
    return True


def check_mixes(folder, seconds, factors, gains, compare):
    """Compare requests.csv with every trial.json, and each gain with rule E25: without the same work there is none."""
    found = mixes(folder, seconds, factors)
    for _, row in pd.read_csv(folder / "requests.csv").iterrows():
        if row["kind"] == "request":
            mine = found.get(tuple(str(row[name]) for name in factors), Counter())
            name = f"{row['request']} at {', '.join(f'{factor} {row[factor]}' for factor in factors)}"
            compare(f"{name} requests", row["requests"], mine[row["request"]])
            compare(f"{name} share", row["share"], mine[row["request"]] / mine.total() if mine else None)
    grid = json.loads((folder / "study.json").read_text(encoding="utf-8"))["configuration"]["grid"]
    least = str((grid.get("evidence") or {}).get("mix_held", 0.01))  # a share, as in 0.01 or 1%
    least = float(least.rstrip("% ")) / (100 if "%" in least else 1)
    for _, row in gains.iterrows():
        if row.get("load") == "saturation":
            continue
        sides = (row.from_servers, row.to_servers)
        of = [tuple(str(side if name == "servers" else row.get(name)) for name in factors) for side in sides]
        if not all(each in found for each in of):
            continue
        held = mix_held(found[of[0]], found[of[1]], least)
        what = f"{row.from_servers} → {row.to_servers} rule E25: {'the mix held' if held else 'the mix shifted'}"
        if held:
            print(f"ok    {what}")
        else:
            compare(f"{what}, gain", row.gain, None)


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
    if (folder / "requests.csv").exists():
        check_mixes(folder, seconds, factors, gains, compare)
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
