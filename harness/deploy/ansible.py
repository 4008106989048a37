"""Run playbooks with ansible-runner: a playbook and variables in, a typed outcome out.

Every run has a new ident (a reused one keeps the status of the last run) and its own time limit. To end a run, each of
its processes is killed: its workers leave the process group, and ansible-runner's own timeout would leave them running.
"""

from __future__ import annotations

import logging
import os
import shlex
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

from harness.deploy import artifacts, private, task_results, unsafe_yaml
from harness.errors import DeployFailed, Interrupted

log = logging.getLogger(__name__)

CHECKS_ARGUMENTS = "Validating arguments against arg spec"  # a task that Ansible adds before those of a role


@dataclass(kw_only=True)
class PlaybookOutcome:
    """What a playbook did. `results` are (host, task, result) of every task that succeeded."""

    status: str
    duration_s: float
    changed: dict[str, int] = field(default_factory=dict)
    failures: task_results.Failures = field(default_factory=task_results.Failures)
    results: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    over: bool = False  # every task has ended

    @property
    def ok(self) -> bool:
        """Whether every task on every host succeeded."""
        return self.status == "successful" and not self.failures


class Playbook:
    """A running playbook; `wait` for its outcome, or `drop` it.

    A held playbook does everything before its first task, and waits there for `release`.
    """

    def __init__(
        self,
        ansible: Ansible,
        name: str,
        variables: dict[str, Any],
        tags: list[str] | None = None,
        held: bool = False,
        on_task: Callable[[str], None] | None = None,
    ) -> None:
        self.name = name
        self._on_task = on_task
        self._at_first_task = False
        self._may_change = not held
        self._ansible = ansible
        self._ident = f"{Path(name).stem}-{uuid.uuid4().hex[:8]}"
        self._outcome = PlaybookOutcome(status="", duration_s=0.0)
        self._began = time.monotonic()
        self._news = threading.Event()
        self._last_output = ""
        self._heard, self._retries = self._began, task_results.RetryMessages()
        self._folder = private.make(private.folder(ansible.private) / self._ident)
        file = self._folder / f"{self._ident}.vars.yml"
        private.write(file, unsafe_yaml.dump_variables(variables))
        environ = {}
        self._hold: int | None = None
        if held:
            pipe = self._folder / "hold"
            os.mkfifo(pipe, 0o600)
            self._hold = os.open(pipe, os.O_RDWR)  # both ends, so that neither side waits for the other one to open it
            environ = {"SCALE_OUT_HOLD": str(pipe), "ANSIBLE_CALLBACKS_ENABLED": "hold"}
        command = [f"--extra-vars=@{file}"] + ([f"--tags={','.join(tags)}"] if tags else [])
        self._thread, self._runner = ansible_runner.run_async(
            private_data_dir=str(self._folder),
            project_dir=str(ansible.root),
            playbook=name,
            inventory=str(ansible.inventory) if ansible.inventory else "localhost,",
            ident=self._ident,
            cmdline=shlex.join(command),  # ansible-runner splits it again, and a path may contain blanks
            quiet=True,
            rotate_artifacts=0,
            suppress_env_files=True,
            # ansible-runner's default accepts any host key, even a changed one.
            envvars={
                "ANSIBLE_CONFIG": str(ansible.root / "ansible.cfg"),
                "ANSIBLE_HOST_KEY_CHECKING": "True",
                "ANSIBLE_CALLBACK_PLUGINS": str(ansible.root / "plugins" / "callback"),
                "ANSIBLE_LOCAL_TEMP": str(self._folder / "tmp"),
                "PATH": _path(),
                **environ,
            },
            event_handler=self._on_event,
            finished_callback=lambda _runner: self._on_end(),
            cancel_callback=lambda: ansible.cancelled(),  # its default replaces the handler of Ctrl-C permanently
        )

    @property
    def is_running(self) -> bool:
        """Whether it has not ended."""
        return bool(self._thread.is_alive())

    @property
    def is_ready(self) -> bool:
        """Whether it has reached its first task, where a held one waits."""
        return self._at_first_task

    @property
    def may_have_changed(self) -> bool:
        """Whether it could run any task."""
        return self._may_change

    def release(self) -> None:
        """Let a held playbook run its tasks, as soon as it has reached the first one."""
        self._may_change = True
        self._began = time.monotonic()
        if self._hold is not None:
            os.write(self._hold, b"1")

    def drop(self) -> None:
        """Kill it and wait for its end."""
        while self._thread.is_alive():
            _kill(self._ident)
            self._thread.join(0.1)

    def wait(self, timeout_s: float) -> PlaybookOutcome:
        """Its outcome once all tasks have ended; raises as `Ansible.run` does.

        Each retry of a task restarts `timeout_s`; a role's variable limits the number of retries.
        """
        outcome, self._heard = self._outcome, time.monotonic()
        # What Ansible does after its last task is irrelevant, if all tasks succeeded.
        while self._thread.is_alive() and not (outcome.over and not outcome.failures):
            self._news.wait(0.1)
            self._news.clear()
            if self._ansible.cancelled():
                outcome.status = "cancelled"
                _kill(self._ident)
            elif time.monotonic() > self._heard + timeout_s and outcome.status != "timeout":
                outcome.status = "timeout"
            if outcome.status == "timeout":
                _kill(self._ident)
        outcome.duration_s = time.monotonic() - self._began
        outcome.status = outcome.status or ("successful" if outcome.over else self._runner.status)
        if self._ansible.cancelled():
            raise Interrupted("interrupted")
        if not outcome.ok:
            messages = outcome.failures.messages()
            if outcome.status == "timeout":
                messages.append(f"not finished within {timeout_s:g} s")
            elif not messages:
                messages.append(f"ended as {outcome.status!r}: {self._last_output or 'without output'}")
            raise DeployFailed(f"{self.name}: " + "; ".join(messages))
        log.info("%s: %.1f s, changed %s", self.name, outcome.duration_s, outcome.changed)
        return outcome

    def _on_event(self, event: dict[str, Any]) -> bool:
        outcome, data = self._outcome, event.get("event_data", {})
        kind, host, task = event.get("event"), data.get("host", ""), data.get("task", "")
        if kind == "playbook_on_start":  # ansible-runner wrote the whole environment there
            (self._folder / "artifacts" / self._ident / "command").unlink(missing_ok=True)
        elif kind == "playbook_on_task_start":
            self._at_first_task = self._at_first_task or CHECKS_ARGUMENTS not in task
            if self._on_task:
                self._on_task(task)
        elif kind == "runner_on_ok":
            outcome.results.append((host, task, data.get("res", {})))
        elif kind in ("runner_on_failed", "runner_on_unreachable") and not data.get("ignore_errors"):
            outcome.failures.add(host, task, data, unreachable=kind == "runner_on_unreachable")
        elif kind == "runner_retry":
            self._heard = time.monotonic()
            if message := self._retries.message(host, data, self._heard):
                self._ansible.waiting(message)
        elif kind == "playbook_on_stats":
            outcome.changed = data.get("changed", {})
            outcome.failures.keep({*data.get("failures", {}), *data.get("dark", {})})
            outcome.over = True
            self._news.set()
        return False  # write no event files: a study would write tens of thousands

    def _on_end(self) -> None:
        if self._hold is not None:
            os.close(self._hold)
            self._hold = None
        if not self._outcome.over:
            self._last_output = artifacts.last_output(self._folder / "artifacts" / self._ident)
        shutil.rmtree(self._folder, ignore_errors=True)
        self._news.set()


class Ansible:
    """Runs this project's playbooks against one inventory.

    While a playbook runs, its input and output are in a folder of `harness.deploy.private` below `private`.
    """

    def __init__(self, root: Path, inventory: Path | None, private: Path | None = None) -> None:
        self.root = root
        self.inventory = inventory
        self.private = private or root / ".state" / "private"
        self.cancelled: Callable[[], bool] = lambda: False
        self.waiting: Callable[[str], None] = log.info

    def run(
        self,
        playbook: str,
        variables: dict[str, Any] | None = None,
        timeout_s: float = 900.0,
        on_task: Callable[[str], None] | None = None,
    ) -> PlaybookOutcome:
        """Run a playbook to its end; raises DeployFailed with the hosts' messages, Interrupted on Ctrl-C."""
        return Playbook(self, playbook, variables or {}, on_task=on_task).wait(timeout_s)


def _path() -> str:
    """PATH with this environment's programs first, so that its ansible-playbook is used."""
    import sys

    return f"{Path(sys.prefix) / 'bin'}{os.pathsep}{os.environ.get('PATH', '')}"


def _kill(ident: str) -> None:
    """End the playbook with this ident and everything it started."""
    for child in psutil.Process().children(recursive=True):
        try:
            if any(ident in part for part in child.cmdline()):
                for process in [*child.children(recursive=True), child]:
                    process.kill()
        except psutil.NoSuchProcess:
            continue
