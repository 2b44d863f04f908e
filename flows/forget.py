"""Delete old text of mail that taught nothing."""

from contextlib import closing
from datetime import datetime

from prefect import flow

from triage_cl.bootstrap import bootstrap, utcnow


@flow
def forget_texts(at: datetime | None = None) -> dict[str, int]:
    """Delete the text of mail without a lesson that was decided more than `keep_text_days` before `at` (now)."""
    with closing(bootstrap()) as app:
        return {"texts": app.forget_texts(at or utcnow())}
