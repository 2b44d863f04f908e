"""Drift alarms over invented years: how many are false, how small a change is found within two days."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from triage_cl.domain.drift_alarms import AlarmRule, Quantity, Tolerances
from triage_cl.statistics.daily import Reading
from triage_cl.statistics.detectors import Detector, Evidence, evidence_by_day
from triage_cl.statistics.double_reviews import Ints
from triage_cl.statistics.drift_watch import adwin_width
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.references import Reference
from triage_cl.statistics.reviewers import Bools
from triage_cl.usecases.drift_population import DriftPopulation, Years

#: So many deployments are simulated at a time.
AT_ONCE = 50
#: The level at which people test every day.
NAIVE_SCORE = 2.5758
#: A change begins after so many watched days and is to be found within so many.
QUIET_DAYS, WITHIN = 60, 2
#: Steps in which a change is enlarged until it is found, and how far: in standard deviations of a day (of the error:
#: of a day's plain share of wrong answers).
STEPS = np.arange(2.0, 20.5, 0.5)
#: How often a change is to be found.
OFTEN = 0.9
#: By when the change is dated once more.
LATER = 14

#: Without what real days need: no dead zone, no tolerance, no cap.
UNPROTECTED = AlarmRule(Tolerances(0, 0, 0, 0, 0), dead_zone=0.0, cap=1e300)


@dataclass(frozen=True, slots=True)
class Quiet:
    """What came of years without drift: a row a year, a column a quantity; the controls beside it, a number a year."""

    alarmed: Bools
    naive: Bools
    unprotected: Bools

    @property
    def any_alarm(self) -> Bools:
        """Which years have an alarm of any quantity."""
        return np.asarray(self.alarmed.any(axis=1))


@dataclass(frozen=True, slots=True)
class Found:
    """What came of a planted change in the error: an entry a deployment.

    `delays` are the days from the change to the alarm, from 1, or 0 where it came before the change or not within
    `LATER` days; `since` by how many days the alarm's date is off the change, `adwin` ADWIN's just then, `later`
    that on day `LATER` (NaN: none).
    """

    delays: Floats
    since: Floats
    adwin: Floats
    later: Floats

    @property
    def within(self) -> float:
        """The share found within two days."""
        return float(np.mean((self.delays > 0) & (self.delays <= WITHIN)))

    def dated(self, days: int = 1) -> dict[str, float]:
        """How often the dates are at most so many days off, of all deployments with an alarm."""
        found = self.delays > 0
        told = {"alarm": self.since, "adwin_at_the_alarm": self.adwin, f"adwin_on_day_{LATER}": self.later}
        return {name: float(np.mean(np.abs(off[found]) <= days)) if found.any() else 0.0 for name, off in told.items()}


def quiet_years(
    population: DriftPopulation,
    days: int,
    years: int,
    random: np.random.Generator,
    done: Callable[[int], object] = lambda _: None,
) -> Quiet:
    """So many years without drift; `done` is called with how many of them were simulated each time."""
    parts = []
    for count in _portions(years):
        drawn = Years.drawn(population, count, days, random)
        readings = drawn.readings(random, slice(None), {})
        parts.append(_quiet(drawn, readings))
        done(count)
    return Quiet(*(np.concatenate([getattr(part, name) for part in parts]) for name in Quiet.__slots__))


def _portions(years: int) -> list[int]:
    return [AT_ONCE] * (years // AT_ONCE) + ([years % AT_ONCE] if years % AT_ONCE else [])


def _quiet(drawn: Years, readings: dict[Quantity, Reading]) -> Quiet:
    rule = drawn.population.rule
    alarmed, naive, unprotected = [], [], []
    for quantity in Quantity:
        reading = readings[quantity]
        detector = detector_of(drawn, quantity, reading, rule)
        alarmed.append(_ever(drawn, detector, reading))
        bare = replace(detector.reference, carried=0 * detector.reference.carried, days=10**9)
        unprotected.append(_ever(drawn, Detector(quantity, bare, UNPROTECTED), reading))
        naive.append(_ever_significant(drawn, bare, reading))
    return Quiet(np.stack(alarmed, axis=1), np.any(naive, axis=0), np.any(unprotected, axis=0))


def detector_of(drawn: Years, quantity: Quantity, reading: Reading, rule: AlarmRule) -> Detector:
    """A detector whose reference is that of each deployment's first days."""
    first = slice(0, rule.reference_days)
    return Detector(
        quantity, Reference.fitted(reading.values[first], reading.errors[first], drawn.weekdays[first]), rule
    )


def _watched(drawn: Years, reading: Reading) -> tuple[Floats, Floats, Ints]:
    first = drawn.population.rule.reference_days
    return reading.values[first:], reading.errors[first:], drawn.weekdays[first:]


def _ever(drawn: Years, detector: Detector, reading: Reading) -> Bools:
    told, _ = evidence_by_day(detector, *_watched(drawn, reading))
    return np.asarray((told >= np.log(detector.rule.threshold)).any(axis=0))


def _ever_significant(drawn: Years, reference: Reference, reading: Reading) -> Bools:
    """A z-test of every day and series at 1 %, as if there were only one."""
    values, errors, weekdays = _watched(drawn, reading)
    scores = (values - reference.weekdays[weekdays]) / np.sqrt(reference.spread**2 + errors**2)
    return np.asarray((np.abs(scores) > NAIVE_SCORE).any(axis=(0, 2)))


def planted_error(
    population: DriftPopulation,
    change: float,
    times: int,
    random: np.random.Generator,
    done: Callable[[int], object] = lambda _: None,
) -> Found:
    """How soon a change of the error from what it was in the reference is found, and how well it is dated."""
    parts = []
    for count in _portions(times):
        drawn = Years.drawn(population, count, QUIET_DAYS + LATER, random).settled()
        parts.append(_planted(drawn, change, random))
        done(count)
    return Found(*(np.concatenate([getattr(part, name) for part in parts]) for name in Found.__slots__))


def _planted(drawn: Years, change: float, random: np.random.Generator) -> Found:
    begins = drawn.population.rule.reference_days + QUIET_DAYS
    before = drawn.readings(random, slice(0, begins), {})[Quantity.ERROR]
    after = drawn.readings(random, slice(begins, None), {Quantity.ERROR: change})[Quantity.ERROR]
    reading = Reading(*(np.concatenate(parts) for parts in zip(before, after, strict=True)))
    detector = detector_of(drawn, Quantity.ERROR, reading, drawn.population.rule)
    years = drawn.deviations.shape[1]
    found = Found(np.zeros(years), *(np.full(years, np.nan) for _ in range(3)))
    held, surprises = detector.start(), []
    false = np.zeros(years, bool)
    for day, (value, error, weekday) in enumerate(zip(*_watched(drawn, reading), strict=True), start=1 - QUIET_DAYS):
        surprises.append(detector.surprises(value, error, int(weekday), held.before)[:, 0])
        held = detector.step(held, value, error, int(weekday))
        alarms = detector.alarms(held)
        false |= alarms & (day < 1)
        for year in np.flatnonzero(alarms & ~false & (found.delays == 0)):
            _date(found, year, day, detector, held, surprises)
    for year in range(years):
        found.later[year] = _off(surprises, year, LATER)
    return found


def _date(found: Found, year: int, day: int, detector: Detector, held: Evidence, surprises: list[Floats]) -> None:
    """Note when a deployment's alarm came, and by how much its dates are off."""
    alone = Evidence(*(getattr(held, name)[year] for name in Evidence.__slots__))
    found.delays[year] = day
    found.since[year] = day - detector.change(alone).days
    found.adwin[year] = _off(surprises, year, day)


def _off(surprises: list[Floats], year: int, day: int) -> float:
    width = adwin_width([surprise[year] for surprise in surprises])
    return np.nan if width is None else day - width


def smallest_changes(
    population: DriftPopulation,
    times: int,
    random: np.random.Generator,
    done: Callable[[], object] = lambda: None,
) -> dict[str, float | None]:
    """The smallest change of each quantity that two days find in nine of ten deployments; None beyond the steps.

    In the quantity's own units. The change is for the worse, and of shares an increase, of the largest and of the
    smallest department. Nothing else differs from the reference, so the whole tolerance is still to be passed.
    """
    drawn = [Years.drawn(population, count, QUIET_DAYS + WITHIN, random).settled() for count in _portions(times)]
    held = [_QuietStart.of(years, random) for years in drawn]
    return {name: _smallest(held, *each, done=done) for name, each in sought(population).items()}


def sought(population: DriftPopulation) -> dict[str, tuple[Quantity, float, int]]:
    """What is changed: the quantity, by what at each step, and which department."""
    spreads, departments = population.spreads, population.departments
    small = int(np.argmin(departments))
    by_sampling = float(np.sqrt(population.error * (1 - population.error) / population.reviews))
    return {
        "error": (Quantity.ERROR, by_sampling, 0),
        "confidence": (Quantity.CONFIDENCE, -spreads.confidence, 0),
        "largest share": (Quantity.SHARES, spreads.share * departments[0], 0),
        "smallest share": (Quantity.SHARES, spreads.share * departments[small], small),
        "length": (Quantity.LENGTH, spreads.length, 0),
        "unseen words": (Quantity.UNSEEN, spreads.unseen, 0),
    }


@dataclass(frozen=True, slots=True)
class _QuietStart:
    """Deployments on the day before a change, with the seed by which the days after it are always drawn."""

    drawn: Years
    detectors: dict[Quantity, Detector]
    held: dict[Quantity, Evidence]
    seed: int

    @classmethod
    def of(cls, drawn: Years, random: np.random.Generator) -> "_QuietStart":
        begins = drawn.population.rule.reference_days + QUIET_DAYS
        readings = drawn.readings(random, slice(0, begins), {})
        detectors = {name: detector_of(drawn, name, one, drawn.population.rule) for name, one in readings.items()}
        first = drawn.population.rule.reference_days
        held = {
            name: evidence_by_day(
                detectors[name], one.values[first:], one.errors[first:], drawn.weekdays[first:begins]
            )[1]
            for name, one in readings.items()
        }
        return cls(drawn, detectors, held, int(random.integers(2**32)))

    def found(self, quantity: Quantity, change: float, department: int) -> Bools:
        """Which deployments have an alarm within two days, and had none before."""
        begins = self.drawn.population.rule.reference_days + QUIET_DAYS
        random, days = np.random.default_rng(self.seed), slice(begins, begins + WITHIN)
        reading = self.drawn.readings(random, days, {quantity: change}, department)[quantity]
        detector, held = self.detectors[quantity], self.held[quantity]
        told, _ = evidence_by_day(detector, *reading, self.drawn.weekdays[days], held)
        return np.asarray((told >= np.log(detector.rule.threshold)).any(axis=0) & ~detector.alarms(held))


def _smallest(
    starts: list[_QuietStart], quantity: Quantity, step: float, department: int, done: Callable[[], object]
) -> float | None:
    for multiple in STEPS:
        done()
        found = np.concatenate([start.found(quantity, float(multiple) * step, department) for start in starts])
        if found.mean() >= OFTEN:
            return float(multiple * step)
    return None
