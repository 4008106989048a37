"""Your Locust script on a worker of Locust: the messages by which the master imports it, and its loads."""

from __future__ import annotations

import json
from typing import Any

import script_secrets
import script_users
from locust.runners import WorkerRunner
from script_import import Importer
from script_places import ScriptFailed, problem_of
from script_spec import load_of, script_of
from users import StudyUser

REHEARSAL_S = 30.0  # at most; a task may never end


class ScriptWorker:
    """The script of one worker."""

    def __init__(self, runner: WorkerRunner) -> None:
        self._runner = runner
        self._importer = Importer(runner.environment, [StudyUser], self._reject)
        self._start_users = runner.start_worker
        runner.start_worker = self._start  # type: ignore[method-assign] # to see failures of constructors
        runner.register_message("study_script", self._on_script)

    def _on_script(self, msg: Any, **_: Any) -> None:
        problem = None
        try:
            message = json.loads(msg.data["load"])
            script_secrets.use(msg.data["secrets"])
            script = script_of(message)
            assert script is not None  # noqa: S101 - the master sends this for scripts only
            self._importer.load(script, msg.data["env"], message, self._runner.worker_index)
        except ScriptFailed as failure:
            problem = failure.problem
        self._runner.send_message("study_script_done", {"number": msg.data["number"], "problem": problem})

    def load(self, message: dict[str, Any], t0: float, worker: int, workers: int) -> script_users.Load:
        """The load of a message, whose script has been imported."""
        rehearsal = bool(message.get("rehearsal"))
        if rehearsal:
            for each in self._runner.environment.user_classes:
                each.weight, each.fixed_count = 1, 0
        load = script_users.Load(load_of(message), t0, worker, workers, rehearsal=rehearsal)
        if rehearsal:
            load.end_s = min(load.end_s, REHEARSAL_S)
        script_users.current = load
        return load

    def leave(self) -> None:
        """Remove the script before a load without one."""
        self._importer.unload()

    def _start(self, *args: Any, **kwargs: Any) -> None:
        try:
            self._start_users(*args, **kwargs)
        except Exception as failure:
            if (load := script_users.current) is None:
                raise
            problem = failure.problem if isinstance(failure, ScriptFailed) else problem_of(failure)
            load.reject(problem["error"], {"file": problem["file"], "line": problem["line"]})
        if (load := script_users.current) is not None:
            load.all_constructed = True
            load.end_if_rehearsed()

    def _reject(self, what: str, place: dict[str, Any]) -> None:
        if (load := script_users.current) is None:
            raise ScriptFailed(what, **place)
        load.reject(what, place)
