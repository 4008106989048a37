"""Sentences made of clauses, in any language. Pure."""

from __future__ import annotations

from harness.language import Sentence, sentence


def because(what: Sentence, why: Sentence | None) -> Sentence:
    """Return a statement with its reason, if there is one: "what: why"."""
    return sentence("{what}: {why}", what=what, why=why) if why else what


def in_turn(first: Sentence, *others: Sentence | None) -> Sentence:
    """Return the clauses that are not None, as in "first; second; third"."""
    for other in others:
        first = sentence("{first}; {second}", first=first, second=other) if other else first
    return first
