"""What is asked often is answered by an index, however much history there is."""

import sqlite3
from collections.abc import Iterator
from types import ModuleType

import pytest
import sqlalchemy as sa

from adapters.sql import (
    audit,
    beginning,
    budgets,
    conversations,
    inbox,
    ledger,
    letters,
    log,
    occurrences,
    outbox,
    outboxclaims,
    schedules,
    sending,
    stops,
    turns,
    workers,
)
from adapters.sql.schema import metadata
from adapters.sql.transaction import Statement, compiled

MODULES = (
    audit,
    letters,
    beginning,
    budgets,
    conversations,
    inbox,
    ledger,
    log,
    occurrences,
    outbox,
    outboxclaims,
    schedules,
    sending,
    turns,
    workers,
)

PARTIAL = {
    str(index.name)
    for table in metadata.tables.values()
    for index in table.indexes
    if index.dialect_options["sqlite"]["where"] is not None
}
"""The indexes that hold only what is still to be worked on."""

MAY_SCAN = {
    "budgets._LIMITS": "a handful of rows, which people set by hand",
    "budgets._OPEN": "limits that were reached, for people who set one",
    "budgets._PAUSES": "the turns that wait for money; all of them are asked for",
    "inbox._OLD": "reads the oldest rows and stops at a page; in the background, once in a while",
    "audit._FIND": "the end of the table, backwards from its key; for people who ask",
    "audit.finding": "the same",
    "audit.LAST": "the last row, by its key",
    "letters._LAST_SENT": "for people who ask for a list of channels; at length, in a thread",
    "letters._LATELY": "reads the end of the table, for people who ask what was said",
    "letters.lately": "the same",
    "outbox._COUNT": "counts what was sent, which nobody does on a hot path",
    "schedules._ALL": "reads all schedules, because all are asked for",
    "workers._INHERIT": "a handful of rows",
    "workers._KNOWN": "a handful of rows",
}


@pytest.fixture(scope="module")
def tables() -> Iterator[sqlite3.Connection]:
    engine = sa.create_engine("sqlite://", poolclass=sa.pool.StaticPool)
    metadata.create_all(engine)
    with engine.connect() as connection:
        driver = connection.connection.driver_connection
        assert isinstance(driver, sqlite3.Connection)
        yield driver
    engine.dispose()


def _statements(module: ModuleType) -> Iterator[tuple[str, Statement]]:
    name = module.__name__.rpartition(".")[2]
    for constant, value in vars(module).items():
        if isinstance(value, sa.Select | sa.CompoundSelect | sa.Insert | sa.Update | sa.Delete):
            yield f"{name}.{constant}", value


STATEMENTS = {
    **{name: statement for module in MODULES for name, statement in _statements(module)},
    "audit.finding": audit.finding(since=True, kind=True, actors=2),
    "letters.lately": letters.lately(root=True, messages=2),
    "outboxclaims.claiming": outboxclaims.claiming(3),
    "outboxclaims.taking_on": outboxclaims.taking_on(3),
    "stops.UNDER_WAY": stops.UNDER_WAY,
    **{f"stops.WITHHOLD[{number}]": each for number, each in enumerate(stops.WITHHOLD)},
}


@pytest.mark.parametrize("name", STATEMENTS)
def test_no_statement_reads_a_whole_table(name: str, tables: sqlite3.Connection) -> None:
    text, order, _, _ = compiled(STATEMENTS[name])

    plan = tables.execute(f"EXPLAIN QUERY PLAN {text}", [None] * len(order))

    scans = [step for *_, step in plan if _reads_everything(step)]
    assert bool(scans) == (name in MAY_SCAN), scans


def _reads_everything(step: str) -> bool:
    """A scan of a table, or of an index that is as large as one."""
    words = step.split()
    return words[0] == "SCAN" and words[1] in metadata.tables and words[-1] not in PARTIAL


def test_every_statement_is_known_to_this_test() -> None:
    assert len(STATEMENTS) > 50
    assert MAY_SCAN.keys() <= STATEMENTS.keys()
