"""What is kept of a day's decisions for drift: a summary of fixed size, whatever the number of mails.

Everything is a count in a fixed bin, or a sum of such weights in whole units, so that summaries of parts add up to
exactly that of the whole, in any order and grouping. A quantile sketch (KLL, t-digest) would be finer in the tails and
would promise neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from triage_cl.domain.decisions import Action
from triage_cl.statistics.estimators import Floats

Counts = NDArray[np.int64]

ACTIONS = tuple(Action)
HOURS, WEEKDAYS = 24, 7
#: Bins of shares (confidence, unseen words), and of lengths: eight an octave, up to 16 million.
SHARE_BINS, BINS_AN_OCTAVE, LENGTH_BINS = 100, 8, 192
#: Review probabilities are told apart by octave: stratum k has those in (2^-(k+1), 2^-k].
STRATA = 20
#: Inverse probabilities and their squares are summed in parts of one.
WEIGHT_PARTS, SQUARE_PARTS = 2**16, 2**8
#: 1 January 1970 was a Thursday.
FIRST_WEEKDAY = 3


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions by columns, an entry each, as they come from the ledger a page at a time.

    `department` is the place in `departments`, or -1 where nothing was concluded; `action` that in `ACTIONS`;
    `decided_at` counts seconds from 1970 (UTC); `unseen` is NaN where the champion cannot tell.
    """

    departments: Sequence[str]
    department: ArrayLike
    action: ArrayLike
    decided_at: ArrayLike
    confidence: ArrayLike
    length: ArrayLike
    unseen: ArrayLike
    probability: ArrayLike
    drawn: ArrayLike


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """A summary of decisions and of their answers; `a + b` is that of both.

    `mails` are counted by department (a row more than `departments` has: nothing concluded), action, weekday (Monday
    first) and hour in UTC. `confidence` (of mails with a department), `length` and `unseen` are histograms by hour.
    `reviews` counts by stratum of the review probability: decisions, drawn, answered, answered and wrong. `weights`
    sums by stratum, over the answers: 1/p and 1/p² of all and of the wrong ones.
    """

    departments: tuple[str, ...]
    mails: Counts
    confidence: Counts
    length: Counts
    unseen: Counts
    reviews: Counts
    weights: Counts

    @classmethod
    def empty(cls) -> Self:
        """The summary of nothing."""
        shares, lengths, strata = (HOURS, SHARE_BINS), (HOURS, LENGTH_BINS), (STRATA, 4)
        shapes = [(1, len(ACTIONS), WEEKDAYS, HOURS), shares, lengths, shares, strata, strata]
        return cls((), *(np.zeros(shape, np.int64) for shape in shapes))

    @classmethod
    def of_decisions(cls, decisions: Decisions) -> Self:
        """The summary of some decisions, which have no answers yet.

        Raises:
            ValueError: A review probability is outside (0, 1], or below a millionth.
        """
        empty, named = cls.empty(), tuple(sorted(decisions.departments))
        row = np.array([named.index(name) for name in decisions.departments] + [len(named)], np.intp)
        department = np.asarray(decisions.department)
        at = np.asarray(decisions.decided_at, np.int64)
        hour, weekday = at // 3_600 % HOURS, (at // 86_400 + FIRST_WEEKDAY) % WEEKDAYS
        shape = (len(named) + 1, *empty.mails.shape[1:])
        mails = _counted(shape, row[department], np.asarray(decisions.action), weekday, hour)
        confidence = np.where(department >= 0, np.asarray(decisions.confidence, np.float64), np.nan)
        lengths = np.log2(np.maximum(1.0, np.asarray(decisions.length, np.float64))) * BINS_AN_OCTAVE
        stratum, drawn = strata(decisions.probability), np.asarray(decisions.drawn, bool)
        reviews = np.zeros_like(empty.reviews)
        reviews[:, 0] = np.bincount(stratum, minlength=STRATA)
        reviews[:, 1] = np.bincount(stratum[drawn], minlength=STRATA)
        histograms = (
            _histogram(confidence * SHARE_BINS, hour, SHARE_BINS),
            _histogram(lengths, hour, LENGTH_BINS),
            _histogram(np.asarray(decisions.unseen, np.float64) * SHARE_BINS, hour, SHARE_BINS),
        )
        return cls(named, mails, *histograms, reviews, empty.weights)

    @classmethod
    def of_answers(cls, probability: ArrayLike, wrong: ArrayLike) -> Self:
        """The summary of answers to drawn mails: the decisions' review probabilities, and which were wrong.

        Raises:
            ValueError: A review probability is outside (0, 1], or below a millionth.
        """
        empty, stratum, missed = cls.empty(), strata(probability), np.asarray(wrong, bool)
        weight = 1 / np.asarray(probability, np.float64)
        summands = np.stack([np.rint(WEIGHT_PARTS * weight), np.rint(SQUARE_PARTS * weight**2)], axis=1).astype(
            np.int64
        )
        reviews, weights = np.zeros_like(empty.reviews), np.zeros_like(empty.weights)
        np.add.at(weights[:, :2], stratum, summands)
        np.add.at(weights[:, 2:], stratum[missed], summands[missed])
        reviews[:, 2] = np.bincount(stratum, minlength=STRATA)
        reviews[:, 3] = np.bincount(stratum[missed], minlength=STRATA)
        return cls((), empty.mails, empty.confidence, empty.length, empty.unseen, reviews, weights)

    def __add__(self, other: "Sketch") -> "Sketch":
        """The summary of all that either summarises, each mail being in one of them."""
        named = tuple(sorted({*self.departments, *other.departments}))
        sums = {each.name: getattr(self, each.name) + getattr(other, each.name) for each in fields(self)[2:]}
        return Sketch(named, self._mails_of(named) + other._mails_of(named), **sums)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sketch) or self.departments != other.departments:
            return False
        return all(np.array_equal(getattr(self, each.name), getattr(other, each.name)) for each in fields(self)[1:])

    __hash__ = None  # type: ignore[assignment]

    def _mails_of(self, named: Sequence[str]) -> Counts:
        """The counts with a row for each of `named`, which has all departments of this summary."""
        mails = np.zeros((len(named) + 1, *self.mails.shape[1:]), np.int64)
        rows = [named.index(name) for name in self.departments]
        mails[[*rows, len(named)]] = self.mails
        return mails

    def plain(self) -> dict[str, Any]:
        """It as plain data, from which `of_plain` makes the same again."""
        arrays = {each.name: getattr(self, each.name).tolist() for each in fields(self)[1:]}
        return {"departments": list(self.departments), **arrays}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The summary that `plain` told."""
        arrays = {each.name: np.asarray(plain[each.name], np.int64) for each in fields(cls)[1:]}
        return cls(tuple(plain["departments"]), **arrays)


def strata(probability: ArrayLike) -> NDArray[np.intp]:
    """The stratum of each review probability.

    Raises:
        ValueError: One is outside (0, 1], or below a millionth.
    """
    told = np.asarray(probability, np.float64)
    if not np.all((told > 2.0**-STRATA) & (told <= 1)):
        raise ValueError(f"every review probability must be above {2.0**-STRATA:.1g} and at most 1")
    mantissa, exponent = np.frexp(told)
    return np.asarray(-exponent + (mantissa == 0.5), np.intp)


def share_midpoints() -> Floats:
    """What the mails in each bin of a share are taken to have."""
    return (np.arange(SHARE_BINS) + 0.5) / SHARE_BINS


def length_midpoints() -> Floats:
    """The same of lengths, in octaves (base-two logarithms)."""
    return (np.arange(LENGTH_BINS) + 0.5) / BINS_AN_OCTAVE


def _histogram(scaled: Floats, hour: NDArray[np.int64], bins: int) -> Counts:
    """Counts by hour and bin, values beyond the ends in the outermost bins; NaN is left out."""
    there = np.isfinite(scaled)
    binned = np.clip(scaled[there], 0, bins - 1).astype(np.int64)
    return _counted((HOURS, bins), hour[there], binned)


def _counted(shape: tuple[int, ...], *places: NDArray[Any]) -> Counts:
    """How often each place of a table occurs."""
    flat = np.ravel_multi_index(places, shape)
    return np.bincount(flat, minlength=int(np.prod(shape))).astype(np.int64).reshape(shape)
