"""No department pays for another: non-inferiority on every guarded slice of the mail, all of which must hold.

An intersection-union test (Berger 1982): each guard is judged at the whole level, for a promotion needs them all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from math import log

import numpy as np

from triage_cl.statistics.duel_paths import Ints, log_mean
from triage_cl.statistics.estimators import Floats
from triage_cl.statistics.sequences import RATES, Wealth

#: How much of its accuracy a slice may lose, and the most that may be tolerated.
TOLERANCE, MOST_TOLERANCE = 0.05, 0.5

#: Slices with fewer mails in the window of a duel cannot be judged in it.
ENOUGH_MAILS = 750


def blame_levels(shares: Floats, alpha: float = 0.05) -> Floats:
    """At which level each slice is blamed, by its share of the mail: none is, wrongly, but with probability `alpha`.

    Slices with little mail have the larger part of it (Bonferroni's inequality with weights), for they have the least
    evidence to offer; a slice with much mail hardly notices.
    """
    levels: Floats = alpha / shares / np.sum(1 / shares)
    return levels


class Standing(StrEnum):
    """What a guard says of its slice."""

    PASSED = "passed"
    HARMED = "harmed"
    PENDING = "pending"


class Guard:
    """Bets that a slice does not lose more than the tolerance, and bets against.

    Each mail that the champion routes to the slice is one factor 1 + λ·(gain / chance + tolerance), with gain 0 where
    nobody answered, and its mirror image against; averaged over fixed rates, λ being a rate times the least chance of
    an answer on that day, settled before the day (Waudby-Smith & Ramdas 2024). It passes at level `alpha`, harm is
    shown at level `blame`, of which `blame_levels` gives each slice its share.
    """

    def __init__(self, tolerance: float = TOLERANCE, alpha: float = 0.05, blame: float = 0.05) -> None:
        if not 0 < tolerance <= MOST_TOLERANCE or not 0 < alpha < 1 or not 0 < blame < 1:
            raise ValueError(f"a tolerance up to {MOST_TOLERANCE} with levels is needed: {tolerance}, {alpha}, {blame}")
        self.tolerance = tolerance
        self._needed_to_pass, self._needed_to_blame = log(1 / alpha), log(1 / blame)
        self._harmless, self._harmed = Wealth(), Wealth()

    def count(self, gain: float, chance: float, least: float) -> None:
        """Count an answered disagreement whose answer was to be had with `chance`, at least `least` that day.

        Raises:
            ValueError: A gain beyond ±1, or a chance below the least, would void the bets.
        """
        if not -1 <= gain <= 1 or not 0 < least <= chance <= 1:
            raise ValueError(f"a gain in [-1, 1] with a chance of {least} to 1 is needed, not {gain} and {chance}")
        self._bet(least * (gain / chance + self.tolerance))

    def pass_over(self, mails: int, least: float) -> None:
        """Count a day's mails without an answer: both agree, it was not drawn, or nobody answered."""
        self._bet(least * self.tolerance, mails)

    def _bet(self, stake: float, times: int = 1) -> None:
        self._harmless.bet(stake, times)
        self._harmed.bet(-stake, times)

    @property
    def log_e_values(self) -> tuple[float, float]:
        """The logarithms of the evidence that it loses less than the tolerance, and that it loses more."""
        return self._harmless.log_e_value(), self._harmed.log_e_value()

    @property
    def standing(self) -> Standing:
        """What is shown now. It may be kept from then on: evidence that was there at any time is proof."""
        harmless, harmed = self.log_e_values
        if harmed >= self._needed_to_blame:
            return Standing.HARMED
        return Standing.PASSED if harmless >= self._needed_to_pass else Standing.PENDING


class GuardTable:
    """Many guards at once, a day at a time: the numbers of `Guard` where gains are -1, 0 or 1, for simulations."""

    def __init__(self, shape: tuple[int, ...], tolerance: float = TOLERANCE) -> None:
        self.tolerance = tolerance
        self._harmless = np.zeros((len(RATES), *shape))
        self._harmed = np.zeros((len(RATES), *shape))

    def count(self, mails: Ints, won: Ints, lost: Ints, chance: Floats) -> None:
        """Count a day: all mails of each slice, and of its answers those for the challenger and for the champion.

        All answers of a slice were to be had with the same `chance` that day.
        """
        for number, rate in enumerate(RATES):
            for table, sign in ((self._harmless, 1), (self._harmed, -1)):
                unanswered = np.log1p(sign * rate * chance * self.tolerance) * (mails - won - lost)
                for times, gain in ((won, 1), (lost, -1)):
                    unanswered += times * np.log1p(sign * rate * (gain + chance * self.tolerance))
                table[number] += unanswered

    @property
    def log_e_values(self) -> tuple[Floats, Floats]:
        """The logarithms of the evidence that each loses less than the tolerance, and that it loses more."""
        return log_mean(self._harmless), log_mean(self._harmed)


@dataclass(frozen=True, slots=True)
class GuardDecision:
    """Whether the guards let a challenger pass, and which slices say what.

    The champion goes on in those `kept`: they are too small to be judged.
    """

    passes: bool
    harmed: tuple[str, ...]
    pending: tuple[str, ...]
    kept: tuple[str, ...]


def decide_guards(standings: Mapping[str, Standing], mails: Mapping[str, float]) -> GuardDecision:
    """Whether every slice that has enough `mails` in the window of a duel has passed, and none is harmed."""
    harmed, undecided = (_those(standings, wanted) for wanted in (Standing.HARMED, Standing.PENDING))
    kept = tuple(name for name in undecided if mails[name] < ENOUGH_MAILS)
    pending = tuple(name for name in undecided if mails[name] >= ENOUGH_MAILS)
    return GuardDecision(not harmed and not pending, harmed, pending, kept)


def _those(standings: Mapping[str, Standing], wanted: Standing) -> tuple[str, ...]:
    return tuple(sorted(name for name, standing in standings.items() if standing is wanted))
