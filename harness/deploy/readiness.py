"""Is this machine ready, what is missing, and the command that mends it."""

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

from harness import bootstrap
from harness.deploy import container_engine, cpu_benchmark
from harness.deploy.ansible import Ansible
from harness.deploy.container_engine import connect
from harness.errors import CannotRun, StudyError

# The default study's largest rate, and cores' worth of it per core there is that no slow motion makes up for:
# eight times slower, 60 % of a core, and half as much again for the roughness of the look.
DEFAULT_PER_S = 420.0
SLOWEST_CORES = 8 * 0.6 * 1.5
BREW = ("/opt/homebrew", "/usr/local")  # on Apple's processors and on Intel's


@dataclass(frozen=True)
class Check:
    """One thing this machine needs; `found` is empty when it lacks it, `mend` the command that helps."""

    name: str
    found: str
    mend: str

    @property
    def ok(self) -> bool:
        return bool(self.found)


def check_all() -> list[Check]:
    """Everything that a study in the lab needs, each looked at; changes nothing."""
    return [*check_programs(), _processor()]


def check_programs() -> list[Check]:
    """What can be installed and started, whatever the hosts."""
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
        return Check(name, f"{found}, at {os.environ.get('DOCKER_HOST') or 'the usual socket'}", "")
    except CannotRun as error:
        if unusable := container_engine.unusable():
            return Check(name, "", unusable)
        if "ermission denied" in str(error):
            return Check(name, "", f"sudo usermod -aG docker {os.environ.get('USER', '$USER')}, then log in again")
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
    name = "docker, the command by which the balancer's configuration is applied"
    package = "docker-cli" if shutil.which("dockerd") else "docker.io"
    return Check(name, shutil.which("docker") or "", _install(package, "install Docker's command line"))


def _hierarchies() -> Check:
    """With cgroups v1 the engine reads no container's CPU while a hierarchy lives that is mounted nowhere."""
    name = "control groups, by which the engine reads CPU usage"
    try:
        active = Path("/proc/self/cgroup").read_text(encoding="ascii").splitlines()
        mounts = Path("/proc/self/mountinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return Check(name, "none here", "")
    lost = unmounted(active, mounts)
    sudo = "" if os.geteuid() == 0 else "sudo "
    folders = " ".join(f"/sys/fs/cgroup/{controller}" for controller in lost)
    commands = [f"{sudo}mount -t cgroup -o {controller} cgroup /sys/fs/cgroup/{controller}" for controller in lost]
    return Check(name, "" if lost else "mounted", " && ".join([f"{sudo}mkdir -p {folders}", *commands]) if lost else "")


def unmounted(active: Sequence[str], mounts: Sequence[str]) -> list[str]:
    """Controllers of cgroups v1 in use (lines of /proc/self/cgroup) that no line of /proc/self/mountinfo mounts."""
    used = {c for line in active for c in line.split(":")[1].split(",") if c and not c.startswith("name=")}
    mounted = {o for line in mounts if " - cgroup " in line for o in line.split()[-1].split(",")}
    return sorted(used - mounted)


def _pango() -> Check:
    name = "Pango and HarfBuzz, which draw the PDF"
    found = [_loadable(library) for library in ("pango-1.0", "harfbuzz-subset")]
    if all(found):
        return Check(name, ", ".join(found), "")
    packages = "libpango-1.0-0 libpangoft2-1.0-0 libharfbuzz-subset0"
    return Check(name, "", _install(packages, "install Pango and HarfBuzz (on macOS: brew install pango harfbuzz)"))


def _loadable(library: str) -> str:
    """The file by which a shared library can be loaded; empty when it cannot."""
    for file in (f"lib{library}.so.0", f"lib{library}.dylib", *(f"{brew}/lib/lib{library}.dylib" for brew in BREW)):
        try:
            ctypes.CDLL(file)
        except OSError:
            continue
        return file
    return ""


def _bootstrapper() -> Check:
    name = "mmdebstrap, for a base image where no registry answers"
    found = shutil.which("mmdebstrap")
    if found or not _on_debian():
        return Check(name, found or "not needed here: base images come from a registry", "")
    return Check(name, "", _install("mmdebstrap debian-archive-keyring", ""))


def _processor() -> Check:
    """Whether the default study can be played here, in slow motion if need be, as far as a rough look tells."""
    name = "CPU for the lab"
    cost_s, cores = cpu_benchmark.request_s(), cpu_benchmark.cores()
    found = f"{cores:g} cores, about {cost_s * 1000:.2g} ms a request"
    if DEFAULT_PER_S * cost_s > SLOWEST_CORES * cores:
        return Check(name, "", f"a machine with more cores, or other work off this one (it has {found})")
    return Check(name, found, "")


def _ssh() -> Check:
    found = shutil.which("ssh")
    return Check("ssh, for hosts that are machines", found or "", _install("openssh-client", "install OpenSSH"))


def may_install() -> bool:
    """Whether packages can be installed without asking anybody."""
    if platform.system() != "Linux" or not _on_debian():
        return False
    if os.geteuid() == 0:
        return True
    sudo = shutil.which("sudo")
    return bool(sudo) and subprocess.run([str(sudo), "-n", "true"], capture_output=True, check=False).returncode == 0


def prepare(root: Path, tell: Callable[[str], None]) -> None:
    """Install and start what is missing; returns at once when nothing is.

    Raises CannotRun with the exact commands where this program may not do it.
    """
    missing = [check for check in check_programs() if not check.ok]
    if not missing:
        return
    what = ", ".join(check.name.split(",")[0] for check in missing)
    if not may_install():
        commands = "\n".join(f"  {check.mend}    # {check.name}" for check in missing)
        raise CannotRun(f"this machine lacks: {what}; run these and start again:\n{commands}")
    tell(f"preparing this machine: {what}")
    began = time.monotonic()
    try:
        Ansible(root, None).run("playbooks/prepare-controller.yml", timeout_s=600)
    except StudyError as error:
        raise CannotRun(f"preparing this machine failed: {error}") from None
    tell(f"this machine is ready after {time.monotonic() - began:.0f} s")
    still = [check for check in check_programs() if not check.ok]
    if still:
        raise CannotRun("still missing:\n" + "\n".join(f"  {check.mend}    # {check.name}" for check in still))


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")


def main() -> None:
    """`python -m harness.deploy.readiness`: prepare this machine, for `make`."""
    bootstrap.settle(os.environ, sys.platform, Path.home(), Path("/var/run/docker.sock"))
    try:
        prepare(Path(__file__).resolve().parents[2], _tell)
    except StudyError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(error.exit_code) from None


if __name__ == "__main__":
    main()
