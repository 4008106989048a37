"""Names and digests of images in registries, as the role image_distribution computes them, without an engine."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "image_distribution"
A, B = "sha256:" + "a" * 64, "sha256:" + "b" * 64


def computed(
    folder: Path, names: list[str], cases: list[dict[str, Any]], tasks: list[dict[str, Any]] | None = None
) -> Any:
    """Evaluate the role's variables for each input case, with one run of Ansible."""
    parts = ("transferred", "external", "fetched")
    result = "{{ {" + ", ".join(f"'{name}': {name}" for name in names) + "} | to_json }}"
    plays = [
        {
            "hosts": f"case-{number}",
            "connection": "local",
            "gather_facts": False,
            "vars": {"ansible_python_interpreter": sys.executable},
            "tasks": [
                {"ansible.builtin.include_vars": {"file": str(ROLE / "defaults" / "main.yml")}},
                {"ansible.builtin.include_vars": {"file": str(ROLE / "vars" / "main.yml")}},
                {"ansible.builtin.set_fact": variables},
                {
                    "ansible.builtin.set_fact": {
                        "__image_distribution_host": {part: f"{{{{ __image_distribution_{part} }}}}" for part in parts}
                    }
                },
                *(tasks or []),
                {"ansible.builtin.debug": {"msg": f"computed {result}"}},
            ],
        }
        for number, variables in enumerate(cases)
    ]
    (folder / "plays.yml").write_text(yaml.safe_dump(plays))
    hosts = ",".join(f"case-{number}" for number in range(len(cases))) + ","
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", hosts, str(folder / "plays.yml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    lines = re.findall(r'"msg": "computed (.*)"$', done.stdout, re.M)
    return [json.loads(json.loads(f'"{line}"')) for line in lines]


OWN = ["scale-out/service:1f", "me/app:1.4", "docker.io/me/app:2", "app", f"quay.example:5000/a/b/c:1@{A}"]


NAMES = [
    (
        "docker.io/me",
        "{registry}/{owner}/{name}",
        [
            "docker.io/me/scale-out-service:1f",
            "docker.io/me/me-app:1.4",
            "docker.io/me/me-app:2",
            "docker.io/me/app:latest",
            f"docker.io/me/a-b-c:{A.replace(':', '-')}",
        ],
    ),
    ("10.0.0.1:5000", "{registry}/{owner}/{name}", ["10.0.0.1:5000/scale-out-service:1f"]),
    ("hub.example/a/b", "{registry}/{owner}/study-{name}", ["hub.example/a/b/study-scale-out-service:1f"]),
]


def test_names_follow_the_template(tmp_path: Path) -> None:
    """By default one name follows the owner, as Docker Hub requires."""
    cases = [
        {
            "image_distribution_method": "registry",
            "image_distribution_registry": registry,
            "image_distribution_template": template,
            "image_distribution_images": OWN,
            "image_distribution_built": OWN[:1],
        }
        for registry, template, _ in NAMES
    ]
    found = computed(tmp_path, ["__image_distribution_remotes", "__image_distribution_locals"], cases)
    for (*_, names), case in zip(NAMES, found, strict=True):
        assert case["__image_distribution_remotes"][: len(names)] == names
        assert case["__image_distribution_locals"] == [*OWN[:4], f"quay.example:5000/a/b/c:{A.replace(':', '-')}"]


# Registry, the engine's digests of the pushed image, and the reference to pull.
DIGESTS = [
    ("docker.io/me", [f"me/app@{A}"], f"docker.io/me/app@{A}"),
    ("docker.io/me", [f"docker.io/me/app@{A}"], f"docker.io/me/app@{A}"),
    ("docker.io/library", [f"app@{A}"], f"docker.io/library/app@{A}"),
    ("docker.io/me", [f"other/me/app@{B}", f"me/app@{A}", f"me/app-2@{B}"], f"docker.io/me/app@{A}"),
    ("10.0.0.1:5000/me", [f"me/app@{B}", f"10.0.0.1:5000/me/app@{A}"], f"10.0.0.1:5000/me/app@{A}"),
]


def test_digests_are_found_with_and_without_docker_io(tmp_path: Path) -> None:
    cases = [
        {
            "image_distribution_method": "registry",
            "image_distribution_registry": registry,
            "image_distribution_images": ["app:1"],
            "__image_distribution_pushed": {"images": [{"RepoDigests": known}]},
        }
        for registry, known, _ in DIGESTS
    ]
    tasks = [{"ansible.builtin.include_tasks": str(ROLE / "tasks" / "digests.yml")}]
    found = computed(tmp_path, ["__image_distribution_digests"], cases, tasks)
    assert [case["__image_distribution_digests"]["app:1"] for case in found] == [wanted for *_, wanted in DIGESTS]


ACCOUNTS = [
    (["me/app:1"], "", "docker.io", "https://index.docker.io/v1/"),
    (["docker.io/me/app:1"], "", "docker.io", "https://index.docker.io/v1/"),
    ([f"hub.example/me/app@{A}"], "", "hub.example", "https://hub.example"),
    (["localhost/app"], "", "localhost", "https://localhost"),
    (["me/app:1", "hub.example/app"], "hub.example", "hub.example", "https://hub.example"),
]


def test_an_account_belongs_to_the_registry_of_the_image(tmp_path: Path) -> None:
    cases = [
        {
            "image_distribution_method": "pull",
            "image_distribution_registry": registry,
            "image_distribution_images": ["scale-out/nginx:1", *images],
            "image_distribution_built": ["scale-out/nginx:1"],
        }
        for images, registry, *_ in ACCOUNTS
    ]
    names = ["__image_distribution_server", "__image_distribution_login_url", "__image_distribution_fetched"]
    found = [tuple(case.values()) for case in computed(tmp_path, names, cases)]
    assert found == [(server, url, images) for images, _, server, url in ACCOUNTS]
