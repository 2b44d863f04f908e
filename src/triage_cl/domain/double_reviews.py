"""Mail that two reviewers answered without seeing each other's answer, and what came of it."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How far a double review has come."""

    OPEN = "open"
    """The second reviewer has not answered yet."""
    AGREED = "agreed"
    """Both said the same."""
    WAITING = "waiting"
    """They disagree, and nobody has settled it yet."""
    AGAINST_FIRST = "against-first"
    """The third reviewer said what the second did."""
    AGAINST_SECOND = "against-second"
    """The third reviewer said what the first did."""
    UNSETTLED = "unsettled"
    """The third reviewer said something else still."""
    NOTHING = "nothing"
    """There is nothing to compare: the first answer was withdrawn, or a department has ended."""

    @property
    def judged(self) -> bool:
        """Whether it is known who was right."""
        return self in (Outcome.AGREED, Outcome.AGAINST_FIRST, Outcome.AGAINST_SECOND)


@dataclass(frozen=True, slots=True)
class Said:
    """What a reviewer said to a mail: a department's id."""

    reviewer: str
    department: str


@dataclass(frozen=True, slots=True)
class DoubleReview:
    """A mail's double review, as it stands.

    `aim` names the two departments for one of which it was chosen by the first answer, () where that made no
    difference. `attempts` and `verdicts` count second and third reviewers who were asked; `waits` says that the last
    one asked has not answered. `position` is that of the last fact that changed the outcome.
    """

    email_id: str
    first: Said
    chance: float
    aim: tuple[str, ...] = ()
    second: Said | None = None
    third: Said | None = None
    outcome: Outcome = Outcome.OPEN
    attempts: int = 1
    verdicts: int = 0
    waits: bool = True
    position: int = 0

    @property
    def right(self) -> str | None:
        """The department that two of them said; None where nobody knows."""
        match self.outcome:
            case Outcome.AGREED | Outcome.AGAINST_SECOND:
                return self.first.department
            case Outcome.AGAINST_FIRST if self.second is not None:
                return self.second.department
            case _:
                return None
