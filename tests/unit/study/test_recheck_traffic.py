"""`check`: within a block, all topologies are sent the same traffic (common random numbers)."""

from pathlib import Path

from harness.records.directory import StudyDirectory
from harness.records.trial import TrialRecord
from harness.study import check
from harness.study.recheck_traffic import same_traffic
from tests.builders import changed, record
from tests.mixes import mixed_study


def trial(servers: int, block: int, sent: dict[str, str], users: int = 100, **more: object) -> TrialRecord:
    return changed(record(servers, users, block, 100.0), sent=sent, **more)


def test_topologies_of_a_block_have_equal_digests_where_both_have_some() -> None:
    records = {
        "one/r1": trial(1, 1, {"1": "a", "2": "b"}),
        "two/r1": trial(2, 1, {"1": "a", "2": "b", "4": "c"}),
        "one/r2": trial(1, 2, {"1": "d"}),
        "one, more users/r1": trial(1, 1, {"1": "e"}, users=200),
        "script/r1": trial(3, 1, {}),
    }
    assert same_traffic(records) == []
    records["three/r1"] = trial(3, 1, {"1": "a", "2": "x", "4": "c"})
    (problem,) = same_traffic(records)
    assert problem.startswith(
        "three/r1 and one/r1 were sent different traffic: the digests of 2 transactions are x and"
    )


def test_probes_with_other_numbers_draw_other_traffic() -> None:
    records = {
        "one/r0": trial(1, 0, {"1": "a"}, probe=1),
        "one/r0-probe2": trial(1, 0, {"1": "b"}, probe=2),
        "two/r0": trial(2, 0, {"1": "a"}, probe=1),
    }
    assert same_traffic(records) == []


def test_check_reports_both_trials(tmp_path: Path) -> None:
    made = mixed_study(StudyDirectory(tmp_path / "study"))
    assert any("sent the same traffic" in line.text and line.ok for line in check.check(made))
    file = made.path / "trials" / "servers-2_vusers-2000/r1" / "trial.json"
    file.write_text(file.read_text().replace(f'"4": "{1:032x}"', f'"4": "{9:032x}"'))
    (line,) = [line for line in check.check(made) if "different traffic" in line.text]
    assert not line.ok
    assert "servers-2_vusers-2000/r1" in line.text
    assert "servers-1_vusers-2000/r1" in line.text
