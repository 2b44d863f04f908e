"""What double reviews tell of each reviewer, about all their answers and about each two departments, and which answers
to give to a second reviewer next.

Somebody who swaps two departments is right about the rest of the mail, so that all their reviews together say little.
Each reviewer therefore has several *streams* of double reviews: one of all of them, and for each pair of departments
one of those in which both answers are of the pair. A reviewer is within the tolerance if in no stream a settled review
is expected to go against them with more than that chance, given the past.

A double review is *random* if the past and chance alone chose its mail: it counts in every stream that it belongs to.
It is *aimed* at a stream if it was chosen because the first answer is of that pair. Elsewhere such mail is no fair
sample; in that stream it is one, since every review there has a first answer of the pair. So it counts there alone.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import xlogy

from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools, log_e_values

Ints = NDArray[np.intp]
Indices = Ints | tuple[Ints, ...]

#: The stream of all reviews, and none.
ALL, NONE = 0, -1

#: Evidence beyond this (natural logarithm) is not told apart: it has long been enough.
MOST_EVIDENCE = 600.0

#: How much of the budget for double reviews may be aimed at suspects.
AIMED_SHARE = 0.6

#: So many answers of a reviewer are taken to follow the mail.
FEW_ANSWERS = 5

#: Up to so many reviews (as a power of two) evidence is looked up: tables of more would be gigabytes.
TABLE_BITS = 10

#: Of how many reviews a suspect's rate of error is believed at first to be the tolerance.
PRIOR_REVIEWS = 2.0


@dataclass(frozen=True)
class Streams:
    """The streams of reviewers whose mail has these `shares` of departments: all reviews, then each pair's from (0, 1).

    `pair_tolerance` is that of the pairs, for departments that honest people confuse; without it the `tolerance` is.
    """

    shares: tuple[float, ...]
    tolerance: float = TOLERANCE
    pair_tolerance: float | None = None

    @cached_property
    def members(self) -> Bools:
        """Whether a department (column) belongs to a stream (row)."""
        departments = np.arange(len(self.shares))
        in_pair = [(departments == lower) | (departments == higher) for lower, higher in zip(*self._pairs, strict=True)]
        belong: Bools = np.array([np.ones(departments.size, dtype=bool), *in_pair])
        return belong

    @property
    def count(self) -> int:
        """How many streams there are."""
        return len(self.members)

    def expected(self, stream: Ints, answers: ArrayLike) -> Floats:
        """The share of each reviewer's next answers that are of a stream, as of the `answers` so far by department.

        A few answers that follow the mail are added, for those who have given none.
        """
        seen = np.asarray(answers) + FEW_ANSWERS * np.asarray(self.shares) / np.sum(self.shares)
        expected: Floats = np.sum(seen * self.members[stream], axis=-1) / seen.sum(axis=-1)
        return expected

    @cached_property
    def log_weights(self) -> Floats:
        """The logarithm of each stream's weight in the evidence: half for all reviews, half for the pairs.

        A pair's is in proportion to how often two mails drawn at random are of it: what is at stake if it is swapped.
        """
        lower, higher = self._pairs
        mail = np.asarray(self.shares)
        stakes = mail[lower] * mail[higher]
        weights: Floats = np.log(np.concatenate([[0.5], 0.5 * stakes / stakes.sum()]))
        return weights

    def counting(self, first: ArrayLike, second: ArrayLike, aimed: ArrayLike) -> Bools:
        """Which streams (last axis) a settled review with these two answers counts in, for both who gave them.

        `aimed` is the stream that it was aimed at, or `ALL` if it was random.
        """
        target, members = np.asarray(aimed)[..., None], self.members.T
        meant = (target == ALL) | (target == np.arange(self.count))
        counted: Bools = members[np.asarray(first)] & members[np.asarray(second)] & meant
        return counted

    def log_e_values(self, judged: ArrayLike, wrong: ArrayLike) -> Floats:
        """The logarithm of the evidence in each stream (last axis) that it errs more often than tolerated there."""
        return self._looked_up(_evidence, judged, wrong)

    def log_e_value(self, log_e_values: ArrayLike) -> Floats:
        """The logarithm of the evidence against each reviewer: the mean of the streams' by their weights.

        A mean of e-processes is one too (Vovk & Wang 2021), since the weights are settled before the first review.
        """
        evidence: Floats = np.log(np.exp(np.asarray(log_e_values)) @ np.exp(self.log_weights))
        return evidence

    def growths(self, judged: ArrayLike, wrong: ArrayLike) -> Floats:
        """How much evidence a further review of each stream is expected to bring if one errs as often as was seen.

        The divergence of the rate from the tolerance (Kullback & Leibler 1951), where it is above.
        """
        return self._looked_up(_growth, judged, wrong)

    @cached_property
    def _pairs(self) -> tuple[Ints, Ints]:
        lower, higher = np.triu_indices(len(self.shares), 1)
        return lower, higher

    def _looked_up(self, what: Callable[[Ints, Ints, float], Floats], judged: ArrayLike, wrong: ArrayLike) -> Floats:
        reviews = np.asarray(judged, dtype=np.intp)
        pair = self.tolerance if self.pair_tolerance is None else self.pair_tolerance
        against, of_pairs = np.asarray(wrong, dtype=np.intp), np.arange(self.count) != ALL
        bits = int(reviews.max(initial=0)).bit_length()
        if bits > TABLE_BITS:
            return np.where(of_pairs, what(against, reviews, pair), what(against, reviews, self.tolerance))
        tables = _tables(what, bits, (self.tolerance, pair))
        return np.asarray(tables[of_pairs.astype(np.intp), reviews, against])


@lru_cache(maxsize=64)
def _tables(what: Callable[[Ints, Ints, float], Floats], bits: int, tolerances: tuple[float, ...]) -> Floats:
    """What each tolerance makes of so many reviews (row) of which so many were wrong (column).

    Counts are small and repeat themselves a thousand times in a population.
    """
    counts = np.arange(2**bits)
    return np.stack([what(np.minimum(counts, counts[:, None]), counts[:, None], one) for one in tolerances])


def _evidence(wrong: Ints, judged: Ints, tolerance: float) -> Floats:
    return np.minimum(log_e_values(wrong, judged, tolerance), MOST_EVIDENCE)


def _growth(wrong: Ints, judged: Ints, tolerance: float) -> Floats:
    rate = (wrong + PRIOR_REVIEWS * tolerance) / (judged + PRIOR_REVIEWS)
    divergence = xlogy(rate, rate / tolerance) + xlogy(1 - rate, (1 - rate) / (1 - tolerance))
    return np.asarray(np.where(rate > tolerance, divergence, 0.0))


@dataclass(frozen=True, slots=True)
class Suspicions:
    """In which stream a flag is nearest to each reviewer (last axis), and how near: 1 over the reviews needed, or 0."""

    stream: Ints
    nearness: Floats

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "Suspicions":
        """Nobody is suspected."""
        return cls(np.full(shape, ALL), np.zeros(shape))

    @classmethod
    def told(cls, streams: Streams, log_e_values: ArrayLike, growths: ArrayLike, enough: float) -> "Suspicions":
        """What the evidence by reviewer and stream makes suspect; `enough` is the logarithm of that for a flag."""
        missing = enough - streams.log_weights - np.asarray(log_e_values)
        nearness = np.asarray(growths) / np.maximum(missing, 1.0)
        stream = np.argmax(nearness, axis=-1)
        return cls(stream, np.take_along_axis(nearness, stream[..., None], axis=-1)[..., 0])

    def of(self, stream: ArrayLike) -> Bools:
        """Who is suspected in a stream: no good second reviewer there, since they may be in league with the first."""
        suspected: Bools = (self.stream == np.asarray(stream)[..., None]) & (self.nearness > 0)
        return suspected


@dataclass(frozen=True, slots=True)
class SecondLooks:
    """With what chance each reviewer's next answer is given to a second one; the last axis is that of reviewers.

    `random` is the chance of a random double review; one aimed at `stream` has the chance `aimed` besides, if the
    answer is a department of it. All of it follows from the past, and all answers that count in a stream are treated
    alike in it, so that evidence stays valid.
    """

    random: Floats
    aimed: Floats
    stream: Ints

    @classmethod
    def planned(
        cls, streams: Streams, suspicions: Suspicions, answers: ArrayLike, budget: float, working: ArrayLike
    ) -> "SecondLooks":
        """For the share `budget` of the answers on the average, most of which is aimed where a flag is nearest.

        Every answer of a suspect's worst stream is reviewed twice, of as many suspects as that pays for; what they do
        not need is random. `answers` counts those so far by reviewer and department (last axis).
        """
        active = np.asarray(working, dtype=bool)
        nearness = suspicions.nearness * active
        # What is random already need not be aimed, so that a little of the budget is left over.
        costs = np.where(nearness > 0, streams.expected(suspicions.stream, answers), 0.0)
        costs /= np.maximum(active.sum(axis=-1, keepdims=True), 1)
        aimed = _paid(costs, np.argsort(-nearness, axis=-1), budget * AIMED_SHARE)
        at_random = budget - np.sum(aimed * costs, axis=-1, keepdims=True)
        everything = suspicions.stream == ALL
        chance = at_random + np.where(everything, aimed, 0.0)
        return cls(chance, np.where(everything, 0.0, aimed), suspicions.stream)

    def drawn(self, streams: Streams, who: Indices, answered: ArrayLike, uniform: ArrayLike) -> Ints:
        """The stream that a double review of this answer is aimed at, `ALL` for a random one, `NONE` for no review.

        `who` are the reviewers' places, `uniform` is the one random number of each mail.
        """
        stream, draw = self.stream[who], np.asarray(uniform)
        aimed = (draw < self.random[who] + self.aimed[who]) & streams.members[stream, np.asarray(answered)]
        return np.where(draw < self.random[who], ALL, np.where(aimed, stream, NONE))


def _paid(costs: Floats, order: Ints, budget: float) -> Floats:
    """The share of each cost that a budget pays for, in this order of the last axis."""
    ordered = np.take_along_axis(costs, order, axis=-1)
    left = budget - (np.cumsum(ordered, axis=-1) - ordered)
    shares = np.clip(left / np.where(ordered > 0, ordered, 1.0), 0.0, 1.0) * (ordered > 0)
    paid = np.empty_like(costs)
    np.put_along_axis(paid, order, shares, axis=-1)
    return paid
