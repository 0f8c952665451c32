"""What is kept of what turns were asked, and for how long."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.sql.heard import Heard
from adapters.sql.sqlite import open_sqlite
from adapters.sql.stops import SqlStops
from adapters.sql.store import DATABASE_FILE, SqlStore
from adapters.sql.turns import SqlTurns
from adapters.sql.unsaid import LONGEST, MOST, Unsaid
from runtime.errors import Conflict
from runtime.ids import AgentName, ConversationId, MessageId, StopId, TimeOrderedIds, TurnId
from runtime.model.conversation import Role
from runtime.model.outbox import OutboxItem
from runtime.model.stop import Stop, StopKind
from runtime.model.turn import Turn, TurnState
from tests.support.clock import ManualClock
from tests.support.ready import put_store
from tests.support.stores import ADA, DESK, Rows


class Turns:
    """Turns and stops over one database, and what they keep."""

    def __init__(self, store: SqlStore, turns: SqlTurns, stops: SqlStops, unsaid: Unsaid) -> None:
        self.store, self.turns, self.stops, self.unsaid = store, turns, stops, unsaid

    async def begin(self, rows: Rows, text: str = "hello") -> Turn:
        await self.store.inbox.append(received := rows.received(text))
        conversation = await self.store.conversations.bind(received.inbound.thread, DESK)
        return await self.take_up(conversation)

    async def take_up(self, conversation: ConversationId) -> Turn:
        start = await self.turns.begin(conversation, owner="here")
        assert start is not None
        return start.turn


@pytest.fixture
async def here(tmp_path: Path, clock: ManualClock) -> AsyncIterator[Turns]:
    put_store(tmp_path)
    async with open_sqlite(tmp_path / DATABASE_FILE, clock=clock, role="all") as database:
        unsaid = Unsaid()
        turns = SqlTurns(database, clock=clock, heard=Heard(), unsaid=unsaid)
        stops = SqlStops(database, clock=clock, unsaid=unsaid)
        store = SqlStore(database, clock=clock, ids=TimeOrderedIds(clock))
        yield Turns(store, turns, stops, unsaid)


def _nothing(_: Turn) -> list[OutboxItem]:
    return []


def _stop(clock: ManualClock, kind: StopKind) -> Stop:
    return Stop(id=StopId("s"), kind=kind, agent=AgentName(""), by=ADA, at=clock.now())


async def _stopped(here: Turns, turn: Turn, clock: ManualClock) -> None:
    await here.stops.order(_stop(clock, StopKind.TURNS), turns=[turn.id], closing=_nothing)


async def _all_stopped(here: Turns, _: Turn, clock: ManualClock) -> None:
    await here.stops.order(_stop(clock, StopKind.EVERYTHING), closing=_nothing)


async def _parked(here: Turns, turn: Turn, _: ManualClock) -> None:
    await here.turns.park(turn.id, turn.fence, tries=1)


async def _handed_back(here: Turns, turn: Turn, _: ManualClock) -> None:
    await here.turns.hand_back(turn.id, turn.fence, tries=1)


async def _lost(here: Turns, turn: Turn, _: ManualClock) -> None:
    await here.store.turns.begin(turn.conversation, owner="there")
    with pytest.raises(Conflict):
        await here.turns.append(turn.id, turn.fence, [])


async def _lost_with_a_draft(here: Turns, turn: Turn, _: ManualClock) -> None:
    await here.store.turns.begin(turn.conversation, owner="there")
    with pytest.raises(Conflict):
        await here.turns.set_draft(turn.id, turn.fence, MessageId("d"))


WAYS = [_stopped, _all_stopped, _parked, _handed_back, _lost, _lost_with_a_draft]
Way = Callable[[Turns, Turn, ManualClock], Awaitable[None]]


@pytest.mark.parametrize("way", WAYS)
async def test_nothing_is_kept_of_a_turn_that_ends_elsewhere_or_later(
    here: Turns, rows: Rows, clock: ManualClock, way: Way
) -> None:
    turn = await here.begin(rows)
    await way(here, turn, clock)

    assert here.unsaid.take(turn.id) is None


async def test_nothing_is_kept_of_a_turn_that_began_under_a_stop_and_was_found(
    here: Turns, rows: Rows, clock: ManualClock
) -> None:
    await here.store.stops.order(_stop(clock, StopKind.EVERYTHING), closing=_nothing)
    turn = await here.begin(rows)
    assert [one.turn for one in await here.stops.enforce(closing=_nothing)] == [turn.id]

    assert here.unsaid.take(turn.id) is None


async def test_what_a_turn_was_asked_is_kept_until_its_end(here: Turns, rows: Rows) -> None:
    turn = await here.begin(rows)
    kept = here.unsaid.take(turn.id)
    assert kept is not None
    conversation, asked = kept
    assert (conversation, asked.entry.text) == (turn.conversation, "hello")

    here.unsaid.keep(turn, asked)
    await here.turns.finish(turn.id, turn.fence, state=TurnState.DONE)
    assert here.unsaid.take(turn.id) is None


async def test_what_is_long_is_read_at_the_end_of_the_turn(here: Turns, rows: Rows) -> None:
    turn = await here.begin(rows, "x" * LONGEST)
    assert here.unsaid.take(turn.id) is None

    said = rows.entry("Fine.", turn.id)
    await here.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[said])

    entries = await here.store.conversations.entries(turn.conversation)
    assert [(entry.role, entry.text) for entry in entries] == [
        (Role.USER, "x" * LONGEST),
        (Role.ASSISTANT, "Fine."),
    ]


async def test_the_oldest_is_forgotten(here: Turns, rows: Rows) -> None:
    turn, unsaid = await here.begin(rows), Unsaid()
    kept = here.unsaid.take(turn.id)
    assert kept is not None
    others = [replace(turn, id=TurnId(f"t{number}")) for number in range(MOST + 1)]
    for other in others:
        unsaid.keep(other, kept[1])

    assert unsaid.take(others[0].id) is None
    assert unsaid.take(others[1].id) == kept
