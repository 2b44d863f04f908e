"""What is expected of reviewers, and whose answers count."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from triage_cl.domain.corrections import Correction

#: The error rate on double reviews that is nobody's fault: honest people differ, and some mail is hard.
TOLERANCE = 0.1
#: How many lessons one reviewer may teach in a day: more than anybody reads, fewer than a script clicks.
ANSWERS_A_DAY = 2_000


@dataclass(frozen=True, slots=True)
class ReviewerTakenOut:
    """What a reviewer (a pseudonym) answered since `since_at`, by default ever, is as if it had never been said.

    It holds for what they will answer, too.
    """

    kind: ClassVar[str] = "reviewer-taken-out"
    reviewer: str
    reasons: tuple[str, ...] = ()
    since_at: datetime | None = None

    @property
    def subject(self) -> str:
        """Whom the fact is about."""
        return self.reviewer


@dataclass(frozen=True, slots=True)
class ReviewerReinstated:
    """What a reviewer answered counts again, all of it."""

    kind: ClassVar[str] = "reviewer-reinstated"
    reviewer: str
    reasons: tuple[str, ...] = ()

    @property
    def subject(self) -> str:
        """Whom the fact is about."""
        return self.reviewer


ReviewerChange = ReviewerTakenOut | ReviewerReinstated


@dataclass(frozen=True, slots=True)
class Trust:
    """Since when the answers of each reviewer who was taken out do not count, None: since ever."""

    taken_out: Mapping[str, datetime | None] = field(default_factory=dict)

    def counts(self, correction: Correction) -> bool:
        """Whether an answer may teach and measure."""
        return not correction.withheld and self.trusts(correction.reviewer, correction.answered_at)

    def trusts(self, reviewer: str, at: datetime) -> bool:
        """Whether what somebody said then counts."""
        since_at = self.taken_out.get(reviewer)
        return reviewer not in self.taken_out or (since_at is not None and at < since_at)

    def counting(self, answers: Iterable[tuple[int, Correction]]) -> Iterator[tuple[int, Correction]]:
        """Those of some answers, with their positions, that count."""
        return (answer for answer in answers if self.counts(answer[1]))


def fold_trust(changes: Iterable[ReviewerChange]) -> Trust:
    """Whose answers count after `changes`, in order."""
    taken_out: dict[str, datetime | None] = {}
    for change in changes:
        if isinstance(change, ReviewerTakenOut):
            taken_out[change.reviewer] = change.since_at
        else:
            taken_out.pop(change.reviewer, None)
    return Trust(taken_out)
