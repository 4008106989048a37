"""The role rejects nGrinder before 3.5.9 before it changes a machine, whatever the file's name."""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
ROLE = ROOT / "roles" / "ngrinder_controller"
# Tasks that check the machine instead of the WAR.
OTHERS = "Java"
URL = "https://a.example/ngrinder-controller-{}.war"


def read(file: str) -> Any:
    return yaml.safe_load((ROLE / file).read_text())


def war(folder: Path, name: str, core: str = "", manifest: str = "") -> str:
    """Write the parts of a WAR that contain its version."""
    with zipfile.ZipFile(folder / name, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", f"Manifest-Version: 1.0\r\n{manifest}")
        archive.writestr(f"WEB-INF/lib/ngrinder-core-{core}.jar" if core else "WEB-INF/lib/other-1.0.jar", "")
    return str(folder / name)


def version_in(file: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> str:
    """Return the output of the role's program."""
    monkeypatch.setattr(sys, "argv", ["-c", file])
    exec(read("vars/main.yml")["__ngrinder_controller_read_version"], {})  # noqa: S102 - the role's own program
    return capsys.readouterr().out.strip()


def test_the_version_in_the_archive_takes_precedence_over_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "damaged-3.5.8.war").write_text("no archive")
    manifest = "Implementation-Version: 3.5.7\r\n"
    found = {
        war(tmp_path, "a.war", "3.5.9-p1"): "3.5.9-p1",
        war(tmp_path, "ngrinder-controller-3.5.9.war", "3.5.8-p2"): "3.5.8-p2",
        war(tmp_path, "b.war", manifest=manifest): "3.5.7",
        war(tmp_path, "c.war", "3.5.8", manifest): "3.5.8",
        war(tmp_path, "ngrinder-controller-3.4.2.war"): "3.4.2",
        war(tmp_path, "unknown.war"): "",
        str(tmp_path / "damaged-3.5.8.war"): "3.5.8",
        str(tmp_path / "none.war"): "",
    }
    assert {file: version_in(file, monkeypatch, capsys) for file in found} == found


def test_an_old_version_is_rejected_with_a_reason(tmp_path: Path) -> None:
    by_url = {"war_sha256": "0" * 64}
    # Variables, and the rejected version, if any.
    cases: list[tuple[dict[str, str], str]] = [
        ({"war_file": war(tmp_path, "right.war", "3.5.10")}, ""),
        ({"war_file": war(tmp_path, "ngrinder-controller-3.5.9.war", "3.5.8-p2")}, "3.5.8-p2"),
        ({"war_url": URL.format("3.5.9-p1"), "version": "3.10", **by_url}, ""),
        ({"war_url": URL.format("3.5.9-p1"), "version": "3.5", **by_url}, "3.5"),
        ({"war_url": URL.format("3.5.6"), **by_url}, "3.5.6"),
    ]
    tasks = [task for task in read("tasks/preflight.yml") if OTHERS not in task["name"]]
    role = {**read("defaults/main.yml"), **read("vars/main.yml")}
    hosts = {
        f"case-{number}": {**role, **{f"ngrinder_controller_{name}": value for name, value in variables.items()}}
        for number, (variables, _) in enumerate(cases)
    }
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": {"hosts": hosts}}))
    play = {"hosts": "all", "gather_facts": False, "connection": "local", "tasks": tasks}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]))
    command = [str(Path(sys.executable).with_name("ansible-playbook")), "-i", str(tmp_path / "hosts.yml")]
    done = subprocess.run([*command, str(tmp_path / "play.yml")], cwd=ROOT, capture_output=True, text=True, check=False)
    printed = " ".join(done.stdout.split())
    for number, (variables, old) in enumerate(cases):
        recap = next(line for line in done.stdout.splitlines() if line.startswith(f"case-{number} "))
        assert ("failed=1" in recap) == bool(old), (variables, done.stdout)
        words = f"is nGrinder {old}: versions before 3.5.9 allow remote code execution by everyone who"
        assert not old or words in printed
    assert "(CVE-2024-28213). Fix: download 3.5.9-p1 or newer from the releases of naver/ngrinder on GitHub" in printed
