"""Examples of sentences, made of the messages in the code.

An example names a message by its beginning; the text is the code's own, and so are its translations. A placeholder is
filled by the facts of the example, else by `FACTS`. `tests/unit/report/test_language.py` fails for a message of a rule
or of a key finding without an example.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial

from docs import messages
from harness.language import Sentence, sentence, tr
from harness.words import load_name
from report import phrases

DEAD = "{server} was killed for"
# Facts by placeholder; text that begins with @ is the message that begins so.
FACTS: dict[str, object] = {
    **{"server": "server-2", "servers": ["server-2", "server-3"], "hosts": ["server-2"], "host": "server-2"},
    **{"machine": "machine-1", "share": "6.3 %", "count": 12, "kinds": ["@{count} timeout", "@{count} status"]},
    **{"status": 500, "less": "@fewer users", "kind": "reset", "detail": "ReadError", "code": 137},
    **{"late_ms": 14.2, "allowed_ms": 5.0, "longer_ms": 31.0, "at_s": 12.4, "planned_s": 12.0, "span": 5},
    **{"patience": 10, "second": 12.0, "failed": 41, "logins": 1000, "event": "no live upstreams", "h": "2.1 %"},
    **{"why": "@more than {share} of the requests failed for", "what": f"@{DEAD}", "deaths": f"@{DEAD}"},
    **{"counter": "bw_in_allowance_exceeded", "variable": "nginx_lb_backlog", "delay_ms": 48.0, "room_ms": 300.0},
    **{
        "at_generator": 2812,
        "at_balancer": 2790,
        "at_servers": 2790,
        "at_server": 2790,
        "abandoned": 40,
        "counted": 12,
    },
    **{"lag_ms": 130.0, "ceiling": 1800.0, "rate": 1950.0, "mean": "4.2 %", "high": "18.0 %", "even": "50.0 %"},
    **{"models": "server-1: Example CPU A; server-2: Example CPU B", "seconds": [9, 10], "rows": 12, "last": 13},
    **{"change": "7.5 %", "method": "least_conn", "shares": "server-1 62.0 %, server-2 38.0 %", "times": 1.6},
    **{"effect": "@with round robin", "reason": "@there is no balancer and so no log of one: requests", "fails": 2},
    **{"interval": "1s", "timeout": "10s", "first": "@check that server's log", "predicate": "@timed out"},
    **{"expm1": "1.2 %", "block": 3, "differs": "@ran {expm1} slower", "sqrt": 2.4, "follows": "−0.82"},
    **{"value": 1.31, "low": 1.22, "comparison": "@{server} is slower", "cell": "servers 2, vusers 1000", "cells": 2},
    **{"where": "@{cell} and in", "clause": "@each server gets", "percent": "12.0 %", "settles": "@its trials are"},
    **{
        "cuts": 12,
        "more": 5.0,
        "abs": "14 %",
        "how": "@rose",
        "another": "@a {number}",
        "number": partial(phrases.ordinal, 3),
    },
    **{
        "bottleneck_reason": "@the CPU utilization of {shared}",
        "shared": "PostgreSQL",
        "load": partial(load_name, {"vusers": 1000}),
    },
    **{"of_users_bound": "8 %", "next_bottleneck": "@users (", "of_bound": "93 %", "invalid": 2, "trials": 5},
    **{"listed": "servers 1, 1000 users, servers 2, 1000 users", "names": 3, "added": "2 small + 1 large", "few": "2"},
    **{
        "advice": "@Use more users",
        "half": "12 %",
        "target": "5 %",
        "blocks": "@about {needed}",
        "needed": partial(phrases.count, 12, "block"),
    },
    **{"many": "3", "cause": "@{count} generator processes"},
}


@dataclass(frozen=True)
class Example:
    """When a message is used, and the beginnings of the messages of a cause and its next step; with facts by name."""

    condition: str
    cause: str
    next_step: str = ""
    facts: Mapping[str, object] | None = None

    def sentences(self) -> list[Sentence]:
        """Return the cause, and the next step if there is one."""
        return [_made(begin, self.facts or {}) for begin in (self.cause, self.next_step) if begin]

    def text(self) -> str:
        """Return both in the current language, as page 1 shows them."""
        texts = [tr(each).strip() for each in self.sentences()]
        return " ".join(f"{phrases.capitalised(text).rstrip('.')}." for text in texts)


@cache
def _all() -> tuple[str, ...]:
    return tuple(messages.found())


@cache
def _message(begin: str) -> str:
    """Return the message of the code that begins so; the shortest one of several, of which the others go on."""
    found = sorted((text for text in _all() if text.startswith(begin)), key=len)
    if not found:
        raise LookupError(f"no message begins with {begin!r}")
    return found[0]


def _made(begin: str, facts: Mapping[str, object]) -> Sentence:
    message = _message(begin)
    names = [name for _, name, _, _ in string.Formatter().parse(message) if name]
    return sentence(message, **{name: _fact(name, facts) for name in names})


def _fact(name: str, facts: Mapping[str, object]) -> object:
    """The fact of a placeholder; in a sentence that is the fact, a placeholder of the same name has that of `FACTS`."""
    if name not in facts and name not in FACTS:
        raise LookupError(f"no fact for {name!r}")
    inside = {other: fact for other, fact in facts.items() if other != name}
    fact = facts[name] if name in facts else FACTS[name]
    return [_value(each, inside) for each in fact] if isinstance(fact, list) else _value(fact, inside)


def _value(fact: object, facts: Mapping[str, object]) -> object:
    if callable(fact):
        return fact()
    return _made(fact[1:], facts) if isinstance(fact, str) and fact.startswith("@") else fact
