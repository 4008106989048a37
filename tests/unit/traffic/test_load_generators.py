"""Which engine and which budget an inventory allows."""

import re
from pathlib import Path
from typing import Any

import pytest

from harness.deploy.inventory.hosts import Host, Inventory
from harness.errors import BadInput
from harness.grid.load_generators import BY_NAME, LOAD_GENERATORS
from harness.records.directory import StudyDirectory
from harness.records.environment import Environment
from harness.records.study import Configuration
from harness.study import budget
from harness.study.config import StudyConfig
from harness.traffic import registry
from report.sentences import method
from tests.builders import grid


def inventory(**variables: Any) -> Inventory:
    groups = {"balancer": "load_balancers", "server-1": "ml_servers", "generator": "load_generators"}
    return Inventory("inventory/x", tuple(Host.parse(name, group, variables) for name, group in groups.items()))


def machines(**more: Any) -> Inventory:
    return inventory(study_container_engine="ssh", study_kind="hosts", **more)


def test_ngrinder_needs_machines() -> None:
    with pytest.raises(BadInput, match="needs load generators that are machines; those of inventory/x are"):
        registry.check(grid(load_generator="ngrinder"), inventory(study_container_engine="local"))


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        ({}, "set ngrinder_war_url and ngrinder_war_sha256, or ngrinder_war_file"),
        ({"ngrinder_war_file": "/nowhere/x.war"}, r"no such file \(got /nowhere/x.war\)"),
        ({"ngrinder_war_file": "README.md"}, "Allowed: the absolute path"),
    ],
)
def test_ngrinder_needs_its_war(variables: dict[str, str], words: str) -> None:
    with pytest.raises(BadInput, match=words):
        registry.check(grid(load_generator="ngrinder", vars=variables), machines())


def test_ngrinder_with_its_war_is_fine(tmp_path: Path) -> None:
    (tmp_path / "ngrinder.war").write_bytes(b"PK")
    registry.check(grid(load_generator="ngrinder"), machines(ngrinder_war_file=str(tmp_path / "ngrinder.war")))
    registry.check(grid(load_generator="locust"), inventory(study_container_engine="local"))


def priced(tmp_path: Path, cost: str, **variables: Any) -> StudyConfig:
    hosts = machines(**variables)
    return StudyConfig(
        grid=grid(budget={"cost": cost}),
        inventory=hosts,
        inventory_path=tmp_path,
        configuration=Configuration(grid={}),
        directory=StudyDirectory(tmp_path),
    )


def test_a_plan_above_its_budget_is_rejected(tmp_path: Path) -> None:
    assert not budget.problems(priced(tmp_path, "100 USD", study_usd_per_hour=0.1))
    ((where, words),) = budget.problems(priced(tmp_path, "1 USD", study_usd_per_hour=100))
    assert where == ("budget",)
    assert re.search(r"budget: cost: a plan of \d+ trials costs .* USD\. Allowed: 1.00 USD", words)


def test_a_cost_without_prices_is_not_guessed(tmp_path: Path) -> None:
    ((_, words),) = budget.problems(priced(tmp_path, "1 USD"))
    assert "a host of inventory/x has no study_usd_per_hour" in words


def test_every_load_generator_has_a_client_and_a_name_in_the_report() -> None:
    assert registry.CLIENTS.keys() == BY_NAME.keys()
    for kind in LOAD_GENERATORS:
        sentence = method._load_generator(Environment.model_validate({kind.name: "1.2"}), grid())
        assert sentence.startswith(f"{kind.shown} 1.2; ")
    assert "Locust" not in method._load_generator(Environment.model_validate({"k6": "1.0"}), grid())
