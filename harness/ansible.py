"""The only use of ansible-runner: a playbook and variables in, a typed outcome out.

Every run has a fresh ident (a reused one keeps the last run's verdict) and its own limit of time.
A run that is cut off is ended process by process: its workers leave the process group, and
ansible-runner's own timeout would let them go on.
"""

from __future__ import annotations

import json
import logging
import os
import re
import shutil
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible_runner
import psutil

from harness import mends
from harness.errors import DeployFailed, Interrupted

log = logging.getLogger(__name__)

# What ansible-runner keeps of the environment and the command line; secrets may be in there.
SCRUBBED = ("command", "stdout", "stderr")


@dataclass
class PlaybookOutcome:
    """What a playbook did. `results` holds (host, task, result) of every task that went well."""

    status: str
    duration_s: float
    changed: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    results: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """True when every host did everything."""
        return self.status == "successful" and not self.failures


class Ansible:
    """Runs this project's playbooks against one inventory."""

    def __init__(self, root: Path, inventory: Path | None, artifacts: Path) -> None:
        self._root = root
        self._inventory = inventory
        self._artifacts = artifacts
        self.cancelled: Callable[[], bool] = lambda: False

    def run(
        self,
        playbook: str,
        variables: dict[str, Any] | None = None,
        tags: list[str] | None = None,
        timeout_s: float = 900.0,
        on_task: Callable[[str], None] | None = None,
    ) -> PlaybookOutcome:
        """Run a playbook to its end; raises DeployFailed with the hosts' words, Interrupted on Ctrl-C."""
        ident = f"{Path(playbook).stem}-{uuid.uuid4().hex[:8]}"
        private = self._artifacts / "ansible"
        private.mkdir(parents=True, exist_ok=True)
        outcome = PlaybookOutcome("", 0.0)
        began = time.monotonic()

        def on_event(event: dict[str, Any]) -> bool:
            data = event.get("event_data", {})
            kind, host, task = event.get("event"), data.get("host", ""), data.get("task", "")
            if kind == "playbook_on_task_start" and on_task:
                on_task(task)
            elif kind == "runner_on_ok":
                outcome.results.append((host, task, data.get("res", {})))
            elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
                outcome.failures.append(_failure(host, task, data))
            elif kind == "playbook_on_stats":
                outcome.changed = data.get("changed", {})
                if not data.get("failures") and not data.get("dark"):
                    outcome.failures.clear()  # all of them were rescued
            return False  # no event files: a study makes tens of thousands

        extra = private / f"{ident}.vars.json"
        extra.write_text(json.dumps(variables or {}), encoding="utf-8")
        extra.chmod(0o600)
        command = [f"--extra-vars=@{extra}"] + ([f"--tags={','.join(tags)}"] if tags else [])
        thread, runner = ansible_runner.run_async(
            private_data_dir=str(private),
            project_dir=str(self._root),
            playbook=playbook,
            inventory=str(self._inventory) if self._inventory else "localhost,",
            ident=ident,
            cmdline=" ".join(command),
            quiet=True,
            rotate_artifacts=0,
            # By itself ansible-runner would have any host key accepted, a changed one too.
            envvars={
                "ANSIBLE_CONFIG": str(self._root / "ansible.cfg"),
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "PATH": _path(),
            },
            event_handler=on_event,
            cancel_callback=lambda: self.cancelled(),  # its default takes over Ctrl-C for good
        )
        try:
            self._wait(thread, ident, timeout_s, outcome)
        finally:
            extra.unlink(missing_ok=True)
            _scrub(private / "artifacts" / ident)
        outcome.duration_s = time.monotonic() - began
        outcome.status = outcome.status or runner.status
        if self.cancelled():
            raise Interrupted("interrupted")
        if not outcome.ok:
            words = outcome.failures or [f"ended as {outcome.status!r}; see log/study.log"]
            raise DeployFailed(f"{playbook}: " + "; ".join(words))
        log.info("%s: %.1f s, changed %s", playbook, outcome.duration_s, outcome.changed)
        return outcome

    def _wait(self, thread: threading.Thread, ident: str, timeout_s: float, outcome: PlaybookOutcome) -> None:
        deadline = time.monotonic() + timeout_s
        while thread.is_alive():
            thread.join(0.1)
            if self.cancelled():
                outcome.status = "cancelled"
                _kill(ident)
            elif time.monotonic() > deadline:
                outcome.status = "timeout"
                outcome.failures.append(f"not done within {timeout_s:g} s")
                _kill(ident)


def _path() -> str:
    """PATH with this environment's programs first: ansible-playbook comes from here."""
    import sys

    return f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


def _failure(host: str, task: str, data: dict[str, Any]) -> str:
    result = data.get("res", {})
    words = [str(result[key]).strip() for key in ("msg", "stderr", "reason") if result.get(key)]
    nested = [str(r.get("msg", "")) for r in result.get("results", []) if isinstance(r, dict) and r.get("failed")]
    told = " ".join(_bare(word) for word in (nested or words)[:2])
    return mends.explain(host, task, told or "no reason given")


def _bare(words: str) -> str:
    """Words without Ansible's own frame around them."""
    return re.sub(r"^(Task failed: )?((Action|Module) failed: )?", "", words)


def _kill(ident: str) -> None:
    """End the playbook with this ident and everything it started."""
    for child in psutil.Process().children(recursive=True):
        try:
            if any(ident in part for part in child.cmdline()):
                for process in [*child.children(recursive=True), child]:
                    process.kill()
        except psutil.NoSuchProcess:
            continue


def _scrub(artifacts: Path) -> None:
    for name in SCRUBBED:
        (artifacts / name).unlink(missing_ok=True)
    shutil.rmtree(artifacts / "fact_cache", ignore_errors=True)
