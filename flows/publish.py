"""Give drawn mail to reviewers."""

from contextlib import closing
from datetime import datetime

from prefect import flow

from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.usecases.review import publish


@flow
def publish_reviews(at: datetime | None = None) -> dict[str, int]:
    """Offer every drawn mail that no reviewer was given yet (`at`: as of then, by default now)."""
    with closing(bootstrap()) as app:
        return {"published": publish(app.ledger, app.queue, at or utcnow())}
