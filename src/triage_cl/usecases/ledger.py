"""What the use cases ask of the ledger, as types; the one implementation is `adapters.sql.ledger.Ledger`."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Protocol

from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import Decision, ShadowDecision
from triage_cl.domain.emails import Email, Unreadable
from triage_cl.domain.facts import Fact, Recorded
from triage_cl.domain.second_looks import Opinion, Purpose, SecondLook
from triage_cl.usecases.encode import Encoder, Vector


@dataclass(frozen=True, slots=True)
class Admission:
    """A mail with everything that was decided about it, stored together or not at all.

    `agreeing` names the challengers' entrants that concluded as the champion did; `vectors` are those that were made
    for deciding, by kind of encoder.
    """

    email: Email
    decision: Decision
    disagreements: tuple[ShadowDecision, ...] = ()
    agreeing: tuple[str, ...] = ()
    vectors: Mapping[str, Vector] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Routed:
    """A mail that was routed elsewhere, with the answer that an operator imports; stored together or not at all."""

    email: Email
    answer: Correction


@dataclass(frozen=True, slots=True)
class Answered:
    """A decision, with the settled answer of a drawn mail, where it got one.

    `thread` clusters mails (None where the text is no longer kept); `length` counts characters; `position` is the
    ledger's when the decision was stored, `drawn` what was stored of its draw.
    """

    decision: Decision
    answer: Correction | None
    thread: str | None
    received_at: datetime
    length: int
    position: int
    drawn: bool


@dataclass(frozen=True, slots=True)
class Dispute:
    """A mail on which a challenger concluded otherwise than the champion, with its answer where it got one."""

    decision: Decision
    shadow: ShadowDecision
    answer: Correction | None


@dataclass(frozen=True, slots=True)
class OpenTask:
    """A review task without an answer, as the review screen names it, and the decision that it is about."""

    task_id: str
    decision: Decision


@dataclass(frozen=True, slots=True)
class Backlog:
    """What reviewers have before them: open tasks and the oldest one's time; drawn mail that is no task yet."""

    tasks: int
    oldest_at: datetime | None
    unpublished: int
    waiting_since: datetime | None


class Ledger(Protocol):
    """Facts in order, records by key."""

    def append(self, facts: Sequence[Fact], at: datetime) -> list[Recorded]:
        """Record facts, each once; what comes back was new, and is durable."""
        ...

    def append_answers(self, answers: Sequence[Correction | Opinion], at: datetime, seen: int) -> list[Recorded] | None:
        """Record answers, each once, or None if one of their mails or looks was answered after the position `seen`.

        Those beyond what a reviewer may teach in a day are withheld.
        """
        ...

    def ask(self, looks: Sequence[SecondLook]) -> int:
        """Have mails looked at once more, each look once; how many are new."""
        ...

    def looks(self, ids: Sequence[str]) -> Mapping[str, SecondLook]:
        """The second looks of these ids; other ids are left out."""
        ...

    def looks_at(self, emails: Sequence[str]) -> Mapping[str, SecondLook]:
        """All second looks at these mails, by their own ids."""
        ...

    def looks_for(self, *purposes: Purpose) -> Sequence[SecondLook]:
        """All second looks for these purposes."""
        ...

    def answers_given(self, since: datetime) -> Mapping[str, int]:
        """How many lessons each reviewer gave on the day of `since` and later, by whatever way but an archive's."""
        ...

    def unpublished_looks(self, limit: int) -> list[SecondLook]:
        """Second looks that no reviewer was given yet, most urgent first."""
        ...

    def opinions_of(self, ids: Sequence[str]) -> Mapping[str, list[Recorded]]:
        """What was said at these second looks, each one's in order."""
        ...

    def answered(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails and second looks somebody said something about, or an archive."""
        ...

    def facts(self, after: int = 0, until: int | None = None, kinds: Iterable[str] | None = None) -> Iterator[Recorded]:
        """Facts after a position and up to another, in order."""
        ...

    def position(self) -> int:
        """The position of the last fact."""
        ...

    def admit(self, admissions: Sequence[Admission], decided_under: int) -> list[str] | None:
        """Store decided mails; the ids of the new ones, or None if a fact newer than `decided_under` governs."""
        ...

    def take_routed(self, routed: Sequence[Routed], at: datetime) -> list[str]:
        """Store routed mails that are not there, and the answers of those that have none; the ids of these."""
        ...

    def known(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails are there."""
        ...

    def emails(self, ids: Sequence[str]) -> Mapping[str, Email]:
        """The mails of these ids whose text is kept."""
        ...

    def encoder(self, kind: str) -> Encoder:
        """The encoder of this kind that makes vectors now; BadSettings where the settings name none."""
        ...

    def vectors(self, mails: Sequence[Email], kind: str) -> Mapping[str, Vector]:
        """The vector of each mail by the encoder of this kind, as stored; what is missing is made, and then kept."""
        ...

    def quarantine(self, found: Sequence[Unreadable], at: datetime) -> int:
        """Keep what could not be read; how many are new."""
        ...

    def corrected_before(self, ids: Sequence[str], position: int) -> set[str]:
        """Which of these mails had a correction at or before `position`."""
        ...

    def decisions(self, since: datetime | None = None, until: datetime | None = None) -> Iterator[Answered]:
        """Decisions in their order, with the settled answer of the drawn."""
        ...

    def recent_decisions(self, count: int) -> list[Decision]:
        """The last decisions, oldest first."""
        ...

    def spending(self, since: datetime | None = None) -> tuple[int, int, datetime | None]:
        """Mails decided since a time, mails drawn of them, and the time of the first of these decisions."""
        ...

    def disputes(self, champion: str, challenger: str) -> list[Dispute]:
        """What two entrants disagree about, in decision order."""
        ...

    def agreements(self, champion: str, challenger: str) -> Mapping[date, int]:
        """How many mails a day two entrants agree about."""
        ...

    def unpublished(self, limit: int) -> list[Decision]:
        """Drawn decisions that no reviewer was given yet, in the order of their priority."""
        ...

    def published(self, tasks: Mapping[str, str], at: datetime, shown: str | None = None) -> None:
        """Remember which task each mail became, and that `shown` names what it suggests (None: nothing)."""
        ...

    def showing_otherwise(self, shown: str, limit: int) -> list[OpenTask]:
        """Open tasks that show another suggestion than `shown` names, most urgent first."""
        ...

    def now_showing(self, task_ids: Sequence[str], shown: str) -> None:
        """Remember that `shown` names what these tasks suggest."""
        ...

    def answered_before(self, at: datetime, limit: int) -> list[str]:
        """Tasks whose last answer was recorded before `at`, not put away yet."""
        ...

    def archive_tasks(self, task_ids: Sequence[str], at: datetime) -> None:
        """Remember that these tasks are put away."""
        ...

    def lose_tasks(self, task_ids: Sequence[str], at: datetime) -> int:
        """Offer again what was published by `at` as one of these tasks, but put answered ones away; how many wait."""
        ...

    def tasks_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The task that each of these mails became; others are left out."""
        ...

    def standing_tasks(self) -> Mapping[str, str]:
        """The mail of each task that is not put away, by the task's id."""
        ...

    def archived(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails' tasks are put away."""
        ...

    def corrections_of(self, ids: Sequence[str]) -> Mapping[str, list[Recorded]]:
        """All corrections of these mails, each mail's in order."""
        ...

    def decisions_of(self, ids: Sequence[str]) -> Mapping[str, Decision]:
        """The decisions about these mails, where there are any."""
        ...

    def review_probabilities(self, ids: Sequence[str]) -> Mapping[str, float]:
        """The review probabilities of those of these mails that were decided."""
        ...

    def cursor(self, name: str) -> str | None:
        """How far a reader had come, None for one that has not begun."""
        ...

    def cursors(self) -> Mapping[str, tuple[str, datetime]]:
        """How far every reader has come, and when it said so."""
        ...

    def move_cursor(self, name: str, value: str, at: datetime) -> None:
        """Remember how far a reader has come."""
        ...
