"""Wait on a dependency's host until the dependency is ready, or report why it cannot become ready.

The argument is a JSON object: `container` (empty for a dependency outside a container), `address` (empty for the
container's own), `port`, `path` (for HTTP; empty for a connection), `command` (instead of both, in the container or
else on this machine) and `attempt_s` (duration of one attempt in seconds). Prints one line and exits with READY,
STARTING (another attempt may succeed) or FAILED. It runs on the dependency's machine, so it needs only Python 3.8 and
the engine's client.
"""

from __future__ import annotations

import http.client
import json
import re
import socket
import subprocess
import sys
import time
from typing import Any

READY, FAILED, STARTING = 0, 1, 75
LAST_LINES = 5
TIMEOUT_S = 5.0  # of one health check
SETTLED_S = 5.0  # for which a program may listen on other addresses before it counts as started
LISTENING = "0A"  # the kernel's number of the state LISTEN
LOOPBACK = ("0100007F", "0" * 24 + "01000000")  # 127.0.0.1 and ::1 in the kernel's tables
NOT_RUN = (126, 127)  # exit codes of a command that cannot be started
# Pattern in the last log lines → hint with the role variable that helps. The first match counts.
HINTS = (
    (
        r"(?i)operation not permitted|setuid|setgid|setgroups|chown|permission denied",
        "dependency_user sets the user that the image would change to; dependency_capabilities grants capabilities, "
        "for example [CHOWN, SETGID, SETUID]",
    ),
    (r"Read-only file system", "dependency_tmpfs adds writable folders, dependency_volumes mounts volumes"),
    (r"(?i)environ|password|must be (set|specified)|(not|un)[ _]?set|is required", "dependency_env sets its variables"),
)
GENERIC_HINT = "dependency_env sets environment variables, dependency_command and dependency_entrypoint set the command"


def run_docker(*arguments: str, timeout_s: float = 30.0) -> tuple[int, str]:
    """Return the exit code and the output of both streams of the engine's client; raises OSError without one."""
    return run_here("docker", *arguments, timeout_s=timeout_s)


def run_here(*command: str, timeout_s: float) -> tuple[int, str]:
    """Return the exit code and the output of both streams of a command; raises OSError if it cannot be started."""
    try:
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, timeout=timeout_s)
    except subprocess.TimeoutExpired:
        return 1, f"no answer within {timeout_s:g} s"
    return done.returncode, done.stdout.decode(errors="replace").strip()


def inspected(container: str) -> dict[str, Any]:
    """Return the engine's description of the container; raises OSError if it cannot be inspected."""
    code, text = run_docker("container", "inspect", container)
    if code:
        raise OSError(text)
    return dict(json.loads(text)[0])


def last_lines(container: str) -> list[str]:
    """Return the last log lines of the container, without control characters."""
    _, text = run_docker("logs", "--tail", str(LAST_LINES), container)
    lines = (re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f]", " ", line).strip() for line in text.splitlines())
    return [line[:300] for line in lines if line][-LAST_LINES:]


def exit_report(container: str, found: dict[str, Any]) -> str:
    """Report a container that ended or restarts; empty for a running one."""
    state = found["State"]
    if state["Running"] and not state.get("Restarting"):
        return ""
    log = "\n".join(last_lines(container))
    if state.get("OOMKilled") or state["ExitCode"] == 137:
        hint = "dependency_memory gives it more memory"
    else:
        hint = next((text for pattern, text in HINTS if re.search(pattern, log)), GENERIC_HINT)
    return f"container {container} ended with exit code {state['ExitCode']}.{log_sentence(container)} Fix: {hint}."


def log_sentence(container: str) -> str:
    """Format the last log lines of the container as one sentence, after a space; empty without a container."""
    lines = last_lines(container) if container else []
    printed = f" Its last lines: {' / '.join(lines)}." if lines else " It printed nothing."
    return printed if container else ""


def own_address(found: dict[str, Any]) -> str:
    """Return the container's address in its first network; empty without one."""
    networks = (found["NetworkSettings"].get("Networks") or {}).values()
    return next((network["IPAddress"] for network in networks if network.get("IPAddress")), "")


def listens_inside_only(found: dict[str, Any], port: int) -> bool:
    """Whether the container listens at the port on loopback addresses only; False if that cannot be read."""
    if found["HostConfig"].get("NetworkMode") == "host":
        return False
    _, text = run_docker("exec", found["Id"], "cat", "/proc/net/tcp", "/proc/net/tcp6", timeout_s=TIMEOUT_S)
    fields = [line.split() for line in text.splitlines()]
    sockets = [line[1].split(":") for line in fields if len(line) > 3 and line[3] == LISTENING]
    addresses = [address for address, at in sockets if int(at, 16) == port]
    return bool(addresses) and all(address in LOOPBACK for address in addresses)


def hopeless(found: dict[str, Any] | None, port: int, failed_s: float, code: int, wrong: str) -> str:
    """Report a running dependency that cannot become ready, with a fix; empty if it still can."""
    if code in NOT_RUN:
        return f"{wrong}. Fix: correct dependency_health_command, or install its program in the image."
    if found is None or code or failed_s < SETTLED_S or not listens_inside_only(found, port):
        return ""
    return (
        f"listens on port {port} of 127.0.0.1 only, which nothing outside the container reaches. Fix: set its address "
        f"to 0.0.0.0 with dependency_command or dependency_env (--bind 0.0.0.0 for Redis, --bind-address=0.0.0.0 "
        "for MariaDB and MySQL, listen_addresses for PostgreSQL)."
    )


def check(container: str, address: str, port: int, path: str, command: list[str]) -> tuple[int, str]:
    """Check the dependency once; return the command's exit code (0 without one), and what is wrong (empty: ready)."""
    if command:
        try:
            before = ("docker", "exec", container) if container else ()
            code, text = run_here(*before, *command, timeout_s=TIMEOUT_S)
        except OSError as error:
            code, text = NOT_RUN[1], str(error)
        return code, f"{command[0]} exits with {code}: {text[-200:]}" if code else ""
    return 0, connection_problem(address, port, path)


def connection_problem(address: str, port: int, path: str) -> str:
    """Connect to the dependency's port or request its path; return what is wrong, empty if it is ready."""
    try:
        if not path:
            socket.create_connection((address, port), TIMEOUT_S).close()
            return ""
        connection = http.client.HTTPConnection(address, port, timeout=TIMEOUT_S)
        connection.request("GET", path)
        status = connection.getresponse().status
        connection.close()
        return "" if status == 200 else f"GET {path}: status {status}"
    except (OSError, http.client.HTTPException) as error:
        return f"{address}:{port}{path}: {error or type(error).__name__}"


def wait(container: str, address: str, port: int, path: str, command: list[str], attempt_s: float) -> tuple[int, str]:
    """Check the dependency several times a second for `attempt_s`; return the outcome and its line."""
    began = time.monotonic()
    deadline = began + attempt_s
    name = f"container {container}" if container else f"{address}:{port}"
    while True:
        found = inspected(container) if container else None
        if found is not None and (report := exit_report(container, found)):
            return FAILED, report
        at = address or (own_address(found) if found is not None else "")
        code, wrong = check(container, at, port, path, command)
        failed_s = time.monotonic() - began if wrong else SETTLED_S  # a command in the container reaches all addresses
        if not wrong and not (command and found is not None and listens_inside_only(found, port)):
            return READY, f"{name} is ready"
        if report := hopeless(found, port, failed_s, code, wrong):
            return FAILED, f"{name}: {report}{log_sentence(container)}"
        if time.monotonic() > deadline:
            break
        time.sleep(0.3)
    lines = last_lines(container) if container else []
    return STARTING, f"{name}: {wrong}{f'; last line: {lines[-1]}' if lines else ''}"


if __name__ == "__main__":
    try:
        outcome, line = wait(**json.loads(sys.argv[1]))
    except OSError as error:
        outcome, line = FAILED, f"the container cannot be inspected: {error}"
    sys.stdout.write(line + "\n")
    sys.exit(outcome)
