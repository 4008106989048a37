"""The counts as tables in Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from benchmarks.truth.study import Tally
from benchmarks.truth.world import Scenario
from harness.records.trial import Component

Found = Mapping[str, Tally]  # by the scenario's name
STEPS = ("1 → 2", "2 → 3")
COVERED = (
    "scenario",
    "studies",
    *STEPS,
    "false conclusions",
    "invalid",
    "warning",
    "frozen: noticed",
    "users' rate",
    "findings, of studies",
    "criterion",
)
COMPONENTS = (
    Component.SERVER,
    Component.LOAD,
    Component.GENERATOR,
    Component.BALANCER,
    Component.NETWORK,
    Component.DEPENDENCY,
    Component.UNKNOWN,
)


def row(cells: Iterable[str]) -> str:
    """A row of a table."""
    return f"| {' | '.join(cells)} |\n"


def header(cells: Iterable[str]) -> str:
    """The first row of a table, and the line below it."""
    names = list(cells)
    return row(names) + "|---" * len(names) + "|\n"


def share(part: float, whole: float) -> str:
    """A share as text; a dash of nothing."""
    return f"{part / whole:.1%}" if whole else "–"


def covered(scenario: Scenario, count: Tally) -> str:
    """A scenario's row: coverage of studies that have a gain with an interval, and what became of their trials."""
    return row(
        (
            scenario.name,
            str(count.studies),
            *(_coverage(count, step) for step in range(len(STEPS))),
            _shares(+count.false_conclusions, lambda _: sum(count.with_interval.values())),
            _shares(count.invalid, lambda _: count.trials),
            _shares(count.warnings, lambda _: count.trials),
            share(count.noticed, count.frozen),
            share(count.of_truth, count.users),
            _shares(+count.findings, lambda _: count.studies),
            scenario.criterion,
        )
    )


def _coverage(count: Tally, step: int) -> str:
    """The share of intervals that contain the truth, and the kinds of the steps without an interval."""
    others = {
        what.removeprefix(STEPS[step]).strip(): n
        for what, n in count.other_kinds.items()
        if what.startswith(STEPS[step])
    }
    covered = share(count.covered[step], count.with_interval[step])
    return covered + "".join(f"; {what} in {share(n, count.studies)}" for what, n in others.items())


def _shares(counts: Counter[str], whole: Callable[[str], int]) -> str:
    return ", ".join(f"{name} {share(n, whole(name))}" for name, n in sorted(counts.items())) or "–"


def false_bottlenecks(scenarios: Iterable[Scenario], found: Found) -> str:
    """Trials with a wrong bottleneck, of those whose true one is clear."""
    text = header(("scenario", "trials", *(f"false `{limit}`" for limit in COMPONENTS)))
    total = Tally()
    for scenario in scenarios:
        count = found[scenario.name]
        text += _false(scenario.name, count)
        if scenario.clean:
            total.add(count)
    return text + _false("**all clean scenarios**", total)


def _false(name: str, count: Tally) -> str:
    return row(
        (name, str(count.judged), *(share(count.false_bottlenecks[limit.value], count.judged) for limit in COMPONENTS))
    )
