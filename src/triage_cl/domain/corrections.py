"""Reviewers' answers, and which of them counts for a mail."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

#: How long after a decision answers still settle what the right one would have been.
ANSWER_WINDOW = timedelta(days=5)


class Source(StrEnum):
    """Why there is an answer."""

    REVIEW = "review"
    """The mail was drawn: the answer teaches and measures."""
    VOLUNTEER = "volunteer"
    """Nobody asked: the answer teaches and never measures."""
    IMPORT = "import"
    """An operator imported an archive as answers: teaches and never measures."""


class Origin(StrEnum):
    """How the answer came about on the screen."""

    ACCEPTED = "accepted"
    CHANGED = "changed"
    SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Correction:
    """A reviewer's answer for one mail: a department's id, or None for a skipped or withdrawn one.

    `answer_id` is the outside's identity of this very answer (task and version of the answer there), so that
    recording it twice is recording it once; what stands before its first colon names the way it came. `reviewer` is a
    pseudonym. `flags` are what else the reviewer marked, such as "personal-data". A `withheld` one is kept and never
    counts: its reviewer had given more answers that day than one may.
    """

    kind: ClassVar[str] = "correction"
    email_id: str
    department: str | None
    source: Source
    origin: Origin
    blind: bool
    reviewer: str
    answer_id: str
    answered_at: datetime
    flags: tuple[str, ...] = ()
    withheld: bool = False

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return self.email_id

    @property
    def identity(self) -> str:
        """The same for the same answer, however often and by whichever way it arrives."""
        return f"{self.source}:{self.answer_id}"


def measures(correction: Correction, decided_at: datetime, window: timedelta) -> bool:
    """Whether an answer may settle a decision: a reviewer was asked, and gave it in time.

    Of several the last one settles it: who sends a mail on to another department within days corrects a colleague.
    The time is the same for every mail, so it makes no difference who is quick.
    """
    return correction.source is Source.REVIEW and correction.answered_at <= decided_at + window


@dataclass(frozen=True, slots=True)
class Lesson:
    """An effective answer: this mail belongs to that department, as known from `position` on, and why it was given.

    Where the department has `teams`, it may be any of theirs, too.
    """

    position: int
    email_id: str
    department: str
    source: Source
    teams: tuple[str, ...] = ()


def effective_lessons(corrections: Iterable[tuple[int, Correction]]) -> list[Lesson]:
    """One lesson a mail, from its latest answer, in ledger order.

    A skipped or withdrawn answer leaves no lesson. The input is (position, correction) in ledger order.
    """
    latest: dict[str, Lesson] = {}
    for position, correction in corrections:
        latest.pop(correction.email_id, None)
        if correction.department is not None:
            latest[correction.email_id] = Lesson(
                position, correction.email_id, correction.department, correction.source
            )
    return list(latest.values())
