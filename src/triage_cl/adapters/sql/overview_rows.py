"""What the console counts and lists: each by an index, and none over more than it needs.

`tests/test_overview.py` looks at SQLite's plans: a console stands open all day beside a ledger of millions.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from triage_cl.adapters.sql.fact_rows import GIVEN_BY_PEOPLE
from triage_cl.adapters.sql.mail_rows import decision_of
from triage_cl.adapters.sql.schema import decisions, facts, feed, review_tasks, shadow_decisions
from triage_cl.domain.corrections import Correction
from triage_cl.domain.decisions import Action, ShadowDecision
from triage_cl.domain.facts import Recorded, from_body
from triage_cl.usecases.console_ledger import Listed, Listing, Offered, Volume

#: How an hour is written where it is counted by it, in UTC.
HOUR = "%Y-%m-%d %H"


def volumes(connection: sa.Connection, after: int, since: datetime) -> tuple[int, list[Volume]]:
    """The number of the last decision, and what was decided after number `after` and since a time, by hour."""
    fed = int(connection.execute(sa.select(feed.c.number)).scalar_one())
    rows = connection.execute(counted_by_hour(connection.dialect.name, after, since))
    found = [Volume(_hour(row.hour), row.mails, row.automatic, row.drawn) for row in rows]
    return fed, sorted(found, key=lambda volume: volume.at)


def counted_by_hour(dialect: str, after: int, since: datetime) -> sa.Select[Any]:
    """Counts by hour; the news by their numbers, and on a first look by time."""
    at = decisions.c.decided_at
    hour = sa.func.to_char(sa.func.timezone("UTC", at), "YYYY-MM-DD HH24")
    wanted = sa.select(
        (hour if dialect == "postgresql" else sa.func.substr(at, 1, 13, type_=sa.String)).label("hour"),
        sa.func.count().label("mails"),
        sa.func.count().filter(decisions.c.action == Action.AUTO.value).label("automatic"),
        sa.func.count().filter(decisions.c.drawn).label("drawn"),
    )
    news = decisions.c.number > after
    return wanted.where(decisions.c.decided_at >= since, *([news] if after else [])).group_by("hour")


def _hour(written: str) -> datetime:
    return datetime.strptime(written, HOUR).replace(tzinfo=UTC)


def start_of_last(connection: sa.Connection, count: int) -> datetime | None:
    """When the last `count` decisions began to be made; None where there are not so many."""
    times = sa.select(decisions.c.decided_at).order_by(decisions.c.decided_at.desc())
    found: datetime | None = connection.execute(times.offset(count - 1).limit(1)).scalar()
    return found


def corrections_since(connection: sa.Connection, since: datetime, after: int, imported: bool) -> int:
    """Corrections recorded since a time, looked for after a position; those of archives only if `imported`."""
    wanted = facts.c.kind == Correction.kind if imported else GIVEN_BY_PEOPLE
    counted = sa.select(sa.func.count()).where(wanted, facts.c.position > after, facts.c.at >= since)
    return int(connection.execute(counted).scalar_one())


def answers(connection: sa.Connection, since: datetime, after: int, before: int, limit: int) -> list[Recorded]:
    """Corrections by people recorded since a time, newest first, between two positions (both exclusive)."""
    wanted = answers_between(since, after, before).order_by(facts.c.position.desc()).limit(limit)
    return [_recorded(row) for row in connection.execute(wanted)]


def answers_between(since: datetime, after: int, before: int) -> sa.Select[Any]:
    """Corrections by people recorded since a time, between two positions (both exclusive)."""
    between = (facts.c.position > after) & (facts.c.position < before)
    return sa.select(facts).where(GIVEN_BY_PEOPLE, between, facts.c.at >= since)


def lessons_by_department(connection: sa.Connection) -> Mapping[str, int]:
    """How many mails' effective answer names each department."""
    lessons = sa.table("triage_lessons", sa.column("department", sa.String()))
    counted = sa.select(lessons.c.department, sa.func.count()).group_by(lessons.c.department)
    return dict(connection.execute(counted).tuples().all())


def latest(connection: sa.Connection, kind: str, count: int) -> list[Recorded]:
    """The last facts of a kind, newest first."""
    wanted = sa.select(facts).where(facts.c.kind == kind).order_by(facts.c.position.desc()).limit(count)
    return [_recorded(row) for row in connection.execute(wanted)]


def _recorded(row: Any) -> Recorded:
    return Recorded(row.position, row.at, from_body(row.kind, row.body))


def listed(connection: sa.Connection, listing: Listing) -> list[Listed]:
    """The decisions that a listing asks for, newest first."""
    rows = connection.execute(list_of(listing).order_by(decisions.c.number.desc()).limit(listing.limit))
    return [Listed(row.number, decision_of(row)) for row in rows]


def list_of(listing: Listing) -> sa.Select[Any]:
    """The decisions between two numbers that fit."""
    wanted = sa.select(decisions).where(decisions.c.number < listing.before, decisions.c.number >= listing.reach)
    if listing.department is not None:
        wanted = wanted.where(decisions.c.department == listing.department)
    if listing.action is not None:
        wanted = wanted.where(decisions.c.action == listing.action.value)
    if listing.drawn is not None:
        # Written so that SQLite goes by the numbers, not through all that was ever drawn.
        wanted = wanted.where(sa.func.coalesce(decisions.c.drawn, sa.false()) == listing.drawn)
    return wanted


def named(connection: sa.Connection, prefix: str, limit: int) -> list[Listed]:
    """Decisions about mails whose id begins so, by id; by range, so that the key serves on every database."""
    after = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    wanted = sa.select(decisions).where(decisions.c.email_id >= prefix, decisions.c.email_id < after)
    rows = connection.execute(wanted.order_by(decisions.c.email_id).limit(limit))
    return [Listed(row.number, decision_of(row)) for row in rows]


def shadows_of(connection: sa.Connection, email_id: str) -> list[ShadowDecision]:
    """What challengers concluded about a mail where they disagreed, by name."""
    wanted = sa.select(shadow_decisions).where(shadow_decisions.c.email_id == email_id)
    rows = connection.execute(wanted.order_by(shadow_decisions.c.challenger))
    return [ShadowDecision(row.email_id, row.challenger, row.department, row.confidence) for row in rows]


def offered(connection: sa.Connection, email_id: str) -> Offered | None:
    """When a mail became a review task, and when that was put away."""
    wanted = sa.select(review_tasks.c.published_at, review_tasks.c.archived_at)
    row = connection.execute(wanted.where(review_tasks.c.email_id == email_id)).first()
    return None if row is None else Offered(row.published_at, row.archived_at)
