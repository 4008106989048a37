"""What a task of a playbook reports: why it failed, and what one that tries again waits for. Pure."""

from __future__ import annotations

import re
from typing import Any

from harness.deploy import known_errors
from harness.words import visible

EVERY_S = 8.0


class Awaited:
    """What tasks wait for that try again, told now and then: not each time, and not by every host at once."""

    def __init__(self) -> None:
        self._told_s = -EVERY_S

    def told(self, host: str, data: dict[str, Any], now_s: float) -> str:
        """One line from the event of a further try at `now_s`; empty where it has no words or one was told just now."""
        words = " ".join(str(data.get("res", {}).get("stdout", "")).split())
        if not words or now_s < self._told_s + EVERY_S:
            return ""
        self._told_s = now_s
        return f"waiting for {host}: {words}"


def failure(host: str, task: str, data: dict[str, Any], *, unreachable: bool = False) -> str:
    """One message of a task's failure: host, cause and fix.

    A role's own report begins with its host and has its cause and its fix already; what it quotes of a log is nothing
    that the host itself said.
    """
    result = data.get("res", {})
    words = [str(result[key]).strip() for key in ("msg", "stderr", "reason") if result.get(key)]
    nested = [str(r.get("msg", "")) for r in result.get("results", []) if isinstance(r, dict) and r.get("failed")]
    told = " ".join(_bare(word) for word in (nested or words)[:2])
    if told.startswith(f"{host}: "):
        return visible(" ".join(told.split()))
    return known_errors.explain(host, task, told or "no reason given", over_ssh=unreachable)


def _bare(words: str) -> str:
    """Words without Ansible's own frame around them."""
    return re.sub(r"^(Task failed: )?((Action|Module) failed: )?", "", words)
