"""Invented years of daily mail: weekday patterns, heavy tails, days that take after the day before, planted changes."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from triage_cl.domain.drift_alarms import DIRECTIONS, AlarmRule, Quantity
from triage_cl.statistics.daily import Reading, error_reading
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import WEEK, weekdays_from
from triage_cl.usecases.reviewer_population import SHARES

#: The quantities with a single series, in the order of the series.
NUMBERS = (Quantity.ERROR, Quantity.CONFIDENCE, Quantity.LENGTH, Quantity.UNSEEN)


@dataclass(frozen=True, slots=True)
class Spreads:
    """The standard deviation of a day of each quantity, sampling left aside; of a share a part of it."""

    error: float = 0.003
    confidence: float = 0.005
    share: float = 0.05
    length: float = 0.05
    unseen: float = 0.004


@dataclass(frozen=True, slots=True)
class DriftPopulation:
    """What mail there is and how it varies. The means, and what is planted, are the truth.

    On average `mails` come a day, `weekend` times as many on Saturday and Sunday, and `reviews` of them are answered on
    every day: half of them doubtful mail, which is the share `doubtful` of all and is wrong with the first of `errors`,
    half the rest, with the second. A day deviates with the `spreads`, with tails like Student's t with `tails` degrees
    of freedom, and takes after the day before with a coefficient drawn from [0, `carried`] for each series. Weekdays
    differ by so many `weekday` spreads. After the reference each series stands anywhere within its tolerance, or with
    `at_edge` at its end for the worse.
    """

    departments: tuple[float, ...] = SHARES
    mails: int = 20_000
    weekend: float = 0.25
    reviews: int = 1_000
    doubtful: float = 0.15
    errors: tuple[float, float] = (0.3, 0.04)
    confidence: float = 0.85
    length: float = 10.0
    unseen: float = 0.06
    spreads: Spreads = field(default_factory=Spreads)
    tails: float = 5.0
    carried: float = 0.3
    weekday: float = 2.0
    at_edge: bool = False
    rule: AlarmRule = field(default_factory=AlarmRule)

    @property
    def error(self) -> float:
        """The share of decisions that is wrong on an average day."""
        return self.doubtful * self.errors[0] + (1 - self.doubtful) * self.errors[1]

    @property
    def answer_variance(self) -> Floats:
        """What a long reference gives for the variance of an answer of either kind."""
        return np.array([error * (1 - error) for error in self.errors])

    @property
    def series(self) -> int:
        """How many daily series there are: one a quantity, but one a department for the shares."""
        return len(Quantity) - 1 + len(self.departments)


@dataclass(frozen=True, slots=True, eq=False)
class Years:
    """The days of some deployments: deviations by day, deployment and series, in spreads; departments come last.

    `offsets` are where each series stands within its tolerance after the reference, as a part of that tolerance.
    """

    population: DriftPopulation
    weekdays: Ints
    deviations: Floats
    offsets: Floats

    def settled(self) -> "Years":
        """The same deployments, each series standing where it stood in the reference."""
        return replace(self, offsets=np.zeros_like(self.offsets))

    @classmethod
    def drawn(cls, population: DriftPopulation, years: int, days: int, random: np.random.Generator) -> "Years":
        """So many deployments, watched for so many days after the reference."""
        shape = (years, population.series)
        carried = random.uniform(0, population.carried, shape) if population.carried else np.zeros(shape)
        span = population.rule.reference_days + days
        deviations = _autoregressive(_heavy(population.tails, (span, *shape), random), carried)
        pattern = population.weekday * random.uniform(-1, 1, (WEEK, *shape))
        weekdays = weekdays_from(int(random.integers(WEEK)), span)
        offsets = random.uniform(-1, 1, shape)
        if population.at_edge:
            offsets = np.sign(offsets)
            offsets[:, :4] = [DIRECTIONS[quantity][0] for quantity in NUMBERS]
        return cls(population, weekdays, deviations + pattern[weekdays], offsets)

    def readings(
        self, random: np.random.Generator, days: slice, planted: Mapping[Quantity, float], department: int = 0
    ) -> dict[Quantity, Reading]:
        """What is measured on some days, with these changes; of shares that of one department changes."""
        which = np.arange(self.weekdays.size)[days]
        changed = {quantity: planted.get(quantity, 0.0) for quantity in Quantity}
        mails = self._mails(which, random)
        return {
            Quantity.ERROR: self._error(which, random, mails, changed[Quantity.ERROR]),
            Quantity.CONFIDENCE: self._number(which, random, mails, 1, changed[Quantity.CONFIDENCE]),
            Quantity.LENGTH: self._number(which, random, mails, 2, changed[Quantity.LENGTH]),
            Quantity.UNSEEN: self._number(which, random, mails, 3, changed[Quantity.UNSEEN]),
            Quantity.SHARES: self._shares(which, random, mails, department, changed[Quantity.SHARES]),
        }

    def _mails(self, days: Ints, random: np.random.Generator) -> Ints:
        weekly = np.where(np.arange(WEEK) < 5, 1.0, self.population.weekend)
        expected = self.population.mails * weekly[self.weekdays[days]] / weekly.mean()
        return np.asarray(random.poisson(expected[:, None], (days.size, self.deviations.shape[1])))

    def _stands(self, days: Ints, series: int | slice) -> Floats:
        """Where a series stands within its tolerance: in its middle in the reference, at the offset afterwards."""
        after = days >= self.population.rule.reference_days
        offsets = self.offsets[:, series]
        return np.asarray(after.reshape(-1, *[1] * offsets.ndim) * offsets)

    def _error(self, days: Ints, random: np.random.Generator, mails: Ints, planted: float) -> Reading:
        """Both kinds of mail are strata with review probabilities of their own; the estimate is that of summaries."""
        population = self.population
        stands = population.rule.tolerances.error * self._stands(days, 0)
        moved = population.spreads.error * self.deviations[days, :, 0] + stands + planted
        doubtful = random.binomial(mails, population.doubtful)
        decisions = np.stack([doubtful, mails - doubtful], axis=-1)
        usual = np.array([population.doubtful, 1 - population.doubtful]) * np.maximum(1, mails)[..., None]
        probability = np.minimum(1.0, population.reviews / 2 / usual)
        answered = random.binomial(decisions, probability)
        wrong = random.binomial(answered, np.clip(np.asarray(population.errors) + moved[..., None], 0, 1))
        sums = np.stack(
            [answered / probability, answered / probability**2, wrong / probability, wrong / probability**2]
        )
        return error_reading(decisions.astype(np.float64), np.moveaxis(sums, 0, -1), population.answer_variance)

    def _number(self, days: Ints, random: np.random.Generator, mails: Ints, series: int, planted: float) -> Reading:
        """A mean over mails; single mails vary forty times as much as days do."""
        population = self.population
        name = ("", "confidence", "length", "unseen")[series]
        spread, tolerance = getattr(population.spreads, name), getattr(population.rule.tolerances, name)
        error = 40 * spread / np.sqrt(np.maximum(1, mails))
        mean = getattr(population, name) + spread * self.deviations[days, :, series] + planted
        value = mean + tolerance * self._stands(days, series) + error * random.standard_normal(mails.shape)
        return Reading(value[..., None], error[..., None])

    def _shares(self, days: Ints, random: np.random.Generator, mails: Ints, department: int, planted: float) -> Reading:
        """What one department gains the others lose in proportion."""
        population = self.population
        usual = np.asarray(population.departments) / sum(population.departments)
        # Half the tolerance: to add up to one again shares move each other, too.
        stands = 0.5 * population.rule.tolerances.share * self._stands(days, slice(4, None))
        shares = usual * np.maximum(0.0, 1 + population.spreads.share * self.deviations[days, :, 4:] + stands)
        shares /= shares.sum(axis=-1, keepdims=True)
        if planted:
            share = shares[..., department]
            grown = np.clip(share + planted, 0, 1)
            shares = shares * ((1 - grown) / (1 - share))[..., None]
            shares[..., department] = grown
        found = random.multinomial(mails, shares) / np.maximum(1, mails)[..., None]
        return Reading(found, np.sqrt(found * (1 - found) / np.maximum(1, mails)[..., None]))


def _heavy(tails: float, shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Student's t, brought to a standard deviation of one."""
    return np.asarray(random.standard_t(tails, shape) / np.sqrt(tails / (tails - 2)))


def _autoregressive(shocks: Floats, carried: Floats) -> Floats:
    """Deviations with a standard deviation of one, each of which is in part that of the day before."""
    days = shocks.copy()
    for day in range(1, len(days)):
        days[day] = carried * days[day - 1] + np.sqrt(1 - carried**2) * shocks[day]
    return days
