"""Many entrants, one error budget."""

from math import pi

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.domain.promotion import PromotionRule
from triage_cl.statistics.discoveries import Entrants, entrant_level


def test_without_promotions_all_levels_together_stay_below_alpha() -> None:
    assert sum(entrant_level(number, 0) for number in range(1, 10_000)) < 0.05
    assert entrant_level(1, 0) == pytest.approx(0.05 * 6 / pi**2)


@given(st.integers(1, 500))
def test_without_promotions_the_levels_are_those_of_the_rule_for_a_challenger(number: int) -> None:
    assert entrant_level(number, 0) == pytest.approx(PromotionRule().for_challenger(number).alpha)


@given(st.integers(2, 500), st.data())
def test_each_promotion_makes_the_next_one_easier(number: int, data: st.DataObject) -> None:
    promoted = data.draw(st.integers(1, number - 1))
    assert entrant_level(number, promoted) > entrant_level(number, promoted - 1)


def test_entrants_are_counted_as_they_come_and_win() -> None:
    entrants = Entrants().after_entry().after_entry().after_promotion()
    assert (entrants.entered, entrants.promoted) == (2, 1)
    assert entrants.next_level == entrant_level(3, 1)


def test_who_has_not_entered_cannot_be_promoted() -> None:
    with pytest.raises(ValueError, match="promoted"):
        Entrants().after_promotion()
    with pytest.raises(ValueError, match="count from 1"):
        entrant_level(0, 0)
    with pytest.raises(ValueError, match="earlier"):
        entrant_level(3, 3)


def test_few_promotions_are_false_where_some_are_right_and_one_level_for_each_errs_more() -> None:
    random, runs, entrants = np.random.default_rng(2), 2_000, 52
    better = random.random((runs, entrants)) < 0.1
    # The boldest e-values that there are: 1/α with probability α, else nothing; those of the better ones are large.
    uniform = random.random((runs, entrants))
    e_value = np.where(better, np.exp(random.normal(9, 2, better.shape)), 1 / uniform)
    shared, each = np.zeros(better.shape, dtype=bool), e_value >= 20
    for run in range(runs):
        promoted = 0
        for number in range(entrants):
            shared[run, number] = e_value[run, number] >= 1 / entrant_level(number + 1, promoted)
            promoted += int(shared[run, number])

    def false_discoveries(promoted: np.ndarray) -> float:
        return float(np.mean((promoted & ~better).sum(axis=1) / np.maximum(1, promoted.sum(axis=1))))

    assert false_discoveries(shared) <= 0.05
    assert false_discoveries(each) > 0.2
