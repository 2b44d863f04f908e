"""Bring what open review tasks suggest in step with the champion and the departments."""

from collections.abc import Sequence
from dataclasses import replace

from triage_cl.domain.decisions import Conclusion, Decision
from triage_cl.domain.emails import Email
from triage_cl.domain.review import ReviewGroups
from triage_cl.usecases.ledger import Ledger, OpenTask
from triage_cl.usecases.retrain import standing_at
from triage_cl.usecases.review import BATCH, Explain, ReviewQueue, ReviewTask, shown_as, task_of
from triage_cl.usecases.triage import Desk


def refresh(
    ledger: Ledger,
    queue: ReviewQueue,
    desk: Desk,
    groups: ReviewGroups = ReviewGroups(),
    explain: Explain | None = None,
    limit: int = BATCH,
) -> int:
    """Show today's suggestion in at most `limit` open tasks, the most urgent, that show another one; how many.

    That is where another version suggested, or departments changed since. Decisions stay as they were made. A task
    keeps its suggestion where the text is gone from which another one could come.
    """
    champion = standing_at(ledger).champion
    if champion is None:
        return 0
    today = shown_as(ledger, champion.version)
    outdated = ledger.showing_otherwise(today, limit)
    if not outdated:
        return 0
    desk.refresh()
    emails = ledger.emails([task.decision.email_id for task in outdated])
    kept = [task for task in outdated if task.decision.email_id in emails]
    texts = [emails[task.decision.email_id] for task in kept]
    concluded = desk.conclusions(texts)
    shown = _tasks(desk, kept, texts, concluded, groups, explain)
    queue.refresh(shown)
    ledger.now_showing([task.task_id for task in outdated], today)
    return len(shown)


def _tasks(
    desk: Desk,
    tasks: Sequence[OpenTask],
    emails: Sequence[Email],
    concluded: Sequence[Conclusion],
    groups: ReviewGroups,
    explain: Explain | None,
) -> dict[str, ReviewTask]:
    decisions = [_today(desk, task.decision, one) for task, one in zip(tasks, concluded, strict=True)]
    return {
        task.task_id: task_of(decision, email, desk.taxonomy, groups, explain)
        for task, decision, email in zip(tasks, decisions, emails, strict=True)
    }


def _today(desk: Desk, decision: Decision, concluded: Conclusion) -> Decision:
    """A decision as the champion would make it today; its draw, and with it the task's priority, is the old one."""
    return replace(
        decision,
        version=desk.champion.version,
        department=concluded.department,
        confidence=concluded.confidence,
        margin=concluded.margin,
    )
