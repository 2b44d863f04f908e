"""Drift: the index, what chance does to it, and the verdict with its reasons."""

import random
from math import inf

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2

from triage_cl.domain.drift import (
    NEVER,
    DriftVerdict,
    Measure,
    accuracy_drop,
    chance_shift,
    decide_drift,
    population_stability,
    shift,
    weighted_accuracy,
)
from triage_cl.domain.facts import from_body, subject_of, to_body

COUNTS = st.lists(st.tuples(st.integers(0, 500), st.integers(0, 500)), min_size=1, max_size=12)
SHARES = (0.35, 0.25, 0.15, 0.1, 0.07, 0.05, 0.03)


def drawn(shares, mails, rng):
    """How many of so many mails fall into each bin."""
    picks = rng.choices(range(len(shares)), shares, k=mails)
    return [picks.count(each) for each in range(len(shares))]


def measure(name="departments", kind="prediction", value=0.0, watch=0.1, retrain=0.25, rows=None):
    return Measure(name, kind, value, watch, retrain, rows)


@given(COUNTS)
def test_the_index_is_never_negative_and_the_same_both_ways(bins):
    there, back = population_stability(bins), population_stability([(after, before) for before, after in bins])
    assert there >= 0
    assert there == pytest.approx(back)


@given(st.lists(st.integers(0, 500), min_size=1, max_size=12))
def test_a_window_has_not_shifted_against_itself(counts):
    assert population_stability([(count, count) for count in counts]) == pytest.approx(0)


def test_the_index_is_the_textbook_number():
    moved = shift("departments", "prediction", [60_000, 30_000, 10_000], [30_000, 30_000, 40_000])
    assert moved.value == pytest.approx(-0.3 * -0.6931 + 0.3 * 1.3863, abs=1e-3)


@given(bins=st.integers(2, 60), sure=st.sampled_from([0.9, 0.99, 0.999]))
def test_what_chance_does_follows_the_chi_squared_law(bins, sure):
    assert chance_shift(bins, 400, 100, sure) == pytest.approx(
        (1 / 400 + 1 / 100) * chi2.ppf(sure, bins - 1), rel=0.04
    )  # Wilson and Hilferty are 3 % high for two bins


@pytest.mark.parametrize(("reference", "current"), [(100, 100), (400, 150), (800, 800)])
def test_two_windows_of_the_same_mail_hardly_ever_raise_an_alarm(reference, current):
    rng = random.Random(7)
    levels = [
        shift("departments", "prediction", drawn(SHARES, reference, rng), drawn(SHARES, current, rng)).level
        for _ in range(400)
    ]
    assert levels.count("retrain") <= 3
    assert levels.count("watch") <= 12


def test_small_windows_of_the_same_mail_would_raise_alarms_under_the_customary_bars_alone():
    rng = random.Random(7)
    naive = [
        shift("departments", "prediction", drawn(SHARES, 100, rng), drawn(SHARES, 100, rng)).value > 0.1
        for _ in range(400)
    ]
    assert sum(naive) > 100


def test_a_department_that_takes_over_is_found_in_small_windows():
    rng = random.Random(7)
    after = (0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.4)
    levels = [
        shift("departments", "prediction", drawn(SHARES, 300, rng), drawn(after, 300, rng)).level for _ in range(50)
    ]
    assert set(levels) == {"retrain"}


def test_a_change_that_is_no_reason_to_act_never_asks_for_anything():
    assert shift("confidence", "prediction", [1000, 0], [0, 1000], bars=NEVER).level == "quiet"


def test_a_shift_is_told_with_the_bar_that_it_passed():
    verdict, reasons = decide_drift([measure(value=0.31), measure("length", "data", value=0.12)])
    assert verdict == "retrain"
    assert reasons == (
        "departments shifted: PSI 0.31 is above 0.25 (retrain)",
        "length shifted: PSI 0.12 is above 0.1 (watch)",
    )


def test_the_strongest_reason_comes_first():
    _, reasons = decide_drift([measure("length", "data", value=0.12), measure(value=0.31)])
    assert reasons[0].startswith("departments")


def test_a_quiet_verdict_names_what_came_closest():
    verdict, reasons = decide_drift([measure(value=0.02), measure("length", "data", value=0.08)])
    assert (verdict, reasons) == ("quiet", ("length: PSI 0.08 is not above 0.1",))


def test_too_few_mails_are_quiet_and_say_so_once():
    verdict, reasons = decide_drift([measure(value=9.0, rows=40), measure("length", "data", value=9.0, rows=40)])
    assert verdict == "quiet"
    assert reasons == ("too few mails to compare: 40 in the smaller window, 100 are needed",)


def test_nothing_to_compare_is_quiet():
    assert decide_drift([]) == ("quiet", ("there is too little to compare",))


@given(st.lists(st.builds(measure, value=st.floats(0, 1), watch=st.just(0.1), retrain=st.sampled_from([0.25, inf]))))
def test_the_verdict_is_the_strongest_that_any_measure_asks_for(measures):
    order = ["quiet", "watch", "retrain"]
    verdict, reasons = decide_drift(measures)
    assert verdict == max((each.level for each in measures), key=order.index, default="quiet")
    assert reasons


def test_the_weighted_accuracy_is_that_of_all_mail_though_doubtful_mail_is_reviewed_more():
    rng = random.Random(3)
    answers = []
    for _ in range(40_000):
        doubtful = rng.random() < 0.2
        probability = 0.5 if doubtful else 0.05
        right = rng.random() < (0.4 if doubtful else 0.95)
        if rng.random() < probability:
            answers.append((right, probability))
    accuracy = weighted_accuracy(answers)
    assert accuracy.point == pytest.approx(0.2 * 0.4 + 0.8 * 0.95, abs=3 * accuracy.error)
    assert sum(right for right, _ in answers) / len(answers) < 0.7


def test_a_drop_within_the_error_of_few_answers_is_quiet():
    reference = weighted_accuracy([(True, 0.1)] * 32 + [(False, 0.1)] * 4)
    current = weighted_accuracy([(True, 0.1)] * 28 + [(False, 0.1)] * 8)
    assert accuracy_drop(reference, current).level == "quiet"


def test_a_drop_beyond_the_error_asks_for_retraining():
    reference = weighted_accuracy([(True, 0.1)] * 900 + [(False, 0.1)] * 100)
    current = weighted_accuracy([(True, 0.1)] * 750 + [(False, 0.1)] * 250)
    dropped = accuracy_drop(reference, current)
    assert dropped.level == "retrain"
    assert dropped.reason == "accuracy drop: 0.15 is above 0.1 (retrain)"


def test_no_answers_are_too_few_and_no_drop():
    dropped = accuracy_drop(weighted_accuracy([]), weighted_accuracy([(False, 0.5)] * 50))
    assert (dropped.value, dropped.enough) == (0.0, False)


def test_a_verdict_is_read_back_as_the_fact_that_was_written():
    window = ("2026-01-01T00:00:00+00:00", "2026-01-08T00:00:00+00:00")
    verdict = DriftVerdict("watch", ("because",), (("departments", 0.2),), window, window, "drift.html")
    assert from_body(verdict.kind, to_body(verdict)) == verdict
    assert subject_of(verdict) == "drift"
