"""Independent implementations on the same data, where they are installed: `glide-py` and `confseq`."""

from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import stdtrit

from triage_cl.statistics.estimators import Interval, aipw_mean, ipw_mean
from triage_cl.statistics.sequences import RATES, BettingTest, ConfidenceSequence

CLOSE = {"rel": 0.0, "abs": 1e-8}
MAILS = 4_000

Sample = tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.float64], NDArray[np.float64]]


@pytest.fixture(params=[1, 2, 3])
def sample(request: pytest.FixtureRequest) -> Sample:
    """Right decisions, draws, their probabilities and confidence; enough wrong answers for a plain interval."""
    random = np.random.default_rng(request.param)
    confidence = random.beta(4, 2, MAILS)
    probability = 0.1 + 0.6 * (1 - confidence)
    return random.random(MAILS) < confidence, random.random(MAILS) < probability, probability, confidence


def standard_error(told: Interval, groups: int) -> float:
    """The interval is Student's; the packages' is the normal one."""
    return (told.high - told.low) / 2 / float(stdtrit(groups - 1, 0.975))


def test_estimates_are_those_of_glide(sample: Sample) -> None:
    glide = pytest.importorskip("glide.estimators")
    right, drawn, probability, confidence = sample
    answers = np.where(drawn, right.astype(float), np.nan)
    for ours, theirs in (
        (ipw_mean(right, drawn, probability), glide.IPWClassicalMeanEstimator().estimate(answers, probability)),
        (
            aipw_mean(right, drawn, probability, confidence),
            glide.ASIMeanEstimator().estimate(answers, confidence, probability),
        ),
    ):
        assert ours is not None
        assert ours.point == pytest.approx(theirs.confidence_interval.mean, **CLOSE)
        assert standard_error(ours, int(drawn.sum())) == pytest.approx(theirs.confidence_interval.std, **CLOSE)


def test_clustered_intervals_are_those_of_glide(sample: Sample) -> None:
    glide = pytest.importorskip("glide.estimators")
    right, drawn, probability, _ = sample
    threads = np.arange(MAILS) // 4
    ours = ipw_mean(right, drawn, probability, clusters=threads)
    summands = np.where(drawn, right / probability, 0.0)
    theirs = glide.ClusteredClassicalMeanEstimator().estimate(summands, threads).confidence_interval
    assert ours is not None
    assert ours.point == pytest.approx(theirs.mean, **CLOSE)
    assert standard_error(ours, np.unique(threads[drawn]).size) == pytest.approx(theirs.std, **CLOSE)


def gains(seed: int, mean: float = 0.1) -> NDArray[np.float64]:
    random = np.random.default_rng(seed)
    return np.clip(random.normal(mean, 0.4, 400), -1, 1)


def constant(rate: float, x: NDArray[np.float64], _mean: float = 0.0) -> NDArray[np.float64]:
    return np.full(len(x), rate)


@pytest.fixture
def _confseq(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its annotations name a type that NumPy 2 has no more."""
    monkeypatch.setattr(np, "float_", np.float64, raising=False)
    pytest.importorskip("confseq.betting")


def wealths(values: NDArray[np.float64]) -> dict[float, float]:
    """What each fixed rate made of one, by confseq."""
    from confseq.betting import betting_mart

    bets = {"theta": 1, "trunc_scale": 1, "m_trunc": False}
    return {
        rate: float(betting_mart(values, 0.0, lambdas_fn_positive=partial(constant, rate), **bets)[-1])
        for rate in RATES
    }


@pytest.mark.usefixtures("_confseq")
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("gain", [0.0, 0.05])
def test_the_evidence_of_a_duel_is_that_of_confseq(seed: int, gain: float) -> None:
    weights = np.random.default_rng(seed + 100).choice([0.2, 0.5, 1.0], 400)
    test = BettingTest(gain=gain)
    for value, weight in zip(gains(seed), weights, strict=True):
        test.update(float(value), float(weight))
    theirs = wealths(weights * (gains(seed) - gain) / (1 + gain))
    assert test.e_value == pytest.approx(np.mean(list(theirs.values())), rel=1e-8)


@pytest.mark.usefixtures("_confseq")
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_ends_of_a_confidence_sequence_are_where_the_evidence_of_confseq_is_enough(seed: int) -> None:
    values = gains(seed)
    sequence = ConfidenceSequence(bound=1.0)
    for value in values:
        sequence.update(float(value))
    low, high = sequence.interval
    for end, theirs in ((low, wealths(values)), (-high, wealths(-values))):
        evidence = np.mean([wealth * np.exp(-rate * end * len(values)) for rate, wealth in theirs.items()])
        assert evidence == pytest.approx(2 / 0.05, rel=1e-8)


@pytest.mark.usefixtures("_confseq")
@pytest.mark.parametrize("rate", RATES)
def test_a_confidence_sequence_is_never_wider_than_the_empirical_bernstein_one_of_confseq(rate: float) -> None:
    from confseq.predmix import predmix_lower_cs

    values = gains(4, mean=0.5)
    sequence = ConfidenceSequence(bound=1.0, rates=(rate,))
    theirs = predmix_lower_cs(
        values, values**2, partial(constant, rate), lambda rates: -np.log1p(-rates) - rates, alpha=0.025
    )
    for value, their_low in zip(values, theirs, strict=True):
        sequence.update(float(value))
        assert sequence.interval[0] >= min(their_low, 1.0) - 1e-12 or their_low == 0
