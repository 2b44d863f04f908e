"""Who is asked about which mail: the review probability, and the budget that it keeps to.

The formulas are those of Poisson sampling with unequal probabilities (Ohlsson 1998): each mail has its own
probability, settled before any answer exists, and one keyed uniform number realises it.
"""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from triage_cl.domain.decisions import Action, Conclusion


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """How reviewers' time is spent.

    `share` of the mail is reviewed, or `per_day` mails a day where given. Every mail has at least `random_part` of
    the share as its probability, so that everything can be measured; a mail on which champion and challenger disagree
    has at least `disputed_floor`, which `share` sets in either case; the rest follows doubt, 1 for an abstention, one
    minus the lead over the second department otherwise. `blind_part` of the drawn, and every disputed mail, is shown
    without the suggestion.
    """

    kind: ClassVar[str] = "review-policy"
    share: float = 0.1
    per_day: int | None = None
    random_part: float = 0.25
    disputed_part: float = 2.0
    blind_part: float = 0.25

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"the review share must be above 0 and at most 1, not {self.share}")
        if self.per_day is not None and self.per_day < 1:
            raise ValueError(f"reviews per day must be at least 1, not {self.per_day}")

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return "review"

    def floor(self, share: float) -> float:
        """The least probability of any mail."""
        return min(1.0, self.random_part * share)

    @property
    def disputed_floor(self) -> float:
        """The least probability of a mail on which champion and challenger disagree: it bounds a duel's bets."""
        return min(1.0, max(self.random_part * self.share, min(0.2, self.disputed_part * self.share)))

    def probability(self, doubt: float, disputed: bool, share: float, slope: float) -> float:
        """The review probability of one mail, in (0, 1]."""
        if share >= 1:
            return 1.0
        least = self.disputed_floor if disputed else 0.0
        return min(1.0, max(least, self.floor(share) + slope * doubt))


def doubt_of(conclusion: Conclusion, action: Action) -> float:
    """How much an answer could teach: 1 where the champion abstains, else one minus its margin."""
    return 1.0 if action is Action.ASK else 1.0 - conclusion.margin


#: Over how many mails the budget evens out what chance has spent too much or too little.
HORIZON = 400
#: How many mails share one slope; finding it costs a pass over the horizon.
REFRESH = 32


@dataclass(slots=True)
class Budget:
    """Finds the slope of the review probability that keeps to the policy's budget, from past mail alone.

    What it says for a mail depends on earlier mails and their draws only, never on any answer.
    """

    policy: ReviewPolicy
    seen: int = 0
    drawn: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    recent: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=HORIZON))
    _share: float = 0.0
    _slope: float = 0.0
    _fresh: int = 0

    def probability(self, doubt: float, disputed: bool, at: datetime) -> float:
        """The review probability of the next mail."""
        if self._fresh <= 0:
            self._share = self._share_at(at)
            self._slope = self._find_slope()
            self._fresh = REFRESH
        return self.policy.probability(doubt, disputed, self._share, self._slope)

    def record(self, doubt: float, disputed: bool, drawn: bool, at: datetime) -> None:
        """Count a mail that was decided and stored."""
        self._fresh -= 1
        self.first_at = self.first_at or at
        self.last_at = at
        self.seen += 1
        self.drawn += drawn
        self.recent.append((doubt, disputed))

    def _days(self, at: datetime) -> float:
        return max(1.0, (at - self.first_at).total_seconds() / 86_400 + 1) if self.first_at else 1.0

    def _share_at(self, at: datetime) -> float:
        if self.policy.per_day is None:
            return self.policy.share
        mails_a_day = self.seen / self._days(at)
        return min(1.0, self.policy.per_day / mails_a_day) if mails_a_day else self.policy.share

    def _target(self) -> float:
        owed = self._share * self.seen - self.drawn
        return self._share + owed / HORIZON

    def _find_slope(self) -> float:
        target = self._target()
        known = self.recent or [(1.0, False)]
        low, high = 0.0, 64.0
        for _ in range(20):
            middle = (low + high) / 2
            mean = sum(self.policy.probability(*mail, self._share, middle) for mail in known) / len(known)
            low, high = (middle, high) if mean < target else (low, middle)
        return low
