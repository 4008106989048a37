"""Roles: defaults equal argument specs, and no role depends on a group or a grid."""

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
    """A default in a spec only documents, so a difference would make the documentation wrong."""
    options = read(role / "meta" / "argument_specs.yml")["argument_specs"]["main"]["options"]
    assert {name: option["default"] for name, option in options.items()} == read(role / "defaults" / "main.yml")
    assert all(option["description"] for option in options.values())


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


@pytest.mark.parametrize("role", ["ml_server", "nginx_lb", "locust", "dependency"])
def test_the_fast_comparison_covers_every_variable_of_the_container(role: str) -> None:
    """Every variable of the task that creates the container is in its label or compared with `docker inspect`."""
    tasks = {task["name"]: task for task in read(ROOT / "roles" / role / "tasks" / "service.yml")}
    made = tasks["service | Run the container"]["community.docker.docker_container"]
    variables = (ROOT / "roles" / role / "vars" / "main.yml").read_text(encoding="utf-8")
    compared = variables[variables.index(f"__{role}_made_from") :]
    image = {f"{role}_image", f"__{role}_image"} & set(re.findall(rf"_*{role}_\w+", made["image"]))
    used = set(re.findall(rf"_*{role}_\w+", str(made))) - image - {f"{role}_pull", f"__{role}_made_from"}
    assert {name for name in used if not re.search(rf"\b{name}\b", compared)} == set()
    assert f"{{{{ {image.pop()} | quote }}}}" in str(tasks["service | Inspect the container"])


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_a_readme_lists_the_variables_of_the_argument_spec(role: Path) -> None:
    text = (role / "README.md").read_text(encoding="utf-8")
    assert text == role_readmes.written(role), "run: python -m tests.role_readmes"
    assert text.startswith(f"# {role.name}\n")


def test_every_readme_has_a_valid_example_play(tmp_path: Path) -> None:
    """Uses the roles' short names; tests/collection runs the examples of the collection's roles."""
    plays = []
    for role in ROLES:
        text = role_readmes.example(role)
        assert text, f"roles/{role.name}/README.md has no example"
        play = yaml.safe_load(text)
        mine = [named for named in play[0]["roles"] if named["role"].split(".")[-1] == role.name]
        assert mine, f"roles/{role.name}/README.md: its example uses other roles"
        assert mine[0].get("vars", {}).keys() <= role_readmes.options(role).keys()
        plays.append(text.replace("scale_out.study.", ""))
    file = tmp_path / "examples.yml"
    file.write_text("\n".join(plays), encoding="utf-8")
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", "a,", "--syntax-check", str(file)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("role", ROLES, ids=lambda p: p.name)
def test_secret_variables_are_never_logged(role: Path) -> None:
    """A password itself, not the name of a file or folder that contains it."""
    for name, option in role_readmes.options(role).items():
        if name.endswith(("password", "passwords", "token", "secret")):
            assert option.get("no_log"), f"{name}: no_log: true"


def test_docker_commands_use_the_same_engine_as_ansibles_modules() -> None:
    """The modules read only DOCKER_HOST; with a host's own Docker context the command could use another engine."""
    files = [*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "roles").glob("*/vars/*.yml")]
    commands = []
    for file in [*files, *(ROOT / "playbooks").glob("*.yml")]:
        text = file.read_text(encoding="utf-8")
        commands += re.findall(
            r"(?:raw|_command): (?:>-\n\s*)?((?:export .*\n?.*)?\bdocker (?:version|exec|container|network|image) )",
            text,
        )
    assert len(commands) >= 10
    assert [command for command in commands if not command.startswith("export DOCKER_CONTEXT=default;")] == []


def tasks_of(file: Path) -> list[dict[str, Any]]:
    """Return every task of a task file or a playbook, including tasks in blocks."""

    def inside(given: Any) -> list[dict[str, Any]]:
        found = []
        for task in given or []:
            found.append(task)
            for part in ("block", "rescue", "always", "pre_tasks", "tasks", "post_tasks"):
                found += inside(task.get(part))
        return found

    return inside(read(file))


FILES_OF_TASKS = sorted([*(ROOT / "roles").glob("*/tasks/*.yml"), *(ROOT / "playbooks").glob("*.yml")])
WRITES = ("copy", "template", "get_url", "unarchive", "file", "lineinfile", "blockinfile", "assemble")
KEEPS_MODE = ("absent", "link")


def test_every_task_that_writes_files_sets_their_mode() -> None:
    """A mode from the clone or the umask (0600 under umask 077) would make files unreadable for containers' users."""
    seen, without = 0, []
    for file in FILES_OF_TASKS:
        for task in tasks_of(file):
            for module in (f"ansible.builtin.{name}" for name in WRITES):
                options = task.get(module)
                if options is None or options.get("state") in KEEPS_MODE:
                    continue
                seen += 1
                whole_folder = module == "ansible.builtin.copy" and str(options.get("src", "")).endswith("/")
                if options.get("mode", "preserve") == "preserve" or (whole_folder and "directory_mode" not in options):
                    without.append(f"{file.relative_to(ROOT)}: {task['name']}")
    assert seen > 20
    assert without == []


def test_every_containers_log_has_a_limit() -> None:
    started = [
        task for file in FILES_OF_TASKS for task in tasks_of(file) if "community.docker.docker_container" in task
    ]
    options = [task["community.docker.docker_container"] for task in started]
    running = [each for each in options if each.get("state") != "absent"]
    assert len(running) >= 4
    for each in running:
        role = re.fullmatch(r"\{\{ (\w+)_log_options if .*", each["log_options"])
        assert role, each
        defaults = read(ROOT / "roles" / role[1] / "defaults" / "main.yml")
        assert defaults[f"{role[1]}_log_driver"] == "json-file"
        assert {"max-size", "max-file"} <= defaults[f"{role[1]}_log_options"].keys()


def test_the_base_image_is_pinned_by_date_and_digest() -> None:
    source = read(ROOT / "roles" / "base_image" / "defaults" / "main.yml")["base_image_registry_source"]
    assert re.fullmatch(r"debian:bookworm-20\d{6}-slim@sha256:[0-9a-f]{64}", source)


@pytest.mark.parametrize(("cpus", "quota"), [(0.5, ["CPUQuota=50%"]), ("1.5", ["CPUQuota=150%"]), (0, [])])
def test_an_agents_cpu_limit_may_be_a_fraction_of_a_core(cpus: object, quota: list[str]) -> None:
    role = ROOT / "roles" / "ngrinder_agent"
    text = (role / "templates" / "ngrinder-agent.service.j2").read_text(encoding="utf-8")
    known = {**read(role / "defaults" / "main.yml"), "ansible_managed": "", "__ngrinder_agent_program": "/opt/agent"}
    unit = jinja2.Template(text, trim_blocks=True).render({**known, "ngrinder_agent_cpus": cpus})
    assert [line for line in unit.splitlines() if line.startswith("CPUQuota")] == quota


def test_no_role_removes_a_user_from_other_groups() -> None:
    users = [
        (file, task["ansible.builtin.user"])
        for file in ROOT.glob("roles/*/tasks/*.yml")
        for task in tasks_of(file)
        if "ansible.builtin.user" in task
    ]
    grouped = [(file, user) for file, user in users if "groups" in user]
    assert grouped
    for file, user in grouped:
        assert user.get("append") is True, f"{file}: without append the user loses every other group"
