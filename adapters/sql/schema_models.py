"""The tables of models, as `adapters.sql.schema` holds the others."""

import sqlalchemy as sa

from adapters.sql.schema import metadata, moment, text, thread

model_choices = sa.Table(
    "model_choices",
    metadata,
    text("kind", key=True),
    text("key", key=True),
    text("model"),
    text("by"),
    moment("chosen_at"),
    implicit_returning=False,
)
"""The model that somebody chose for a thread, a person or an agent; the key is theirs, as JSON."""

model_explanations = sa.Table(
    "model_explanations",
    metadata,
    *thread(key=True),
    text("body"),
    moment("explained_at"),
    implicit_returning=False,
)
"""Why the last model was asked in a thread."""

sa.Index("ix_model_explanations_explained_at", model_explanations.c.explained_at)

model_outages = sa.Table(
    "model_outages",
    metadata,
    text("provider", key=True),
    text("credential", key=True),
    text("why"),
    moment("since"),
    implicit_returning=False,
)
"""Providers that do not take a key."""
