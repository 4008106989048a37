"""YAML for Ansible in which texts are marked `!unsafe`, so that they are never interpreted as templates."""

from __future__ import annotations

from typing import Any

import yaml


class Unsafe(str):
    """Text from elsewhere, which Ansible must not interpret as a template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own
        """Write every value in full, even if two are the same object."""
        return True


def _represent(dumper: _Dumper, text: Unsafe) -> yaml.ScalarNode:
    """Mark a text, unless it looks like another type, as `no`, `0123` and the empty text do.

    Ansible 2.19 and later resolve the type of a marked scalar again, quoted or not. Such a text holds no template, so
    it needs no mark.
    """
    plain = dumper.resolve(yaml.ScalarNode, str(text), (True, False))  # type: ignore[no-untyped-call] # of PyYAML
    return dumper.represent_str(str(text)) if plain != _TEXT else dumper.represent_scalar("!unsafe", str(text))


_TEXT = "tag:yaml.org,2002:str"
_Dumper.add_representer(Unsafe, _represent)


def marked(value: Any) -> Any:
    """The value with every text in it marked, including keys."""
    if isinstance(value, str):
        return Unsafe(value)
    if isinstance(value, dict):
        return {(Unsafe(key) if isinstance(key, str) else key): marked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [marked(inner) for inner in value]
    return value


def dump(value: Any) -> str:
    """YAML of plain data in which some texts are `Unsafe`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def dump_variables(variables: dict[str, Any]) -> str:
    """The text of a file for --extra-vars, with every value marked."""
    return dump({name: marked(value) for name, value in variables.items()})
