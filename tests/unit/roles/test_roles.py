"""Roles: defaults and argument specs say the same, and no role knows a group or a grid."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jinja2
import pytest
import yaml

from tests import role_readmes

ROOT = Path(__file__).resolve().parents[3]

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
    image = {f"{role}_image", f"__{role}_image"} & set(re.findall(rf"_*{role}_\w+", made["image"]))
    used = set(re.findall(rf"_*{role}_\w+", str(made))) - image - {f"{role}_pull", f"__{role}_made_from"}
    assert {name for name in used if not re.search(rf"\b{name}\b", compared)} == set()
    assert f"{{{{ {image.pop()} | quote }}}}" in str(tasks["service | Look at the container"])


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_a_readme_has_the_variables_of_the_argument_spec(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    assert text == role_readmes.written(role), "run: python -m tests.role_readmes"
    assert text.startswith(f"# {role.name}\n")


def test_every_readme_has_a_play_that_ansible_can_read(tmp_path: Path) -> None:
    """By the short names that this clone knows; those of the collection are played in full by tests/collection."""
    plays = []
    for role in ROLES:
        text = role_readmes.example(role)
        assert text, f"roles/{role.name}/README.md has no example"
        play = yaml.safe_load(text)
        mine = [named for named in play[0]["roles"] if named["role"].split(".")[-1] == role.name]
        assert mine, f"roles/{role.name}/README.md: its example plays other roles"
        assert mine[0].get("vars", {}).keys() <= role_readmes.options(role).keys()
        plays.append(text.replace("scale_out.study.", ""))
    file = tmp_path / "examples.yml"
    file.write_text("\n".join(plays), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "a,", "--syntax-check", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_what_is_secret_is_never_logged(role: Path) -> None:
    """A password itself, not the name of a file or folder that holds it."""
    for name, said in role_readmes.options(role).items():
        if name.endswith(("password", "passwords", "token", "secret")):
            assert said.get("no_log"), f"{name}: no_log: true"


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, ["CPUQuota=50%"]), ("1.5", ["CPUQuota=150%"]), (0, [])])
def test_an_agent_may_use_a_part_of_a_cpu(cpus: object, quota: list[str]) -> None:
    role = ROOT / "roles" / "ngrinder_agent"
    text = (role / "templates" / "ngrinder-agent.service.j2").read_text(encoding="utf-8")
    known = {**read(role / "defaults" / "main.yml"), "ansible_managed": "", "__ngrinder_agent_program": "/opt/agent"}
    unit = jinja2.Template(text, trim_blocks=True).render({**known, "ngrinder_agent_cpus": cpus})
    assert [line for line in unit.splitlines() if line.startswith("CPUQuota")] == quota


def tasks_of(block: Any) -> list[dict[str, Any]]:
    """Every task of a file or of its blocks."""
    parts = [part for task in block or [] for key in ("block", "rescue", "always") for part in tasks_of(task.get(key))]
    return [*(block or []), *parts]


def test_no_role_takes_a_user_out_of_other_groups() -> None:
    users = [
        (file, task["ansible.builtin.user"])
        for file in ROOT.glob("roles/*/tasks/*.yml")
        for task in tasks_of(read(file))
        if "ansible.builtin.user" in task
    ]
    grouped = [(file, user) for file, user in users if "groups" in user]
    assert grouped
    for file, user in grouped:
        assert user.get("append") is True, f"{file}: without append the user loses every other group"
