"""Compare recent mail with earlier mail, and say whether anything drifted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from math import inf
from pathlib import Path

from triage_cl.domain.corrections import Correction
from triage_cl.domain.departments import Taxonomy
from triage_cl.domain.drift import DriftVerdict, Measure, decide_drift
from triage_cl.usecases.ledger import Answered, Ledger
from triage_cl.usecases.retrain import LEAST_LESSONS
from triage_cl.usecases.triage import Desk

Row = Mapping[str, object]

#: Writes a report of how `current` differs from `reference` and returns the numbers.
Comparison = Callable[[Sequence[Row], Sequence[Row], datetime, Path], Sequence[Measure]]


#: How many mails of a window are compared at most.
MOST_ROWS = 5_000
#: What stands where nothing was concluded.
NO_DEPARTMENT = "none"


@dataclass(frozen=True, slots=True)
class Windows:
    """How long the current window is, and the reference window before it."""

    current: timedelta = timedelta(days=7)
    reference: timedelta = timedelta(days=28)


def watch(
    ledger: Ledger, desk: Desk, compare: Comparison, windows: Windows, reports: Path, at: datetime
) -> DriftVerdict:
    """The verdict over the window that ends at `at`, recorded in the ledger, its report written to `reports`.

    Both windows' departments are those that today's champion concludes: what differs then is the mail, not what was
    learned in between.
    """
    desk.refresh()
    between = at - windows.current
    since = between - windows.reference
    report = reports / f"drift-{at:%Y-%m-%dT%H%M}.html"
    reference, current = rows_between(ledger, desk, since, between), rows_between(ledger, desk, between, at)
    measures = compare(reference, current, at, report)
    verdict, reasons = decide_drift(measures)
    found = DriftVerdict(
        verdict=verdict,
        reasons=reasons,
        measures=tuple((measure.name, measure.value) for measure in measures),
        reference=(since.isoformat(), between.isoformat()),
        current=(between.isoformat(), at.isoformat()),
        report=report.name,
    )
    ledger.append([found], at)
    return found


def rows_between(ledger: Ledger, desk: Desk, since: datetime, until: datetime) -> list[Row]:
    """One row a decision made in the window, evenly thinned to at most `MOST_ROWS`: numbers and ids, no text.

    What a champion decided before it was taught anything worth mentioning is left out: its changes are no drift.
    """
    seasoned = position_of_lesson(ledger, LEAST_LESSONS)
    found = [answered for answered in ledger.decisions(since, until) if answered.decision.through >= seasoned]
    found = found[:: max(1, -(-len(found) // MOST_ROWS))]
    emails = ledger.emails([answered.decision.email_id for answered in found])
    kept = list(emails.values())
    today = {email.id: told.department for email, told in zip(kept, desk.conclusions(kept), strict=True)}
    return [_row(answered, today.get(answered.decision.email_id), desk.taxonomy) for answered in found]


def position_of_lesson(ledger: Ledger, number: int) -> float:
    """The position of the `number`-th correction; infinite while there are fewer."""
    corrections = ledger.facts(kinds=[Correction.kind])
    return next((recorded.position for recorded in islice(corrections, number - 1, None)), inf)


def _row(answered: Answered, concluded_today: str | None, departments: Taxonomy) -> Row:
    decision, answer = answered.decision, answered.answer.department if answered.answer else None
    return {
        "department": concluded_today or decision.department or NO_DEPARTMENT,
        "decided": decision.department or NO_DEPARTMENT,
        "confidence": decision.confidence if decision.department is not None else None,
        "length": answered.length,
        "hour": decision.decided_at.hour,
        "weekday": decision.decided_at.weekday(),
        "unseen": decision.unseen,
        # Who answers with the department of a team that was decided, or with a team of it, says that it was right.
        "answer": decision.department if departments.agree(decision.department, answer) else answer,
        "review_probability": decision.review_probability,
    }
