"""Your Locust script on the master of Locust: it is imported there and on all workers before each load."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import gevent
import gevent.event
import script_secrets
from locust.runners import MasterRunner
from script_import import Importer
from script_places import ScriptFailed
from script_spec import script_of
from users import StudyUser

IMPORTED_WITHIN_S = 90.0


class UnknownEnvironment(ValueError):
    """The master does not have the values of the script's environment variables; the client sends them."""


class ScriptMaster:
    """The script of the master, and its environment variables, which are on no command line and in no file."""

    def __init__(self, runner: MasterRunner, on_rejected: Any) -> None:
        self._runner = runner
        self._importer = Importer(runner.environment, [StudyUser], self._rejected)
        self._on_rejected = on_rejected
        self._env: dict[str, str] = {}
        self._secrets: list[str] = []  # values that are in no name and no message
        self._number = 0
        self._waiting: set[str] = set()
        self._problem: dict[str, Any] | None = None
        self._all_done = gevent.event.Event()
        self._is_importing = False
        runner.register_message("study_script_done", self._on_done)

    def keep(self, message: dict[str, Any]) -> None:
        """Keep the values of the environment variables, and which texts in them are secret."""
        self._env = {str(name): str(value) for name, value in message["env"].items()}
        self._secrets = [str(value) for value in message["secrets"]]

    def prepare(self, message: dict[str, Any], workers: list[str]) -> None:
        """Import a load's script everywhere, or remove the last one; raises ScriptFailed, and UnknownEnvironment."""
        script = script_of(message)
        if script is None:
            self._importer.unload()
            return
        if message["traffic"].get("env") != digest_of(self._env):
            raise UnknownEnvironment("the environment variables of the script are not known")
        script_secrets.use(self._secrets)
        self._is_importing = True
        try:
            self._importer.load(script, self._env, message, -1)
        finally:
            self._is_importing = False
        self._on_workers(message, workers)

    def rehearse(self) -> int:
        """Give every user class the same weight; return their number."""
        classes = self._runner.environment.user_classes
        for each in classes:
            each.weight, each.fixed_count = 1, 0
        return len(classes)

    def _on_workers(self, message: dict[str, Any], workers: list[str]) -> None:
        self._number += 1
        self._waiting, self._problem = set(workers), None
        self._all_done.clear()
        load = {"load": json.dumps(message), "env": self._env, "secrets": self._secrets, "number": self._number}
        self._runner.send_message("study_script", load)
        if not self._all_done.wait(IMPORTED_WITHIN_S):
            raise ScriptFailed(f"its import takes longer than {IMPORTED_WITHIN_S:g} s")
        if self._problem is not None:
            raise ScriptFailed(**self._problem)

    def _on_done(self, msg: Any, **_: Any) -> None:
        if msg.data["number"] != self._number:
            return
        self._problem = self._problem or msg.data["problem"]
        self._waiting.discard(msg.node_id)
        if not self._waiting:
            self._all_done.set()

    def _rejected(self, what: str, place: dict[str, Any]) -> None:
        if self._is_importing:
            raise ScriptFailed(what, **place)
        self._on_rejected({**place, "error": what})


def digest_of(env: dict[str, str]) -> str:
    """Identity of environment variables and their values."""
    return hashlib.sha256(json.dumps(env, sort_keys=True).encode()).hexdigest()
