"""The image of a fleet, and instance types that cannot run it."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.ec2.cloud import IMAGES
from tests.ec2.conftest import play, running
from tests.integration.conftest import PLAYBOOK, ROOT

ARM = {"load_balancers": "c7g.large", "ml_servers": "t4g.small", "load_generators": "im4gn.xlarge"}
ROOTS = {name: root for name, _, _, _, _, root, _ in IMAGES}
CHOSEN = {
    ("debian-12", "x86_64"): ("ami-debian", "admin"),
    ("debian-12", "arm64"): ("ami-debian-arm", "admin"),
    ("ubuntu-24.04", "x86_64"): ("ami-ubuntu", "ubuntu"),
    ("ubuntu-24.04", "arm64"): ("ami-ubuntu-arm", "ubuntu"),
    ("amazon-linux-2023", "x86_64"): ("ami-amazon", "ec2-user"),
    ("amazon-linux-2023", "arm64"): ("ami-amazon-arm", "ec2-user"),
}


@pytest.mark.parametrize(
    "requested",
    [
        [("debian-12", "x86_64"), ("ubuntu-24.04", "arm64")],
        pytest.param(list(CHOSEN), marks=pytest.mark.long),
    ],
    ids=["two", "all"],
)
def test_each_distribution_gives_its_publishers_newest_image(
    cloud: dict[str, Any], tmp_path: Path, requested: list[tuple[str, str]]
) -> None:
    """Not another owner's image of that name, a minimal image or one for another purpose."""
    plays = []
    for number, (distribution, architecture) in enumerate(requested):
        variables: dict[str, Any] = {"ec2_fleet_distribution": distribution, "ec2_fleet_architecture": architecture}
        if architecture == "arm64":
            variables["ec2_fleet_types"] = ARM
        facts = {"n": number, "id": "{{ __ec2_fleet_image.image_id }}", "user": "{{ __ec2_fleet_user }}",
                "root": "{{ __ec2_fleet_image.root_device_name }}"}  # fmt: skip
        role = {"name": "ec2_fleet", "tasks_from": "image", "public": True, "rolespec_validate": False}
        python = {"ansible_python_interpreter": "{{ ansible_playbook_python }}"}
        tasks = [
            {"ansible.builtin.include_role": role},
            {"ansible.builtin.copy": {"dest": f"{tmp_path}/{number}.json", "content": facts, "mode": "0600"}},
        ]
        play_ = {"hosts": "localhost", "connection": "local", "gather_facts": False, "tasks": tasks}
        plays.append({**play_, "vars": {**python, **cloud, **variables}})
    (tmp_path / "images.json").write_text(json.dumps(plays))
    command = [PLAYBOOK, "-i", "localhost,", str(tmp_path / "images.json")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout[-3000:]
    for number, (image, user) in enumerate(CHOSEN[key] for key in requested):
        facts = json.loads((tmp_path / f"{number}.json").read_text())
        assert (facts["id"], facts["user"], facts["root"]) == (image, user, ROOTS[image])


@pytest.mark.parametrize(
    ("variables", "words"),
    [
        (
            {"ec2_fleet_architecture": "arm64"},
            "debian-12-arm64-20240301-1 is for arm64, but these ec2_fleet_types have no Graviton processor (arm64): "
            "c7i.large, c7i.xlarge. Fix:",
        ),
        pytest.param(
            {"ec2_fleet_types": {**ARM, "ml_servers": "g5.xlarge", "load_balancers": "gr6.4xlarge"}},
            "debian-12-amd64-20240301-1 is for x86_64, but these ec2_fleet_types have a Graviton processor (arm64): "
            "im4gn.xlarge. Fix:",
            marks=pytest.mark.long,
        ),
        pytest.param(
            {"ec2_fleet_image_id": "ami-ubuntu-arm"},
            "ubuntu-noble-24.04-arm64-server-20240301 is for arm64, but these ec2_fleet_types have no Graviton",
            marks=pytest.mark.long,
        ),
    ],
)
def test_types_that_cannot_run_the_image_are_reported(
    cloud: dict[str, Any], variables: dict[str, Any], words: str
) -> None:
    before = running()
    done = play("ec2-up", {**cloud, "ec2_fleet_study": "other", **variables})
    assert done.returncode != 0
    assert words in " ".join(done.stdout.split())
    assert running() == before
