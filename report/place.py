"""Where a study was measured, and what that is worth. Pure."""

from __future__ import annotations

from typing import Any

from report import format as text


def told(study: dict[str, Any]) -> str:
    """One or two sentences for page 1."""
    machine = study.get("environment", {}).get("machine")
    if study.get("kind") in ("lab", "rehearsal"):
        on = f"one {machine['cores']}-core machine ({machine['cpu']})" if machine else "one machine"
        place = "in a Docker lab" if study["kind"] == "lab" else "on rehearsal machines, which are containers,"
        return (
            f"Measured {place} on {on}: it shows that the method works and how the topology behaves, "
            "not what a rented host would deliver."
        )
    types = _types(study)
    return f"Measured on {types}." if types else "Measured on the hosts of the inventory."


def _types(study: dict[str, Any]) -> str:
    """Hosts by what they are: their instance type where the inventory tells it, else their processor."""
    known = study.get("environment", {}).get("hosts", {})
    alike: dict[str, list[str]] = {}
    for name, said in study["configuration"].get("hosts", {}).items():
        machine = known.get(name, {})
        cores = f"{text.count(machine['cores'], 'core')} of {machine['cpu']}" if machine else ""
        kind = str(said.get("study_instance_type") or cores)
        if kind:
            alike.setdefault(kind, []).append(name)
    return text.joined([f"{kind} ({', '.join(names)})" for kind, names in alike.items()])
