"""From summaries of decisions to the daily numbers that are watched, and to the shifts that people read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.domain.drift import NEVER, SHIFT_BARS, WATCH_ONLY, Bars, Kind, Measure, shift
from triage_cl.domain.drift_alarms import Quantity
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import without_nan
from triage_cl.statistics.sketches import (
    SQUARE_PARTS,
    WEIGHT_PARTS,
    Counts,
    Sketch,
    length_midpoints,
    share_midpoints,
)

#: A department with a smaller share of the reference's mail is watched together with the other small ones.
LEAST_SHARE = 0.02
#: What the small departments, and mail of which nothing was concluded, are called together.
OTHERS = "others"
#: Into how many bins a number is cut for people, and how many mails a category needs for a bin (Cochran 1954).
BINS, LEAST_EXPECTED = 10, 5


class Reading(NamedTuple):
    """A day's values of a quantity, a series each, with their sampling errors; NaN where there was nothing to count."""

    values: Floats
    errors: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """What is usual of single mails: which departments are watched on their own, how each hour differs from the day.

    A day's value is compared as if its mail had come at the usual hours: only the morning of a day is no
    change of its mail.
    """

    departments: tuple[str, ...]
    shares: Floats
    confidence: Floats
    length: Floats
    unseen: Floats
    answer_variance: Floats

    @classmethod
    def of(cls, reference: Sketch) -> Self:
        """The profile of the mail of many days."""
        mails = reference.mails.sum(axis=(1, 2, 3))[:-1]
        large = mails >= LEAST_SHARE * max(1, int(reference.mails.sum()))
        named = tuple(name for name, kept in zip(reference.departments, large, strict=True) if kept)
        parts = [_shares_by_hour(reference, named), *(_means_by_hour(*one) for one in _numbers(reference))]
        shares, confidence, length, unseen = (_hour_effects(counts, sums) for counts, sums in parts)
        return cls(named, shares, confidence, length, unseen, answer_variance(_answer_weights(reference)))

    @property
    def series(self) -> dict[Quantity, tuple[str | None, ...]]:
        """What the series of each quantity are called: the department of a share, else None."""
        alone: dict[Quantity, tuple[str | None, ...]] = dict.fromkeys(Quantity, (None,))
        return alone | {Quantity.SHARES: (*self.departments, OTHERS)}

    def readings(self, day: Sketch) -> dict[Quantity, Reading]:
        """What a day's summary says of each quantity."""
        counts, sums = _shares_by_hour(day, self.departments)
        mails = max(1.0, float(counts.sum()))
        plain = sums.sum(axis=0) / mails
        found = {
            Quantity.ERROR: error_reading(
                day.reviews[:, 0].astype(np.float64), _answer_weights(day), self.answer_variance
            ),
            Quantity.SHARES: Reading(
                _standardised(counts, sums, self.shares), np.sqrt(np.clip(plain * (1 - plain), 0, 1) / mails)
            ),
        }
        watched = (Quantity.CONFIDENCE, Quantity.LENGTH, Quantity.UNSEEN)
        effects = (self.confidence, self.length, self.unseen)
        for quantity, one, effect in zip(watched, _numbers(day), effects, strict=True):
            found[quantity] = Reading(_standardised(*_means_by_hour(*one), effect), _sampling_error(*one))
        return found

    def plain(self) -> dict[str, Any]:
        """It as plain data, from which `of_plain` makes the same again."""
        arrays = {name: without_nan(getattr(self, name).tolist()) for name in self.__slots__[1:]}
        return {"departments": list(self.departments), **arrays}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The profile that `plain` told."""
        return cls(tuple(plain["departments"]), *(np.asarray(plain[name], np.float64) for name in cls.__slots__[1:]))


def error_reading(decisions: Floats, weights: Floats, variance: ArrayLike) -> Reading:
    """The share of all decisions that is wrong, from the answered ones, by strata of the review probability.

    Strata are the last axis. In each of them answers weigh 1/p (Hájek 1971), and strata weigh as their decisions do
    (post-stratification: Holt & Smith 1979). `weights` has one axis more, of four sums over the answers: of 1/p, of
    1/p², and both over the wrong ones. `variance` is that of a usual answer (`answer_variance`): with that of the day
    itself an error that grows would hide behind its own noise. A stratum without an answer is taken to be as all
    others; NaN without any.
    """
    total, squares, wrong = (weights[..., each] for each in range(3))
    mails = decisions.sum(axis=-1, keepdims=True)
    shares = decisions / np.where(mails > 0, mails, np.nan)
    overall = wrong.sum(axis=-1, keepdims=True) / _or_nan(total.sum(axis=-1, keepdims=True))
    answered, divisor = total > 0, np.where(total > 0, total, 1.0)
    points = np.where(answered, wrong / divisor, overall)
    noise = np.where(answered, np.asarray(variance) * squares / divisor**2, 0.0)
    point, noise = (each.sum(axis=-1, keepdims=True) for each in (shares * points, shares**2 * noise))
    return Reading(point, np.sqrt(noise))


def answer_variance(weights: Floats) -> Floats:
    """The mean squared distance of a stratum's answers from its error, each weighing 1/p², linearised.

    One wrong and one right answer are added, so that it is never zero; a stratum without answers has that of all.
    """
    all_strata = weights.sum(axis=-2, keepdims=True)
    return np.where(weights[..., 0] > 0, _around(weights), _around(all_strata))


def _around(weights: Floats) -> Floats:
    total, squares, wrong, wrong_squares = (weights[..., each] for each in range(4))
    mean = squares / _or_nan(total)
    centre = (wrong + mean) / (total + 2 * mean)
    around = (wrong_squares + mean**2) * (1 - 2 * centre) + centre**2 * (squares + 2 * mean**2)
    return np.asarray(around / (squares + 2 * mean**2))


def _or_nan(values: Floats) -> Floats:
    return np.where(values > 0, values, np.nan)


def shifts(reference: Sketch, current: Sketch) -> list[Measure]:
    """How far each distribution shifted between two windows, in the population stability index of `domain.drift`.

    Numbers are cut at the fine bins' edges nearest to the reference's deciles. What is no change for the worse, and
    what follows the calendar, asks for less, as in the comparison of rows.
    """
    found = [shift("departments", "prediction", *_by_department(reference, current))]
    kinds: tuple[tuple[str, Kind, int], ...] = (
        ("confidence", "prediction", -1), ("mail length", "data", 0), ("unseen features", "data", 1)
    )  # fmt: skip
    pairs = zip(kinds, _numbers(reference), _numbers(current), strict=True)
    for (name, kind, worse), (earlier, mids), (later, _) in pairs:
        counts = earlier.sum(axis=0), later.sum(axis=0)
        if all(each.any() for each in counts):
            rise = worse and float(np.average(mids, weights=counts[1]) - np.average(mids, weights=counts[0]))
            found.append(shift(name, kind, *_by_decile(*counts), bars=NEVER if rise * worse < 0 else SHIFT_BARS))
    bars = _cyclic_bars(reference, current)
    hours, weekdays = ([each.mails.sum(axis=axes) for each in (reference, current)] for axes in ((0, 1, 2), (0, 1, 3)))
    found.append(shift("hour of arrival", "data", *_by_decile(*hours), bars=bars))
    found.append(shift("weekday", "data", weekdays[0].tolist(), weekdays[1].tolist(), bars))
    return found


def _by_department(reference: Sketch, current: Sketch) -> tuple[list[int], list[int]]:
    """Mails by department in both; rare ones share the last bin, so that chance alone does not look like a shift."""
    names = tuple(sorted({*reference.departments, *current.departments}))
    before, after = (_rows(each, names).sum(axis=1) for each in (reference, current))
    total = before.sum(), after.sum()
    frequent = (before + after) * min(total) / max(1, sum(total)) >= LEAST_EXPECTED
    told = [[*each[frequent].tolist(), int(each[~frequent].sum())] for each in (before, after)]
    return told[0], told[1]


def _by_decile(before: Counts, after: Counts) -> tuple[list[int], list[int]]:
    edges = np.searchsorted(np.cumsum(before), np.arange(1, BINS) / BINS * before.sum()) + 1
    starts = np.unique(np.concatenate([[0], edges[edges < before.size]]))
    return np.add.reduceat(before, starts).tolist(), np.add.reduceat(after, starts).tolist()


def _cyclic_bars(reference: Sketch, current: Sketch) -> Bars:
    """Hours and weekdays tell about whole weeks only."""
    before, after = (each.mails.sum(axis=(0, 1, 3)) > 0 for each in (reference, current))
    return WATCH_ONLY if bool(np.all(before == after)) else NEVER


def _numbers(sketch: Sketch) -> list[tuple[Counts, Floats]]:
    """The histograms by hour, each with the midpoints of its bins."""
    shares = share_midpoints()
    return [(sketch.confidence, shares), (sketch.length, length_midpoints()), (sketch.unseen, shares)]


def _answer_weights(sketch: Sketch) -> Floats:
    parts = (WEIGHT_PARTS, SQUARE_PARTS, WEIGHT_PARTS, SQUARE_PARTS)
    return np.asarray(sketch.weights / parts)


def _rows(sketch: Sketch, named: Sequence[str]) -> Counts:
    """Mails by department of `named` and, last, by all else; and by hour."""
    by_hour = sketch.mails.sum(axis=(1, 2))
    places = {name: place for place, name in enumerate(sketch.departments)}
    rows = [by_hour[places[name]] if name in places else np.zeros_like(by_hour[0]) for name in named]
    others = by_hour.sum(axis=0) - sum(rows, np.zeros_like(by_hour[0]))
    return np.stack([*rows, others])


def _shares_by_hour(sketch: Sketch, named: Sequence[str]) -> tuple[Floats, Floats]:
    """Mails by hour, and by hour and department."""
    rows = _rows(sketch, named).T.astype(np.float64)
    return rows.sum(axis=1), rows


def _means_by_hour(histogram: Counts, midpoints: Floats) -> tuple[Floats, Floats]:
    """Mails by hour, and the sums of what they have."""
    return histogram.sum(axis=1).astype(np.float64), (histogram @ midpoints)[:, None]


def _hour_effects(counts: Floats, sums: Floats) -> Floats:
    """By how much the mean of each hour differs from that of all; 0 where an hour has no mail."""
    overall = sums.sum(axis=0) / max(1.0, float(counts.sum()))
    means = sums / np.maximum(1.0, counts)[:, None]
    return np.where(counts[:, None] > 0, means - overall, 0.0)


def _standardised(counts: Floats, sums: Floats, effects: Floats) -> Floats:
    """The mean without what is due to the hours at which mail came; NaN without any mail."""
    if not counts.any():
        return np.full(sums.shape[1], np.nan)
    return np.asarray((sums.sum(axis=0) - counts @ effects) / counts.sum())


def _sampling_error(histogram: Counts, midpoints: Floats) -> Floats:
    counts = histogram.sum(axis=0)
    mails = max(1, int(counts.sum()))
    mean = counts @ midpoints / mails
    return np.asarray(np.sqrt(np.atleast_1d(counts @ (midpoints - mean) ** 2 / mails / mails)))
