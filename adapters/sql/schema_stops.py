"""The table of stops, as `adapters.sql.schema` holds the others."""

import sqlalchemy as sa

from adapters.sql.schema import maybe, metadata, moment, partial, text

stops = sa.Table(
    "stops",
    metadata,
    text("id", key=True),
    text("kind"),
    text("agent"),
    moment("stopped_at"),
    text("body"),
    moment("lifted_at", nullable=True),
    maybe("lifted_by"),
    maybe("lifted_with"),
    implicit_returning=False,
)
"""What people stopped. `agent` is empty for everything; a stop of turns is lifted when it is made,
because they have ended. `lifted_with` is the command that lifted it.
"""

partial("ix_stops_in_force", stops.c.agent, where="lifted_at IS NULL", unique=True)
