"""Roles: defaults and argument specs say the same, and no role knows a group or a grid."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]

ROLES = sorted(path for path in (ROOT / "roles").iterdir() if path.is_dir())


def read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_defaults_and_argument_specs_agree(role: Path) -> None:
    """Defaults in a spec set nothing, so a difference would be a lie in the documentation."""
    options = read(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: said["default"] for name, said in options.items()} == read(role / "defaults" / "main.yml")
    assert all(said["description"] for said in options.values())


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_variables_carry_their_roles_name(role: Path) -> None:
    assert all(name.startswith(f"{role.name}_") for name in read(role / "defaults" / "main.yml"))
    for file in role.glob("vars/*.yml"):
        assert all(name.startswith(f"__{role.name}_") for name in read(file)), file


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_roles_know_no_groups_and_stay_short(role: Path) -> None:
    for file in [*role.glob("tasks/*.yml"), *role.glob("templates/*")]:
        text = file.read_text(encoding="utf-8")
        assert "groups[" not in text, file
        assert len(text.splitlines()) <= 100, file


@pytest.mark.parametrize("role", ["ml_server", "nginx_lb", "locust"])
def test_what_a_container_is_made_from_is_compared_before_the_module_is_asked(role: str) -> None:
    """Every variable of the task that makes it is in the label, or in what `docker inspect` is compared with."""
    tasks = {task["name"]: task for task in read(ROOT / "roles" / role / "tasks" / "service.yml")}
    made = tasks["service | Run the container"]["community.docker.docker_container"]
    told = (ROOT / "roles" / role / "vars" / "main.yml").read_text(encoding="utf-8")
    compared = told[told.index(f"__{role}_made_from") :]
    used = set(re.findall(rf"_*{role}_\w+", str(made))) - {f"{role}_image", f"{role}_pull", f"__{role}_made_from"}
    assert {name for name in used if not re.search(rf"\b{name}\b", compared)} == set()
    assert f"{role}_image" in str(tasks["service | Look at the container"])
