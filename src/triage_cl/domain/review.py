"""Who is asked about which mail: the review probability, and the budget that it keeps to.

The formulas are those of Poisson sampling with unequal probabilities (Ohlsson 1998): each mail has its own
probability, settled before any answer exists, and one keyed uniform number realises it.
"""

from bisect import bisect_left
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate
from typing import ClassVar

from triage_cl.domain.decisions import Action, Conclusion
from triage_cl.domain.departments import Taxonomy

#: Disagreements need no more than this for a duel; under a budget a day they have at least the lower one.
DISPUTED_MOST, DISPUTED_LEAST = 0.2, 0.02
#: How much of the usual volume is that of the day before.
RECENT_PART = 0.3
#: What is left of the share once a day's budget is spent.
SPENT_PART = 0.05


@dataclass(frozen=True, slots=True)
class ReviewPolicy:
    """How reviewers' time is spent.

    `share` of the mail is reviewed, or `per_day` mails a day where given. Every mail has at least `random_part` of
    the share as its probability, so that everything can be measured; a mail on which champion and challenger disagree
    has at least the share itself (at most 0.2); the rest follows doubt, 1 for an abstention, one minus the lead over
    the second department otherwise. `blind_part` of the drawn, and every disputed mail, is shown
    without the suggestion.
    """

    kind: ClassVar[str] = "review-policy"
    share: float = 0.1
    per_day: int | None = None
    random_part: float = 0.25
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

    def disputed(self, share: float) -> float:
        """The least probability of a mail on which champion and challenger disagree, at this share."""
        return max(self.disputed_floor, min(DISPUTED_MOST, share))

    @property
    def disputed_floor(self) -> float:
        """What no disputed mail's probability is ever below, whatever the day brings: it bounds a duel's bets."""
        return min(DISPUTED_MOST, self.share) if self.per_day is None else DISPUTED_LEAST

    def probability(self, doubt: float, disputed: bool, share: float, slope: float) -> float:
        """The review probability of one mail, in (0, 1]."""
        if share >= 1:
            return 1.0
        least = self.disputed(share) if disputed else 0.0
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

    What it says for a mail depends on earlier mails and their draws only, never on any answer. `seen` and `drawn`
    count everything since `first_at`, `seen_today` and `drawn_today` the mails of the day of `last_at`; `usual` is the
    volume of the days before it, recent ones weighing most, 0 on the first.
    """

    policy: ReviewPolicy
    seen: int = 0
    drawn: int = 0
    first_at: datetime | None = None
    last_at: datetime | None = None
    seen_today: int = 0
    drawn_today: int = 0
    usual: float = 0.0
    recent: deque[tuple[float, bool]] = field(default_factory=lambda: deque(maxlen=HORIZON))
    _share: float = 0.0
    _slope: float = 0.0
    _fresh: int = 0

    def probability(self, doubt: float, disputed: bool, at: datetime) -> float:
        """The review probability of the next mail."""
        if self._fresh <= 0 or (self.policy.per_day is not None and self._is_new_day(at)):
            self._share = self._share_at(at)
            self._slope = self._find_slope()
            self._fresh = REFRESH
        return self.policy.probability(doubt, disputed, self._share, self._slope)

    def record(self, doubt: float, disputed: bool, drawn: bool, at: datetime) -> None:
        """Count a mail that was decided and stored."""
        self._fresh -= 1
        if self._is_new_day(at):
            self.usual = self._usual_from()
            self.seen_today = self.drawn_today = 0
        self.first_at = self.first_at or at
        self.last_at = at
        self.seen += 1
        self.seen_today += 1
        self.drawn += drawn
        self.drawn_today += drawn
        self.recent.append((doubt, disputed))

    def _is_new_day(self, at: datetime) -> bool:
        return self.last_at is not None and at.date() != self.last_at.date()

    def _share_at(self, at: datetime) -> float:
        """The share to aim at: the policy's, or what is left of the day's budget over what is left of its mail."""
        if self.policy.per_day is None:
            return self.policy.share
        new_day = self._is_new_day(at)
        seen, drawn = (0, 0) if new_day else (self.seen_today, self.drawn_today)
        left = self.policy.per_day - drawn
        usual = self._usual_from() if new_day else self.usual
        if not usual:
            return self.policy.share if left > 0 else self.policy.share * SPENT_PART
        share = min(1.0, self.policy.per_day / usual)
        coming = max(usual - seen, usual / 10)
        return min(1.0, max(left / coming, share * SPENT_PART))

    def _usual_from(self) -> float:
        """The usual volume once the day of `last_at` is over: a moving average."""
        return self.usual + RECENT_PART * (self.seen_today - self.usual) if self.usual else float(self.seen_today)

    def _target(self) -> float:
        if self.policy.per_day is not None:
            return self._share
        owed = self._share * self.seen - self.drawn
        return self._share + owed / HORIZON

    def _find_slope(self) -> float:
        target = self._target()
        known = self.recent or [(1.0, False)]
        groups = [
            _Slice(sorted(doubt for doubt, it_is in known if it_is is disputed), self.policy, disputed, self._share)
            for disputed in (False, True)
        ]
        low, high = 0.0, 64.0
        for _ in range(20):
            middle = (low + high) / 2
            mean = sum(group.drawn(middle) for group in groups) / len(known)
            low, high = (middle, high) if mean < target else (low, middle)
        return low


class _Slice:
    """Mails by ascending doubt, and how many of them would be drawn: sums over the mails without a pass over them."""

    def __init__(self, doubts: list[float], policy: ReviewPolicy, disputed: bool, share: float) -> None:
        self.doubts = doubts
        self.sums = [0.0, *accumulate(doubts)]
        self.floor = policy.floor(share)
        self.least = max(self.floor, policy.disputed(share)) if disputed else self.floor

    def drawn(self, slope: float) -> float:
        """The sum of their review probabilities: `least`, then floor + slope * doubt, then 1, as doubt grows."""
        rising = bisect_left(self.doubts, (self.least - self.floor) / slope) if slope else len(self.doubts)
        certain = bisect_left(self.doubts, (1.0 - self.floor) / slope, rising) if slope else len(self.doubts)
        doubtful = self.sums[certain] - self.sums[rising]
        least, whole = rising * self.least, len(self.doubts) - certain
        return least + (certain - rising) * self.floor + slope * doubtful + whole


@dataclass(frozen=True, slots=True)
class ReviewGroups:
    """Which departments' mail only some reviewers may see: names or ids by group; all other mail is in `others`."""

    departments: Mapping[str, Sequence[str]] = field(default_factory=dict)
    others: str = "Mail"

    def names(self) -> list[str]:
        """Every group, that of all other mail first."""
        return [self.others, *(name for name in self.departments if name != self.others)]

    def group_of(self, id: str | None, name: str | None) -> str:
        """The group whose reviewers see mail that is concluded to belong to this department."""
        sought = {text.casefold() for text in (id, name) if text}
        for group, members in self.departments.items():
            if sought & {member.casefold() for member in members}:
                return group
        return self.others

    def group_in(self, departments: Taxonomy, id: str | None) -> str:
        """The group of a department; of a team that is in none, that of the department above it."""
        for each in (id, *departments.above(id)) if id is not None else ():
            if (group := self.group_of(each, departments.name_of(each))) != self.others:
                return group
        return self.others
