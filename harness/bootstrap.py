"""From a bare Python to the project's environment. Standard library only, and no syntax newer than 3.8.

`enter` returns at once inside a fresh environment. Elsewhere it makes `.venv` from the lock file
(with uv where there is one, else with venv, and with a uv that pip installs or pip alone, hashes
checked) and replaces the process.
"""

import contextlib
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from harness import docker_context

if TYPE_CHECKING:
    from collections.abc import MutableMapping

OLDEST = (3, 11)
UNUSABLE = frozenset("*?[]")  # in the path of a clone
CANNOT_RUN = 4


def fingerprint(root: Path, dev: bool) -> str:
    """What an environment was made from; a stale one has another fingerprint."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "requirements/dev.txt" if dev else "requirements/run.txt"):
        digest.update((root / name).read_bytes())
    return "{} {}.{}".format(digest.hexdigest(), *sys.version_info[:2])


def is_fresh(root: Path, dev: bool) -> bool:
    """Tell whether `.venv` holds what the lock file says; one with the development tools does for both."""
    try:
        stamp = (root / ".venv" / "made-from").read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == fingerprint(root, True) or (not dev and stamp == fingerprint(root, False))


def fail(message: str) -> None:
    """Say why nothing can run here, and leave."""
    sys.stderr.write(message + "\n")
    raise SystemExit(CANNOT_RUN)


def commands(root: Path, dev: bool) -> "list[list[list[str]]]":
    """The commands that make the environment, in order, each with what does the same where it fails."""
    venv = root / ".venv"
    uv = shutil.which("uv")
    if uv:
        sync = [uv, "sync", "--quiet", "--frozen", "--python", sys.executable]
        return [[sync if dev else [*sync, "--no-dev"]]]
    requirements = root / "requirements" / ("dev.txt" if dev else "run.txt")
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--disable-pip-version-check"]
    # uv takes a fifth of pip's time, but knows nothing of pip's settings.
    by_uv = [str(venv / "bin" / "uv"), "pip", "install", "--quiet", "--native-tls", "--require-hashes"]
    return [
        [[sys.executable, "-m", "venv", "--clear", str(venv)]],
        [[*pip, "--requirement", str(only_uv(root))], ["true"]],
        [
            [*by_uv, "--python", python, "--requirement", str(requirements)],
            [*pip, "--requirement", str(requirements)],
        ],
    ]


def only_uv(root: Path) -> Path:
    """The locked uv with its hashes, in a file of its own."""
    lines = (root / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines(True)
    first = next((number for number, line in enumerate(lines) if line.startswith("uv==")), len(lines))
    block = lines[first : first + 1]
    for line in lines[first + 1 :]:
        if not line.startswith(" ") or "--hash" not in line:
            break
        block.append(line)
    file = root / ".state" / "uv.txt"
    file.parent.mkdir(exist_ok=True)
    file.write_text("".join(block), encoding="utf-8")
    return file


def make(root: Path, dev: bool) -> None:
    """Make the environment; exits with a message when that fails."""
    began = time.monotonic()
    sys.stderr.write("environment: installing the locked Python packages into .venv ...\n")
    (root / ".venv" / "made-from").unlink(missing_ok=True)
    environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(root / ".venv")}
    environ.pop("VIRTUAL_ENV", None)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for ways in commands(root, dev):
        for command in ways:
            done = attempt(command, root, environ)
            if not done.returncode:
                break
        else:
            hint = ""
            if "ensurepip" in done.stdout + done.stderr:
                hint = "\nThis Python comes without venv. On Debian and Ubuntu: apt-get install python3-venv"
            last = (done.stderr or done.stdout).strip()[-2000:]
            fail("environment: this failed: {}\n{}{}".format(" ".join(command), last, hint))
    compile_beside(root, environ)
    (root / ".venv" / "made-from").write_text(fingerprint(root, dev), encoding="utf-8")
    sys.stderr.write(f"environment: ready after {time.monotonic() - began:.0f} s\n")


# Three of four files are Ansible's collections, of which a study imports a handful.
COMPILED_NOT = r"/site-packages/(.*/)?(ansible_collections|tests?)/"


def compile_beside(root: Path, environ: "dict[str, str]") -> None:
    """Compile what was installed, beside the first use: that compiles what it needs by itself, and waits for nothing.

    uv leaves no bytecode, and without it every start of Ansible compiles itself.
    """
    python = str(root / ".venv" / "bin" / "python")
    packages = [str(path) for path in sorted((root / ".venv").glob("lib/python*/site-packages"))]
    compiling = [python, "-m", "compileall", "-q", "-x", COMPILED_NOT, *packages]
    alone = 'nice -n 19 "$@" </dev/null >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", alone, "sh", *compiling], env=environ, start_new_session=True)


def allow_bytecode() -> None:
    """Have this process and those it starts keep what they compile, whatever the machine's other Pythons do."""
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False


def settle(environ: "MutableMapping[str, str]", system: str, home: Path, usual: Path) -> None:
    """Set what programs need to find one engine, and on a Mac to run at all; `usual` is the usual engine's socket."""
    docker_context.settle(environ, system, home, usual)
    if system != "darwin":
        return
    # Ansible forks its workers, which Apple's libraries forbid otherwise.
    environ.setdefault("OBJC_DISABLE_INITIALIZE_FORK_SAFETY", "YES")
    # Pango comes from Homebrew, where only Homebrew's own Python looks.
    environ.setdefault("DYLD_FALLBACK_LIBRARY_PATH", "/opt/homebrew/lib:/usr/local/lib:/usr/lib")


def attempt(command: "list[str]", root: Path, environ: "dict[str, str]") -> "subprocess.CompletedProcess[str]":
    """Run a command; one that is not there has failed."""
    try:
        return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


@contextlib.contextmanager
def locked(root: Path):  # type: ignore[no-untyped-def] # annotations of generators are newer than 3.8
    """Let one process at a time make the environment; a lock of the kernel dies with its holder."""
    import fcntl

    state = root / ".state"
    state.mkdir(exist_ok=True)
    with (state / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def require(root: Path, name: str) -> None:
    """Leave where nothing can work: with an old Python, or in a folder that Ansible cannot name."""
    if sys.version_info < OLDEST:
        fail(
            "{} needs Python {}.{} or newer; this is {}. Start it with a newer one: python3.11 {}".format(
                name, *OLDEST, sys.version.split()[0], name
            )
        )
    if set(str(root)) & UNUSABLE:
        fail(
            f"{root}: Ansible finds nothing in a folder whose path holds one of {' '.join(sorted(UNUSABLE))}, "
            "which it reads as a pattern. Move the clone, or rename the folder."
        )


def enter(root: Path, script: Path, dev: bool = False) -> None:
    """Return inside the project's environment, or replace this process by one that is."""
    allow_bytecode()
    settle(os.environ, sys.platform, Path.home(), Path("/var/run/docker.sock"))
    require(root, script.name)
    venv = root / ".venv"
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if inside and is_fresh(root, dev):
        return
    if os.environ.get("SCALE_OUT_ENTERED") == "1":
        if inside:
            return  # just made; a lock file edited meanwhile is for the next start
        fail(f"environment: {script.name} did not start inside .venv; remove .venv and start again")
    with locked(root):
        if not is_fresh(root, dev):
            make(root, dev)
    python = str(venv / "bin" / "python")
    environ = {**os.environ, "SCALE_OUT_ENTERED": "1"}
    os.execve(python, [python, str(script), *sys.argv[1:]], environ)  # noqa: S606 - the point of it


ROOT = Path(__file__).resolve().parent.parent


def main(root: Path = ROOT) -> None:
    """`python3 -m harness.bootstrap [--dev]`: make the environment and nothing else."""
    dev = "--dev" in sys.argv[1:]
    require(root, "-m harness.bootstrap")
    with locked(root):
        if not is_fresh(root, dev):
            make(root, dev)


if __name__ == "__main__":
    main()
