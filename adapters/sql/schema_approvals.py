"""The tables of approvals, as `adapters.sql.schema` holds the others."""

import sqlalchemy as sa

from adapters.sql.schema import (
    maybe,
    metadata,
    moment,
    number,
    partial,
    person,
    text,
    thread,
)

approvals = sa.Table(
    "approvals",
    metadata,
    text("id", key=True),
    text("turn"),
    text("call"),
    text("conversation"),
    text("agent"),
    text("digest"),
    text("state"),
    maybe("decided"),
    text("note"),
    moment("created_at"),
    moment("expires_at"),
    text("body"),
    sa.UniqueConstraint("turn", "call"),
    implicit_returning=False,
)
"""Questions to people. A call asks once, however often its turn is taken up."""

partial(
    "ix_approvals_open",
    approvals.c.expires_at,
    where="state = 'pending' OR state = 'approved'",
)
partial("ix_approvals_executing", approvals.c.created_at, where="state = 'executing'")
partial("ix_approvals_unknown", approvals.c.created_at, where="state = 'unknown'")
sa.Index("ix_approvals_agent", approvals.c.agent, approvals.c.created_at)

approval_votes = sa.Table(
    "approval_votes",
    metadata,
    text("approval", key=True),
    *person(key=True),
    moment("voted_at"),
    implicit_returning=False,
)
"""Who said yes: one row for each person."""

approval_cards = sa.Table(
    "approval_cards",
    metadata,
    text("approval", key=True),
    *thread(key=True),
    text("message", key=True),
    implicit_returning=False,
)
"""Messages that show an approval."""

grants = sa.Table(
    "grants",
    metadata,
    text("id", key=True),
    number("number"),
    text("agent"),
    text("digest"),
    text("body"),
    moment("given_at"),
    moment("expires_at"),
    moment("revoked_at", nullable=True),
    sa.UniqueConstraint("number"),
    implicit_returning=False,
)
"""What people allowed for a time."""

partial("ix_grants_in_force", grants.c.agent, grants.c.digest, where="revoked_at IS NULL")
