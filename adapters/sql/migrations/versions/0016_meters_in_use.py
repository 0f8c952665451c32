"""When each meter was used last, so that old ones can be forgotten."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ledger_meters", sa.Column("used_at", sa.BigInteger(), nullable=True))
    # Nobody knows of those that are there: the latest time that is possible, or none, which stays.
    op.execute("UPDATE ledger_meters SET used_at = (SELECT MAX(at) FROM ledger_calls)")
