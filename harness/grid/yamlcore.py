"""Parse text to a tree of YAML nodes, tagged by the core schema of YAML 1.2, and bounded in size. Pure.

PyYAML's own loaders read YAML 1.1, in which `NO` is a boolean, `12:30:00` a number and `2024-01-01` a date. The
patterns here are those of https://yaml.org/spec/1.2.2/#103-core-schema.
"""

from __future__ import annotations

import re
from typing import Any

import yaml
from yaml.resolver import BaseResolver

DEEPEST = 64  # lists and mappings inside each other
MOST_VALUES = 200_000  # with each use of an alias; an image of 224 × 224 × 3 numbers fits
_LARGE = 1_000_000  # characters, above which PyYAML's slower parser is not used

TAG = "tag:yaml.org,2002:"
CORE = {
    "null": (r"null|Null|NULL|~|", ["n", "N", "~", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class Resolver(BaseResolver):
    """Tags of plain scalars by YAML 1.2's core schema."""


for _name, (_pattern, _first) in CORE.items():
    Resolver.add_implicit_resolver(TAG + _name, re.compile(f"(?:{_pattern})\\Z"), _first)


class _PureParser(yaml.reader.Reader, yaml.scanner.Scanner, yaml.parser.Parser, yaml.composer.Composer, Resolver):
    def __init__(self, text: str) -> None:
        yaml.reader.Reader.__init__(self, text)
        yaml.scanner.Scanner.__init__(self)
        yaml.parser.Parser.__init__(self)
        yaml.composer.Composer.__init__(self)
        Resolver.__init__(self)


_FastParser: Any = _PureParser
if yaml.__with_libyaml__:
    from yaml.cyaml import CParser  # type: ignore[attr-defined] # its stubs leave it out

    class _CParser(CParser, Resolver):
        def __init__(self, text: str) -> None:
            CParser.__init__(self, text)
            Resolver.__init__(self)

    _FastParser = _CParser


class NotYaml(ValueError):
    """Text that is not YAML, or exceeds the bounds: the message, and its `line`."""

    def __init__(self, line: int, words: str) -> None:
        self.line = line
        super().__init__(words)


class BadSyntax(NotYaml):
    """Text that is not YAML."""

    def __init__(self, line: int, words: str) -> None:
        super().__init__(line, f"not valid YAML: {words}")


def compose(text: str) -> yaml.Node | None:
    """Return the tree of a text, None for an empty one; raises BadSyntax, and NotYaml for exceeded bounds."""
    if found := _UNPRINTABLE.search(text):
        line = text.count("\n", 0, found.start()) + 1
        raise BadSyntax(line, f"a character that cannot be printed (got {found[0]!r})")
    try:
        node = _tree(_FastParser, text)
    except yaml.YAMLError as error:
        if len(text) > _LARGE or _FastParser is _PureParser:
            raise BadSyntax(*_line_and_words(error)) from None
        try:  # its messages are more precise, and it accepts JSON's surrogate pairs
            node = _tree(_PureParser, text)
        except yaml.YAMLError as exact:
            raise BadSyntax(*_line_and_words(exact)) from None
    if node is not None:
        measure(node)
    return node


def _tree(parser: Any, text: str) -> yaml.Node | None:
    """Compose a tree after its nesting is known to be bounded, because composing recurses."""
    loader, depth, values = parser(text), 0, 0
    try:
        while loader.check_event():
            event = loader.get_event()
            values += isinstance(event, yaml.NodeEvent)
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > DEEPEST or values > MOST_VALUES:
                raise NotYaml(event.start_mark.line + 1, _too_deep() if depth > DEEPEST else _too_many())
    finally:
        loader.dispose()
    loader = parser(text)
    try:
        node: yaml.Node | None = loader.get_single_node()
        return node
    finally:
        loader.dispose()


def _too_deep() -> str:
    return f"nested too deeply. Allowed: {DEEPEST} lists and mappings inside each other"


def _too_many() -> str:
    return f"too many values, counting those behind each alias. Allowed: {MOST_VALUES:,}"


def _line_and_words(error: yaml.YAMLError) -> tuple[int, str]:
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    words = getattr(error, "problem", None) or " ".join(str(error).split())
    return (mark.line + 1 if mark else 1), words


def measure(node: yaml.Node) -> None:
    """Raise NotYaml if aliases make a tree too large, too deep, or endless."""
    known: dict[int, tuple[int, int]] = {}
    above: set[int] = set()

    def size(node: yaml.Node, depth: int) -> tuple[int, int]:
        """Return (values, levels) of a node."""
        line = node.start_mark.line + 1
        if id(node) in above:
            raise NotYaml(line, "an anchor contains its own alias. Fix: write the value out")
        if id(node) not in known:
            if depth > DEEPEST:
                raise NotYaml(line, _too_deep())
            above.add(id(node))
            inner = [size(each, depth + 1) for each in _inside(node)]
            above.discard(id(node))
            known[id(node)] = 1 + sum(s for s, _ in inner), 1 + max((h for _, h in inner), default=0)
        values, levels = known[id(node)]
        if values > MOST_VALUES or depth + levels > DEEPEST + 1:
            raise NotYaml(line, _too_many() if values > MOST_VALUES else _too_deep())
        return values, levels

    size(node, 0)


def _inside(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [each for pair in node.value for each in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
