"""YAML for Ansible whose words are data: marked `!unsafe`, they are never taken for a template and run."""

from __future__ import annotations

from typing import Any

import yaml


class Unsafe(str):
    """Words of somebody else, which Ansible must not take for a template."""

    __slots__ = ()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's own
        """Write every value out, although two are one object."""
        return True


_Dumper.add_representer(Unsafe, lambda dumper, data: dumper.represent_scalar("!unsafe", str(data)))


def marked(value: Any) -> Any:
    """The same with every text in it marked, names of keys too."""
    if isinstance(value, str):
        return Unsafe(value)
    if isinstance(value, dict):
        return {(Unsafe(key) if isinstance(key, str) else key): marked(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [marked(inner) for inner in value]
    return value


def dump(value: Any) -> str:
    """YAML of plain data in which some words are `Unsafe`."""
    return yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True)


def dump_variables(variables: dict[str, Any]) -> str:
    """A file for --extra-vars: values are data, whatever they hold."""
    return dump({name: marked(value) for name, value in variables.items()})
