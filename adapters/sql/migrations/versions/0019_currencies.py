"""Each currency has meters of its own; those that are there were taken for dollars."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    for table in ("ledger_meters", "ledger_calls"):
        op.add_column(
            table, sa.Column("currency", sa.Text(), nullable=False, server_default=sa.text("'USD'"))
        )
