"""The tables of what agents keep and hand to each other, as `adapters.sql.schema` the others."""

import sqlalchemy as sa

from adapters.sql.schema import metadata, moment, number, text

agent_state = sa.Table(
    "agent_state",
    metadata,
    text("space", key=True),
    text("key", key=True),
    text("value"),
    number("version"),
    text("agent"),
    text("call"),
    moment("written_at"),
    implicit_returning=False,
)
"""Small values of agents. `space` is the agent's, or the one that they share."""

handoffs = sa.Table(
    "handoffs",
    metadata,
    text("conversation", key=True),
    text("body"),
    implicit_returning=False,
)
"""How a conversation came to its agent: one row for each that was handed over."""
