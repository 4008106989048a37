"""Conclusions about a gain (rules E15, E17, E18)."""

import json
import math
from dataclasses import replace
from pathlib import Path

import pytest

from harness.records.directory import StudyDirectory
from harness.summarise.gains.gain import Gain, GainKind
from harness.summarise.summary import summarise_directory
from tests.builders import changed, record, study

Rates = dict[tuple[int, int], list[float | None]]
ONE: list[float | None] = [280, 284, 277, 281, 279]
TWO: list[float | None] = [510, 517, 503, 512, 508]  # 1.82 times ONE
IDEAL: list[float | None] = [560, 568, 554, 562, 558]


def only(tmp_path: Path, rates: Rates, **more: object) -> Gain:
    return summarise_directory(study(StudyDirectory(tmp_path / "s-1"), rates, **more)).gains[0]


def test_a_gain_below_the_ideal_is_sub_linear(tmp_path: Path) -> None:
    gain = only(tmp_path, {(1, 100): ONE, (2, 100): TWO})
    assert (gain.conclusion_text, gain.kind, gain.k) == ("sub-linear", "gain", 5)
    assert gain.efficiency == pytest.approx(0.91, abs=0.005)


def test_linear_needs_a_narrow_interval_that_includes_the_ideal(tmp_path: Path) -> None:
    assert only(tmp_path, {(1, 100): ONE, (2, 100): [561, 566, 555, 561, 559]}).conclusion_text == "linear"


def test_exactly_the_ideal_is_linear_despite_rounding(tmp_path: Path) -> None:
    gain = only(tmp_path, {(2, 100): [400.0] * 5, (3, 100): [600.0] * 5})
    assert gain.ratio is not None
    assert gain.ratio.low == pytest.approx(1.5)
    assert gain.conclusion_text == "linear"


def test_a_wide_interval_that_includes_the_ideal_is_only_higher(tmp_path: Path) -> None:
    assert only(tmp_path, {(1, 100): ONE, (2, 100): [480, 620, 520, 640, 560]}).conclusion_text == "higher"


def test_more_than_ideal_makes_the_baseline_suspect(tmp_path: Path) -> None:
    assert (
        only(tmp_path, {(1, 100): ONE, (2, 100): [650, 655, 645, 652, 648]}).conclusion_text
        == "super-linear (baseline suspect)"
    )


def test_no_difference_and_a_lower_throughput_are_reported(tmp_path: Path) -> None:
    same = only(tmp_path / "a", {(1, 100): ONE, (2, 100): [275, 290, 270, 288, 281]})
    assert same.conclusion_text == "not distinguishable from 1"
    assert only(tmp_path / "b", {(1, 100): ONE, (2, 100): [200, 205, 198, 204, 201]}).conclusion_text == "lower"


def test_few_repeats_are_indicative_and_fewer_have_no_interval(tmp_path: Path) -> None:
    assert only(tmp_path / "a", {(1, 100): ONE[:3], (2, 100): TWO[:3]}).conclusion_text == "indicative: sub-linear"
    two = only(tmp_path / "b", {(1, 100): ONE[:2], (2, 100): TWO[:2]})
    assert two.conclusion_text == "too few repeats"
    assert two.ratio is not None
    assert two.ratio.low is None


def test_a_load_limited_baseline_has_no_measurable_gain(tmp_path: Path) -> None:
    gain = only(tmp_path, {(1, 100): ONE, (2, 100): ONE}, limits={(1, 100): "load", (2, 100): "load"})
    assert (gain.kind, gain.conclusion_text) == (GainKind.IDLE, "not measurable at this load")
    assert gain.ratio is not None  # the measured ratio stays in the table
    assert gain.efficiency is None


def test_a_load_limited_larger_topology_makes_the_gain_a_lower_bound(tmp_path: Path) -> None:
    gain = only(tmp_path, {(1, 100): ONE, (2, 100): TWO}, limits={(2, 100): "load"})
    assert (gain.kind, gain.conclusion_text) == ("lower bound", "at least")
    assert gain.ratio is not None
    assert gain.ratio.low is not None
    assert gain.efficiency == pytest.approx(gain.ratio.low / 2)


def test_gains_are_paired_by_block_and_invalid_trials_leave_their_block_out(tmp_path: Path) -> None:
    gain = only(tmp_path, {(1, 100): [280, None, 277, 281, 279], (2, 100): TWO})
    assert gain.k == 4


def test_simultaneous_intervals_are_wider_only_for_several_gains(tmp_path: Path) -> None:
    alone = only(tmp_path / "a", {(1, 100): ONE, (2, 100): TWO})
    assert alone.simultaneous == alone.ratio
    three: list[float | None] = [700, 716, 705, 699, 711]
    rates = {(1, 100): ONE, (2, 100): TWO, (3, 100): three, (1, 50): ONE, (2, 50): ONE, (3, 50): ONE}
    limits = {(servers, 50): "load" for servers in (1, 2, 3)}
    found = summarise_directory(study(StudyDirectory(tmp_path / "s-1"), rates, limits=limits)).gains
    assert sorted(gain.kind for gain in found) == ["gain", "gain", "load-limited", "load-limited"]
    assert all(
        gain.simultaneous is None for gain in found if gain.kind != "gain"
    )  # without a conclusion, so it does not count
    for gain in [gain for gain in found if gain.kind == "gain"]:
        assert gain.ratio is not None
        assert gain.simultaneous is not None
        for end, wider in ((gain.ratio.low, gain.simultaneous.low), (gain.ratio.high, gain.simultaneous.high)):
            half, wide = (math.log((limit or 0) / gain.ratio.value) for limit in (end, wider))
            assert wide / half == pytest.approx(3.4954 / 2.7764, rel=1e-4)  # t(4) at 97.5 % and 95 %, by a table


def test_a_baseline_that_went_down_is_the_finding(tmp_path: Path) -> None:
    directory = study(StudyDirectory(tmp_path / "s-1"), {(1, 100): [None], (2, 100): [510]})
    where = "servers-1_vusers-100/r1"
    data = directory.trial(where)
    died = changed(data.record, outcome="server_down", cause="server-1 died with exit code 137")
    directory.write_trial(where, replace(data, record=died))
    gain = summarise_directory(directory).gains[0]
    assert gain.kind == "only the larger"
    assert gain.reason.startswith("1 server went down, 2 servers served the load")


def test_objectives_that_are_missed_are_listed(tmp_path: Path) -> None:
    directory = study(StudyDirectory(tmp_path / "s-1"), {(1, 100): [100.0]}, objectives={"error_rate": "1%"})
    data = directory.trial("servers-1_vusers-100/r1")
    failing = changed(data.record, error_rate=0.02)
    directory.write_trial("servers-1_vusers-100/r1", replace(data, record=failing))
    summary = summarise_directory(directory)
    missed = [judged.text for judged in summary.objectives if not judged.met]
    assert missed == ["servers 1, vusers 100: error rate 2.00 %, objective at most 1.00 %"]


def test_a_record_without_a_rate_is_not_usable() -> None:
    assert not record(1, 100, 1, None).usable


def drifting(tmp_path: Path, change: list[float]) -> Gain:
    directory = study(StudyDirectory(tmp_path / "s-1"), {(1, 100): ONE, (2, 100): TWO})
    for file in sorted(directory.path.glob("trials/servers-2*/r*/trial.json")):
        written = json.loads(file.read_text())
        written["figures"] = {"drift": change[written["repeat"] - 1]}
        file.write_text(json.dumps(written))
    return summarise_directory(directory).gains[0]


def test_e10_a_cell_that_drifts_in_all_its_trials_is_invalid(tmp_path: Path) -> None:
    gain = drifting(tmp_path, [0.11, 0.12, 0.10, 0.13, 0.11])
    assert gain.kind == "none"
    assert gain.reason.startswith("2 servers: invalid (not steady: from the first to the second half")


def test_e10_a_cell_whose_trials_drift_by_chance_counts(tmp_path: Path) -> None:
    assert drifting(tmp_path, [0.11, -0.08, 0.02, 0.09, -0.06]).kind == "gain"


def test_e15_with_few_blocks_the_interval_uses_the_noise_of_other_cells(tmp_path: Path) -> None:
    rates: Rates = {
        (1, 100): [280, 284, 277],
        (2, 100): [510, 530, 490],
        (1, 200): [281, 283, 278],
        (2, 200): [500, 520, 507],
    }
    gain = only(tmp_path, rates)
    assert gain.ratio is not None
    assert gain.paired is not None
    assert gain.ratio != gain.paired
    assert (gain.ratio.half_width or 1) < (gain.paired.half_width or 0)
    assert gain.conclusion_text.startswith("indicative")


def test_load_limited_cells_with_few_blocks_do_not_affect_server_limited_ones(tmp_path: Path) -> None:
    """E15 and E20 estimate the noise from cells whose bottleneck is the servers, and these are complete."""
    wobble = (1.0, 1.03, 0.98, 1.01)
    rates: Rates = {
        (n, u): [140.0 * n * wobble[(k + n * (u == 2000)) % 4] for k in range(4)] for n in (1, 2) for u in (900, 2000)
    }
    idle = {(n, 20): "load" for n in (1, 2)}
    whole: Rates = {**rates, **{key: [19.0, 19.1, 18.9, 19.0] for key in idle}}
    few: Rates = {**rates, **{key: [19.0, 19.1] for key in idle}}
    one, other = (
        summarise_directory(study(StudyDirectory(tmp_path / name), rates_, limits=idle))
        for name, rates_ in (("whole", whole), ("few", few))
    )
    assert one.noise == other.noise
    spoken = [[gain for gain in summary.gains if gain.is_statement] for summary in (one, other)]
    assert spoken[0] == spoken[1]
    assert [gain.k for gain in spoken[0]] == [4, 4]
    assert all(gain.ratio != gain.paired for gain in spoken[0]), "they use each other's noise"
