"""The ledger: what may be spent, is held and was spent."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "ledger_meters",
        *(_text(name) for name in ("id", "scope", "subject", "period", "stamp")),
        *(
            _number(name)
            for name in ("spent", "held", "calls", "prompt_tokens", "completion_tokens")
        ),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_meters"),
    )
    op.create_index("ix_ledger_meters_dearest", "ledger_meters", ["scope", "period", "stamp"])
    op.create_index(
        "ix_ledger_meters_series", "ledger_meters", ["scope", "subject", "period", "stamp"]
    )
    op.create_table(
        "ledger_calls",
        _text("id"),
        _text("state"),
        *(_number(name) for name in ("worst", "spent", "at", "expires_at")),
        _text("body"),
        _text("outcome"),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_calls"),
    )
    held = sa.text("state = 'held'")
    op.create_index(
        "ix_ledger_calls_held",
        "ledger_calls",
        ["expires_at"],
        sqlite_where=held,
        postgresql_where=held,
    )
    op.create_index("ix_ledger_calls_at", "ledger_calls", ["at"])
    op.create_table(
        "ledger_entries",
        _text("call"),
        _number("seq"),
        _text("kind"),
        *(_number(name) for name in ("at", "held", "spent")),
        _text("note"),
        sa.PrimaryKeyConstraint("call", "seq", name="pk_ledger_entries"),
    )
    op.create_table(
        "ledger_limits",
        sa.Column(
            "position",
            sa.BigInteger().with_variant(sa.Integer, "sqlite"),
            sa.Identity(),
            nullable=False,
        ),
        _text("key"),
        _text("stamp"),
        _number("at"),
        _text("body"),
        sa.PrimaryKeyConstraint("position", name="pk_ledger_limits"),
        sa.UniqueConstraint("key", name="uq_ledger_limits_key"),
    )
    op.create_table(
        "ledger_alerts",
        *(_text(name) for name in ("id", "state", "body", "note")),
        sa.Column("answered", sa.Text(), nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_ledger_alerts"),
    )
    op.create_table(
        "ledger_pauses",
        _text("turn"),
        _number("at"),
        _text("body"),
        sa.PrimaryKeyConstraint("turn", name="pk_ledger_pauses"),
    )


def _text(name: str) -> sa.Column[str]:
    return sa.Column(name, sa.Text(), nullable=False)


def _number(name: str) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger(), nullable=False)
