"""The data of all charts of a report. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from harness.records.study import StudyRecord
from harness.records.trial import TrialData
from harness.summarise.gains.gain import Gain
from harness.summarise.summary import Summary
from report import estimates
from report.charts import capacity_data, gain_data, latency_data, load_data, request_data, series_data, trial_data
from report.elements import Chart


def charts(
    study: StudyRecord,
    summary: Summary,
    gains: Sequence[Gain],
    counted: Mapping[str, TrialData],
    trials: Mapping[str, TrialData],
    height: int,
) -> dict[str, Chart]:
    """The charts by name, without those that have no data; `gains` in the order of the report.

    `counted` are the trials of cells, `trials` also has probes of a search and control trials. The first chart
    is `height` pixels high. With capacities alone
    each topology has its own loads, so charts that compare topologies at equal loads are left out.
    """
    grid, cells = summary.grid, summary.cells
    equal_loads = bool(gains) or not estimates.has_capacities(summary)
    ceiling = study.ceiling.per_s if study.ceiling else None
    plot = gain_data.gain_plot(gains, summary.capacity_gains)
    capacities = capacity_data.chart(summary, paired=plot is not None)
    paired = plot is not None and capacities is None
    found = (
        gain_data.headline(cells, counted, ceiling, paired=paired) if equal_loads else None,
        capacities,
        plot,
        series_data.series(cells, counted, grid.window_from_s, grid.load.duration),
        latency_data.chart(cells, counted, grid.evidence.percentile_p99_samples) if equal_loads else None,
        load_data.chart(summary, trials),
        request_data.chart(summary),
        trial_data.chart(cells, counted),
    )
    drawn = {chart.name: chart for chart in found if chart}
    first = next((name for name in ("capacity_by_servers", "headline") if name in drawn), None)
    if first is not None:
        drawn[first] = replace(drawn[first], arguments={**drawn[first].arguments, "height": height})
    return drawn
