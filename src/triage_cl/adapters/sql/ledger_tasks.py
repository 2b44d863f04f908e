"""The part of the ledger that keeps review tasks, and how far readers of the outside have come."""

from collections.abc import Mapping, Sequence
from datetime import datetime

import sqlalchemy as sa

from triage_cl.adapters.sql import mail_rows, task_rows
from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.adapters.sql.schema import cursors, decisions, review_tasks
from triage_cl.domain.decisions import Decision
from triage_cl.usecases.ledger import Backlog, OpenTask


class LedgerTasks:
    """Review tasks by mail, cursors by name."""

    engine: sa.Engine

    def unpublished(self, limit: int) -> list[Decision]:
        """Drawn decisions that no reviewer was given yet, in the order of their priority."""
        wanted = (
            sa.select(decisions)
            .join(review_tasks, review_tasks.c.email_id == decisions.c.email_id, isouter=True)
            .where(decisions.c.drawn, review_tasks.c.email_id.is_(None))
            .order_by(decisions.c.draw / decisions.c.review_probability, decisions.c.email_id)
            .limit(limit)
        )
        with reading(self.engine) as connection:
            return [mail_rows.decision_of(row) for row in connection.execute(wanted)]

    def published(self, tasks: Mapping[str, str], at: datetime, shown: str | None = None) -> None:
        """Remember which task each mail became, and that `shown` names what it suggests (None: nothing)."""
        with writing(self.engine) as connection:
            task_rows.put(connection, tasks, shown, at)

    def showing_otherwise(self, shown: str, limit: int) -> list[OpenTask]:
        """Open tasks that show another suggestion than `shown` names, most urgent first."""
        with reading(self.engine) as connection:
            return task_rows.showing_otherwise(connection, shown, limit)

    def now_showing(self, task_ids: Sequence[str], shown: str) -> None:
        """Remember that `shown` names what these tasks suggest."""
        with writing(self.engine) as connection:
            task_rows.show(connection, task_ids, shown)

    def answered_before(self, at: datetime, limit: int) -> list[str]:
        """Tasks whose last answer was recorded before `at`, not put away yet."""
        with reading(self.engine) as connection:
            return task_rows.answered_before(connection, at, limit)

    def archive_tasks(self, task_ids: Sequence[str], at: datetime) -> None:
        """Remember that these tasks are put away."""
        with writing(self.engine) as connection:
            task_rows.archive(connection, task_ids, at)

    def lose_tasks(self, task_ids: Sequence[str], at: datetime) -> int:
        """Offer again what was published by `at` as one of these tasks, but put answered ones away; how many wait."""
        with writing(self.engine) as connection:
            return task_rows.lose(connection, task_ids, at)

    def tasks_of(self, ids: Sequence[str]) -> Mapping[str, str]:
        """The task that each of these mails became; others are left out."""
        with reading(self.engine) as connection:
            return task_rows.tasks_of(connection, ids)

    def standing_tasks(self) -> Mapping[str, str]:
        """The mail of each task that is not put away, by the task's id."""
        with reading(self.engine) as connection:
            return task_rows.standing(connection)

    def archived(self, ids: Sequence[str]) -> set[str]:
        """Which of these mails' tasks are put away."""
        with reading(self.engine) as connection:
            return task_rows.archived(connection, ids)

    def backlog(self) -> Backlog:
        """The tasks without an answer: how many, since when the oldest; and the drawn mail not offered yet."""
        with reading(self.engine) as connection:
            return task_rows.backlog(connection)

    def cursor(self, name: str) -> str | None:
        """How far a reader had come, None for one that has not begun."""
        with reading(self.engine) as connection:
            return connection.execute(sa.select(cursors.c.value).where(cursors.c.name == name)).scalar()

    def cursors(self) -> Mapping[str, tuple[str, datetime]]:
        """How far every reader has come, and when it said so."""
        with reading(self.engine) as connection:
            return {row.name: (row.value, row.at) for row in connection.execute(sa.select(cursors))}

    def move_cursor(self, name: str, value: str, at: datetime) -> None:
        """Remember how far a reader has come."""
        with writing(self.engine) as connection:
            task_rows.move_cursor(connection, name, value, at)
