"""Review tasks as rows: what was offered, what it shows, what is put away; and how far readers have come."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from triage_cl.adapters.sql.fact_rows import GIVEN_BY_PEOPLE, chunks
from triage_cl.adapters.sql.mail_rows import decision_of, insert_new
from triage_cl.adapters.sql.schema import cursors, decisions, facts, review_tasks
from triage_cl.domain.second_looks import Opinion
from triage_cl.usecases.ledger import Backlog, OpenTask

_SAID = GIVEN_BY_PEOPLE | (facts.c.kind == Opinion.kind)
#: Mails and second looks whose task somebody answered, by whatever way.
_ANSWERED = sa.select(facts.c.subject).where(_SAID, facts.c.subject == review_tasks.c.email_id)
_OPEN = review_tasks.c.archived_at.is_(None) & ~_ANSWERED.exists()


def put(connection: sa.Connection, tasks: Mapping[str, str], shown: str | None, at: datetime) -> None:
    """Remember which task each mail became, and that `shown` names what it suggests."""
    rows = [
        {"email_id": email, "task_id": task, "published_at": at, "shown": shown}
        for email, task in sorted(tasks.items())
    ]
    if rows:
        connection.execute(insert_new(connection, review_tasks), rows)


def backlog(connection: sa.Connection) -> Backlog:
    """The tasks without an answer: how many, since when the oldest; and the drawn mail not offered yet."""
    counted = sa.select(sa.func.count(), sa.func.min(review_tasks.c.published_at)).where(_OPEN)
    tasks, oldest_at = connection.execute(counted).one()
    waiting = (
        sa.select(sa.func.count(), sa.func.min(decisions.c.decided_at))
        .join_from(decisions, review_tasks, review_tasks.c.email_id == decisions.c.email_id, isouter=True)
        .where(decisions.c.drawn, review_tasks.c.email_id.is_(None))
    )
    unpublished, waiting_since = connection.execute(waiting).one()
    return Backlog(tasks, oldest_at, unpublished, waiting_since)


def showing_otherwise(connection: sa.Connection, shown: str, limit: int) -> list[OpenTask]:
    """Open tasks that show another suggestion than `shown` names, most urgent first."""
    wanted = (
        sa.select(decisions, review_tasks.c.task_id)
        .join_from(review_tasks, decisions, review_tasks.c.email_id == decisions.c.email_id)
        .where(_OPEN, review_tasks.c.shown != shown)
        .order_by(decisions.c.draw / decisions.c.review_probability, decisions.c.email_id)
    )
    return [OpenTask(row.task_id, decision_of(row)) for row in connection.execute(wanted.limit(limit))]


def show(connection: sa.Connection, task_ids: Sequence[str], shown: str) -> None:
    """Remember that `shown` names what these tasks suggest."""
    _change(connection, task_ids, shown=shown)


def answered_before(connection: sa.Connection, at: datetime, limit: int) -> list[str]:
    """Tasks whose last answer is older than `at`, not put away yet."""
    last = sa.select(sa.func.max(facts.c.at)).where(_SAID, facts.c.subject == review_tasks.c.email_id)
    wanted = (
        sa.select(review_tasks.c.task_id)
        .where(review_tasks.c.archived_at.is_(None), last.scalar_subquery() < at)
        .order_by(review_tasks.c.published_at)
    )
    return list(connection.scalars(wanted.limit(limit)))


def archive(connection: sa.Connection, task_ids: Sequence[str], at: datetime) -> None:
    """Remember that these tasks are put away."""
    _change(connection, task_ids, archived_at=at)


def lose(connection: sa.Connection, task_ids: Sequence[str], at: datetime) -> int:
    """Forget which tasks open mails became, and put answered ones away, if published by `at`; how many were open."""
    offered = 0
    for chunk in chunks(task_ids):
        named = sa.and_(review_tasks.c.task_id.in_(chunk), review_tasks.c.published_at <= at)
        waiting = connection.scalars(sa.select(review_tasks.c.email_id).where(named, _OPEN)).all()
        connection.execute(sa.delete(review_tasks).where(named, review_tasks.c.email_id.in_(waiting)))
        standing = sa.and_(named, review_tasks.c.archived_at.is_(None))
        connection.execute(sa.update(review_tasks).where(standing).values(archived_at=at))
        offered += len(waiting)
    return offered


def tasks_of(connection: sa.Connection, email_ids: Sequence[str]) -> dict[str, str]:
    """The task that each of these mails became, standing or put away."""
    found: dict[str, str] = {}
    wanted = sa.select(review_tasks.c.email_id, review_tasks.c.task_id)
    for chunk in chunks(email_ids):
        rows = connection.execute(wanted.where(review_tasks.c.email_id.in_(chunk)))
        found |= {row.email_id: row.task_id for row in rows}
    return found


def standing(connection: sa.Connection) -> dict[str, str]:
    """The mail of each task that is not put away, by the task's id."""
    wanted = sa.select(review_tasks.c.task_id, review_tasks.c.email_id).where(review_tasks.c.archived_at.is_(None))
    return {row.task_id: row.email_id for row in connection.execute(wanted)}


def archived(connection: sa.Connection, email_ids: Sequence[str]) -> set[str]:
    """Which of these mails' tasks are put away."""
    found: set[str] = set()
    wanted = sa.select(review_tasks.c.email_id).where(review_tasks.c.archived_at.is_not(None))
    for chunk in chunks(email_ids):
        found |= set(connection.scalars(wanted.where(review_tasks.c.email_id.in_(chunk))))
    return found


def _change(connection: sa.Connection, task_ids: Sequence[str], **values: Any) -> None:
    for chunk in chunks(task_ids):
        connection.execute(sa.update(review_tasks).where(review_tasks.c.task_id.in_(chunk)).values(**values))


def move_cursor(connection: sa.Connection, name: str, value: str, at: datetime) -> None:
    """Remember how far a reader has come."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    row = dialect.insert(cursors).values(name=name, value=value, at=at)
    connection.execute(row.on_conflict_do_update(index_elements=[cursors.c.name], set_={"value": value, "at": at}))
