"""Invented mail whose truth is known, decided by an overconfident champion and drawn by the product's own budget."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from triage_cl.domain.decisions import Bars
from triage_cl.domain.review import Budget, ReviewPolicy
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.segments import Bools

#: When the invented mail begins, and how far one mail is from the next.
BEGINNING, APART = datetime(2025, 1, 6, tzinfo=UTC), timedelta(seconds=30)
#: Of the probability that the first department leaves, so much is the second one's.
SECOND = 0.5
#: Disagreement with a challenger is as frequent as this, and grows with doubt.
DISPUTED, DISPUTED_IN_DOUBT = 0.01, 0.3


@dataclass(frozen=True, slots=True)
class Population:
    """Which mail there is and how well it is decided.

    The share `accuracy` of the decisions is right, in departments by Zipf's law, some harder than others (`hardness`,
    in log-odds, as are all spreads). Mails differ by `spread`; a thread has about `thread_mails` mails which share
    trouble of size `trouble` that the champion does not see. Its log-odds are stretched `overconfidence` times. The
    share `share` is reviewed.
    """

    mails: int = 50_000
    share: float = 0.02
    accuracy: float = 0.85
    overconfidence: float = 1.8
    spread: float = 1.5
    hardness: float = 0.5
    trouble: float = 0.8
    thread_mails: float = 2.5
    departments: int = 30


@dataclass(frozen=True, slots=True)
class Stream:
    """One mail an entry: the chance that its decision is right, what was believed, and the chance of a review.

    `drawn` is the draw by which the budget steered.
    """

    right: Floats
    confidence: Floats
    thread: Ints
    department: Ints
    probability: Floats
    drawn: Bools

    @classmethod
    def invented(cls, population: Population, random: np.random.Generator) -> "Stream":
        """A stream of such mail."""
        department = _by_zipf(population, random)
        thread = np.sort(
            random.integers(0, max(1, round(population.mails / population.thread_mails)), population.mails)
        )
        seen = population.spread * random.standard_normal(population.mails)
        seen += population.hardness * random.standard_normal(population.departments)[department]
        unseen = population.trouble * random.standard_normal(int(thread[-1]) + 1)[thread]
        level = _level_of(population.accuracy, seen + unseen)
        confidence = np.asarray(expit(population.overconfidence * (level + seen)))
        probability, drawn = _reviews(confidence, population.share, random)
        return cls(np.asarray(expit(level + seen + unseen)), confidence, thread, department, probability, drawn)


def _by_zipf(population: Population, random: np.random.Generator) -> Ints:
    """The departments, 0 the largest: the k-th has 1/k of its mail."""
    shares = 1 / np.arange(1, population.departments + 1)
    bounds = np.cumsum(shares / shares.sum())
    return np.minimum(np.searchsorted(bounds, random.random(population.mails)), population.departments - 1)


def _level_of(accuracy: float, log_odds: Floats) -> float:
    """What to add to the log-odds so that the mean probability is `accuracy`."""
    low, high = -20.0, 20.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if float(np.mean(expit(log_odds + middle))) < accuracy else (low, middle)
    return low


def _reviews(confidence: Floats, share: float, random: np.random.Generator) -> tuple[Floats, Bools]:
    """The review probabilities that the product's budget gives, mail by mail, and the draws that it went by."""
    margin = np.maximum(0.0, confidence - SECOND * (1 - confidence))
    doubts = np.where(confidence < Bars().suggest, 1.0, 1 - margin)
    disputes: NDArray[np.bool_] = random.random(confidence.size) < DISPUTED + DISPUTED_IN_DOUBT * (1 - confidence)
    uniforms = random.random(confidence.size)
    budget, chances = Budget(ReviewPolicy(share=share)), np.empty(confidence.size)
    for number, (doubt, disputed, uniform) in enumerate(
        zip(doubts.tolist(), disputes.tolist(), uniforms.tolist(), strict=True)
    ):
        at = BEGINNING + number * APART
        chances[number] = budget.probability(doubt, disputed, at)
        budget.record(doubt, disputed, uniform < chances[number], at)
    return chances, uniforms < chances
