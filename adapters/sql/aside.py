"""Looking into Postgres from a thread, without the event loop: while that is held."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.constants import word
from adapters.sql.schema import turns
from runtime.ids import TurnId
from runtime.model.turn import TurnState

_CONNECT_SECONDS = 2

_STOPPED = (
    sa.select(turns.c.id)
    .where(
        turns.c.id.in_(bindparam("these", expanding=True)),
        turns.c.state == word(TurnState.STOPPED),
    )
    .limit(1)
)
"""Tells whether one of some turns was stopped."""


class Aside:
    """A connection for each question, of one thread."""

    def __init__(self, url: str) -> None:
        """Look into the Postgres database at that address."""
        where = sa.make_url(url).set(drivername="postgresql+psycopg")
        self._engine = sa.create_engine(
            where,
            poolclass=sa.pool.NullPool,
            connect_args={"connect_timeout": _CONNECT_SECONDS},
        )

    def stopped_among(self, these: Sequence[TurnId]) -> bool:
        """Whether one of the turns was stopped; False where that cannot be found out now."""
        if not these:
            return False
        try:
            with self._engine.connect() as connection:
                return connection.execute(_STOPPED, {"these": list(these)}).first() is not None
        except sa.exc.SQLAlchemyError:
            return False
