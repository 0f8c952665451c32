"""Turns that wait for people, and what people allowed for a time."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_turns_running", "turns")
    open_turns = sa.text("state = 'running' OR state = 'waiting'")
    op.create_index(
        "ix_turns_running",
        "turns",
        ["conversation", "run"],
        unique=True,
        sqlite_where=open_turns,
        postgresql_where=open_turns,
    )
    unknown = sa.text("state = 'unknown'")
    op.create_index(
        "ix_approvals_unknown",
        "approvals",
        ["created_at"],
        sqlite_where=unknown,
        postgresql_where=unknown,
    )
    op.create_index("ix_approvals_agent", "approvals", ["agent", "created_at"])
    # On some platforms a message's number is its own in its chat only. Nothing has asked yet, so
    # there is no card to keep.
    op.drop_table("approval_cards")
    op.create_table(
        "approval_cards",
        sa.Column("approval", sa.Text(), nullable=False),
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("message", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint(
            "approval",
            "platform",
            "workspace",
            "channel",
            "root",
            "message",
            name="pk_approval_cards",
        ),
    )
    op.create_table(
        "grants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("given_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("revoked_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_grants"),
        sa.UniqueConstraint("number", name="uq_grants_number"),
    )
    in_force = sa.text("revoked_at IS NULL")
    op.create_index(
        "ix_grants_in_force",
        "grants",
        ["agent", "digest"],
        sqlite_where=in_force,
        postgresql_where=in_force,
    )
