"""What selectively reviewed mail says about all mail: planted truth, and the naive answer failing beside it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import f1_score

from triage_cl.statistics.estimators import (
    Interval,
    aipw_mean,
    calibration_error,
    coverage_curve,
    ipw_mean,
    macro_f1,
)

RUNS = 300


@dataclass(frozen=True)
class Reviewed:
    """Decisions of which doubtful ones are reviewed more often, with the truth about every one."""

    confidence: NDArray[np.float64]
    correct: NDArray[np.bool_]
    probability: NDArray[np.float64]
    drawn: NDArray[np.bool_]

    @property
    def share_right(self) -> float:
        return float(self.correct.mean())


def reviewed(seed: int, mails: int = 3_000, accuracy: float = 0.85, share: float = 0.1) -> Reviewed:
    random = np.random.default_rng(seed)
    confidence = random.beta(6 * accuracy, 6 * (1 - accuracy), mails)
    doubt = 1 - confidence
    probability = np.minimum(1, share * (0.25 + 0.75 * doubt / doubt.mean()))
    return Reviewed(confidence, random.random(mails) < confidence, probability, random.random(mails) < probability)


def ipw(sample: Reviewed) -> Interval | None:
    return ipw_mean(sample.correct, sample.drawn, sample.probability)


def aipw(sample: Reviewed) -> Interval | None:
    return aipw_mean(sample.correct, sample.drawn, sample.probability, sample.confidence)


def plain_average(sample: Reviewed) -> Interval:
    seen = sample.correct[sample.drawn]
    half = 1.96 * float(np.sqrt(seen.var() / seen.size))
    return Interval(float(seen.mean()), float(seen.mean()) - half, float(seen.mean()) + half)


def share_covered(estimate: Callable[[Reviewed], Interval | None], accuracy: float) -> float:
    covered = 0
    for seed in range(RUNS):
        sample = reviewed(seed, accuracy=accuracy)
        interval = estimate(sample)
        assert interval is not None
        covered += interval.low <= sample.share_right <= interval.high
    return covered / RUNS


@pytest.mark.parametrize("accuracy", [0.6, 0.85, 0.95])
@pytest.mark.parametrize("estimate", [ipw, aipw])
def test_the_interval_covers_the_truth(estimate: Callable[[Reviewed], Interval | None], accuracy: float) -> None:
    assert share_covered(estimate, accuracy) >= 0.92


def test_the_average_over_what_reviewers_saw_does_not() -> None:
    assert share_covered(plain_average, 0.85) < 0.1


def test_confidence_narrows_the_interval() -> None:
    samples = [reviewed(seed) for seed in range(20)]
    widths = [(found.high - found.low) / (plain.high - plain.low) for found, plain in (
        (aipw(sample), ipw(sample)) for sample in samples) if found and plain]  # fmt: skip
    assert len(widths) == 20
    assert np.mean(widths) < 0.6


def test_a_misleading_confidence_costs_width_and_not_truth() -> None:
    samples = [reviewed(seed) for seed in range(100)]
    covered = []
    for sample in samples:
        found = aipw_mean(sample.correct, sample.drawn, sample.probability, 1 - sample.confidence)
        assert found is not None
        covered.append(found.low <= sample.share_right <= found.high)
    assert np.mean(covered) >= 0.92


def test_threads_that_err_together_widen_the_interval() -> None:
    random = np.random.default_rng(7)
    threads = [f"t{number // 5}" for number in range(5_000)]
    correct = np.repeat(random.random(1_000) < 0.8, 5)
    everything, certain = np.ones(5_000, bool), np.ones(5_000)
    alone, together = (ipw_mean(correct, everything, certain, clusters=clusters) for clusters in (None, threads))
    assert alone is not None
    assert together is not None
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(5**0.5, rel=0.02)


def test_few_wrong_answers_widen_the_interval_and_leave_the_point() -> None:
    correct = np.arange(200) >= 5
    found = ipw_mean(correct, np.ones(200, bool), np.ones(200))
    assert found is not None
    assert found.point == pytest.approx(0.975)
    assert found.high - found.point < found.point - found.low
    assert found.low < 0.975 - 1.96 * (0.975 * 0.025 / 200) ** 0.5


def test_answers_of_unequal_weight_count_as_fewer() -> None:
    random = np.random.default_rng(4)
    correct, probability = random.random(20_000) < 0.8, np.where(np.arange(20_000) % 10 > 0, 0.01, 0.5)
    for chance, steadied in ((np.full(20_000, probability.mean()), False), (probability, True)):
        found = ipw_mean(correct, random.random(20_000) < chance, chance)
        assert found is not None
        centre = (found.low + found.high) / 2
        assert (centre < found.point - 1e-9) == steadied


@pytest.mark.parametrize("misleading", [False, True])
def test_no_confidence_ever_widens_a_plain_interval(misleading: bool) -> None:
    for seed in range(20):
        sample = reviewed(seed, mails=20_000, accuracy=0.6)
        confidence = 1 - sample.confidence if misleading else sample.confidence
        found, plain = aipw_mean(sample.correct, sample.drawn, sample.probability, confidence), ipw(sample)
        assert found is not None
        assert plain is not None
        assert found.high - found.low <= plain.high - plain.low


def test_threads_may_be_told_by_name_or_by_number() -> None:
    sample, numbers = reviewed(5), np.arange(3_000) // 3
    names = [f"thread-{number}" for number in numbers]
    by_number, by_name = (
        aipw_mean(sample.correct, sample.drawn, sample.probability, sample.confidence, clusters=clusters)
        for clusters in (numbers, names)
    )
    assert by_number is not None
    assert by_name is not None
    assert by_number.low == pytest.approx(by_name.low, abs=1e-12)


def test_where_everything_is_reviewed_it_is_the_plain_share() -> None:
    sample = reviewed(1, share=100)
    assert sample.drawn.all()
    found = aipw(sample)
    assert found == ipw(sample)
    assert found is not None
    assert found.point == pytest.approx(sample.share_right)


@pytest.mark.parametrize("wrong", [0, 1, 49, 50])
def test_nothing_is_claimed_from_fewer_than_two_answers_of_a_kind(wrong: int) -> None:
    correct = np.arange(50) >= wrong
    assert ipw_mean(correct, np.ones(50, bool), np.ones(50)) is None


def test_nothing_is_claimed_without_answers() -> None:
    assert ipw_mean([], [], []) is None
    assert aipw_mean([0, 0], [False, False], [0.1, 0.1], [0.2, 0.3]) is None


def test_what_stands_where_nobody_answered_makes_no_difference() -> None:
    sample = reviewed(3)
    unknown = np.where(sample.drawn, sample.correct, np.nan)
    assert aipw_mean(unknown, sample.drawn, sample.probability, sample.confidence) == aipw(sample)


@pytest.mark.parametrize("probability", [[0.0, 0.5], [0.5, 1.5], [0.5, float("nan")]])
def test_a_probability_outside_its_bounds_is_refused(probability: list[float]) -> None:
    with pytest.raises(ValueError, match="probability"):
        ipw_mean([1, 0], [True, True], probability)


def test_arrays_of_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="lengths"):
        ipw_mean([1, 0], [True], [0.5, 0.5])
    with pytest.raises(ValueError, match="confidences"):
        aipw_mean([1, 0], [True, True], [0.5, 0.5], [0.5])


def test_calibrated_confidence_has_little_error_and_boasting_has_much() -> None:
    random = np.random.default_rng(2)
    confidence = random.random(30_000)
    correct = random.random(30_000) < confidence
    assert calibration_error(confidence, correct) < 0.02
    assert calibration_error(np.full(1_000, 0.9), np.arange(1_000) % 5 < 3) == pytest.approx(0.3, abs=0.01)
    assert calibration_error([], []) == 0


DEPARTMENTS = st.sampled_from(["Billing", "IT", "Legal"])


@given(st.lists(st.tuples(DEPARTMENTS, DEPARTMENTS), min_size=1))
def test_macro_f1_is_that_of_scikit_learn(pairs: list[tuple[str, str]]) -> None:
    truth, concluded = zip(*pairs, strict=True)
    assert macro_f1(truth, concluded) == pytest.approx(f1_score(truth, concluded, average="macro"))


def test_an_abstention_misses_the_true_department_and_accuses_no_other() -> None:
    assert macro_f1(["IT", "IT", "Legal"], ["IT", None, "Legal"]) == pytest.approx((2 / 3 + 1) / 2)
    assert macro_f1([], []) == 0


def test_the_coverage_curve_tells_what_each_bar_would_cost() -> None:
    assert coverage_curve([0.9, 0.8, 0.7, 0.6], [1, 1, 0, 0]) == [(0.25, 0), (0.5, 0), (0.75, 1 / 3), (1, 0.5)]


def test_mails_of_equal_confidence_stand_or_fall_together() -> None:
    assert coverage_curve([0.5, 0.5, 0.9], [1, 0, 1]) == [(1 / 3, 0), (1, 1 / 3)]


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans())), st.integers(2, 60))
def test_a_coverage_curve_rises_to_all_mail_within_its_points(mails: list[tuple[float, bool]], points: int) -> None:
    curve = coverage_curve([mail[0] for mail in mails], [mail[1] for mail in mails], points)
    coverages = [coverage for coverage, _ in curve]
    assert coverages == sorted(set(coverages))
    assert len(curve) <= points
    assert coverages[-1:] == ([1.0] if mails else [])
