"""Who answers wrongly more often than anybody should, told from random blind double reviews; and what a shown
suggestion does to answers.

Two reviewers answer the same mail without seeing each other's answer; where they disagree a third settles it. Each
review that is settled is a bet against each of the two, so that looking after every answer costs nothing, and flags
over many reviewers promise few false ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import ndtri, stdtrit

from triage_cl.domain.reviewers import TOLERANCE
from triage_cl.statistics.estimators import Floats, Interval

Bools = NDArray[np.bool_]

#: How boldly each part of the mixture bets: 0 bets nothing, 1 everything on the next answer being wrong. Fixed, and
#: bolder than a duel's. They are the nodes of Chebyshev and Gauss, so that up to 15 reviews give what Jeffreys' prior
#: of all stakes gives (Krichevsky & Trofimov 1981), for whoever is wrong always or half the time.
RATES = tuple(float(rate) for rate in np.sin(np.pi / 2 * (np.arange(8) + 0.5) / 8) ** 2)


def log_e_values(
    wrong: ArrayLike, judged: ArrayLike, tolerance: float = TOLERANCE, rates: Sequence[float] = RATES
) -> Floats:
    """The logarithm of the evidence that a reviewer errs more often than `tolerance`, after `judged` double reviews.

    `wrong` of them were settled against the reviewer. One factor 1 + λ·(x − τ)/τ for each, x being 1 where it was
    settled against them, averaged over fixed λ (Waudby-Smith & Ramdas 2024, one-sided). While no review is expected to
    go against them with more than τ, given all before, the chance that the e-value ever reaches 1/α is at most α (Ville
    1939). Whom to review twice may follow from the past, never from the mail.

    Raises:
        ValueError: Counts that cannot be, or a tolerance or rate outside (0, 1).
    """
    against, reviews = np.asarray(wrong, dtype=np.float64), np.asarray(judged, dtype=np.float64)
    if not np.all((against >= 0) & (against <= reviews)):
        raise ValueError("no reviewer can be wrong more often than judged, or less than never")
    if not rates or not all(0 < share < 1 for share in (tolerance, *rates)):
        raise ValueError(f"tolerance and rates must be in (0, 1), not {tolerance} and {tuple(rates)}")
    bets = np.asarray(rates)
    gained, lost = np.log1p(bets * (1 - tolerance) / tolerance), np.log1p(-bets)
    wealths = (against * gain + (reviews - against) * loss for gain, loss in zip(gained, lost, strict=True))
    return np.asarray(reduce(np.logaddexp, wealths) - np.log(bets.size))


def e_bh(log_e: ArrayLike, level: float = 0.05) -> Bools:
    """Whom to flag by their evidence, so that at most the share `level` of the flags is expected to be wrong.

    The k with the most evidence, for the largest k of which each has n / (k·level) or more among n (e-BH: Wang & Ramdas
    2022), whatever the evidence of one has to do with that of another. Along the last axis; the others are apart.
    """
    logs = np.asarray(log_e, dtype=np.float64)
    count = logs.shape[-1]
    bars = np.log(count / level) - np.log(np.arange(1, count + 1))
    enough = np.flip(np.sort(logs, axis=-1), axis=-1) >= bars
    flags = np.max(np.where(enough, np.arange(1, count + 1), 0), axis=-1, keepdims=True, initial=0)
    flagged: Bools = (flags > 0) & (logs >= bars[np.maximum(flags, 1) - 1])
    return flagged


@dataclass(frozen=True, slots=True)
class Flags:
    """Who is flagged so far; a flag stays, and the evidence of the flagged stops where it was.

    Stopped evidence is evidence still, and the flagged always have enough of it for their number, so that the promise
    of `e_bh` holds at whatever moment and however often flags are looked at.
    """

    log_e: Floats
    flagged: Bools

    @classmethod
    def none(cls, shape: tuple[int, ...]) -> "Flags":
        """Nobody is flagged, nothing is known; the last axis is that of reviewers."""
        return cls(np.zeros(shape), np.zeros(shape, dtype=bool))

    def after(self, log_e: ArrayLike, level: float = 0.05) -> "Flags":
        """The flags when the evidence has become `log_e`."""
        evidence = np.where(self.flagged, self.log_e, np.asarray(log_e, dtype=np.float64))
        return Flags(evidence, self.flagged | e_bh(evidence, level))


def settled(first: ArrayLike, second: ArrayLike, third: ArrayLike) -> tuple[Bools, Bools, Bools]:
    """Which double reviews are settled, and which of them against the first and against the second reviewer.

    Two that agree are right. Where they disagree, the one whom the third contradicts is wrong; where the third confirms
    neither, nothing is settled. `third` counts only where they disagree and may be anything elsewhere.
    """
    one, other, judge = np.asarray(first), np.asarray(second), np.asarray(third)
    agree = one == other
    against_first, against_second = ~agree & (judge == other), ~agree & (judge == one)
    return agree | against_first | against_second, against_first, against_second


def agreement(agreed: int, doubled: int, level: float = 0.95) -> Interval | None:
    """How often a reviewer's double reviews agree, with its interval (Wilson 1927); None without any.

    Raises:
        ValueError: Counts that cannot be.
    """
    if not 0 <= agreed <= doubled:
        raise ValueError(f"{agreed} of {doubled} cannot agree")
    if not doubled:
        return None
    share, z = agreed / doubled, float(ndtri(0.5 + level / 2))
    centre = (share + z**2 / (2 * doubled)) / (1 + z**2 / doubled)
    half = z / (1 + z**2 / doubled) * (share * (1 - share) / doubled + (z / (2 * doubled)) ** 2) ** 0.5
    return Interval(share, max(0.0, centre - half), min(1.0, centre + half))


def cohens_kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Agreement beyond what chance would bring, 1 at most (Cohen 1960); None where chance alone would agree always.

    Raises:
        ValueError: The sequences differ in length.
    """
    pairs = list(zip(first, second, strict=True))
    chance = sum(first.count(label) * second.count(label) for label in set(first)) / max(1, len(pairs)) ** 2
    if not pairs or chance == 1:
        return None
    return (sum(one == other for one, other in pairs) / len(pairs) - chance) / (1 - chance)


@dataclass(frozen=True, slots=True)
class Difference:
    """An estimated difference of two shares with its confidence interval, all within [-1, 1]."""

    point: float
    low: float
    high: float


def anchoring(
    shown: ArrayLike,
    blind: ArrayLike,
    shown_by: Sequence[str] | None = None,
    blind_by: Sequence[str] | None = None,
    level: float = 0.95,
) -> Difference | None:
    """How much more often a suggestion is the answer where it is shown than where it is not.

    Each entry is an answer: 1 where it is what was suggested (or would have been), else 0. Which mail is blind must
    have been drawn at random. `shown_by` and `blind_by` say whose answers they are: one person's go together (Student's
    interval over reviewers, Liang & Zeger 1986). None with fewer than two answers of a kind or two reviewers.

    Raises:
        ValueError: Names and answers differ in number.
    """
    arms = [np.asarray(arm, dtype=np.float64) for arm in (shown, blind)]
    if min(arm.size for arm in arms) < 2:
        return None
    names = [*_names(arms[0], shown_by, "shown"), *_names(arms[1], blind_by, "blind")]
    pulls = np.concatenate([sign * (arm - arm.mean()) / arm.size for sign, arm in zip((1, -1), arms, strict=True)])
    sums = np.bincount(np.unique(names, return_inverse=True)[1], weights=pulls)
    if sums.size < 2:
        return None
    variance = float(np.sum(sums**2)) * sums.size / (sums.size - 1)
    half = float(stdtrit(sums.size - 1, 0.5 + level / 2)) * variance**0.5
    point = float(arms[0].mean() - arms[1].mean())
    return Difference(point, max(-1.0, point - half), min(1.0, point + half))


def _names(arm: Floats, names: Sequence[str] | None, kind: str) -> Sequence[str]:
    """Whose answers they are; each somebody else's where nothing is told."""
    if names is None:
        return [f"{kind} {number}" for number in range(arm.size)]
    if len(names) != arm.size:
        raise ValueError(f"{len(names)} names for {arm.size} answers")
    return names
