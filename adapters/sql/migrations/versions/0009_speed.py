"""What makes an event cheaper to store: fewer and smaller indexes of accepted events."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_inbox_pending", "inbox")
    with op.batch_alter_table("inbox") as accepted:
        accepted.drop_constraint("uq_inbox_platform_content_key", type_="unique")
    present = sa.text("content_key IS NOT NULL")
    op.create_index(
        "ix_inbox_content_key",
        "inbox",
        ["platform", "content_key"],
        unique=True,
        sqlite_where=present,
        postgresql_where=present,
    )
