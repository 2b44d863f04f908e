"""How departments fared after they changed, in a backtest."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from triage_cl.domain.departments import DepartmentChange, DepartmentMerged, DepartmentRetired, DepartmentSplit
from triage_cl.usecases.backtest_outcome import Change, Outcome

EVER = datetime(1, 1, 1, tzinfo=UTC)
#: After how many weeks it is looked how a department fared.
WEEKS = (1, 2, 4, 8, 13, 26)


def after_changes(outcome: Outcome, changes: Sequence[Change]) -> list[dict[str, Any]]:
    """For each department that a change made, named or enlarged: how much of its mail was found to be its.

    JSON-ready: `weeks` gives for so many weeks from the change on the department's mails, and the share of these that
    was concluded to belong to it (null without any); `before` the same for all its mail until then.
    """
    return [
        {"at": change.at.isoformat(), "change": one.kind, "department": id, "name": outcome.names.get(id, id)}
        | {"before": _found(outcome, id, EVER, change.at)}
        | {"weeks": {str(weeks): _found(outcome, id, change.at, change.at + timedelta(weeks=weeks)) for weeks in WEEKS}}
        for change in changes
        for one in change.changes
        for id in _concerned(one)
    ]


def _concerned(change: DepartmentChange) -> tuple[str, ...]:
    """The departments that go on after a change."""
    match change:
        case DepartmentMerged(into=into):
            return (into,)
        case DepartmentSplit(parts=parts):
            return parts
        case DepartmentRetired():
            return ()
        case _:
            return (change.id,)


def _found(outcome: Outcome, department: str, since: datetime, until: datetime) -> dict[str, Any]:
    theirs = [
        decision.department == department
        for decision, truth in zip(outcome.decisions, outcome.truths, strict=True)
        if truth == department and since <= decision.decided_at < until
    ]
    return {"mails": len(theirs), "accuracy": round(sum(theirs) / len(theirs), 6) if theirs else None}
