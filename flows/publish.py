"""Give drawn mail to reviewers, and keep what they see up to date."""

from contextlib import closing
from datetime import datetime, timedelta

from prefect import flow

from triage_cl.bootstrap import bootstrap, utcnow
from triage_cl.domain.emails import Email
from triage_cl.usecases.dealing import deal
from triage_cl.usecases.refresh import refresh
from triage_cl.usecases.review import Explain, publish, put_away
from triage_cl.usecases.triage import Desk


@flow
def publish_reviews(at: datetime | None = None) -> dict[str, int]:
    """Offer drawn mail and second looks, let open tasks follow the champion, put answered ones away.

    `at`: as of then, by default now.
    """
    moment = at or utcnow()
    with closing(bootstrap()) as app:
        deal(app.ledger, app.keys, app.settings.double_part, moment)
        desk, groups = app.desk(), app.settings.groups
        explain = _explaining(desk)
        return {
            "published": publish(app.ledger, app.queue, moment, groups, explain),
            "refreshed": refresh(app.ledger, app.queue, desk, groups, explain),
            "archived": put_away(app.ledger, app.queue, moment - timedelta(days=app.settings.archive_days), moment),
        }


def _explaining(desk: Desk) -> Explain:
    """The desk's reasons; it takes in the ledger when it is first asked, for most runs have nothing to ask."""

    def explain(email: Email, department: str) -> list[str]:
        if not desk.learners:
            desk.refresh()
        return desk.explain(email, department)

    return explain
