"""Has a daily quantity left its tolerance? Looked at every day, with a yearly rate of false alarms.

An e-detector (Shin, Ramdas & Rinaldo 2024) in the manner of Shiryaev (1963) and Roberts (1966): on every day a new bet
starts that the quantity stands beyond its tolerance from that day on, and the evidence is the sum of all bets' wealth.
While it stands within, a bet's wealth does not rise in expectation, so the evidence grows by one a day at most.

A day's e-value is exp(λ·z − λ²/2), with z how many standard deviations the day is beyond tolerance and dead zone, given
its weekday and the day before: the likelihood ratio of a shift by λ against none for normal days. Days are not normal,
which dead zone and cap pay for; `triage simulate drift` shows that they do.

Arrays have the series of a quantity last, and any number of axes before, so that one step serves a deployment and a
thousand simulated years alike.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Self

import numpy as np

from triage_cl.domain.drift_alarms import DIRECTIONS, RELATIVE, AlarmRule, Quantity
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import Reference

#: Bets on shifts by so many standard deviations of a day. Those in one row are averaged anew every day, which loses
#: little where shifts are large; slow bets run on their own.
STAKES: tuple[tuple[float, ...], ...] = ((0.5,), (1.0,), (2.5, 3.5))
LOG_WEIGHTS = np.log((0.05, 0.15, 0.8))


@dataclass(frozen=True, slots=True, eq=False)
class Evidence:
    """The evidence against a quantity, for each of its series, direction and row of stakes.

    `log_wealth` is that of all starts together, `log_best` that of the best start, which was `days` ago (the last day
    is the first of them) and since which the residuals of `values` days sum to `moved`. `before` is what the next day
    takes after the last.
    """

    log_wealth: Floats
    log_best: Floats
    days: Ints
    values: Ints
    moved: Floats
    before: Floats

    def plain(self) -> dict[str, Any]:
        """It as plain data, from which `of_plain` makes the same again."""
        return {name: getattr(self, name).tolist() for name in self.__slots__}

    @classmethod
    def of_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The evidence that `plain` told."""
        return cls(**{name: np.asarray(plain[name]) for name in cls.__slots__})


#: The logarithm of no wealth at all, as a number that JSON has.
NOTHING = -1e300


class Change(NamedTuple):
    """Where the evidence is strongest: the series, for how many days, and its mean change since."""

    series: int
    days: int
    by: float


@dataclass(frozen=True, slots=True, eq=False)
class Detector:
    """Watches one quantity against its reference."""

    quantity: Quantity
    reference: Reference
    rule: AlarmRule = field(default_factory=AlarmRule)

    def start(self) -> Evidence:
        """No evidence yet."""
        *others, series = np.shape(self.reference.spread)
        shape = (*others, series * self._directions.size, len(STAKES))
        nothing = np.full(shape, NOTHING)
        none = np.zeros(shape, np.intp)
        return Evidence(nothing, nothing, none, none, np.zeros(shape), np.zeros((*others, series)))

    def step(self, evidence: Evidence, value: Floats, error: Floats, weekday: int) -> Evidence:
        """The evidence after one more day; a series without a value that day (NaN) gains and loses none."""
        residual = self.reference.residual(value, weekday)
        told = self._each_direction(np.isfinite(residual))
        residual, error = np.nan_to_num(residual), np.nan_to_num(error)
        log_e = self._log_e_values(residual, error, evidence.before)
        goes_on = evidence.log_best > 0
        moved = self._each_direction(residual)
        after = Evidence(
            np.logaddexp(0.0, evidence.log_wealth) + log_e,
            np.where(goes_on, evidence.log_best, 0.0) + log_e,
            np.where(goes_on, evidence.days, 0) + 1,
            np.where(goes_on, evidence.values, 0) + 1,
            np.where(goes_on, evidence.moved, 0.0) + moved,
            self.reference.carry(residual, error),
        )
        without = replace(evidence, days=evidence.days + (evidence.days > 0))
        kept = {name: np.where(told, getattr(after, name), getattr(without, name)) for name in _BETS}
        return replace(after, **kept)

    def log_evidence(self, evidence: Evidence) -> Floats:
        """The natural logarithm of the evidence that the quantity has left its tolerance."""
        bets: Floats = np.logaddexp.reduce(evidence.log_wealth + LOG_WEIGHTS, axis=-1)
        return np.asarray(np.logaddexp.reduce(bets, axis=-1) - np.log(bets.shape[-1]))

    def alarms(self, evidence: Evidence) -> Any:
        """Whether the evidence is an alarm."""
        return self.log_evidence(evidence) >= np.log(self.rule.threshold)

    def change(self, evidence: Evidence) -> Change:
        """The start that contributes most."""
        place = np.unravel_index(np.argmax(evidence.log_best + LOG_WEIGHTS), evidence.log_best.shape)
        mean = float(evidence.moved[place]) / max(1, int(evidence.values[place]))
        return Change(int(place[-2]) // self._directions.size, int(evidence.days[place]), mean)

    def surprises(self, value: Floats, error: Floats, weekday: int, before: Floats) -> Floats:
        """How many standard deviations each series is from what weekday and day before let expect."""
        whitened = self.reference.whitened(self.reference.residual(value, weekday), before)
        return np.asarray(whitened / self._deviation(error))

    @property
    def _directions(self) -> Floats:
        return np.asarray(DIRECTIONS[self.quantity], np.float64)

    def _each_direction(self, series: Any) -> Any:
        return np.repeat(series, self._directions.size, axis=-1)[..., None]

    @property
    def _tolerance(self) -> Floats:
        tolerated = self.rule.tolerances.of(self.quantity)
        usual = np.nan_to_num(self.reference.usual)
        return np.asarray(tolerated * (usual if self.quantity in RELATIVE else np.ones_like(usual)))

    @property
    def _growth(self) -> Floats:
        """How much larger the sampling error is at the end of the tolerance: a share's grows with the share."""
        if self.quantity is not Quantity.ERROR:
            return np.ones(1)
        usual = np.clip(np.nan_to_num(self.reference.usual), 1e-3, 0.5)
        edge = np.minimum(usual + self._tolerance, 0.5)
        return np.asarray(np.sqrt(edge * (1 - edge) / (usual * (1 - usual))))

    def _deviation(self, error: Floats) -> Floats:
        return np.maximum(self.reference.deviation(error), np.finfo(np.float64).tiny)

    def _log_e_values(self, residual: Floats, error: Floats, before: Floats) -> Floats:
        """Of each series and direction (one axis), and row of stakes."""
        deviation = self._deviation(error * self._growth)[..., None]
        whitened = self.reference.whitened(residual, before)[..., None] * self._directions
        tolerance = self._tolerance[..., None]
        dead_zone = self.rule.dead_zone * self.reference.cautious_spread[..., None]
        beyond = (whitened - tolerance - dead_zone) / deviation
        beyond = beyond.reshape(*beyond.shape[:-2], -1)
        rows = [np.logaddexp.reduce([s * beyond - s * s / 2 for s in row]) - np.log(len(row)) for row in STAKES]
        return np.asarray(np.minimum(np.stack(rows, axis=-1), self._log_cap(beyond.shape[-1])))

    def _log_cap(self, bets: int) -> float:
        """Two days at the cap are worth cap² for the quantity, whatever number of series and directions it has."""
        return float(np.log(self.rule.cap * np.sqrt(bets)))


_BETS = ("log_wealth", "log_best", "days", "values", "moved")


def evidence_by_day(
    detector: Detector, values: Floats, errors: Floats, weekdays: Ints, evidence: Evidence | None = None
) -> tuple[Floats, Evidence]:
    """The logarithm of the evidence after each day (first axis), and what is held after the last."""
    held = evidence or detector.start()
    told = []
    for value, error, weekday in zip(values, errors, weekdays, strict=True):
        held = detector.step(held, value, error, int(weekday))
        told.append(detector.log_evidence(held))
    return np.asarray(told), held
