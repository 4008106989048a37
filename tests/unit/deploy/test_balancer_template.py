"""A grid with the user's own template for nginx: its checks before the start, its identity and its deployment."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from harness.deploy import balancer_template
from harness.deploy.ansible import Ansible
from harness.deploy.deployment import Deployment, Placement
from harness.deploy.inventory.hosts import Inventory
from harness.errors import BadInput
from harness.judge import balancing
from harness.study import config as configs
from harness.study import identity
from harness.study.config import StudyConfig
from tests.builders import grid
from tests.study_stubs import inventory

ROOT = Path(__file__).resolve().parents[3]
TEXT = (
    "upstream a { {% for one in nginx_lb_servers %} server {{ one.address }}; {% endfor %} }\nserver { listen 80; }\n"
)
NAME = "nginx_lb_template"


def resolved(folder: Path, **more: Any) -> StudyConfig:
    written = {
        "name": "templates",
        "factors": {"servers": [1], "vusers": [10]},
        "load": {"think_time": "1s", "duration": "30s"},
        "request": {"path": "/"},
        "repeats": 3,
        **more,
    }
    file = folder / "grid.yaml"
    file.write_text(yaml.safe_dump(written), encoding="utf-8")
    return configs.resolve(ROOT, folder / "results", file)


def rejected(folder: Path, **more: Any) -> str:
    with pytest.raises(BadInput) as caught:
        resolved(folder, **more)
    return "\n".join(caught.value.problems)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.conf.j2").write_text(TEXT, encoding="utf-8")
    return tmp_path


def test_the_content_of_a_template_identifies_the_study(folder: Path) -> None:
    first = resolved(folder, vars={NAME: "a.conf.j2"})
    assert set(first.configuration.files) == {"a.conf.j2"}
    (folder / "a.conf.j2").write_text(TEXT + "# another\n", encoding="utf-8")
    second = resolved(folder, vars={NAME: "a.conf.j2"})
    assert first.directory.path != second.directory.path
    (difference,) = [
        each for each in identity.differences(first.configuration, second.configuration) if each.key[-1] == "sha256"
    ]
    assert difference.key[:2] == ("files", "a.conf.j2")


def test_two_templates_can_be_compared_as_levels_of_a_factor(folder: Path) -> None:
    (folder / "b.conf.j2").write_text(TEXT + "# b\n", encoding="utf-8")
    found = resolved(folder, factors={"servers": [1], "vusers": [10], NAME: ["a.conf.j2", "b.conf.j2"]})
    assert found.grid.dataset
    assert set(found.grid.dataset.templates) == {"a.conf.j2", "b.conf.j2"}
    assert not found.grid.dataset.is_sent, "the load generator gets no template"
    deployment = Deployment(Ansible(folder, folder), found.grid)
    wanted = [deployment._difference(Placement(cell, ("server-1",)))[0][NAME] for cell in found.grid.cells.known]
    assert [Path(path).read_text(encoding="utf-8") for path in wanted] == [TEXT, TEXT + "# b\n"]
    assert all(Path(path).is_absolute() for path in wanted)


def test_the_study_deploys_the_content_that_it_identified(folder: Path) -> None:
    found = resolved(folder, vars={NAME: "a.conf.j2"})
    (folder / "a.conf.j2").write_text("changed", encoding="utf-8")
    deployment = Deployment(Ansible(folder, folder), found.grid)
    path = Path(cast(str, deployment.fixed[NAME]))
    assert path.name == "a.conf.j2"
    assert path.read_text(encoding="utf-8") == TEXT


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("upstream a { {% if x %} }\n", "a.conf.j2:1: Unexpected end of template"),
        ("worker_processes 2;\nevents { }\n", "a.conf.j2:2: events: a whole nginx.conf is not supported"),
        ("#" * 64_001, "a.conf.j2 has 64,001 bytes. Allowed: 64,000"),
    ],
)
def test_a_wrong_template_is_rejected_before_the_start(folder: Path, text: str, message: str) -> None:
    (folder / "a.conf.j2").write_text(text, encoding="utf-8")
    found = rejected(folder, vars={NAME: "a.conf.j2"})
    assert f"{folder / 'grid.yaml'}:" in found
    assert f"vars.{NAME}: {message}" in found


def test_a_missing_template_is_rejected_with_its_line(folder: Path) -> None:
    found = rejected(folder, vars={NAME: "b.conf.j2"})
    assert f"vars.{NAME}: got 'b.conf.j2': no such file or folder. Allowed: a path relative to the grid file" in found


def test_an_inventory_may_set_a_template_relative_to_its_folder(folder: Path) -> None:
    site = inventory(1)
    hosts = tuple(
        host.with_variables(**{NAME: "a.conf.j2"}) if host.group == "load_balancers" else host for host in site.hosts
    )
    found = balancer_template.of_inventory(grid(), Inventory(site.path, hosts), folder)
    assert found.dataset
    assert set(found.dataset.sources) == {"a.conf.j2"}, "its content identifies the study"
    deployed = Deployment(Ansible(folder, folder), found).fixed[NAME]
    assert Path(str(deployed)).read_text(encoding="utf-8") == TEXT
    (folder / "a.conf.j2").unlink()
    with pytest.raises(BadInput, match="balancer: nginx_lb_template: cannot be read: No such file"):
        balancer_template.of_inventory(grid(), Inventory(site.path, hosts), folder)


def test_variables_that_the_template_ignores_are_rejected(folder: Path) -> None:
    variables = {NAME: "a.conf.j2", "nginx_lb_method": "least_conn"}
    assert "vars: nginx_lb_method: the template does not use it" in rejected(folder, vars=variables)
    (folder / "a.conf.j2").write_text(TEXT + "# {{ nginx_lb_method }}\n", encoding="utf-8")
    assert resolved(folder, vars=variables)
    assert "not supported with nginx_lb_tls" in rejected(folder, vars={NAME: "a.conf.j2", "nginx_lb_tls": True})


def test_the_method_of_a_template_is_its_own(folder: Path) -> None:
    found = resolved(folder, vars={NAME: "a.conf.j2"})
    settings = balancing.of(found.grid.balancers[0], found.grid.vars)
    assert settings.method == NAME
    assert not settings.even
