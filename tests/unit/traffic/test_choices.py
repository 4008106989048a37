"""Choices of requests and rows, and digests of what was sent (roles/locust/files/image), without Locust."""

from __future__ import annotations

import itertools
from collections import Counter
from random import Random
from typing import Any

import pytest
from scipy import stats

from tests.locust_image import choices, digests

USERS, EACH = 40, 100
CHANCE = 1e-6  # of a false alarm; seeds are fixed, so a test that passes once always does


def of_load(rows: int = 0, pick: str = "cycle", weights: tuple[float, ...] = (1.0,), **more: Any) -> Any:
    zipf_s, per_user, seed = more.pop("zipf_s", 0.0), more.pop("per_user", False), more.pop("seed", "1/users/1")
    chosen = choices.Rows(count=rows, pick=pick, zipf_s=zipf_s, per_user=per_user)
    return choices.Choices(list(weights), chosen, seed, more.pop("users", USERS), **more)


def every(load: Any) -> list[Any]:
    return [load.of_user(user, number) for user in range(USERS) for number in range(EACH)]


def p_value(observed: Counter[int], shares: list[float]) -> float:
    total = observed.total()
    return float(stats.chisquare([observed[k] for k in range(len(shares))], [total * share for share in shares]).pvalue)


def test_requests_have_the_shares_of_their_weights() -> None:
    weights = (9.0, 1.0, 0.5)
    shares = [weight / sum(weights) for weight in weights]
    load = of_load(weights=weights)
    assert p_value(Counter(each.request for each in every(load)), shares) > CHANCE
    assert p_value(Counter(load.of_arrival(number).request for number in range(4000)), shares) > CHANCE


def test_each_user_has_the_shares_and_two_users_choose_independently() -> None:
    load = of_load(weights=(1.0, 1.0))
    pairs = Counter(load.of_user(1, number).request * 2 + load.of_user(2, number).request for number in range(4000))
    assert p_value(pairs, [0.25] * 4) > CHANCE
    following = Counter(
        load.of_user(1, number).request * 2 + load.of_user(1, number + 1).request for number in range(0, 8000, 2)
    )
    assert p_value(following, [0.25] * 4) > CHANCE


def test_choices_follow_from_the_seed_alone() -> None:
    kinds: list[dict[str, Any]] = [
        {"pick": pick, "rows": 50, "zipf_s": 1.1, "weights": (1.0, 2.0)} for pick in ("cycle", "random", "zipf")
    ]
    for more in kinds:
        assert every(of_load(**more)) == every(of_load(**more))
        assert every(of_load(**more)) != every(of_load(**more, seed="1/users/2"))


def test_cycle_uses_the_rows_in_turn_over_all_users() -> None:
    load = of_load(rows=7)
    for number, user in itertools.product(range(EACH), range(USERS)):
        assert load.of_user(user, number).row == (user + number * USERS) % 7
    assert [load.of_arrival(number).row for number in range(20)] == [number % 7 for number in range(20)]


def test_random_rows_are_uniform_and_independent_of_the_request() -> None:
    load = of_load(rows=5, pick="random", weights=(1.0, 1.0))
    assert p_value(Counter(each.request * 5 + each.row for each in every(load)), [0.1] * 10) > CHANCE


@pytest.mark.parametrize("exponent", [0.5, 1.1, 2.0])
def test_rows_by_zipf_have_the_shares_of_their_ranks(exponent: float) -> None:
    weights = [(rank + 1) ** -exponent for rank in range(20)]
    chosen = Counter(each.row for each in every(of_load(rows=20, pick="zipf", zipf_s=exponent)))
    assert p_value(chosen, [weight / sum(weights) for weight in weights]) > CHANCE


@pytest.mark.parametrize("rows", [1, 39, 40, 2000, 4000, 5000])
def test_once_repeats_no_row_and_then_has_none(rows: int) -> None:
    used = [each.row for each in every(of_load(rows=rows, pick="once"))]
    given = [row for row in used if row != choices.EXHAUSTED]
    assert sorted(given) == list(range(min(rows, len(used)))), "every row is used before they run out"
    arrivals = [of_load(rows=rows, pick="once").of_arrival(number).row for number in range(4000)]
    assert arrivals == [*range(min(rows, 4000)), *[choices.EXHAUSTED] * max(0, 4000 - rows)]


@pytest.mark.parametrize("pick", ["cycle", "random", "zipf", "once"])
def test_a_row_per_user_stays(pick: str) -> None:
    load = of_load(rows=100, pick=pick, per_user=True, zipf_s=1.0)
    for user in range(USERS):
        assert len({load.of_user(user, number).row for number in range(EACH)} | {load.row_of_login(user)}) == 1
    if pick in ("cycle", "once"):
        assert [load.of_user(user, 3).row for user in range(USERS)] == list(range(USERS))
    sessions = of_load(rows=100, pick=pick, per_user=True, zipf_s=1.0, sessions=9)
    for number in range(90):
        assert sessions.of_arrival(number).row == sessions.row_of_login(number % 9)


@pytest.mark.parametrize("pick", ["cycle", "random", "zipf", "once"])
def test_a_login_uses_the_row_of_the_first_transaction(pick: str) -> None:
    load = of_load(rows=100, pick=pick, zipf_s=1.0, weights=(1.0, 3.0))
    assert all(load.row_of_login(user) == load.of_user(user, 0).row for user in range(USERS))


def test_a_load_without_rows_has_none() -> None:
    assert every(of_load())[0] == choices.Choice(0, choices.NONE)
    assert {each.row for each in every(of_load(weights=(1.0, 1.0)))} == {choices.NONE}


LINES = [digests.line(name, row, time_s) for name, row, time_s in (("a", 0, 0.1), ("b", 3, 0.25), ("a", -1, 0.0))]


def chained(workers: int, transactions: list[int], change: tuple[int, int] | None = None) -> dict[str, str]:
    """The digests of users who sent these numbers of transactions, in a random order, over several workers."""
    totals = [digests.SentDigests() for _ in range(workers)]
    chains = [digests.Chain(totals[user % workers]) for user in range(len(transactions))]
    turns = [user for user, count in enumerate(transactions) for _ in range(count)]
    Random(workers).shuffle(turns)  # noqa: S311 - no secret
    sent = [0] * len(transactions)
    for user in turns:
        line = LINES[(user + sent[user]) % 3]
        chains[user].transaction(b"other" if change == (user, sent[user]) else line)
        sent[user] += 1
    found: dict[str, str] = digests.merged([each.wire() for each in totals], len(transactions))
    return found


def test_digests_of_a_closed_loop_do_not_depend_on_order_workers_and_speed() -> None:
    slow, fast = [5, 4, 9, 4], [40, 17, 33, 16]
    assert chained(1, slow).keys() == {"1", "2", "4"}
    assert chained(1, fast).keys() == {"1", "2", "4", "8", "16"}
    assert chained(1, slow) == chained(3, slow)
    assert chained(2, slow).items() <= chained(3, fast).items()


@pytest.mark.parametrize(("changed", "equal"), [((0, 0), []), ((2, 1), ["1"]), ((3, 3), ["1", "2"]), ((1, 16), None)])
def test_a_digest_differs_from_the_first_group_with_another_request(
    changed: tuple[int, int], equal: list[str] | None
) -> None:
    right, wrong = chained(1, [17] * 4), chained(2, [17] * 4, changed)
    groups = list(right) if equal is None else equal
    assert [group for group in right if right[group] == wrong[group]] == groups


def test_digests_of_an_open_loop_are_of_complete_groups_of_arrivals() -> None:
    def of(numbers: list[int], workers: int) -> dict[str, str]:
        totals = [digests.SentDigests() for _ in range(workers)]
        for number in numbers:
            totals[number % workers].arrival(number, LINES[number % 3])
        found: dict[str, str] = digests.merged([each.wire() for each in totals], None)
        return found

    first = list(range(20))
    assert of(first, 1).keys() == {"1", "2", "4", "8"}
    assert of(first, 1) == of(first[::-1], 3)
    assert of([number for number in first if number != 5], 2).keys() == {"1", "2", "8"}, "arrival 6 was not sent"
    assert of(first, 2).items() <= of(list(range(31)), 1).items()
