"""Each currency has meters of its own; what was counted before is in the team's."""

import json
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from alembic import op

from runtime.ids import derived

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

_DOLLARS = "USD"
"""What the rows are in that say nothing else."""
_AT_ONCE = 500
_Body = dict[str, Any]
_METER = ("scope", "subject", "period", "stamp")

_meters = sa.table("ledger_meters", *map(sa.column, ("id", *_METER, "currency")))


def upgrade() -> None:
    for table in ("ledger_meters", "ledger_calls"):
        op.add_column(
            table, sa.Column("currency", sa.Text(), nullable=False, server_default=sa.text("'USD'"))
        )
    context = op.get_context()
    currency = context.config.attributes["currency"] if context.config else _DOLLARS
    if currency == _DOLLARS:
        return  # that is what rows without a currency are in
    _adopt_meters(currency)
    op.execute(sa.update(sa.table("ledger_calls", sa.column("currency"))).values(currency=currency))
    for table, key in (("ledger_calls", "id"), ("ledger_limits", "key")):
        _adopt(table, key, lambda body: {**body, "currency": currency})
    for table, key in (("ledger_alerts", "id"), ("ledger_pauses", "turn")):
        _adopt(table, key, lambda body: body | {"bound": {**body["bound"], "currency": currency}})


def _adopt_meters(currency: str) -> None:
    """Give every meter the key that a meter of that currency has."""
    change = (
        sa.update(_meters)
        .where(_meters.c.id == sa.bindparam("this"))
        .values(id=sa.bindparam("becomes"), currency=currency)
    )
    # All at once: a key that was given may be further on in the order of keys.
    rows = op.get_bind().execute(sa.select(_meters)).all()
    for first in range(0, len(rows), _AT_ONCE):
        changes = [
            {"this": this, "becomes": derived("meter", *meter, currency)}
            for this, *meter, _ in rows[first : first + _AT_ONCE]
        ]
        op.get_bind().execute(change, changes)


def _adopt(table: str, key: str, changed: Callable[[_Body], _Body]) -> None:
    """Change what each row of the table keeps as JSON, a page at a time."""
    connection = op.get_bind()
    rows_of = sa.table(table, sa.column(key), sa.column("body"))
    keys = rows_of.c[key]
    change = (
        sa.update(rows_of).where(keys == sa.bindparam("this")).values(body=sa.bindparam("becomes"))
    )
    page = sa.select(rows_of).order_by(keys).limit(_AT_ONCE)
    rows = connection.execute(page).all()
    while rows:
        changes = [
            {"this": this, "becomes": _written(changed(json.loads(body)))} for this, body in rows
        ]
        connection.execute(change, changes)
        rows = connection.execute(page.where(keys > rows[-1][0])).all()


def _written(body: _Body) -> str:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":"))
