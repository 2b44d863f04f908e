"""Many duels at once, looked at after every review: the numbers of `Duel`, for simulations."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from triage_cl.domain.promotion import PromotionRule
from triage_cl.statistics.duels import rates_for
from triage_cl.statistics.estimators import Floats

Ints = NDArray[np.intp]
Bools = NDArray[np.bool_]
Rates = tuple[float, ...]

#: So many duels are followed together that what they need stays in a processor's cache.
TOGETHER = 64


@dataclass(frozen=True, slots=True)
class Reviews:
    """Reviews in decision order, a row a duel.

    `gain` is NaN where nobody answered, `weight` the least chance of having an answer over this one's; `mails` counts
    the mails up to this one, it included, and `agreed` those of them on which both agree.
    """

    gain: Floats
    weight: Floats
    mails: Ints
    agreed: Ints

    def __getitem__(self, rows: slice) -> "Reviews":
        return Reviews(self.gain[rows], self.weight[rows], self.mails[rows], self.agreed[rows])

    @property
    def answered(self) -> Ints:
        """How many answers there were up to each review."""
        return np.cumsum(~np.isnan(self.gain), axis=1)


@dataclass(frozen=True, slots=True)
class Paths:
    """The logarithms of the evidence after each review, a row a duel.

    `gain`: of the bets that the gain is above the least one. `above`: that the running mean is. `below`: that it is
    below what makes going on worth while. At level α each is proof from log(1/α) on.
    """

    gain: Floats
    above: Floats
    below: Floats

    def proved(self, alpha: float | Floats) -> Bools:
        """Where a promotion has all it needs; `alpha` may differ between the rows."""
        return np.minimum(self.gain, self.above) >= _needed(alpha)

    def futile(self, alpha: float | Floats) -> Bools:
        """Where the gain is shown to be out of reach."""
        return self.below >= _needed(alpha)


def _needed(alpha: float | Floats) -> Floats:
    needed: Floats = -np.log(np.atleast_1d(alpha))[:, None]
    return needed


def follow(reviews: Reviews, rule: PromotionRule, least_probability: float, asked_again: float = 1.0) -> Paths:
    """The evidence of each duel after each review; the parameters are those of `Duel`."""
    starts = range(0, len(reviews.gain), TOGETHER)
    least, rates = least_probability * asked_again, rates_for(asked_again)
    parts = [_follow(reviews[start : start + TOGETHER], rule, least, rates) for start in starts]
    return Paths(*(np.concatenate([getattr(part, name) for part in parts]) for name in Paths.__slots__))


def _follow(reviews: Reviews, rule: PromotionRule, least: float, rates: Rates) -> Paths:
    answered = ~np.isnan(reviews.gain)
    weight = np.where(answered, reviews.weight, 0.0)
    gain = np.where(answered, reviews.gain, 0.0)
    least_gain = rule.least_gain
    worth_while = least_gain + rule.futility
    stake, agreement = weight * (gain - least_gain) / (1 + least_gain), -least * least_gain / (1 + least_gain)
    # As `BettingTest`: a factor an answer, and one for each mail on which both agree.
    bets = (_wealth(rate, stake) + reviews.agreed * np.log1p(rate * agreement) for rate in rates)
    # As `ConfidenceSequence`: the evidence that the sum of expectations is above, or below, what is needed of it.
    above = (_wealth(rate, weight * gain) - rate * least * least_gain * reviews.mails for rate in rates)
    below = (_wealth(-rate, weight * gain) + rate * least * worth_while * reviews.mails for rate in rates)
    return Paths(log_mean(bets), log_mean(above), log_mean(below))


def _wealth(rate: float, stake: Floats) -> Floats:
    wealth: Floats = np.cumsum(np.log1p(rate * stake), axis=1)
    return wealth


def log_mean(terms: Iterable[Floats]) -> Floats:
    """The logarithm of the mean over the rates of numbers given by their logarithms."""
    every = np.stack(list(terms))
    largest = every.max(axis=0)
    mean: Floats = largest + np.log(np.exp(every - largest).mean(axis=0))
    return mean


def ever(happened: Bools) -> Bools:
    """Whether it happened in any column, for each row."""
    rows: Bools = np.logical_or.reduce(happened, axis=1)
    return rows


def first(happened: Bools) -> Ints:
    """The first column in which it happened, for each row; the number of columns where it never did."""
    return np.where(ever(happened), np.argmax(happened, axis=1), happened.shape[1])
