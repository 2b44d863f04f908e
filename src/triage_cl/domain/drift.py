"""Whether recent mail differs so much from earlier mail that somebody should look, or a challenger should be trained.

Two windows are compared, reference and current. How far a distribution shifted is told by the population stability
index (Lewis 1994; Siddiqi 2006), with its customary bars of 0.1 and 0.25. The index of two samples of one and the same
distribution is not zero: it is about (1/n + 1/m) times a chi-squared variable with one degree of freedom less than
there are bins (Yurdakul 2018), which for a few hundred mails alone can exceed both bars. So a bar here is never lower
than what chance reaches once in a hundred comparisons (watch) or once in a thousand (retrain).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf, log, sqrt
from statistics import NormalDist
from typing import ClassVar, Literal

Kind = Literal["data", "prediction", "quality"]
Level = Literal["quiet", "watch", "retrain"]
#: Above which value to watch, and above which to retrain.
Bars = tuple[float, float]

#: How many mails, or answers, the smaller window needs before a comparison means anything.
LEAST_ROWS: dict[Kind, int] = {"data": 100, "prediction": 100, "quality": 30}

#: Bars of the population stability index, and of the drop in accuracy, for windows so large that chance is no matter.
SHIFT_BARS: Bars = (0.1, 0.25)
ACCURACY_BARS: Bars = (0.05, 0.10)

#: Bars of a shift that is worth a look and no more, and of one that is no reason to act.
WATCH_ONLY: Bars = (0.1, inf)
NEVER: Bars = (inf, inf)

#: How surely chance alone stays below a bar: to watch, to retrain.
SURE = (0.99, 0.999)


@dataclass(frozen=True, slots=True)
class Measure:
    """One number of a comparison, and the bars above which it asks for attention or for retraining.

    `rows` is how many mails (for quality: answers) the smaller window has; None where that is no matter. A bar is
    infinite for a change that is no reason to act.
    """

    name: str
    kind: Kind
    value: float
    watch: float
    retrain: float
    rows: int | None = None

    @property
    def enough(self) -> bool:
        """Whether both windows have enough rows for the number to mean anything."""
        return self.rows is None or self.rows >= LEAST_ROWS[self.kind]

    @property
    def level(self) -> Level:
        """What the number alone asks for."""
        if not self.enough or not self.value > self.watch:
            return "quiet"
        return "retrain" if self.value > self.retrain else "watch"

    @property
    def reason(self) -> str:
        """The number against the bar that it passed, or else against the next one, in words."""
        if not self.enough:
            unit = "answers" if self.kind == "quality" else "mails"
            return f"too few {unit} to compare: {self.rows} in the smaller window, {LEAST_ROWS[self.kind]} are needed"
        index = f"{self.value:.3g}" if self.kind == "quality" else f"PSI {self.value:.3g}"
        if self.level == "quiet":
            return f"{self.name}: {index} is not above {self.watch:.3g}"
        passed = self.retrain if self.level == "retrain" else self.watch
        changed = self.name if self.kind == "quality" else f"{self.name} shifted"
        return f"{changed}: {index} is above {passed:.3g} ({self.level})"


@dataclass(frozen=True, slots=True)
class DriftVerdict:
    """What a comparison of two windows came to.

    `measures` are pairs of name and value; a window is its first and last moment in ISO 8601; `report` names the
    written report.
    """

    kind: ClassVar[str] = "drift-verdict"
    verdict: Level
    reasons: tuple[str, ...]
    measures: tuple[tuple[str, float], ...]
    reference: tuple[str, str]
    current: tuple[str, str]
    report: str

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return "drift"


def decide_drift(measures: Sequence[Measure]) -> tuple[Level, tuple[str, ...]]:
    """The strongest level that any measure asks for, with the reasons of all that ask; too few rows ask for nothing."""
    asking = [measure for measure in measures if measure.level != "quiet"]
    if asking:
        asking.sort(key=lambda measure: measure.level != "retrain")
        return asking[0].level, tuple(measure.reason for measure in asking)
    return "quiet", _reasons_for_quiet(measures)


def _reasons_for_quiet(measures: Sequence[Measure]) -> tuple[str, ...]:
    if not measures:
        return ("there is too little to compare",)
    compared = [measure for measure in measures if measure.enough and measure.watch < inf]
    nearest = sorted(compared, key=lambda measure: measure.watch - measure.value)[:1]
    small = [measure for measure in measures if not measure.enough]
    reasons = dict.fromkeys(measure.reason for measure in (*nearest, *small))
    return tuple(reasons) or ("nothing changed for the worse",)


def shift(name: str, kind: Kind, reference: Sequence[int], current: Sequence[int], bars: Bars = SHIFT_BARS) -> Measure:
    """How far a distribution shifted, from the number of mails in each bin of both windows."""
    bins = [pair for pair in zip(reference, current, strict=True) if any(pair)]
    before, after = sum(reference), sum(current)
    watch, retrain = _above_chance(bars, [chance_shift(len(bins), before, after, sure) for sure in SURE])
    return Measure(name, kind, population_stability(bins), watch, retrain, min(before, after))


def _above_chance(bars: Bars, chance: Sequence[float]) -> Bars:
    return max(bars[0], chance[0]), max(bars[1], chance[1])


def population_stability(bins: Sequence[tuple[int, int]]) -> float:
    """The index, the sum of (q - p) ln(q / p), from the (reference, current) number of mails in each bin.

    Half a mail is added to each number, so that a share is never zero.
    """
    before, after = (sum(pair[window] + 0.5 for pair in bins) for window in (0, 1))
    shares = [((reference + 0.5) / before, (current + 0.5) / after) for reference, current in bins]
    return sum((q - p) * log(q / p) for p, q in shares)


def chance_shift(bins: int, reference: int, current: int, sure: float) -> float:
    """What the index of two samples of one distribution stays below with probability `sure`.

    Yurdakul (2018): (1/n + 1/m) times a chi-squared variable with `bins - 1` degrees of freedom, whose quantile is
    that of Wilson & Hilferty (1931).
    """
    if bins < 2 or not reference or not current:
        return 0.0
    freedom = bins - 1
    spread = 2 / (9 * freedom)
    chi_squared = freedom * (1 - spread + NormalDist().inv_cdf(sure) * sqrt(spread)) ** 3
    return (1 / reference + 1 / current) * chi_squared


@dataclass(frozen=True, slots=True)
class Accuracy:
    """The estimated share of a window's mails that were decided right, its standard error, from how many answers."""

    point: float
    error: float
    answers: int


def weighted_accuracy(answers: Iterable[tuple[bool, float]]) -> Accuracy:
    """The accuracy on all mail from the answered ones: (right?, review probability) each.

    Hájek's (1971) ratio form of the Horvitz & Thompson (1952) estimator, each answer weighing 1/p, with its
    linearised standard error; answers that nobody drew have no place here.
    """
    weighted = [(float(right), 1 / probability) for right, probability in answers]
    total = sum(weight for _, weight in weighted)
    if not total:
        return Accuracy(0.0, inf, 0)
    point = sum(right * weight for right, weight in weighted) / total
    error = sqrt(sum((weight * (right - point)) ** 2 for right, weight in weighted)) / total
    return Accuracy(point, error, len(weighted))


def accuracy_drop(reference: Accuracy, current: Accuracy) -> Measure:
    """By how much accuracy fell, as a fraction of all mail, against bars above what chance does to so few answers."""
    error = sqrt(reference.error**2 + current.error**2)
    watch, retrain = _above_chance(ACCURACY_BARS, [error * NormalDist().inv_cdf(sure) for sure in SURE])
    answers = min(reference.answers, current.answers)
    drop = reference.point - current.point if answers else 0.0
    return Measure("accuracy drop", "quality", drop, watch, retrain, answers)
