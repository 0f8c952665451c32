"""What people stopped."""

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "stops",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("agent", sa.Text(), nullable=False),
        sa.Column("stopped_at", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("lifted_at", sa.BigInteger(), nullable=True),
        sa.Column("lifted_by", sa.Text(), nullable=True),
        sa.Column("lifted_with", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_stops"),
    )
    in_force = sa.text("lifted_at IS NULL")
    op.create_index(
        "ix_stops_in_force",
        "stops",
        ["agent"],
        unique=True,
        sqlite_where=in_force,
        postgresql_where=in_force,
    )
    for name in ("turn", "agent", "taken_back"):
        op.add_column("outbox", sa.Column(name, sa.Text(), nullable=True))
    held = sa.text("state = 'held'")
    op.create_index("ix_outbox_held", "outbox", ["state"], sqlite_where=held, postgresql_where=held)
