"""Answers that never came: what is told without assuming anything about them, and what ignoring them does."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from triage_cl.statistics.estimators import Interval, aipw_mean
from triage_cl.statistics.missing import (
    MOST_ODDS,
    Sensitivity,
    Standing,
    asked_again,
    missing_share,
    tilted,
    turning_odds,
    worst_case,
)
from triage_cl.statistics.segments import Reviewed

RUNS = 200
#: What 95 % of so many runs may look like: three standard errors less.
AT_LEAST = 0.95 - 3 * (0.95 * 0.05 / RUNS) ** 0.5


def asked(seed: int, answer_right: float = 1.0, answer_wrong: float = 1.0, mails: int = 4_000) -> Reviewed:
    """Mail of which doubtful ones are asked about more often; who knows whether it is right answers that often."""
    random = np.random.default_rng(seed)
    confidence = random.beta(6, 1.5, mails)
    correct = random.random(mails) < confidence
    probability = np.minimum(1.0, 0.05 + 0.5 * (1 - confidence))
    answered = random.random(mails) < np.where(correct, answer_right, answer_wrong)
    drawn = random.random(mails) < probability
    return Reviewed.of(correct, drawn, answered, probability, confidence, np.arange(mails) // 2)


def truth(reviewed: Reviewed) -> float:
    return float(np.mean(reviewed.correct.astype(float)))


def estimate(reviewed: Reviewed) -> Interval:
    told = aipw_mean(
        reviewed.correct, reviewed.answered, reviewed.probability, reviewed.confidence, clusters=reviewed.clusters
    )
    assert told is not None
    return told


def holds(told: Interval | None, share: float) -> bool:
    return told is not None and told.low <= share <= told.high


def test_without_missing_answers_everything_is_the_plain_estimate() -> None:
    everybody = asked(1)
    told, bounds = estimate(everybody), worst_case(everybody)
    assert missing_share(everybody) == 0
    assert tilted(everybody) == told
    assert tilted(everybody, 20.0) == told
    assert (bounds.lowest, bounds.low, bounds.highest, bounds.high) == (told.point, told.low, told.point, told.high)


def test_the_missing_share_is_that_of_all_mail() -> None:
    shares = [missing_share(asked(seed, 0.7, 0.7)) for seed in range(50)]
    assert np.mean(shares) == pytest.approx(0.3, abs=0.02)


def test_ignoring_answers_that_depend_on_the_truth_fails_and_the_right_odds_ratio_does_not() -> None:
    """Right decisions are confirmed by 90 %, wrong ones corrected by 60 %."""
    ratio = (0.1 / 0.9) / (0.4 / 0.6)
    runs = [asked(seed, 0.9, 0.6) for seed in range(RUNS)]
    assert np.mean([holds(tilted(run), truth(run)) for run in runs]) < 0.6
    assert np.mean([holds(tilted(run, ratio), truth(run)) for run in runs]) >= AT_LEAST


@pytest.mark.parametrize(("right", "wrong"), [(0.9, 0.6), (0.5, 0.9), (0.8, 0.8), (1.0, 0.2)])
def test_the_worst_case_holds_the_truth_whoever_stays_silent(right: float, wrong: float) -> None:
    runs = [asked(seed, right, wrong) for seed in range(RUNS)]
    bounds = [worst_case(run) for run in runs]
    held = [each.low <= truth(run) <= each.high for each, run in zip(bounds, runs, strict=True)]
    assert np.mean(held) >= AT_LEAST
    widths = [each.highest - each.lowest for each in bounds]
    assert np.mean(widths) == pytest.approx(np.mean([missing_share(run) for run in runs]), abs=0.01)


def test_nothing_is_known_where_nobody_answers() -> None:
    silent = replace(asked(1), answered=np.zeros(4_000, dtype=bool))
    bounds = worst_case(silent)
    assert (bounds.low, bounds.high) == (0.0, 1.0)
    assert bounds.highest - bounds.lowest > 0.9
    assert tilted(silent) is None
    assert missing_share(silent) == 1
    assert turning_odds(silent, 0.5) == Sensitivity(Standing.UNDECIDED, None)


@given(st.floats(0.01, 100), st.floats(1.01, 10))
def test_the_higher_the_odds_among_the_missing_the_higher_the_share(ratio: float, more: float) -> None:
    run = asked(3, 0.7, 0.7, mails=1_000)
    lower, higher = tilted(run, ratio), tilted(run, ratio * more)
    bounds = worst_case(run)
    assert lower is not None
    assert higher is not None
    assert lower.point < higher.point
    assert bounds.lowest - 0.03 <= lower.point <= higher.point <= bounds.highest + 0.03


@pytest.mark.parametrize(("bar", "standing"), [(0.72, Standing.ABOVE), (0.85, Standing.BELOW)])
def test_at_the_odds_ratio_that_is_told_the_verdict_turns_and_before_it_does_not(
    bar: float, standing: Standing
) -> None:
    run = asked(5, 0.8, 0.8)
    told = turning_odds(run, bar)
    assert told.standing is standing
    assert told.odds_ratio is not None
    assert (told.odds_ratio < 1) == (standing is Standing.ABOVE)
    inward = told.odds_ratio ** (1 - 1e-4)
    before, there = tilted(run, inward), tilted(run, told.odds_ratio)
    assert before is not None
    assert there is not None
    if standing is Standing.ABOVE:
        assert there.low <= bar < before.low
    else:
        assert before.high < bar <= there.high


def test_a_verdict_far_from_the_bar_is_turned_by_nothing() -> None:
    told = turning_odds(asked(5, 0.95, 0.95), 0.3)
    assert told == Sensitivity(Standing.ABOVE, None)
    assert tilted(asked(5, 0.95, 0.95), 1 / MOST_ODDS) is not None


def test_an_undecided_verdict_has_nothing_to_turn() -> None:
    run = asked(5, 0.8, 0.8)
    assert turning_odds(run, estimate(run).point) == Sensitivity(Standing.UNDECIDED, None)


def half_asked_again(seed: int, right: float, wrong: float, answering: float = 1.0) -> Reviewed:
    """A random half of the missing is asked once more."""
    first = asked(seed, right, wrong)
    random = np.random.default_rng(seed + 10_000)
    again = first.drawn & ~first.answered & (random.random(4_000) < 0.5)
    told = again & (random.random(4_000) < answering)
    return asked_again(replace(first, answered=first.answered | told), again, 0.5)


def test_asking_a_random_half_again_restores_what_silence_destroyed() -> None:
    runs = [half_asked_again(seed, 0.9, 0.5) for seed in range(RUNS)]
    ignoring = [asked(seed, 0.9, 0.5) for seed in range(RUNS)]
    assert np.mean([holds(tilted(run), truth(run)) for run in ignoring]) < 0.4
    assert np.mean([holds(tilted(run), truth(run)) for run in runs]) >= AT_LEAST
    assert all(missing_share(run) == 0 for run in runs)


def test_who_stays_silent_the_second_time_is_missing_with_the_weight_of_those_not_asked() -> None:
    shares = [missing_share(half_asked_again(seed, 0.7, 0.7, answering=0.5)) for seed in range(50)]
    assert np.mean(shares) == pytest.approx(0.3 * 0.5, abs=0.02)


def test_what_cannot_be_is_refused() -> None:
    run = asked(1, 0.5, 0.5, mails=100)
    with pytest.raises(ValueError, match="share"):
        asked_again(run, np.zeros(100, dtype=bool), 0.0)
    with pytest.raises(ValueError, match="asked about"):
        asked_again(run, ~run.drawn, 0.5)
    with pytest.raises(ValueError, match="odds ratio"):
        tilted(run, 0.0)
