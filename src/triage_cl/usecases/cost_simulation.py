"""What thresholds on confidence cost where the truth is known: computed ones, usual ones, and the cheapest there is."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from math import inf

import numpy as np
from scipy.special import expit, logit, stdtrit

from triage_cl.domain.costs import Costs, Threshold, cheapest_threshold
from triage_cl.domain.decisions import Action
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.reviewers import Bools

#: What people usually set.
GUESSES = (0.5, 0.8, 0.9, 0.95)
#: On so many fresh mails it is told what a threshold costs.
FRESH = 500_000


@dataclass(frozen=True, slots=True)
class Stream:
    """Mail whose truth is planted: `mails` are decided, few are reviewed, and a threshold is computed from the answers.

    The champion abstains on the share `abstaining`; elsewhere its chance of being right is drawn from a beta
    distribution (`chances`), and the logarithm of the odds that it claims is `overconfidence` times the true one: 1 is
    calibrated. A challenger disputes the share `disputed_wrong` of wrong and `disputed_right` of right conclusions;
    disputed mail is reviewed with a chance of `disputed`, the rest with `floor` and `doubt` times one minus confidence.
    """

    overconfidence: float = 1.0
    mails: int = 50_000
    abstaining: float = 0.1
    chances: tuple[float, float] = (4.0, 0.7)
    floor: float = 0.02
    doubt: float = 0.1
    disputed: float = 0.2
    disputed_wrong: float = 0.5
    disputed_right: float = 0.04


@dataclass(frozen=True, slots=True)
class Mails:
    """Conclusions with their confidence and the true chance that they are right; both are 0 for an abstention."""

    confidence: Floats
    chance: Floats

    @classmethod
    def drawn(cls, stream: Stream, count: int, random: np.random.Generator) -> "Mails":
        """So many of a stream."""
        chance = np.clip(random.beta(*stream.chances, count), 1e-6, 1 - 1e-6)
        concluded = random.random(count) >= stream.abstaining
        return cls(expit(stream.overconfidence * logit(chance)) * concluded, chance * concluded)


@dataclass(frozen=True, slots=True)
class Answers:
    """What reviewers said: the confidence of each reviewed mail, whether it was right, and its review probability."""

    confidence: Floats
    right: Bools
    probability: Floats

    @classmethod
    def given(cls, stream: Stream, mails: Mails, random: np.random.Generator) -> "Answers":
        """The answers to those that are drawn."""
        right = random.random(mails.chance.size) < mails.chance
        disputed = random.random(right.size) < np.where(right, stream.disputed_right, stream.disputed_wrong)
        doubted = stream.floor + stream.doubt * (1 - mails.confidence)
        probability = np.minimum(1.0, np.maximum(doubted, stream.disputed * disputed))
        drawn = random.random(right.size) < probability
        return cls(mails.confidence[drawn], right[drawn], probability[drawn])

    def cheapest(self, costs: Costs, weighted: bool = True) -> Threshold:
        """The threshold at which they cost least, each standing for as many mails as it was drawn from, or for itself.

        The latter is the negative control: the average of what reviewers saw.
        """
        weights = 1 / self.probability if weighted else np.ones_like(self.probability)
        right = self.right.astype(np.float64)
        return cheapest_threshold(costs, zip(self.confidence.tolist(), right.tolist(), weights.tolist(), strict=True))


class CostCurve:
    """What a mail costs at each threshold on confidence, in truth."""

    def __init__(self, costs: Costs, mails: Mails) -> None:
        order = np.argsort(-mails.confidence)
        self._confidence, self._asked = mails.confidence[order], costs.cost(Action.ASK, 0)
        automatic = costs.compute + (1 - mails.chance[order]) * costs.misroute
        self._saved = np.concatenate([[0.0], np.cumsum(self._asked - automatic)])

    def automatic(self, threshold: float) -> float:
        """The share of mail at or above it."""
        return float(np.searchsorted(-self._confidence, -threshold, side="right")) / self._confidence.size

    def at(self, threshold: float) -> float:
        """What a mail costs if it is automatic from there on."""
        routed = round(self.automatic(threshold) * self._confidence.size)
        return float(self._asked - self._saved[routed] / self._confidence.size)

    @cached_property
    def best(self) -> Threshold:
        """The cheapest of all thresholds, found by trying each."""
        routed = int(np.argmax(self._saved))
        threshold = float(self._confidence[routed - 1]) if routed else inf
        return Threshold(threshold, self.at(threshold), self.automatic(threshold))


@dataclass(frozen=True, slots=True)
class Compared:
    """What thresholds cost more than the `best` one, as shares of its cost.

    `computed` and `control` have an entry a repetition, of thresholds from other answers of the same stream; `guesses`
    are those of fixed thresholds, `believed` of the bar itself, which takes confidence for calibrated.
    """

    best: Threshold
    computed: Floats
    control: Floats
    thresholds: Floats
    answers: float
    guesses: dict[float, float]
    believed: float


def compare(
    costs: Costs,
    stream: Stream,
    repetitions: int,
    random: np.random.Generator,
    done: Callable[[], object] = lambda: None,
) -> Compared:
    """Thresholds from so many draws of mail and answers, each `done`, against the cheapest on fresh mail.

    Raises:
        ValueError: A draw brought no answer.
    """
    curve = CostCurve(costs, Mails.drawn(stream, FRESH, random))

    def excess(threshold: float) -> float:
        return curve.at(threshold) / curve.best.cost - 1

    rows = []
    for _ in range(repetitions):
        answers = Answers.given(stream, Mails.drawn(stream, stream.mails, random), random)
        computed, control = (answers.cheapest(costs, weighted).confidence for weighted in (True, False))
        rows.append((excess(computed), excess(control), computed, answers.right.size))
        done()
    computed, control, thresholds, count = np.array(rows).T
    guesses = {guess: excess(guess) for guess in GUESSES}
    return Compared(curve.best, computed, control, thresholds, float(count.mean()), guesses, excess(costs.bar))


@dataclass(frozen=True, slots=True)
class Mean:
    """A mean over repetitions with its confidence interval (Student's)."""

    point: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Floats, level: float = 0.95) -> "Mean":
        """That of some values; without width for one alone."""
        point = float(values.mean())
        half = 0.0
        if values.size > 1:
            half = float(stdtrit(values.size - 1, 0.5 + level / 2) * values.std(ddof=1) / values.size**0.5)
        return cls(point, point - half, point + half)
