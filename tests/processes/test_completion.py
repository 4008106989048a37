"""Shell completion in real shells: a user presses Tab."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

import pytest

from commands.completion import VARIABLE, Shell, script

ROOT = Path(__file__).resolve().parents[2]
WITHIN_S = 90.0  # also on a busy machine
INTERACTIVE = {
    Shell.BASH: ["bash", "--norc", "--noprofile", "-i"],
    Shell.ZSH: ["zsh", "-f", "-i"],
}


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    for shell in Shell:
        (tmp_path / shell).write_text(script(shell), encoding="utf-8")
    return tmp_path


class Terminal:
    """A shell in a terminal."""

    def __init__(self, command: list[str], home: Path) -> None:
        pid, self._file = pty.fork()
        if pid == 0:
            os.chdir(ROOT)
            os.execvpe(command[0], command, {**os.environ, "HOME": str(home), "TERM": "dumb", "PS1": "> "})  # noqa: S606 - the tested shell
        self._shown = ""

    def type(self, keys: str) -> None:
        os.write(self._file, keys.encode())

    def wait_for(self, text: str) -> None:
        """Read until the terminal shows a text."""
        deadline = time.monotonic() + WITHIN_S
        while text not in self._shown:
            assert time.monotonic() < deadline, f"{text!r} is not in {self._shown!r}"
            if select.select([self._file], [], [], 1.0)[0]:
                self._shown += os.read(self._file, 4096).decode(errors="replace")
        self._shown = self._shown.partition(text)[2]

    def close(self) -> None:
        os.close(self._file)  # a hangup ends the shell


@pytest.mark.parametrize("shell", INTERACTIVE)
def test_tab_completes_the_path_of_a_grid_and_a_command(shell: Shell, scripts: Path) -> None:
    terminal = Terminal(INTERACTIVE[shell], scripts)
    try:
        terminal.type(f"source {scripts / shell}; echo rea'dy'\n")
        terminal.wait_for("ready")
        terminal.type("./study.py plan --grid grids/capa\t")
        terminal.wait_for("city.yaml")
        terminal.type("\x15./study.py comple\t")
        terminal.wait_for("tion")
    finally:
        terminal.close()


def test_fish_lists_grids_commands_and_options(scripts: Path) -> None:
    def completed(line: str) -> list[str]:
        command = ["fish", "--no-config", "-c", f"source {scripts / 'fish'}; complete --do-complete '{line}'"]
        home = {**os.environ, "HOME": str(scripts)}
        done = subprocess.run(command, cwd=ROOT, env=home, capture_output=True, text=True, check=True)
        return [found.split("\t")[0] for found in done.stdout.splitlines()]

    assert completed("./study.py plan --grid grids/capa") == ["grids/capacity.yaml"]
    assert completed("./study.py comple") == ["completion"]
    assert completed("./study.py gate --base") == ["--baseline"]
    assert "README.md" in completed("./study.py gate --markdown READ"), "a file where the program has no suggestion"


def test_a_request_for_completions_installs_nothing_and_prints_no_error(tmp_path: Path) -> None:
    """A clone that was never started has no environment, and Tab must not wait for it."""
    for part in ("study.py", "harness", "uv.lock", "requirements"):
        (tmp_path / part).symlink_to(ROOT / part)
    (tmp_path / "study.py").unlink()
    (tmp_path / "study.py").write_bytes((ROOT / "study.py").read_bytes())
    environ = {"PATH": os.environ["PATH"], VARIABLE: "complete_bash", "COMP_WORDS": "study.py ", "COMP_CWORD": "1"}
    done = subprocess.run(["python3", tmp_path / "study.py"], env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (tmp_path / ".venv").exists()
