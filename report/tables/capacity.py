"""The table of capacities, with the gain over the next smaller topology. Pure."""

from __future__ import annotations

from harness.grid.objectives import in_words
from harness.language import messages, tr
from harness.summarise.capacity.capacity import Capacity, CapacityGain
from harness.summarise.gains.gain import GainKind
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.summary import Summary
from report import estimates, phrases
from report import format as text
from report.elements import Table

OBJECTIVES = messages({"error_rate": "errors"})
COLUMNS = messages(
    [
        "topology",
        "capacity",
        "95 % interval",
        "missed first",
        "gain",
        "95 % interval",
        "efficiency",
        "blocks",
        "requests",
        "by formula",
        "N−1 capacity",
        "conclusion",
    ]
)


def table(summary: Summary) -> Table | None:
    """A row for each topology; None without capacities."""
    if not estimates.has_capacities(summary):
        return None
    steps = {(tuple(gain.others.items()), gain.to_servers): gain for gain in summary.capacity_gains}
    rows = [_row(one, steps.get((tuple(one.others.items()), one.servers))) for one in summary.capacities]
    return Table(columns=COLUMNS, rows=rows, right=tuple(range(1, 11)), note=_note(summary))


def _row(one: Capacity, gain: CapacityGain | None) -> list[str]:
    reference, n_minus_1 = one.reference, one.n_minus_1
    ratio = gain.ratio if gain else None
    floor = gain is not None and gain.kind == GainKind.LOWER_BOUND
    return [
        one.name.replace(" ", "\u00a0", 1),
        estimates.amount(one),
        estimates.interval(one) or text.NOTHING,
        tr(OBJECTIVES.get(one.first_missed, "")) or in_words(one.first_missed) or text.NOTHING,
        f"≥ {text.ratio(ratio.value)}" if floor and ratio else text.ratio(ratio),
        text.NOTHING if floor else text.ratio_interval(ratio),
        estimates.efficiency(gain) if gain and ratio else text.NOTHING,
        str(one.blocks),
        text.rate(one.requests),
        text.NOTHING if reference is None else estimates.load(reference, one.factor),
        tr("none") if one.servers == 1 else estimates.with_interval(n_minus_1) if n_minus_1 else text.NOTHING,
        ": ".join(filter(None, (gain.conclusion_text if gain else "", (gain.reason if gain else "") or one.reason)))
        or text.NOTHING,
    ]


def _note(summary: Summary) -> str:
    unit = tr("offered requests per second") if summary.grid.is_open else tr("users")
    sentences = [
        tr(
            "Capacity: the largest load with {grid}, in {unit}; a failed request counts as late. Nothing "
            "is extrapolated beyond the measured loads. The gain is relative to the next smaller "
            "topology. N−1 capacity: the capacity with one server fewer, after the balancer has removed "
            "a failed server; a grid with fail_servers measures the requests lost until then.",
            grid=estimates.objectives(summary.grid),
            unit=unit,
        ),
        *_n_minus_1(summary),
    ]
    exact = [
        f"{phrases.count(one.servers, 'server')} {estimates.load(one.reference, one.factor)}"
        for one in summary.capacities
        if one.reference is not None
    ]
    if exact:
        sentences.append(tr("By formula (M/D/c), for paced servers: {listed}.", listed=", ".join(exact)))
    if any(gain.conclusion is Conclusion.SUPER_LINEAR for gain in summary.capacity_gains):
        sentences.append(
            tr(
                "Super-linear gains are expected: with more servers, random queueing decreases, so capacity "
                "grows faster than the number of servers."
            )
        )
    return " ".join(sentences)


def _n_minus_1(summary: Summary) -> list[str]:
    """What the N−1 capacities assume: that a failed server is removed, and which servers are left."""
    failing = [one for one in summary.capacities if one.n_minus_1 is not None]
    sentences: list[str] = []
    stays = [summary.grid.balancer_of(one.others) for one in failing if one.removes_failed is False]
    sentences += dict.fromkeys(tr(balancer.failed_server_stays) for balancer in stays)
    if summary.server_spread is not None and summary.server_spread.differs:
        for left in (one.n_minus_1 for one in failing):
            if left is not None and left.hosts:
                turn = tr(" in turn") if len(left.hosts) > left.servers else ""
                many = phrases.count(left.servers + 1, "server")
                sentences.append(
                    tr(
                        "The servers differ: N−1 of {many} was measured with {list}{turn}.",
                        many=many,
                        list=phrases.joined(list(left.hosts)),
                        turn=turn,
                    )
                )
    return sentences
