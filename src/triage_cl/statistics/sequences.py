"""Evidence that may be looked at after every mail, and acted on, without promising more than it holds.

A test of fixed size that is peeked at until it is significant promotes noise. These two stay valid at every
moment: a betting e-process, and a confidence sequence for the running mean. Feed them in decision order, with
weights settled before the answers exist.
"""

from collections.abc import Iterable
from math import exp, inf, log, log1p

#: How boldly each part of a mixture bets. Fixed: a bet that follows from earlier outcomes would not be valid here.
RATES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.55)


class BettingTest:
    """A bet that the gain is above `gain`; its wealth is the evidence (Waudby-Smith & Ramdas 2024).

    One factor 1 + λ·w·(d − g)/(1 + g) for each answered mail, averaged over fixed λ. While no mail's gain is
    expected to be above g, the chance that the e-value ever reaches 1/α is at most α (Ville 1939).
    """

    def __init__(self, lambdas: tuple[float, ...] = RATES, gain: float = 0.0) -> None:
        if not lambdas or not all(0 < rate < 1 for rate in lambdas):
            raise ValueError(f"bets must be in (0, 1), not {lambdas}")
        if not 0 <= gain < 1:
            raise ValueError(f"the gain to prove must be in [0, 1), not {gain}")
        self.lambdas = lambdas
        self.gain = gain
        self._log_wealths = [0.0] * len(lambdas)

    def update(self, d: float, w: float, times: int = 1) -> None:
        """Bet on a mail whose gain turned out as `d` in [-1, 1], `times` over.

        `w` in (0, 1] is its weight: the least review probability that any mail of the test can have, over its own.
        A mail that was not drawn is no factor; one on which both agree is d = 0 with nothing to ask, which is a
        factor of one unless there is a gain to prove.

        Raises:
            ValueError: `d` or `w` is out of bounds, which would void the test.
        """
        if not -1 <= d <= 1 or not 0 < w <= 1:
            raise ValueError(f"a gain must be in [-1, 1] and its weight in (0, 1], not {d} and {w}")
        stake = w * (d - self.gain) / (1 + self.gain)
        self._log_wealths = [
            wealth + times * log1p(rate * stake) for rate, wealth in zip(self.lambdas, self._log_wealths, strict=True)
        ]

    @property
    def log_e_value(self) -> float:
        """The natural logarithm of the e-value, which itself can be too large for a float."""
        return _log_sum(self._log_wealths) - log(len(self.lambdas))

    @property
    def e_value(self) -> float:
        """The evidence that the gain is above `gain`: 1 at the start, 1/α and more is proof at level α."""
        return exp(min(self.log_e_value, 700.0))


class ConfidenceSequence:
    """An interval for the running mean that holds at all times at once, with probability `level`.

    The running mean is that of the conditional expectations of the values so far, which may drift at will; values are
    within ±`bound`. An empirical-Bernstein sequence (Howard, Ramdas, McAuliffe & Sekhon 2021, theorem 4, predicting
    0) with a mixture over fixed rates λ: exp(λ·S − ψ(λ)·V), with S the sum of value − expectation, V the sum of
    squares and ψ(λ) = −log(1 − λ) − λ, starts at one and never rises in expectation (Fan, Grama & Liu 2015), and
    neither does its average over λ; the same holds mirrored. Zeros cost nothing but their number.
    """

    def __init__(self, bound: float, level: float = 0.95, rates: tuple[float, ...] = RATES) -> None:
        if bound <= 0 or not 0 < level < 1 or not all(0 < rate < 1 for rate in rates):
            raise ValueError(f"a bound above 0 with level and rates in (0, 1) is needed: {bound}, {level}, {rates}")
        self.bound = bound
        self.rates = rates
        self.count = 0
        self._needed = log(2 * len(rates) / (1 - level))
        self._total = 0.0
        self._squares = 0.0

    def update(self, x: float) -> None:
        """Take in the next value.

        Raises:
            ValueError: The value is beyond the bound, which would void the sequence.
        """
        if not -self.bound <= x <= self.bound:
            raise ValueError(f"a value must be within ±{self.bound}, not {x}")
        self.count += 1
        self._total += x / self.bound
        self._squares += (x / self.bound) ** 2

    def update_zeros(self, count: int) -> None:
        """Take in `count` zeros at once, such as mails on which both agree."""
        if count < 0:
            raise ValueError(f"cannot take in {count} zeros")
        self.count += count

    @property
    def mean(self) -> float:
        """The mean of the values so far; 0 before the first."""
        return self.bound * self._total / max(1, self.count)

    @property
    def interval(self) -> tuple[float, float]:
        """Where the running mean lies: low and high, within ±`bound`."""
        if not self.count:
            return -self.bound, self.bound
        margin = self.bound * self._deviation() / self.count
        return max(-self.bound, self.mean - margin), min(self.bound, self.mean + margin)

    def _deviation(self) -> float:
        """How far the sum may be from its expectation: where the mixture's logarithm reaches what is needed.

        Newton's method from above, where one rate alone suffices; the mixture is convex, so it never overshoots.
        """
        costs = [(-log1p(-rate) - rate) * self._squares for rate in self.rates]
        deviation = min((self._needed + cost) / rate for rate, cost in zip(self.rates, costs, strict=True))
        step = inf
        while step > 1e-9 * deviation:
            terms = [rate * deviation - cost for rate, cost in zip(self.rates, costs, strict=True)]
            reached = _log_sum(terms)
            slope = sum(rate * exp(term - reached) for rate, term in zip(self.rates, terms, strict=True))
            step = (reached - self._needed) / slope
            deviation -= step
        return deviation


def _log_sum(logarithms: Iterable[float]) -> float:
    """The logarithm of the sum of numbers given by their logarithms."""
    terms = list(logarithms)
    largest = max(terms)
    return largest + log(sum(exp(term - largest) for term in terms))
