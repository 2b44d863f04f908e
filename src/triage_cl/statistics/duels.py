"""Champion against challenger: what the reviewed disagreements of closed days prove, however often one looks."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta

from triage_cl.domain.promotion import Evidence, PromotionDecision, PromotionRule, decide_promotion
from triage_cl.statistics.sequences import RATES, BettingTest, ConfidenceSequence


@dataclass(frozen=True, slots=True)
class Review:
    """A disagreement that was drawn for a blind review, with its review probability.

    `gain` in [-1, 1] is the champion's loss minus the challenger's by the cost table; None where there is no answer.
    `asked_again` tells that none came within the answer window, and that chance, settled before any answer, chose to
    ask again with an answer required. Answers that come later unasked do not count.
    """

    probability: float
    gain: float | None = None
    asked_again: bool = False

    def chance(self, asked_again: float) -> float:
        """With what chance its answer was to be had, where `asked_again` of the missing are asked again."""
        return self.probability * (asked_again if self.asked_again else 1.0)


@dataclass(frozen=True, slots=True)
class Block:
    """A day's decisions: on how many mails both agreed, on how many not, and the drawn of these in decision order."""

    day: date
    agreements: int
    disputes: int
    reviews: tuple[Review, ...]

    def is_closed(self, today: date, window: timedelta) -> bool:
        """Whether no answer can come any more that would count: all are in, or only those are missing that may be."""
        waited_for = [review for review in self.reviews if review.gain is None]
        if not waited_for:
            return True
        return today > self.day + window and not any(review.asked_again for review in waited_for)


def closed_blocks(blocks: Iterable[Block], today: date, window: timedelta) -> Iterator[Block]:
    """The blocks that may count, by day, up to the first that may not: no day counts before an earlier one.

    Answers that agree with the champion come sooner, so evidence in order of arrival promises nothing.
    """
    for block in sorted(blocks, key=lambda block: block.day):
        if not block.is_closed(today, window):
            return
        yield block


#: No bet is bolder: it would stake nearly everything on one answer.
BOLDEST = 0.9


def rates_for(asked_again: float) -> tuple[float, ...]:
    """How boldly the parts of the mixture bet: answers that come unasked weigh at most `asked_again`, so bolder."""
    return tuple(min(BOLDEST, rate / asked_again) for rate in RATES)


def sequence_level(alpha: float) -> float:
    """The level of an interval of which each end alone holds but for `alpha`."""
    return 1 - 2 * alpha


class Duel:
    """The running comparison of two entrants; feed it closed blocks in order, and look whenever you like.

    Every mail is one bet on its gain (Waudby-Smith & Ramdas 2024), and one value of a confidence sequence for the
    running mean. An answer weighs `least` over the chance of having it, so that whatever chance is above the least
    evens out; `least` is the least review probability times `asked_again`, the share of the unanswered that are
    asked again. Both are settled when the duel starts: bets that depended on what it saw would prove nothing.
    """

    def __init__(self, rule: PromotionRule, least_probability: float, asked_again: float = 1.0) -> None:
        if not 0 < least_probability <= 1 or not 0 < asked_again <= 1:
            raise ValueError(f"probabilities must be in (0, 1], not {least_probability} and {asked_again}")
        self.rule = rule
        self.asked_again = asked_again
        self.least = least_probability * asked_again
        rates = rates_for(asked_again)
        self._betting = BettingTest(rates, rule.least_gain)
        self._sequence = ConfidenceSequence(1.0, sequence_level(rule.alpha), rates)
        self._disputes = self._answered = self._drawn = 0

    def close(self, block: Block) -> None:
        """Count a closed block.

        Raises:
            ValueError: An answer was less likely to be had than the least chance that the duel allows for.
        """
        undrawn = block.disputes - len(block.reviews)
        self._betting.update(0.0, self.least, times=block.agreements)
        self._sequence.update_zeros(block.agreements + undrawn)
        self._disputes += block.disputes
        for review in block.reviews:
            self._count(review)

    def _count(self, review: Review) -> None:
        self._drawn += 1
        if review.gain is None:
            self._sequence.update_zeros(1)
            return
        weight = self.least / review.chance(self.asked_again)
        self._betting.update(review.gain, weight)
        self._sequence.update(weight * review.gain)
        self._answered += 1

    @property
    def missing_share(self) -> float:
        """The share of the drawn for which there is no answer at all; 0 before the first."""
        return 1 - self._answered / self._drawn if self._drawn else 0.0

    @property
    def log_e_value(self) -> float:
        """The logarithm of the evidence that the gain is above the least one."""
        return self._betting.log_e_value

    @property
    def evidence(self) -> Evidence:
        """What the duel says so far."""
        low, high = self._sequence.interval
        return Evidence(
            mails=self._sequence.count,
            disputed=self._disputes,
            answered=self._answered,
            e_value=self._betting.e_value,
            gain=self._sequence.mean / self.least,
            gain_low=max(-1.0, low / self.least),
            gain_high=min(1.0, high / self.least),
        )

    def decide(self) -> PromotionDecision:
        """Promote, retire (out of reach, or the budget is spent) or keep collecting, with the reasons."""
        return decide_promotion(self.evidence, self.rule)
