"""When users act (roles/locust/files/image), without Locust: by the load's seed and a monotonic clock."""

from __future__ import annotations

import itertools

import pytest

from tests.locust_image import pacing


def drawn(seed: str, user: int, thinks: int = 5) -> list[float]:
    draws = pacing.Draws(seed, user)
    return [draws.start_s(10.0), draws.residual_s(2.0), *(draws.think_s(2.0) for _ in range(thinks))]


def test_a_users_draws_are_its_seeds_and_its_own() -> None:
    assert drawn("7/users/1/400", 3) == drawn("7/users/1/400", 3)
    every = [drawn(seed, user) for seed in ("7/users/1/400", "7/users/2/400", "8/users/1/400") for user in range(3)]
    assert len({tuple(each) for each in every}) == 9


def test_think_times_are_uniform_about_their_mean_and_users_are_met_in_the_long_ones() -> None:
    draws = [drawn("1", user, thinks=10) for user in range(2000)]
    thinks = [think for each in draws for think in each[2:]]
    assert min(thinks) >= 1.0
    assert max(thinks) <= 3.0
    assert sum(thinks) / len(thinks) == pytest.approx(2.0, rel=0.01)
    assert sum(each[0] for each in draws) / len(draws) == pytest.approx(5.0, rel=0.05)
    # The mean rest of an interval that is met is E(T²) / 2E(T): 13/12 of half the mean for these.
    assert sum(each[1] for each in draws) / len(draws) == pytest.approx(13 / 12, rel=0.05)


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_every_user_of_all_workers_has_its_own_number(workers: int) -> None:
    """For any division among workers, the first users of a larger load equal those of a smaller one."""
    parts = [list(itertools.islice(pacing.numbers(worker, workers), 4)) for worker in range(workers)]
    assert sorted(itertools.chain(*parts)) == list(range(4 * workers))


def test_a_clock_that_is_set_in_the_middle_of_a_load_moves_no_second(monkeypatch: pytest.MonkeyPatch) -> None:
    monotonic, wall = iter([50.0, 51.5, 53.0]), iter([1000.0, 4600.0, 200.0])
    monkeypatch.setattr(pacing.time, "monotonic", lambda: next(monotonic))
    monkeypatch.setattr(pacing.time, "time", lambda: next(wall))
    clock = pacing.Clock(1000.5)
    assert [clock.now(), clock.now()] == [1.0, 2.5]


def test_waits_after_a_failed_login_are_think_times_of_their_own() -> None:
    """However often a login fails, the user's other draws stay the same."""
    waits = pacing.LoginWaits("7/users/1/400", 3, 2.0)
    drawn_ = [waits.next_s() for _ in range(1000)]
    assert 1.0 <= min(drawn_) <= max(drawn_) <= 3.0
    assert drawn_[:5] == [pacing.LoginWaits("7/users/1/400", 3, 2.0).next_s(), *drawn_[1:5]]
    assert not set(drawn_) & set(drawn("7/users/1/400", 3, thinks=100))
    without = pacing.LoginWaits("7/users/1/400", 3, 0.0)
    assert 0.5 <= without.next_s() <= 1.5


def test_a_user_waits_after_a_request_that_was_not_sent() -> None:
    """Without a think time it would fail again at once, for the whole load."""
    assert pacing.wait_s(0.0, was_sent=True) == 0.0
    assert pacing.wait_s(0.0, was_sent=False) == pacing.UNSENT_WAIT_S > 0
    assert pacing.wait_s(3.0, was_sent=False) == 3.0


def test_users_of_steps_start_as_if_they_had_run_for_long() -> None:
    """The time to the next transaction is the residual of the sum of all waits, with the mean E(C²) / 2E(C)."""
    rests = [pacing.Draws("1", user).residual_s(3.0, [1.0, 0.0, 2.0]) for user in range(6000)]
    variance = (1.0 + 4.0 + 9.0) / 12
    assert sum(rests) / len(rests) == pytest.approx((36 + variance) / 12, rel=0.03)
    assert sum(rest > 3.0 for rest in rests) / len(rests) == pytest.approx(0.5, abs=0.03), (
        "shorter than any whole cycle"
    )
    assert 0 <= min(rests) <= max(rests) < 9.0
    assert pacing.Draws("1", 1).residual_s(0.0, [0.0, 0.0]) == 0.0
