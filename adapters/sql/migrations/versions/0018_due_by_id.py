"""What falls due at the same moment, by id, so that a claim finds it in the index alone."""

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_schedules_due", "schedules")
    active = sa.text("state = 'active'")
    op.create_index(
        "ix_schedules_due",
        "schedules",
        ["next_at", "id"],
        sqlite_where=active,
        postgresql_where=active,
    )
