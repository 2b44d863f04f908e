"""Evidence that may be looked at after every mail, and acted on, without promising more than it holds.

A test of fixed size that is peeked at until it is significant promotes noise. These two stay valid at every
moment: a betting e-process, and a confidence sequence for the running mean. Feed them in decision order, with
weights settled before the answers exist.
"""

from collections.abc import Iterable
from math import exp, inf, log, log1p

#: How boldly each part of a mixture bets. Fixed: a bet that follows from earlier outcomes would not be valid here.
RATES = (0.02, 0.05, 0.1, 0.2, 0.35, 0.55)


class Wealth:
    """What bets at fixed rates made of one, on the average over the rates: evidence against fair or worse bets."""

    def __init__(self, rates: tuple[float, ...] = RATES) -> None:
        if not rates or not all(0 < rate < 1 for rate in rates):
            raise ValueError(f"bets must be in (0, 1), not {rates}")
        self.rates = rates
        self.logarithms = [0.0] * len(rates)

    def bet(self, stake: float, times: int = 1) -> None:
        """One factor 1 + rate·stake, `times` over; a `stake` above -1/rate leaves something."""
        self.logarithms = [
            wealth + times * log1p(rate * stake) for rate, wealth in zip(self.rates, self.logarithms, strict=True)
        ]

    def log_e_value(self, expected: float = 0.0) -> float:
        """The logarithm of the evidence that the stakes' expectations sum to more than `expected`."""
        terms = [wealth - rate * expected for rate, wealth in zip(self.rates, self.logarithms, strict=True)]
        return _log_sum(terms) - log(len(terms))

    def least_sum(self, log_e_value: float) -> float:
        """The sum of expectations at which the evidence of a greater one is just so much.

        Newton's method from below, where one rate alone suffices; the evidence is convex, so it never overshoots.
        """
        needed = log_e_value + log(len(self.rates))
        expected = max((wealth - needed) / rate for rate, wealth in zip(self.rates, self.logarithms, strict=True))
        step = inf
        while step > 1e-9 * max(1.0, abs(expected)):
            terms = [wealth - rate * expected for rate, wealth in zip(self.rates, self.logarithms, strict=True)]
            reached = _log_sum(terms)
            slope = sum(rate * exp(term - reached) for rate, term in zip(self.rates, terms, strict=True))
            step = (reached - needed) / slope
            expected += step
        return expected


class BettingTest:
    """A bet that the gain is above `gain`; its wealth is the evidence (Waudby-Smith & Ramdas 2024).

    One factor 1 + λ·w·(d − g)/(1 + g) for each answered mail, averaged over fixed λ. While no mail's gain is
    expected to be above g, the chance that the e-value ever reaches 1/α is at most α (Ville 1939).
    """

    def __init__(self, lambdas: tuple[float, ...] = RATES, gain: float = 0.0) -> None:
        if not 0 <= gain < 1:
            raise ValueError(f"the gain to prove must be in [0, 1), not {gain}")
        self.gain = gain
        self._wealth = Wealth(lambdas)

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
        self._wealth.bet(w * (d - self.gain) / (1 + self.gain), times)

    @property
    def log_e_value(self) -> float:
        """The natural logarithm of the e-value, which itself can be too large for a float."""
        return self._wealth.log_e_value()

    @property
    def e_value(self) -> float:
        """The evidence that the gain is above `gain`: 1 at the start, 1/α and more is proof at level α."""
        return exp(min(self.log_e_value, 700.0))


class ConfidenceSequence:
    """An interval for the running mean that holds at all times at once, with probability `level`.

    The running mean is that of the conditional expectations of the values so far, which may drift at will; values are
    within ±`bound`. For a fixed rate λ, the product of (1 + λ·value) over exp(λ·sum of expectations) starts at one
    and never rises in expectation, as 1 + λμ ≤ exp(λμ); neither does its average over fixed rates, and the
    same holds mirrored. The ends are where these averages reach what is needed (Ville 1939). As
    log(1 + λx) ≥ λx + (λ + log(1 − λ))·x² for x in [−1, 1] (Fan, Grama & Liu 2015), that is never wider than the
    empirical-Bernstein sequence with the same rates (Howard, Ramdas, McAuliffe & Sekhon 2021, theorem 4, predicting
    0). Zeros cost nothing but their number.
    """

    def __init__(self, bound: float, level: float = 0.95, rates: tuple[float, ...] = RATES) -> None:
        if bound <= 0 or not 0 < level < 1:
            raise ValueError(f"a bound above 0 with a level in (0, 1) is needed, not {bound} and {level}")
        self.bound = bound
        self.count = 0
        self._needed = log(2 / (1 - level))
        self._total = 0.0
        self._above, self._below = Wealth(rates), Wealth(rates)

    def update(self, x: float) -> None:
        """Take in the next value.

        Raises:
            ValueError: The value is beyond the bound, which would void the sequence.
        """
        if not -self.bound <= x <= self.bound:
            raise ValueError(f"a value must be within ±{self.bound}, not {x}")
        value = x / self.bound
        self.count += 1
        self._total += value
        self._above.bet(value)
        self._below.bet(-value)

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
        """Where the running mean lies: low and high, within ±`bound`. Each end alone holds with (1 + `level`) / 2."""
        if not self.count:
            return -self.bound, self.bound
        low = self.bound * self._above.least_sum(self._needed) / self.count
        high = -self.bound * self._below.least_sum(self._needed) / self.count
        return max(-self.bound, low), min(self.bound, high)

    def log_e_above(self, mean: float) -> float:
        """The logarithm of the evidence that the running mean is above `mean`."""
        return self._above.log_e_value(mean * self.count / self.bound)

    def log_e_below(self, mean: float) -> float:
        """The logarithm of the evidence that the running mean is below `mean`."""
        return self._below.log_e_value(-mean * self.count / self.bound)


def _log_sum(logarithms: Iterable[float]) -> float:
    """The logarithm of the sum of numbers given by their logarithms."""
    terms = list(logarithms)
    largest = max(terms)
    return largest + log(sum(exp(term - largest) for term in terms))
