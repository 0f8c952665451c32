"""What a unit of work sees of the database: statements in, rows out.

A unit of work is a plain function of a `Transaction`. Its statements are constants written with
SQLAlchemy Core; how they reach the database is the business of the two implementations here.
"""

import sqlite3
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from operator import itemgetter
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.sql.compiler import SQLCompiler

from runtime.model.audit import AuditEvent

Value = str | int | bytes | None
"""What a column can hold: see `adapters.sql.schema`."""
Params = Mapping[str, Value]
Row = Sequence[Any]
"""The selected columns, in the order of the statement. Parsed where it is read, at once."""
Statement = sa.Select[Any] | sa.CompoundSelect[Any] | sa.Insert | sa.Update | sa.Delete

T = TypeVar("T")

_NONE: Params = {}
Options = Mapping[str, bool]
PLAIN: Options = {}
_SQLITE = SQLiteDialect_pysqlite()
"""One for all statements: it remembers how types are written, which is a third of compiling one."""
COUNTED: Options = {"preserve_rowcount": True}
"""SQLAlchemy forgets how many rows an INSERT changed otherwise."""


class Transaction(Protocol):
    """One transaction: all of it is stored, or nothing."""

    def all(self, statement: Statement, params: Params = _NONE) -> Sequence[Row]:
        """Every row of a `SELECT` or of a `RETURNING`."""
        ...

    def one(self, statement: Statement, params: Params = _NONE) -> Row | None:
        """The first row, or None."""
        ...

    def run(self, statement: Statement, params: Params = _NONE) -> int:
        """Run a statement that returns no rows; how many it changed."""
        ...

    def each(self, statement: Statement, many: Sequence[Params]) -> int:
        """Run a statement that returns no rows once for each, in order; how many rows it changed.

        Nothing is run where `many` is empty.
        """
        ...

    def counts(self, statement: Statement, many: Sequence[Params]) -> list[int]:
        """Run a statement that returns no rows once for each, in order; how many each changed."""
        ...

    def lock(self, statement: Statement, params: Params) -> None:
        """Lock rows with a `SELECT ... FOR UPDATE`, where this is not the only writer."""
        ...

    def audit(self, *events: AuditEvent) -> None:
        """Have them recorded in the audit log with this unit of work, or not at all.

        They are added when the transaction has done everything else, so that nobody waits long
        for the end of the chain: see `adapters.sql.trail`.
        """
        ...


Work = Callable[[Transaction], T]
"""A unit of work. It may be called again after a failure, so it changes nothing but the tables."""


class First(Generic[T]):
    """A unit of work that goes before others, where there is one writer for all of them.

    For what does not depend on those, and what somebody waits for within milliseconds.
    """

    __slots__ = ("_work",)

    def __init__(self, work: Work[T]) -> None:
        self._work = work

    def __call__(self, transaction: Transaction) -> T:
        """Do it."""
        return self._work(transaction)


class CoreTransaction:
    """Through a SQLAlchemy connection, which compiles what it has not compiled before."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection
        self.events: list[AuditEvent] = []
        """What is to be recorded before the commit."""

    def all(self, statement: Statement, params: Params = _NONE) -> Sequence[Row]:
        """See `Transaction.all`."""
        return self._execute(statement, params).all()

    def one(self, statement: Statement, params: Params = _NONE) -> Row | None:
        """See `Transaction.one`."""
        return self._execute(statement, params).first()

    def run(self, statement: Statement, params: Params = _NONE) -> int:
        """See `Transaction.run`."""
        return self._execute(statement, params, COUNTED).rowcount

    def each(self, statement: Statement, many: Sequence[Params]) -> int:
        """See `Transaction.each`."""
        return self._execute(statement, many, COUNTED).rowcount if many else 0

    def counts(self, statement: Statement, many: Sequence[Params]) -> list[int]:
        """See `Transaction.counts`."""
        return [self.run(statement, params) for params in many]

    def lock(self, statement: Statement, params: Params) -> None:
        """See `Transaction.lock`: who writes to SQLite has all of it."""
        if self._connection.dialect.name == "postgresql":
            self._execute(statement, params)

    def audit(self, *events: AuditEvent) -> None:
        """See `Transaction.audit`."""
        self.events.extend(events)

    def _execute(
        self, statement: Statement, params: Params | Sequence[Params], options: Options = PLAIN
    ) -> sa.CursorResult[Any]:
        return self._connection.execute(statement, params, execution_options=options)


class ReadTransaction(CoreTransaction):
    """The long reads of SQLite, compiled once for a process and not for each engine."""

    def _execute(
        self, statement: Statement, params: Params | Sequence[Params], options: Options = PLAIN
    ) -> sa.CursorResult[Any]:
        text, _, values, unfinished = compiled(statement)
        if unfinished or not isinstance(params, Mapping):
            return super()._execute(statement, params, options)
        return self._connection.exec_driver_sql(text, values(params), execution_options=options)


class DriverTransaction:
    """Straight to the SQLite driver, with the text that SQLAlchemy compiled once.

    SQLAlchemy's execution and result objects cost 10 of the 13 microseconds of a small statement,
    and a turn is a dozen of them. The columns need no conversion (see `adapters.sql.schema`),
    so the compiled text and the order of its parameters are all there is to it.
    """

    def __init__(self, cursor: sqlite3.Cursor) -> None:
        self._cursor = cursor
        self.events: list[AuditEvent] = []
        """What is to be recorded before the commit."""

    def all(self, statement: Statement, params: Params = _NONE) -> Sequence[Row]:
        """See `Transaction.all`."""
        text, _, values, _ = compiled(statement)
        return self._cursor.execute(text, values(params)).fetchall()

    def one(self, statement: Statement, params: Params = _NONE) -> Row | None:
        """See `Transaction.one`."""
        text, _, values, _ = compiled(statement)
        # All of them, so that a `RETURNING` has run to its end.
        rows = self._cursor.execute(text, values(params)).fetchall()
        return rows[0] if rows else None

    def run(self, statement: Statement, params: Params = _NONE) -> int:
        """See `Transaction.run`."""
        text, _, values, _ = compiled(statement)
        return self._cursor.execute(text, values(params)).rowcount

    def each(self, statement: Statement, many: Sequence[Params]) -> int:
        """See `Transaction.each`."""
        if not many:
            return 0
        text, _, values, _ = compiled(statement)
        return self._cursor.executemany(text, [values(params) for params in many]).rowcount

    def counts(self, statement: Statement, many: Sequence[Params]) -> list[int]:
        """See `Transaction.counts`."""
        text, _, values, _ = compiled(statement)
        execute = self._cursor.execute
        return [execute(text, values(params)).rowcount for params in many]

    def lock(self, statement: Statement, params: Params) -> None:
        """See `Transaction.lock`: SQLite has one writer, and this is it."""

    def audit(self, *events: AuditEvent) -> None:
        """See `Transaction.audit`."""
        self.events.extend(events)


class Compiled(NamedTuple):
    """A statement as SQLite's driver takes it.

    Attributes:
        text: the SQL, with question marks.
        order: for each question mark the parameter's name, or None and the constant in its place.
        values: the parameters in the order of the question marks; raises `KeyError` for one that
            is missing.
        unfinished: SQLAlchemy has to make more of the text, by the values: it has a list of them.
    """

    text: str
    order: Sequence[tuple[str | None, Value]]
    values: Callable[[Params], tuple[Value, ...]]
    unfinished: bool


@lru_cache(maxsize=512)
def compiled(statement: Statement) -> Compiled:
    """Compile a statement for SQLite; once for each, for they are constants."""
    by_sqlalchemy = statement.compile(dialect=_SQLITE)
    if not isinstance(by_sqlalchemy, SQLCompiler):
        raise TypeError(f"not a statement: {statement!r}")
    binds, params = by_sqlalchemy.binds, by_sqlalchemy.params
    order = [
        (name, None) if binds[name].required else (None, params[name])
        for name in by_sqlalchemy.positiontup or ()
    ]
    unfinished = bool(by_sqlalchemy.post_compile_params or by_sqlalchemy.literal_execute_params)
    return Compiled(str(by_sqlalchemy), order, _in_order(order), unfinished)


def _in_order(
    order: Sequence[tuple[str | None, Value]],
) -> Callable[[Params], tuple[Value, ...]]:
    """Picks parameters by name, or takes the constant that stands in a name's place."""
    names = [name for name, _ in order if name is not None]
    if len(names) == len(order) > 1:
        return itemgetter(*names)  # a third of what the loop below takes
    if len(names) == len(order) == 1:
        [only] = names
        return lambda params: (params[only],)
    return lambda params: tuple(
        [constant if name is None else params[name] for name, constant in order]
    )
