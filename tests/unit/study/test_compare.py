"""Comparison of two studies (rule E21), forecasts and calibrations."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from commands import compare as command
from commands.options import LanguageCode
from harness.errors import BadInput
from harness.grid.server_rates import ServerRates
from harness.judge import prediction
from harness.records.directory import StudyDirectory
from harness.records.study import CalibrationResult
from harness.study import calibrations, compare, identity
from harness.summarise import calibration
from harness.summarise.statistics.conclusion import Conclusion
from harness.summarise.statistics.welch import difference
from harness.summarise.summary import summarise_directory, summarise_records
from report.output import comparison
from tests.builders import changed, grid, study
from tests.unit.summarise.test_capacities import studied

ONE: list[float | None] = [280, 284, 277, 281, 279]
TWO: list[float | None] = [510, 517, 503, 512, 508]
ENVIRONMENT = {
    "machine": {"cpu": "A", "cores": 2, "kernel": "6.1"},
    "nginx": "nginx/1.22",
    "locust": "2.4",
    "image_digests": {"server-1": ["sha256:aaaa"]},
}


def written(
    folder: Path, first: list[float | None], environment: dict[str, object] | None = None
) -> compare.ComparedStudy:
    directory = study(StudyDirectory(folder), {(1, 100): first, (2, 100): TWO})
    data = directory.read_json("study.json")
    assert data is not None
    directory.write_json("study.json", {**data, "environment": environment or ENVIRONMENT})
    return compare.load(directory)


def test_an_interval_within_the_margin_is_the_same(tmp_path: Path) -> None:
    again: list[float | None] = [281, 279, 283, 277, 282]
    found = compare.compare(written(tmp_path / "a", ONE), written(tmp_path / "b", again))
    assert found.reasons == []
    assert [r.conclusion_text for r in found.ratios] == ["equivalent within ±5 % (build and machines together)"] * 2
    assert any("neighbours" in text for text in found.unknown)


def test_compared_studies_have_names_that_differ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one, other = (tmp_path / name / "study" for name in ("a", "b"))
    one.mkdir(parents=True)
    monkeypatch.chdir(one)
    assert compare.names([Path(), other]) == ["a/study", "b/study"]
    assert compare.names([Path(), one]) == ["study", "study"], "a study may be compared with itself"
    assert compare.names([Path("../../b"), one]) == ["b", "study"]


def test_a_change_has_its_interval(tmp_path: Path) -> None:
    faster: list[float | None] = [v * 1.2 for v in ONE if v]
    found = compare.compare(written(tmp_path / "a", ONE), written(tmp_path / "b", faster))
    ratio = found.ratios[0].ratio
    assert ratio is not None
    assert ratio.low is not None
    assert ratio.high is not None
    assert ratio.low < 1.2 < ratio.high
    assert found.ratios[0].conclusion_text == "higher (build and machines together)"
    page = comparison.html([found])
    assert "1.20×" in page
    assert "equivalent within ±5\N{NO-BREAK SPACE}%" in page


def test_searched_studies_without_a_common_cell_are_compared_by_capacity(tmp_path: Path) -> None:
    grid_, records = studied()
    before, after = (written(tmp_path / name, ONE) for name in "ab")
    one = summarise_records(grid_, records)
    found = compare.compare(replace(before, summary=replace(one, cells=[])), replace(after, summary=one))
    assert (found.ratios, found.reasons) == ([], [])
    assert [each.before.servers for each in found.capacities] == [1, 2]
    assert {each.conclusion for each in found.capacities} == {Conclusion.EQUIVALENT}
    assert "100 users [89, 112]" in comparison.html([found])
    assert comparison.capacity_rows(found)[1][0] == "2 servers"
    other = grid_.model_copy(update={"objectives": grid_.objectives.model_copy(update={"p95": 0.3})})
    different = compare.compare(before, replace(after, summary=replace(one, grid=other)))
    assert different.capacities == []


def test_welch_does_not_pair_blocks_of_two_studies() -> None:
    found = difference([100, 110, 90], [101, 111, 91]).ratio()
    assert found.low is not None
    assert found.low < 0.9  # paired, these would differ by exactly 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"machine": {"cpu": "B", "cores": 2, "kernel": "6.1"}}, "CPU model: A → B"),
        ({"nginx": "nginx/1.29"}, "balancer: nginx/1.22 → nginx/1.29"),
        ({"image_digests": {"server-1": ["sha256:bbbb"]}}, "images: "),
    ],
)
def test_a_decisive_difference_is_a_reason_against_a_comparison(
    tmp_path: Path, change: dict[str, object], reason: str
) -> None:
    other = written(tmp_path / "b", ONE, {**ENVIRONMENT, **change})
    found = compare.compare(written(tmp_path / "a", ONE), other)
    assert any(text.startswith(reason) for text in found.reasons), found.reasons


COSTS = [0.30, 0.303, 0.298, 0.301, 0.299]


def day(
    folder: Path, speed: float, build: float, limits: dict[tuple[int, int], str] | None = None, **environment: object
) -> compare.ComparedStudy:
    """A study on machines of this relative speed, with a build of this relative throughput."""
    rates = {cell: [v * speed * build for v in of if v] for cell, of in {(1, 100): ONE, (2, 100): TWO}.items()}
    directory = study(StudyDirectory(folder), {cell: [*of] for cell, of in rates.items()}, limits=limits or {})
    for where, record in directory.trials().items():
        cost = COSTS[record.repeat - 1] / speed
        figures = {"cpu_ms_per_request": {"generator": cost, "balancer": cost / 3, "servers": cost / build}}
        context = {
            "users": 100,
            "generators": ["generator"],
            "balancer": "balancer",
            "expected_servers": {},
            "kind": "lab",
        }
        data = changed(record, figures=figures, context={**context, "machine_of": {}})
        directory.write_json(f"trials/{where}/trial.json", data.model_dump(mode="json"))
    said_of_all = directory.read_json("study.json")
    assert said_of_all is not None
    hosts = {"server-1": {"group": "ml_servers"}, "generator": {"group": "load_generators"}}
    configuration = {**said_of_all["configuration"], "hosts": hosts}
    more = {"environment": {**ENVIRONMENT, **environment}, "configuration": configuration}
    directory.write_json("study.json", {**said_of_all, **more})
    return compare.load(directory)


def test_slower_machines_are_not_attributed_to_the_build(tmp_path: Path) -> None:
    found = compare.compare(day(tmp_path / "a", 1.0, 1.0), day(tmp_path / "b", 0.9, 1.0))
    assert all(
        r.conclusion_text.startswith("not distinguishable from the machines’ own speed, which changed by −10.0 %")
        for r in found.ratios
    )
    assert (
        "the CPU time per request of generator and balancer, the same builds in both studies"
        in found.machine_speed_text
    )
    assert found.machine_speed is not None
    assert found.machine_speed.value == pytest.approx(0.9)


def test_a_slower_build_is_found_on_machines_of_any_speed(tmp_path: Path) -> None:
    """A slower build costs the servers more CPU time, which does not indicate slower machines."""
    found = compare.compare(day(tmp_path / "a", 1.0, 1.0), day(tmp_path / "b", 1.0, 0.8))
    assert [r.conclusion_text for r in found.ratios] == ["lower", "lower"]
    assert found.machine_speed is not None
    assert found.machine_speed.value == pytest.approx(1.0)
    worse = compare.compare(day(tmp_path / "c", 1.0, 1.0), day(tmp_path / "d", 0.95, 0.8))
    assert [r.conclusion_text for r in worse.ratios] == ["lower", "lower"]


def test_another_balancer_does_not_measure_the_machines_speed(tmp_path: Path) -> None:
    later = day(tmp_path / "b", 0.9, 1.0, nginx="nginx/1.29")
    found = compare.compare(day(tmp_path / "a", 1.0, 1.0), later)
    assert "the CPU time per request of generator, the same builds" in found.machine_speed_text
    neither = day(tmp_path / "c", 0.9, 1.0, nginx="nginx/1.29", locust="2.5")
    unknown = compare.compare(day(tmp_path / "d", 1.0, 1.0), neither)
    assert unknown.machine_speed is None
    assert "may be different builds" in unknown.machine_speed_text
    assert [r.conclusion_text for r in unknown.ratios] == ["lower (build and machines together)"] * 2


def test_load_limited_cells_measure_the_machines_speed(tmp_path: Path) -> None:
    limits = {(2, 100): "load"}
    found = compare.compare(day(tmp_path / "a", 1.0, 1.0, limits), day(tmp_path / "b", 1.0, 1.0, limits))
    assert "in cells that are load-limited in both studies" in found.machine_speed_text
    assert found.ratios[1].conclusion_text == "not measurable at this load"


def test_every_comparison_recommends_how_to_compare_builds(tmp_path: Path) -> None:
    first = day(tmp_path / "a", 1.0, 1.0, images={"server-1": "app:1"})
    later = day(tmp_path / "b", 1.0, 1.0, images={"server-1": "app:2"})
    found = compare.compare(first, later)
    assert "factors: {ml_server_image: [app:1, app:2]}" in found.recommendation
    alike = compare.compare(first, day(tmp_path / "c", 1.0, 1.0, images={"server-1": "app:1"}))
    assert "factors: {ml_server_image: [OLD, NEW]}" in alike.recommendation
    assert found.recommendation in comparison.remarks(found)
    assert "measure both in the blocks of one study" in comparison.html([found])


def test_a_korean_page_has_no_english_sentence(tmp_path: Path) -> None:
    day(tmp_path / "a", 1.0, 1.0, {(2, 100): "load"})
    day(tmp_path / "b", 1.0, 0.8, {(2, 100): "load"}, image_digests={"server-1": ["sha256:bbbb"]})
    shutil.copytree(tmp_path / "b", tmp_path / "c")
    for folder in "bc":
        language = LanguageCode.KO if folder == "c" else LanguageCode.EN
        command.compare([tmp_path / "a", tmp_path / folder], anyway=True, language=language)
    english, korean = ((tmp_path / name / "comparison.html").read_text(encoding="utf-8") for name in "bc")
    assert '<html lang="ko">' in korean
    assert "Study Hangul" in korean
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", korean, flags=re.DOTALL)
    names = {"TPS", "exp", "sha", "aaaa", "bbbb", "factors", "ml_server_image", "OLD", "NEW", "CPU", "Docker"}
    assert set(re.findall(r"[A-Za-z_]{2,}", shown)) - names == set()
    assert english.count("<td>") == korean.count("<td>") > 0


def test_the_console_prints_conclusions_and_the_recommendation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    limits = {(2, 100): "load"}
    day(tmp_path / "a", 1.0, 1.0, limits)
    day(tmp_path / "b", 1.0, 0.8, limits)
    command.compare([tmp_path / "a", tmp_path / "b"])
    printed = " ".join(capsys.readouterr().out.split())
    assert "1 server, 100 users: lower" in printed
    assert "2 servers, 100 users: not measurable at this load: both serve the load completely" in printed
    assert "ml_server_image: [OLD, NEW]" in printed
    assert "ml_server_image: [OLD, NEW]" in (tmp_path / "b" / "comparison.html").read_text(encoding="utf-8")
    command.compare([tmp_path / "a", tmp_path / "b"], language=LanguageCode.KO)
    assert " ".join(capsys.readouterr().out.split()) == printed, "the console is in English"
    day(tmp_path / "c", 1.0, 0.8, image_digests={"server-1": ["sha256:bbbb"]})
    with pytest.raises(BadInput, match="not comparable") as rejected:
        command.compare([tmp_path / "a", tmp_path / "c"])
    assert any("ml_server_image: [OLD, NEW]" in problem for problem in rejected.value.problems)


def test_a_new_threshold_is_not_a_difference(tmp_path: Path) -> None:
    first, later = written(tmp_path / "a", ONE), written(tmp_path / "b", ONE)
    del first.record.configuration.grid["evidence"]["same_within"]
    assert compare.compare(first, later).reasons == []


def test_the_forecast_compares_load_and_servers() -> None:
    printed = prediction.sentences([1000, 2000], [1, 2, 3], ServerRates(240.0), 0.0, 2.0)
    assert printed[0] == (
        "1,000 users generate at most 500 req/s, enough for 2.1 servers at 240 req/s. Server 3 will be idle; "
        "1,800 users would saturate 3 servers"
    )
    assert printed[1] == "2,000 users generate at most 1,000 req/s, enough for 4.2 servers at 240 req/s"
    assert prediction.sentences([10], [1], ServerRates(240.0), 0.0, 0.0) == []


def test_a_calibration_is_judged_and_stored(tmp_path: Path) -> None:
    exact: list[float | None] = [200.0, 200.1, 199.9, 200.0, 200.05]
    double: list[float | None] = [v * 2 for v in exact if v]
    gains = summarise_directory(study(StudyDirectory(tmp_path / "s-1"), {(1, 100): exact, (2, 100): double})).gains
    passed, text = calibration.of_gains(gains)
    assert passed
    assert text.startswith("measured 2.000 [")
    short: list[float | None] = [v * 1.95 for v in exact if v]
    wrong = summarise_directory(study(StudyDirectory(tmp_path / "s-2"), {(1, 100): exact, (2, 100): short})).gains
    assert not calibration.of_gains(wrong)[0]
    assert not calibration.of_gains([])[0]
    assert calibrations.latest(tmp_path, "site") is None
    calibrations.store(
        tmp_path,
        CalibrationResult(site="site", passed=True, text=text, measured_at="2026-01-01", study="calibration-1"),
    )
    kept = calibrations.latest(tmp_path, "site")
    assert kept is not None
    assert kept.passed


def test_a_damaged_study_does_not_affect_another_one(tmp_path: Path) -> None:
    """A new study is compared with the newest readable one."""
    written = grid()
    older = study(StudyDirectory(tmp_path / "study-00000000"), {(1, 100): [280]})
    for number, content in enumerate(("{", "[]", '{"format": 1}', "\x00\xff", "")):
        damaged = tmp_path / f"study-1111111{number}"
        damaged.mkdir()
        (damaged / "study.json").write_text(content, encoding="latin-1")
    (tmp_path / "study-22222222").mkdir()
    (tmp_path / "study-22222222" / "study.json").symlink_to(tmp_path / "nowhere")
    (tmp_path / "study-33333333" / "study.json").mkdir(parents=True)
    found = identity.latest_other(tmp_path, written, StudyDirectory(tmp_path / "study-99999999"))
    assert found is not None
    assert found[0].path == older.path
    (tmp_path / calibrations.FILE).write_text('{"a site": {"passed": 7}}')
    assert calibrations.latest(tmp_path, "a site") is None


def test_only_a_decisive_key_of_the_grid_is_a_reason_against_a_comparison(tmp_path: Path) -> None:
    """Other keys of the grid and variables of hosts are differences, and planned amounts are neither."""
    one = written(tmp_path / "a", ONE)
    recorded = one.record.configuration
    load = {**recorded.grid["load"], "think_time": "3s"}
    changes = {"load": load, "objectives": {"p95": "1s"}, "budget": {"time": "3h"}}
    hosts = {**recorded.hosts, "server-1": {"group": "ml_servers", "grid.load": 1}}
    configuration = recorded.model_copy(update={"grid": {**recorded.grid, **changes}, "hosts": hosts})
    later = replace(one, record=one.record.model_copy(update={"configuration": configuration}))
    found = compare.compare(one, later)
    assert [reason.partition(": ")[0] for reason in found.reasons] == ["load.think_time"]
    assert "objectives.p95: None → 1s" in found.differences
    assert any(text.startswith("hosts.server-1") for text in found.differences)
    assert not any("budget" in text for text in found.differences)
