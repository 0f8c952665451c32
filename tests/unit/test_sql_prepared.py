"""Statements as the drivers take them: what SQLAlchemy would send, without its conversions."""

import importlib
import pkgutil
from collections.abc import Mapping

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql.psycopg import PGDialectAsync_psycopg
from sqlalchemy.sql.compiler import SQLCompiler

import adapters.sql
from adapters.sql import audit, letters
from adapters.sql.prepared import prepare
from adapters.sql.schema import metadata
from adapters.sql.transaction import CoreTransaction, ReadTransaction, Statement
from adapters.sql.transaction import compiled as compiled_for_sqlite

BY_SQLALCHEMY = {
    "aside._STOPPED": "a list of values",
    "budgets._SET": "its position comes from a sequence",
    "sending._ENQUEUE": "the same",
}
LISTS = {"aside._STOPPED"}
"""What SQLite's driver does not take as it was compiled."""
DIALECT = PGDialectAsync_psycopg()  # type: ignore[no-untyped-call]


def constants() -> Mapping[str, Statement]:
    """Every statement of the store that is a constant, by its name."""
    found: dict[str, Statement] = {}
    for module in pkgutil.iter_modules(adapters.sql.__path__):
        if not module.ispkg:
            loaded = importlib.import_module(f"adapters.sql.{module.name}")
            for name, value in vars(loaded).items():
                if isinstance(
                    value, sa.Select | sa.CompoundSelect | sa.Insert | sa.Update | sa.Delete
                ):
                    found.setdefault(f"{module.name}.{name}", value)
    return found


def test_all_but_a_few_are_compiled_once_for_a_process() -> None:
    left = {name for name, statement in constants().items() if prepare(statement) is None}
    assert left == BY_SQLALCHEMY.keys()


def test_a_statement_has_the_text_and_the_values_that_sqlalchemy_gives_it() -> None:
    for name, statement in constants().items():
        compiled = statement.compile(dialect=DIALECT)
        assert isinstance(compiled, SQLCompiler)
        prepared = prepare(statement)
        if prepared is None:
            continue
        asked = {key for bind, key in compiled.bind_names.items() if bind.required}
        assert prepared.text == compiled.string, name
        assert prepared.values(dict.fromkeys(asked, 1)).keys() == compiled.params.keys(), name
        assert not compiled.escaped_bind_names, name


def test_a_long_read_of_sqlite_needs_sqlalchemy_for_lists_alone() -> None:
    left = {name for name, one in constants().items() if compiled_for_sqlite(one).unfinished}
    assert left == LISTS


def test_a_question_with_conditions_is_one_statement_however_often_it_is_asked() -> None:
    asked = {
        audit.finding(since=since, kind=True, actors=actors)
        for since in (True, False)
        for actors in (0, 1, 2)
        for _ in range(2)
    } | {letters.lately(root=root, messages=1) for root in (True, False) for _ in range(2)}

    assert len(asked) == 8
    assert not any(compiled_for_sqlite(statement).unfinished for statement in asked)
    assert all(prepare(statement) is not None for statement in asked)


def test_a_long_read_of_sqlite_finds_what_sqlalchemy_finds() -> None:
    numbers = sa.Table("numbers", sa.MetaData(), sa.Column("n", sa.Integer))
    few = sa.select(numbers.c.n).where(numbers.c.n > sa.bindparam("least")).limit(2)
    listed = sa.select(numbers.c.n).where(numbers.c.n.in_([2, 3]), numbers.c.n < 9)
    engine = sa.create_engine("sqlite://")
    with engine.connect() as connection:
        numbers.create(connection)
        connection.execute(sa.insert(numbers), [{"n": 1}, {"n": 2}, {"n": 3}])
        ours, theirs = ReadTransaction(connection), CoreTransaction(connection)
        for statement, given in ((few, {"least": 1}), (listed, {}), (sa.select(numbers.c.n), {})):
            assert ours.all(statement, given) == theirs.all(statement, given) != []
            assert ours.one(statement, given) == theirs.one(statement, given)
    engine.dispose()


@pytest.mark.parametrize("table", metadata.sorted_tables, ids=lambda table: table.name)
def test_no_column_needs_a_conversion(table: sa.Table) -> None:
    for column in table.columns:
        kind = column.type.dialect_impl(DIALECT)
        assert kind.bind_processor(DIALECT) is None, column
        assert kind.result_processor(DIALECT, None) is None, column
