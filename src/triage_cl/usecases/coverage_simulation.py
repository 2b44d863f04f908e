"""How often intervals hold the truth when only a chosen few of the mails are reviewed, many times over."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from triage_cl.statistics.estimators import Floats, Interval, aipw_mean, ipw_mean
from triage_cl.statistics.segments import Bools, Reviewed, Slice, accuracy_by
from triage_cl.usecases.coverage_population import Population, Stream

#: So many times answers and draws are repeated before other mail is invented.
REDRAWS = 25
#: So many times fewer decisions are wrong where few are to be.
FEWER = 30
#: Bounds of the sizes that departments are grouped by, in shares of the mail.
SIZES = (0.05, 0.02, 0.0)


@dataclass(frozen=True, slots=True)
class Estimates:
    """What one way to estimate told in each repetition, NaN where it told nothing, beside the truth."""

    truth: Floats
    point: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, told: list[tuple[float, Interval | None]]) -> "Estimates":
        """From pairs of truth and estimate."""
        rows = [(truth, *((one.point, one.low, one.high) if one else (np.nan,) * 3)) for truth, one in told]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 4).T)

    @property
    def given(self) -> float:
        """How often there was an estimate; 0 without any repetition."""
        return float(np.mean(~np.isnan(self.point))) if self.point.size else 0.0

    @property
    def coverage(self) -> float | None:
        """How often the interval held the truth, of the times that there was one; None if there never was."""
        held = (self.low <= self.truth) & (self.truth <= self.high)
        return float(np.mean(held[~np.isnan(self.point)])) if self.given else None

    @property
    def width(self) -> float | None:
        """The median width of the intervals; None if there never was one."""
        return float(np.nanmedian(self.high - self.low)) if self.given else None

    @property
    def bias(self) -> float | None:
        """How far the estimates are from the truth on the average; None if there never was one."""
        return float(np.nanmean(self.point - self.truth)) if self.given else None


@dataclass(frozen=True, slots=True)
class Departments:
    """The estimates of all departments whose share of the mail is in (`above`, `upto`], and their mean answers."""

    above: float
    upto: float
    answers: float
    aipw: Estimates


@dataclass(frozen=True, slots=True)
class Covered:
    """What came of the repetitions; the controls are the average of what was reviewed, and plain intervals of AIPW."""

    ipw: Estimates
    aipw: Estimates
    reviewed_only: Estimates
    plain: Estimates
    departments: tuple[Departments, ...]
    answers: float
    wrong: float
    excess_confidence: float

    @property
    def width_ratio(self) -> float | None:
        """The median width of AIPW's intervals over that of IPW's."""
        return self.aipw.width / self.ipw.width if self.aipw.width and self.ipw.width else None


@dataclass(frozen=True, slots=True)
class _Repetition:
    """One repetition: the truth, the estimates by name, the departments' truths and estimates, and counts."""

    truth: float
    told: dict[str, Interval | None]
    departments: list[tuple[float, Slice]]
    mails: int
    answers: int
    wrong: int
    excess_confidence: float


def cover(population: Population, repetitions: int, seed: int, done: Callable[[], object] = lambda: None) -> Covered:
    """Review `repetitions` such populations and estimate; `done` is called after each.

    Raises:
        ValueError: Fewer than one repetition.
    """
    if repetitions < 1:
        raise ValueError(f"at least one repetition is needed, not {repetitions}")
    came = []
    for repetition in _repetitions(population, repetitions, seed):
        came.append(repetition)
        done()
    told = {name: Estimates.of([(one.truth, one.told[name]) for one in came]) for name in came[0].told}
    return Covered(
        **told,
        departments=tuple(_departments(came)),
        answers=float(np.mean([one.answers for one in came])),
        wrong=float(np.mean([one.wrong for one in came])),
        excess_confidence=float(np.mean([one.excess_confidence for one in came])),
    )


def few_wrong(population: Population) -> Population:
    """The same mail decided so well that reviewers meet few wrong decisions."""
    return replace(population, accuracy=1 - (1 - population.accuracy) / FEWER)


def _repetitions(population: Population, repetitions: int, seed: int) -> Iterator[_Repetition]:
    """Probabilities stay for some repetitions, while answers and draws are repeated; then comes other mail."""
    for first in range(0, repetitions, REDRAWS):
        random = np.random.default_rng([seed, first])
        stream = Stream.invented(population, random)
        for number in range(min(REDRAWS, repetitions - first)):
            right: Bools = random.random(population.mails) < stream.right
            drawn = random.random(population.mails) < stream.probability if number else stream.drawn
            yield _reviewed(stream, right, drawn)


def _reviewed(stream: Stream, right: Bools, drawn: Bools) -> _Repetition:
    """What the answers to the drawn mails tell, beside the truth."""
    columns = Reviewed(right, drawn, drawn, stream.probability, stream.confidence, stream.thread)
    ipw = ipw_mean(right, drawn, stream.probability, clusters=stream.thread)
    aipw = aipw_mean(right, drawn, stream.probability, stream.confidence, clusters=stream.thread)
    plain, average = _plain(right, drawn, stream), _average(right[drawn])
    truths = np.bincount(stream.department, weights=right) / np.maximum(1, np.bincount(stream.department))
    slices = accuracy_by(columns, {"department": stream.department}, least_share=0.0, most=truths.size)
    return _Repetition(
        float(right.mean()),
        {"ipw": ipw, "aipw": aipw, "plain": plain, "reviewed_only": average},
        [(float(truths[int(one.name)]), one) for one in slices],
        right.size,
        int(drawn.sum()),
        int(np.sum(drawn & ~right)),
        float(stream.confidence.mean() - right.mean()),
    )


def _plain(right: Bools, drawn: Bools, stream: Stream) -> Interval:
    """The control of few wrong answers: AIPW's mean and plug-in variance, with nothing done about their number."""
    weight = np.where(drawn, 1 / stream.probability, 0.0)
    return _average(stream.confidence + weight * (right - stream.confidence))


def _average(values: NDArray[np.bool_] | Floats) -> Interval:
    """The plain average with its normal interval."""
    mean, half = float(np.mean(values)), 1.96 * float(np.std(values)) / max(1, values.size) ** 0.5
    return Interval(mean, mean - half, mean + half)


def _departments(came: list[_Repetition]) -> Iterator[Departments]:
    """The departments of all repetitions, by their share of the mail."""
    upto = 1.0
    for above in SIZES:
        of = [pair for one in came for pair in one.departments if above < pair[1].mails / one.mails <= upto]
        if of:
            answers = float(np.mean([one.answers for _, one in of]))
            yield Departments(above, upto, answers, Estimates.of([(truth, one.accuracy) for truth, one in of]))
        upto = above
