"""A study of an image that the machines pull from a registry, with another port than the project's image."""

from pathlib import Path

import pytest

from harness.records.directory import StudyDirectory
from tests.integration.conftest import study
from tests.rehearsal.conftest import Fleet, gateway, inventory_with, loads, play, small_grid
from tests.rehearsal.registry import PASSWORD, USER, serve


@pytest.mark.long
def test_a_study_of_a_pulled_image_with_its_own_port(deployed_fleet: Fleet, tmp_path: Path) -> None:
    ours = str(deployed_fleet.host("server-1").variables["ml_server_image"])
    (tmp_path / "registry").mkdir()
    with serve(deployed_fleet.engine, gateway(deployed_fleet), tmp_path / "registry") as registry:
        registry.push(f"FROM {ours}\nLABEL of=somebody\n", "me/app:1")
        everybody = {
            "images_distribution": "pull",
            "image_distribution_registry_username": USER,
            "image_distribution_registry_password": PASSWORD,
            "image_distribution_registry_ca": str(registry.certificate),
        }
        grid = small_grid(
            tmp_path / "grid.yaml",
            name="pulled",
            inventory=str(inventory_with(tmp_path / "inventory", {}, everybody)),
            service={"image": f"{registry.address}/me/app:1", "port": 8000},
            factors={"servers": [2], "vusers": [50]},
            repeats=1,
        )
        done = study("--grid", grid, "--results", tmp_path / "results")
    for name in ("deploy-servers", "deploy-balancer", "deploy-generators"):
        play(f"playbooks/{name}.yml")
    for name in ("server-1", "server-2", "server-3"):
        deployed_fleet.on(name, f"docker rmi -f {registry.address}/me/app:1")
    folder = next((tmp_path / "results").glob("pulled-*"))
    record = StudyDirectory(folder).trial("servers-2_vusers-50/r1").record
    assert record.outcome in ("ok", "warning"), done.stdout + str(record.cause)
    record_json = loads(folder / "study.json")
    digests = record_json["environment"]["image_digests"]
    assert [digests[f"server-{n}"] for n in (1, 2)] == [digests["server-3"]] * 2
    assert any(digest.startswith(f"{registry.address}/me/app@sha256:") for digest in digests["server-1"])
    assert PASSWORD not in "".join(file.read_text(errors="replace") for file in folder.rglob("*") if file.is_file())
