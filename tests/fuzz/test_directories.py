"""Damaged study directories: a message names the file and the line, without a traceback or a hang."""

import json
import random
import shutil
import tarfile
from pathlib import Path

import pytest

from tests.fuzz import damage
from tests.fuzz.judge import Limits, faults, is_text, summary
from tests.fuzz.warm import ROOT, Warm

EACH = 75
SEEDS = range(6)  # × EACH = 450 damaged directories


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", SEEDS)
def test_a_damaged_directory_is_one_message_with_file_and_line(tmp_path: Path, seed: int) -> None:
    with tarfile.open(ROOT / "docs" / "sample-study.tar.xz") as archive:
        archive.extractall(tmp_path / "whole", filter="data")
    (whole,) = (tmp_path / "whole").iterdir()
    grid = tmp_path / "grid.yaml"
    grid.write_text(json.dumps(json.loads((whole / "study.json").read_text())["configuration"]["grid"]))
    failed, results = [], tmp_path / "results"
    with Warm() as warm:
        planned = json.loads(warm.run(["plan", "--grid", str(grid), "--results", str(results), "--json"], 600).out)
        study = results / Path(planned["directory"]).name  # where the same command resumes
        shutil.copytree(whole, study)

        def commands(study: Path) -> dict[str, list[str]]:
            return {
                "check": ["check", str(study)],
                "page": ["report", str(study), "--format", "html"],
                "junit": ["report", str(study), "--format", "junit"],
                "compare": ["compare", str(whole), str(study), "--anyway"],
                "plan": ["plan", "--grid", str(grid), "--results", str(study.parent)],
            }

        undamaged = Path(shutil.copytree(whole, tmp_path / "undamaged" / whole.name))
        limits = {name: Limits(warm, arguments) for name, arguments in commands(undamaged).items()}
        for number in range(EACH):
            shutil.rmtree(results)
            shutil.copytree(whole, study)
            what = damage.draw(random.Random(1000 * seed + number), study)  # noqa: S311 - repeatable with its seed
            for name in ("check", ("page", "junit")[number % 2], ("compare", "plan")[number // 2 % 2]):
                answer = limits[name].run(commands(study)[name])
                wrong = faults(answer, limits[name], study, line=is_text(study / what.partition(": ")[0]))
                failed += [
                    f"seed {1000 * seed + number} ({what:.100}), {name}: {it}: {answer.err:.300}" for it in wrong
                ]
    assert not failed, summary(failed, EACH)
