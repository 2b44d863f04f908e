"""The ledger: facts with their counter, records, payloads."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    _facts()
    _mail()
    _decisions()
    _around()
    op.execute("INSERT INTO counter (id, position, head) VALUES (1, 0, '')")


def _facts() -> None:
    op.create_table(
        "counter",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("position", POSITION, nullable=False),
        sa.Column("head", KEY, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_counter"),
    )
    op.create_table(
        "facts",
        sa.Column("position", POSITION, autoincrement=False),
        sa.Column("kind", KEY, nullable=False),
        sa.Column("subject", KEY, nullable=False),
        sa.Column("identity", KEY),
        sa.Column("at", TIME, nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("digest", KEY, nullable=False),
        sa.PrimaryKeyConstraint("position", name="pk_facts"),
        sa.UniqueConstraint("identity", name="uq_facts_identity"),
    )
    op.create_index("ix_facts_kind_position", "facts", ["kind", "position"])
    op.create_index("ix_facts_subject_kind", "facts", ["subject", "kind"])


def _mail() -> None:
    op.create_table(
        "emails",
        sa.Column("id", KEY),
        sa.Column("digest", KEY, nullable=False),
        sa.Column("received_at", TIME, nullable=False),
        sa.Column("length", sa.Integer, nullable=False),
        sa.Column("month", sa.Integer, nullable=False),
        sa.Column("position", POSITION, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_emails"),
    )
    op.create_table(
        "payloads",
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("month", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("salt", KEY, nullable=False),
        sa.Column("sender", KEY, nullable=False),
        sa.Column("subject", sa.Text, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("thread", KEY),
        sa.Column("metadata", sa.JSON, nullable=False),
        sa.Column("redaction", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("email_id", "month", name="pk_payloads"),
        postgresql_partition_by="LIST (month)",
    )


def _decisions() -> None:
    op.create_table(
        "decisions",
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("month", sa.Integer, autoincrement=False, nullable=False),
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
        sa.Column("decided_at", TIME, nullable=False),
        sa.Column("through", POSITION, nullable=False),
        sa.Column("as_of", POSITION, nullable=False),
        sa.Column("position", POSITION, nullable=False),
        sa.PrimaryKeyConstraint("email_id", "month", name="pk_decisions"),
        postgresql_partition_by="LIST (month)",
    )
    op.create_index("ix_decisions_decided_at", "decisions", ["decided_at"])
    op.create_index("ix_decisions_drawn_decided_at", "decisions", ["drawn", "decided_at"])
    op.create_table(
        "shadow_decisions",
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("challenger", KEY, nullable=False),
        sa.Column("department", KEY),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.PrimaryKeyConstraint("email_id", "challenger", name="pk_shadow_decisions"),
    )
    op.create_index("ix_shadow_decisions_challenger", "shadow_decisions", ["challenger"])


def _around() -> None:
    op.create_table(
        "agreements",
        sa.Column("champion", KEY, nullable=False),
        sa.Column("challenger", KEY, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("mails", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("champion", "challenger", "day", name="pk_agreements"),
    )
    op.create_table(
        "review_tasks",
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("task_id", KEY, nullable=False),
        sa.Column("published_at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("email_id", name="pk_review_tasks"),
    )
    op.create_table(
        "quarantine",
        sa.Column("id", KEY, nullable=False),
        sa.Column("source", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_quarantine"),
    )
