"""Wait on a server's host until the server in its container answers, or report why it never will.

One argument, a JSON object: `container`, `port`, `path`, `host` (header; empty for none), `look_s` (seconds to look)
and `timeout_s` (of one request). Prints one line and ends with READY, with STARTING where more time may help, or with
FAILED. Needs only Python 3.8 and the engine's client program: it runs on whatever machine the server is on.
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
LOOKS_FOR_AN_END = 30  # one in a tenth of a second
LISTENING = "0A"  # the kernel's number of that state
IDLE_PERCENT = 20.0  # of a core: a program that still loads takes more
SOON_S = 4.0  # most servers are ready by then; later ones are looked at once a second
SETTLED_S = 60.0  # a server may answer 404 until its application is loaded
ENGINE_DNS = "127.0.0.11"  # the engine's own resolver listens in every container of a network
UNREACHED = "no connection from this machine"
# What the last lines show → the role variable that helps. The first that matches counts.
HINTS = (
    (
        r"Read-only file system",
        "ml_server_tmpfs gives it folders to write to, ml_server_read_only: false all of them",
    ),
    (
        r"(?i)bind.*permission denied|permission denied.*bind",
        "ml_server_capabilities: [NET_BIND_SERVICE] lets it listen on a port below 1024; or have it listen on a "
        "higher port and set ml_server_port",
    ),
    (
        r"(?i)operation not permitted|setuid|setgid|setgroups|chown|permission denied|PermissionError",
        "ml_server_capabilities gives it the rights it needs, as in [CHOWN, SETGID, SETUID]; ml_server_user runs it as "
        "another user",
    ),
    (
        r"(?i)address already in use",
        "two of its programs want one port; ml_server_env or ml_server_command set their ports",
    ),
    (
        r"(?i)environ|KeyError|env(ironment)?[ _]var|must be (set|specified)|(not|un)[ _]?set|is required|missing",
        "ml_server_env sets environment variables",
    ),
    (
        r"(?i)no such file|not found|ModuleNotFoundError|ImportError|unrecognized|usage:|no such option",
        "ml_server_command and ml_server_entrypoint set what is started, ml_server_volumes mounts files and folders",
    ),
)
OF_ANY = "ml_server_env sets environment variables, ml_server_command and ml_server_entrypoint what is started"


def engine(*arguments: str) -> str:
    """What the engine's client prints, on both streams; raises OSError where it fails."""
    done = subprocess.run(["docker", *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    text = done.stdout.decode(errors="replace")
    if done.returncode:
        raise OSError(text.strip() or f"docker {arguments[0]} ended with {done.returncode}")
    return text


def last_lines(container: str) -> list[str]:
    """The last lines that the container printed, without control characters."""
    try:
        text = engine("logs", "--tail", str(LAST_LINES), container)
    except OSError:
        return []
    lines = (
        re.sub(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f-\x9f]", " ", line).strip()[:300] for line in text.splitlines()
    )
    return [line for line in lines if line][-LAST_LINES:]


def hint(state: dict[str, Any], code: int, lines: list[str]) -> str:
    """The role variable that most likely helps a container that ended."""
    if state.get("OOMKilled") or code == 137:
        return "ml_server_memory gives it more memory"
    if code in (126, 127):
        return "ml_server_command and ml_server_entrypoint set what is started"
    text = "\n".join(lines)
    return next((words for pattern, words in HINTS if re.search(pattern, text)), OF_ANY)


def exit_code(container: str, state: dict[str, Any]) -> int | None:
    """The code with which it ended last; of one that runs again by the engine's events, None where they have none."""
    if not state["Running"] or state.get("Restarting"):
        return int(state["ExitCode"])
    now = time.time()
    of_it = ["--since", f"{now - 600:.3f}", "--until", f"{now:.3f}", "--filter", f"container={container}"]
    try:
        codes = engine("events", *of_it, "--filter", "event=die", "--format", "{{.Actor.Attributes.exitCode}}").split()
    except OSError:
        codes = []
    return int(codes[-1]) if codes and codes[-1].isdigit() else next_exit_code(container)


def next_exit_code(container: str) -> int | None:
    """The code with which it ends next; None where it goes on. An engine keeps its last 256 events only."""
    for _ in range(LOOKS_FOR_AN_END):
        try:
            running, restarting, code = engine("container", "inspect", "--format", STATE, container).split()
        except (OSError, ValueError):
            return None
        if running == "false" or restarting == "true":
            return int(code)
        time.sleep(0.1)
    return None


def ended(container: str, found: dict[str, Any], restarts: int) -> str:
    """What became of a container that ended, or that was restarted since; empty for one that runs."""
    state = found["State"]
    if state["Running"] and not state.get("Restarting") and found["RestartCount"] <= restarts:
        return ""
    code, lines = exit_code(container, state), last_lines(container)
    with_code = "with an unknown exit code" if code is None else f"with exit code {code}"
    count = found["RestartCount"]
    again = f" and was restarted {count} times (ml_server_restart_policy)" if count else ""
    why = f" ({state['Error']})" if state.get("Error") else ""
    return f"container {container} ended {with_code}{again}{why}. {quoted(lines)} Fix: {hint(state, code or 0, lines)}."


def quoted(lines: list[str]) -> str:
    """The last lines of a log as one sentence."""
    return f"Its last lines: {' / '.join(lines)}." if lines else "It printed nothing."


def sockets_of(found: dict[str, Any]) -> frozenset[tuple[str, int]]:
    """Addresses and ports that programs of the container listen on; empty where that cannot be read."""
    if found["HostConfig"].get("NetworkMode") == "host":
        return frozenset()
    process = Path("/proc") / str(found["State"]["Pid"])
    try:
        # An engine in another machine has other processes under these numbers.
        if found["Id"] not in (process / "cgroup").read_text(encoding="ascii"):
            raise OSError
        text = "".join((process / "net" / name).read_text(encoding="ascii") for name in ("tcp", "tcp6"))
    except OSError:
        try:
            text = engine("exec", found["Id"], "cat", "/proc/net/tcp", "/proc/net/tcp6")
        except OSError:
            return frozenset()
    return listening(text)


def listening(table: str) -> frozenset[tuple[str, int]]:
    """Addresses and ports in state LISTEN of the kernel's tables tcp and tcp6."""
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


def shown(sockets: frozenset[tuple[str, int]]) -> str:
    """Sockets as address:port, the smallest port first."""
    ordered = sorted(sockets, key=lambda s: (s[1], s[0]))
    return ", ".join(f"[{a}]:{port}" if ":" in a else f"{a}:{port}" for a, port in ordered) or "nothing"


def wrong_address(sockets: frozenset[tuple[str, int]], port: int) -> str:
    """Why nobody reaches the server at its port though it listens, and what helps; empty where that is not known."""
    outside = sorted({p for address, p in sockets if not is_inside(address)})
    inside = frozenset(s for s in sockets if s[1] == port)
    if not sockets or port in outside:
        return ""
    if inside or not outside:
        return (
            f"listens on {shown(inside or sockets)} only, which nothing outside the container reaches. Fix: have it "
            f"listen on 0.0.0.0:{port}, by ml_server_command (as in --host 0.0.0.0) or a variable in ml_server_env."
        )
    return (
        f"listens on {shown(sockets)}, not on port {port}. Fix: set ml_server_port (service.port of a grid) to "
        f"{' or '.join(map(str, outside))}, or have it listen on {port}, by ml_server_command or ml_server_env."
    )


def addresses(found: dict[str, Any], port: int) -> list[tuple[str, int]]:
    """Where this machine may reach the container's port: where it is published, and at its own address."""
    networks = found["NetworkSettings"]
    places = []
    for published in (networks.get("Ports") or {}).get(f"{port}/tcp") or []:
        address = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - read, not listened on
        places.append((address.get(published["HostIp"], published["HostIp"]), int(published["HostPort"])))
    own = [said.get("IPAddress") for said in (networks.get("Networks") or {}).values()]
    return places + [(address, port) for address in own if address]


def ask(place: tuple[str, int], path: str, host: str, timeout_s: float) -> tuple[int, str]:
    """Status of the response to a GET and its first line; without a response 0, and what went wrong."""
    connection = http.client.HTTPConnection(*place, timeout=2)
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
    """Whether it hardly computes, as a server that waits for requests."""
    try:
        used = engine("stats", "--no-stream", "--format", "{{.CPUPerc}}", container)
        return float(used.strip().rstrip("%")) < IDLE_PERCENT
    except (OSError, ValueError):
        return False


def age_s(state: dict[str, Any]) -> float:
    """Seconds since the container started, by the clock of this machine."""
    return max(0.0, time.time() - calendar.timegm(time.strptime(state["StartedAt"][:19], "%Y-%m-%dT%H:%M:%S")))


def has_metrics(sockets: frozenset[tuple[str, int]], places: list[tuple[str, int]]) -> bool:
    """Whether another port of it has metrics: many servers open that one before they load their model."""
    ports = {port for address, port in sockets if not is_inside(address)}
    return any(ask((place[0], port), "/", "", 2)[1].startswith("# ") for place in places[-1:] for port in ports)


def hopeless(container: str, port: int, status: int, sockets: frozenset[tuple[str, int]], now: str) -> str:
    """Why a server that changes no more will not be ready, and what helps; empty where it still may."""
    if why := wrong_address(sockets, port):
        return f"container {container} {why}"
    if status == 400:
        return (
            f"{now}. Fix: where the application allows certain host names only, as Django's ALLOWED_HOSTS, give one of "
            "them: ml_server_health_host, or request.headers: {Host: NAME} of a grid."
        )
    if 400 < status < 500 and status not in (408, 425, 429):
        return f"{now}. Fix: set ml_server_health (service.health of a grid) to a path that answers 200 to anybody."
    return ""


def look(container: str, port: int, path: str, host: str, look_s: float, timeout_s: float) -> tuple[int, str]:
    """Look for `look_s`, once a second; the outcome and its line."""
    deadline = time.monotonic() + look_s
    restarts = -1
    seen = set()
    while True:
        found = json.loads(engine("container", "inspect", container))[0]
        state, places = found["State"], addresses(found, port)
        if restarts < 0:  # one that was restarted just now ended after the program's last call
            restarts = found["RestartCount"] - (found["RestartCount"] > 0 and age_s(state) < 3)
        status, words = 0, UNREACHED
        for place in places:
            status, words = ask(place, path, host, timeout_s)
            if status:
                break
        if status == 200:
            return READY, f"container {container} answers GET {path}"
        if why := ended(container, found, restarts):
            return FAILED, why
        sockets = sockets_of(found)
        seen.add((sockets, status, words))
        if time.monotonic() > deadline:
            break
        time.sleep(1 if age_s(state) > SOON_S else 0.2)
    lines, age = last_lines(container), age_s(state)
    answer = f"status {status}" if status else words
    now = f"container {container}, started {age:.0f} s ago: GET {path}: {answer}; it listens on {shown(sockets)}"
    if len(seen) == 1 and not (has_metrics(sockets, places) or (status and age < SETTLED_S)) and is_idle(container):
        if words == UNREACHED and (port in {p for a, p in sockets if not is_inside(a)} or not sockets):
            return READY, f"{now}; this machine cannot ask it"  # an engine in another machine; the balancer asks, too
        if why := hopeless(container, port, status, sockets, now):
            return FAILED, f"{why} {quoted(lines)}"
    return STARTING, f"{now}; {f'last line: {lines[-1]}' if lines else 'it printed nothing yet'}"


if __name__ == "__main__":
    try:
        outcome, line = look(**json.loads(sys.argv[1]))
    except OSError as error:
        outcome, line = FAILED, f"the container cannot be looked at: {error}"
    sys.stdout.write(line + "\n")
    sys.exit(outcome)
