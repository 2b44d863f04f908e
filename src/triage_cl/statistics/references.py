"""What is normal for a daily number, given its weekday and the day before, and how surprising a day is.

All arrays end in one axis of series; any axes before it, such as repetitions of a simulation, are carried along.
"""

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats

WEEK = 7
#: Days take after the day before by no more than this; more than so many standard deviations are not carried over.
MOST_CARRIED, CARRIED_UP_TO = 0.6, 2.0
#: The kurtosis of days with tails like Student's t with five degrees of freedom.
KURTOSIS = 9.0


@dataclass(frozen=True, slots=True, eq=False)
class Reference:
    """How daily series usually are.

    `weekdays` are their means by weekday, Monday first; `spread` is the standard deviation of a day beyond what its own
    sampling error explains; `carried` how much of a deviation the next day has, too (AR(1)); `days` how many it was
    estimated from.
    """

    weekdays: Floats
    spread: Floats
    carried: Floats
    days: int

    @classmethod
    def fitted(cls, values: ArrayLike, errors: ArrayLike, weekdays: ArrayLike) -> Self:
        """The reference of so many days, one after the other along the first axis; NaN where a day has no value.

        `errors` are the values' sampling errors, 0 where they are of no matter.

        Raises:
            ValueError: A weekday occurs less than twice.
        """
        told, error, weekday = np.asarray(values, np.float64), np.asarray(errors, np.float64), np.asarray(weekdays)
        days = len(weekday)
        if min(np.bincount(weekday, minlength=WEEK)) < 2:
            raise ValueError(f"every weekday is needed twice or more, {days} days have too few")
        means = np.stack([_mean(told[weekday == each]) for each in range(WEEK)])
        residuals = told - means[weekday]
        there = np.isfinite(residuals)
        variance = np.nansum(residuals**2, axis=0) / np.maximum(1, there.sum(axis=0) - WEEK)
        sampling = np.nan_to_num(_mean(np.where(there, error**2, np.nan)))
        spread = np.sqrt(np.maximum(0.0, variance - sampling))
        return cls(means, spread, _carried(residuals), days)

    @property
    def usual(self) -> Floats:
        """The mean of each series over a week."""
        return _mean(self.weekdays)

    @property
    def cautious_spread(self) -> Floats:
        """The spread and one standard error of it: that of a standard deviation under heavy tails."""
        return np.asarray(self.spread * (1 + 0.5 * np.sqrt((KURTOSIS - 1) / self.days)))

    def residual(self, value: Floats, weekday: int) -> Floats:
        """How far a day is from what its weekday usually is."""
        return np.asarray(value - self.weekdays[weekday])

    def deviation(self, error: Floats) -> Floats:
        """The standard deviation of a day whose value has this sampling error, given the day before.

        The mean of its weekday is an estimate, too.
        """
        estimated = 1 + WEEK / self.days
        return np.asarray(np.sqrt(estimated * (self.cautious_spread**2 + error**2) * (1 - self.carried**2)))

    def whitened(self, residual: Floats, before: Floats) -> Floats:
        """The residual without what the day before lets expect; `before` is what `carry` made of that day."""
        return np.asarray(residual - self.carried * before)

    def carry(self, residual: Floats, error: Floats) -> Floats:
        """What of a residual may count for the next day: a shift is not to hide itself, so at most two deviations."""
        most = CARRIED_UP_TO * np.sqrt(self.spread**2 + error**2)
        return np.clip(residual, -most, most)

    def plain(self) -> dict[str, Any]:
        """It as plain data, from which `of_plain` makes the same again."""
        return {
            "weekdays": without_nan(self.weekdays.tolist()),
            "spread": self.spread.tolist(),
            "carried": self.carried.tolist(),
            "days": self.days,
        }

    @classmethod
    def of_plain(cls, plain: dict[str, Any]) -> Self:
        """The reference that `plain` told."""
        weekdays, spread, carried = (np.asarray(plain[name], np.float64) for name in ("weekdays", "spread", "carried"))
        return cls(weekdays, spread, carried, int(plain["days"]))


def without_nan(nested: Any) -> Any:
    """Numbers in lists with None in place of NaN, which JSON has not."""
    if isinstance(nested, list):
        return [without_nan(each) for each in nested]
    return None if nested != nested else nested


def _mean(values: Floats) -> Floats:
    """The mean along the first axis of what is not NaN; NaN where there is nothing."""
    there = np.isfinite(values)
    count = there.sum(axis=0)
    return np.asarray(np.where(there, values, 0.0).sum(axis=0) / np.where(count > 0, count, np.nan))


def _carried(residuals: Floats) -> Floats:
    """The lag-one autocorrelation over all pairs of days that have both, within [0, MOST_CARRIED]."""
    products = residuals[1:] * residuals[:-1]
    both = np.isfinite(products)
    squares = np.where(both, (residuals[1:] ** 2 + residuals[:-1] ** 2) / 2, 0.0).sum(axis=0)
    found = np.where(both, products, 0.0).sum(axis=0) / np.where(squares > 0, squares, 1.0)
    return np.asarray(np.clip(found, 0.0, MOST_CARRIED))


def weekdays_from(first: int, days: int) -> Ints:
    """The weekdays of so many days, the first of which is `first` (0 is Monday)."""
    return (first + np.arange(days, dtype=np.intp)) % WEEK
