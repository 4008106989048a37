"""Settings of this process and of the ones that it starts: the standard library alone, in the syntax of Python 3.8."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness import docker_context

if TYPE_CHECKING:
    from collections.abc import MutableMapping


def allow_bytecode() -> None:
    """Let this process and its children write bytecode, whatever the environment sets."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def limit_threads(environ: "MutableMapping[str, str]") -> None:
    """Let NumPy compute in one thread: its matrices are small, and waiting threads use CPU that trials need."""
    environ.setdefault("OPENBLAS_NUM_THREADS", "1")


def open_streams() -> None:
    """Open /dev/null in place of each closed standard stream, as with `>&-`.

    Otherwise the next file that is opened would receive the output of this program and its children.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number
            os.set_inheritable(number, True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(number, "r" if number == 0 else "w", encoding="utf-8"))  # noqa: PTH123, SIM115


def home() -> Path:
    """The home of this user; a folder that does not exist for a user without one, as in a container."""
    try:
        return Path.home()
    except RuntimeError:
        return Path("/nonexistent")


def settle(environ: "MutableMapping[str, str]", system: str, home: Path, usual: Path) -> None:
    """Set variables for the container engine and for macOS; `usual` is the default path of the engine's socket."""
    docker_context.settle(environ, system, home, usual)
    if system != "darwin":
        return
    # Ansible forks its workers, which Apple's libraries forbid by default.
    environ.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")
    # Pango comes from Homebrew, whose libraries only Homebrew's Python finds.
    environ.setdefault("DYLD_FALLBACK_LIBRARY_PATH", "/opt/homebrew/lib:/usr/local/lib:/usr/lib")
