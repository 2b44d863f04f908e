"""Numbered decisions that others can follow, what a review task shows, and how far readers have come."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

POSITION = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "feed",
        sa.Column("id", sa.Integer, autoincrement=False),
        sa.Column("number", POSITION, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_feed"),
    )
    op.add_column("decisions", sa.Column("number", POSITION, nullable=False, server_default="0"))
    op.execute(
        "UPDATE decisions SET number = numbered.number FROM ("
        " SELECT email_id, ROW_NUMBER() OVER (ORDER BY decided_at, email_id) AS number FROM decisions"
        ") AS numbered WHERE decisions.email_id = numbered.email_id"
    )
    op.execute("INSERT INTO feed (id, number) SELECT 1, COUNT(*) FROM decisions")
    op.create_index("ix_decisions_number", "decisions", ["number"])
    op.add_column("review_tasks", sa.Column("shown", KEY))
    op.add_column("review_tasks", sa.Column("archived_at", TIME))
    op.create_index("ix_review_tasks_archived_at_published_at", "review_tasks", ["archived_at", "published_at"])
    op.create_table(
        "cursors",
        sa.Column("name", KEY, nullable=False),
        sa.Column("value", KEY, nullable=False),
        sa.Column("at", TIME, nullable=False),
        sa.PrimaryKeyConstraint("name", name="pk_cursors"),
    )
