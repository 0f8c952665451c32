"""Logs lie in the order in which they were written, and an index says where each is continued."""

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "sqlite":
        return  # Postgres never had another order
    op.create_table(
        "entries_anew",
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["conversation"], ["conversations.id"], name="fk_entries_conversation"
        ),
        sa.PrimaryKeyConstraint("conversation", "seq", name="pk_entries"),
    )
    op.execute(
        "INSERT INTO entries_anew (conversation, seq, body) "
        "SELECT conversation, seq, body FROM entries ORDER BY conversation, seq"
    )
    op.drop_table("entries")
    op.rename_table("entries_anew", "entries")
