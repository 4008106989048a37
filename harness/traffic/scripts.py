"""Results of your Locust script by the load generator: its problems, and the fields that only a script has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from harness.traffic.sent_traffic import SentScript


def problem(script: SentScript, state: Mapping[str, Any]) -> str:
    """Return `file:line: error` for a script that cannot be measured; empty for one that can.

    One user that fails in on_start is a failure under load, and all of them are a mistake of the script.
    """
    if rejected := state.get("rejected"):
        return script.problem(rejected)
    if state.get("problem") and state["failed_starts"] >= state["began"]:
        return script.problem(state["problem"])
    return ""


def of_result(script: SentScript | None, answer: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a LoadResult that only a script has."""
    if script is None or "script" not in answer:
        return {}
    found = problem(script, answer["script"])
    if not found and not sum(row["requests"] for row in answer["samples"]):
        found = script.problem({"error": NEVER_SENDS})
    return {"statuses": answer["statuses"], "script_problem": found, "streams": bool(answer["script"]["streams"])}


NEVER_SENDS = (
    "no request in the whole load. Fix: send requests with self.client of HttpUser or FastHttpUser, other clients are "
    "not counted"
)
