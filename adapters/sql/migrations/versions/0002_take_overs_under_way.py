"""Who is taking a silent worker's work over, so that a third can go on with that."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workers", sa.Column("taken_by", sa.Text(), nullable=True))
