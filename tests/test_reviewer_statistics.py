"""Evidence against reviewers, flags, and the anchoring of answers: laws, and the naive rule failing beside them."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import binom

from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.statistics.reviewers import (
    RATES,
    Flags,
    agreement,
    anchoring,
    cohens_kappa,
    e_bh,
    log_e_values,
    settled,
)
from triage_cl.statistics.sequences import BettingTest

LEVEL = 0.05
EVIDENCE = st.lists(st.floats(-20, 20), min_size=1, max_size=12)
TOLERANCES = st.floats(0.02, 0.5)


@pytest.mark.parametrize("reviews", [1, 10, 60])
@pytest.mark.parametrize("tolerance", [0.05, TOLERANCE, 0.3])
def test_whoever_errs_as_often_as_is_tolerated_is_expected_to_gain_nothing(reviews: int, tolerance: float) -> None:
    wrong = np.arange(reviews + 1)
    e_values = np.exp(log_e_values(wrong, np.full(reviews + 1, reviews), tolerance))
    assert binom.pmf(wrong, reviews, tolerance) @ e_values == pytest.approx(1)
    assert binom.pmf(wrong, reviews, tolerance / 2) @ e_values < 1


def test_evidence_against_a_tolerable_reviewer_is_rare_though_one_looks_after_every_review() -> None:
    wrong = np.random.default_rng(3).random((2_000, 400)) < TOLERANCE
    judged = np.broadcast_to(np.arange(1, 401), wrong.shape)
    ever = (log_e_values(np.cumsum(wrong, axis=1), judged) >= math.log(1 / LEVEL)).any(axis=1)
    assert ever.mean() <= LEVEL
    naive = (np.cumsum(wrong, axis=1) > TOLERANCE * judged).any(axis=1)
    assert naive.mean() > 0.5


@pytest.mark.parametrize("wrong", range(9))
def test_up_to_fifteen_reviews_the_stakes_are_those_of_jeffreys_prior(wrong: int) -> None:
    reviews = 15

    def wealth(stake: float) -> float:
        return (1 + stake * (1 - TOLERANCE) / TOLERANCE) ** wrong * (1 - stake) ** (reviews - wrong)

    prior = quad(lambda angle: wealth(math.sin(angle) ** 2) * 2 / math.pi, 0, math.pi / 2)[0]
    assert float(np.exp(log_e_values(wrong, reviews))) == pytest.approx(prior)


@given(st.lists(st.booleans(), max_size=40), TOLERANCES)
def test_the_evidence_is_that_of_the_duels_test_with_bolder_bets(reviews: list[bool], tolerance: float) -> None:
    test = BettingTest(tuple(rate * 0.5 for rate in RATES), gain=tolerance)
    for wrong in reviews:
        test.update(float(wrong), 1.0)
    # The duel's factor is 1 + λ(x − τ)/(1 + τ), ours 1 + λ(x − τ)/τ.
    timid = [rate * 0.5 * tolerance / (1 + tolerance) for rate in RATES]
    ours = log_e_values(sum(reviews), len(reviews), tolerance, timid)
    assert float(ours) == pytest.approx(test.log_e_value, abs=1e-9)


@given(st.integers(0, 200), st.integers(0, 200), TOLERANCES)
def test_a_review_against_somebody_is_evidence_and_one_for_them_speaks_for_them(
    wrong: int, right: int, tolerance: float
) -> None:
    before, worse, better = log_e_values(
        [wrong, wrong + 1, wrong], [wrong + right, wrong + right + 1, wrong + right + 1], tolerance
    )
    assert better < before < worse


@pytest.mark.parametrize(("wrong", "judged", "tolerance"), [(2, 1, 0.1), (-1, 1, 0.1), (1, 2, 0.0), (1, 2, 1.0)])
def test_counts_and_tolerances_that_cannot_be_are_refused(wrong: int, judged: int, tolerance: float) -> None:
    with pytest.raises(ValueError, match=r"no reviewer|must be in"):
        log_e_values(wrong, judged, tolerance)


@given(EVIDENCE, st.floats(0.01, 0.5))
def test_the_flagged_have_the_evidence_that_their_number_asks_for_and_nobody_else_could_join(
    evidence: list[float], level: float
) -> None:
    flags, logs = e_bh(evidence, level), np.sort(evidence)[::-1]
    bars = [math.log(len(evidence) / (level * number)) for number in range(1, len(evidence) + 1)]
    most = max([number for number, bar in enumerate(bars, 1) if logs[number - 1] >= bar - 1e-12], default=0)
    assert flags.sum() == most
    assert not most or min(np.array(evidence)[flags]) == logs[most - 1]


@given(EVIDENCE, st.randoms())
def test_whom_to_flag_does_not_depend_on_the_order_of_reviewers(evidence: list[float], random: Any) -> None:
    order = random.sample(range(len(evidence)), len(evidence))
    assert list(e_bh([evidence[place] for place in order])) == [e_bh(evidence)[place] for place in order]


@given(EVIDENCE, st.data())
def test_more_evidence_against_one_unflags_nobody(evidence: list[float], data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(evidence) - 1))
    more = [*evidence]
    more[place] += data.draw(st.floats(0, 20))
    assert not np.any(e_bh(evidence) & ~e_bh(more))


@given(st.floats(-20, 20))
def test_a_single_reviewer_is_flagged_by_evidence_of_one_over_the_level(evidence: float) -> None:
    assert bool(e_bh([evidence], LEVEL)[0]) == (evidence >= math.log(1 / LEVEL))


@given(st.lists(st.lists(st.floats(-20, 20), min_size=5, max_size=5), min_size=1, max_size=8))
def test_a_flag_stays_and_the_flagged_always_have_enough_evidence(looks: list[list[float]]) -> None:
    flags = Flags.none((5,))
    for evidence in looks:
        before, flags = flags, flags.after(evidence, LEVEL)
        assert not np.any(before.flagged & ~flags.flagged)
        assert np.array_equal(flags.flagged, e_bh(flags.log_e, LEVEL))


def test_populations_beside_each_other_are_flagged_apart() -> None:
    evidence = [[9.0, 9.0, 0.0], [0.0, 0.0, 4.3]]
    assert (
        e_bh(evidence).tolist() == [list(e_bh(row)) for row in evidence] == [[True, True, False], [False] * 2 + [True]]
    )


def test_a_third_settles_what_two_answer_differently() -> None:
    answers = [("it", "it", "hr"), ("it", "hr", "it"), ("it", "hr", "hr"), ("it", "hr", "tax")]
    judged, first, second = settled(*(np.array(column) for column in zip(*answers, strict=True)))
    assert judged.tolist() == [True, True, True, False]
    assert first.tolist() == [False, False, True, False]
    assert second.tolist() == [False, True, False, False]


def test_agreement_has_wilsons_interval() -> None:
    told = agreement(8, 10)
    assert told is not None
    assert (told.point, told.low, told.high) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert agreement(0, 0) is None
    with pytest.raises(ValueError, match="cannot agree"):
        agreement(3, 2)


def test_kappa_is_agreement_beyond_chance() -> None:
    pairs = [("yes", "yes")] * 20 + [("yes", "no")] * 5 + [("no", "yes")] * 10 + [("no", "no")] * 15
    first, second = [one for one, _ in pairs], [other for _, other in pairs]
    assert cohens_kappa(first, second) == pytest.approx(0.4)
    assert cohens_kappa(first, first) == 1
    assert cohens_kappa(["it"], ["it"]) is None
    assert cohens_kappa([], []) is None


def test_anchoring_is_the_difference_of_the_shares() -> None:
    told = anchoring([1, 1, 1, 0], [1, 0, 0, 0])
    assert told is not None
    assert told.point == pytest.approx(0.5)
    assert told.low < 0.5 < told.high


def test_anchoring_is_not_told_from_too_little() -> None:
    assert anchoring([1], [0, 1]) is None
    assert anchoring([1, 0], [0, 1], ["a", "a"], ["a", "a"]) is None
    with pytest.raises(ValueError, match="names"):
        anchoring([1, 0], [0, 1], ["a"], ["a", "b"])


def test_people_who_are_anchored_differently_widen_the_interval() -> None:
    shown, blind = [1] * 50 + [0] * 50, [0] * 50 + [0] * 50
    names = ["a"] * 50 + ["b"] * 50
    alone, together = anchoring(shown, blind), anchoring(shown, blind, names, names)
    assert alone is not None
    assert together is not None
    assert alone.point == together.point == 0.5
    assert together.low < alone.low
