"""Invented departments that earn autonomy, hold it, and lose it when their precision falls: how soon, how rightly."""

from dataclasses import dataclass, field
from math import inf, log

import numpy as np
from numpy.typing import ArrayLike

from triage_cl.domain.autonomy import AutonomyRule
from triage_cl.statistics.autonomy import fall, least_right
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools, log_e_values
from triage_cl.statistics.sequences import RATES

#: So many departments earn at once: a table of them by answers is to fit in memory that is near.
AT_ONCE = 50
#: For so many days it is waited for the last department to be demoted after its precision fell.
PATIENCE = 90.0
#: What a bet must win for one end of a confidence sequence that holds the running mean with 95 % at all times.
CONTROL_NEEDS = log(2 / 0.05)


@dataclass(frozen=True, slots=True)
class Department:
    """A kind of department: its precision, and how many answers a day it can supply at most.

    Answers come at random through the day, each as soon as its mail is drawn.
    """

    precision: float
    rule: AutonomyRule = field(default_factory=AutonomyRule)
    supply: float = inf

    @property
    def usual(self) -> float:
        """How many answers a day there are while nothing is suspected."""
        return min(self.rule.reviews, self.supply)

    def answers(self, falls: Floats) -> Floats:
        """How many answers a day there are, from each one's evidence for a fall."""
        suspected = falls >= self.rule.suspicious * self.rule.fallen
        return np.where(suspected, min(self.rule.reviews * self.rule.closer, self.supply), self.usual)


@dataclass(frozen=True, slots=True)
class Earned:
    """After how many days each department earned autonomy (infinite: not in time), with what record."""

    days: Floats
    judged: Ints
    right: Ints

    @property
    def share(self) -> float:
        """The share that earned it in time."""
        return float(np.mean(np.isfinite(self.days)))

    @property
    def those_who_did(self) -> "Earned":
        """Without those that did not earn it in time."""
        did = np.isfinite(self.days)
        return Earned(self.days[did], self.judged[did], self.right[did])


def earn(kind: Department, departments: int, days: float, random: np.random.Generator) -> Earned:
    """So many departments of a kind at their first attempt, for so many days."""
    answers = int(kind.usual * days * 1.2) + 100
    table = least_right(np.arange(1, answers + 1), kind.rule.bar, kind.rule.needed(attempt=1))
    some = [_earn(kind, table, min(AT_ONCE, departments - begun), random) for begun in range(0, departments, AT_ONCE)]
    after, judged, right = (np.concatenate(column) for column in zip(*some, strict=True))
    return Earned(np.where(after <= days, after, inf), judged, right)


def _earn(kind: Department, table: Ints, departments: int, random: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    right = np.cumsum(random.random((departments, table.size), dtype=np.float32) < kind.precision, axis=1)
    enough, each = right >= table, np.arange(departments)
    first = np.argmax(enough, axis=1)
    # The time of the n-th of answers that come at random, so many a day.
    after = random.standard_gamma(first + 1) / kind.usual
    return np.where(enough[each, first], after, inf), first + 1, right[each, first]


@dataclass(frozen=True, slots=True)
class Held:
    """What came of departments that routed automatically for so many `days` before their precision fell, if it did.

    `false` counts the demotions of each before that, `found` is how many days after it the first one came (infinite:
    none). The negative controls demote on the running mean of all answers, `below` when its confidence sequence lies
    below the bar, `not_above` already when it lies above no more. `answers` is how many each had before.
    """

    days: float
    false: Ints
    found: Floats
    below: Floats
    not_above: Floats
    answers: Ints

    def found_within(self, days: float) -> float | None:
        """The share that was demoted within so many days of the fall; None where there are no departments."""
        return _mean(self.found <= days)

    def below_within(self, days: float) -> float | None:
        """The same by the running mean's being below the bar."""
        return _mean(self.below <= days)

    def not_above_within(self, days: float) -> float | None:
        """The same by its being above the bar no more."""
        return _mean(self.not_above <= days)

    @property
    def answers_a_day(self) -> float | None:
        """How many answers a department had a day; None where there are no departments."""
        return _mean(self.answers / self.days)

    @property
    def false_a_year(self) -> float | None:
        """False demotions a department and year of autonomy; None where there are no departments."""
        return _mean(self.false * 365 / self.days)


def hold(
    kind: Department,
    earned: Earned,
    days: float,
    random: np.random.Generator,
    drop: float = 0.0,
    drop_days: float = 0.0,
) -> Held:
    """Departments that have earned autonomy and keep their precision for `days`, then fall by `drop`.

    They are watched for `drop_days` more, and until all have been demoted. Whoever is goes on at once as if it had
    earned autonomy again.
    """
    office = _Office(kind, earned, days, drop, random)
    while office.now < days + (PATIENCE if drop and not office.all_found else drop_days):
        office.answer()
    return office.outcome()


class _Office:
    """Departments that route automatically, each at its own time: one answer each, again and again."""

    def __init__(self, kind: Department, earned: Earned, days: float, drop: float, random: np.random.Generator) -> None:
        self._kind, self._days, self._drop, self._random = kind, days, drop, random
        self._judged, self._right = earned.judged.copy(), earned.right.copy()
        count = earned.days.size
        self._clock: Floats = np.zeros(count)
        self._fall: Floats = np.zeros(count)
        self._found: Floats = np.full(count, inf)
        self._below: Floats = np.full(count, inf)
        self._not_above: Floats = np.full(count, inf)
        self._false: Ints = np.zeros(count, dtype=np.intp)
        self._answers: Ints = np.zeros(count, dtype=np.intp)

    @property
    def now(self) -> float:
        """The time to which all departments have come."""
        return float(self._clock.min(initial=inf))

    @property
    def all_found(self) -> bool:
        """Whether all have been demoted after their precision fell."""
        return bool(np.isfinite(self._found).all())

    def answer(self) -> None:
        """Each department has one more answer, when it comes."""
        kind, rule = self._kind, self._kind.rule
        self._clock += self._random.standard_exponential(self._clock.size) / kind.answers(self._fall)
        fallen = self._clock >= self._days
        right = self._random.random(self._clock.size) < kind.precision - self._drop * fallen
        baseline = np.clip(self._right / self._judged, *rule.baselines)
        self._fall = fall(self._fall, right, baseline, rule.sought)
        self._judged += 1
        self._right += right
        self._answers += ~fallen
        self._demote(self._fall >= rule.fallen, fallen)
        if fallen.any():
            self._watch_the_mean(fallen)

    def _watch_the_mean(self, fallen: Bools) -> None:
        bar, right, judged = self._kind.rule.bar, self._right, self._judged
        self._below = self._first(self._below, fallen & running_mean_is_below(bar, right, judged))
        self._not_above = self._first(self._not_above, fallen & ~running_mean_is_above(bar, right, judged))

    def _demote(self, shown: Bools, fallen: Bools) -> None:
        self._false += shown & ~fallen
        self._found = self._first(self._found, shown & fallen)
        self._fall[shown] = 0.0

    def _first(self, found: Floats, now: Bools) -> Floats:
        return np.where(now, np.minimum(found, self._clock - self._days), found)

    def outcome(self) -> Held:
        """What came of it so far."""
        return Held(self._days, self._false, self._found, self._below, self._not_above, self._answers)


def _mean(values: ArrayLike) -> float | None:
    figures = np.asarray(values, dtype=float)
    return float(figures.mean()) if figures.size else None


def running_mean_is_above(bar: float, right: ArrayLike, judged: ArrayLike) -> Bools:
    """Whether the confidence sequence for the mean of all answers so far lies above the bar, for many at once.

    The lower end of a `ConfidenceSequence` of the values right − bar is above 0 where a bet at its rates has won what
    one of two ends needs.
    """
    above: Bools = log_e_values(right, judged, bar, RATES) >= CONTROL_NEEDS
    return above


def running_mean_is_below(bar: float, right: ArrayLike, judged: ArrayLike) -> Bools:
    """The same of its upper end, below the bar; the bets are those of values within ±bar."""
    rates = [rate * (1 - bar) / bar for rate in RATES]
    below: Bools = log_e_values(np.asarray(judged) - np.asarray(right), judged, 1 - bar, rates) >= CONTROL_NEEDS
    return below
