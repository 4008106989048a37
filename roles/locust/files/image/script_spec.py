"""The load of a trial with a Locust script, as the study sends it. No Locust here."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

KIND = "locust"  # of `traffic`


@dataclass(frozen=True, kw_only=True)
class Script:
    """Which script runs, and how. `folder` and `file` are places in the image."""

    folder: str
    file: str
    users: tuple[str, ...] = ()  # names of classes; all of the file if empty
    tags: tuple[str, ...] = ()
    exclude_tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class ScriptLoad:
    """A closed loop of a script's users. Times count from the load's start."""

    trial: str
    url: str
    users: int
    ramp_up_s: float
    duration_s: float
    timeout_s: float
    window_from_s: float
    keep_alive: bool
    seed: str
    slow_after_s: float | None
    longest_s: float
    time_factor: float = 1.0  # every sleep of the script is longer by this factor
    tls_verify: bool = True


def script_of(message: dict[str, Any]) -> Script | None:
    """The script of a load as JSON; None for a load without one."""
    traffic = message.get("traffic") or {}
    if traffic.get("kind") != KIND:
        return None
    listed = {name: tuple(traffic.get(name) or ()) for name in ("users", "tags", "exclude_tags")}
    return Script(folder=str(traffic["folder"]), file=str(traffic["file"]), **listed)


def load_of(message: dict[str, Any]) -> ScriptLoad:
    """The load of a message with a script; raises KeyError or TypeError for a malformed one."""
    traffic = message["traffic"]
    names = {field.name for field in fields(ScriptLoad)} - {"time_factor", "tls_verify"}
    factor, verify = float(traffic.get("time_factor", 1.0)), bool(traffic.get("tls_verify", True))
    return ScriptLoad(**{name: message[name] for name in names}, time_factor=factor, tls_verify=verify)
