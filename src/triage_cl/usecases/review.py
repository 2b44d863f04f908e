"""Give drawn mail to reviewers, most urgent first, and keep what they see up to date."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace
from datetime import datetime
from typing import Protocol

from triage_cl.domain.decisions import Decision
from triage_cl.domain.departments import DepartmentAdded, Taxonomy
from triage_cl.domain.emails import Email
from triage_cl.domain.review import ReviewGroups
from triage_cl.domain.second_looks import SecondLook
from triage_cl.usecases.learn import CHANGES, taxonomy_at
from triage_cl.usecases.ledger import Ledger


@dataclass(frozen=True, slots=True)
class ReviewTask:
    """A mail as a reviewer sees it.

    `suggestion` is a department's name and `department` its id, both None for a blind task or an abstention; `reasons`
    are the words that weighed most for it, `version` the model version that suggests or abstains, "" in a blind task.
    `group` names the reviewers who may see it.
    """

    email_id: str
    received_at: datetime
    sender: str
    subject: str
    body: str
    suggestion: str | None
    confidence: float
    blind: bool
    priority: float
    department: str | None = None
    reasons: tuple[str, ...] = ()
    version: str = ""
    group: str = ""


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
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """The answers to a mail's task were deleted, by whoever; `channel` is where: what its answers' ids begin with.

    `final` says that the task itself is gone: whatever is heard of it later was said before.
    """

    email_id: str
    channel: str
    at: datetime
    final: bool = False


#: Something that was said about a mail or a second look, which `email_id` names.
Said = Answer | Withdrawn


def is_final(item: Said) -> bool:
    """Whether nothing newer can be said of it: its task is gone."""
    return isinstance(item, Withdrawn) and item.final


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of the answers found.

    `corrections` are new, `repeated` change nothing; `unknown` ones name no department, `unknown_mails` no mail, and
    teach nobody; `overtaken` ones came after another that is newer or may be: whoever asks again learns what holds.
    """

    corrections: int = 0
    repeated: int = 0
    unknown: int = 0
    unknown_mails: int = 0
    overtaken: int = 0

    def __add__(self, other: "Reconciled") -> "Reconciled":
        return Reconciled(*(mine + theirs for mine, theirs in zip(astuple(self), astuple(other), strict=True)))


class ReviewQueue(Protocol):
    """Where reviewers find tasks and leave answers."""

    def publish(self, tasks: Sequence[ReviewTask]) -> Mapping[str, str]:
        """Offer tasks, each mail once; the task's id by mail."""
        ...

    def refresh(self, tasks: Mapping[str, ReviewTask]) -> None:
        """Show other suggestions in open tasks, by their ids."""
        ...

    def archive(self, task_ids: Sequence[str]) -> None:
        """Put answered tasks away: reviewers need not see them any more."""
        ...

    def answers(self) -> Iterable[Answer | Withdrawn]:
        """What was said since the last `acknowledge`; a mail's last one is in force. It may have come before."""
        ...

    def acknowledge(self) -> None:
        """Everything that `answers` gave is durable elsewhere by now."""
        ...


#: The words that weighed most for a department in a mail.
Explain = Callable[[Email, str], Sequence[str]]

#: Changes of departments under which a suggestion may mean, or be called, another one.
SUGGESTING = [kind for kind in CHANGES if kind != DepartmentAdded.kind]

#: How many tasks are published, refreshed or put away at once.
BATCH = 500


def publish(
    ledger: Ledger,
    queue: ReviewQueue,
    at: datetime,
    groups: ReviewGroups = ReviewGroups(),
    explain: Explain | None = None,
) -> int:
    """Offer every drawn mail that was not offered yet, most urgent first; how many were."""
    taxonomy = taxonomy_at(ledger)
    published = 0
    while drawn := ledger.unpublished(BATCH):
        emails = ledger.emails([decision.email_id for decision in drawn])
        tasks = [task_of(d, emails.get(d.email_id), taxonomy, groups, explain) for d in drawn]
        named = queue.publish(tasks)
        for version in {task.version for task in tasks}:
            shown = {task.email_id: named[task.email_id] for task in tasks if task.version == version}
            ledger.published(shown, at, shown_as(ledger, version) if version else None)
        published += len(tasks)
    return published + _publish_looks(ledger, queue, at, groups, taxonomy)


def _publish_looks(ledger: Ledger, queue: ReviewQueue, at: datetime, groups: ReviewGroups, taxonomy: Taxonomy) -> int:
    """Offer every second look that was not offered yet; how many were."""
    published = 0
    while looks := ledger.unpublished_looks(BATCH):
        ids = [look.email_id for look in looks]
        emails, decisions = ledger.emails(ids), ledger.decisions_of(ids)
        tasks = [
            look_task(look, decisions[look.email_id], emails.get(look.email_id), taxonomy, groups) for look in looks
        ]
        ledger.published(queue.publish(tasks), at)
        published += len(tasks)
    return published


def look_task(
    look: SecondLook, decision: Decision, email: Email | None, taxonomy: Taxonomy, groups: ReviewGroups
) -> ReviewTask:
    """The task of a second look: a blind one, like others."""
    task = task_of(replace(decision, blind=True), email, taxonomy, groups, None)
    topic = (look.topic,) if look.topic else ()
    return replace(task, email_id=look.id, priority=look.priority, reasons=topic)


def shown_as(ledger: Ledger, version: str) -> str:
    """What a task shows that suggests as `version` does: with another name for a department it is another."""
    changes = (recorded.position for recorded in ledger.facts(kinds=SUGGESTING))
    return f"{version}/{max(changes, default=0)}"


def task_of(
    decision: Decision, email: Email | None, taxonomy: Taxonomy, groups: ReviewGroups, explain: Explain | None
) -> ReviewTask:
    """The task about a decision; nothing in a blind one tells what was concluded, but who may see it.

    A department that ended is its heir; without one nothing is suggested, and the same reviewers may see it.
    """
    heir = None if decision.department is None else taxonomy.teaches(decision.department)
    concluded = heir or decision.department
    name = None if concluded is None else taxonomy.name_of(concluded)
    shown = None if decision.blind else heir
    return ReviewTask(
        email_id=decision.email_id,
        received_at=email.received_at if email else decision.decided_at,
        sender=email.sender if email else "",
        subject=email.subject if email else "(the text is no longer kept)",
        body=email.body if email else "",
        suggestion=name if shown else None,
        confidence=decision.confidence,
        blind=decision.blind,
        priority=decision.priority,
        department=shown,
        reasons=tuple(explain(email, shown)) if explain and email and shown else (),
        version="" if decision.blind else decision.version,
        group=groups.group_in(taxonomy, concluded),
    )


def put_away(ledger: Ledger, queue: ReviewQueue, answered_before: datetime, at: datetime) -> int:
    """Put tasks away whose last answer is older than `answered_before`; how many were.

    They are put away in the ledger first: their vanishing is then nobody's withdrawal.
    """
    archived = 0
    while old := ledger.answered_before(answered_before, BATCH):
        ledger.archive_tasks(old, at)
        queue.archive(old)
        archived += len(old)
    return archived
