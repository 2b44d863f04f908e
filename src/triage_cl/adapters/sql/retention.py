"""Old text goes: what nobody answered is not kept for ever."""

from collections.abc import Iterator, Sequence
from datetime import datetime

import sqlalchemy as sa

from triage_cl.adapters.sql.engine import reading, writing
from triage_cl.adapters.sql.fact_rows import lock_counter
from triage_cl.adapters.sql.mail_rows import SAME_MAIL
from triage_cl.adapters.sql.schema import decisions, facts, payloads, vectors
from triage_cl.domain.corrections import Correction

#: How many texts go in one transaction, so that no writer waits long.
BATCH = 500


def forget_texts(engine: sa.Engine, decided_before: datetime) -> int:
    """Erase sender, subject, body, salt and vectors of mail decided before then without a correction; how many went.

    A mail with a correction is a lesson and keeps its text; a drawn one that nobody answered by now loses it. The
    mail's id, its digest (which nobody can check any more), its decision and every fact stay. SQLite overwrites what it
    deletes; PostgreSQL's autovacuum does so in time.
    """
    forgotten = 0
    for ids in _pages(engine, decided_before):
        with writing(engine) as connection:
            # No correction may come between the look for one and the deletion: a learner might have read the text.
            lock_counter(connection)
            forgotten += _delete(connection, payloads, ids)
            _delete(connection, vectors, ids)
    _truncate_log(engine)
    return forgotten


def _pages(engine: sa.Engine, decided_before: datetime) -> Iterator[Sequence[str]]:
    place = sa.tuple_(decisions.c.decided_at, decisions.c.email_id)
    wanted = (
        sa.select(decisions.c.decided_at, decisions.c.email_id)
        .join(payloads, SAME_MAIL)
        .where(decisions.c.decided_at < decided_before, ~_corrected(decisions.c.email_id))
        .order_by(decisions.c.decided_at, decisions.c.email_id)
        .limit(BATCH)
    )
    after: sa.ColumnElement[bool] = sa.true()
    while True:
        with reading(engine) as connection:
            page = connection.execute(wanted.where(after)).all()
        if not page:
            return
        yield [row.email_id for row in page]
        after = place > sa.tuple_(page[-1].decided_at, page[-1].email_id)


def _delete(connection: sa.Connection, table: sa.Table, ids: Sequence[str]) -> int:
    unanswered = table.c.email_id.in_(ids) & ~_corrected(table.c.email_id)
    return connection.execute(sa.delete(table).where(unanswered)).rowcount


def _corrected(email_id: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    return sa.exists().where(facts.c.subject == email_id, facts.c.kind == Correction.kind)


def _truncate_log(engine: sa.Engine) -> None:
    """SQLite's log still holds what was overwritten, until it is put into the database and emptied."""
    if engine.dialect.name == "sqlite":
        with engine.connect() as connection:
            connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
