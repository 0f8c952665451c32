"""What people chose of models, and what is known of providers."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "model_choices",
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("chosen_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("kind", "key", name="pk_model_choices"),
    )
    op.create_table(
        "model_explanations",
        sa.Column("platform", sa.Text(), nullable=False),
        sa.Column("workspace", sa.Text(), nullable=False),
        sa.Column("channel", sa.Text(), nullable=False),
        sa.Column("root", sa.Text(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("explained_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint(
            "platform", "workspace", "channel", "root", name="pk_model_explanations"
        ),
    )
    op.create_index("ix_model_explanations_explained_at", "model_explanations", ["explained_at"])
    op.create_table(
        "model_outages",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("credential", sa.Text(), nullable=False),
        sa.Column("why", sa.Text(), nullable=False),
        sa.Column("since", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("provider", "credential", name="pk_model_outages"),
    )
