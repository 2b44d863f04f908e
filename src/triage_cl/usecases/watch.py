"""Compare recent mail with earlier mail, and say whether anything drifted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from triage_cl.domain.drift import DriftVerdict, Measure, decide_drift
from triage_cl.usecases.ledger import Answered, Ledger

Row = Mapping[str, object]

#: Writes a report of how `current` differs from `reference` and returns the numbers.
Comparison = Callable[[Sequence[Row], Sequence[Row], datetime, Path], Sequence[Measure]]


@dataclass(frozen=True, slots=True)
class Windows:
    """How long the current window is, and the reference window before it."""

    current: timedelta = timedelta(days=7)
    reference: timedelta = timedelta(days=28)


def watch(ledger: Ledger, compare: Comparison, windows: Windows, reports: Path, at: datetime) -> DriftVerdict:
    """The verdict over the window that ends at `at`, recorded in the ledger, its report written to `reports`."""
    between = at - windows.current
    since = between - windows.reference
    report = reports / f"drift-{at:%Y-%m-%dT%H%M}.html"
    measures = compare(rows_between(ledger, since, between), rows_between(ledger, between, at), at, report)
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


def rows_between(ledger: Ledger, since: datetime, until: datetime) -> list[Row]:
    """One row a decision made in the window: numbers and ids, no text."""
    return [_row(answered) for answered in ledger.decisions(since, until)]


def _row(answered: Answered) -> Row:
    decision, answer = answered.decision, answered.answer
    return {
        "department": decision.department or "none",
        "confidence": decision.confidence,
        "length": answered.length,
        "hour": decision.decided_at.hour,
        "weekday": decision.decided_at.weekday(),
        "unseen": decision.unseen,
        "answer": answer.department if answer else None,
        "review_probability": decision.review_probability,
    }
