"""The promises of `runtime.ports.Turns`, on every implementation."""

import asyncio
from itertools import chain

import pytest

from runtime.errors import Conflict, NightdeskError
from runtime.ids import ConversationId, MessageId, TurnId
from runtime.model.address import ThreadRef, key_of
from runtime.model.conversation import Entry, Role
from runtime.model.events import Command, Lane, Message
from runtime.model.outbox import OutboxItem
from runtime.model.turn import Turn, TurnState
from runtime.ports import Store
from runtime.text import verbatim
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, THREAD, Opener, Rows, begun, texts


def nothing(_: Turn) -> list[OutboxItem]:
    return []


RUN = TurnId("run-1")
RUNS = ConversationId("conversation-of-run-1")


async def test_a_conversation_without_messages_has_no_turn(store: Store) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)

    assert await store.turns.begin(conversation, owner="here") is None


async def test_a_conversation_that_is_not_there_has_no_turn(store: Store) -> None:
    assert await store.turns.begin(ConversationId("none"), owner="here") is None


async def test_a_turn_begins_with_the_message(store: Store, rows: Rows, clock: ManualClock) -> None:
    received = rows.received("what ran?")
    start = await begun(store, received)

    assert start.turn.inbox == received.id
    assert start.turn.thread == THREAD
    assert start.turn.requester == ADA
    assert (start.turn.attempt, start.turn.draft) == (1, None)
    assert start.turn.started_at == clock.now()
    assert start.entries == (
        Entry(
            role=Role.USER,
            text="what ran?",
            at=clock.now(),
            turn=start.turn.id,
            by=key_of(ADA),
            seq=1,
        ),
    )
    assert tuple(await store.conversations.entries(start.turn.conversation)) == start.entries


async def test_what_the_sender_quoted_is_marked_as_not_theirs(store: Store, rows: Rows) -> None:
    body = Message(text="is this true?", message_id=MessageId("1"), quoted=("a", "b\nc"))

    start = await begun(store, rows.received(body=body))

    marked = "[quoted, not typed by the sender]"
    assert start.entries[0].text == f"is this true?\n\n{marked}\na\n\n{marked}\nb\nc"


async def test_the_first_message_is_the_title(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received("what ran?"))

    conversation = await store.conversations.get(start.turn.conversation)
    assert conversation is not None
    assert conversation.title == "what ran?"


async def test_messages_are_answered_oldest_first(store: Store, rows: Rows) -> None:
    first, second = rows.received("first"), rows.received("second")
    await store.inbox.append(second)
    start = await begun(store, first)
    assert start.entries[-1].text == "first"
    await store.turns.finish(start.turn.id, start.turn.fence, state=TurnState.DONE)

    following = await store.turns.begin(start.turn.conversation, owner="here")

    assert following is not None
    assert texts(following.entries) == ["first", "second"]
    assert following.turn.id != start.turn.id


async def test_messages_of_every_thread_of_the_conversation_are_its_own(
    store: Store, rows: Rows
) -> None:
    other = ThreadRef(THREAD.channel, "2")
    await store.inbox.append(rows.received("here"))
    await store.inbox.append(rows.received("there", thread=other))
    conversation = await store.conversations.bind(THREAD, DESK)
    await store.conversations.rebind(other, conversation)

    for words, thread in (("here", THREAD), ("there", other)):
        start = await store.turns.begin(conversation, owner="here")
        assert start is not None
        assert start.entries[-1].text == words
        assert start.turn.thread == thread
        await store.turns.finish(start.turn.id, start.turn.fence, state=TurnState.DONE)


async def test_messages_of_other_threads_and_commands_are_not_its_own(
    store: Store, rows: Rows
) -> None:
    await store.inbox.append(rows.received(thread=ThreadRef(THREAD.channel, "2")))
    await store.inbox.append(rows.received(body=Command(text="help"), lane=Lane.COMMAND))
    conversation = await store.conversations.bind(THREAD, DESK)

    assert await store.turns.begin(conversation, owner="here") is None


async def test_a_running_turn_is_taken_up_again(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received("first"))
    await store.inbox.append(rows.received("second"))
    await store.turns.append(start.turn.id, start.turn.fence, [rows.entry("half", start.turn.id)])
    await store.turns.set_draft(start.turn.id, start.turn.fence, MessageId("draft"))

    again = await store.turns.begin(start.turn.conversation, owner="there")

    assert again is not None
    assert again.turn.id == start.turn.id
    assert again.turn.attempt == start.turn.attempt + 1
    assert again.turn.fence == start.turn.fence + 1
    assert again.turn.draft == "draft"
    assert (again.turn.thread, again.turn.requester) == (THREAD, ADA)
    assert again.turn.started_at == start.turn.started_at
    assert texts(again.entries) == ["first", "half"]


async def test_a_try_that_was_handed_back_does_not_count(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    for _ in range(2):
        again = await store.turns.begin(turn.conversation, owner="here")
        assert again is not None
        turn = again.turn
    assert (turn.attempt, turn.fence) == (3, 3)
    await store.turns.hand_back(turn.id, turn.fence - 1, tries=1)  # an owner that was overtaken
    await store.turns.hand_back(turn.id, turn.fence, tries=2)

    again = await store.turns.begin(turn.conversation, owner="here")

    assert again is not None
    assert (again.turn.attempt, again.turn.fence) == (2, 4)
    await store.turns.finish(turn.id, again.turn.fence, state=TurnState.DONE)
    await store.turns.hand_back(turn.id, again.turn.fence, tries=1)
    await store.turns.hand_back(TurnId("none"), 1, tries=1)


async def test_a_turn_is_taken_up_after_a_restart(open_again: Opener, rows: Rows) -> None:
    async with open_again() as store:
        start = await begun(store, rows.received("first"))

    async with open_again() as store:
        again = await store.turns.begin(start.turn.conversation, owner="there")

    assert again is not None
    assert (again.turn.id, again.turn.attempt) == (start.turn.id, 2)


async def test_an_owner_that_was_overtaken_can_write_nothing(store: Store, rows: Rows) -> None:
    start = await begun(store, rows.received("first"))
    late = start.turn
    await store.turns.begin(late.conversation, owner="there")
    reply = rows.item()

    with pytest.raises(Conflict):
        await store.turns.append(late.id, late.fence, [rows.entry("late")])
    with pytest.raises(Conflict):
        await store.turns.set_draft(late.id, late.fence, MessageId("late"))
    with pytest.raises(Conflict):
        await store.turns.finish(
            late.id,
            late.fence,
            state=TurnState.DONE,
            entries=[rows.entry("late")],
            replies=[reply],
        )

    assert texts(await store.conversations.entries(late.conversation)) == ["first"]
    assert await store.outbox.get(reply.id) is None


async def test_a_turn_that_ended_takes_nothing_more(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE)

    with pytest.raises(Conflict):
        await store.turns.append(turn.id, turn.fence, [rows.entry("late")])
    with pytest.raises(Conflict):
        await store.turns.finish(turn.id, turn.fence, state=TurnState.FAILED)
    with pytest.raises(Conflict):
        await store.turns.append(TurnId("none"), 1, [rows.entry("late")])

    assert texts(await store.conversations.entries(turn.conversation)) == ["first"]


async def test_the_log_is_numbered_in_the_order_of_writing(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("1"))).turn
    await store.turns.append(turn.id, turn.fence, [rows.entry("2"), rows.entry("3")])
    await store.turns.append(turn.id, turn.fence, [rows.entry("4")])

    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[rows.entry("5")])

    entries = await store.conversations.entries(turn.conversation)
    assert [(entry.seq, entry.text) for entry in entries] == [
        (number, str(number)) for number in range(1, 6)
    ]


async def test_an_answer_follows_what_others_wrote_during_its_turn(
    store: Store, rows: Rows
) -> None:
    turn = (await begun(store, rows.received("1"))).turn
    other = await store.turns.begin_run(
        RUN, turn.conversation, requester=ADA, instruction="2", owner="here"
    )
    assert other is not None
    await store.turns.append(RUN, other.turn.fence, [rows.entry("3", role=Role.ASSISTANT)])

    answer = rows.entry("4", role=Role.ASSISTANT)
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[answer])

    entries = await store.conversations.entries(turn.conversation)
    assert [(entry.seq, entry.text) for entry in entries] == [
        (number, str(number)) for number in range(1, 5)
    ]


async def test_each_log_is_numbered_by_itself(store: Store, rows: Rows) -> None:
    threads = [ThreadRef(THREAD.channel, str(number)) for number in range(3)]
    turns: list[Turn] = []
    for _ in range(2):
        turns = [(await begun(store, rows.received(thread=thread))).turn for thread in threads]
        for turn in turns:
            await store.turns.append(turn.id, turn.fence, [rows.entry("half")])
        for turn in turns:
            last = [rows.entry("all")]
            await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=last)

    for turn in turns:
        entries = await store.conversations.entries(turn.conversation)
        assert [entry.seq for entry in entries] == [1, 2, 3, 4, 5, 6]


async def test_a_turn_begins_with_its_summary_first(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("1"))).turn
    summary = Entry(role=Role.SUMMARY, text="one", at=turn.started_at, turn=turn.id, covers=1)
    await store.turns.append(turn.id, turn.fence, [rows.entry("2"), summary])

    again = await store.turns.begin(turn.conversation, owner="here")

    assert again is not None
    assert texts(again.entries) == ["one", "2"]


async def test_who_knows_nothing_of_a_log_begins_with_its_summary_too(
    open_again: Opener, rows: Rows
) -> None:
    async with open_again() as store:
        turn = (await begun(store, rows.received("1"))).turn
        summary = rows.entry("one", turn.id, Role.SUMMARY)._replace(covers=1)
        await store.turns.append(turn.id, turn.fence, [rows.entry("2", turn.id), summary])
        answer = rows.entry("3", turn.id)
        await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[answer])

    async with open_again() as store:
        start = await begun(store, rows.received("4"))

    assert texts(start.entries) == ["one", "2", "3", "4"]
    assert start.entries[-1].seq == 5


async def test_every_turn_begins_with_all_that_the_log_still_says(store: Store, rows: Rows) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)
    for number in range(1, 8):
        turn = (await begun(store, rows.received(f"question {number}"))).turn
        entries = [rows.entry(f"answer {number}")]
        if number % 3 == 0:
            covers = (await store.conversations.entries(conversation))[-2].seq
            summary = rows.entry(f"summary {number}", role=Role.SUMMARY)
            entries.append(summary._replace(covers=covers))
        await store.turns.append(turn.id, turn.fence, entries)

        again = await store.turns.begin(conversation, owner="here")

        assert again is not None
        assert list(again.entries) == await store.conversations.entries(conversation, limit=99)
        await store.turns.finish(turn.id, again.turn.fence, state=TurnState.DONE)


async def test_a_finished_turn_leaves_its_answer_in_the_outbox(store: Store, rows: Rows) -> None:
    received = rows.received("first")
    turn = (await begun(store, received)).turn
    replies = [rows.item("one"), rows.item("two")]

    await store.turns.finish(
        turn.id,
        turn.fence,
        state=TurnState.DONE,
        entries=[rows.entry("one two", turn.id)],
        replies=replies,
    )

    assert [await store.outbox.get(reply.id) for reply in replies] == replies
    assert await store.turns.begin(turn.conversation, owner="here") is None
    assert not await store.inbox.append(rows.received(event_key=received.inbound.event_key)), (
        "the message was forgotten"
    )


async def test_whose_words_an_answer_is_in_is_kept_with_them(
    open_again: Opener, rows: Rows
) -> None:
    ours = verbatim("/status, or `/help`")
    async with open_again() as store:
        turn = (await begun(store, rows.received())).turn
        said = rows.entry("/status, or `/help`", turn.id)._replace(ours=ours)
        await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE, entries=[said])
    async with open_again() as store:
        log = await store.conversations.entries(turn.conversation)
        assert [entry.ours for entry in log] == ["", ours]


async def test_what_people_are_told_is_stored_with_the_entry_or_not_at_all(
    store: Store, rows: Rows
) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    told, late, impossible = (
        rows.item("told"),
        rows.item("late"),
        rows.item(binds=ConversationId("nowhere")),
    )

    await store.turns.append(turn.id, turn.fence, [rows.entry("ran", turn.id)], notices=[told])
    await store.turns.append(turn.id, turn.fence, [], notices=[told])
    with pytest.raises(Conflict):
        await store.turns.append(turn.id, turn.fence + 1, [rows.entry("late")], notices=[late])
    with pytest.raises(NightdeskError):
        await store.turns.append(turn.id, turn.fence, [rows.entry("no")], notices=[impossible])

    assert await store.outbox.get(told.id) == told
    assert await store.outbox.get(late.id) is None
    assert await store.outbox.get(impossible.id) is None
    assert texts(await store.conversations.entries(turn.conversation)) == ["first", "ran"]


async def test_a_finish_that_fails_leaves_everything_as_it_was(store: Store, rows: Rows) -> None:
    turn = (await begun(store, rows.received("first"))).turn
    impossible = rows.item(binds=ConversationId("nowhere"))

    with pytest.raises(NightdeskError):
        await store.turns.finish(
            turn.id,
            turn.fence,
            state=TurnState.DONE,
            entries=[rows.entry("answer")],
            replies=[impossible],
        )

    assert texts(await store.conversations.entries(turn.conversation)) == ["first"]
    assert await store.outbox.get(impossible.id) is None
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE)


async def test_of_many_that_begin_at_once_each_gets_a_fence_of_its_own(
    store: Store, rows: Rows
) -> None:
    await store.inbox.append(rows.received("first"))
    await store.inbox.append(rows.received("second"))
    conversation = await store.conversations.bind(THREAD, DESK)

    starts = await asyncio.gather(
        *(store.turns.begin(conversation, owner=str(number)) for number in range(8))
    )

    turns = [start.turn for start in starts if start is not None]
    assert {turn.id for turn in turns} == {turns[0].id}
    assert sorted(turn.fence for turn in turns) == list(range(1, 9))
    assert texts(await store.conversations.entries(conversation)) == ["first"]


async def test_conversations_with_a_running_turn_are_found(store: Store, rows: Rows) -> None:
    threads = [ThreadRef(THREAD.channel, str(number)) for number in range(4)]
    running, waiting, done, commanded = [
        await store.conversations.bind(thread, DESK) for thread in threads
    ]
    await begun(store, rows.received(thread=threads[0]))
    await store.inbox.append(rows.received(thread=threads[1]))
    await store.inbox.append(rows.received(thread=threads[1]))
    turn = (await begun(store, rows.received(thread=threads[2]))).turn
    await store.turns.finish(turn.id, turn.fence, state=TurnState.DONE)
    await store.inbox.append(
        rows.received(thread=threads[3], body=Command(text="help"), lane=Lane.COMMAND)
    )

    assert await store.turns.open_conversations() == [running]
    assert len({running, waiting, done, commanded}) == 4


async def test_conversations_with_a_running_turn_come_in_pages(store: Store, rows: Rows) -> None:
    every = [
        (await begun(store, rows.received(thread=ThreadRef(THREAD.channel, str(number))))).turn
        for number in range(5)
    ]
    pages: list[list[ConversationId]] = []
    last = None
    while page := await store.turns.open_conversations(after=last, limit=2):
        pages.append(page)
        last = page[-1]

    assert [len(page) for page in pages] == [2, 2, 1]
    assert list(chain.from_iterable(pages)) == sorted(turn.conversation for turn in every)


async def test_a_runs_turn_begins_with_the_instruction(store: Store, clock: ManualClock) -> None:
    await store.conversations.create(RUNS, DESK)

    start = await store.turns.begin_run(
        RUN, RUNS, requester=ADA, instruction="Say what ran.", owner="here"
    )

    assert start is not None
    assert (start.turn.id, start.turn.inbox, start.turn.thread) == (RUN, None, None)
    assert (start.turn.attempt, start.turn.requester) == (1, ADA)
    assert start.entries == (
        Entry(role=Role.USER, text="Say what ran.", at=clock.now(), turn=RUN, seq=1),
    )


async def test_a_runs_turn_is_taken_up_again_until_it_ends(store: Store, rows: Rows) -> None:
    await store.conversations.create(RUNS, DESK)
    for attempt in (1, 2, 3):
        start = await store.turns.begin_run(
            RUN, RUNS, requester=ADA, instruction="Say.", owner="here"
        )
        assert start is not None
        assert (start.turn.attempt, start.turn.fence) == (attempt, attempt)
        assert texts(start.entries) == ["Say."]

    await store.turns.finish(RUN, 3, state=TurnState.DONE, entries=[rows.entry("Said.")])

    ended = await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")
    assert ended is None
    assert texts(await store.conversations.entries(RUNS)) == ["Say.", "Said."]


@pytest.mark.parametrize("state", [TurnState.DONE, TurnState.FAILED])
async def test_it_is_known_where_a_turn_is(store: Store, rows: Rows, state: TurnState) -> None:
    assert await store.turns.state(RUN) is None
    await store.conversations.create(RUNS, DESK)
    await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")
    assert await store.turns.state(RUN) is TurnState.RUNNING

    await store.turns.finish(RUN, 1, state=state, entries=[rows.entry("Said.")])

    assert await store.turns.state(RUN) is state


async def test_a_runs_turn_needs_its_conversation(store: Store) -> None:
    with pytest.raises(NightdeskError):
        await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")


async def test_a_mailbox_leaves_a_runs_turn_to_its_run(store: Store, rows: Rows) -> None:
    await store.conversations.create(RUNS, DESK)
    await store.conversations.rebind(THREAD, RUNS)
    await store.turns.begin_run(RUN, RUNS, requester=ADA, instruction="Say.", owner="here")
    assert await store.turns.open_conversations() == []
    assert await store.turns.begin(RUNS, owner="here") is None

    await store.inbox.append(rows.received("and?"))

    start = await store.turns.begin(RUNS, owner="here")
    assert start is not None
    assert start.turn.id != RUN
    await store.turns.append(RUN, 1, [rows.entry("still mine")])
