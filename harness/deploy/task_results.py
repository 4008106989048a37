"""Messages from events of playbooks: why a task failed, and what a retried task waits for. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from harness.deploy import known_errors
from harness.words import visible

EVERY_S = 8.0
SHOWN = 8  # hosts that a message names


class RetryMessages:
    """Messages about what retried tasks wait for: at most one in `EVERY_S` seconds, over all hosts."""

    def __init__(self) -> None:
        self._last_s = -EVERY_S

    def message(self, host: str, data: dict[str, Any], now_s: float) -> str:
        """One line about a retry at `now_s`; empty if the event has no output, or if the last message is too recent."""
        output = " ".join(str(data.get("res", {}).get("stdout", "")).split())
        if not output or now_s < self._last_s + EVERY_S:
            return ""
        self._last_s = now_s
        return f"waiting for {host}: {output}"


@dataclass
class Failures:
    """The failed tasks of a playbook, as messages of which each names all hosts that it is true for."""

    _texts: list[tuple[str, str]] = field(default_factory=list)  # host and text, in their order

    def add(self, host: str, task: str, data: dict[str, Any], *, unreachable: bool = False) -> None:
        """Add a failed task. A role's own report replaces the earlier failures of its host, which it explains."""
        text = failure(host, task, data, unreachable=unreachable).removeprefix(f"{host}: ")
        if _is_report(host, data):
            self._texts = [(other, earlier) for other, earlier in self._texts if other != host]
        if (host, text) not in self._texts:
            self._texts.append((host, text))

    def __bool__(self) -> bool:
        return bool(self._texts)

    def keep(self, hosts: Iterable[str]) -> None:
        """Keep the failures of these hosts; those of all others were rescued."""
        kept = set(hosts)
        self._texts = [(host, text) for host, text in self._texts if host in kept]

    def messages(self) -> list[str]:
        """One message for each different text."""
        hosts: dict[str, list[str]] = {}
        for host, text in self._texts:
            hosts.setdefault(text, []).append(host)
        return [f"{_names(names)}: {text}" for text, names in hosts.items()]


def _names(hosts: list[str]) -> str:
    shown = sorted(hosts, key=lambda host: (len(host), host))[:SHOWN]  # server-2 before server-10
    more = f" and {len(hosts) - SHOWN} more" if len(hosts) > SHOWN else ""
    return ", ".join(shown) + more


def _is_report(host: str, data: dict[str, Any]) -> bool:
    """Whether a role wrote the message: it begins with the host, and has its cause and its fix already."""
    return _message(data).startswith(f"{host}: ")


def failure(host: str, task: str, data: dict[str, Any], *, unreachable: bool = False) -> str:
    """The message about a failed task: host, cause and fix.

    A message that begins with the host comes from a role and has its cause and its fix already. A log that it quotes is
    not matched against known errors.
    """
    message = _message(data)
    if _is_report(host, data):
        return visible(" ".join(message.split()))
    return known_errors.explain(host, task, message or "no reason given", over_ssh=unreachable)


def _message(data: dict[str, Any]) -> str:
    """The first two messages of a task's result; of a loop those of its failed items."""
    result = data.get("res", {})
    messages = [str(result[key]).strip() for key in ("msg", "stderr", "reason") if result.get(key)]
    nested = [str(r.get("msg", "")) for r in result.get("results", []) if isinstance(r, dict) and r.get("failed")]
    return " ".join(_bare(text) for text in (nested or messages)[:2])


def _bare(message: str) -> str:
    """A message without the prefixes that Ansible adds."""
    return re.sub(r"^(Task failed: )?((Action|Module) failed: )?", "", message)
