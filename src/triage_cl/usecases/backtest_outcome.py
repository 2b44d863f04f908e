"""What a backtest is asked, what it is given, and everything that happened in it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from triage_cl.domain.decisions import Bars, Decision
from triage_cl.domain.departments import DepartmentChange, Taxonomy
from triage_cl.domain.drift import DriftVerdict
from triage_cl.domain.emails import Message, Unreadable
from triage_cl.domain.facts import Recorded
from triage_cl.domain.promotion import PromotionRule
from triage_cl.domain.review import ReviewPolicy
from triage_cl.usecases.promote import Judged


@dataclass(frozen=True, slots=True)
class Change:
    """A change of departments at its date."""

    at: datetime
    changes: tuple[DepartmentChange, ...]


@dataclass(frozen=True)
class Options:
    """What a backtest varies. `delay` None takes an archive's own times; `retrain_every` None never challenges."""

    policy: ReviewPolicy = ReviewPolicy()
    bars: Bars = Bars()
    champion: str = "hashed-ensemble"
    challenger: str = "tfidf-svm"
    delay: timedelta | None = None
    retrain_every: timedelta | None = timedelta(days=28)
    rule: PromotionRule = PromotionRule()
    seed: int = 0
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True, slots=True)
class Judgment:
    """A look at the duel, at its time, and whether an alias moved."""

    at: datetime
    judged: Judged
    moved: bool


@dataclass
class Outcome:
    """Everything that happened: per mail the decision and the truth (department ids), and the judgements.

    `reviewed` names the mails that were answered, `answers` holds the settled answers, `history` the facts about
    model versions, aliases and judgements, `departments` how departments stood in the end.
    """

    decisions: list[Decision] = field(default_factory=list)
    truths: list[str | None] = field(default_factory=list)
    answers: dict[str, str] = field(default_factory=dict)
    threads: dict[str, str] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)
    judgements: list[Judgment] = field(default_factory=list)
    verdicts: list[tuple[datetime, DriftVerdict]] = field(default_factory=list)
    history: list[Recorded] = field(default_factory=list)
    unreadable: list[Unreadable] = field(default_factory=list)
    reviewed: set[str] = field(default_factory=set)
    repeated: int = 0
    fingerprint: str = ""
    lessons: int = 0
    departments: Taxonomy = field(default_factory=Taxonomy)

    @property
    def scored(self) -> list[Decision]:
        """The decisions; one that can be right together with the truth, a team of one being the other, as the truth."""
        return [
            replace(decision, department=truth) if self.departments.agree(decision.department, truth) else decision
            for decision, truth in zip(self.decisions, self.truths, strict=True)
        ]


def readable(read: Iterator[Message | Unreadable]) -> tuple[list[Message], list[Unreadable]]:
    """Messages in order of time (ties as read; one without a time comes last), and what could not be read."""
    dated: list[tuple[datetime, Message]] = []
    undated: list[Message] = []
    unreadable: list[Unreadable] = []
    for item in read:
        if isinstance(item, Unreadable):
            unreadable.append(item)
        elif item.received_at is None:
            undated.append(item)
        else:
            dated.append((item.received_at, item))
    dated.sort(key=lambda pair: pair[0])
    last_at = dated[-1][0] if dated else None
    return [
        *(message for _, message in dated),
        *(replace(message, received_at=last_at) for message in undated),
    ], unreadable
