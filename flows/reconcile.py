"""Take reviewers' answers back into the ledger: finds what a lost webhook left behind, harmless when repeated."""

from contextlib import closing
from dataclasses import asdict
from datetime import datetime

from prefect import flow
from prefect.artifacts import create_table_artifact

from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.usecases.reconcile import reconcile


@flow
def reconcile_feedback(at: datetime | None = None) -> dict[str, int]:
    """Record every answer that the queue has and the ledger has not (`at`: as of then, by default now)."""
    with closing(bootstrap()) as app:
        found = reconcile(app.ledger, app.queue, at or utcnow())
    if found.corrections or found.unknown:
        create_table_artifact([asdict(found)], key="reconciled", description="Answers of reviewers, counted")
    return asdict(found)
