"""`INSERT ... ON CONFLICT`, one construct for SQLite and for Postgres, which both compile it.

SQLAlchemy's own construct for Postgres would do, and importing it brings in every driver of
Postgres: 3 MB and 30 ms, on SQLite for nothing.
"""

from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite.dml import OnConflictDoNothing, OnConflictDoUpdate


class _DoNothing(OnConflictDoNothing):
    inherit_cache: bool = True
    constraint_target = None
    """Postgres could name a constraint here, and its compiler looks."""


class _DoUpdate(OnConflictDoUpdate):
    inherit_cache: bool | None = True
    constraint_target = None


class Insert(sqlite.Insert):
    """An `INSERT` that says what happens where the row is there already."""

    inherit_cache: bool = True

    def on_conflict_do_nothing(self, index_elements: Any = None, index_where: Any = None) -> Self:
        """Leave the row that is there as it is."""
        return self.ext(_DoNothing(index_elements, index_where))

    def on_conflict_do_update(
        self,
        index_elements: Any = None,
        index_where: Any = None,
        set_: Any = None,
        where: Any = None,
    ) -> Self:
        """Set columns of the row that is there; `excluded` has what was to be inserted."""
        return self.ext(_DoUpdate(index_elements, index_where, set_, where))


def insert(table: sa.Table) -> Insert:
    """An `INSERT` into the table."""
    return Insert(table)
