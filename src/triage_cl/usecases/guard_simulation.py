"""Challengers whose gain is not everybody's: how soon guards let them pass, and whom they name."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from statistics import NormalDist

import numpy as np

from triage_cl.statistics.duel_paths import Bools, Ints, log_mean
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.guards import ENOUGH_MAILS, TOLERANCE, GuardTable, blame_levels
from triage_cl.statistics.sequences import RATES
from triage_cl.usecases.promotion_population import zipf

#: The place of the planted department; the last one is tiny.
PLANTED = -2


@dataclass(frozen=True)
class Office:
    """A large office with a small planted department; shares are of its mail, `minority` the planted one's.

    The whole office's accuracy rises by `gain`, the planted department's changes by `minority_gain`. Where a department
    gains, the champion alone is right on `champion_alone` of its mail; where it loses, the challenger alone is on
    `challenger_alone`. One further department is `tiny`; all others are shared out by Zipf's law. Of the `reviews` a
    day, `in_proportion` goes to all disagreements alike, the rest equally to the guards that are undecided.
    """

    gain: float = 0.03
    minority_gain: float = 0.03
    minority: float = 0.002
    tiny: float = 0.0005
    departments: int = 30
    mails_a_day: int = 20_000
    reviews: int = 1_000
    in_proportion: float = 0.4
    days: int = 30
    tolerance: float = TOLERANCE
    alpha: float = 0.05
    champion_alone: float = 0.03
    challenger_alone: float = 0.01
    neither: float = 0.03

    @cached_property
    def shares(self) -> Floats:
        """Each department's share of the mail, the planted and the tiny one last."""
        others = zipf(self.departments - 2) * (1 - self.minority - self.tiny)
        return np.append(others, [self.minority, self.tiny])

    @cached_property
    def gains(self) -> Floats:
        """By how much each department's accuracy changes; all together by `gain`."""
        gains = np.full(self.departments, (self.gain - self.minority * self.minority_gain) / (1 - self.minority))
        gains[PLANTED] = self.minority_gain
        return gains

    @cached_property
    def champion_right(self) -> Floats:
        """On how much of each department's mail the champion alone is right."""
        return np.where(self.gains < 0, self.challenger_alone - self.gains, self.champion_alone)

    @cached_property
    def challenger_right(self) -> Floats:
        """On how much of each department's mail the challenger alone is right."""
        return self.champion_right + self.gains

    @property
    def is_better(self) -> bool:
        """Whether the challenger gains overall, and nobody loses as much as is tolerated."""
        return self.gain > 0 and self.minority_gain > -self.tolerance

    @property
    def guarded(self) -> Bools:
        """Which departments have enough mail in the window to be judged."""
        enough: Bools = self.shares * self.mails_a_day * self.days >= ENOUGH_MAILS
        return enough

    @cached_property
    def disputes(self) -> Floats:
        """How many disagreements a day each department has, on the average."""
        return self.mails_a_day * self.shares * (self.champion_right + self.challenger_right + self.neither)

    @property
    def least(self) -> float:
        """The review probability of a disagreement that no guard asks for."""
        return min(1.0, self.in_proportion * self.reviews / float(self.disputes.sum()))

    def probabilities(self, undecided: Bools) -> Floats:
        """The next day's review probability of each department's disagreements; a row a repetition."""
        guards = np.maximum(1, undecided.sum(axis=1, keepdims=True))
        steered = (1 - self.in_proportion) * self.reviews / guards * undecided / self.disputes
        probabilities: Floats = np.minimum(1.0, self.least + steered)
        return probabilities


@dataclass(frozen=True, slots=True)
class Guarded:
    """What came of it: a row a repetition, a column a department; days count from 1, 0 is never.

    `passed` and `harmed` are the days on which each guard was, `promoted` that of the promotion; `reviews` is how many
    were made a day. The naive rules: promotion by the gain alone, and guards by a peeked z-test.
    """

    office: Office
    passed: Ints
    harmed: Ints
    promoted: Ints
    reviews: float
    by_gain_alone: Bools
    planted_passed_by_peeked_z: Bools

    def promoted_within(self, days: int) -> float:
        """The share of repetitions promoted within so many days."""
        return _within(self.promoted, days)

    @property
    def named(self) -> float:
        """The share of repetitions in which the planted department is named as harmed."""
        return _within(self.harmed[:, PLANTED], self.office.days)

    @property
    def named_wrongly(self) -> float:
        """The share of repetitions in which a department is named that loses no more than is tolerated."""
        harmless = self.office.gains >= -self.office.tolerance
        return float((self.harmed[:, harmless] > 0).any(axis=1).mean())

    @property
    def blocked(self) -> float:
        """The share of repetitions in which a guard forbids the promotion."""
        return float((self.harmed > 0).any(axis=1).mean())

    @property
    def planted_passed(self) -> float:
        """The share of repetitions in which the planted department's guard passes."""
        return _within(self.passed[:, PLANTED], self.office.days)

    @property
    def pending(self) -> dict[str, float]:
        """Of each department that is in some repetition neither passed nor harmed in the end, in how many."""
        undecided = ((self.passed == 0) & (self.harmed == 0)).mean(axis=0)
        return {f"department {number + 1}": float(share) for number, share in enumerate(undecided) if share > 0}


def _within(day: Ints, days: int) -> float:
    return float(((day > 0) & (day <= days)).mean())


def guard(office: Office, repetitions: int, seed: int, done: Callable[[], object] = lambda: None) -> Guarded:
    """`repetitions` such offices, looked at after each day; `done` is called then."""
    watch = _Watch(office, repetitions, np.random.default_rng(seed))
    for day in range(1, office.days + 1):
        watch.live(day)
        done()
    return watch.outcome()


class _Watch:
    """The duel and its guards in all repetitions at once; a promotion ends nothing, it is only noted."""

    def __init__(self, office: Office, repetitions: int, random: np.random.Generator) -> None:
        self._office, self._random = office, random
        shape = (repetitions, office.departments)
        self._guards = GuardTable(shape, office.tolerance)
        self._wealth = np.zeros((len(RATES), repetitions))
        self._passed, self._harmed = (np.zeros(shape, dtype=np.intp) for _ in range(2))
        self._promoted = np.zeros(repetitions, dtype=np.intp)
        self._by_gain = np.zeros(repetitions, dtype=bool)
        self._z, self._z_squares, self._z_passed = np.zeros(shape), np.zeros(shape), np.zeros(shape, dtype=bool)
        self._answers = np.zeros(shape, dtype=np.intp)

    def live(self, day: int) -> None:
        """A day's mail is decided, reviewed and judged."""
        office = self._office
        undecided = office.guarded & (self._passed == 0) & (self._harmed == 0)
        chance = office.probabilities(undecided)
        mails = self._random.binomial(office.mails_a_day, office.shares, chance.shape)
        won = self._random.binomial(mails, office.challenger_right * chance)
        lost = self._random.binomial(
            mails - won, office.champion_right * chance / (1 - office.challenger_right * chance)
        )
        neither = self._random.binomial(mails - won - lost, office.neither * chance)
        self._answers += won + lost + neither
        self._guards.count(mails, won, lost, chance)
        self._bet(won, lost, office.least / chance)
        self._peek(mails, won, lost, chance)
        self._judge(day)

    def _bet(self, won: Ints, lost: Ints, weight: Floats) -> None:
        """On the gain of the whole office, as `Duel` does."""
        for number, rate in enumerate(RATES):
            gained = won * np.log1p(rate * weight) + lost * np.log1p(-rate * weight)
            self._wealth[number] += gained.sum(axis=1)

    def _peek(self, mails: Ints, won: Ints, lost: Ints, chance: Floats) -> None:
        """The naive guard: significant at any look."""
        tolerance = self._office.tolerance
        self._z += (won - lost) / chance + tolerance * mails
        self._z_squares += (won + lost) / chance**2
        z = self._z / np.sqrt(np.maximum(self._z_squares, 1.0))
        self._z_passed |= (z > NormalDist().inv_cdf(1 - self._office.alpha)) & (self._answers >= 30)

    def _judge(self, day: int) -> None:
        office, guarded = self._office, self._office.guarded
        harmless, harmed = (evidence[:, guarded] for evidence in self._guards.log_e_values)
        _note(self._passed, harmless >= -np.log(office.alpha), day, guarded)
        _note(self._harmed, harmed >= -np.log(blame_levels(office.shares[guarded], office.alpha)), day, guarded)
        proved = log_mean(self._wealth) >= -np.log(office.alpha)
        passed = (self._passed[:, guarded] > 0).all(axis=1) & ~(self._harmed > 0).any(axis=1)
        self._by_gain |= proved
        _note(self._promoted, proved & passed, day)

    def outcome(self) -> Guarded:
        """What came of it."""
        reviews = float(self._answers.sum(axis=1).mean()) / self._office.days
        return Guarded(
            self._office, self._passed, self._harmed, self._promoted, reviews, self._by_gain, self._z_passed[:, PLANTED]
        )


def _note(days: Ints, happened: Bools, day: int, of: Bools | slice = slice(None)) -> None:
    """Note the day on which something happened first, in the columns `of`."""
    known = days[..., of]
    days[..., of] = np.where(happened & (known == 0), day, known)
