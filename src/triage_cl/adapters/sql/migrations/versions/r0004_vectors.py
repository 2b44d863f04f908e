"""Encoders' vectors of mails, beside the texts and gone with them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

KEY = sa.String().with_variant(sa.String(collation="C"), "postgresql")


def upgrade() -> None:
    op.create_table(
        "vectors",
        sa.Column("email_id", KEY, nullable=False),
        sa.Column("month", sa.Integer, autoincrement=False, nullable=False),
        sa.Column("encoder", KEY, nullable=False),
        sa.Column("vector", sa.LargeBinary, nullable=False),
        sa.PrimaryKeyConstraint("email_id", "month", "encoder", name="pk_vectors"),
        postgresql_partition_by="LIST (month)",
    )
