"""Mutated grids and inventories: accepted, or rejected with file and line, without a traceback or a hang."""

import random
import shutil
from pathlib import Path

import pytest

from tests.fuzz import mutate
from tests.fuzz.judge import Limits, faults, is_text, summary
from tests.fuzz.warm import ROOT, Warm

GRIDS = [ROOT / "grid.yaml", *sorted((ROOT / "grids").glob("*.yaml"))]
EACH_GRID, GRID_SEEDS = 250, range(10)  # 2500 grids
EACH_INVENTORY, INVENTORY_SEEDS = 40, range(3)  # 120 inventories

HOSTS = """all:
  vars: {ansible_user: root, ansible_connection: ssh}
  children:
    ml_servers:
      vars: {study_usd_per_hour: 0.1}
      hosts:
        server-1: {ansible_host: 10.0.0.1, private_ip: 10.0.0.1}
        server-2: {ansible_host: 10.0.0.2, private_ip: 10.0.0.2}
    load_balancers:
      hosts:
        balancer: {ansible_host: 10.0.0.3, private_ip: 10.0.0.3}
    load_generators:
      hosts:
        generator: {ansible_host: 10.0.0.4, private_ip: 10.0.0.4}
"""
INI = """[ml_servers]
server-1 ansible_host=10.0.0.1 private_ip=10.0.0.1
server-2 ansible_host=10.0.0.2 private_ip=10.0.0.2

[load_balancers]
balancer ansible_host=10.0.0.3 private_ip=10.0.0.3

[load_generators]
generator ansible_host=10.0.0.4 private_ip=10.0.0.4

[all:vars]
ansible_user=root
"""


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", GRID_SEEDS)
def test_a_mutated_grid_is_planned_or_rejected_with_file_and_line(tmp_path: Path, seed: int) -> None:
    failed, grid = [], tmp_path / "grid.yaml"
    results = str(tmp_path / "results")
    with Warm() as warm:
        limits = Limits(warm, ["plan", "--grid", str(GRIDS[0]), "--results", results])
        for number in range(1000 * seed, 1000 * seed + EACH_GRID):
            random_ = random.Random(number)  # noqa: S311 - repeatable with its seed
            mutated = mutate.text(random_, random_.choice(GRIDS).read_text(encoding="utf-8"))
            grid.write_text(mutated, encoding="utf-8", errors="surrogatepass", newline="")
            answer = limits.run(["plan", "--grid", str(grid), "--results", results])
            wrong = faults(answer, limits, grid, line=is_text(grid))
            failed += [f"seed {number}: {it}: {answer.err:.400}" for it in wrong]
    assert not failed, summary(failed, EACH_GRID)


@pytest.mark.long
@pytest.mark.timeout(3000)
@pytest.mark.parametrize("seed", INVENTORY_SEEDS)
def test_a_mutated_inventory_is_planned_or_rejected_with_file_and_line(tmp_path: Path, seed: int) -> None:
    failed, results = [], str(tmp_path / "results")
    with Warm() as warm:
        shutil.copytree(ROOT / "inventory" / "ec2" / "group_vars", tmp_path / "group_vars")
        hosts = tmp_path / "whole.yml"
        hosts.write_text(HOSTS, encoding="utf-8")
        grid = str(ROOT / "grids" / "smoke.yaml")
        limits = Limits(warm, ["plan", "--grid", grid, "--results", results, "--inventory", str(hosts)])
        for number in range(1000 * seed, 1000 * seed + EACH_INVENTORY):
            random_ = random.Random(number)  # noqa: S311 - repeatable with its seed
            kind, original = random_.choice((("yml", HOSTS), ("yml", HOSTS), ("ini", INI)))
            file = tmp_path / f"hosts-{number}.{kind}"
            file.write_text(mutate.text(random_, original), encoding="utf-8", errors="surrogatepass", newline="")
            answer = limits.run(["plan", "--grid", grid, "--results", results, "--inventory", str(file)])
            # A grid that needs more servers than the inventory has is reported with the grid's line.
            wrong = faults(answer, limits, file, Path(grid), line=is_text(file))
            failed += [f"seed {number}: {it}: {answer.err:.400}" for it in wrong]
    assert not failed, summary(failed, EACH_INVENTORY)
