"""Page 1 in words: for each pattern of results the sentence that a good engineer would write."""

from dataclasses import replace
from typing import Any

import pytest

from harness.records.trial import TrialRecord
from harness.summarise import summary as cells
from harness.summarise.cells.cell import CellSummary
from harness.summarise.cost import Prices
from harness.summarise.gains.gain import all_gains
from harness.summarise.summary import Summary
from report.sentences import answer, findings, headline
from report.tables import gains
from tests.builders import changed, grid, judged, record, study_record

Rates = dict[tuple[int, int], list[float | None]]
ONE: list[float | None] = [280, 284, 277, 281, 279]
TWO: list[float | None] = [510, 517, 503, 512, 508]  # 1.82 times ONE
IDEAL: list[float | None] = [560, 568, 554, 562, 558]


def times(factor: float) -> list[float | None]:
    return [rate * factor * (1 + 0.002 * (i % 3 - 1)) for i, rate in enumerate(ONE) if rate]


def summed(rates: Rates, limits: dict[tuple[int, int], str] | None = None, down: tuple[int, int] = (0, 0)) -> Summary:
    """A study's summary from its cells' rates; `limits` are bottlenecks, `down` is a cell whose server died."""
    records: dict[str, TrialRecord] = {}
    for (servers, vusers), values in rates.items():
        for repeat, rate in enumerate(values, 1):
            recorded = record(servers, vusers, repeat, rate)
            if limit := (limits or {}).get((servers, vusers)):
                recorded = judged(recorded, limit, of_users_bound=0.99)
            if down == (servers, vusers):
                cause = "server-1 died with exit code 137"
                recorded = changed(recorded, outcome="server_down", cause=cause, tps_mean=None)
            records[f"servers-{servers}_vusers-{vusers}/r{repeat}"] = recorded
    factors = {"servers": sorted({s for s, _ in rates}), "vusers": sorted({v for _, v in rates})}
    return cells.summarise_records(grid(factors=factors, repeats=max(1, *map(len, rates.values()))), records)


GROWTH = (1.0, 1.95, 2.84, 3.6, 4.25, 4.8, 5.2, 5.2, 5.2, 5.2)  # of one server, by number of servers

PATTERNS: dict[str, tuple[Summary, list[str]]] = {
    "clear gains": (
        summed({(1, 2000): ONE, (2, 2000): TWO, (3, 2000): [745, 752, 738, 747, 744]}),
        [
            "At 2,000 users the second server gave 1.820× [1.817, 1.823] the throughput, efficiency 91 %; "
            "the third server gave 1.461× [1.455, 1.467] the throughput, efficiency 97.4 % [97.0, 97.8] of 1.5×."
        ],
    ),
    "no load left": (
        summed({(1, 1000): ONE, (2, 1000): TWO, (3, 1000): TWO}, {(2, 1000): "load", (3, 1000): "load"}),
        [
            "At 1,000 users the second server raised throughput 1.820× [1.817, 1.823] to 99 % of the users’ maximum "
            "rate: 2 servers deliver at least 1.82×; a higher load is needed to measure more; the third server was "
            "idle: the load is too low."
        ],
    ),
    "baseline down": (
        summed({(1, 2000): ONE, (2, 2000): TWO}, down=(1, 2000)),
        ["At 2,000 users 1 server went down, 2 servers served the load (server-1 died with exit code 137)."],
    ),
    "all invalid": (
        summed({(1, 100): [None], (2, 100): [None]}),
        ["No trial is valid; the key findings have the reasons."],
    ),
    "nothing yet": (summed({(1, 100): [], (2, 100): []}), ["No trial has been measured yet."]),
    "nothing counts, one cell": (
        summed({(1, 100): [None]}),
        ["No trial is valid; the key findings have the reasons."],
    ),
    "imprecise": (
        summed({(1, 100): ONE, (2, 100): [275, 290, 270, 288, 281]}),
        ["At 100 users the second server made no measurable difference (1.00× [0.97, 1.03])."],
    ),
    "negative gain": (
        summed({(1, 100): ONE, (2, 100): [200, 205, 198, 204, 201]}),
        ["At 100 users the second server lowered throughput to 0.719× [0.713, 0.726]."],
    ),
    "one topology": (
        summed({(2, 100): ONE}),
        ["2 servers delivered 280 [277, 283] req/s at 100 users; a gain needs two topologies."],
    ),
    "one load, a step of three servers": (
        summed({(1, 100): ONE, (4, 100): IDEAL}),
        ["At 100 users going from 1 to 4 servers gave 2.000× [2.000, 2.000] the throughput, efficiency 50 %."],
    ),
    "few repeats": (
        summed({(1, 100): ONE[:2], (2, 100): TWO[:2]}),
        ["At 100 users the second server gave 1.82× the throughput, efficiency 91 % (indicative: 2 repeats only)."],
    ),
    "many loads": (
        summed({(s, v): times(s * v / 1000) for s in (1, 2) for v in (100, 200, 400, 800, 1600)}),
        [
            "At 1,600 users the second server gave 2.000× [2.000, 2.000] the throughput, efficiency 100 %.",
            "At the 3 loads in between (200 to 800 users) the second server gave 2.00×; the table of gains has "
            "every step.",
            "At 100 users the second server gave 2.000× [2.000, 2.000] the throughput, efficiency 100 %.",
        ],
    ),
    "ten topologies": (
        summed({(m, 4000): times(growth) for m, growth in enumerate(GROWTH, 1)}),
        [
            "At 4,000 users throughput grew 5.200× [5.200, 5.200] from 1 server to 10, efficiency 52 % of 10×; "
            "each step from 1 to 7 servers raised throughput (1.08× to 1.95×); "
            "each step from 7 to 10 servers made no measurable difference (1.00×)."
        ],
    ),
}


@pytest.mark.parametrize("name", PATTERNS)
def test_the_answer_has_a_sentence_for_every_pattern(name: str) -> None:
    summary, sentences = PATTERNS[name]
    assert answer.answer(summary) == sentences


HEADLINES = {
    "clear gains": [
        "At 2,000 users the second server gave 1.820× [1.817, 1.823] the throughput, the third 1.461× [1.455, 1.467]."
    ],
    "no load left": ["At 1,000 users the second server gave at least 1.82×; the third server was idle."],
    "baseline down": ["At 2,000 users only 2 servers served the load."],
    "all invalid": ["No trial is valid; the key findings have the reasons."],
    "nothing yet": ["No trial has been measured yet."],
    "nothing counts, one cell": ["No trial is valid; the key findings have the reasons."],
    "imprecise": ["At 100 users the second server made no measurable difference, 1.00× [0.97, 1.03]."],
    "negative gain": ["At 100 users the second server lowered throughput to 0.719× [0.713, 0.726]."],
    "one topology": ["2 servers delivered 280 [277, 283] req/s at 100 users; a gain needs two topologies."],
    "one load, a step of three servers": [
        "At 100 users going from 1 to 4 servers gave 2.000× [2.000, 2.000] the throughput."
    ],
    "few repeats": ["At 100 users the second server gave 1.82× the throughput (indicative: 2 repeats only)."],
    "many loads": [
        "At 1,600 users the second server gave 2.000× [2.000, 2.000] the throughput.",
        "At the 3 loads in between (200 to 800 users) the second server gave 2.00×; the table of gains has every step.",
        "At 100 users the second server gave 2.000× [2.000, 2.000] the throughput.",
    ],
    "ten topologies": [
        "At 4,000 users throughput grew 5.200× [5.200, 5.200] from 1 server to 10; "
        "servers beyond seven made no measurable difference."
    ],
}


@pytest.mark.parametrize("name", PATTERNS)
def test_page_one_has_a_short_sentence_for_every_pattern(name: str) -> None:
    found = headline.headlines(PATTERNS[name][0])
    assert [each.text for each in found] == HEADLINES[name]
    assert all(len(each.text.split()) <= headline.MOST_WORDS for each in found)


def test_the_gains_are_the_figures_of_a_sentence_and_their_intervals_are_apart() -> None:
    (found,) = headline.headlines(PATTERNS["clear gains"][0])
    sizes = {size: [part.text for part in found.parts if part.size is size] for size in headline.Size}
    assert sizes[headline.Size.FIGURE] == ["1.820×", "1.461×"]
    assert sizes[headline.Size.INTERVAL] == [" [1.817, 1.823]", " [1.455, 1.467]"]


def test_steps_that_do_not_fit_into_a_sentence_become_their_range() -> None:
    """Three steps that each made no measurable difference take more than 25 words."""
    flat: list[float | None] = [280, 290, 272, 288, 275]
    rates: Rates = {(m, 1000): [rate and rate + m for rate in flat[m % 3 :] + flat[: m % 3]] for m in (1, 2, 3, 4)}
    (found,) = headline.headlines(summed(rates))
    assert found.text == (
        "At 1,000 users throughput grew 1.011× [1.010, 1.011] from 1 server to 4; "
        "servers beyond one made no measurable difference."
    )


def test_several_servers_without_load_share_a_clause() -> None:
    idle = {(m, 1000): "load" for m in (2, 3, 4)}
    (found,) = headline.headlines(summed({(1, 1000): ONE, **{(m, 1000): TWO for m in (2, 3, 4)}}, idle))
    assert found.text == "At 1,000 users the second server gave at least 1.82×; servers beyond two were idle."


def with_factor(levels: list[int], rates: dict[int, list[float]], limit: str = "server") -> Summary:
    """Two servers at 1,000 users, with a factor that is a variable of a role."""
    name = "nginx_lb_upstream_keepalive"
    records = {}
    for level, values in rates.items():
        for repeat, rate in enumerate(values, 1):
            recorded = judged(record(2, 1000, repeat, rate, cell={"servers": 2, "vusers": 1000, name: level}), limit)
            records[f"servers-2_vusers-1000_{name}-{level}/r{repeat}"] = recorded
    return cells.summarise_records(grid(factors={"servers": [2], "vusers": [1000], name: levels}, repeats=5), records)


OFF = [400.0, 404, 398, 402, 401]


@pytest.mark.parametrize(
    ("rates", "limit", "sentence"),
    [
        (
            {0: OFF, 64: [500.0, 506, 497, 503, 500]},
            "server",
            "At 1,000 users nginx_lb_upstream_keepalive 64 instead of 0 gave 1.250× [1.247, 1.253] the "
            "throughput with 2 servers.",
        ),
        (
            {0: OFF, 64: [401.0, 399, 405, 400, 396]},
            "server",
            "At 1,000 users nginx_lb_upstream_keepalive 64 instead of 0 made no measurable difference with "
            "2 servers (1.00× [0.98, 1.01]).",
        ),
        (
            {0: OFF, 64: OFF},
            "load",
            "At 1,000 users the effect of nginx_lb_upstream_keepalive 64 instead of 0 with 2 servers is not measurable "
            "(1.000× [1.000, 1.000]): both serve the load completely.",
        ),
        (
            {0: OFF},
            "server",
            "At 1,000 users the effect of nginx_lb_upstream_keepalive 64 instead of 0 with 2 servers is unknown: "
            "nginx_lb_upstream_keepalive 64: missing (no trial yet).",
        ),
    ],
    ids=["it helps", "no difference", "no load", "half measured"],
)
def test_a_factor_other_than_servers_has_its_own_sentence(
    rates: dict[int, list[float]], limit: str, sentence: str
) -> None:
    assert answer.answer(with_factor([0, 64], rates, limit)) == [sentence]


@pytest.mark.parametrize(
    ("limits", "rates", "expected"),
    [
        (("server", "load"), (400.0, 500.0), "instead of 0 gave at least 1.250× ["),
        (("load", "server"), (400.0, 320.0), "instead of 0 gave at most 0.800× ["),
        (("load", "server"), (400.0, 400.0), "with 2 servers is not measurable"),
        (("generator", "generator"), (400.0, 500.0), "the bottleneck of nginx_lb_upstream_keepalive 0 was"),
        (("server", "generator"), (400.0, 500.0), "the bottleneck of nginx_lb_upstream_keepalive 64 was"),
    ],
)
def test_an_effect_is_a_statement_only_where_the_factor_could_have_made_it(
    limits: tuple[str, str], rates: tuple[float, float], expected: str
) -> None:
    name = "nginx_lb_upstream_keepalive"
    records = {}
    for level, limit, rate in zip((0, 64), limits, rates, strict=True):
        for repeat, noise in enumerate((1.0, 0.998, 1.002, 1.001, 0.999), 1):
            cell = {"servers": 2, "vusers": 1000, name: level}
            recorded = record(2, 1000, repeat, rate * (noise if level else 1.0), cell=cell)
            records[f"servers-2_vusers-1000_{name}-{level}/r{repeat}"] = judged(recorded, limit)
    factors = {"servers": [2], "vusers": [1000], name: [0, 64]}
    (sentence,) = answer.answer(cells.summarise_records(grid(factors=factors, repeats=5), records))
    assert expected in sentence


@pytest.mark.parametrize(
    ("limits", "rate", "repeats", "expected"),
    [
        (("server", "server"), 432.0, 5, "At 1,000 users image app:2 instead of app:1 gave 1.080× [1.07"),
        (("server", "server"), 432.0, 3, "] the throughput with 2 servers (indicative: 3 repeats only)."),
        (("server", "server"), 401.0, 5, "At 1,000 users image app:2 instead of app:1 made no measurable difference"),
        (("server", "load"), 500.0, 5, "At 1,000 users image app:2 instead of app:1 gave at least 1.25"),
        (("load", "load"), 400.0, 5, "both serve the load completely"),
        (("server", "balancer"), 500.0, 5, "At 1,000 users image app:2 instead of app:1 gave at least 1.25"),
        (("server", "balancer"), 380.0, 5, "with image app:2 the balancer was the bottleneck."),
        (("balancer", "balancer"), 400.0, 5, "the balancer was the bottleneck, not the servers."),
        (("server", "generator"), 500.0, 5, "the bottleneck of ml_server_image app:2 was the generator"),
    ],
)
def test_an_image_has_a_sentence_of_its_own(limits: tuple[str, str], rate: float, repeats: int, expected: str) -> None:
    name, images = "ml_server_image", ("app:1", "app:2")
    noise = (1.0, 0.994, 1.006, 1.003, 0.997)[:repeats]
    records = {}
    for image, limit, mean in zip(images, limits, (400.0, rate), strict=True):
        for repeat, factor in enumerate(noise, 1):
            cell = {"servers": 2, "vusers": 1000, name: image}
            recorded = record(2, 1000, repeat, mean * (factor if image == "app:2" else 1.0), cell=cell)
            records[f"servers-2_vusers-1000_{name}-{image.replace(':', '-')}/r{repeat}"] = judged(recorded, limit)
    levels = {"servers": [2], "vusers": [1000], name: list(images)}
    summary = cells.summarise_records(grid(factors=levels, repeats=repeats), records)
    (sentence,) = answer.answer(summary)
    assert expected in sentence
    table = gains.effect_table(summary.factor_effects)
    assert table is not None
    assert table.rows[0][:3] == ["ml_server_image", "app:1 → app:2", "2 servers at 1,000 users"]


def of(summary: Summary, **study: Any) -> list[str]:
    return findings.sentences(summary, study_record(**study))


def test_findings_have_an_action_and_are_five_at_most() -> None:
    whole: Rates = {(s, v): [None] for s in (1, 2) for v in range(100, 800, 100)}
    assert len(of(summed(whole))) == 1  # all for the same reason
    assert of(summed(whole))[0].startswith("1 server at 100 users, 1 server at 200 users and 12 more cells: invalid.")
    assert of(PATTERNS["clear gains"][0]) == ["All cells are valid, and each has the expected bottleneck."]
    idle = of(PATTERNS["no load left"][0])
    assert idle[0] == "At 1,000 users servers beyond two were idle. Use about 1,100 users to load three."


def test_missing_cells_come_before_invalid_ones() -> None:
    found = of(summed({(1, 100): [None], (2, 100): []}))
    assert found[0] == "2 servers at 100 users: not measured yet. Run the same command again to measure them."
    assert found[1].startswith("1 server at 100 users: invalid. The generator counts 9")


def test_invalid_trials_of_valid_cells_are_a_finding() -> None:
    found = of(summed({(1, 100): [280, None, 277, 281, 279], (2, 100): TWO}))
    assert found[0].startswith("1 server at 100 users: 1 of 5 trials is invalid. The generator counts 9")


def test_invalid_trials_of_one_rule_share_a_finding() -> None:
    lost: list[float | None] = [280, None, 277, 281, 279]
    found = of(summed({(1, 100): lost, (2, 100): lost}))
    assert found[0].startswith("1 server at 100 users and 2 servers at 100 users: 2 of 10 trials are invalid.")


def test_imprecise_gains_are_a_finding() -> None:
    decision = {"go_on": False, "why": "12 blocks, the maximum, leave imprecise: 1 → 2 at 100 users"}
    page = of(PATTERNS["clear gains"][0], stopping={"decision": {**decision, "imprecise": ["1 → 2 at 100 users"]}})
    assert page[0].startswith("Imprecise: 12 blocks, the maximum")


def test_the_grid_sets_the_repeats_of_a_statement() -> None:
    rates: Rates = {(1, 1000): [280.0, 281.0, 279.5], (2, 1000): [560.0, 561.0, 559.0]}
    summary = summed(rates)
    assert "(indicative: 3 repeats only)" in answer.answer(summary)[0]
    fewer = summary.grid.evidence.model_copy(update={"statement_repeats": 3})
    lenient = replace(summary, grid=summary.grid.model_copy(update={"evidence": fewer}))
    assert "indicative" not in answer.answer(lenient)[0]


def test_one_user_is_one() -> None:
    assert answer.answer(summed({(1, 1): ONE, (2, 1): TWO}))[0].startswith("At 1 user the second server")


def recomputed(summary: Summary, changed_cells: list[CellSummary]) -> Summary:
    gains = all_gains(changed_cells, summary.grid.evidence)
    return cells.of_cells(summary.grid, changed_cells, gains, {}, [], [], Prices())


def test_an_idle_server_has_its_change_of_response_times() -> None:
    summary = summed({(1, 1000): ONE, (2, 1000): TWO, (3, 1000): TWO}, {(2, 1000): "load", (3, 1000): "load"})
    medians = {1: 900.0, 2: 36.0, 3: 7.0}
    cells_ = [replace(cell, latency_ms={"p50": medians[cell.servers]}) for cell in summary.cells]
    (sentence,) = answer.answer(recomputed(summary, cells_))
    assert sentence.endswith(
        "the third server was idle: the load is too low, and the median response time fell from 36.0 to 7.0 ms."
    )
    rising = [replace(cell, latency_unsteady="rose by 9 %") for cell in cells_]
    (sentence,) = answer.answer(recomputed(summary, rising))
    assert sentence.endswith("the third server was idle: the load is too low."), "without steady medians"


def test_a_step_with_the_same_obstacle_as_the_step_before_does_not_repeat_it() -> None:
    """The generator limited the topology that both steps share; a second one gets its own reason."""
    rates: Rates = {(1, 1000): ONE, (2, 1000): TWO, (3, 1000): TWO, (4, 1000): TWO}
    limits = {(2, 1000): "generator", (3, 1000): "generator", (4, 1000): "generator"}
    (sentence,) = answer.answer(summed(rates, limits))
    clauses = sentence.split("; ")
    assert "(the bottleneck of 2 servers was the generator: " in clauses[0]
    assert clauses[1] == "the gain of the third server is not measurable (for the same reason)"
    assert "(the bottleneck of 3 servers was the generator: " in clauses[2]
