"""What a turn was asked stays in the turn's own row until the turn says something."""

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("turns", sa.Column("asked", sa.Text(), nullable=True))
