"""Statements as Postgres's driver takes them: compiled once for a process.

SQLAlchemy keeps what it compiled with its engine, and finds it again by a key that it makes of the
whole statement, for each that is executed anew. Ours are constants, so their text is.
"""

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.sql.compiler import SQLCompiler

from adapters.sql.transaction import (
    PLAIN,
    CoreTransaction,
    Options,
    Params,
    Statement,
    Value,
)


class Prepared(NamedTuple):
    """A statement as psycopg takes it.

    Attributes:
        text: the SQL, with a name in place of each value.
        constants: those values that are part of the statement.
    """

    text: str
    constants: dict[str, Value]

    def values(self, params: Params) -> dict[str, Value]:
        """Every value by its name."""
        return {**self.constants, **params}


@lru_cache(maxsize=512)
def prepare(statement: Statement) -> Prepared | None:
    """Compile a statement for Postgres; None for one of which SQLAlchemy has to make more.

    It does where the text depends on the values (a list of them), or where a value that is not
    given comes from a sequence. No column needs a conversion: see `adapters.sql.schema`.
    """
    compiled = statement.compile(dialect=_dialect())
    if not isinstance(compiled, SQLCompiler):
        raise TypeError(f"not a statement: {statement!r}")
    if compiled.post_compile_params or compiled.literal_execute_params or compiled.insert_prefetch:
        return None
    given = compiled.params
    constants = {
        name: given[name] for bind, name in compiled.bind_names.items() if not bind.required
    }
    return Prepared(compiled.string, constants)


@cache
def _dialect() -> PGDialectAsync_psycopg:
    """One for all of them: made where the first is compiled."""
    return PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


class PreparedTransaction(CoreTransaction):
    """Straight to Postgres's driver, by a SQLAlchemy connection, which knows its errors."""

    def _execute(
        self, statement: Statement, params: Params | Sequence[Params], options: Options = PLAIN
    ) -> sa.CursorResult[Any]:
        prepared = prepare(statement)
        if prepared is None:
            return super()._execute(statement, params, options)
        values: dict[str, Value] | list[dict[str, Value]] = (
            prepared.values(params)
            if isinstance(params, Mapping)
            else [prepared.values(one) for one in params]
        )
        return self._connection.exec_driver_sql(prepared.text, values, execution_options=options)
