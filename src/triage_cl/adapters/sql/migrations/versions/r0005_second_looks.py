"""Mails that are looked at once more, and how much each reviewer answers in a day."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")
TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "second_looks",
        sa.Column("id", KEY, nullable=False),
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("purpose", KEY, nullable=False),
        sa.Column("asked_at", TIME, nullable=False),
        sa.Column("priority", sa.Double, nullable=False),
        sa.Column("topic", sa.Text, nullable=False),
        sa.Column("chance", sa.Double, nullable=False),
        sa.Column("aim", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_second_looks"),
    )
    op.create_index("ix_second_looks_email_id", "second_looks", ["email_id"])
    op.create_table(
        "reviewer_days",
        sa.Column("reviewer", KEY, nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("answers", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("reviewer", "day", name="pk_reviewer_days"),
    )
