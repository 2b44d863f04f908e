"""What selectively reviewed mail says about all mail, and how good conclusions are where the truth is known.

Reviewers see a small, deliberately chosen share, so a plain average over what they saw is biased. Each answer is
therefore weighed by the inverse of the probability with which its mail was to be reviewed (Horvitz & Thompson
1952), and what the champion believed about the mails that nobody saw takes most of the noise out (AIPW: Robins,
Rotnitzky & Zhao 1994; with a fitted coefficient: Angelopoulos, Duchi & Zrnic 2023, PPI++; under active sampling:
Zrnic & Candès 2024).
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import stdtrit

Floats = NDArray[np.float64]
#: Whose mails belong together: one name or number a mail.
Clusters = Sequence[str] | NDArray[np.generic]

#: From how many equally weighing wrong answers on (right ones, where they are fewer) a plain interval covers what it
#: promises, though answers of mail that is rarely reviewed make the estimate lopsided.
ENOUGH = 200
#: Below this many no interval is given.
LEAST = 2


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimated share with its confidence interval, all within [0, 1]."""

    point: float
    low: float
    high: float


def ipw_mean(
    correct: ArrayLike,
    drawn: ArrayLike,
    probability: ArrayLike,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Interval | None:
    """The share of right decisions among all, from the reviewed ones alone (Horvitz & Thompson 1952).

    All arrays have one entry a decision. `drawn` says that the mail was drawn and answered; `correct` counts only
    there and may be anything elsewhere. `probability` is the review probability, in (0, 1]. Decisions that share
    an entry of `clusters` (their thread) may err together. None with fewer than two wrong or fewer than two right
    answers: that is too little for an interval.

    Raises:
        ValueError: The arrays differ in length, or a probability is outside (0, 1].
    """
    reviews = _Reviews.of(correct, drawn, probability, clusters)
    return _interval(reviews, reviews.right * reviews.weight, (reviews.right,), level)


def aipw_mean(
    correct: ArrayLike,
    drawn: ArrayLike,
    probability: ArrayLike,
    confidence: ArrayLike,
    level: float = 0.95,
    clusters: Clusters | None = None,
) -> Interval | None:
    """As `ipw_mean`, less noisy by what `confidence` (as stored when deciding, in [0, 1]) tells of the other mails.

    The mean of c·m + D·(Z − c·m)/p, where c makes the variance smallest (PPI++): with many answers never wider
    than `ipw_mean`, and right whatever the confidence is worth. None where fewer than two answers of a kind, wrong or
    right, were given and fewer than two were to be expected.

    Raises:
        ValueError: The arrays differ in length, or a probability is outside (0, 1].
    """
    reviews = _Reviews.of(correct, drawn, probability, clusters)
    believed = np.asarray(confidence, dtype=np.float64)
    if believed.shape != reviews.weight.shape:
        raise ValueError(f"{believed.size} confidences for {reviews.weight.size} decisions")
    fitted = _coefficient(reviews, believed) * believed
    summands = fitted + reviews.weight * (reviews.right - fitted)
    return _interval(reviews, summands, (reviews.right, believed), level)


@dataclass(frozen=True, slots=True)
class _Reviews:
    """The answers with their weights: where nobody answered, `right` and `weight` (else 1/p) are 0."""

    right: Floats
    weight: Floats
    probability: Floats
    cluster: NDArray[np.intp] | None

    @classmethod
    def of(
        cls,
        correct: ArrayLike,
        drawn: ArrayLike,
        probability: ArrayLike,
        clusters: Clusters | None,
    ) -> "_Reviews":
        answered, chance = np.asarray(drawn, dtype=bool), np.asarray(probability, dtype=np.float64)
        told = np.asarray(correct, dtype=np.float64)
        sizes = {told.size, answered.size, chance.size} | ({len(clusters)} if clusters is not None else set())
        if len(sizes) > 1:
            raise ValueError(f"arrays of different lengths: {sorted(sizes)}")
        if not np.all((chance > 0) & (chance <= 1)):
            raise ValueError("every review probability must be in (0, 1]")
        cluster = np.unique(np.asarray(clusters), return_inverse=True)[1] if clusters is not None else None
        return cls(np.where(answered, told, 0.0), np.where(answered, 1 / chance, 0.0), chance, cluster)

    @property
    def groups(self) -> int:
        """How many clusters have an answer; how many mails, where none are told."""
        answered = self.weight > 0
        return int(np.count_nonzero(answered) if self.cluster is None else np.unique(self.cluster[answered]).size)

    def scarce(self, right: Floats) -> float:
        """How many answers there are of the rarer kind, wrong or right, if each is right with probability `right`."""
        answered = self.weight > 0
        return float(min(np.sum(right[answered]), np.sum(1 - right[answered])))

    def effective(self, right: Floats) -> float:
        """How many equally weighing answers of the rarer kind would tell as much (Kish 1965)."""
        return min(self._effective(right), self._effective(1 - right))

    def _effective(self, kind: Floats) -> float:
        weighed = self.weight * kind
        squares = float(self.weight @ weighed)
        return float(np.sum(weighed)) ** 2 / squares if squares else 0.0


def _coefficient(reviews: _Reviews, confidence: Floats) -> float:
    """The c of least variance: the slope of the weighed answers on the weighed confidence, whose mean is known."""
    weighed = confidence * (reviews.weight - 1)
    control = weighed - np.sum(weighed) / max(1, weighed.size)
    explained = float(control @ control)
    return float(control @ (reviews.right * reviews.weight)) / explained if explained else 0.0


def _interval(reviews: _Reviews, summands: Floats, rights: tuple[Floats, ...], level: float) -> Interval | None:
    """The summands' mean with Student's interval, steadied by two pseudo-answers where answers of a kind are scarce.

    One right and one wrong answer, each standing for the mean 1/p mails, widen the interval and pull it inwards as
    those of Agresti & Coull (1998) do for a plain share; the point stays unbiased. How scarce answers are is told by
    several `rights`: the least must be enough to go without, the most too few for an interval at all.
    """
    if max(reviews.scarce(right) for right in rights) < LEAST:
        return None
    enough = min(reviews.effective(right) for right in rights) >= ENOUGH
    stands_for = 0.0 if enough else float(np.mean(1 / reviews.probability))
    mails = len(summands) + 2 * stands_for
    centre = (float(summands.sum()) + stands_for) / mails
    pseudo_variance = stands_for**2 * (centre**2 + (1 - centre) ** 2)
    variance = (_clustered(summands - centre, reviews.cluster) + pseudo_variance) / mails**2
    half = float(stdtrit(max(1, reviews.groups - 1), 0.5 + level / 2)) * variance**0.5
    return Interval(_share(float(summands.mean())), _share(centre - half), _share(centre + half))


def _clustered(residuals: Floats, cluster: NDArray[np.intp] | None) -> float:
    """The variance of the residuals' sum where those of one cluster go together (Liang & Zeger 1986)."""
    sums = residuals if cluster is None else np.bincount(cluster, weights=residuals)
    return float(np.sum(sums**2)) * len(sums) / max(1, len(sums) - 1)


def _share(value: float) -> float:
    return min(1.0, max(0.0, value))


def calibration_error(confidence: ArrayLike, correct: ArrayLike, bins: int = 15) -> float:
    """How far confidence is from the share that is right: the expected calibration error of the top label.

    The mean over mails of |mean confidence − share right| of their bin, in `bins` bins of equal mass (Naeini, Cooper
    & Hauskrecht 2015; equal mass: Nguyen & O'Connor 2015). 0 without any mail.
    """
    believed, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    ranked = np.argsort(believed, kind="stable")
    gaps = [abs(float(np.sum(believed[mails] - right[mails]))) for mails in np.array_split(ranked, bins)]
    return sum(gaps) / max(1, believed.size)


def macro_f1(truth: Sequence[str], concluded: Sequence[str | None]) -> float:
    """The mean over departments of F1 = 2·hits / (concluded + true), each department counting alike.

    Departments are those that occur on either side. None, an abstention, misses the true department and is no
    department itself. 0 without any mail.

    Raises:
        ValueError: The sequences differ in length.
    """
    hits = Counter(true for true, guess in zip(truth, concluded, strict=True) if true == guess)
    named = Counter(truth) + Counter(guess for guess in concluded if guess is not None)
    return sum(2 * hits[department] / named[department] for department in named) / max(1, len(named))


def coverage_curve(confidence: ArrayLike, correct: ArrayLike, points: int = 50) -> list[tuple[float, float]]:
    """What going without review costs: pairs (share of mail at or above a bar on confidence, share of it wrong).

    At most `points` pairs by rising coverage, the last at 1 (risk-coverage curve: El-Yaniv & Wiener 2010). Mails of
    equal confidence are taken together, as a bar would.
    """
    believed, right = np.asarray(confidence, dtype=np.float64), np.asarray(correct, dtype=np.float64)
    ranked = np.argsort(-believed, kind="stable")
    wrong, mails = np.cumsum(1 - right[ranked]), believed.size
    bars = np.flatnonzero(np.append(np.diff(believed[ranked]) < 0, True)) + 1 if mails else np.array([], dtype=int)
    wanted = np.ceil(mails * np.arange(1, points + 1) / points)
    taken = np.unique(bars[np.searchsorted(bars, wanted)]) if mails else bars
    return [(int(count) / mails, float(wrong[count - 1]) / int(count)) for count in taken]
