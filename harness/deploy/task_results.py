"""Messages from events of playbooks: why a task failed, and what a retried task waits for. Pure."""

from __future__ import annotations

import re
from typing import Any

from harness.deploy import known_errors
from harness.words import visible

EVERY_S = 8.0


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


def failure(host: str, task: str, data: dict[str, Any], *, unreachable: bool = False) -> str:
    """The message about a failed task: host, cause and fix.

    A message that begins with the host comes from a role and has its cause and its fix already. A log that it quotes is
    not matched against known errors.
    """
    result = data.get("res", {})
    messages = [str(result[key]).strip() for key in ("msg", "stderr", "reason") if result.get(key)]
    nested = [str(r.get("msg", "")) for r in result.get("results", []) if isinstance(r, dict) and r.get("failed")]
    message = " ".join(_bare(text) for text in (nested or messages)[:2])
    if message.startswith(f"{host}: "):
        return visible(" ".join(message.split()))
    return known_errors.explain(host, task, message or "no reason given", over_ssh=unreachable)


def _bare(message: str) -> str:
    """A message without the prefixes that Ansible adds."""
    return re.sub(r"^(Task failed: )?((Action|Module) failed: )?", "", message)
