"""The data as frames: types, units, missing values, several studies, and the tables that are written from them."""

import csv
import io
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path

import pandas as pd
import pyarrow.parquet
import pytest

from harness.errors import BadInput
from harness.records import columns, csv_tables, frames
from harness.records.directory import StudyDirectory
from harness.records.frames import Studies
from harness.records.series import HostSample, Sample
from harness.records.trial import TrialData
from report import build
from tests.builders import changed, grid, measured_study, record, samples, study

RATES: dict[tuple[int, int], list[float | None]] = {(1, 1000): [280, 284, 277], (2, 1000): [490, None, 488]}
FACTORS = {"servers": "Int64", "vusers": "Int64"}
READERS: dict[str, Callable[[Studies], pd.DataFrame]] = {
    "samples": frames.samples,
    "hosts": frames.hosts,
    "trials": frames.trials,
    "cells": frames.cells,
    "gains": frames.gains,
}


@pytest.fixture
def measured(tmp_path: Path) -> StudyDirectory:
    return measured_study(StudyDirectory(tmp_path / "study"))


@pytest.fixture
def with_invalid(tmp_path: Path) -> StudyDirectory:
    """A study with one invalid trial of six, and without latencies."""
    made = study(StudyDirectory(tmp_path / "invalid-1"), RATES)
    build.write(made, {"data"})
    return made


def with_factor(directory: StudyDirectory, name: str, levels: list[object]) -> StudyDirectory:
    """Write every trial again with a third factor, whose levels alternate."""
    written = directory.read_json("study.json") or {}
    written["configuration"]["grid"]["factors"][name] = levels
    directory.write_json("study.json", written)
    for number, where in enumerate(directory.trials()):
        old = directory.trial(where)
        cell = {**old.record.cell, name: levels[number % len(levels)]}
        directory.write_trial(
            where, TrialData(record=changed(old.record, cell=cell), samples=old.samples, hosts=old.hosts, balancer=[])
        )
    return directory


def kinds(table: pd.DataFrame) -> dict[str, str]:
    return {str(name): str(kind) for name, kind in table.dtypes.items()}


def test_every_column_has_its_name_and_its_type(measured: StudyDirectory) -> None:
    of_trial = {**columns.OF_TRIAL, "in_window": "bool"}
    assert kinds(frames.samples(measured)) == {
        **FACTORS,
        **of_trial,
        **{"t_s": "int64", "completed": "int64", "failed": "int64", "users": "float64", "in_flight": "Float64"},
        **{"mean_ms": "Float64", "think_s": "Float64", "thinks": "Int64", "busiest_cpu_s": "Float64"},
        "lag_ms": "Float64",
        "thinking": "Float64",
        **{"offered": "Int64", "sent": "Int64", "late": "Int64", "delay_ms": "Float64", "slow": "Int64"},
        **{"requests": "Int64", "requests_failed": "Int64"},
    }
    assert kinds(frames.hosts(measured)) == {
        **FACTORS,
        **of_trial,
        **{"t_s": "float64", "host": "string", "cpu_cores": "float64", "throttled_share": "Float64"},
        "memory_mb": "float64",
        "role": "string",
        **{f"{name}_mb_per_s": "Float64" for name in ("received", "sent", "read", "written")},
        **{"connections": "Int64", "in_use": "Int64", "most_connections": "Int64", "longest_wait_s": "Float64"},
        "sessions": "Int64",
    }
    assert kinds(frames.trials(measured)) == {**FACTORS, **columns.TRIALS}
    assert kinds(frames.cells(measured)) == {**FACTORS, **columns.CELLS}
    assert kinds(frames.gains(measured)) == {"vusers": "Int64", **columns.GAINS}


def test_columns_and_units_are_those_of_the_files(measured: StudyDirectory) -> None:
    trial = measured.path / "trials" / next(iter(measured.trials()))
    for file, table in (
        (trial / "samples.csv", frames.samples(measured)),
        (trial / "hosts.csv", frames.hosts(measured)),
        (measured.path / "cells.csv", frames.cells(measured)),
        (measured.path / "gains.csv", frames.gains(measured)),
    ):
        header = file.read_text().splitlines()[0].split(",")
        assert header == list(table.columns)[-len(header) :]


def test_rows_equal_the_recorded_samples(measured: StudyDirectory) -> None:
    seconds, containers = frames.samples(measured), frames.hosts(measured)
    for where, trial in measured.trials().items():
        data = measured.trial(where)
        rows = seconds[seconds.trial == where]
        values = rows.astype(object).where(rows.notna(), None)
        assert list(zip(*(values[f.name] for f in fields(Sample)), strict=True)) == [
            tuple(getattr(row, f.name) for f in fields(Sample)) for row in data.samples
        ]
        hosts = containers[containers.trial == where]
        values = hosts.astype(object).where(hosts.notna(), None)
        assert list(zip(*(values[f.name] for f in fields(HostSample)), strict=True)) == [
            tuple(None if (value := getattr(row, f.name)) == "" else value for f in fields(HostSample))
            for row in data.hosts
        ]
        for table in (rows, hosts):
            assert set(zip(table.servers, table.repeat, table.outcome, strict=True)) == {
                (trial.cell["servers"], trial.repeat, trial.outcome)
            }


def test_the_seconds_of_the_window_give_the_throughput_of_the_cells(measured: StudyDirectory) -> None:
    seconds = frames.samples(measured)
    counted = seconds[seconds.usable & seconds.in_window & ~seconds.control]
    expected = frames.cells(measured).set_index(["servers", "vusers"]).tps_mean
    assert counted.groupby(["servers", "vusers"]).completed.mean().to_dict() == pytest.approx(
        expected.to_dict(), rel=1e-5
    )
    assert set(seconds[seconds.in_window].t_s) == set(range(3, 12))  # a window from 3 s to 12 s
    hosts = frames.hosts(measured)
    assert set(hosts[hosts.in_window].t_s) == {t + 0.5 for t in range(4, 12)}  # began at 3 s or later, ended by 12 s


def test_a_value_that_does_not_exist_is_missing_and_not_0(with_invalid: StudyDirectory) -> None:
    where = "servers-1_vusers-1000/r1"
    uncounted = [replace(row, in_flight=None, thinks=None) for row in samples(280, 1000)]
    used = [HostSample(t_s=0.5, host="server-1", cpu_cores=0.0, throttled_share=None, memory_mb=90.0)]
    with_invalid.write_trial(
        where, TrialData(record=with_invalid.record(where), samples=uncounted, hosts=used, balancer=[])
    )
    rows = frames.samples(with_invalid)
    assert rows[rows.trial == where][["in_flight", "thinks"]].isna().all(axis=None)
    assert not rows[rows.trial != where][["in_flight", "thinks"]].isna().any(axis=None)
    hosts = frames.hosts(with_invalid)
    assert (hosts.cpu_cores.iloc[0], hosts.throttled_share.isna().iloc[0]) == (0.0, True)

    by_trial = frames.trials(with_invalid).set_index("trial")
    assert by_trial.tps_mean.isna().to_dict() == {w: r.tps_mean is None for w, r in with_invalid.trials().items()}
    assert by_trial.loc[where, "error_rate"] == 0.0  # a measured value of 0
    assert by_trial[["p99_ms", "window_from_s"]].isna().all(axis=None)
    assert by_trial.cause.isna().sum() == 5  # only an invalid trial has one
    assert frames.cells(with_invalid).p95_ms.isna().all()
    parquet = pyarrow.parquet.read_table(io.BytesIO(frames.parquet(with_invalid)))
    assert parquet["in_flight"].null_count == len(uncounted)


def test_an_unknown_gain_is_missing(tmp_path: Path) -> None:
    made = study(StudyDirectory(tmp_path / "study-1"), {(1, 1000): [280, 281, 282], (2, 1000): [None, None, None]})
    build.write(made, {"data"})
    gains = frames.gains(made)
    assert list(gains.k) == [0]
    assert gains[["gain", "low", "high", "peak_gain", "efficiency", "simultaneous_low"]].isna().all(axis=None)


def test_a_study_without_gains_has_a_table_without_rows(tmp_path: Path) -> None:
    made = study(StudyDirectory(tmp_path / "study-1"), {(1, 1000): [280, 281, 282]})
    build.write(made, {"data"})
    assert kinds(frames.gains(made)) == {"vusers": "Int64", **columns.GAINS}
    assert frames.gains(made).empty
    assert len(frames.cells(made)) == 1


def test_a_study_without_trials_has_every_column(tmp_path: Path, with_invalid: StudyDirectory) -> None:
    empty = StudyDirectory(tmp_path / "empty-1")
    empty.path.mkdir()
    empty.write_json("study.json", with_invalid.read_json("study.json"))
    for door in (frames.samples, frames.hosts, frames.trials):
        assert door(empty).empty
        assert kinds(door(empty)) == kinds(door(with_invalid))
    (nothing, something) = (
        pyarrow.parquet.read_schema(io.BytesIO(frames.parquet(made))) for made in (empty, with_invalid)
    )
    assert nothing.equals(something)


@pytest.mark.parametrize("name", READERS)
def test_several_studies_are_concatenated(name: str, measured: StudyDirectory, with_invalid: StudyDirectory) -> None:
    one, other = READERS[name](measured), READERS[name](with_invalid)
    both = READERS[name]([measured, with_invalid])
    assert kinds(both) == {"study": "string", **kinds(one)}
    assert list(both.study) == [measured.path.name] * len(one) + ["invalid-1"] * len(other)
    pd.testing.assert_frame_equal(both.drop(columns="study"), pd.concat([one, other], ignore_index=True))
    assert list(READERS[name]([measured]).columns) == list(both.columns)


def test_a_factor_that_another_study_does_not_have_is_missing_there(
    tmp_path: Path, measured: StudyDirectory, with_invalid: StudyDirectory
) -> None:
    stock = with_factor(with_invalid, "nginx_lb_settings", ["stock", "tuned"])
    build.write(stock, {"data"})
    for door in READERS.values():
        table = door([measured, stock])
        assert kinds(table)["nginx_lb_settings"] == "string"
        assert table[table.study == measured.path.name].nginx_lb_settings.isna().all()
        assert set(table[table.study == "invalid-1"].nginx_lb_settings) <= {"stock", "tuned"}
    again = study(StudyDirectory(tmp_path / "numbers-1"), RATES)
    numbers = with_factor(again, "nginx_lb_settings", [1, 2])
    assert kinds(frames.trials(numbers))["nginx_lb_settings"] == "Int64"
    assert set(frames.trials([stock, numbers]).nginx_lb_settings) == {"stock", "tuned", "1", "2"}


def test_studies_of_the_same_name_have_their_paths_and_a_repeated_study_is_rejected(tmp_path: Path) -> None:
    here, there = (study(StudyDirectory(tmp_path / place / "study-1"), RATES) for place in ("here", "there"))
    assert list(frames.trials([here, there]).study.unique()) == [str(here.path), str(there.path)]
    with pytest.raises(BadInput, match="the study is given twice"):
        frames.trials([here, there, here])
    with pytest.raises(BadInput, match="no study is given"):
        frames.trials([])


@pytest.mark.parametrize(
    ("levels", "kind", "found"),
    [
        ([True, False], "boolean", {True, False}),
        ([1, 0.1234567891], "Float64", {1.0, 0.1234567891}),
        ([12345678.5, 2.0], "Float64", {12345678.5, 2.0}),
        ([0.1234567891, "auto"], "string", {"0.1234567891", "auto"}),
        (["NA", "None"], "string", {"NA", "None"}),
    ],
)
def test_levels_are_the_same_in_every_table(
    with_invalid: StudyDirectory, levels: list[object], kind: str, found: set[object]
) -> None:
    """Although cells.csv and gains.csv have six digits of a float."""
    made = with_factor(with_invalid, "lab_server_capacity", levels)
    build.write(made, {"data"})
    for door in READERS.values():
        table = door(made)
        assert kinds(table)["lab_server_capacity"] == kind
        assert set(table.lab_server_capacity) == (set() if door is frames.hosts else found)


def test_gains_at_saturation_have_no_users() -> None:
    searching = grid(factors={"servers": [1, 2], "vusers": {"from": 100, "to": 5000, "until": "5%"}})
    rows: list[frames.Row] = [
        {"load": "saturation", "from_servers": 1, "to_servers": 2, "k": 3, "gain": 2.0},
        {"vusers": 1100, "from_servers": 1, "to_servers": 2, "k": 3},
    ]
    assert csv_tables.gains_csv(rows, searching).splitlines() == [
        "vusers,from_servers,to_servers,gain,low,high,peak_gain,step_ideal,efficiency,k,conclusion,reason,"
        "simultaneous_low,simultaneous_high,minimum_detectable_gain,load",
        ",1,2,2,,,,,,3,,,,,,saturation",
        "1100,1,2,,,,,,,3,,,,,,",
    ]


def test_a_search_and_another_study_have_their_gains_in_one_table(tmp_path: Path, measured: StudyDirectory) -> None:
    made = study(StudyDirectory(tmp_path / "search-1"), RATES)
    written = made.read_json("study.json") or {}
    written["configuration"]["grid"]["factors"]["vusers"] = {"from": 100, "to": 5000, "until": "5%"}
    made.write_json("study.json", written)
    assert csv_tables.cells_csv([]) == "\n"
    (made.path / "cells.csv").write_text(csv_tables.cells_csv([]))  # the file without a known cell
    rows = [{"load": "saturation", "from_servers": 1, "to_servers": 2, "k": 3, "gain": 2.0}]
    (made.path / "gains.csv").write_text(
        csv_tables.gains_csv(rows, grid(factors={"servers": [1], "vusers": {"from": 1, "to": 9}}))
    )
    both = frames.gains([measured, made])
    assert kinds(both) == {"study": "string", "vusers": "Int64", **columns.GAINS, "load": "string"}
    assert list(both.load.isna()) == [True, False]
    assert list(both.vusers.isna()) == [False, True]
    assert frames.cells(made).empty
    assert kinds(frames.cells([made, measured])) == {"study": "string", **FACTORS, **columns.CELLS}


def test_a_table_is_written_as_csv_readers_expect() -> None:
    rows = [
        {
            "servers": 1,
            "nginx_lb_settings": 'stock, "as it comes"',
            "trials": 5,
            "usable": 0,
            "tps_mean": None,
            "reason": "",
        },
        {
            "servers": 2,
            "nginx_lb_settings": 12345678,
            "trials": 5,
            "usable": 5,
            "tps_mean": 1234567.8,
            "reason": "a\nb",
        },
        {"servers": 3, "nginx_lb_settings": 0.123456789, "trials": 5, "usable": 5, "tps_mean": 2.0, "reason": "größer"},
    ]
    assert list(csv.reader(io.StringIO(csv_tables.cells_csv(rows)))) == [
        ["servers", "nginx_lb_settings", "trials", "usable", "tps_mean", "reason"],
        ["1", 'stock, "as it comes"', "5", "0", "", ""],
        ["2", "12345678", "5", "5", "1.23457e+06", "a\nb"],
        ["3", "0.123457", "5", "5", "2", "größer"],
    ]


def test_results_parquet_leaves_out_columns_that_only_the_rules_need(measured: StudyDirectory) -> None:
    written = frames.parquet(measured)
    assert frames.parquet(measured) == written
    schema = pyarrow.parquet.read_schema(io.BytesIO(written))
    assert schema.metadata is None  # pandas' own would change with its version
    assert {field.name: str(field.type) for field in schema} == {
        **{"servers": "int64", "vusers": "int64", "trial": "string", "repeat": "int64", "block_position": "int64"},
        **{"control": "bool", "outcome": "string", "usable": "bool", "in_window": "bool"},
        **{"t_s": "int32", "completed": "int32", "failed": "int32"},
        **{"users": "double", "in_flight": "double", "mean_ms": "double"},
    }


def test_attempts_that_were_repeated_do_not_count(with_invalid: StudyDirectory) -> None:
    where = "servers-1_vusers-1000/r1"
    with_invalid.write_trial(
        where, TrialData(record=record(1, 1000, 1, 281.0), samples=samples(281, 1000), hosts=[], balancer=[])
    )
    assert len(with_invalid.trials(attempts=True)) == 7
    assert len(frames.trials(with_invalid)) == 6
    seconds = frames.samples(with_invalid)
    assert set(seconds[seconds.trial == where].completed) == {281}


@pytest.mark.parametrize(
    ("spoil", "door", "message"),
    [
        (lambda path: (path / "study.json").unlink(), frames.samples, r"study\.json is missing\. Fix: give"),
        (lambda path: (path / "cells.csv").unlink(), frames.cells, r"cells\.csv is missing\. Fix: run .study\.py"),
        (lambda path: (path / "gains.csv").unlink(), frames.gains, r"gains\.csv is missing\. Fix: run .study\.py"),
        (
            lambda path: (path / "gains.csv").write_text("vusers,gain\n1000,2\n"),
            frames.gains,
            r"gains\.csv: is damaged .*from_servers.* writes it again",
        ),
        (
            lambda path: (path / "cells.csv").write_text((path / "cells.csv").read_text().replace("\n1,", "\none,")),
            frames.cells,
            r"cells\.csv: is damaged .*one",
        ),
        (
            lambda path: next(path.glob("trials/*/r1/samples.csv")).write_text("t_s,completed\n0,many\n"),
            frames.samples,
            r"samples\.csv:1: is damaged.*move .* away",
        ),
    ],
)  # fmt: skip
def test_an_unreadable_file_is_one_message(
    spoil: Callable[[Path], object], door: Callable[[Studies], pd.DataFrame], message: str, with_invalid: StudyDirectory
) -> None:
    spoil(with_invalid.path)
    with pytest.raises(BadInput, match=message):
        door(with_invalid)


def test_a_searched_rate_is_a_float_even_if_the_grids_rates_are_whole() -> None:
    """A search measures rates with three digits, for example 99.4/s between 100/s and 500/s."""
    aims = {"objectives": {"p95": "80ms"}, "repeats": 3, "load": {"ramp_up": "2s", "duration": "12s"}}
    searched = grid(factors={"servers": [1, 2], "rate": {"from": "100/s", "to": "500/s", "until": "20%"}}, **aims)
    assert columns.of_factors([searched]) == {"servers": "Int64", "rate": "Float64"}
    users = grid(factors={"servers": [1, 2], "vusers": {"from": 100, "to": 500, "until": "20%"}})
    assert columns.of_factors([users])["vusers"] == "Int64"
