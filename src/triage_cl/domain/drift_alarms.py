"""What is watched for drift day by day, what is tolerated, and what an alarm tells whoever acts on it."""

from dataclasses import dataclass, field, fields
from datetime import date
from enum import StrEnum


class Quantity(StrEnum):
    """What is watched: one detector each."""

    ERROR = "error"
    CONFIDENCE = "confidence"
    SHARES = "department shares"
    LENGTH = "length"
    UNSEEN = "unseen words"


class Proposal(StrEnum):
    """What an alarm proposes to do."""

    RETRAIN = "retrain on the mail after the change"
    LOOK = "look at the mail after the change"
    NEW_TOPIC = "look for a new topic in the mail after the change"


#: In which directions a change is drift: more errors and less confidence are, fewer errors and more confidence not.
DIRECTIONS: dict[Quantity, tuple[int, ...]] = {
    Quantity.ERROR: (1,),
    Quantity.CONFIDENCE: (-1,),
    Quantity.SHARES: (1, -1),
    Quantity.LENGTH: (1, -1),
    Quantity.UNSEEN: (1,),
}

#: Whose tolerance is a part of what is usual.
RELATIVE = frozenset({Quantity.SHARES})

PROPOSALS: dict[Quantity, Proposal] = {
    Quantity.ERROR: Proposal.RETRAIN,
    Quantity.CONFIDENCE: Proposal.LOOK,
    Quantity.SHARES: Proposal.LOOK,
    Quantity.LENGTH: Proposal.LOOK,
    Quantity.UNSEEN: Proposal.NEW_TOPIC,
}


@dataclass(frozen=True, slots=True)
class Tolerances:
    """How far a quantity may stand from its reference, given hour and weekday, and still be no drift.

    `error`, `confidence` and `unseen` are differences of shares, `share` is a part of the department's share, and
    `length` is in octaves: 0.1 is 7 % longer or shorter.
    """

    error: float = 0.02
    confidence: float = 0.01
    share: float = 0.1
    length: float = 0.1
    unseen: float = 0.01

    def __post_init__(self) -> None:
        if min(self.error, self.confidence, self.share, self.length, self.unseen) < 0:
            raise ValueError(f"a tolerance cannot be negative: {self}")

    def times(self, factor: float) -> "Tolerances":
        """So many times these tolerances."""
        return Tolerances(**{each.name: factor * getattr(self, each.name) for each in fields(self)})

    def of(self, quantity: Quantity) -> float:
        """The tolerance for a quantity."""
        return {
            Quantity.ERROR: self.error,
            Quantity.CONFIDENCE: self.confidence,
            Quantity.SHARES: self.share,
            Quantity.LENGTH: self.length,
            Quantity.UNSEEN: self.unseen,
        }[quantity]


@dataclass(frozen=True, slots=True)
class AlarmRule:
    """When a change is an alarm.

    At most the share `false_alarms` of years may have any alarm without drift. Beyond the tolerance nothing counts
    within `dead_zone` standard deviations of a day (its sampling error left aside), and no single day counts for more
    than `cap`: real days have heavy tails and take after the day before. The reference is `reference_days` long.
    """

    tolerances: Tolerances = field(default_factory=Tolerances)
    dead_zone: float = 0.5
    cap: float = 300.0
    false_alarms: float = 0.05
    reference_days: int = 84

    def __post_init__(self) -> None:
        if self.dead_zone < 0 or self.cap <= 1 or not 0 < self.false_alarms < 1 or self.reference_days < 28:
            raise ValueError(f"dead zone, cap, false alarms or reference are out of bounds: {self}")

    @property
    def threshold(self) -> float:
        """The evidence of a quantity that is an alarm.

        Without drift the sum over daily starts grows by one a day at most in expectation, so it reaches this within
        365 days with a chance of at most `false_alarms` over the number of quantities (Doob 1953).
        """
        return 365 * len(Quantity) / self.false_alarms


@dataclass(frozen=True, slots=True)
class DriftAlarm:
    """A change that is no chance: of what, since when, by how much, and what to do about it.

    `of` is the department where shares changed. `since` is the day from which on the evidence is strongest, `dated` the
    day that ADWIN gives where it gives one. `change` is the mean difference from the reference since then, in the
    quantity's units; `evidence` is the natural logarithm of the e-detector.
    """

    quantity: Quantity
    of: str | None
    since: date
    dated: date | None
    at: date
    change: float
    evidence: float

    @property
    def proposal(self) -> Proposal:
        """What to do; the window to do it on begins with `since`."""
        return PROPOSALS[self.quantity]

    @property
    def reason(self) -> str:
        """What changed, since when, by how much, and what is proposed, in words."""
        what = f"{self.quantity} of {self.of}" if self.of is not None else str(self.quantity)
        by = f"{self.change:+.2f} octaves" if self.quantity is Quantity.LENGTH else f"{100 * self.change:+.1f} points"
        beside = f" (ADWIN: {self.dated})" if self.dated is not None and self.dated != self.since else ""
        return f"{what}: {by} since {self.since}{beside}; {self.proposal}"
