"""Duels: closed days only, in order, each answer weighed by its chance; and many at once with the same numbers."""

from datetime import date, timedelta
from math import log

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

from triage_cl.domain.promotion import PromotionRule, Verdict
from triage_cl.statistics.duel_paths import Paths, Reviews, follow
from triage_cl.statistics.duels import Block, Duel, Review, closed_blocks

MONDAY = date(2026, 3, 2)
WINDOW = timedelta(days=5)
GAINS = st.one_of(st.sampled_from([-1.0, 0.0, 1.0]), st.floats(-1, 1))


def block(*reviews: Review, day: date = MONDAY, agreements: int = 10, undrawn: int = 3) -> Block:
    return Block(day, agreements, len(reviews) + undrawn, reviews)


@st.composite
def duels(draw: st.DrawFn) -> tuple[list[Block], PromotionRule, float, float]:
    """Blocks of one drawn review each, so that every review can be looked at."""
    least, asked_again = draw(st.sampled_from([0.05, 0.2, 1.0])), draw(st.sampled_from([0.25, 0.5, 1.0]))
    rule = PromotionRule(draw(st.sampled_from([0.05, 0.2])), draw(st.sampled_from([0.0, 0.01, 0.1])))
    review = st.builds(Review, st.floats(least, 1), st.none() | GAINS, st.booleans())
    counts = st.integers(0, 30)
    blocks = [
        Block(MONDAY + timedelta(days=number), draw(counts), 1 + draw(counts), (each,))
        for number, each in enumerate(draw(st.lists(review, min_size=1, max_size=40)))
    ]
    return blocks, rule, least, asked_again


def followed(blocks: list[Block], rule: PromotionRule, least: float, asked_again: float) -> Paths:
    reviews = [one.reviews[0] for one in blocks]
    mails = np.cumsum([one.agreements + one.disputes for one in blocks])
    agreed = np.cumsum([one.agreements for one in blocks])
    gain = np.array([np.nan if review.gain is None else review.gain for review in reviews])
    weight = np.array([least * asked_again / review.chance(asked_again) for review in reviews])
    return follow(Reviews(gain[None], weight[None], mails[None], agreed[None]), rule, least, asked_again)


@settings(deadline=None)
@given(duels())
def test_many_duels_at_once_have_the_numbers_of_each(given: tuple[list[Block], PromotionRule, float, float]) -> None:
    blocks, rule, least, asked_again = given
    paths, duel = followed(*given), Duel(rule, least, asked_again)
    for number, one in enumerate(blocks):
        duel.close(one)
        evidence, decision = duel.evidence, duel.decide()
        assert paths.gain[0, number] == pytest.approx(duel.log_e_value, abs=1e-9)
        # Each end of the interval is where the evidence beyond it is just enough.
        for proof, beyond in (
            (paths.above[0, number], evidence.gain_low - rule.least_gain),
            (paths.below[0, number], rule.least_gain + rule.futility - evidence.gain_high),
        ):
            assert proof >= log(1 / rule.alpha) - 1e-6 if beyond > 0 else proof <= log(1 / rule.alpha) + 1e-6
        if abs(paths.gain[0, number] - log(1 / rule.alpha)) > 1e-6:
            assert paths.proved(rule.alpha)[0, number] == (decision.verdict is Verdict.PROMOTE)


def test_many_random_duels_end_as_each_does() -> None:
    random, rule, least, asked_again = np.random.default_rng(11), PromotionRule(), 0.2, 0.5
    shape = (20, 150)
    probability, again = random.uniform(least, 1, shape), random.random(shape) < 0.3
    gain = np.where(random.random(shape) < 0.1, np.nan, random.choice([1.0, 0.0, -1.0], shape, p=[0.55, 0.1, 0.35]))
    gap = random.integers(1, 30, shape)
    chance = probability * np.where(again, asked_again, 1.0)
    reviews = Reviews(gain, least * asked_again / chance, np.cumsum(gap, axis=1), np.cumsum(gap - 1, axis=1))
    paths = follow(reviews, rule, least, asked_again)
    verdicts = set()
    for row in range(shape[0]):
        duel = Duel(rule, least, asked_again)
        for column in range(shape[1]):
            answer = None if np.isnan(gain[row, column]) else float(gain[row, column])
            review = Review(float(probability[row, column]), answer, bool(again[row, column]))
            duel.close(Block(MONDAY, int(gap[row, column]) - 1, 1, (review,)))
        assert paths.gain[row, -1] == pytest.approx(duel.log_e_value, abs=1e-9)
        promoted = duel.decide().verdict is Verdict.PROMOTE
        assert paths.proved(rule.alpha)[row, -1] == promoted
        verdicts.add(promoted)
    assert verdicts == {True, False}


def test_without_a_gain_to_prove_both_kinds_of_evidence_are_one() -> None:
    duel = Duel(PromotionRule(), 0.2, 0.5)
    for gain in (1.0, -1.0, 1.0, 1.0, 0.0) * 20:
        duel.close(block(Review(0.3, gain)))
    evidence = duel.evidence
    assert (evidence.e_value >= 20) == (evidence.gain_low > 0)


def test_a_day_counts_when_all_is_answered_or_the_window_is_over() -> None:
    answered = block(Review(0.5, 1.0), Review(0.5, -1.0))
    waiting = block(Review(0.5, 1.0), Review(0.5))
    assert answered.is_closed(MONDAY, WINDOW)
    assert not waiting.is_closed(MONDAY + WINDOW, WINDOW)
    assert waiting.is_closed(MONDAY + WINDOW + timedelta(days=1), WINDOW)


def test_a_day_waits_for_those_that_are_asked_again() -> None:
    asked = block(Review(0.5, 1.0), Review(0.5, asked_again=True))
    assert not asked.is_closed(MONDAY + 10 * WINDOW, WINDOW)
    assert block(Review(0.5, 1.0), Review(0.5, -1.0, asked_again=True)).is_closed(MONDAY, WINDOW)


def test_no_day_counts_before_an_earlier_one() -> None:
    days = [MONDAY + timedelta(days=number) for number in range(4)]
    blocks = [block(Review(0.5, 1.0), day=day) for day in days]
    blocks[2] = block(Review(0.5), day=days[2])
    assert [one.day for one in closed_blocks(reversed(blocks), days[3], WINDOW)] == days[:2]
    assert len(list(closed_blocks(blocks, days[3] + WINDOW, WINDOW))) == 4


@given(st.permutations([1.0, 1.0, -1.0, 0.5, 0.0]))
def test_in_what_order_a_day_is_answered_changes_nothing(gains: list[float]) -> None:
    one, other = Duel(PromotionRule(), 0.2), Duel(PromotionRule(), 0.2)
    one.close(block(*(Review(0.4, gain) for gain in (1.0, 1.0, -1.0, 0.5, 0.0))))
    other.close(block(*(Review(0.4, gain) for gain in gains)))
    assert one.log_e_value == pytest.approx(other.log_e_value)
    assert one.evidence.gain_low == pytest.approx(other.evidence.gain_low)


def test_the_gain_is_estimated_over_all_mail() -> None:
    duel = Duel(PromotionRule(), 0.2, 0.5)
    duel.close(block(Review(0.2, 1.0), Review(0.4, -1.0), Review(0.5, 1.0, asked_again=True), Review(0.4)))
    evidence = duel.evidence
    assert evidence.gain == pytest.approx((1 / 0.2 - 1 / 0.4 + 1 / (0.5 * 0.5)) / evidence.mails)
    assert (evidence.mails, evidence.disputed, evidence.answered) == (17, 7, 3)
    assert duel.missing_share == 0.25


def test_half_of_the_missing_stand_for_all_of_them() -> None:
    random = np.random.default_rng(3)
    gain = random.choice([1.0, -1.0], 20_000)
    missing = random.random(gain.size) < np.where(gain > 0, 0.05, 0.35)
    again = random.random(gain.size) < 0.5
    duel = Duel(PromotionRule(), 1.0, 0.5)
    reviews = (Review(1.0, float(g), bool(m)) for g, m, a in zip(gain, missing, again, strict=True) if a or not m)
    duel.close(Block(MONDAY, 0, gain.size, tuple(reviews)))
    assert abs(duel.evidence.gain - gain.mean()) < 4 * (0.2 / gain.size) ** 0.5
    assert gain[~missing].mean() > 0.15


def test_a_duel_out_of_reach_is_given_up() -> None:
    duel = Duel(PromotionRule(), 0.5)
    for _ in range(200):
        duel.close(block(Review(0.5, -1.0), agreements=0))
    assert duel.decide().verdict is Verdict.RETIRE


def test_a_duel_whose_budget_is_spent_is_given_up() -> None:
    duel = Duel(PromotionRule(most_answers=4), 0.5)
    duel.close(block(*(Review(0.5, gain) for gain in (1.0, -1.0, 1.0, -1.0))))
    decision = duel.decide()
    assert decision.verdict is Verdict.RETIRE
    assert "undecided" in decision.reasons[0]


def test_before_the_first_day_nothing_is_shown() -> None:
    duel = Duel(PromotionRule(), 0.2)
    assert (duel.evidence.e_value, duel.evidence.gain_low, duel.evidence.gain_high) == (1.0, -1.0, 1.0)
    assert duel.missing_share == 0
    assert duel.decide().verdict is Verdict.KEEP


def test_an_answer_that_was_too_unlikely_is_refused() -> None:
    with pytest.raises(ValueError, match="weight"):
        Duel(PromotionRule(), 0.2).close(block(Review(0.1, 1.0)))
    with pytest.raises(ValueError, match="probabilities"):
        Duel(PromotionRule(), 0.0)
    with pytest.raises(ValueError, match="probabilities"):
        Duel(PromotionRule(), 0.2, 1.5)


def test_a_late_gain_does_not_prove_one_over_all_and_bets_that_follow_it_would() -> None:
    random, runs, answers = np.random.default_rng(5), 300, 600
    better = np.arange(answers) >= answers // 2
    gain = np.where(random.random((runs, answers)) < np.where(better, 0.7, 0.3), 1.0, -1.0)
    mails = np.broadcast_to(np.arange(1, answers + 1), gain.shape)
    paths = follow(Reviews(gain, np.ones(gain.shape), mails, np.zeros_like(mails)), PromotionRule(), 1.0)
    assert paths.proved(0.05).any(axis=1).sum() <= binom.ppf(0.999, runs, 0.05)
    # Had the duel begun when the challenger became better, the same test would have found it.
    late = slice(answers // 2, None)
    fresh = Reviews(
        gain[:, late], np.ones((runs, answers // 2)), mails[:, : answers // 2], mails[:, : answers // 2] * 0
    )
    assert follow(fresh, PromotionRule(), 1.0).proved(0.05).any(axis=1).mean() > 0.95
