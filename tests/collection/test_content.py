"""Contents of the collection: the reusable roles, and nothing else of the project."""

import json
import tarfile
from pathlib import Path

import pytest
import yaml

from tests.collection.conftest import Elsewhere, run
from tests.integration.conftest import ROOT

pytestmark = pytest.mark.concurrent

ROLES = {
    "docker_engine",
    "haproxy_lb",
    "image_distribution",
    "jdk",
    "nginx_lb",
    "ngrinder_agent",
    "ngrinder_controller",
    "reachability",
}
ALONE = {"README.md", "LICENSE", "CHANGELOG.md", "meta/runtime.yml", "MANIFEST.json", "FILES.json"}


def test_the_collection_contains_exactly_its_roles(tarball: Path) -> None:
    with tarfile.open(tarball) as packed:
        names = {member.name for member in packed.getmembers() if member.isfile()}
    expected = {
        str(file.relative_to(ROOT))
        for role in ROLES
        for file in (ROOT / "roles" / role).rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    assert {name for name in names if not name.startswith("roles/")} == ALONE
    assert {name for name in names if name.startswith("roles/")} == expected


def test_the_manifest_names_the_collection_and_its_dependencies(tarball: Path) -> None:
    with tarfile.open(tarball) as packed:
        manifest = packed.extractfile("MANIFEST.json")
        assert manifest
        about = json.load(manifest)["collection_info"]
    assert (about["namespace"], about["name"], about["license"]) == ("scale_out", "study", ["Apache-2.0"])
    assert about["tags"]
    needed = {".".join(part.split(".")[:2]) for part in modules() if not part.startswith("ansible.builtin.")}
    assert set(about["dependencies"]) == needed
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {about['version']}" in changelog
    assert yaml.safe_load((ROOT / "meta" / "runtime.yml").read_text())["requires_ansible"].startswith(">=2.18")


def modules() -> set[str]:
    """Return the names of all modules that the roles use."""

    def walk(tasks: object) -> set[str]:
        if isinstance(tasks, list):
            return set().union(*map(walk, tasks))
        if not isinstance(tasks, dict):
            return set()
        inner = set().union(*(walk(tasks[part]) for part in ("block", "rescue", "always") if part in tasks))
        return inner | {str(key) for key in tasks if str(key).count(".") == 2}

    files = [file for role in ROLES for file in (ROOT / "roles" / role / "tasks").glob("*.yml")]
    return set().union(*(walk(yaml.safe_load(file.read_text(encoding="utf-8"))) for file in files))


def test_a_role_is_found_and_documented_by_its_full_name(elsewhere: Elsewhere) -> None:
    names = [f"scale_out.study.{role}" for role in sorted(ROLES)]
    arguments = ["--type", "role", "--json", *names]
    done = run(elsewhere.folder, "ansible-doc", *arguments, ANSIBLE_CONFIG=str(elsewhere.folder / "ansible.cfg"))
    found = json.loads(done.stdout)
    assert sorted(found) == names
    for role in ROLES:
        options = found[f"scale_out.study.{role}"]["entry_points"]["main"]["options"]
        assert all(name.startswith(f"{role}_") for name in options), role


def test_a_play_outside_this_clone_uses_full_role_names(elsewhere: Elsewhere) -> None:
    text = yaml.safe_dump([{"hosts": "all", "gather_facts": False, "roles": [f"scale_out.study.{r}" for r in ROLES]}])
    listed = elsewhere.play(text, "--list-tags").stdout
    assert all(role in listed for role in ROLES)
