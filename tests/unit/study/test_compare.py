"""Two studies beside each other (rule E21), and what was known before them."""

from pathlib import Path

import pytest

from harness.judge import prediction
from harness.records.directory import StudyDirectory
from harness.records.study import Checked
from harness.study import compare, site
from harness.study.measured import from_directory
from harness.summarise import instrument
from report import comparison
from tests.builders import study

ONE: list[float | None] = [280, 284, 277, 281, 279]
TWO: list[float | None] = [510, 517, 503, 512, 508]
ENVIRONMENT = {
    "machine": {"cpu": "A", "cores": 2, "kernel": "6.1"},
    "nginx": "nginx/1.22",
    "locust": "2.4",
    "image_digests": {"server-1": ["sha256:aaaa"]},
}


def written(folder: Path, first: list[float | None], environment: dict[str, object] | None = None) -> compare.Study:
    directory = study(StudyDirectory(folder), {(1, 100): first, (2, 100): TWO})
    said = directory.read_json("study.json")
    assert said is not None
    directory.write_json("study.json", {**said, "environment": environment or ENVIRONMENT})
    return compare.load(directory)


def test_the_same_is_the_same_within_noise(tmp_path: Path) -> None:
    again: list[float | None] = [281, 279, 283, 277, 282]
    found = compare.compare(written(tmp_path / "a", ONE), written(tmp_path / "b", again))
    assert found.reasons == []
    assert [r.word for r in found.ratios] == ["same within noise", "same within noise"]
    assert any("neighbours" in text for text in found.unknown)


def test_a_change_has_its_interval(tmp_path: Path) -> None:
    faster: list[float | None] = [v * 1.2 for v in ONE if v]
    found = compare.compare(written(tmp_path / "a", ONE), written(tmp_path / "b", faster))
    ratio = found.ratios[0].ratio
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 1.2 < ratio.high
    assert found.ratios[0].word == "faster"
    page = comparison.html([found])
    assert "1.20×" in page
    assert "same within noise" in page


def test_welch_does_not_pair_blocks_of_two_studies() -> None:
    found = compare.between([100, 110, 90], [101, 111, 91])
    assert found is not None
    assert found.low is not None
    assert found.low < 0.9  # paired, these would differ by exactly 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine": {"cpu": "B", "cores": 2, "kernel": "6.1"}}, "CPU model: A → B"),
        ({"nginx": "nginx/1.29"}, "nginx: nginx/1.22 → nginx/1.29"),
        ({"image_digests": {"server-1": ["sha256:bbbb"]}}, "images: "),
    ],
)
def test_what_weighs_is_a_reason_not_to_compare(tmp_path: Path, change: dict[str, object], reason: str) -> None:
    other = written(tmp_path / "b", ONE, {**ENVIRONMENT, **change})
    found = compare.compare(written(tmp_path / "a", ONE), other)
    assert any(text.startswith(reason) for text in found.reasons), found.reasons


def test_what_a_load_uses_and_what_fills_it_is_told_beforehand() -> None:
    told = prediction.sentences([1000, 2000], [1, 2, 3], 240.0, 0.0, 2.0)
    assert told[0] == (
        "1000 users ask for 500/s at most and can use 2.1 servers of 240/s; server 3 will find nothing to do: "
        "1800 users would fill 3 servers"
    )
    assert told[1] == "2000 users ask for 1000/s at most and can use 4.2 servers of 240/s"
    assert prediction.sentences([10], [1], 240.0, 0.0, 0.0) == []


def test_the_instrument_is_judged_by_its_truth_and_remembered(tmp_path: Path) -> None:
    exact: list[float | None] = [200.0, 200.1, 199.9, 200.0, 200.05]
    double: list[float | None] = [v * 2 for v in exact if v]
    gains = from_directory(study(StudyDirectory(tmp_path / "s-1"), {(1, 100): exact, (2, 100): double})).gains
    passed, text = instrument.judge(gains)
    assert passed
    assert text.startswith("found 2.000 [")
    short: list[float | None] = [v * 1.95 for v in exact if v]
    wrong = from_directory(study(StudyDirectory(tmp_path / "s-2"), {(1, 100): exact, (2, 100): short})).gains
    assert not instrument.judge(wrong)[0]
    assert not instrument.judge([])[0]
    assert site.last(tmp_path, "site") is None
    site.keep(tmp_path, Checked(site="site", passed=True, text=text, measured_at="2026-01-01", study="calibration-1"))
    kept = site.last(tmp_path, "site")
    assert kept is not None
    assert kept.passed
