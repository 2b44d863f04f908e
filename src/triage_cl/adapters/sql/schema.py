"""The tables: ordered facts with their counter, records, and payloads that can be erased.

Facts get gapless positions in commit order from the one-row `counter`; records are unique by their own key and
name the position at which they were made; text and sender stand in `payloads` alone, what encoders make of them in
`vectors`. On PostgreSQL both and `decisions` are partitioned by month, so that old text goes by dropping a partition.
"""

from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times, also where the database forgets the zone."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Dialect) -> datetime | None:
        """The time to store; a naive one is a ValueError."""
        if value is not None and value.tzinfo is None:
            raise ValueError(f"a time in the ledger must be aware, not {value.isoformat()}")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: Any, _dialect: Dialect) -> datetime | None:
        """The time that was stored, aware."""
        return None if value is None else (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)


POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
#: A name or an id; sorted by its bytes everywhere, whatever the database's language is.
KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")

counter = sa.Table(
    "counter",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("position", POSITION, nullable=False),
    sa.Column("head", KEY, nullable=False),
)

facts = sa.Table(
    "facts",
    metadata,
    sa.Column("position", POSITION, primary_key=True, autoincrement=False),
    sa.Column("kind", KEY, nullable=False),
    sa.Column("subject", KEY, nullable=False),
    sa.Column("identity", KEY, unique=True),
    sa.Column("at", UtcDateTime, nullable=False),
    sa.Column("body", sa.JSON, nullable=False),
    sa.Column("digest", KEY, nullable=False),
    sa.Index(None, "kind", "position"),
    sa.Index(None, "subject", "kind"),
)

#: How many decisions were stored: each has the next number, in commit order, so that a reader who follows them by
#: number misses none (as facts have positions).
feed = sa.Table(
    "feed",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("number", POSITION, nullable=False),
)

emails = sa.Table(
    "emails",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("digest", KEY, nullable=False),
    sa.Column("received_at", UtcDateTime, nullable=False),
    sa.Column("length", sa.Integer, nullable=False),
    sa.Column("month", sa.Integer, nullable=False),
    sa.Column("position", POSITION, nullable=False),
)

payloads = sa.Table(
    "payloads",
    metadata,
    sa.Column("email_id", KEY, primary_key=True),
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("salt", KEY, nullable=False),
    sa.Column("sender", KEY, nullable=False),
    sa.Column("subject", sa.Text, nullable=False),
    sa.Column("body", sa.Text, nullable=False),
    sa.Column("thread", KEY),
    sa.Column("metadata", sa.JSON, nullable=False),
    sa.Column("redaction", sa.Integer, nullable=False),
    postgresql_partition_by="LIST (month)",
)

#: What an encoder (by its digest) makes of a text, in numbers of two bytes; as personal as the text.
vectors = sa.Table(
    "vectors",
    metadata,
    sa.Column("email_id", KEY, primary_key=True),
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("encoder", KEY, primary_key=True),
    sa.Column("vector", sa.LargeBinary, nullable=False),
    postgresql_partition_by="LIST (month)",
)

decisions = sa.Table(
    "decisions",
    metadata,
    sa.Column("email_id", KEY, primary_key=True),
    sa.Column("month", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("version", KEY, nullable=False),
    sa.Column("department", KEY),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Column("margin", sa.Double, nullable=False),
    sa.Column("unseen", sa.Double),
    sa.Column("action", KEY, nullable=False),
    sa.Column("review_probability", sa.Double, nullable=False),
    sa.Column("draw", sa.Double, nullable=False),
    sa.Column("drawn", sa.Boolean, nullable=False),
    sa.Column("blind", sa.Boolean, nullable=False),
    sa.Column("disputed", sa.Boolean, nullable=False),
    sa.Column("decided_at", UtcDateTime, nullable=False),
    sa.Column("through", POSITION, nullable=False),
    sa.Column("as_of", POSITION, nullable=False),
    sa.Column("position", POSITION, nullable=False),
    sa.Column("number", POSITION, nullable=False, server_default="0"),
    sa.Index(None, "number"),
    sa.Index(None, "decided_at"),
    sa.Index(None, "drawn", "decided_at"),
    postgresql_partition_by="LIST (month)",
)

shadow_decisions = sa.Table(
    "shadow_decisions",
    metadata,
    sa.Column("email_id", KEY, primary_key=True),
    sa.Column("challenger", KEY, primary_key=True),
    sa.Column("department", KEY),
    sa.Column("confidence", sa.Double, nullable=False),
    sa.Index(None, "challenger"),
)

agreements = sa.Table(
    "agreements",
    metadata,
    sa.Column("champion", KEY, primary_key=True),
    sa.Column("challenger", KEY, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("mails", sa.BigInteger, nullable=False),
)

review_tasks = sa.Table(
    "review_tasks",
    metadata,
    sa.Column("email_id", KEY, primary_key=True),
    sa.Column("task_id", KEY, nullable=False),
    sa.Column("published_at", UtcDateTime, nullable=False),
    sa.Column("shown", KEY),
    sa.Column("archived_at", UtcDateTime),
    sa.Index(None, "archived_at", "published_at"),
)

#: Mails that reviewers are asked about once more; a look's task stands among the others, under the look's id.
second_looks = sa.Table(
    "second_looks",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("email_id", KEY, nullable=False),
    sa.Column("purpose", KEY, nullable=False),
    sa.Column("asked_at", UtcDateTime, nullable=False),
    sa.Column("priority", sa.Double, nullable=False),
    sa.Column("topic", sa.Text, nullable=False),
    sa.Column("chance", sa.Double, nullable=False),
    sa.Column("aim", sa.JSON, nullable=False),
    sa.Index(None, "email_id"),
)

#: How many answers each reviewer gave on each day.
reviewer_days = sa.Table(
    "reviewer_days",
    metadata,
    sa.Column("reviewer", KEY, primary_key=True),
    sa.Column("day", sa.Date, primary_key=True),
    sa.Column("answers", sa.BigInteger, nullable=False),
)

#: How far a reader of something outside has come: reconciliation, a subscriber of decisions.
cursors = sa.Table(
    "cursors",
    metadata,
    sa.Column("name", KEY, primary_key=True),
    sa.Column("value", KEY, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

quarantine = sa.Table(
    "quarantine",
    metadata,
    sa.Column("id", KEY, primary_key=True),
    sa.Column("source", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("at", UtcDateTime, nullable=False),
)

#: Tables whose rows live in monthly partitions on PostgreSQL.
PARTITIONED = (payloads, vectors, decisions)


def month_of(at: datetime) -> int:
    """The partition of a time, such as 202507, by its month in UTC."""
    at = at.astimezone(UTC)
    return at.year * 100 + at.month
