"""The page of sentences: the condition of each message, and an example with numbers in every language.

An entry describes a message of `report/sentences/headline.py`; `tests/unit/report/test_language.py` fails for a message
without one. The example is the message with these facts, so the page cannot differ from the report.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

from docs.examples import Example
from docs.key_finding_sentences import KEY_FINDINGS
from docs.markdown import plain
from docs.rule_sentences import RULES
from harness.balancers.none import NONE
from harness.balancers.registry import BALANCERS
from harness.balancers.target import TARGET
from harness.language import tr, use
from harness.words import load_name, servers
from report import language, phrases
from report.sentences import scale_up


@dataclass(frozen=True)
class Entry:
    """When a message is part of page 1, and facts for its placeholders, which may depend on the language."""

    condition: str
    facts: Callable[[], dict[str, str]]


def _users() -> str:
    return load_name({"vusers": 1000})


def _step(**more: str) -> dict[str, str]:
    return {"subject": tr("the {to_servers} server", to_servers=phrases.ordinal(2)), **more}


def _steps(**more: str) -> dict[str, str]:
    return {"subject": tr("servers beyond {from_servers}", from_servers=phrases.cardinal(2)), **more}


def _jump() -> dict[str, str]:
    return {"subject": tr("going from {from_servers} to {to_servers} servers", from_servers=2, to_servers=4)}


def _what() -> str:
    return tr(
        "{begin} {factor} {level} instead of {base}",
        begin=tr("At {load}", load=_users()),
        factor="nginx_lb_upstream_keepalive",
        level=64,
        base=0,
    )


def _effect(**more: str) -> dict[str, str]:
    return {"what": _what(), "servers": tr("with {rest}", rest=servers(2)), **more}


def _target(count: int, usd: str = "") -> dict[str, str]:
    price = tr(": {usd_per_hour} USD per hour", usd_per_hour=usd) if usd else ""
    return {"per_s": "240/s", "figure": servers(count), "usd": price}


def _scale_up(number: int, kind: str, figure: str) -> dict[str, str]:
    base = scale_up.relative_to(scale_up.name("1 small"))
    return {"servers": scale_up.name(f"{number} {kind}"), "figure": figure, "base": base}


def _failure(**more: str) -> dict[str, str]:
    return {"load": _users(), "number": "1", "servers": servers(3), **more}


ENTRIES = {
    "{subject} gave {figure} the throughput": Entry(
        "Servers limit both topologies, and the interval is above 1 (E17).", lambda: _step(figure="1.82× [1.74, 1.90]")
    ),
    "{subject} gave {figure}, which is super-linear": Entry(
        "The interval is above linear speedup (E17).", lambda: _step(figure="2.20× [2.10, 2.30]")
    ),
    "{subject} gave at least {figure}": Entry(
        "Servers limit the smaller topology only (E18).", lambda: _step(figure="1.74×")
    ),
    "{subject} lowered throughput to {figure}": Entry(
        "The interval is below 1 (E17).", lambda: _step(figure="0.72× [0.71, 0.73]")
    ),
    "{subject} made no measurable difference, {figure}": Entry(
        "The interval contains 1 (E17).", lambda: _step(figure="1.00× [0.97, 1.03]")
    ),
    "{subject} was idle": Entry("The smaller topology serves the whole load (E18).", _step),
    "{subject} were idle": Entry("The same, for several steps.", _steps),
    "{subject} added idle servers": Entry("The same, for a step of several servers.", _jump),
    "{subject} has no measurable gain": Entry("Another component limits the smaller topology (E18).", _step),
    "{subject} have no measurable gain": Entry("The same, for several steps.", _steps),
    "{subject} has no known gain": Entry("A side has no valid trial, or its work differs (E8, E25).", _step),
    "{subject} have no known gain": Entry("The same, for several steps.", _steps),
    "only {servers} served the load": Entry(
        "The smaller topology collapsed under the load (E8).", lambda: {"servers": servers(2)}
    ),
    "servers beyond {from_servers}": Entry(
        "Several steps that show the same share a clause.", lambda: {"from_servers": phrases.cardinal(2)}
    ),
    "throughput grew {figure} from {low} to {high}": Entry(
        "The steps of a load do not fit into one sentence.",
        lambda: {"figure": "5.20× [5.18, 5.22]", "low": servers(1), "high": "10"},
    ),
    "; servers beyond {servers} were idle": Entry(
        "The last of these steps found no more load.", lambda: {"servers": phrases.cardinal(7)}
    ),
    "; servers beyond {servers} made no measurable difference": Entry(
        "The intervals of the last of these steps contain 1.", lambda: {"servers": phrases.cardinal(7)}
    ),
    "the table of gains has {steps}": Entry(
        "No shorter sentence has 25 words or fewer.", lambda: {"steps": phrases.count(12, "step")}
    ),
    "{servers} delivers {figure}{base}": Entry(
        "Servers have types: one server, compared with one of the slowest type.",
        lambda: _scale_up(1, "large", "2.00× [1.99, 2.01]"),
    ),
    "{servers} deliver {figure}{base}": Entry(
        "The same for several servers.", lambda: _scale_up(2, "small", "2.00× [1.99, 2.01]")
    ),
    ", efficiency {efficiency}": Entry(
        "Follows the largest topology of several types.", lambda: {"efficiency": "99.8 %"}
    ),
    "At {load} {base} and its alternatives have no known ratio.": Entry(
        "Servers have types, and no pair of topologies has a gain.",
        lambda: {"load": _users(), "base": scale_up.name("1 small")},
    ),
    "At {load} ": Entry("Begins the sentence of a load.", lambda: {"load": _users()}),
    "Within the objectives ": Entry("Begins the capacities of topologies.", dict),
    "and with {levels} ": Entry(
        "The capacities are those of one level of another factor.", lambda: {"levels": "HTTPS"}
    ),
    "{servers} server sustains ": Entry(
        "The capacity of one server follows.", lambda: {"servers": phrases.cardinal(1)}
    ),
    "{servers} servers sustain ": Entry(
        "The capacity of several servers follows.", lambda: {"servers": phrases.cardinal(2)}
    ),
    ", {servers} ": Entry("The capacity of a larger topology follows.", lambda: {"servers": phrases.cardinal(3)}),
    "an unknown load": Entry("A topology has no capacity.", dict),
    "{begin} {factor} {level} instead of {base}": Entry(
        "Begins the effect of another factor.",
        lambda: {
            "begin": tr("At {load}", load=_users()),
            "factor": "nginx_lb_upstream_keepalive",
            "level": "64",
            "base": "0",
        },
    ),
    "{what} gave {bound}{figure} the throughput {servers}.": Entry(
        "The interval of the effect does not contain 1.", lambda: _effect(bound="", figure="1.25× [1.24, 1.26]")
    ),
    "{what} made no measurable difference {servers}, {figure}.": Entry(
        "The interval of the effect contains 1.", lambda: _effect(figure="1.00× [0.98, 1.01]")
    ),
    "{what} has no measurable effect {servers}.": Entry("Something else hides the effect (E18).", _effect),
    "At {load} {number} of {servers} failed: {figure} requests failed": Entry(
        "Servers were killed in mid-trial, and requests failed (E24).",
        lambda: _failure(figure="41"),
    ),
    "At {load} {number} of {servers} failed: no request failed": Entry(
        "Servers were killed in mid-trial, and no request failed (E24).",
        _failure,
    ),
    ", and {figure} of the throughput remained": Entry(
        "The throughput after that failure is known.", lambda: {"figure": "67 %"}
    ),
    "For {per_s} {figure} is sufficient{usd}.": Entry(
        "The whole interval of one server is above the target; there are no prices.", lambda: _target(1)
    ),
    "For {per_s} {figure} are sufficient{usd}.": Entry("The same, for several servers.", lambda: _target(3)),
    "For {per_s} {figure} is the cheapest sufficient topology{usd}.": Entry(
        "The same for one server, with prices.", lambda: _target(1, "0.20")
    ),
    "For {per_s} {figure} are the cheapest sufficient topology{usd}.": Entry(
        "The same for several servers, with prices.", lambda: _target(3, "0.40")
    ),
    "For {per_s} {figure} may be sufficient{usd}.": Entry("The target lies within the interval.", lambda: _target(3)),
    "For {per_s} no measured topology is sufficient.": Entry(
        "The target is above every interval.", lambda: {"per_s": "900/s"}
    ),
    "For {per_s} no topology was shown to be sufficient.": Entry(
        "No topology reaches the target, and one is a lower bound.", lambda: {"per_s": "900/s"}
    ),
}


def page() -> str:
    """The page with a row for each entry."""
    lines = [
        "<!-- Written by `make reference` from docs/ and the catalogues of the report. Do not edit. -->\n",
        "# Sentences\n",
        "## Page 1\n",
        "Page 1 of a report is made of these messages. A message is a part of a sentence, or a whole one. The",
        "[evidence rules](../explanation/evidence.md) define the conditions. A number in an example is a fact that the",
        "study measured.\n",
        "| condition | English | Korean |",
        "|---|---|---|",
    ]
    for message, entry in ENTRIES.items():
        examples = []
        for code in ("en", "ko"):
            with use(language.of(code)):
                examples.append(tr(message, **entry.facts()).strip().replace("](", "]\\("))
        lines.append(f"| {entry.condition} | {' | '.join(examples)} |")
    lines += [*_findings(), *_of_balancers()]
    return "\n".join(lines).rstrip() + "\n"


def _findings() -> list[str]:
    """The key findings, and the findings of each rule."""
    lines = [
        "\n## Key findings\n",
        *_examples(KEY_FINDINGS),
        "## Findings of the evidence rules\n",
        "A finding has a cause and a next step. The other rules (E1, E2, E4, E15, E17 to E19, E21 and E25) have no",
        "finding: they define figures and conclusions.\n",
    ]
    for rule, of_rule in RULES.items():
        lines += [f"### {rule}\n", *_examples(of_rule)]
    return lines


def _of_balancers() -> list[str]:
    """The next steps for events in their logs, and the reasons why rules are not available."""
    fixes = [
        (f"{balancer.shown}: {event}", known.fix)
        for balancer in BALANCERS
        for event, known in balancer.events.items()
        if known.fix
    ]
    reasons = [
        (f"{balancer.shown}: {rule}", reason)
        for balancer in (NONE, TARGET)
        for rule, reason in balancer.unavailable.items()
    ]
    return [
        "## Events in the balancer's log\n",
        "The next step of E8 and E9 for each event.\n",
        *_in_languages((title, partial(_hint, fix)) for title, fix in fixes),
        "## Rules that are not available\n",
        "The reason without a balancer, and with a platform of your own.\n",
        *_in_languages((title, partial(tr, reason)) for title, reason in reasons),
    ]


def _hint(fix: str) -> str:
    return tr(fix, less=tr("fewer users")) if "{less}" in fix else tr(fix)


def _examples(examples: Iterable[Example]) -> list[str]:
    return _in_languages((each.condition, each.text) for each in examples)


def _in_languages(rows: Iterable[tuple[str, Callable[[], str]]]) -> list[str]:
    """The list of conditions, each with its text in every language as paragraphs."""
    found = []
    for condition, text in rows:
        found.append(f"- {plain(condition)}\n")
        for code in language.CODES:
            with use(language.of(code)):
                found.append(f"    {plain(text())}\n")
    return found
