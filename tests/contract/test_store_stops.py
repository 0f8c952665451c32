"""The promises of `runtime.ports.Stops`, on every implementation."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import psycopg
import pytest

from adapters.sql import stops
from adapters.sql.prepared import PreparedTransaction
from adapters.sql.transaction import Params, Row, Statement
from runtime.errors import Conflict, NightdeskError
from runtime.ids import AgentName, ConversationId, MessageId, StopId, TurnId
from runtime.model.address import ThreadRef
from runtime.model.events import Command, Lane
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.stop import EVERYTHING, Stop, StopKind, Stopped
from runtime.model.turn import Turn, TurnState
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, CHANNEL, DESK, SLACK, THREAD, Opener, Rows, begun

OTHER = AgentName("other")
ELSEWHERE = ThreadRef(CHANNEL, "1700000000.000200")
NO_PARAMS: Params = {}
RUN = TurnId("run-1")
RUNS = ConversationId("conversation-of-run-1")


def nothing(_: Turn) -> list[OutboxItem]:
    return []


def stop_of(clock: ManualClock, agent: AgentName | None = DESK, *, key: str = "stop-1") -> Stop:
    """A stop of an agent, of everything, or of turns where no agent is given."""
    kind = StopKind.TURNS if agent is None else StopKind.AGENT
    kind = StopKind.EVERYTHING if agent == EVERYTHING and agent is not None else kind
    return Stop(id=StopId(key), kind=kind, agent=agent or EVERYTHING, by=ADA, at=clock.now())


async def turn_stopped(store: Store, clock: ManualClock, *turns: TurnId) -> Stopped:
    stop = stop_of(clock, None, key=f"stop-{len(turns)}")
    return await store.stops.order(stop, turns=turns, closing=nothing, why="stopped by Ada")


async def claimed(store: Store, clock: ManualClock) -> list[OutboxItem]:
    return await store.outbox.claim(now=clock.now(), owner="here", platforms=[SLACK])


# ---- turns


async def test_a_stopped_turn_takes_nothing_more_and_its_message_is_processed(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received("first"))).turn

    did = await turn_stopped(store, clock, turn.id)

    assert did.fresh
    assert [ended.turn for ended in did.ended] == [turn.id]
    assert await store.turns.state(turn.id) is TurnState.STOPPED
    with pytest.raises(Conflict):
        await store.turns.append(turn.id, turn.fence, [rows.entry("late")])
    assert await store.turns.begin(turn.conversation, owner="here") is None
    assert await store.stops.active() == []


async def test_the_last_word_of_a_stopped_turn_is_stored_with_the_stop(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    await store.turns.set_draft(turn.id, turn.fence, MessageId("draft"))
    word = rows.item("Stopped.")
    seen: list[Turn] = []

    def closing(stopped: Turn) -> list[OutboxItem]:
        seen.append(stopped)
        return [replace(word, draft=stopped.draft)]

    await store.stops.order(stop_of(clock, None), turns=[turn.id], closing=closing)

    assert seen[-1] == replace(turn, draft=MessageId("draft"))
    assert await store.outbox.get(word.id) == replace(word, draft=MessageId("draft"))


async def test_a_stop_whose_last_word_cannot_be_stored_stops_nothing(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    impossible = rows.item(binds=ConversationId("nowhere"))

    with pytest.raises(NightdeskError):
        await store.stops.order(
            stop_of(clock, None), turns=[turn.id], closing=lambda _: [impossible]
        )

    await store.turns.append(turn.id, turn.fence, [rows.entry("still mine")])


async def test_what_has_ended_is_not_stopped(store: Store, rows: Rows, clock: ManualClock) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE)

    assert (await turn_stopped(store, clock, turn.id, TurnId("none"))).ended == ()
    assert await store.turns.state(turn.id) is TurnState.DONE


async def test_a_message_that_has_begun_no_turn_is_kept_from_it_where_nothing_else_was_ended(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    second, third, strange = rows.received("2"), rows.received("3"), rows.received(thread=ELSEWHERE)
    for received in (second, third, strange):
        await store.inbox.append(received)
    await store.inbox.append(rows.received(lane=Lane.COMMAND, body=Command(text="/status")))
    behind = [second.id, third.id]
    assert [row.id for row in await store.inbox.unbegun(THREAD)] == behind

    stop = stop_of(clock, None, key="stop-a")
    did = await store.stops.order(stop, turns=[turn.id], unbegun=behind, closing=nothing)
    assert ([ended.turn for ended in did.ended], did.unbegun) == ([turn.id], 0)
    following = await store.turns.begin(turn.conversation, owner="here")
    assert following is not None

    stop = stop_of(clock, None, key="stop-b")
    did = await store.stops.order(stop, turns=[turn.id], unbegun=behind, closing=nothing)
    assert ([ended.turn for ended in did.ended], did.unbegun) == ([following.turn.id], 1)
    assert await store.inbox.unbegun(THREAD) == []
    assert await store.turns.begin(turn.conversation, owner="here") is None
    again = await store.stops.order(stop, turns=[], closing=nothing)
    assert again == replace(did, fresh=False)


async def test_messages_behind_what_is_ended_go_too_where_all_of_somebodys_is_stopped(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    behind, apart, strange = rows.received("2"), *(rows.received(thread=ELSEWHERE) for _ in "ab")
    bob = replace(ADA, user="bob")
    strange = replace(strange, inbound=replace(strange.inbound, sender=bob))
    for received in (behind, apart, strange):
        await store.inbox.append(received)
    await store.inbox.append(rows.received(lane=Lane.COMMAND, body=Command(text="/status")))
    mine = [row.id for row in await store.inbox.unbegun_of([ADA])]
    assert mine == [behind.id, apart.id]
    assert await store.inbox.unbegun_of([bob]) == [strange]

    stop = stop_of(clock, None)
    did = await store.stops.order(stop, turns=[turn.id], unbegun=mine, behind=True, closing=nothing)

    assert ([ended.turn for ended in did.ended], did.unbegun) == ([turn.id], 2)
    assert await store.turns.begin(turn.conversation, owner="here") is None
    assert await store.inbox.unbegun_of([ADA, bob]) == [strange]


async def test_a_parked_turn_can_be_stopped_and_the_next_begins(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    await store.turns.park(turn.id, turn.fence, tries=1)
    later = rows.received("and then?")
    await store.inbox.append(later)

    did = await turn_stopped(store, clock, turn.id)

    assert [ended.turn for ended in did.ended] == [turn.id]
    assert not await store.turns.unpark(turn.id)
    following = await store.turns.begin(turn.conversation, owner="here")
    assert following is not None
    assert following.turn.inbox == later.id


async def test_a_runs_turn_can_be_stopped(store: Store, rows: Rows, clock: ManualClock) -> None:
    await store.conversations.create(RUNS, DESK)
    await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")

    did = await turn_stopped(store, clock, RUN)

    assert [(ended.turn, ended.conversation) for ended in did.ended] == [(RUN, RUNS)]
    with pytest.raises(Conflict):
        await store.turns.append(RUN, 1, [rows.entry("late")])


async def test_what_a_turn_wrote_and_was_not_sent_is_taken_back(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    flying = replace(rows.item("first"), turn=turn.id, agent=DESK)
    waiting = replace(rows.item("second"), turn=turn.id, agent=DESK, proactive=True)
    ours = rows.item("a word of ours")
    await store.turns.finish(
        turn.id, turn.fence, state=TurnState.DONE, replies=[flying, waiting, ours]
    )
    [sending] = await claimed(store, clock)

    did = await turn_stopped(store, clock, turn.id)

    assert did.messages == 1
    assert [(ended.turn, ended.withheld) for ended in did.ended] == [(turn.id, (waiting.id,))]
    found = await store.outbox.get(waiting.id)
    assert found is not None
    assert (found.state, found.error) == (OutboxState.WITHHELD, "stopped by Ada")
    # The one on its way may arrive, but is not tried again.
    await store.outbox.postpone(sending.id, sending.attempts, until=clock.now(), error="slow down")
    found = await store.outbox.get(flying.id)
    assert found is not None
    assert (found.state, found.error) == (OutboxState.WITHHELD, "stopped by Ada")
    assert [item.id for item in await claimed(store, clock)] == [ours.id]


@pytest.mark.parametrize("store_kind", ["postgres"])  # where others write between two statements
@pytest.mark.parametrize("was", ["held", "sending"])
@pytest.mark.parametrize("statements", [1, 2])
async def test_what_is_freed_to_be_sent_while_a_turn_is_stopped_is_taken_back(
    store: Store,
    store_url: str,
    rows: Rows,
    clock: ManualClock,
    monkeypatch: pytest.MonkeyPatch,
    *,
    was: str,
    statements: int,
) -> None:
    """Another process resumes the agent, or is told to wait with a message, just then."""
    turn = (await begun(store, rows.received())).turn
    item = replace(rows.item(), turn=turn.id, agent=DESK)
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, replies=[item])
    with psycopg.connect(store_url) as other:
        other.execute("UPDATE outbox SET state = %s WHERE id = %s", [was, item.id])
    read, seen = PreparedTransaction.all, list[Statement]()

    def freed_then(
        transaction: PreparedTransaction, statement: Statement, params: Params = NO_PARAMS
    ) -> Sequence[Row]:
        found = read(transaction, statement, params)
        if statement in stops.WITHHOLD:
            seen.append(statement)
            if len(seen) == statements:
                with psycopg.connect(store_url) as other:
                    other.execute("UPDATE outbox SET state = 'pending' WHERE state = %s", [was])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(PreparedTransaction, "all", freed_then)
        did = await turn_stopped(store, clock, turn.id)

    assert did.messages == 1
    found = await store.outbox.get(item.id)
    assert found is not None
    assert (found.state, found.error) == (OutboxState.WITHHELD, "stopped by Ada")


async def test_what_is_under_way_is_listed_with_what_was_not_sent(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    running = (await begun(store, rows.received())).turn
    await clock.advance(1)
    done = (await begun(store, rows.received(thread=ELSEWHERE))).turn
    answer = replace(rows.item(thread=ELSEWHERE), turn=done.id, agent=DESK)
    await store.turns.finish(done.id, done.fence, state=TurnState.DONE, replies=[answer])

    listed = await store.stops.under_way()

    assert [(work.turn.id, work.state, work.unsent) for work in listed] == [
        (running.id, TurnState.RUNNING, 0),
        (done.id, TurnState.DONE, 1),
    ]
    assert {work.agent for work in listed} == {DESK}
    [item] = await claimed(store, clock)
    await store.outbox.sent(item.id, item.attempts, MessageId("m"))
    assert [work.turn.id for work in await store.stops.under_way()] == [running.id]


@pytest.mark.parametrize("store_kind", ["postgres"])  # where others write while one reads
@pytest.mark.parametrize("statements", [1, 2])
async def test_a_turn_that_ends_while_somebody_looks_is_listed_once(
    store: Store,
    store_url: str,
    rows: Rows,
    monkeypatch: pytest.MonkeyPatch,
    *,
    statements: int,
) -> None:
    turn = (await begun(store, rows.received())).turn
    await store.outbox.enqueue([replace(rows.item(), turn=turn.id, agent=DESK)])
    read, seen = PreparedTransaction.all, list[Statement]()

    def ends_then(
        transaction: PreparedTransaction, statement: Statement, params: Params = NO_PARAMS
    ) -> Sequence[Row]:
        found = read(transaction, statement, params)
        seen.append(statement)
        if len(seen) == statements:
            with psycopg.connect(store_url) as other:
                other.execute("UPDATE turns SET state = 'done' WHERE id = %s", [turn.id])
        return found

    with monkeypatch.context() as patch:
        patch.setattr(PreparedTransaction, "all", ends_then)
        listed = await store.stops.under_way()

    assert [(work.turn.id, work.unsent) for work in listed] == [(turn.id, 1)]
    assert await store.turns.state(turn.id) is TurnState.DONE


@pytest.mark.parametrize("store_kind", ["memory", "sqlite"])  # both databases ask the same
async def test_everything_is_listed_however_much_is_under_way(store: Store, rows: Rows) -> None:
    """A `/stop` in a thread looks there for what it ends."""
    threads = [ThreadRef(CHANNEL, f"{number}") for number in range(501)]
    await store.inbox.append_all([rows.received(thread=thread) for thread in threads])

    async def work(thread: ThreadRef) -> TurnId:
        conversation = await store.conversations.bind(thread, DESK)
        start = await store.turns.begin(conversation, owner="here")
        assert start is not None
        return start.turn.id

    begun = await asyncio.gather(*map(work, threads))

    assert {each.turn.id for each in await store.stops.under_way()} == set(begun)


async def test_a_stop_that_is_given_twice_says_what_it_did(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    turn = (await begun(store, rows.received())).turn
    first = await turn_stopped(store, clock, turn.id)
    later = (await begun(store, rows.received())).turn

    again = await turn_stopped(store, clock, later.id)

    assert again == replace(first, fresh=False)
    assert await store.turns.state(later.id) is TurnState.RUNNING


# ---- an agent, and everything


async def of_two_agents(store: Store, rows: Rows) -> tuple[Turn, Turn]:
    """A turn of each of two agents."""
    await store.conversations.bind(ELSEWHERE, OTHER)
    mine = (await begun(store, rows.received())).turn
    other = (await begun(store, rows.received(thread=ELSEWHERE))).turn
    return mine, other


async def test_a_stopped_agent_loses_its_turns_and_others_keep_theirs(
    open_again: Opener, rows: Rows, clock: ManualClock
) -> None:
    stop = stop_of(clock)
    async with open_again() as store:
        mine, other = await of_two_agents(store, rows)
        did = await store.stops.order(stop, closing=nothing)
        assert [ended.turn for ended in did.ended] == [mine.id]
    async with open_again() as store:
        assert await store.stops.active() == [stop]
        assert await store.turns.state(mine.id) is TurnState.STOPPED
        await store.turns.append(other.id, other.fence, [rows.entry("still mine")])


async def test_a_stop_of_everything_ends_every_turn_but_those_that_wait_for_people(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    mine, other = await of_two_agents(store, rows)
    await store.turns.park(other.id, other.fence, tries=1)
    await store.conversations.create(RUNS, DESK)
    await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")

    did = await store.stops.order(stop_of(clock, EVERYTHING), closing=nothing)

    assert {ended.turn for ended in did.ended} == {mine.id, RUN}
    assert await store.turns.state(other.id) is TurnState.WAITING


async def test_what_an_agent_wrote_is_held_out_of_everybodys_way_and_goes_out_afterwards(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    mine = [replace(rows.item(text), agent=DESK) for text in ("one", "two")]
    later = replace(rows.item("later", not_before=clock.now() + timedelta(hours=1)), agent=DESK)
    others = replace(rows.item("other", thread=ELSEWHERE), agent=OTHER)
    word = rows.item("a word of ours")
    await store.outbox.enqueue([*mine, later, others, word])

    did = await store.stops.order(stop_of(clock), closing=nothing)

    assert did.messages == 3
    assert await store.outbox.count(OutboxState.HELD) == 3
    assert await store.outbox.next_time() == clock.now()
    assert {item.id for item in await claimed(store, clock)} == {others.id, word.id}
    assert await store.outbox.oldest_pending() == clock.now()
    for item in (others, word):
        await store.outbox.sent(item.id, 1, MessageId(item.id))
    assert await store.outbox.oldest_pending() is None

    lifted = await store.stops.lift(DESK, by=ADA, at=clock.now(), key=StopId("resume-1"))

    assert lifted is not None
    assert (lifted.stop, lifted.messages) == (did.stop, 3)
    assert [item.content.text for item in await claimed(store, clock)] == ["one"]


async def test_a_message_that_was_claimed_before_its_sender_knew_is_held(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = replace(rows.item(), agent=DESK)
    await store.outbox.enqueue([item])
    [sending] = await claimed(store, clock)
    did = await store.stops.order(stop_of(clock), closing=nothing)
    assert did.messages == 0

    await store.outbox.hold(sending.id, sending.attempts)

    found = await store.outbox.get(item.id)
    assert found is not None
    assert found.state is OutboxState.HELD
    with pytest.raises(Conflict):
        await store.outbox.postpone(item.id, sending.attempts, until=clock.now(), error="")
    with pytest.raises(Conflict):
        await store.outbox.hold(item.id, sending.attempts + 1)
    await store.stops.lift(DESK, by=ADA, at=clock.now(), key=StopId("resume-1"))
    assert [one.id for one in await claimed(store, clock)] == [item.id]


async def test_what_began_after_the_stop_is_ended_when_somebody_looks(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    assert await store.stops.enforce(closing=nothing) == []
    await store.stops.order(stop_of(clock), closing=nothing)
    mine, other = await of_two_agents(store, rows)
    late = replace(rows.item(), agent=DESK)
    await store.outbox.enqueue([late])
    word = rows.item("stopped")

    ended = await store.stops.enforce(closing=lambda _: [word])

    assert [one.turn for one in ended] == [mine.id]
    assert await store.turns.state(other.id) is TurnState.RUNNING
    assert await store.outbox.count(OutboxState.HELD) == 1
    assert await store.outbox.get(word.id) == word
    assert await store.stops.enforce(closing=nothing) == []


async def test_who_stopped_first_is_said(store: Store, clock: ManualClock) -> None:
    first = stop_of(clock)
    await store.stops.order(first, closing=nothing)
    await clock.advance(60)

    again = await store.stops.order(stop_of(clock, key="stop-2"), closing=nothing)

    assert (again.fresh, again.stop) == (False, first)
    everything = await store.stops.order(stop_of(clock, EVERYTHING, key="s3"), closing=nothing)
    assert everything.fresh
    assert [stop.id for stop in await store.stops.active()] == [first.id, everything.stop.id]


async def test_of_two_at_the_same_moment_one_stops(store: Store, clock: ManualClock) -> None:
    stops = [stop_of(clock, key=f"stop-{number}") for number in range(6)]

    did = await asyncio.gather(*(store.stops.order(stop, closing=nothing) for stop in stops))

    assert sum(one.fresh for one in did) == 1
    assert len({one.stop.id for one in did}) == 1


async def test_a_resume_lifts_one_stop_once(store: Store, clock: ManualClock) -> None:
    async def lift(agent: AgentName, key: str) -> object:
        found = await store.stops.lift(agent, by=ADA, at=clock.now(), key=StopId(key))
        return found and found.stop.kind

    assert await lift(DESK, "r0") is None
    assert await store.stops.lifted_with(StopId("r0")) is None
    for agent in (DESK, EVERYTHING):
        await store.stops.order(stop_of(clock, agent, key=f"s-{agent}"), closing=nothing)
    assert await store.stops.lifted() == 0
    assert await lift(EVERYTHING, "r1") is StopKind.EVERYTHING
    assert [stop.agent for stop in await store.stops.active()] == [DESK]
    assert await lift(EVERYTHING, "r1") is StopKind.EVERYTHING
    assert await lift(EVERYTHING, "r2") is None
    ended = await store.stops.lifted_with(StopId("r1"))
    assert ended is not None
    assert ended.kind is StopKind.EVERYTHING
    assert await store.stops.lifted_with(StopId("r2")) is None
    first = await store.stops.lifted()
    assert first > 0
    # A stop of turns is over when it is made, and counts as none.
    await turn_stopped(store, clock)
    assert await store.stops.lifted() == first
    assert await lift(DESK, "r3") is StopKind.AGENT
    assert await store.stops.lifted() > first, "also within one microsecond"
    again = await store.stops.order(stop_of(clock, EVERYTHING, key="s-2"), closing=nothing)
    assert again.fresh


async def test_old_stops_are_forgotten_but_none_that_holds(
    open_again: Opener, clock: ManualClock
) -> None:
    async with open_again() as store:

        async def ordered(agent: AgentName, key: str, *, lift: bool) -> None:
            await store.stops.order(stop_of(clock, agent, key=key), closing=nothing)
            if lift:
                done = await store.stops.lift(agent, by=ADA, at=clock.now(), key=StopId(f"r-{key}"))
                assert done is not None

        await turn_stopped(store, clock)
        await ordered(DESK, "first", lift=True)
        await ordered(EVERYTHING, "second", lift=True)
        await ordered(DESK, "holds", lift=False)
        lifted, old = await store.stops.lifted(), clock.now()
        assert await store.stops.forget(before=old) == 0
        await clock.advance(10)
        assert await store.stops.forget(before=clock.now()) == 2
        assert await store.stops.forget(before=clock.now()) == 0
        # What was lifted last says where the count stands.
        assert await store.stops.lifted() == lifted
        assert [stop.id for stop in await store.stops.active()] == ["holds"]
        await ordered(EVERYTHING, "third", lift=True)
        assert await store.stops.lifted() > lifted
        assert await store.stops.forget(before=clock.now() + timedelta(days=1)) == 1
    async with open_again() as store:
        assert [stop.id for stop in await store.stops.active()] == ["holds"]
        assert await store.stops.lifted() > lifted


async def test_what_two_stops_hold_is_held_until_both_are_lifted(
    store: Store, rows: Rows, clock: ManualClock
) -> None:
    item = replace(rows.item(), agent=DESK)
    await store.outbox.enqueue([item])
    for agent in (DESK, EVERYTHING):
        await store.stops.order(stop_of(clock, agent, key=f"s-{agent}"), closing=nothing)

    counts: Sequence[AgentName] = (DESK, EVERYTHING)
    released = []
    for agent in counts:
        lifted = await store.stops.lift(agent, by=ADA, at=clock.now(), key=StopId(f"r-{agent}"))
        released.append(lifted and lifted.messages)

    assert released == [0, 1]
