"""results.parquet: every second of every trial, tidy, for anybody's notebook."""

from __future__ import annotations

import io
from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from harness.grid.schema import Level
from harness.records.directory import StudyDirectory
from harness.records.study import grid_of
from harness.records.trial import TrialRecord

SAMPLES = pa.schema(
    [
        ("t_s", pa.int32()),
        ("completed", pa.int32()),
        ("failed", pa.int32()),
        ("users", pa.float64()),
        ("in_flight", pa.float64()),
        ("mean_ms", pa.float64()),
    ]
)


def parquet(study: StudyDirectory) -> bytes:
    """One row a second; the same results give the same bytes.

    Columns: the factors' levels, `trial`, `repeat`, `block_position`, `sentinel`, `outcome`, `usable`,
    `in_window`, and those of samples.csv that others may rely on.
    """
    grid = grid_of(study.read_json("study.json") or {})
    levels = {name: _kind([*grid.factors[name], *(part[name] for part in grid.include)]) for name in grid.factors}
    tables = [_rows(study, where, record, levels) for where, record in study.trials().items()]
    whole = (
        pa.concat_tables(tables) if tables else pa.table({name: pa.array([], kind) for name, kind in levels.items()})
    )
    out = io.BytesIO()
    pyarrow.parquet.write_table(whole, out, compression="zstd")
    return out.getvalue()


def _kind(levels: Sequence[Level]) -> pa.DataType:
    """The type that holds all levels of a factor; text where they have nothing in common."""
    kinds = {type(level) for level in levels}
    if len(kinds) == 1:
        return {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}[kinds.pop()]
    return pa.float64() if kinds == {int, float} else pa.string()


def _rows(study: StudyDirectory, where: str, record: TrialRecord, levels: dict[str, pa.DataType]) -> pa.Table:
    convert = pyarrow.csv.ConvertOptions(
        column_types=SAMPLES, include_columns=SAMPLES.names, strings_can_be_null=True, null_values=[""]
    )
    read = pyarrow.csv.read_csv(study.path / "trials" / where / "samples.csv", convert_options=convert)
    seconds = read.num_rows
    columns = {}
    for name, kind in levels.items():
        level = record.cell[name]
        columns[name] = pa.repeat(pa.scalar(str(level) if kind == pa.string() else level, kind), seconds)
    for name, value in (
        ("trial", where),
        ("repeat", record.repeat),
        ("block_position", record.block_position),
        ("sentinel", record.sentinel),
        ("outcome", record.outcome),
        ("usable", record.usable),
    ):
        columns[name] = pa.repeat(value, seconds)
    # By Arrow's own functions: a Python list would make it load pandas, where that is installed.
    from_s, to_s = (record.window.from_s, record.window.to_s) if record.window else (0.0, 0.0)
    after, before = pc.greater_equal(read["t_s"], from_s), pc.less_equal(read["t_s"], to_s - 1)
    columns["in_window"] = pc.and_(after, before)
    return pa.table({**columns, **{name: read[name] for name in SAMPLES.names}})
