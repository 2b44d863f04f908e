"""Mail that somebody answered and somebody looks at again: why, and what they said."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

#: What the identities of opinions begin with.
LOOK = "look"


class Purpose(StrEnum):
    """Why a mail is looked at once more."""

    DOUBLE = "double"
    """Whether two reviewers agree: the answer is compared and teaches nothing."""
    VERDICT = "verdict"
    """Two did not agree: the answer settles who was right, and teaches."""
    AGAIN = "again"
    """The earlier answer does not count any more: the answer teaches."""

    @property
    def teaches(self) -> bool:
        """Whether the answer is one for the mail itself, too."""
        return self is not Purpose.DOUBLE


@dataclass(frozen=True, slots=True)
class SecondLook:
    """A mail that is to be shown to a reviewer once more, without a suggestion.

    `id` stands for the mail's own in its task and in what is said there; `topic` tells what such mails are about.
    Tasks are worked in ascending order of `priority`. The mail was chosen with this `chance`, which followed from the
    past; where the answer mattered, too, `aim` names the two departments one of which it had to be.
    """

    id: str
    email_id: str
    purpose: Purpose
    asked_at: datetime
    priority: float
    topic: str = ""
    chance: float = 1.0
    aim: tuple[str, ...] = ()


#: What stands between the id of a mail and what makes it that of a second look.
_MARK = "#"


def look_id(email_id: str, purpose: Purpose, attempt: int = 1) -> str:
    """The id of a second look; another `attempt` is needed where the first went to the wrong person."""
    return f"{email_id}{_MARK}{purpose}{attempt}"


def mail_of(id: str) -> str:
    """The mail that a task is about which stands under this id: a mail's own, or a second look's."""
    return id.partition(_MARK)[0]


@dataclass(frozen=True, slots=True)
class Opinion:
    """What a reviewer said at a second look: a department's id, None for a skip or where it was withdrawn.

    The last one of a look is in force. It teaches nothing: a look whose purpose teaches brings a correction beside it.
    """

    kind: ClassVar[str] = "opinion"
    look_id: str
    email_id: str
    purpose: Purpose
    department: str | None
    reviewer: str
    answer_id: str
    answered_at: datetime

    @property
    def subject(self) -> str:
        """What the fact is about."""
        return self.look_id

    @property
    def identity(self) -> str:
        """The same for the same answer, however often and by whichever way it arrives."""
        return f"{LOOK}:{self.answer_id}"
