"""Values from a vault are masked everywhere, including in variables that are derived from them."""

import logging
import os
import shutil
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from commands.run import log_to
from harness import secrecy
from harness.deploy.inventory import resolve
from harness.deploy.inventory.hosts import Inventory
from harness.records.directory import StudyDirectory
from harness.secrecy import MASK
from harness.study import identity, traffic_secrets
from report import build
from tests.builders import grid
from tests.pages import contents
from tests.study_stubs import FakeSite

ROOT = Path(__file__).resolve().parents[2]
VAULT = Path(sys.executable).with_name("ansible-vault")


@pytest.fixture(scope="module")
def vaulted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the lab's inventory with one encrypted value and one encrypted file."""
    top = tmp_path_factory.mktemp("vault")
    (top / "password").write_text("of this test")
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(top / "password"))
        monkeypatch.setenv("XDG_STATE_HOME", str(top / "state"))
        yield encrypted(top / "inventory" / "vaulted")


class Read(NamedTuple):
    """An inventory as Ansible resolves it, and the secrets that the process masks from then on."""

    inventory: Inventory
    known: set[str]


@pytest.fixture(scope="module")
def read(vaulted: Path) -> Read:
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(secrecy, "_known", known := set[str]())
        return Read(resolve.find(ROOT, vaulted, "vaulted")[0], known)


def encrypted(folder: Path) -> Path:
    shutil.copytree(ROOT / "inventory" / "lab", folder)
    command = [str(VAULT), "encrypt_string", "--name", "own_value", "canary-value"]
    value = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ).stdout
    servers = folder / "group_vars" / "ml_servers.yml"
    servers.write_text(
        f"{servers.read_text()}{value}\n"
        'ml_server_env: {PLAIN: "{{ own_value }}", MIXED: "a {{ own_file }} b", LEVEL: debug}\n'
    )
    for name in ("all", "ml_servers"):
        (folder / "group_vars" / name).mkdir()
        (folder / "group_vars" / f"{name}.yml").rename(folder / "group_vars" / name / "plain.yml")
    secret = folder / "group_vars" / "all" / "secret.yml"
    secret.write_text("own_file: canary-file\n")
    subprocess.run([VAULT, "encrypt", secret], capture_output=True, check=True, env=os.environ)
    return folder


@contextmanager
def logged(file: Path) -> Iterator[None]:
    """Write the log of a study, as `study.py` does."""
    logger = logging.getLogger("harness")
    log_to(file)
    try:
        yield
    finally:
        handler = logger.handlers[-1]
        logger.removeHandler(handler)
        handler.close()


def kept(inventory: Path) -> Path:
    """Return the file of a resolved inventory that later commands use."""
    return ROOT / ".state" / "inventory" / f"{resolve.sources_hash(ROOT, inventory)}.json"


def test_values_from_a_vault_are_masked(vaulted: Path, read: Read) -> None:
    variables = read.inventory.servers[0].variables["ml_server_env"]
    assert MASK.sub("*", str(variables)) == "{'PLAIN': '*', 'MIXED': 'a * b', 'LEVEL': 'debug'}"
    assert "canary" not in str(identity.effective(grid(), read.inventory))
    assert not kept(vaulted).exists(), "the values are only known, and left out of messages, after they are read"


def test_an_inventory_without_secrets_is_kept_for_its_user_only() -> None:
    lab = ROOT / "inventory" / "lab"
    found, _ = resolve.find(ROOT, lab, "inventory/lab")
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept(lab).parent, kept(lab))] == [0o700, 0o600]
    assert str(resolve.find(ROOT, lab, "inventory/lab")[0]) == str(found), "the stored copy must be equal"


def test_a_secret_of_traffic_comes_out_of_a_vault_and_is_nowhere_else(vaulted: Path, read: Read) -> None:
    """The environment takes precedence. The study never stores the values."""
    request = {"path": "/", "headers": {"x-file": "${secret.OWN_FILE}", "x-word": "${secret.OWN_WORD}"}}
    traffic = {"requests": [{"name": "a", "request": {**request, "text": "${secret.OWN_GONE}"}}]}
    written = grid(request=None, traffic=traffic)
    found, missing = traffic_secrets.fill(ROOT, vaulted, written, read.inventory, {"OWN_WORD": "canary-word"})
    assert found.traffic_secrets == {"OWN_FILE": "canary-file", "OWN_WORD": "canary-word"}
    assert [text.partition(":")[0] for _, text in missing] == ["traffic.requests.0.request.text"]
    assert "canary" not in str(identity.effective(found, read.inventory))


def test_a_study_writes_and_prints_no_value_from_a_vault(
    vaulted: Path, read: Read, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in results, state and log nor on the console, also when a playbook prints it."""
    monkeypatch.setattr(secrecy, "_known", set(read.known))
    site, results = FakeSite(), tmp_path / "results"
    env = {"ml_server_env": read.inventory.servers[0].variables["ml_server_env"]}
    names = read.inventory.generator.names
    site.inventory = replace(
        site.inventory,
        hosts=tuple(replace(host, variables={**host.variables, **env}, names=names) for host in site.inventory.hosts),
    )
    site.secrets = (ROOT, vaulted)
    site.broken[2] = "env PLAIN=canary-value MIXED=a canary-file b is no good"
    request = {
        "method": "POST",
        "path": "/p?q=${secret.OWN_FILE}",
        "headers": {"x-file": "${secret.OWN_FILE}", "authorization": "Bearer ${secret.OWN_FILE}"},
        "json": {"text": "${secret.OWN_FILE}"},
    }
    factors, traffic = {"servers": [1, 2], "vusers": [1000]}, {"requests": [{"name": "a", "request": request}]}
    study = site.study(results, request=None, factors=factors, traffic=traffic)
    assert study._grid.traffic_secrets == {"OWN_FILE": "canary-file"}
    with logged(results / "log" / "study.log"):
        study.run()
    directory = StudyDirectory(study._directory.path)
    build.write(directory, {"html", "pdf", "data"}, "A4")
    written = contents(results)
    assert {"report.html", "report.pdf", "study.json", "study.log"} <= {Path(name).name for name in written}
    folders = (ROOT / ".state" / "inventory", Path(os.environ["XDG_STATE_HOME"]))
    state = {str(path): path.read_bytes() for top in folders for path in top.rglob("*") if path.is_file()}
    assert [name for name, text in (written | state).items() if b"canary" in text] == []
    assert "canary" not in str(site.events)
    causes = [record.cause for record in directory.trials().values()]
    assert any("PLAIN=[masked]" in cause for cause in causes), causes
