"""Check values of role variables against the roles' argument specifications, as Ansible does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from harness.balancers import registry
from harness.deploy.value_rules import beyond_type
from harness.grid.load_generators import LOAD_GENERATORS
from harness.grid.yamldata import Path_

# libyaml reads the roles' files ten times faster than PyYAML's own parser.
YAML_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
ROLES = ("ml_server", *registry.ROLES, "dependency", *(role for kind in LOAD_GENERATORS for role in kind.roles))
Problem = tuple[Path_, str]
_KINDS = {
    "bool": "a boolean, true or false",
    "int": "a whole number",
    "float": "a number",
    "str": "text",
    "list": "a list",
    "dict": "a mapping",
}


@dataclass(frozen=True)
class RoleValues:
    """The specifications of role variables; `options` maps each name to its specification."""

    options: Mapping[str, Mapping[str, Any]]
    _checked: dict[tuple[str, str, bool], list[Problem]] = field(default_factory=dict, compare=False)

    @classmethod
    def read(cls, root: Path) -> RoleValues:
        """The specifications of the roles that a study varies."""
        found: dict[str, Any] = {}
        for role in ROLES:
            text = (root / "roles" / role / "meta" / "argument_specs.yml").read_text(encoding="utf-8")
            found |= yaml.load(text, Loader=YAML_LOADER)["argument_specs"]["main"]["options"]  # noqa: S506 - a safe one
        return cls(found)

    def wrong(self, name: str, value: object, templates: bool = False) -> list[Problem]:
        """(path inside the value, message) of each problem.

        With `templates`, as for an inventory, a value may be a template, which the role checks. In a grid it is text.
        """
        key = name, repr(value), templates
        if key not in self._checked:
            self._checked[key] = [] if templates and templated(value) else list(self._wrong(name, value))
        return self._checked[key]

    def as_typed(self, name: str, value: Any) -> Any:
        """A boolean or a number for text that Jinja would interpret differently; any other value unchanged."""
        kind, word = self.options.get(name, {}).get("type"), value.lower() if isinstance(value, str) else ""
        if kind == "bool" and word in ("yes", "on", "no", "off"):
            return word in ("yes", "on")
        return int(word) if kind == "int" and re.fullmatch(r"[0-9]+(_[0-9]+)+", word) else value

    def _wrong(self, name: str, value: object) -> Iterator[Problem]:
        if name in self.options:
            found = list(_against(self.options[name], value))
            yield from found
            if found:
                return
        if message := beyond_type(name, value):
            yield (), message


def templated(value: object) -> bool:
    """Whether any text in a value is a template, which is only resolved in the role."""
    if isinstance(value, dict):
        return any(templated(inner) for pair in value.items() for inner in pair)
    if isinstance(value, list | tuple):
        return any(templated(inner) for inner in value)
    return isinstance(value, str) and ("{{" in value or "{%" in value)


def _against(option: Mapping[str, Any], value: object) -> Iterator[Problem]:
    """What Ansible's validator rejects in one value."""
    kind = str(option.get("type", "str"))
    if value is None:
        yield (), f"Allowed: {_KINDS.get(kind, kind)}. Fix: write a value, or remove the key."
        return
    # Ansible accepts a list and true as text (their representation), true as 1, and "A=1" as a mapping, which no role
    # can use.
    if (
        (kind == "str" and isinstance(value, dict | list))
        or (kind in ("int", "float", "str") and isinstance(value, bool))
        or (kind == "dict" and isinstance(value, str) and not templated(value))
    ):
        yield (), f"Allowed: {_KINDS[kind]}.{' Fix: write it in quotes.' * (kind == 'str' and value in (True, False))}"
        return
    inner = option.get("options", {})
    if kind == "list" and isinstance(value, list) and "elements" in option:
        each = {"type": option["elements"], "options": inner} if inner else {"type": option["elements"]}
        for place, one in enumerate(value):
            yield from (((place, *inside), message) for inside, message in _against(each, one))
        return
    if kind == "dict" and isinstance(value, dict) and inner:
        for name, one in value.items():
            found = _against(inner[name], one) if name in inner else [((), "Unknown key.")]
            yield from (((name, *inside), message) for inside, message in found)
        return
    # Takes some hundredths of a second to load, which a grid without role variables does not need.
    from ansible.module_utils.common.arg_spec import ArgumentSpecValidator

    bare = {key: option[key] for key in ("type", "elements", "choices") if key in option}
    try:
        is_valid = not ArgumentSpecValidator({"value": bare}).validate({"value": value}).error_messages
    except (ArithmeticError, ValueError):  # of its own conversion, as for the text "inf" instead of a whole number
        is_valid = False
    if not is_valid:
        yield (), _allowed(option, kind)


def _allowed(option: Mapping[str, Any], kind: str) -> str:
    if "choices" in option:
        return f"Allowed: {', '.join(map(str, option['choices']))}."
    return f"Allowed: {_KINDS.get(kind, kind)}."
