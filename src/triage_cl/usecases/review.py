"""Give drawn mail to reviewers, and take their answers back into the ledger."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from triage_cl.domain.corrections import Correction, Origin, Source
from triage_cl.domain.errors import UnknownDepartment
from triage_cl.usecases.departments import names_ever
from triage_cl.usecases.learn import taxonomy_at
from triage_cl.usecases.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """A mail as a reviewer sees it; `suggestion` is a department's name, None for a blind task or an abstention."""

    email_id: str
    received_at: datetime
    sender: str
    subject: str
    body: str
    suggestion: str | None
    confidence: float
    blind: bool
    priority: float


@dataclass(frozen=True, slots=True)
class Answer:
    """What a reviewer said: a department's name or id, None for a skip. `answer_id` names this very answer."""

    answer_id: str
    email_id: str
    department: str | None
    suggestion: str | None
    blind: bool
    reviewer: str
    answered_at: datetime


class ReviewQueue(Protocol):
    """Where reviewers find tasks and leave answers."""

    def publish(self, tasks: Sequence[ReviewTask]) -> Mapping[str, str]:
        """Offer tasks, each mail once; the task's id by mail."""
        ...

    def answers(self) -> Iterable[Answer]:
        """Answers not handed over yet by this queue object; the same answer may come again from another."""
        ...


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of the answers found: new corrections, answers seen before, and departments nobody knows."""

    corrections: int
    repeated: int
    unknown: int


#: How many tasks are published in one transaction.
BATCH = 500


def publish(ledger: Ledger, queue: ReviewQueue, at: datetime) -> int:
    """Offer every drawn mail that was not offered yet, most urgent first; how many were."""
    taxonomy = taxonomy_at(ledger)
    published = 0
    while drawn := ledger.unpublished(BATCH):
        emails = ledger.emails([decision.email_id for decision in drawn])
        tasks = []
        for decision in drawn:
            email = emails.get(decision.email_id)
            shown = decision.department is not None and not decision.blind
            tasks.append(
                ReviewTask(
                    email_id=decision.email_id,
                    received_at=email.received_at if email else decision.decided_at,
                    sender=email.sender if email else "",
                    subject=email.subject if email else "(the text is no longer kept)",
                    body=email.body if email else "",
                    suggestion=taxonomy.name_of(decision.department) if shown else None,
                    confidence=decision.confidence,
                    blind=decision.blind,
                    priority=decision.priority,
                )
            )
        ledger.published(queue.publish(tasks), at)
        published += len(tasks)
    return published


def reconcile(ledger: Ledger, queue: ReviewQueue, at: datetime) -> Reconciled:
    """Record every answer that the queue has and the ledger has not; an unknown department teaches nobody.

    A department means what it meant to the reviewer: it may be called otherwise by now, or be another's.
    """
    known = names_ever(ledger)
    corrections = []
    unknown = 0
    for answer in queue.answers():
        try:
            corrections.append(correction_of(answer, known))
        except UnknownDepartment:
            unknown += 1
    new = len(ledger.append(corrections, at))
    return Reconciled(new, len(corrections) - new, unknown)


def correction_of(answer: Answer, known: Mapping[str, str], source: Source = Source.REVIEW) -> Correction:
    """The correction that an answer is; `known` gives ids by name, case folded. Raises UnknownDepartment."""
    department = None if answer.department is None else known.get(answer.department.casefold())
    if answer.department is not None and department is None:
        raise UnknownDepartment(f"It was answered {answer.department!r}.")
    return Correction(
        email_id=answer.email_id,
        department=department,
        source=source,
        origin=_origin(answer, department, known),
        blind=answer.blind,
        reviewer=answer.reviewer,
        answer_id=answer.answer_id,
        answered_at=answer.answered_at,
    )


def _origin(answer: Answer, department: str | None, known: Mapping[str, str]) -> Origin:
    if answer.suggestion is None:
        return Origin.SCRATCH
    return Origin.ACCEPTED if known.get(answer.suggestion.casefold()) == department else Origin.CHANGED
