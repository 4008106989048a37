"""A cell's own page: its trials on one clock, from what was recorded."""

import json
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from altair.vegalite.v6.schema.core import load_schema

from benchmarks.sample import unpack
from harness.records.directory import StudyDirectory
from harness.records.findings import Finding, Severity
from harness.records.series import MachineSample
from harness.records.trial import TrialData
from harness.summarise.cells.cell import CellSummary
from harness.summarise.summary import summarise_directory
from report import build
from report.charts import drawing, trial_data
from tests.builders import changed, measured_study

CELL, TRIAL = "cell-servers-1_vusers-2000", "servers-1_vusers-2000/r1"
Measured = tuple[list[CellSummary], dict[str, TrialData]]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Measured:
    directory = measured_study(StudyDirectory(tmp_path_factory.mktemp("trials") / "study"))
    return summarise_directory(directory).cells, {w: directory.trial(w) for w in directory.trials()}


def of(measured: Measured, **changes: Any) -> dict[str, Any]:
    """The columns of the first trial, with other series."""
    cells, trials = measured
    chart = trial_data.chart(cells, {**trials, TRIAL: replace(trials[TRIAL], **changes)})
    assert chart is not None
    found = chart.arguments["cells"][CELL]
    assert [each["trial"] for each in found] == [f"servers-1_vusers-2000/r{k}" for k in (1, 2, 3)]
    return dict(found[0])


def test_a_trial_has_its_series_percentiles_and_utilization(measured: Measured) -> None:
    data = measured[1][TRIAL]
    found = of(measured)
    assert found["tps"] == [sample.completed for sample in data.samples]
    assert found["window"] == [data.record.window.from_s, data.record.window.to_s]  # type: ignore[union-attr] # it was judged
    assert found["percentiles"].keys() == {"p50", "p95", "p99"}
    # 0.19 cores of 0.2 for a server, of 0.4 for the balancer; the generator has no cap and no reading of its machine.
    assert {host: set(column[:17]) for host, column in found["hosts"].items()}["balancer"] == {0.475}
    assert found["hosts"]["server-1"][0] == pytest.approx(0.95)


def test_a_host_without_a_cap_uses_a_share_of_its_machine(measured: Measured) -> None:
    machines = [
        MachineSample(
            t_s=t + 0.5,
            machine="this machine",
            cores=4,
            busy_cores=1.0,
            steal_share=0.0,
            load=1.0,
            conntrack_share=None,
            offset_s=0.0,
        )
        for t in range(1, 9)
    ]
    data = measured[1][TRIAL]
    states = {
        name: state.model_copy(update={"before": state.before.model_copy(update={"cpus": None})})
        for name, state in data.record.hosts.items()
    }
    record = data.record.model_copy(update={"hosts": states})
    found = of(measured, machines=machines, record=record)["hosts"]
    assert found["this machine"][:8] == [0.25] * 8
    assert found["generator"][0] == pytest.approx(0.19 / 4, abs=0.001)


def test_events_and_findings_are_those_of_the_record(measured: Measured) -> None:
    record = measured[1][TRIAL].record
    finding = Finding(rule="E12", severity=Severity.NOTE, cause="the balancer retried 12 requests")
    noted = changed(record, figures={"timeline": [[6.0, "server-1 stopped"]]}).model_copy(
        update={"findings": (finding,)}
    )
    found = of(measured, record=noted)
    assert found["events"] == [[6.0, "server-1 stopped"]]
    assert found["findings"] == ["E12 note: the balancer retried 12 requests"]


def test_a_paced_server_is_used_by_its_slots() -> None:
    """In the sample: the mean over the window is the utilization that its bottleneck was decided by."""
    with tempfile.TemporaryDirectory() as folder:
        study = unpack(Path(folder))
        report, _ = build.model_of(study)
        running, _ = build.model_of(study, running=True)
        record = study.record("servers-2_vusers-1000/r1")
    found = report.charts["cell"].arguments["cells"]["cell-servers-2_vusers-1000"][0]
    assert {"server-1", "server-2", "balancer", "generator"} <= found["hosts"].keys()
    begin, end = (round(edge) for edge in found["window"])
    for name, slots in record.context.pacing.items():  # type: ignore[union-attr] # it has one
        if slots.answers:
            seconds = found["hosts"][name][begin:end]
            assert sum(seconds) / len(seconds) == pytest.approx(slots.busy / slots.offered, abs=0.05)
    # The page of a running study reads fewer files.
    assert running.charts["cell"].arguments["cells"]["cell-servers-2_vusers-1000"][0]["hosts"] == {}


def test_a_large_study_has_means_over_seconds(measured: Measured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial_data, "MOST_SECONDS", 40)
    samples = measured[1][TRIAL].samples
    found = of(measured)
    step = found["step"]
    assert step > 1
    assert len(found["tps"]) == -(-len(samples) // step)
    first = sum(sample.completed for sample in samples[:step]) / step
    assert found["tps"][0] == pytest.approx(first, rel=0.01)


def test_without_series_there_is_no_page(measured: Measured) -> None:
    cells, trials = measured
    assert trial_data.chart(cells, {w: replace(data, samples=[]) for w, data in trials.items()}) is None


def test_the_specification_follows_its_schema(measured: Measured) -> None:
    chart = trial_data.chart(*measured)
    assert chart is not None
    spec = drawing.specification(chart)
    assert next(jsonschema.Draft7Validator(load_schema()).iter_errors(spec), None) is None
    panels = [panel["name"] for panel in spec["vconcat"]]
    assert panels == ["panel_tps", "panel_in_flight", "panel_ms", "panel_hosts"]
    json.dumps(spec)
