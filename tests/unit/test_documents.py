"""The examples in docs/ that read the data run unchanged, in a fresh program."""

import ast
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import altair as alt
import pandas as pd
import pytest

from benchmarks.sample import unpack
from harness.records import frames
from harness.records.directory import StudyDirectory
from report import build

ROOT = Path(__file__).resolve().parents[2]
NOTEBOOK = ROOT / "docs" / "explore.ipynb"
USE_THE_DATA = ROOT / "docs" / "how-to" / "use-the-data.md"


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> StudyDirectory:
    made = unpack(tmp_path_factory.mktemp("sample"))
    build.write(made, {"data"})
    return made


def notebook() -> dict[str, Any]:
    parsed: dict[str, Any] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))
    return parsed


def shown(sources: Sequence[str], names: dict[str, Any]) -> list[Any]:
    """Run cells in order with shared names; return the value of each cell's last expression.

    A Jupyter kernel does the same, but needs two dozen more packages.
    """
    values = []
    for number, source in enumerate(sources, 1):
        tree = ast.parse(source, filename=f"cell {number}")
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        exec(compile(tree, f"cell {number}", "exec"), names)  # noqa: S102 - it is our own
        if isinstance(last, ast.Expr):
            values.append(eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names))  # noqa: S307
    return values


@pytest.mark.parametrize("folder", [ROOT, ROOT / "docs"])
def test_the_notebook_runs_in_every_usual_folder(
    folder: Path, sample: StudyDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    cells = ["".join(cell["source"]) for cell in notebook()["cells"] if cell["cell_type"] == "code"]
    name, chart, gains, computed, hosts = shown(cells, names)
    names["unpacked"].cleanup()

    assert name == sample.path.name
    assert isinstance(chart, alt.Chart)
    (drawn,) = chart.to_dict()["datasets"].values()
    assert {row["servers"] for row in drawn} == {1, 2, 3}
    assert all(row["completed"] is not None for row in drawn)
    pd.testing.assert_frame_equal(gains, frames.gains(sample)[list(gains.columns)])
    assert len(gains) == 4
    assert computed["mean"].tolist() == pytest.approx(computed["tps_mean"].tolist(), rel=1e-5)
    assert list(hosts.index) == ["balancer", "generator", "server-1", "server-2", "server-3"]


def test_the_notebook_reads_a_folder_of_ones_own(sample: StudyDirectory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    cells = ["".join(cell["source"]) for cell in notebook()["cells"] if cell["cell_type"] == "code"]
    own = [re.sub(r'^STUDY = ""', f"STUDY = {str(sample.path)!r}", cell) for cell in cells]
    assert own != cells
    names: dict[str, Any] = {}
    shown(own, names)
    assert names["study"].path == sample.path


def test_the_notebook_contains_no_output_and_no_path() -> None:
    content = notebook()
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in content["cells"]}) == len(content["cells"])
    for cell in content["cells"]:
        if cell["cell_type"] == "code":
            assert (cell["outputs"], cell["execution_count"]) == ([], None)
    assert set(content["metadata"]) == {"kernelspec", "language_info"}
    assert not re.search(r"/(home|root|tmp|Users)/", NOTEBOOK.read_text(encoding="utf-8"))


def test_the_example_of_the_data_gives_the_throughput_of_every_cell(
    sample: StudyDirectory, monkeypatch: pytest.MonkeyPatch
) -> None:
    (example,) = re.findall(r"```python\n(.*?)```", USE_THE_DATA.read_text(encoding="utf-8"), flags=re.S)
    assert sample.path.name in example
    (sample.path.parent / "results").mkdir(exist_ok=True)
    place = sample.path.parent / "results" / sample.path.name
    if not place.exists():
        place.symlink_to(sample.path)
    monkeypatch.chdir(sample.path.parent)
    (rates,) = shown([example], {})
    expected = frames.cells(sample).set_index(["servers", "vusers"]).tps_mean
    assert rates.to_dict() == pytest.approx(expected.to_dict(), rel=1e-5)
