"""The door to the data: pandas DataFrames of one or several studies, and the tables that are written from them.

    frames.samples(StudyDirectory(Path("results/...")))

Each takes one study, or a list of them; then a column `study` tells whose a row is. Columns are named, units
included, as in the files, and have the types of columns.py; the factors' come first. A value that does not exist is
<NA>, never 0. Loading pandas takes longer than many a command does, so this is the only module that loads it, and
who needs it imports it where it is needed.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from harness.errors import BadInput
from harness.grid.schema import Grid
from harness.records import columns
from harness.records.columns import Kinds
from harness.records.directory import StudyDirectory
from harness.records.stored import text_of
from harness.records.trial import TrialRecord
from harness.words import cell, of_cell

Studies = StudyDirectory | Sequence[StudyDirectory]
Row = Mapping[str, object]
_ARROW = {"boolean": pa.bool_(), "bool": pa.bool_(), "Int64": pa.int64(), "int64": pa.int64(), "string": pa.string()}


def samples(studies: Studies) -> pd.DataFrame:
    """Every second of every trial; raises BadInput for a study that is missing or damaged.

    `in_window` is true for seconds of the steady window. For throughput count those of `usable` trials that are
    neither `control` trials nor of repeat 0, which is a search's.
    """
    return _all(studies, lambda study, factors: _series(study, factors, columns.SAMPLES, study.samples, 0.0))


def hosts(studies: Studies) -> pd.DataFrame:
    """Every container in every second of every trial; `t_s` is when that second ended. Raises BadInput."""
    return _all(studies, lambda study, factors: _series(study, factors, columns.HOSTS, study.hosts, 1.0))


def trials(studies: Studies) -> pd.DataFrame:
    """One row a trial, from trial.json, without attempts that were repeated; raises BadInput."""
    return _all(studies, _trials)


def cells(studies: Studies) -> pd.DataFrame:
    """One row a cell, from cells.csv; raises BadInput where there is none."""
    return _all(studies, lambda study, factors: _table(study, "cells.csv", {**factors, **columns.CELLS}))


def gains(studies: Studies) -> pd.DataFrame:
    """One row a step between neighbouring topologies, from gains.csv; raises BadInput where there is none."""
    return _all(studies, lambda study, factors: _table(study, "gains.csv", columns.of_gains(_grid(study), factors)))


def capacity(studies: Studies) -> pd.DataFrame:
    """One row a topology, from capacity.csv, which is there where objectives hold for a load; raises BadInput."""
    return _all(
        studies, lambda study, factors: _table(study, "capacity.csv", columns.of_capacity(_grid(study), factors))
    )


def cells_csv(rows: Sequence[Row]) -> str:
    """The text of cells.csv; floats have six digits, what is missing is empty."""
    return _text(rows, {name: columns.CELLS.get(name, "") for name in (rows[0] if rows else ())})


def failover(studies: Studies) -> pd.DataFrame:
    """One row a cell that loses servers, from failover.csv; raises BadInput where there is none."""
    return _all(studies, lambda study, factors: _table(study, "failover.csv", {**factors, **columns.FAILOVER}))


def failover_csv(rows: Sequence[Row]) -> str:
    """The text of failover.csv; floats have six digits, what is missing is empty."""
    return _text(rows, {name: columns.FAILOVER.get(name, "") for name in (rows[0] if rows else ())})


def gains_csv(rows: Sequence[Row], grid: Grid) -> str:
    """The text of gains.csv; floats have six digits, what is missing is empty."""
    return _text(rows, columns.of_gains(grid, dict.fromkeys(grid.factors, "")))


def capacity_csv(rows: Sequence[Row], grid: Grid) -> str:
    """The text of capacity.csv; floats have six digits, what is missing is empty."""
    return _text(rows, columns.of_capacity(grid, dict.fromkeys(grid.factors, "")))


def parquet(study: StudyDirectory) -> bytes:
    """results.parquet: `samples` without what the rules alone need. The same results give the same bytes."""
    table = samples(study)
    table = table[[name for name in table if name not in columns.SAMPLES or name in columns.SHARED]]
    kinds = {name: _ARROW.get(str(kind), pa.float64()) for name, kind in table.dtypes.items()}
    kinds |= {name: pa.int32() for name in columns.SHARED if columns.SAMPLES[name] == "int64"}
    arrow = pa.Table.from_pandas(table, pa.schema(list(kinds.items())), preserve_index=False)
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow.replace_schema_metadata(None), out, compression="zstd")
    return out.getvalue()


def _all(studies: Studies, of_one: Callable[[StudyDirectory, Kinds], pd.DataFrame]) -> pd.DataFrame:
    """One study's rows, or those of several below each other with the same types; <NA> for another's factor."""
    several = [studies] if isinstance(studies, StudyDirectory) else list(studies)
    if not several:
        raise BadInput("no study is given; give at least one directory below results/")
    grids = [_grid(study) for study in several]
    factors = columns.of_factors(grids)
    parts = [
        of_one(study, {name: factors[name] for name in grid.factors})
        for study, grid in zip(several, grids, strict=True)
    ]
    if isinstance(studies, StudyDirectory):
        return parts[0]
    there = {name: str(kind) for part in parts for name, kind in part.dtypes.items()}
    kinds = {"study": "string", **{name: kind for name, kind in factors.items() if name in there}, **there}
    named = zip(_names(several), parts, strict=True)
    whole = [part.assign(study=name).reindex(columns=list(kinds)).astype(kinds) for name, part in named]
    return pd.concat(whole, ignore_index=True)


def _names(studies: Sequence[StudyDirectory]) -> list[str]:
    """Folders' names; paths where two are alike, as after the same was measured in two places."""
    paths = [study.path.resolve() for study in studies]
    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), None)
    if twice is not None:
        raise BadInput(f"{twice} is given twice; give every study once, or its rows would count twice")
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(study.path) for study in studies]


def _grid(study: StudyDirectory) -> Grid:
    return study.need_study().scaled_grid


def _frame(values: Mapping[str, Iterable[object]], kinds: Kinds) -> pd.DataFrame:
    return pd.DataFrame({name: pd.Series(list(values[name]), dtype=kind) for name, kind in kinds.items()})


def _level(level: object, kind: str) -> object:
    return str(level) if kind == "string" and level is not None else level


def _of_trials(found: Mapping[str, TrialRecord], factors: Kinds, own: Kinds) -> pd.DataFrame:
    """One row a trial: its levels and columns of its record."""
    records = found.values()
    levels = {name: [_level(record.cell.get(name), kind) for record in records] for name, kind in factors.items()}
    told = {name: list(found) if name == "trial" else [_value(record, name) for record in records] for name in own}
    return _frame({**levels, **told}, {**factors, **own})


def _value(record: TrialRecord, column: str) -> object:
    """What a trial's record says; text that is empty says nothing."""
    if column.startswith("window_"):
        return getattr(record.window, column.removeprefix("window_")) if record.window else None
    if column in ("p50_ms", "p95_ms", "p99_ms"):
        return record.latency_ms.get(column.removesuffix("_ms"))
    value: object = (
        (record.bottleneck and record.bottleneck.component) if column == "bottleneck" else getattr(record, column)
    )
    return None if value == "" else value


def _trials(study: StudyDirectory, factors: Kinds) -> pd.DataFrame:
    return _of_trials(study.trials(), factors, columns.TRIALS)


def _series(
    study: StudyDirectory, factors: Kinds, kinds: Kinds, read: Callable[[str], Sequence[object]], began_s: float
) -> pd.DataFrame:
    """The rows of one file of every trial; a row is of the second that began so long before its `t_s`."""
    found = study.trials()
    values: dict[str, list[object]] = {name: [] for name in kinds}
    lengths = []
    for where in found:
        rows = read(where)
        lengths.append(len(rows))
        for name, column in values.items():
            column.extend(getattr(row, name) for row in rows)
    alike = _of_trials(found, factors, columns.OF_TRIAL)
    whole = alike.loc[np.repeat(alike.index, lengths)].reset_index(drop=True)
    own = _frame(values, kinds)
    from_s, to_s = (
        np.repeat([getattr(record.window, side, 0.0) for record in found.values()], lengths)
        for side in ("from_s", "to_s")
    )
    begin_s = own["t_s"] - began_s
    whole["in_window"] = (begin_s >= from_s) & (begin_s <= to_s - 1)
    return pd.concat([whole, own], axis="columns")


def _table(study: StudyDirectory, name: str, kinds: Kinds) -> pd.DataFrame:
    """cells.csv or gains.csv; columns of a later version are left out."""
    file, mend = study.path / name, f"'study.py report {study.path}' writes it"
    try:
        text = text_of(file)
        if not text.strip():  # a search that has no cell yet
            return _frame(dict.fromkeys(kinds, ()), kinds)
        table = pd.read_csv(
            io.StringIO(text), usecols=list(kinds), dtype=dict(kinds), keep_default_na=False, na_values=[""]
        )
    except FileNotFoundError:
        raise BadInput(f"{study.path}: there is no {name}; {mend}") from None
    except ValueError as error:
        raise BadInput(f"{file}: not as it was written ({error}); {mend} again") from None
    for factor, levels in columns.levels(_grid(study)).items():
        if factor in table:
            table[factor] = table[factor].replace(_exact(levels, kinds[factor]))
    for column in table.select_dtypes("string"):
        table[column] = table[column].map(of_cell, na_action="ignore").astype(table[column].dtype)
    return table[list(kinds)]


def _exact(levels: Sequence[object], kind: str) -> dict[object, object]:
    """What a table has of levels with more than six digits → what the trials have of them."""
    long = [level for level in levels if isinstance(level, float) and float(columns.printed(level) or 0) != level]
    if kind == "string":
        return {columns.printed(level): str(level) for level in long}
    return {float(columns.printed(level) or 0): level for level in long}


def _written(value: object, kind: str) -> object:
    """A value as a file has it: text is no formula there."""
    if isinstance(value, str):
        return cell(value)
    return value if kind else columns.printed(value)


def _text(rows: Sequence[Row], kinds: Kinds) -> str:
    """A table as its file has it; what has no type yet is a factor's level."""
    values = {name: [_written(row.get(name), kind) for row in rows] for name, kind in kinds.items()}
    frame = _frame(values, {name: kind or "string" for name, kind in kinds.items()})
    return str(frame.to_csv(index=False, float_format="%.6g", lineterminator="\n"))
