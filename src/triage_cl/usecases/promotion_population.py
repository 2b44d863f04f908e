"""Invented duels: the disagreements that are drawn for review, how they are answered, and when."""

from dataclasses import dataclass
from functools import cached_property
from math import ceil
from statistics import NormalDist

import numpy as np

from triage_cl.statistics.duel_paths import Bools, Ints, Reviews
from triage_cl.statistics.estimators import Floats

#: How long an answer takes on the average that is not delayed, in days.
USUAL_DELAY = 0.5

#: Answers that speak for the champion go missing so much more often than the average, those for the challenger less.
INFORMATIVE = 0.75


@dataclass(frozen=True)
class Population:
    """The planted truth of a duel, and how it is reviewed; shares are of all mail.

    The mail of `departments` is shared out by Zipf's law. A disagreement is drawn with `least_probability` and so much
    more that each department has `department_floor` further reviews a day; `budget` are drawn in all. Answers in
    favour of the champion come `delay` days later; the share `missing` never comes unasked, and where that is
    `informative`, of those for the champion most. Of what is missing after `window` days the share `asked_again` is
    asked again and answered. With the probability `anchoring` a reviewer accepts a wrong suggestion that is shown. A
    `late_bloomer` starts as much worse as it later is better, and is alike once it has made up for it.
    """

    challenger_alone: float = 0.06
    champion_alone: float = 0.03
    neither: float = 0.03
    departments: int = 12
    mails_a_day: int = 1_000
    least_probability: float = 0.2
    department_floor: float = 1.0
    budget: int = 600
    window: float = 5.0
    asked_again: float = 0.5
    delay: float = 0.0
    missing: float = 0.0
    informative: bool = False
    anchoring: float = 0.0
    late_bloomer: bool = False

    @property
    def gain(self) -> float:
        """By how much more of the mail the challenger is right, in the end."""
        return self.challenger_alone - self.champion_alone

    @property
    def disputed(self) -> float:
        """The share of mail on which the two disagree."""
        return self.challenger_alone + self.champion_alone + self.neither

    @cached_property
    def shares(self) -> Floats:
        """Each department's share of the mail."""
        return zipf(self.departments)

    @cached_property
    def probabilities(self) -> Floats:
        """Each department's review probability of a disagreement."""
        more = self.department_floor / (self.mails_a_day * self.disputed * self.shares)
        probabilities: Floats = np.minimum(1.0, self.least_probability + more)
        return probabilities

    @property
    def least(self) -> float:
        """No answer has a smaller chance of being had."""
        return self.least_probability * self.asked_again

    @property
    def mails(self) -> float:
        """How many mails a duel takes on the average until its budget is drawn."""
        return self.budget / float(self.disputed * self.shares @ self.probabilities)

    @property
    def oracle(self) -> int | None:
        """How many reviewed disagreements a one-sided z-test at 5 % needs that is looked at once, at 80 % power.

        It knows the gain and the variance; None where there is no gain to find.
        """
        if self.gain <= 0:
            return None
        mean = self.gain / self.disputed
        variance = (self.challenger_alone + self.champion_alone) / self.disputed - mean**2
        normal = NormalDist()
        return ceil((normal.inv_cdf(0.95) + normal.inv_cdf(0.8)) ** 2 * variance / mean**2)


def zipf(departments: int) -> Floats:
    """Shares in proportion to 1, 1/2, 1/3, … (Zipf's law)."""
    ranks = 1 / np.arange(1, departments + 1)
    shares: Floats = ranks / ranks.sum()
    return shares


@dataclass(frozen=True, slots=True)
class Disputes:
    """Drawn disagreements in decision order, a row a duel.

    `gain` is 1 where the challenger alone is right, -1 where the champion alone is, else 0; `shown` is what reviewers
    say who see the champion's suggestion. `position` counts all mails up to this one, `agreed` those of them on which
    both agree; `decided` and `arrived` are in days, the latter infinite where nobody answers unasked. `again` is the
    draw of being asked again.
    """

    gain: Floats
    shown: Floats
    probability: Floats
    position: Ints
    agreed: Ints
    decided: Floats
    arrived: Floats
    again: Bools

    @classmethod
    def drawn(cls, population: Population, duels: int, random: np.random.Generator) -> "Disputes":
        """The disagreements of so many duels under the policy."""
        shape = (duels, population.budget)
        chances = population.shares * population.probabilities
        department = random.choice(population.departments, shape, p=chances / chances.sum())
        rate = population.disputed * float(chances.sum())
        return cls._answered(population, population.probabilities[department], rate, random)

    @classmethod
    def uniform(cls, population: Population, duels: int, random: np.random.Generator) -> "Disputes":
        """The disagreements of so many duels where all mail is reviewed alike; `position` counts reviews."""
        probability = np.full((duels, population.budget), population.least_probability)
        return cls._answered(population, probability, population.disputed, random)

    @classmethod
    def _answered(
        cls, population: Population, probability: Floats, rate: float, random: np.random.Generator
    ) -> "Disputes":
        shape = probability.shape
        passed = random.geometric(rate, shape)
        position = np.cumsum(passed, axis=1)
        agreed = np.cumsum(random.binomial(passed - 1, (1 - population.disputed) / (1 - rate)), axis=1)
        decided = position / population.mails_a_day
        gain = _gains(population, position, random)
        waited = random.exponential(USUAL_DELAY, shape) + population.delay * (gain < 0)
        arrived = np.where(random.random(shape) < _missing(population, gain), np.inf, decided + waited)
        accepted = (random.random(shape) < population.anchoring) & (gain >= 0)
        shown = np.where(accepted, -1.0, gain)
        again = random.random(shape) < population.asked_again
        return cls(gain, shown, probability, position, agreed, decided, arrived, again)

    def counted(self, population: Population) -> Reviews:
        """As they count: blind answers within the window, and of the missing those that are asked again."""
        return self._reviews(population, self.gain, self.arrived - self.decided <= population.window)

    def counted_shown(self, population: Population) -> Reviews:
        """The same with the champion's suggestion on the screen."""
        return self._reviews(population, self.shown, self.arrived - self.decided <= population.window)

    def _reviews(self, population: Population, gain: Floats, in_time: Bools) -> Reviews:
        chance = self.probability * np.where(in_time, 1.0, population.asked_again)
        gain = np.where(in_time | self.again, gain, np.nan)
        return Reviews(gain, population.least / chance, self.position, self.agreed)

    def unasked(self, population: Population) -> Reviews:
        """The answers within the window, as if the missing were like the rest."""
        in_time = self.arrived - self.decided <= population.window
        weight = population.least_probability / self.probability
        return Reviews(np.where(in_time, self.gain, np.nan), weight, self.position, self.agreed)

    def by_arrival(self, population: Population) -> Reviews:
        """All answers that come unasked, in the order in which they arrive."""
        order = np.argsort(self.arrived, axis=1)
        gain = np.where(np.isinf(self.arrived), np.nan, self.gain)
        weight = population.least_probability / self.probability
        gain, weight = (np.take_along_axis(each, order, axis=1) for each in (gain, weight))
        return Reviews(gain, weight, self.position, self.agreed)


def _gains(population: Population, position: Ints, random: np.random.Generator) -> Floats:
    """Who is right on each disagreement."""
    challenger, champion = population.challenger_alone, population.champion_alone
    better = np.full(position.shape, challenger)
    if population.late_bloomer:
        half = population.mails / 2
        alike = (challenger + champion) / 2
        better = np.where(position <= half, champion, np.where(position <= 2 * half, challenger, alike))
    chance = random.random(position.shape) * population.disputed
    worse = challenger + champion - better
    gains: Floats = np.where(chance < better, 1.0, np.where(chance < better + worse, -1.0, 0.0))
    return gains


def _missing(population: Population, gain: Floats) -> Floats:
    """With what probability each answer never comes unasked."""
    missing: Floats = population.missing * (1 - INFORMATIVE * population.informative * gain)
    return missing
