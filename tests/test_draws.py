"""Whether draws follow their probabilities: exact tails, faults in one stratum, and no false alarm."""

from datetime import UTC, datetime, timedelta
from functools import reduce

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import binom

from triage_cl.domain.review import Budget, ReviewPolicy
from triage_cl.statistics.draws import LEVEL, strata, two_sided

CHANCES = st.lists(st.floats(0.001, 1), min_size=1, max_size=30)


def counted_out(chances: list[float], drawn: int) -> float:
    """The two-sided tail from the distribution of the sum, one mail after the other."""
    start: NDArray[np.float64] = np.ones(1)
    mass = reduce(lambda so_far, chance: np.convolve(so_far, [1 - chance, chance]), chances, start)
    return min(1.0, 2 * min(float(mass[: drawn + 1].sum()), float(mass[drawn:].sum())))


@given(CHANCES, st.data())
def test_the_tail_is_that_of_the_sum_counted_out(chances: list[float], data: st.DataObject) -> None:
    drawn = data.draw(st.integers(0, len(chances)))
    assert two_sided(chances, drawn) == pytest.approx(counted_out(chances, drawn), abs=1e-9)


@given(CHANCES, st.randoms())
def test_the_order_of_mails_changes_nothing(chances: list[float], random) -> None:
    shuffled = random.sample(chances, len(chances))
    assert two_sided(shuffled, 0) == pytest.approx(two_sided(chances, 0), abs=1e-9)


@pytest.mark.parametrize("drawn", [900, 1_000, 1_060, 1_200])
def test_over_many_blocks_equal_probabilities_are_the_binomial_distribution(drawn: int) -> None:
    lower, upper = binom.cdf(drawn, 50_000, 0.02), binom.sf(drawn - 1, 50_000, 0.02)
    expected = min(1.0, 2 * min(lower, upper))
    assert two_sided(np.full(50_000, 0.02), drawn) == pytest.approx(expected, abs=1e-10)


def test_what_is_certain_is_certain() -> None:
    assert two_sided(np.ones(5_000), 5_000) == 1
    assert two_sided(np.ones(5_000), 4_999) == pytest.approx(0, abs=1e-9)
    assert strata([], []) == []


def steered(seed: int, policy: ReviewPolicy, mails: int = 1_500) -> tuple[list[float], list[bool]]:
    """The probabilities that the product's budget gives, and their draws, over some days."""
    random = np.random.default_rng(seed)
    budget, chances, drawn = Budget(policy), [], []
    for number, (doubt, uniform) in enumerate(zip(random.beta(1, 6, mails), random.random(mails), strict=True)):
        at = datetime(2025, 3, 3, tzinfo=UTC) + number * timedelta(days=5 / mails)
        chances.append(budget.probability(float(doubt), number % 11 == 0, at))
        drawn.append(bool(uniform < chances[-1]))
        budget.record(float(doubt), number % 11 == 0, drawn[-1], at)
    return chances, drawn


@pytest.mark.parametrize("policy", [ReviewPolicy(share=0.1), ReviewPolicy(share=0.1, per_day=40)])
def test_honest_draws_raise_no_alarm_also_where_a_budget_steers(policy: ReviewPolicy) -> None:
    runs = 120
    told = [strata(*steered(seed, policy)) for seed in range(runs)]
    assert all(one.p_value >= LEVEL / len(run) for run in told for one in run)
    # A test at 5 % would be wrong at most that often, but for chance.
    assert np.mean([run[0].p_value < 0.05 for run in told]) <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5


def test_draws_that_ignore_their_probability_in_one_stratum_are_found_though_the_total_fits() -> None:
    random = np.random.default_rng(3)
    chance = random.choice([0.02, 0.1, 0.4], 6_000)
    real = np.where(chance == 0.1, 0.2, np.where(chance == 0.4, 0.3, chance))
    overall, *apart = strata(chance, random.random(6_000) < real)
    assert overall.p_value > 0.001
    at_fault = {(one.above, one.upto) for one in apart if one.p_value < LEVEL / 4}
    assert at_fault == {(0.0625, 0.125), (0.25, 0.5)}
    assert sum(one.mails for one in apart) == overall.mails == 6_000
    assert sum(one.drawn for one in apart) == overall.drawn


def test_a_probability_at_the_bound_of_two_strata_is_in_the_lower_one() -> None:
    _, one, other = strata([0.5, 0.5, 0.51], [True, False, True])
    assert (one.above, one.upto, one.mails) == (0.5, 1.0, 1)
    assert (other.above, other.upto, other.mails, other.drawn) == (0.25, 0.5, 2, 1)


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="draws"):
        strata([0.5], [])
    with pytest.raises(ValueError, match="probability"):
        strata([0.0], [False])
    with pytest.raises(ValueError, match="cannot be drawn"):
        two_sided([0.5], 2)
