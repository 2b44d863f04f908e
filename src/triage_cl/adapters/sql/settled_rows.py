"""The answers that measure, as rows."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import get_args

import sqlalchemy as sa

from triage_cl.adapters.sql.fact_rows import corrections_of
from triage_cl.adapters.sql.schema import facts
from triage_cl.domain.corrections import Correction, measures
from triage_cl.domain.facts import from_body
from triage_cl.domain.reviewers import ReviewerChange, Trust, fold_trust


def settled_answers(
    connection: sa.Connection, decided_at: Mapping[str, datetime], window: timedelta, trust: Trust
) -> dict[str, Correction]:
    """The answer that measures, by mail: a drawn reviewer's last one within `window` of the decision, if it counts."""
    found: dict[str, Correction] = {}
    for email_id, recorded in corrections_of(connection, list(decided_at)).items():
        for correction in (one.fact for one in recorded):
            if not isinstance(correction, Correction) or not trust.counts(correction):
                continue
            if measures(correction, decided_at[email_id], window):
                found[email_id] = correction
    return found


def read_trust(connection: sa.Connection) -> Trust:
    """Whose answers count now."""
    kinds = [change.kind for change in get_args(ReviewerChange)]
    wanted = sa.select(facts.c.kind, facts.c.body).where(facts.c.kind.in_(kinds)).order_by(facts.c.position)
    changes = (from_body(kind, body) for kind, body in connection.execute(wanted).tuples())
    return fold_trust(change for change in changes if isinstance(change, ReviewerChange))
