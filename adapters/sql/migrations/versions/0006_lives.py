"""Which life of a process holds its slot, so that a second one is refused."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("workers", sa.Column("life", sa.Text(), nullable=True))
