"""The tables of members, as `adapters.sql.schema` holds the others."""

import sqlalchemy as sa

from adapters.sql.schema import metadata, moment, person, text

members = sa.Table(
    "members",
    metadata,
    *person(key=True),
    text("name"),
    text("role"),
    text("was"),
    *person("by_"),
    moment("at"),
    text("key"),
    implicit_returning=False,
)
"""What was last said of people in the chat. `role` is empty of those who were let go."""

owner_codes = sa.Table(
    "owner_codes",
    metadata,
    text("code", key=True),
    text("slot"),
    moment("expires_at"),
    implicit_returning=False,
)
"""Codes that make the first owner and were not used yet, as their hashes."""
