"""Check whether this machine can run studies, with a command that fixes each problem."""

from __future__ import annotations

import ctypes
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from harness import bootstrap, process_environment
from harness.deploy import container_engine, cpu_benchmark
from harness.deploy.ansible import Ansible
from harness.deploy.container_engine import connect
from harness.errors import MachineNotReady, StudyError

# The default study's largest rate, and the CPU time it may need per second and core: time scaling by up to 8, 60 % of a
# core, and a margin of 50 % for the rough benchmark.
_DEFAULT_PER_S = 420.0
_MOST_CPU_S = 8 * 0.6 * 1.5
_OWN_ENGINE = "unix:///var/run/docker.sock"
# Free space for the lab: its processes, and images with the packages that they are built from.
_MEMORY_GB, _DISK_GB = 1.0, 3.0
_BREW = ("/opt/homebrew", "/usr/local")  # on Apple's processors and on Intel's


@dataclass(frozen=True)
class Check:
    """One requirement of this machine. `found` is empty if it is missing; `fix` is the command that adds it.

    `by_hand`: no study can carry out the fix itself.
    """

    name: str
    found: str
    fix: str
    by_hand: bool = False

    @property
    def ok(self) -> bool:
        return bool(self.found)


def check_all() -> list[Check]:
    """Checks of everything that a study in the lab needs; they change nothing."""
    return [
        *check_programs(),
        _processor(),
        memory(psutil.virtual_memory().available),
        disk(shutil.disk_usage(bootstrap.ROOT).free),
    ]


def check_programs() -> list[Check]:
    """Checks of programs that can be installed and started."""
    return [_engine(), _command(), _hierarchies(), _pango(), _bootstrapper(), _ssh()]


def _on_debian() -> bool:
    return bool(shutil.which("apt-get"))


def _install(packages: str, elsewhere: str) -> str:
    if platform.system() == "Darwin":
        return elsewhere
    sudo = "" if os.geteuid() == 0 else "sudo "
    if _on_debian():
        return f"{sudo}apt-get update && {sudo}apt-get install --no-install-recommends {packages}"
    return elsewhere


def _engine() -> Check:
    name = "Docker engine"
    try:
        client = connect()
        found = f"{client.version().get('Version')}, {client.info().get('NCPU')} cores"
        return Check(name, f"{found}, at {os.environ.get('DOCKER_HOST') or 'the default socket'}", "")
    except MachineNotReady as error:
        if unusable := container_engine.unusable():
            return Check(name, "", unusable, by_hand=True)
        address = os.environ.get("DOCKER_HOST", _OWN_ENGINE)
        if address != _OWN_ENGINE:
            return Check(
                name,
                "",
                f"start the engine at {address}, which does not answer, or select this machine's own: "
                "unset DOCKER_HOST DOCKER_CONTEXT; docker context use default",
                by_hand=True,
            )
        if "ermission denied" in str(error):
            fix = f"sudo usermod -aG docker {os.environ.get('USER', '$USER')}, then log in again"
            return Check(name, "", fix, by_hand=True)
    if shutil.which("dockerd") and _on_debian():
        sudo = "" if os.geteuid() == 0 else "sudo "
        start = (
            "systemctl start docker"
            if Path("/run/systemd/system").exists()
            else "sh -c 'setsid dockerd >/var/log/dockerd.log 2>&1 &'"
        )
        return Check(name, "", f"{sudo}{start}")
    return Check(
        name,
        "",
        _install("docker.io iptables", "install and start Docker (on macOS: brew install --cask docker)"),
    )


def _command() -> Check:
    name = "docker, the command that applies the balancer's configuration"
    package = "docker-cli" if shutil.which("dockerd") else "docker.io"
    return Check(name, shutil.which("docker") or "", _install(package, "install Docker's command line"))


def _hierarchies() -> Check:
    """With cgroups v1, the container engine reports no CPU usage while an active hierarchy is not mounted."""
    name = "control groups, from which the container engine reads CPU usage"
    try:
        active = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Check(name, "not used here", "")
    missing = unmounted(active, mounts)
    sudo = "" if os.geteuid() == 0 else "sudo "
    folders = " ".join(f"/sys/fs/cgroup/{controller}" for controller in missing)
    commands = [f"{sudo}mount -t cgroup -o {controller} cgroup /sys/fs/cgroup/{controller}" for controller in missing]
    fix = " && ".join([f"{sudo}mkdir -p {folders}", *commands])
    return Check(name, "", fix) if missing else Check(name, "mounted", "")


def unmounted(active: Sequence[str], mounts: Sequence[str]) -> list[str]:
    """Active controllers of cgroups v1 (lines of /proc/self/cgroup) without a mount (lines of /proc/self/mountinfo)."""
    used = {c for line in active for c in line.split(":")[1].split(",") if c and not c.startswith("name=")}
    mounted = {o for line in mounts if " - cgroup " in line for o in line.split()[-1].split(",")}
    return sorted(used - mounted)


def _pango() -> Check:
    name = "Pango and HarfBuzz, which render the PDF"
    found = [_loadable(library) for library in ("pango-1.0", "harfbuzz-subset")]
    if all(found):
        return Check(name, ", ".join(found), "")
    packages = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    return Check(name, "", _install(packages, "install Pango and HarfBuzz (on macOS: brew install pango harfbuzz)"))


def _loadable(library: str) -> str:
    """The file of a shared library that can be loaded; empty for none."""
    for file in (f"lib{library}.so.0", f"lib{library}.dylib", *(f"{brew}/lib/lib{library}.dylib" for brew in _BREW)):
        try:
            ctypes.CDLL(file)
        except OSError:
            continue
        return file
    return ""


def _bootstrapper() -> Check:
    name = "mmdebstrap, for a base image without a registry"
    found = shutil.which("mmdebstrap")
    if found or not _on_debian():
        return Check(name, found or "not needed here: base images come from a registry", "")
    return Check(name, "", _install("mmdebstrap debian-archive-keyring", ""))


def _processor() -> Check:
    """Whether this machine can run the default study, with time scaling if needed, by a rough benchmark."""
    name = "CPU for the lab"
    cost_s, cores = cpu_benchmark.request_s(), cpu_benchmark.cores()
    found = f"{cores:g} cores, about {cost_s * 1000:.2g} ms a request"
    if _DEFAULT_PER_S * cost_s > _MOST_CPU_S * cores:
        return Check(name, "", f"use a machine with more cores, or stop other programs on this one (it has {found})")
    return Check(name, found, "")


def memory(available_bytes: float) -> Check:
    """Whether the free memory is enough for the lab."""
    gb = available_bytes / 1e9
    name, found = "memory for the lab", f"{gb:.1f} GB free"
    fix = f"stop other programs, or use a machine with more memory ({found}; the lab needs {_MEMORY_GB:g} GB)"
    return Check(name, found, "") if gb >= _MEMORY_GB else Check(name, "", fix, by_hand=True)


def disk(free_bytes: float) -> Check:
    """Whether the free space of the clone's file system is enough for packages, images and results."""
    gb = free_bytes / 1e9
    name, found = "disk space for images and results", f"{gb:.1f} GB free in {bootstrap.ROOT}"
    fix = f"remove files, or move the clone to a larger disk ({found}; a study needs {_DISK_GB:g} GB)"
    return Check(name, found, "") if gb >= _DISK_GB else Check(name, "", fix, by_hand=True)


def _ssh() -> Check:
    found = shutil.which("ssh")
    return Check("ssh, for hosts that are machines", found or "", _install("openssh-client", "install OpenSSH"))


def may_install() -> bool:
    """Whether packages can be installed without a password."""
    if platform.system() != "Linux" or not _on_debian():
        return False
    if os.geteuid() == 0:
        return True
    sudo = shutil.which("sudo")
    return bool(sudo) and subprocess.run([str(sudo), "-n", "true"], capture_output=True, check=False).returncode == 0


def prepare(root: Path, notify: Callable[[str], None]) -> None:
    """Install and start missing programs; return at once if there are none. `notify` gets a line for each step.

    Raises MachineNotReady with the commands to run if this program may not install packages.
    """
    missing = [check for check in check_programs() if not check.ok]
    if not missing:
        return
    what = ", ".join(check.name.split(",")[0] for check in missing)
    if not may_install() or any(check.by_hand for check in missing):
        commands = "\n".join(f"  {check.fix}    # {check.name}" for check in missing)
        raise MachineNotReady(f"missing on this machine: {what}. Fix: run these commands and start again:\n{commands}")
    notify(f"preparing this machine: {what}")
    began = time.monotonic()
    try:
        Ansible(root, None).run("playbooks/prepare-controller.yml", timeout_s=600)
    except StudyError as error:
        raise MachineNotReady(f"cannot prepare this machine: {error}") from None
    notify(f"this machine is ready after {time.monotonic() - began:.0f} s")
    still = [check for check in check_programs() if not check.ok]
    if still:
        raise MachineNotReady("still missing:\n" + "\n".join(f"  {check.fix}    # {check.name}" for check in still))


def _print(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    """`python -m harness.deploy.readiness`: prepare this machine. Used by `make`."""
    process_environment.settle(os.environ, sys.platform, process_environment.home(), Path("/var/run/docker.sock"))
    try:
        prepare(Path(__file__).resolve().parents[2], _print)
    except StudyError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
