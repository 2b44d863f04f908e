"""Answers that never came: how many, what they could change at most, and how to make up for them.

Whoever is asked about a mail may not answer, and whether they do may depend on the answer. Leaving those mails out is
right only if it does not. What can be said without that assumption are bounds (Manski 1990; with sampling error
Horowitz & Manski 2000), how far from it one must be for a verdict to turn (the odds ratio of an exponential tilt:
Robins, Rotnitzky & Scharfstein 2000), and, once a random part of the missing was asked again and did answer, an
estimate that needs no assumption (Hansen & Hurwitz 1946).
"""

from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.statistics.estimators import Floats, Interval, aipw_mean
from triage_cl.statistics.segments import Bools, Reviewed

#: Odds ratios further from 1 than this, either way, turn nothing that people would dispute.
MOST_ODDS = 1_000.0
#: After so many halvings the odds ratio is known to six digits.
HALVINGS = 40


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the share right is whatever the missing answers are: between `lowest` and `highest` but for chance.

    `low` and `high` are the ends of an interval that holds all of that range with the confidence asked for.
    """

    lowest: float
    highest: float
    low: float
    high: float


class Standing(StrEnum):
    """Where an interval stands against a bar."""

    ABOVE = "above"
    BELOW = "below"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """How a verdict stands if missing answers are like the others, and the odds ratio nearest to 1 that would turn it.

    The odds of being right are `odds_ratio` times as high where nobody answered as where somebody did. None: the
    verdict is undecided anyway, or nothing within a factor of `MOST_ODDS` turns it.
    """

    standing: Standing
    odds_ratio: float | None


def missing_share(reviewed: Reviewed) -> float:
    """The share of all mail that nobody would answer if asked, by the inverse of the probabilities; 0 if none asked."""
    asked = _stood_for(reviewed, reviewed.drawn)
    return _stood_for(reviewed, reviewed.drawn & ~reviewed.answered) / asked if asked else 0.0


def worst_case(reviewed: Reviewed, level: float = 0.95) -> Bounds:
    """The bounds from taking every missing answer to be wrong, and to be right; 0 and 1 where nothing can be told."""
    filled = replace(reviewed, answered=reviewed.drawn)
    told = np.where(reviewed.answered, reviewed.correct, 0.0)
    wrong = _estimate(replace(filled, correct=told), level) or Interval(0.0, 0.0, 1.0)
    right = _estimate(replace(filled, correct=np.where(reviewed.answered, told, 1.0)), level) or Interval(1.0, 0.0, 1.0)
    return Bounds(wrong.point, right.point, wrong.low, right.high)


def tilted(reviewed: Reviewed, odds_ratio: float = 1.0, level: float = 0.95) -> Interval | None:
    """The share right if the odds of it are `odds_ratio` times as high where nobody answered; 1 is missing at random.

    Each answer also stands for missing ones, the right answers `odds_ratio` times as much as the wrong. None as in
    `aipw_mean`.

    Raises:
        ValueError: The odds ratio is not above 0.
    """
    if not odds_ratio > 0:
        raise ValueError(f"an odds ratio must be above 0, not {odds_ratio}")
    return _estimate(replace(reviewed, probability=_answering(reviewed, odds_ratio)), level)


def turning_odds(reviewed: Reviewed, bar: float, level: float = 0.95) -> Sensitivity:
    """Whether the share right is above or below `bar`, and how unlike the others missing answers must be to change it.

    The further the odds ratio is from 1, the safer the verdict.
    """
    standing = _standing(tilted(reviewed, 1.0, level), bar)
    if standing is Standing.UNDECIDED:
        return Sensitivity(standing, None)
    near, far = 0.0, float(np.log(MOST_ODDS)) * (-1 if standing is Standing.ABOVE else 1)
    if _standing(tilted(reviewed, float(np.exp(far)), level), bar) is standing:
        return Sensitivity(standing, None)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        same = _standing(tilted(reviewed, float(np.exp(middle)), level), bar) is standing
        near, far = (middle, far) if same else (near, middle)
    return Sensitivity(standing, float(np.exp(far)))


def asked_again(reviewed: Reviewed, again: ArrayLike, share: float) -> Reviewed:
    """The columns when a random `share` of the missing was asked `again` with an answer required.

    `reviewed.answered` has the answers of both rounds. Who answered the second time stands for 1/`share` of the
    missing; the missing who were not asked again are left out. Who did not answer then either is missing still.

    Raises:
        ValueError: The share is outside (0, 1], or mail was asked about again that never was before.
    """
    second = np.asarray(again, dtype=bool)
    if not 0 < share <= 1:
        raise ValueError(f"the share that is asked again must be in (0, 1], not {share}")
    if np.any(second & ~reviewed.drawn):
        raise ValueError("only mail that somebody was asked about can be asked about again")
    asked = reviewed.answered | second
    return replace(
        reviewed, drawn=asked, probability=np.where(second, reviewed.probability * share, reviewed.probability)
    )


def _estimate(reviewed: Reviewed, level: float) -> Interval | None:
    """The product's estimate from the answers that there are."""
    return aipw_mean(
        reviewed.correct, reviewed.answered, reviewed.probability, reviewed.confidence, level, reviewed.clusters
    )


def _stood_for(reviewed: Reviewed, which: Bools) -> float:
    """How many mails these stand for."""
    return float(np.sum(1 / reviewed.probability[which]))


def _answering(reviewed: Reviewed, odds_ratio: float) -> Floats:
    """The probability with which each mail is asked about and answered, so that the answered stand for the missing."""
    answered = _stood_for(reviewed, reviewed.answered)
    missing = _stood_for(reviewed, reviewed.drawn & ~reviewed.answered)
    right = np.where(reviewed.answered, reviewed.correct, 0.0).astype(np.float64)
    share = float(np.sum((right / reviewed.probability)[reviewed.answered])) / answered if answered else 0.0
    tilt = odds_ratio**right / (odds_ratio * share + 1 - share)
    each = missing / answered if answered else 0.0
    return np.asarray(reviewed.probability / (1 + each * np.where(reviewed.answered, tilt, 1.0)))


def _standing(interval: Interval | None, bar: float) -> Standing:
    if interval is not None and interval.low > bar:
        return Standing.ABOVE
    return Standing.BELOW if interval is not None and interval.high < bar else Standing.UNDECIDED
