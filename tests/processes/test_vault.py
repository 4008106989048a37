"""Values from a vault are masked everywhere, including in variables that are derived from them."""

import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from harness.deploy.inventory import resolve
from harness.secrecy import MASK
from harness.study import identity, traffic_secrets
from tests.builders import grid

ROOT = Path(__file__).resolve().parents[2]
VAULT = Path(sys.executable).with_name("ansible-vault")


@pytest.fixture
def vaulted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the lab's inventory with one encrypted value and one encrypted file."""
    (tmp_path / "password").write_text("of this test")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(tmp_path / "password"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    folder = tmp_path / "inventory" / "vaulted"
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


def test_values_from_a_vault_are_masked(vaulted: Path) -> None:
    before = os.umask(0)
    try:
        found, _ = resolve.find(ROOT, vaulted, "vaulted")
    finally:
        os.umask(before)
    kept = ROOT / ".state" / "inventory" / f"{resolve.sources_hash(ROOT, vaulted)}.json"
    variables = found.servers[0].variables["ml_server_env"]
    assert MASK.sub("*", str(variables)) == "{'PLAIN': '*', 'MIXED': 'a * b', 'LEVEL': 'debug'}"
    assert "canary" not in str(identity.effective(grid(), found))
    assert "canary" not in kept.read_text()
    assert [stat.S_IMODE(path.stat().st_mode) for path in (kept.parent, kept)] == [0o700, 0o600]
    assert str(resolve.find(ROOT, vaulted, "vaulted")[0]) == str(found), "the stored copy must be equal"
    kept.unlink()


def test_a_secret_of_traffic_comes_out_of_a_vault_and_is_nowhere_else(vaulted: Path) -> None:
    """The environment takes precedence. The study never stores the values."""
    request = {"path": "/", "headers": {"x-file": "${secret.OWN_FILE}", "x-word": "${secret.OWN_WORD}"}}
    traffic = {"requests": [{"name": "a", "request": {**request, "text": "${secret.OWN_GONE}"}}]}
    inventory, _ = resolve.find(ROOT, vaulted, "vaulted")
    written = grid(request=None, traffic=traffic)
    found, missing = traffic_secrets.fill(ROOT, vaulted, written, inventory, {"OWN_WORD": "canary-word"})
    assert found.traffic_secrets == {"OWN_FILE": "canary-file", "OWN_WORD": "canary-word"}
    assert [text.partition(":")[0] for _, text in missing] == ["traffic.requests.0.request.text"]
    assert "canary" not in str(identity.effective(found, inventory))
    (ROOT / ".state" / "inventory" / f"{resolve.sources_hash(ROOT, vaulted)}.json").unlink()
