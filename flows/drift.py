"""Look for drift; what asks for retraining becomes an event, which starts the retraining's deployment."""

from contextlib import closing
from datetime import datetime
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.artifacts import create_markdown_artifact
from prefect.events import emit_event

from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.domain.drift import DriftVerdict
from triage_cl.usecases.watch import watch

EVENT = "triage.drift.retrain"
RESOURCE = "triage.ledger"


@flow(retries=2, retry_delay_seconds=30)
def watch_drift(at: datetime | None = None) -> dict[str, str]:
    """Compare the windows that end at `at` (by default now); verdict and report go to the ledger and the reports."""
    moment = at or utcnow()
    with closing(bootstrap()) as app:
        found = watch(app.ledger, app.desk(), app.comparison, app.windows, app.reports, moment)
    create_markdown_artifact(_in_words(found), key="drift", description=f"Drift: {found.verdict}")
    if found.verdict == "retrain":
        _ask_for_retraining(found, moment)
    return {"verdict": found.verdict, "report": found.report}


def _ask_for_retraining(found: DriftVerdict, at: datetime) -> None:
    emit_event(
        EVENT,
        resource={"prefect.resource.id": RESOURCE, "prefect.resource.name": "the ledger"},
        payload={"reason": "drift: " + "; ".join(found.reasons), "at": at.isoformat()},
        # The same finding is the same event: a retried look starts no second retraining.
        id=uuid5(NAMESPACE_URL, f"{EVENT}/{found}"),
    )


def _in_words(found: DriftVerdict) -> str:
    rows = "\n".join(f"| {name} | {value:.3f} |" for name, value in found.measures)
    reasons = "\n".join(f"- {reason}" for reason in found.reasons)
    windows = f"{' to '.join(found.current)} against {' to '.join(found.reference)}"
    table = f"| measure | value |\n| --- | ---: |\n{rows}\n"
    return f"**{found.verdict}** for {windows}\n\n{reasons}\n\n{table}\nReport: `{found.report}`\n"
