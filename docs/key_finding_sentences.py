"""The sentences of the key findings of page 1, beyond the findings of rules: the condition of each, and an example."""

from __future__ import annotations

from functools import partial

from docs.examples import Example
from report import phrases

CELLS = "servers 1, 500 users; servers 2, 500 users"
KEY_FINDINGS = [
    Example("Nothing is to be reported.", "All cells are valid"),
    Example(
        "The study is a calibration.", "Calibration: {text", "", {"text_with_result": "1.997 [1.989, 2.005], PASS"}
    ),
    Example("Cells have no trial yet.", "{names}: not measured", "", {"names": CELLS}),
    Example("More than three cells share a finding.", "{listed} and {names} more", "", {"listed": CELLS, "names": 3}),
    Example("A cell has a warning.", "warning"),
    Example("Cells share a finding, their causes differ.", "for example"),
    Example("One trial of valid cells is invalid.", "{invalid} of {trials} trials is", "", {"invalid": 1}),
    Example("Several trials of valid cells are.", "{invalid} of {trials} trials are"),
    Example(
        "The widest interval exceeds ±10 %.",
        "the widest interval",
        "{share} of the variance",
        {"share": "80 %", "where": "@between trials", "effect": "@longer trials do not"},
    ),
    Example(
        "The same, noise within trials.",
        "the widest interval",
        "{share} of the variance",
        {"share": "80 %", "where": "@within trials", "effect": "@longer trials reduce"},
    ),
    Example("The same, by blocks.", "the widest interval", "±{target} requires"),
    Example("Blocks cannot narrow it.", "the widest interval", "±{target} requires", {"blocks": "@an impractical"}),
    Example("A dependency limits the largest topology.", "At {load} {another} will not", "", {"share": "97 %"}),
    Example(
        "The same, servers of several types.",
        "At {load} {another} will not",
        "",
        {"another": "@another server", "share": "97 %"},
    ),
    Example("Servers were idle.", "At {load} servers beyond {few}"),
    Example("The same with a rate.", "At {load} servers beyond {few}", "", {"advice": "@Use a higher rate"}),
    Example(
        "The same, saturated throughput is known.",
        "At {load} servers beyond {few}",
        "",
        {"advice": "@Use about", "more": "@{number} users", "number": 2100, "many": partial(phrases.cardinal, 3)},
    ),
    Example(
        "Servers of several types were idle.",
        "At {load} the servers that",
        "",
        {"added": "@{added} adds to {servers}", "more": "@Use more users", "servers": "2 small"},
    ),
    Example(
        "The load limits further servers.",
        "At {load} servers beyond {servers}",
        "",
        {"servers": partial(phrases.cardinal, 3)},
    ),
]
