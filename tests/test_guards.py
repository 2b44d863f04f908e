"""Guards: a slice passes, is harmed, or is pending; many at once have the numbers of each."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from triage_cl.statistics.guards import (
    ENOUGH_MAILS,
    Guard,
    GuardTable,
    Standing,
    blame_levels,
    decide_guards,
)

DAY = st.tuples(st.integers(0, 20), st.integers(0, 20), st.integers(0, 200), st.floats(0.05, 1))


def lived(guard: Guard, *days: tuple[int, int, int, float]) -> Guard:
    """Days of (answers for the challenger, for the champion, mails without either, their chance)."""
    for won, lost, others, chance in days:
        for gain, times in ((1.0, won), (-1.0, lost)):
            for _ in range(times):
                guard.count(gain, chance, least=chance)
        guard.pass_over(others, least=chance)
    return guard


@settings(deadline=None)
@given(st.lists(DAY, min_size=1, max_size=8), st.sampled_from([0.02, 0.05, 0.2]))
def test_many_guards_at_once_have_the_numbers_of_each(
    days: list[tuple[int, int, int, float]], tolerance: float
) -> None:
    table = GuardTable((2, 1), tolerance)
    for won, lost, others, chance in days:
        counts = ([[won + lost + others], [0]], [[won], [0]], [[lost], [0]])
        table.count(*(np.array(count) for count in counts), np.array([[chance], [chance]]))
    harmless, harmed = table.log_e_values
    alone = lived(Guard(tolerance), *days).log_e_values
    assert (harmless[0, 0], harmed[0, 0]) == pytest.approx(alone, abs=1e-9)
    assert (harmless[1, 0], harmed[1, 0]) == (0, 0)


def test_a_slice_that_gains_passes_one_that_loses_is_harmed_and_a_fresh_one_is_pending() -> None:
    assert lived(Guard(), *[(4, 2, 80, 0.8)] * 10).standing is Standing.PASSED
    assert lived(Guard(), *[(1, 20, 80, 0.8)] * 10).standing is Standing.HARMED
    assert Guard().standing is Standing.PENDING


def test_agreement_speaks_for_a_slice() -> None:
    guard = Guard()
    guard.pass_over(1_000, least=0.5)
    assert guard.standing is Standing.PASSED


def test_a_slice_exactly_at_the_tolerance_hardly_ever_passes_nor_is_it_blamed() -> None:
    random, runs, days, mails, chance = np.random.default_rng(4), 1_000, 30, 200, 0.5
    table, passed, blamed = GuardTable((runs,)), np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    for _ in range(days):
        won = random.binomial(mails, 0.03 * chance, runs)
        lost = random.binomial(mails, 0.08 * chance, runs)
        table.count(np.full(runs, mails), won, lost, np.full(runs, chance))
        harmless, harmed = table.log_e_values
        passed |= harmless >= np.log(20)
        blamed |= harmed >= np.log(20)
    assert max(passed.sum(), blamed.sum()) <= binom.ppf(0.999, runs, 0.05)


def test_small_slices_have_the_larger_part_of_the_level_and_all_together_have_it_all() -> None:
    levels = blame_levels(np.array([0.5, 0.4, 0.1]), 0.05)
    assert levels.sum() == pytest.approx(0.05)
    assert levels[2] == pytest.approx(5 * levels[0])


def test_every_slice_with_enough_mail_must_pass() -> None:
    mails = {"sales": 9_000.0, "legal": 800.0, "press": 100.0}
    passing = {"sales": Standing.PASSED, "legal": Standing.PASSED, "press": Standing.PENDING}
    decision = decide_guards(passing, mails)
    assert decision.passes
    assert decision.kept == ("press",)
    undecided = decide_guards({**passing, "legal": Standing.PENDING}, mails)
    assert (undecided.passes, undecided.pending, undecided.harmed) == (False, ("legal",), ())
    harmed = decide_guards({**passing, "press": Standing.HARMED}, mails)
    assert (harmed.passes, harmed.harmed, harmed.kept) == (False, ("press",), ())
    assert mails["press"] < ENOUGH_MAILS < mails["legal"]


def test_what_would_void_a_guard_is_refused() -> None:
    with pytest.raises(ValueError, match="tolerance"):
        Guard(tolerance=0.0)
    with pytest.raises(ValueError, match="gain"):
        Guard().count(1.5, 0.5, 0.5)
    with pytest.raises(ValueError, match="chance"):
        Guard().count(1.0, 0.2, 0.5)
