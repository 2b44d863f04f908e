"""What becomes of a group of mails: decided, there before, or put in quarantine; durable all the same."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from triage_cl.api.problems import AnsweredElsewhere
from triage_cl.domain.decisions import Decision
from triage_cl.domain.emails import Email, Unreadable
from triage_cl.domain.errors import TriageError
from triage_cl.usecases.triage import Desk


@dataclass(frozen=True, slots=True)
class Decided:
    """A stored decision; `repeated` if the ledger had the mail already."""

    decision: Decision
    repeated: bool


#: What became of a mail: decided, put in quarantine, or not to be decided for a reason of its own.
Result = Decided | Unreadable | TriageError


def store(desk: Desk, found: Sequence[Email | Unreadable], at: datetime) -> list[Result]:
    """What became of each, in this order; durable when this returns."""
    unreadable = [item for item in found if isinstance(item, Unreadable)]
    if unreadable:
        desk.ledger.quarantine(unreadable, at)
    emails = [item for item in found if isinstance(item, Email)]
    new = {decision.email_id: decision for decision in desk.triage(emails, lambda _: at)}
    known = dict(desk.ledger.decisions_of([email.id for email in emails if email.id not in new]))
    results: list[Result] = []
    for item in found:
        if isinstance(item, Unreadable):
            results.append(item)
            continue
        first = new.pop(item.id, None)
        if first is not None:
            known[item.id] = first
        decision = known.get(item.id)
        results.append(AnsweredElsewhere() if decision is None else Decided(decision, repeated=first is None))
    return results


def outcome_of(result: Result) -> str:
    """What became of a mail, in one word."""
    match result:
        case Decided(repeated=repeated):
            return "repeated" if repeated else "decided"
        case Unreadable():
            return "quarantined"
        case AnsweredElsewhere():
            return "imported"
    return "failed"
