"""Evidence under continuous watching: planted truth, and the peeked z-test failing in the same runs."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from triage_cl.statistics.sequences import RATES, BettingTest, ConfidenceSequence

RUNS = 200
MAILS = 1_500
DISPUTED = 0.2
LEAST = 0.2
GAINS = st.floats(-1, 1)
WEIGHTS = st.floats(0.01, 1)


def duel(seed: int, wins: NDArray[np.float64]) -> Iterator[tuple[int, float, float]]:
    """The answered disputes of a duel: (mails passed, gain, weight), the challenger winning mail i with wins[i]."""
    random = np.random.default_rng(seed)
    disputed = random.random(MAILS) < DISPUTED
    probability = random.choice([LEAST, 0.5, 1.0], MAILS)
    drawn = random.random(MAILS) < probability
    gain = np.where(random.random(MAILS) < wins, 1.0, -1.0)
    for mail in np.flatnonzero(disputed & drawn):
        yield int(mail) + 1, float(gain[mail]), float(LEAST / probability[mail])


def even() -> NDArray[np.float64]:
    return np.full(MAILS, 0.5)


def changing() -> NDArray[np.float64]:
    """Worse by 0.4 a dispute in the first half, better by 0.4 in the second."""
    return np.where(np.arange(MAILS) < MAILS // 2, 0.3, 0.7)


def ever_missed(seed: int, wins: NDArray[np.float64]) -> bool:
    """Whether the sequence, looked at after every answer, ever lacks the running mean of the expectations."""
    expected = np.cumsum(DISPUTED * LEAST * (2 * wins - 1)) / np.arange(1, MAILS + 1)
    sequence = ConfidenceSequence(bound=1.0)
    for mails, gain, weight in duel(seed, wins):
        sequence.update_zeros(mails - sequence.count - 1)
        sequence.update(gain * weight)
        low, high = sequence.interval
        if not low <= expected[mails - 1] <= high:
            return True
    return False


def ever_significant(seed: int, wins: NDArray[np.float64]) -> bool:
    """Whether a z-test at 5 %, peeked at after every answer from the thirtieth on, ever says that the mean is not 0."""
    total = squares = 0.0
    for answers, (_, gain, weight) in enumerate(duel(seed, wins), start=1):
        total, squares = total + gain * weight, squares + (gain * weight) ** 2
        if answers >= 30 and abs(total) > 1.96 * squares**0.5:
            return True
    return False


def ever_promoted(seed: int, wins: NDArray[np.float64]) -> bool:
    test = BettingTest()
    for _, gain, weight in duel(seed, wins):
        test.update(gain, weight)
        if test.e_value >= 20:
            return True
    return False


@pytest.mark.parametrize("wins", [even(), changing(), np.full(MAILS, 0.75)])
def test_the_sequence_holds_the_running_mean_at_all_times(wins: NDArray[np.float64]) -> None:
    assert np.mean([ever_missed(seed, wins) for seed in range(RUNS)]) <= 0.05


def test_a_challenger_that_is_no_better_is_hardly_ever_promoted() -> None:
    assert np.mean([ever_promoted(seed, even()) for seed in range(RUNS)]) <= 0.05


def test_a_peeked_z_test_promotes_noise_in_the_same_runs() -> None:
    assert np.mean([ever_significant(seed, even()) for seed in range(RUNS)]) > 0.15


def test_a_better_challenger_is_found_by_both() -> None:
    test, sequence = BettingTest(), ConfidenceSequence(bound=1.0)
    for mails, gain, weight in duel(1, np.full(MAILS, 0.8)):
        sequence.update_zeros(mails - sequence.count - 1)
        sequence.update(gain * weight)
        test.update(gain, weight)
    assert test.e_value > 20
    assert sequence.interval[0] > 0


def test_the_sequence_is_less_than_twice_as_wide_as_a_single_look_allows() -> None:
    sequence = ConfidenceSequence(bound=1.0)
    for gain in (1.0, -1.0) * 200:
        sequence.update(gain)
    low, high = sequence.interval
    assert 1 < (high - low) / (2 * 1.96 * 400**0.5 / 400) < 2


def test_before_the_first_mail_anything_is_possible() -> None:
    assert ConfidenceSequence(bound=0.5).interval == (-0.5, 0.5)
    assert BettingTest().e_value == 1


@given(st.lists(st.tuples(GAINS, WEIGHTS), max_size=20), st.randoms())
def test_the_order_of_answers_changes_no_evidence(answers: list[tuple[float, float]], random) -> None:
    one, other = BettingTest(), BettingTest()
    shuffled = random.sample(answers, len(answers))
    for answer, moved in zip(answers, shuffled, strict=True):
        one.update(*answer)
        other.update(*moved)
    assert one.log_e_value == pytest.approx(other.log_e_value, abs=1e-9)


@given(st.lists(GAINS, max_size=10), WEIGHTS, st.integers(0, 50))
def test_a_mail_on_which_both_agree_is_a_factor_of_one(gains: list[float], weight: float, times: int) -> None:
    test = BettingTest()
    for gain in gains:
        test.update(gain, weight)
    before = test.log_e_value
    test.update(0.0, weight, times)
    assert test.log_e_value == before


def test_agreement_speaks_against_a_gain_that_was_asked_for() -> None:
    test, singly = BettingTest(gain=0.1), BettingTest(gain=0.1)
    test.update(0.0, 0.2, times=30)
    for _ in range(30):
        singly.update(0.0, 0.2)
    assert test.e_value == pytest.approx(singly.e_value)
    assert test.e_value < 1


@given(st.lists(GAINS, max_size=20), st.floats(0, 0.9))
def test_a_greater_gain_to_prove_is_never_easier(gains: list[float], more: float) -> None:
    modest, bold = BettingTest(gain=0.0), BettingTest(gain=more)
    for gain in gains:
        modest.update(gain, 1.0)
        bold.update(gain, 1.0)
    assert bold.log_e_value <= modest.log_e_value + 1e-9


def test_evidence_beyond_the_largest_float_is_still_a_number() -> None:
    test = BettingTest()
    test.update(1.0, 1.0, times=10_000)
    assert math.isfinite(test.e_value)
    assert test.log_e_value > 4_000


@given(st.lists(GAINS, min_size=1, max_size=20), st.integers(0, 30))
def test_zeros_at_once_are_zeros_one_by_one(values: list[float], zeros: int) -> None:
    at_once, singly = ConfidenceSequence(bound=1.0), ConfidenceSequence(bound=1.0)
    at_once.update_zeros(zeros)
    for value in values:
        at_once.update(value)
        singly.update(value)
    for _ in range(zeros):
        singly.update(0.0)
    assert at_once.interval == singly.interval
    assert at_once.mean == singly.mean


@given(st.lists(GAINS, min_size=1, max_size=20), st.sampled_from([0.25, 2.0, 8.0]))
def test_the_unit_of_the_values_changes_nothing(values: list[float], unit: float) -> None:
    one, other = ConfidenceSequence(bound=1.0), ConfidenceSequence(bound=unit)
    for value in values:
        one.update(value)
        other.update(unit * value)
    assert other.interval == pytest.approx([unit * end for end in one.interval])


@given(st.lists(GAINS, min_size=1, max_size=20))
def test_the_interval_holds_its_mean_and_mirrors_its_values(values: list[float]) -> None:
    sequence, mirrored = ConfidenceSequence(bound=1.0), ConfidenceSequence(bound=1.0)
    for value in values:
        sequence.update(value)
        mirrored.update(-value)
    low, high = sequence.interval
    assert low <= sequence.mean <= high
    assert mirrored.interval == pytest.approx((-high, -low))


@given(st.lists(GAINS, min_size=1, max_size=20))
def test_more_confidence_is_a_wider_interval(values: list[float]) -> None:
    modest, sure = ConfidenceSequence(bound=1.0, level=0.9), ConfidenceSequence(bound=1.0, level=0.99)
    for value in values:
        modest.update(value)
        sure.update(value)
    assert sure.interval[0] <= modest.interval[0]
    assert sure.interval[1] >= modest.interval[1]


@given(st.lists(GAINS, min_size=1, max_size=60))
def test_the_interval_is_never_wider_than_the_empirical_bernstein_one(values: list[float]) -> None:
    sequence, needed = ConfidenceSequence(bound=1.0), math.log(2 * len(RATES) / 0.05)
    for value in values:
        sequence.update(value)
    squares = sum(value**2 for value in values)

    def reached(deviation: float) -> float:
        return math.log(sum(math.exp(rate * deviation + (math.log1p(-rate) + rate) * squares) for rate in RATES))

    low, high = sequence.interval
    for end in (max(-1.0, low), min(1.0, high)):
        assert abs(end) == 1 or reached(abs(end - sequence.mean) * len(values)) <= needed + 1e-6


@given(st.lists(GAINS, min_size=1, max_size=40), st.integers(0, 30))
def test_the_interval_ends_where_the_evidence_is_just_enough(values: list[float], zeros: int) -> None:
    sequence = ConfidenceSequence(bound=1.0, level=0.9)
    sequence.update_zeros(zeros)
    for value in values:
        sequence.update(value)
    low, high = sequence.interval
    assert low == -1 or sequence.log_e_above(low) == pytest.approx(math.log(20))
    assert high == 1 or sequence.log_e_below(high) == pytest.approx(math.log(20))


@given(st.lists(st.tuples(GAINS, WEIGHTS), max_size=20))
def test_the_bets_on_a_gain_are_the_evidence_that_the_running_mean_is_above_zero(
    answers: list[tuple[float, float]],
) -> None:
    test, sequence = BettingTest(), ConfidenceSequence(bound=1.0)
    for gain, weight in answers:
        test.update(gain, weight)
        sequence.update(gain * weight)
    assert sequence.log_e_above(0.0) == pytest.approx(test.log_e_value)


@pytest.mark.parametrize(("d", "w"), [(1.1, 1.0), (-1.1, 1.0), (0.5, 0.0), (0.5, 1.1), (float("nan"), 1.0)])
def test_a_bet_out_of_bounds_is_refused(d: float, w: float) -> None:
    with pytest.raises(ValueError, match="must be in"):
        BettingTest().update(d, w)


def test_what_would_void_a_sequence_is_refused() -> None:
    with pytest.raises(ValueError, match="within"):
        ConfidenceSequence(bound=0.5).update(0.6)
    with pytest.raises(ValueError, match="zeros"):
        ConfidenceSequence(bound=0.5).update_zeros(-1)
    with pytest.raises(ValueError, match="bound"):
        ConfidenceSequence(bound=0.0)
    with pytest.raises(ValueError, match="gain"):
        BettingTest(gain=1.0)
    with pytest.raises(ValueError, match="bets"):
        BettingTest(lambdas=())
