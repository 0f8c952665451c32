"""The tables of the ledger, as `adapters.sql.schema` holds the others."""

import sqlalchemy as sa

from adapters.sql.schema import maybe, metadata, moment, number, partial, text

meters = sa.Table(
    "ledger_meters",
    metadata,
    text("id", key=True),
    text("scope"),
    text("subject"),
    text("period"),
    text("stamp"),
    sa.Column("currency", sa.Text, nullable=False, server_default=sa.text("'USD'")),
    number("spent"),
    number("held"),
    number("calls"),
    number("prompt_tokens"),
    number("completion_tokens"),
    moment("used_at", nullable=True),
    implicit_returning=False,
)
"""What each meter says. The key is made from the columns before `spent`. `used_at` is when a call
in it was reserved or settled last; none where that was before anybody looked.
"""

sa.Index("ix_ledger_meters_dearest", meters.c.scope, meters.c.period, meters.c.stamp)
sa.Index(
    "ix_ledger_meters_series", meters.c.scope, meters.c.subject, meters.c.period, meters.c.stamp
)

calls = sa.Table(
    "ledger_calls",
    metadata,
    text("id", key=True),
    text("state"),
    number("worst"),
    number("spent"),
    moment("at"),
    moment("expires_at"),
    text("body"),
    text("outcome"),
    sa.Column("currency", sa.Text, nullable=False, server_default=sa.text("'USD'")),
    implicit_returning=False,
)
"""Calls of models. `body` is what was reserved and never changes, `outcome` what became of it."""

partial("ix_ledger_calls_held", calls.c.expires_at, where="state = 'held'")
sa.Index("ix_ledger_calls_at", calls.c.at)

entries = sa.Table(
    "ledger_entries",
    metadata,
    text("call", key=True),
    number("seq", key=True),
    text("kind"),
    moment("at"),
    number("held"),
    number("spent"),
    text("note"),
    implicit_returning=False,
)
"""What happened to each call, from 1."""

limits = sa.Table(
    "ledger_limits",
    metadata,
    sa.Column(
        "position",
        sa.BigInteger().with_variant(sa.Integer, "sqlite"),
        sa.Identity(),
        primary_key=True,
    ),
    text("key"),
    text("stamp"),
    moment("at"),
    text("body"),
    sa.UniqueConstraint("key"),
    implicit_returning=False,
)
"""Limits that people set, in order; nothing is ever changed or deleted."""

alerts = sa.Table(
    "ledger_alerts",
    metadata,
    text("id", key=True),
    text("state"),
    text("body"),
    text("note"),
    maybe("answered"),
    implicit_returning=False,
)
"""Limits that were nearly or wholly used up, and what people did about it."""

pauses = sa.Table(
    "ledger_pauses",
    metadata,
    text("turn", key=True),
    moment("at"),
    text("body"),
    implicit_returning=False,
)
"""Turns that wait for money."""
