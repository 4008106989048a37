"""`python -m tests.fuzz.warm`: each JSON list on standard input is a command line of `study.py`, run in a fork.

All modules are loaded once, so thousands of command lines take minutes. The answer to each is a JSON line: exit code
(negative for a signal, null if it exceeded the time limit in its line), output, wall time and memory.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

ROOT = Path(__file__).resolve().parents[2]


class Answer(NamedTuple):
    """The outcome of one command line; `code` is None if it hung."""

    code: int | None
    out: str
    err: str
    seconds: float
    memory_kb: int


class Warm:
    """The process with all modules loaded."""

    def __enter__(self) -> Warm:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "4000", "OPENBLAS_NUM_THREADS": "1"},
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def run(self, arguments: list[str], limit_s: float) -> Answer:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([arguments, limit_s]) + "\n")
        self._process.stdin.flush()
        return Answer(**json.loads(self._process.stdout.readline()))


def in_a_fork(arguments: list[str], limit_s: float) -> dict[str, Any]:
    """Run a command line in a fork of this process."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        began = time.monotonic()
        child = os.fork()
        if child == 0:
            _child(arguments, out.fileno(), err.fileno())
        watched = os.pidfd_open(child)
        ended, _, _ = select.select([watched], [], [], limit_s)
        os.close(watched)
        if not ended:
            os.killpg(child, signal.SIGKILL)
        _, status, used = os.wait4(child, 0)
        code = os.waitstatus_to_exitcode(status) if ended else None
        seconds = time.monotonic() - began
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read()[-20_000:].decode(errors="replace"))
    return {"code": code, "out": texts[0], "err": texts[1], "seconds": seconds, "memory_kb": used.ru_maxrss}


def _child(arguments: list[str], out: int, err: int) -> None:
    code = 99  # of an exception without an exit code
    try:
        os.setpgid(0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        sys.argv = ["study.py", *arguments]
        from commands.app import main

        main()
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 99
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def main() -> None:
    for package in ("commands", "harness", "report"):
        for module in pkgutil.walk_packages([str(ROOT / package)], f"{package}."):
            if "agents" not in module.name and module.name != "harness.deploy.inventory.source_process":
                importlib.import_module(module.name)
    for line in sys.stdin:
        arguments, limit_s = json.loads(line)
        sys.stdout.write(json.dumps(in_a_fork(arguments, limit_s)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
