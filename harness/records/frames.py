"""Data of one or several studies as pandas DataFrames, and the tables that are written from them.

    frames.samples(StudyDirectory(Path("results/...")))

Each function takes one study, or a list of studies; then a column `study` names the study of each row. Columns have
the names (with units) of the files and the types of columns.py, factors first. A missing value is <NA>, never 0.
Loading pandas takes longer than many commands, so only this module loads it, and others import it where they need it.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from harness.errors import BadInput
from harness.grid.schema import Grid
from harness.records import columns
from harness.records.columns import Kinds
from harness.records.directory import StudyDirectory
from harness.records.requests import TRANSACTIONS
from harness.records.stored import text_of
from harness.records.trial import TrialRecord
from harness.words import of_cell

Studies = StudyDirectory | Sequence[StudyDirectory]
Row = Mapping[str, object]
_ARROW = {"boolean": pa.bool_(), "bool": pa.bool_(), "Int64": pa.int64(), "int64": pa.int64(), "string": pa.string()}


def samples(studies: Studies) -> pd.DataFrame:
    """Return every second of every trial; raises BadInput for a missing or damaged study.

    `in_window` is true for seconds of the steady window. For throughput, use `usable` trials without `control` trials
    and without repeat 0, which a search measures.
    """
    return _all(studies, lambda study, factors: _series(study, factors, columns.SAMPLES, study.samples, 0.0))


def hosts(studies: Studies) -> pd.DataFrame:
    """Return every container in every second of every trial; `t_s` is the end of the second. Raises BadInput."""
    return _all(studies, lambda study, factors: _series(study, factors, columns.HOSTS, study.hosts, 1.0))


def trials(studies: Studies) -> pd.DataFrame:
    """Return one row for each trial, from trial.json, without repeated attempts; raises BadInput."""
    return _all(studies, _trials)


def cells(studies: Studies) -> pd.DataFrame:
    """Return one row for each cell, from cells.csv; raises BadInput if it is missing."""
    return _all(studies, lambda study, factors: _table(study, "cells.csv", {**factors, **columns.CELLS}))


def gains(studies: Studies) -> pd.DataFrame:
    """Return one row for each step between topologies, from gains.csv; raises BadInput if it is missing."""
    return _all(studies, lambda study, factors: _table(study, "gains.csv", columns.of_gains(_grid(study), factors)))


def capacity(studies: Studies) -> pd.DataFrame:
    """Return one row for each topology, from capacity.csv; raises BadInput if it is missing.

    The file exists if a load meets the objectives.
    """
    return _all(
        studies, lambda study, factors: _table(study, "capacity.csv", columns.of_capacity(_grid(study), factors))
    )


def failover(studies: Studies) -> pd.DataFrame:
    """Return one row for each cell with a server failure, from failover.csv; raises BadInput if it is missing."""
    return _all(studies, lambda study, factors: _table(study, "failover.csv", {**factors, **columns.FAILOVER}))


def requests(studies: Studies, *, by_trial: bool = False) -> pd.DataFrame:
    """Return one row for each request of each cell, from requests.csv; raises BadInput if it is missing.

    The file exists for traffic of more than one plain request. With `by_trial`, one row for each request of each trial,
    from trial.json, without repeated attempts.
    """
    if by_trial:
        return _all(studies, _trial_requests)
    return _all(studies, lambda study, factors: _table(study, "requests.csv", {**factors, **columns.REQUESTS}))


def parquet(study: StudyDirectory) -> bytes:
    """Return results.parquet: `samples` without columns that only rules use. Equal results give equal bytes."""
    table = samples(study)
    table = table[[name for name in table if name not in columns.SAMPLES or name in columns.SHARED]]
    kinds = {name: _ARROW.get(str(kind), pa.float64()) for name, kind in table.dtypes.items()}
    kinds |= {name: pa.int32() for name in columns.SHARED if columns.SAMPLES[name] == "int64"}
    arrow = pa.Table.from_pandas(table, pa.schema(list(kinds.items())), preserve_index=False)
    out = io.BytesIO()
    pyarrow.parquet.write_table(arrow.replace_schema_metadata(None), out, compression="zstd")
    return out.getvalue()


def _all(studies: Studies, of_one: Callable[[StudyDirectory, Kinds], pd.DataFrame]) -> pd.DataFrame:
    """Return the rows of one study, or of several in one frame; <NA> for factors that a study does not have."""
    several = [studies] if isinstance(studies, StudyDirectory) else list(studies)
    if not several:
        raise BadInput("no study is given. Fix: give at least one directory below results/")
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
    """Return the names of the folders; their paths if two names are equal."""
    paths = [Path(os.path.realpath(study.path)) for study in studies]
    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), None)
    if twice is not None:
        raise BadInput(f"{twice}: the study is given twice, so its rows would count twice. Fix: give it once")
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(study.path) for study in studies]


def _grid(study: StudyDirectory) -> Grid:
    return study.need_study().scaled_grid


def frame_of(values: Mapping[str, Iterable[object]], kinds: Kinds) -> pd.DataFrame:
    """Return columns of values as a frame with pandas' types."""
    return pd.DataFrame({name: pd.Series(list(values[name]), dtype=kind) for name, kind in kinds.items()})


def _level(level: object, kind: str) -> object:
    return str(level) if kind == "string" and level is not None else level


def _of_trials(found: Mapping[str, TrialRecord], factors: Kinds, own: Kinds) -> pd.DataFrame:
    """Return one row for each trial: its levels and columns of its record."""
    records = found.values()
    levels = {name: [_level(record.cell.get(name), kind) for record in records] for name, kind in factors.items()}
    values = {name: list(found) if name == "trial" else [_value(record, name) for record in records] for name in own}
    return frame_of({**levels, **values}, {**factors, **own})


def _value(record: TrialRecord, column: str) -> object:
    """Return a column's value from a trial's record; None for empty text."""
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


def _trial_requests(study: StudyDirectory, factors: Kinds) -> pd.DataFrame:
    found = study.trials()
    stats = [
        [*(("request", *each) for each in record.requests.items())]
        + ([("transaction", TRANSACTIONS, record.transactions)] if record.transactions else [])
        for record in found.values()
    ]
    alike = _of_trials(found, factors, columns.OF_TRIAL)
    whole = alike.loc[np.repeat(alike.index, [len(each) for each in stats])].reset_index(drop=True)
    rows = [
        {
            **each.model_dump(include={"requests", "failed", "completed", "share", "tps", "error_rate"}),
            **{f"{name}_ms": value for name, value in each.latency_ms.items()},
            "request": name,
            "kind": kind,
        }
        for of_trial in stats
        for kind, name, each in of_trial
    ]
    values = {name: [row.get(name) for row in rows] for name in columns.TRIAL_REQUESTS}
    return pd.concat([whole, frame_of(values, columns.TRIAL_REQUESTS)], axis="columns")


def _series(
    study: StudyDirectory, factors: Kinds, kinds: Kinds, read: Callable[[str], Sequence[object]], began_s: float
) -> pd.DataFrame:
    """Return the rows of one file of every trial; a row's second began `began_s` before its `t_s`."""
    found = study.trials()
    values: dict[str, list[object]] = {name: [] for name in kinds}
    lengths = []
    for where in found:
        rows = read(where)
        lengths.append(len(rows))
        for name, column in values.items():
            column.extend(None if (value := getattr(row, name)) == "" else value for row in rows)
    alike = _of_trials(found, factors, columns.OF_TRIAL)
    whole = alike.loc[np.repeat(alike.index, lengths)].reset_index(drop=True)
    own = frame_of(values, kinds)
    from_s, to_s = (
        np.repeat([getattr(record.window, side, 0.0) for record in found.values()], lengths)
        for side in ("from_s", "to_s")
    )
    begin_s = own["t_s"] - began_s
    whole["in_window"] = (begin_s >= from_s) & (begin_s <= to_s - 1)
    return pd.concat([whole, own], axis="columns")


def _table(study: StudyDirectory, name: str, kinds: Kinds) -> pd.DataFrame:
    """Read a table such as cells.csv; columns of a later version are ignored."""
    file, fix = study.path / name, f"Fix: run 'study.py report {study.path}', which writes it"
    try:
        text = text_of(file)
        if not text.strip():  # a search without cells yet
            return frame_of(dict.fromkeys(kinds, ()), kinds)
        table = pd.read_csv(
            io.StringIO(text), usecols=list(kinds), dtype=dict(kinds), keep_default_na=False, na_values=[""]
        )
    except FileNotFoundError:
        raise BadInput(f"{study.path}: {name} is missing. {fix}") from None
    except ValueError as error:
        raise BadInput(f"{file}: is damaged ({error}). {fix} again") from None
    for factor, levels in columns.levels(_grid(study)).items():
        if factor in table:
            table[factor] = table[factor].replace(_exact(levels, kinds[factor]))
    for column in table.select_dtypes("string"):
        table[column] = table[column].map(of_cell, na_action="ignore").astype(table[column].dtype)
    return table[list(kinds)]


def _exact(levels: Sequence[object], kind: str) -> dict[object, object]:
    """Return level as printed in a table → exact level, for levels with more than six digits."""
    long = [level for level in levels if isinstance(level, float) and float(columns.printed(level) or 0) != level]
    if kind == "string":
        return {columns.printed(level): str(level) for level in long}
    return {float(columns.printed(level) or 0): level for level in long}
