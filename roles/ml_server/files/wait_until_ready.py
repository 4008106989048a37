"""Wait on a server's host until the server in its container is ready, or report why it cannot become ready.

The argument is a JSON object: `container`, `port`, `path`, `host` (header; empty for none), `attempt_s` (duration of
one attempt in seconds) and `timeout_s` (of one request). Prints one line and exits with READY, STARTING (another
attempt may succeed) or FAILED. It runs on the server's machine, so it needs only Python 3.8 and the engine's client.
"""

from __future__ import annotations

import calendar
import http.client
import ipaddress
import json
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

READY, FAILED, STARTING = 0, 1, 75
LAST_LINES = 5
STATE = "{{.State.Running}} {{.State.Restarting}} {{.State.ExitCode}}"
EXIT_CHECKS = 30  # at intervals of 0.1 s
LISTENING = "0A"  # the kernel's number of the state LISTEN
IDLE_PERCENT = 20.0  # of a core; a program that is still loading uses more
SOON_S = 4.0  # most servers are ready by then; later ones are checked once a second
SETTLED_S = 60.0  # a server may return 404 until its application is loaded
ENGINE_DNS = "127.0.0.11"  # the engine's resolver listens in every container of a network
UNREACHED = "no connection from this machine"
# Pattern in the last log lines → hint with the role variable that helps. The first match counts.
HINTS = (
    (
        r"Read-only file system",
        "ml_server_tmpfs adds writable folders, ml_server_read_only: false makes all folders writable",
    ),
    (
        r"(?i)bind.*permission denied|permission denied.*bind",
        "ml_server_capabilities: [NET_BIND_SERVICE] allows ports below 1024; or configure a higher port and set "
        "ml_server_port",
    ),
    (
        r"(?i)operation not permitted|setuid|setgid|setgroups|chown|permission denied|PermissionError",
        "ml_server_capabilities grants capabilities, for example [CHOWN, SETGID, SETUID]; ml_server_user sets another "
        "user",
    ),
    (
        r"(?i)address already in use",
        "two of its programs use the same port; set their ports with ml_server_env or ml_server_command",
    ),
    (
        r"(?i)environ|KeyError|env(ironment)?[ _]var|must be (set|specified)|(not|un)[ _]?set|is required|missing",
        "ml_server_env sets environment variables",
    ),
    (
        r"(?i)no such file|not found|ModuleNotFoundError|ImportError|unrecognized|usage:|no such option",
        "ml_server_command and ml_server_entrypoint set the command, ml_server_volumes mounts files and folders",
    ),
)
GENERIC_HINT = "ml_server_env sets environment variables, ml_server_command and ml_server_entrypoint set the command"


def run_docker(*arguments: str) -> str:
    """Return the client's output of both streams; raises OSError if it fails."""
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise OSError(text.strip() or f"docker {arguments[0]} ended with {done.returncode}")
    return text


def last_lines(container: str) -> list[str]:
    """Return the last log lines of the container, without control characters."""
    try:
        text = run_docker("logs", "--tail", str(LAST_LINES), container)
    except OSError:
        return []
    lines = (
        re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f]", " ", line).strip()[:300] for line in text.splitlines()
    )
    return [line for line in lines if line][-LAST_LINES:]


def hint(state: dict[str, Any], code: int, lines: list[str]) -> str:
    """Return the hint that fits a container with this state, exit code and log."""
    if state.get("OOMKilled") or code == 137:
        return "ml_server_memory gives it more memory"
    if code in (126, 127):
        return "ml_server_command and ml_server_entrypoint set the command"
    log = "\n".join(lines)
    return next((text for pattern, text in HINTS if re.search(pattern, log)), GENERIC_HINT)


def exit_code(container: str, state: dict[str, Any]) -> int | None:
    """Return the container's last exit code; None if it restarted and the engine's events do not contain the code."""
    if not state["Running"] or state.get("Restarting"):
        return int(state["ExitCode"])
    now = time.time()
    period = ["--since", f"{now - 600:.3f}", "--until", f"{now:.3f}", "--filter", f"container={container}"]
    form = ["--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}"]
    try:
        codes = run_docker("events", *period, *form).split()
    except OSError:
        codes = []
    return int(codes[-1]) if codes and codes[-1].isdigit() else next_exit_code(container)


def next_exit_code(container: str) -> int | None:
    """Wait for the container's next exit code; None if it keeps running. An engine stores only its last 256 events."""
    for _ in range(EXIT_CHECKS):
        try:
            running, restarting, code = run_docker("container", "inspect", "--format", STATE, container).split()
        except (OSError, ValueError):
            return None
        if running == "false" or restarting == "true":
            return int(code)
        time.sleep(0.1)
    return None


def exit_report(container: str, found: dict[str, Any], restarts: int) -> str:
    """Report a container that ended, or restarted more than `restarts` times; empty for a running one."""
    state = found["State"]
    if state["Running"] and not state.get("Restarting") and found["RestartCount"] <= restarts:
        return ""
    code, lines = exit_code(container, state), last_lines(container)
    with_code = "with an unknown exit code" if code is None else f"with exit code {code}"
    count = found["RestartCount"]
    again = f" and was restarted {count} times (ml_server_restart_policy)" if count else ""
    error = f" ({state['Error']})" if state.get("Error") else ""
    fix = hint(state, code or 0, lines)
    return f"container {container} ended {with_code}{again}{error}. {log_sentence(lines)} Fix: {fix}."


def log_sentence(lines: list[str]) -> str:
    """Format the last lines of a log as one sentence."""
    return f"Its last lines: {' / '.join(lines)}." if lines else "It printed nothing."


def sockets_of(found: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """Return the addresses and ports on which the container listens; empty if they cannot be read."""
    if found["HostConfig"].get("NetworkMode") == "host":
        return frozenset()
    process = Path("/proc") / str(found["State"]["Pid"])
    try:
        # If the engine runs in another machine, other processes have these numbers.
        if found["Id"] not in (process / "cgroup").read_text(encoding="ascii"):
            raise OSError
        text = "".join((process / "net" / name).read_text(encoding="ascii") for name in ("tcp", "tcp6"))
    except OSError:
        try:
            text = run_docker("exec", found["Id"], "cat", "/proc/net/tcp", "/proc/net/tcp6")
        except OSError:
            return frozenset()
    return listening(text)


def listening(table: str) -> frozenset[tuple[str, int]]:
    """Return the addresses and ports in state LISTEN from the kernel's tables tcp and tcp6."""
    found = set()
    for line in table.splitlines():
        fields = line.split()
        if len(fields) > 3 and fields[3] == LISTENING and ":" in fields[1]:
            address, _, port = fields[1].partition(":")
            words = [bytes.fromhex(address[i : i + 8])[::-1] for i in range(0, len(address), 8)]  # little-endian
            parsed = ipaddress.ip_address(b"".join(words))
            plain = str(getattr(parsed, "ipv4_mapped", None) or parsed)
            if plain != ENGINE_DNS:
                found.add((plain, int(port, 16)))
    return frozenset(found)


def is_inside(address: str) -> bool:
    """Whether only programs of the container itself reach this address."""
    return ipaddress.ip_address(address).is_loopback


def format_sockets(sockets: frozenset[tuple[str, int]]) -> str:
    """Format sockets as address:port, in the order of ports."""
    ordered = sorted(sockets, key=lambda s: (s[1], s[0]))
    return ", ".join(f"[{a}]:{port}" if ":" in a else f"{a}:{port}" for a, port in ordered) or "nothing"


def address_problem(sockets: frozenset[tuple[str, int]], port: int) -> str:
    """Report a server that listens where nobody can connect to `port`, with a fix; empty without such a problem."""
    outside = sorted({p for address, p in sockets if not is_inside(address)})
    inside = frozenset(s for s in sockets if s[1] == port)
    if not sockets or port in outside:
        return ""
    if inside or not outside:
        return (
            f"listens only on {format_sockets(inside or sockets)}, which nothing outside the container reaches. Fix: "
            f"set its address to 0.0.0.0:{port} with ml_server_command (for example --host 0.0.0.0) or ml_server_env."
        )
    return (
        f"listens on {format_sockets(sockets)} and not on port {port}. Fix: set ml_server_port (service.port of a "
        f"grid) to {' or '.join(map(str, outside))}, or set its port to {port} with ml_server_command or ml_server_env."
    )


def addresses(found: dict[str, Any], port: int) -> list[tuple[str, int]]:
    """Return the addresses at which this machine may reach the container's port: published ones, and its own."""
    networks = found["NetworkSettings"]
    published_at = []
    for published in (networks.get("Ports") or {}).get(f"{port}/tcp") or []:
        address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
        published_at.append((address.get(published["HostIp"], published["HostIp"]), int(published["HostPort"])))
    own = [network.get("IPAddress") for network in (networks.get("Networks") or {}).values()]
    return published_at + [(address, port) for address in own if address]


def get_status(address: tuple[str, int], path: str, host: str, timeout_s: float) -> tuple[int, str]:
    """Return the status of the response to a GET and its first line; without a response 0 and the error."""
    connection = http.client.HTTPConnection(*address, timeout=2)
    connected = False
    try:
        connection.connect()
        connected = True
        connection.sock.settimeout(timeout_s)
        connection.request("GET", path, headers={"Host": host} if host else {})
        response = connection.getresponse()
        return response.status, response.read(200).decode(errors="replace").partition("\n")[0]
    except ConnectionRefusedError:
        return 0, "connection refused"
    except (OSError, http.client.HTTPException) as error:
        return 0, f"no response ({str(error) or type(error).__name__})" if connected else UNREACHED
    finally:
        connection.close()


def is_idle(container: str) -> bool:
    """Whether the container uses little CPU, like a server that waits for requests."""
    try:
        used = run_docker("stats", "--no-stream", "--format", "{{.CPUPerc}}", container)
        return float(used.strip().rstrip("%")) < IDLE_PERCENT
    except (OSError, ValueError):
        return False


def age_s(state: dict[str, Any]) -> float:
    """Return the seconds since the container's start, by this machine's clock."""
    return max(0.0, time.time() - calendar.timegm(time.strptime(state["StartedAt"][:19], "%Y-%m-%dT%H:%M:%S")))


def has_metrics(sockets: frozenset[tuple[str, int]], reachable: list[tuple[str, int]]) -> bool:
    """Whether another port serves metrics, which many servers open before they load their model."""
    ports = {port for address, port in sockets if not is_inside(address)}
    return any(get_status((own[0], port), "/", "", 2)[1].startswith("# ") for own in reachable[-1:] for port in ports)


def permanent_problem(container: str, port: int, status: int, sockets: frozenset[tuple[str, int]], now: str) -> str:
    """Report why an idle server cannot become ready, with a fix; empty if it still can."""
    if problem := address_problem(sockets, port):
        return f"container {container} {problem}"
    if status == 400:
        return (
            f"{now}. Fix: if the application allows only certain host names (such as Django's ALLOWED_HOSTS), set "
            "ml_server_health_host to one of them, or request.headers: {Host: NAME} of a grid."
        )
    if 400 < status < 500 and status not in (408, 425, 429):
        return f"{now}. Fix: set ml_server_health (service.health of a grid) to a path that returns 200 without login."
    return ""


def wait(container: str, port: int, path: str, host: str, attempt_s: float, timeout_s: float) -> tuple[int, str]:
    """Check the server once a second for `attempt_s`; return the outcome and its line."""
    deadline = time.monotonic() + attempt_s
    restarts = -1
    states = set()
    while True:
        found = json.loads(run_docker("container", "inspect", container))[0]
        state, reachable = found["State"], addresses(found, port)
        if restarts < 0:  # a container that restarted in the last 3 s ended after the previous attempt
            restarts = found["RestartCount"] - (found["RestartCount"] > 0 and age_s(state) < 3)
        status, detail = 0, UNREACHED
        for address in reachable:
            status, detail = get_status(address, path, host, timeout_s)
            if status:
                break
        if status == 200:
            return READY, f"container {container} answers GET {path}"
        if report := exit_report(container, found, restarts):
            return FAILED, report
        sockets = sockets_of(found)
        states.add((sockets, status, detail))
        if time.monotonic() > deadline:
            break
        time.sleep(1 if age_s(state) > SOON_S else 0.2)
    lines, age = last_lines(container), age_s(state)
    result = f"status {status}" if status else detail
    now = (
        f"container {container}, started {age:.0f} s ago: GET {path}: {result}; it listens on {format_sockets(sockets)}"
    )
    if (
        len(states) == 1
        and not (has_metrics(sockets, reachable) or (status and age < SETTLED_S))
        and is_idle(container)
    ):
        if detail == UNREACHED and (port in {p for a, p in sockets if not is_inside(a)} or not sockets):
            # The engine runs in another machine; the balancer checks the server, too.
            return READY, f"{now}; this machine cannot connect to it"
        if problem := permanent_problem(container, port, status, sockets, now):
            return FAILED, f"{problem} {log_sentence(lines)}"
    return STARTING, f"{now}; {f'last line: {lines[-1]}' if lines else 'it printed nothing yet'}"


if __name__ == "__main__":
    try:
        outcome, line = wait(**json.loads(sys.argv[1]))
    except OSError as error:
        outcome, line = FAILED, f"the container cannot be inspected: {error}"
    sys.stdout.write(line + "\n")
    sys.exit(outcome)
