"""What was counted, as tables in Markdown."""

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
    "false words",
    "refused",
    "marked",
    "frozen: noticed",
    "users' rate",
    "named, of studies",
    "asked",
)
VERDICTS = (
    Component.SERVER,
    Component.LOAD,
    Component.GENERATOR,
    Component.BALANCER,
    Component.NETWORK,
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
            _shares(+count.words, lambda _: sum(count.told.values())),
            _shares(count.refused, lambda _: count.trials),
            _shares(count.marked, lambda _: count.trials),
            share(count.noticed, count.frozen),
            share(count.of_truth, count.users),
            _shares(+count.named, lambda _: count.studies),
            scenario.asked,
        )
    )


def _coverage(count: Tally, step: int) -> str:
    """The share that holds the truth; and what the others say that have no gain."""
    own = {
        what.removeprefix(STEPS[step]).strip(): n for what, n in count.instead.items() if what.startswith(STEPS[step])
    }
    held = share(count.held[step], count.told[step])
    return held + "".join(f"; {what} in {share(n, count.studies)}" for what, n in own.items())


def _shares(counts: Counter[str], whole: Callable[[str], int]) -> str:
    return ", ".join(f"{name} {share(n, whole(name))}" for name, n in sorted(counts.items())) or "–"


def false_verdicts(scenarios: Iterable[Scenario], found: Found) -> str:
    """Trials by a bottleneck that is wrong, of those whose limit is clear."""
    text = header(("scenario", "trials", *(f"false `{limit}`" for limit in VERDICTS)))
    total = Tally()
    for scenario in scenarios:
        count = found[scenario.name]
        text += _false(scenario.name, count)
        if scenario.clean:
            total.add(count)
    return text + _false("**all clean scenarios**", total)


def _false(name: str, count: Tally) -> str:
    return row((name, str(count.judged), *(share(count.false[limit.value], count.judged) for limit in VERDICTS)))
