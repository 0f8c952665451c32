"""Approvals."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "approvals",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("turn", sa.Text(), nullable=False),
        sa.Column("call", sa.Text(), nullable=False),
        sa.Column("conversation", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("decided", sa.Text(), nullable=True),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_approvals"),
        sa.UniqueConstraint("turn", "call", name="uq_approvals_turn_call"),
    )
    for name, column, condition in (
        ("ix_approvals_open", "expires_at", "state = 'pending' OR state = 'approved'"),
        ("ix_approvals_executing", "created_at", "state = 'executing'"),
    ):
        where = sa.text(condition)
        op.create_index(name, "approvals", [column], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "approval_votes",
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("user", sa.Text(), nullable=False),
        sa.Column("voted_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "approval", "platform", "workspace", "user", name="pk_approval_votes"
        ),
    )
    op.create_table(
        "approval_cards",
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("approval", "message", name="pk_approval_cards"),
    )
