"""Rules that look reasonable and promote noise: the negative controls of the simulated duels."""

from statistics import NormalDist

import numpy as np

from triage_cl.statistics.duel_paths import Bools, Reviews, ever
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.sequences import RATES

#: The z-test is first peeked at after so many answers.
ENOUGH_ANSWERS = 30

#: Adaptive bets follow so many of the latest answers.
LATEST = 50


def peeked_z(reviews: Reviews, alpha: float) -> Bools:
    """Whether a one-sided z-test at `alpha`, looked at after every answer, is ever significant."""
    value = _values(reviews)
    squares = np.cumsum(value**2, axis=1)
    z = np.cumsum(value, axis=1) / np.sqrt(np.maximum(squares, np.finfo(float).tiny))
    significant: Bools = (z > NormalDist().inv_cdf(1 - alpha)) & (reviews.answered >= ENOUGH_ANSWERS)
    return ever(significant)


def adaptive_bets(reviews: Reviews, alpha: float) -> Bools:
    """Whether bets that follow the latest answers ever reach 1/α.

    They prove that the challenger was better at some time, and not that it is on the whole.
    """
    value = _values(reviews)
    mean, square = _latest(value), _latest(value**2)
    rate = np.clip(mean / np.maximum(square, np.finfo(float).tiny), 0.0, max(RATES))
    wealth = np.cumsum(np.log1p(rate * value), axis=1)
    return ever(wealth >= -np.log(alpha))


def _latest(value: Floats) -> Floats:
    """The mean of the latest values before each; 0 for the first few."""
    total = np.cumsum(value, axis=1)
    mean = np.zeros_like(value)
    mean[:, LATEST + 1 :] = (total[:, LATEST:-1] - total[:, : -LATEST - 1]) / LATEST
    return mean


def _values(reviews: Reviews) -> Floats:
    return np.where(np.isnan(reviews.gain), 0.0, reviews.weight * reviews.gain)
