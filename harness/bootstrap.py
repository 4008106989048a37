"""Create and enter the project's environment, with the standard library alone and the syntax of Python 3.8.

`enter` returns at once inside an up-to-date environment. Otherwise it creates `.venv` from the lock file and replaces
the process. It uses uv if that is installed, else venv with a uv that pip installs, else pip; hashes are checked.
"""

import contextlib
import hashlib
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from harness import process_environment

_OLDEST = (3, 11)
# What Ansible does not read as it is in the path of a clone, and as what it reads it.
_UNUSABLE = (
    (re.compile(r"[*?\[\]]"), "* ? [ ] in a path as a pattern"),
    (re.compile(r"\$[\w{]"), "a name after $ in a path as a variable"),
    (re.compile(r"\{[{%#]"), "{{ {% {# in a path as a template"),
    (re.compile("[\ud800-\udfff]"), "no path that is not UTF-8"),
    (re.compile(r"[\x00-\x1f\x7f]"), "a path with control characters as several lines"),
)
_CANNOT_RUN = 4


def fingerprint(root: Path, dev: bool) -> str:
    """A hash of the lock files and the Python version; an outdated environment has another one."""
    digest = hashlib.sha256()
    for name in ("uv.lock", "requirements/dev.txt" if dev else "requirements/run.txt"):
        digest.update((root / name).read_bytes())
    return "{} {}.{}".format(digest.hexdigest(), *sys.version_info[:2])


def is_fresh(root: Path, dev: bool) -> bool:
    """Whether `.venv` matches the lock file; an environment with the development tools is enough for both."""
    try:
        stamp = (root / ".venv" / "made-from").read_text(encoding="utf-8")
    except OSError:
        return False
    return stamp == fingerprint(root, True) or (not dev and stamp == fingerprint(root, False))


def _fail(message: str) -> None:
    """Print a message and exit."""
    sys.stderr.write(message + "\n")
    raise SystemExit(_CANNOT_RUN)


def _commands(root: Path, dev: bool) -> "list[list[list[str]]]":
    """The commands that create the environment, in order, each with alternatives if it fails."""
    venv = root / ".venv"
    uv = shutil.which("uv")
    if uv:
        sync = [uv, "sync", "--quiet", "--frozen", "--python", sys.executable]
        return [[sync if dev else [*sync, "--no-dev"]]]
    requirements = root / "requirements" / ("dev.txt" if dev else "run.txt")
    python = str(venv / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--quiet", "--require-hashes", "--disable-pip-version-check"]
    # uv takes a fifth of pip's time, but does not read pip's settings.
    by_uv = [str(venv / "bin" / "uv"), "pip", "install", "--quiet", "--native-tls", "--require-hashes"]
    return [
        [[sys.executable, "-m", "venv", "--clear", str(venv)]],
        [[*pip, "--requirement", str(locked_uv(root))], ["true"]],
        [
            [*by_uv, "--python", python, "--requirement", str(requirements)],
            [*pip, "--requirement", str(requirements)],
        ],
    ]


def locked_uv(root: Path) -> Path:
    """A file of requirements with only the locked uv and its hashes."""
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
    """Create the environment; exit with a message if that fails."""
    began = time.monotonic()
    sys.stderr.write("environment: installing the locked Python packages into .venv ...\n")
    (root / ".venv" / "made-from").unlink(missing_ok=True)
    environ = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(root / ".venv")}
    environ.pop("VIRTUAL_ENV", None)
    environ.pop("PYTHONDONTWRITEBYTECODE", None)
    for ways in _commands(root, dev):
        for command in ways:
            done = _attempt(command, root, environ)
            if not done.returncode:
                break
        else:
            hint = ""
            if "ensurepip" in done.stdout + done.stderr:
                hint = "\nThis Python lacks venv. Fix on Debian and Ubuntu: apt-get install python3-venv"
            last = (done.stderr or done.stdout).strip()[-2000:]
            _fail("environment: this command failed: {}\n{}{}".format(" ".join(command), last, hint))
    _compile_in_background(root, environ)
    (root / ".venv" / "made-from").write_text(fingerprint(root, dev), encoding="utf-8")
    sys.stderr.write(f"environment: ready after {time.monotonic() - began:.0f} s\n")


# Three of four files belong to Ansible's collections, of which a study imports a few.
_NOT_COMPILED = r"/site-packages/(.*/)?(ansible_collections|tests?)/"


def _compile_in_background(root: Path, environ: "dict[str, str]") -> None:
    """Compile the installed packages in the background; the first use of the environment does not wait for it.

    uv installs no bytecode, and without it every start of Ansible would compile Ansible.
    """
    python = str(root / ".venv" / "bin" / "python")
    packages = [str(path) for path in sorted((root / ".venv").glob("lib/python*/site-packages"))]
    compiling = [python, "-m", "compileall", "-q", "-x", _NOT_COMPILED, *packages]
    in_background = 'nice -n 19 "$@" </dev/null >/dev/null 2>&1 &'
    subprocess.run(["sh", "-c", in_background, "sh", *compiling], env=environ, start_new_session=True)


def _attempt(command: "list[str]", root: Path, environ: "dict[str, str]") -> "subprocess.CompletedProcess[str]":
    """Run a command; a missing one counts as failed."""
    try:
        return subprocess.run(command, cwd=root, env=environ, capture_output=True, text=True)
    except OSError as error:
        return subprocess.CompletedProcess(command, 127, "", str(error))


@contextlib.contextmanager
def _locked(root: Path):  # type: ignore[no-untyped-def] # annotations of generators are newer than 3.8
    """Let one process at a time create the environment. A kernel lock ends with its holder."""
    import fcntl

    state = root / ".state"
    state.mkdir(exist_ok=True)
    with (state / "environment.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _require(root: Path, name: str) -> None:
    """Exit for an old Python, or for a folder that Ansible cannot use."""
    if sys.version_info < _OLDEST:
        _fail(
            "{} needs Python {}.{} or newer (got {}). Fix: start it with a newer one: python3.11 {}".format(
                name, *_OLDEST, sys.version.split()[0], name
            )
        )
    path = str(root)
    for unusable, reading in _UNUSABLE:
        if unusable.search(path):
            shown = path if path.isprintable() else repr(path)
            _fail(f"{shown}: Ansible reads {reading}. Fix: move the clone, or rename the folder.")


def make_fresh(root: Path, dev: bool) -> None:
    """Create the environment unless it matches the lock file; exit with a message where that cannot be written."""
    if is_fresh(root, dev):  # also in a clone that this user cannot write
        return
    dev = dev or (root / ".venv" / "bin" / "pytest").exists()  # a developer's environment stays one
    try:
        with _locked(root):
            if not is_fresh(root, dev):
                make(root, dev)
    except OSError as error:
        what = f"{error.filename or root}: cannot be written: {error.strerror or error}"
        _fail(f"environment: {what}. Fix: give this user write permission there.")


def enter(root: Path, script: Path, dev: bool = False) -> None:
    """Return inside the project's environment; otherwise replace this process by one inside it."""
    process_environment.open_streams()
    process_environment.allow_bytecode()
    process_environment.limit_threads(os.environ)
    process_environment.settle(os.environ, sys.platform, process_environment.home(), Path("/var/run/docker.sock"))
    _require(root, script.name)
    venv = root / ".venv"
    inside = Path(sys.prefix).resolve() == venv.resolve()
    if inside and is_fresh(root, dev):
        return
    if os.environ.get("SCALE_OUT_ENTERED") == "1":
        if inside:
            return  # just created; a lock file that was edited meanwhile applies to the next start
        _fail(f"environment: {script.name} did not start inside .venv. Fix: remove .venv and start again.")
    make_fresh(root, dev)
    python = str(venv / "bin" / "python")
    environ = {**os.environ, "SCALE_OUT_ENTERED": "1"}
    os.execve(python, [python, str(script), *sys.argv[1:]], environ)  # noqa: S606 - replaces this process


ROOT = Path(__file__).resolve().parent.parent


def main(root: Path = ROOT) -> None:
    """`python3 -m harness.bootstrap [--dev]`: create the environment."""
    dev = "--dev" in sys.argv[1:]
    _require(root, "-m harness.bootstrap")
    make_fresh(root, dev)


if __name__ == "__main__":
    main()
