"""How much of a log is read to begin a turn."""

from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from adapters.sql.beginning import begin
from adapters.sql.heard import Heard
from adapters.sql.schema import turns
from adapters.sql.store import DATABASE_FILE
from adapters.sql.transaction import CoreTransaction, Params, Row, Statement
from runtime.model.turn import TurnState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener, Rows, begun, texts

SAID = "what was answered"
NONE: Params = {}


class Reading(CoreTransaction):
    """Counts how often it reads what was said."""

    times = 0

    def one(self, statement: Statement, params: Params = NONE) -> Row | None:
        row = super().one(statement, params)
        self.times += sum(SAID in str(value) for value in row or ())
        return row


class Ending(CoreTransaction):
    """Another process ends the turn just before this one would take it up."""

    def one(self, statement: Statement, params: Params = NONE) -> Row | None:
        if isinstance(statement, sa.Update):
            self.run(sa.update(turns).values(state=TurnState.DONE.value))
        return super().one(statement, params)


async def nothing_waits(store: Store, rows: Rows) -> None:
    """All was answered."""


async def a_message_waits(store: Store, rows: Rows) -> None:
    await store.inbox.append(rows.received("and then?"))


async def a_turn_was_left(store: Store, rows: Rows) -> None:
    await begun(store, rows.received("and then?"))
    await a_message_waits(store, rows)


async def a_turn_waits_for_people(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("and then?"))).turn
    await store.turns.park(turn.id, turn.fence, tries=1)
    await a_message_waits(store, rows)


@pytest.fixture
def store_kind() -> str:
    return "sqlite"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sa.Connection]:
    """To the database, once no store has it open."""
    engine = sa.create_engine(f"sqlite:///{tmp_path / 'data' / DATABASE_FILE}")
    with closing(engine.connect()) as opened:
        yield opened
    engine.dispose()


@pytest.mark.parametrize(
    ("goes_on", "times"),
    [
        (nothing_waits, 0),
        (a_message_waits, 1),
        (a_turn_was_left, 1),
        (a_turn_waits_for_people, 0),
    ],
)
async def test_a_log_is_read_once_where_a_turn_begins_and_else_not(
    goes_on: Callable[[Store, Rows], Awaitable[None]],
    times: int,
    open_again: Opener,
    rows: Rows,
    clock: ManualClock,
    request: pytest.FixtureRequest,
) -> None:
    async with open_again() as store:
        turn = (await begun(store, rows.received("what was asked"))).turn
        answer = rows.entry(SAID, turn.id)
        await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[answer])
        await goes_on(store, rows)
    reading = Reading(request.getfixturevalue("connection"))

    begin(reading, turn.conversation, (), Heard(), owner="next", now=clock.now())

    assert reading.times == times


async def test_a_turn_that_ended_while_it_was_looked_for_leaves_the_whole_log_to_the_next(
    open_again: Opener, rows: Rows, clock: ManualClock, request: pytest.FixtureRequest
) -> None:
    async with open_again() as store:
        turn = (await begun(store, rows.received("what was asked"))).turn
        await store.turns.append(turn.id, turn.fence, [rows.entry(SAID, turn.id)])
        await a_message_waits(store, rows)
    ending = Ending(request.getfixturevalue("connection"))

    start = begin(ending, turn.conversation, (), Heard(), owner="next", now=clock.now())

    assert start is not None
    assert texts(start.start.entries) == ["what was asked", SAID, "and then?"]
