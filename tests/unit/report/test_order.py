"""The order of trials in the report, and cells that were measured in few blocks."""

from pathlib import Path
from typing import Any

from harness.records.directory import StudyDirectory
from harness.records.study import PredictedIdle, StudyRecord
from report import build
from report.sentences import answer, order
from tests.builders import grid, study, study_record

FACTORS = {"servers": [1, 2, 3], "vusers": [250, 900]}  # a think time of 1 s
RATES = {(1, 250): 140.0, (2, 250): 238.0, (3, 250): 238.0, (1, 900): 140.0, (2, 900): 278.0, (3, 900): 410.0}
REST = PredictedIdle(blocks=2, cells=({"servers": 3, "vusers": 250},), capacity_per_s=140.0, unloaded_s=0.05)


def record(**more: Any) -> StudyRecord:
    written = grid(factors=FACTORS, repeats=5, **more.pop("grid", {}))
    return study_record(configuration={"grid": written.model_dump(mode="json", by_alias=True)}, **more)


def test_the_seed_has_its_source() -> None:
    drawn = (
        "5 randomised blocks in balanced order (rows of Williams squares), seed 815, drawn at the start of the study"
    )
    assert order.sentence(record(seed=815), 5) == drawn
    given = order.sentence(record(seed=815, grid={"seed": 815}), 5)
    assert given == drawn.removesuffix(", drawn at the start of the study")


def test_cells_with_few_blocks_have_prediction_and_outcome() -> None:
    assert order.few_blocks(record()) == ""
    sentence = order.few_blocks(record(predicted_idle=REST))
    assert sentence.startswith(
        "3 servers at 250 users: 2 blocks only, to verify the prediction of idle servers (2 servers can serve 118 %"
    )
    assert sentence.endswith("; fewer than 3 trials have no interval")
    assert order.few_blocks(record(predicted_idle=REST.model_copy(update={"contradicted": ()}))).endswith(
        "; the prediction of idle cells held"
    )
    against = order.few_blocks(record(predicted_idle=REST.model_copy(update={"contradicted": REST.cells})))
    assert against.endswith("did not hold for 3 servers at 250 users: measured in all blocks")


def test_a_study_with_such_a_cell_prints_it_without_an_interval_and_its_statements_as_ever(tmp_path: Path) -> None:
    noise = (1.0, 1.01, 0.99, 1.005, 0.995)
    rates: dict[tuple[int, int], list[float | None]] = {
        key: [rate * factor for factor in noise[: 2 if key == (3, 250) else 5]] for key, rate in RATES.items()
    }
    made = study(StudyDirectory(tmp_path / "s"), rates, limits={(2, 250): "load", (3, 250): "load"})
    begun = made.need_study()
    made.write_study(begun.model_copy(update={"predicted_idle": REST}))
    report, summary = build.model_of(made)
    cells = {cell.name: cell for cell in summary.cells}
    rest = cells["servers 3, vusers 250"]
    assert (rest.trials, rest.tps and rest.tps.low) == (2, None)
    assert all(cell.tps and cell.tps.low for cell in cells.values() if cell is not rest)
    assert "Few blocks" in dict(report.facts)
    (floor,) = (sentence for sentence in answer.answer(summary) if sentence.startswith("At 250 users"))
    assert "indicative" not in floor, "its floor has five blocks; the step that shows nothing needs none"
    assert "at least" in floor
    others = [gain for gain in summary.gains if gain.is_statement]
    assert {gain.k for gain in others} == {5}
    assert summary.noise is not None
    assert {name for name, _ in summary.noise.residuals} == {n for n, c in cells.items() if c.bottleneck == "server"}
