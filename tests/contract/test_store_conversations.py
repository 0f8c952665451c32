"""The promises of `runtime.ports.Conversations`, on every implementation."""

import asyncio
from datetime import timedelta

import pytest

from runtime.errors import NightdeskError
from runtime.ids import AgentName, ConversationId, ToolCallId, TurnId
from runtime.model.address import ChannelRef, ThreadRef, key_of
from runtime.model.conversation import Conversation, Entry, Role
from runtime.model.tools import ToolCall
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import ADA, DESK, SLACK, THREAD, Opener, Rows, texts

NEW = ConversationId("new")
OTHER = ConversationId("other")


async def test_a_thread_has_no_conversation_before_it_is_bound(store: Store) -> None:
    assert await store.conversations.bound(THREAD) is None


async def test_binding_makes_a_conversation_with_the_agent(
    store: Store, clock: ManualClock
) -> None:
    conversation = await store.conversations.bind(THREAD, DESK)

    assert await store.conversations.bound(THREAD) == conversation
    assert await store.conversations.get(conversation) == Conversation(
        id=conversation, agent=DESK, created_at=clock.now()
    )


async def test_a_thread_that_is_bound_keeps_its_conversation_and_agent(store: Store) -> None:
    first = await store.conversations.bind(THREAD, DESK)

    assert await store.conversations.bind(THREAD, AgentName("other")) == first

    conversation = await store.conversations.get(first)
    assert conversation is not None
    assert conversation.agent == DESK


async def test_bindings_at_the_same_time_agree(store: Store) -> None:
    found = await asyncio.gather(*(store.conversations.bind(THREAD, DESK) for _ in range(20)))

    assert len(set(found)) == 1
    assert [c.id for c in await store.conversations.earlier(THREAD)] == [found[0]]


@pytest.mark.parametrize(
    "thread",
    [
        ThreadRef(ChannelRef(SLACK, "T1", "C1"), "2"),
        ThreadRef(ChannelRef(SLACK, "T1", "C1")),
        ThreadRef(ChannelRef(SLACK, "T1", "C2"), THREAD.root),
        ThreadRef(ChannelRef(SLACK, "T2", "C1"), THREAD.root),
    ],
    ids=["root", "no_root", "channel", "workspace"],
)
async def test_threads_that_differ_have_conversations_that_differ(
    store: Store, thread: ThreadRef
) -> None:
    assert await store.conversations.bind(THREAD, DESK) != await store.conversations.bind(
        thread, DESK
    )


async def test_those_of_many_threads_that_are_bound_are_found_at_once(store: Store) -> None:
    bound = [ThreadRef(THREAD.channel, f"{number}") for number in range(3)]
    conversations = {thread: await store.conversations.bind(thread, DESK) for thread in bound}
    elsewhere = ThreadRef(ChannelRef(SLACK, "T1", "C2"), "1")

    asked = [*bound, THREAD, elsewhere]

    assert await store.conversations.bound_among(asked) == conversations
    assert await store.conversations.bound_among([]) == {}


async def test_a_binding_is_there_after_a_restart(open_again: Opener) -> None:
    async with open_again() as store:
        conversation = await store.conversations.bind(THREAD, DESK)

    async with open_again() as store:
        assert await store.conversations.bound(THREAD) == conversation


async def test_rebinding_holds_from_now_on_and_the_earlier_ones_stay(store: Store) -> None:
    first = await store.conversations.bind(THREAD, DESK)
    await store.conversations.create(NEW, DESK)
    await store.conversations.create(OTHER, DESK)

    await store.conversations.rebind(THREAD, NEW)
    await store.conversations.rebind(THREAD, OTHER)

    assert await store.conversations.bound(THREAD) == OTHER
    earlier = await store.conversations.earlier(THREAD)
    assert [conversation.id for conversation in earlier] == [OTHER, NEW, first]


async def test_going_back_to_an_earlier_conversation_puts_it_first(store: Store) -> None:
    first = await store.conversations.bind(THREAD, DESK)
    await store.conversations.create(NEW, DESK)
    await store.conversations.rebind(THREAD, NEW)

    await store.conversations.rebind(THREAD, first)

    assert await store.conversations.bound(THREAD) == first
    earlier = await store.conversations.earlier(THREAD)
    assert [conversation.id for conversation in earlier] == [first, NEW]


async def test_earlier_conversations_are_limited(store: Store) -> None:
    for number in range(4):
        await store.conversations.create(ConversationId(f"c{number}"), DESK)
        await store.conversations.rebind(THREAD, ConversationId(f"c{number}"))

    earlier = await store.conversations.earlier(THREAD, limit=2)

    assert [conversation.id for conversation in earlier] == ["c3", "c2"]


async def test_a_thread_never_bound_has_no_earlier_conversations(store: Store) -> None:
    assert await store.conversations.earlier(THREAD) == []


async def test_a_thread_cannot_be_bound_to_what_does_not_exist(store: Store) -> None:
    with pytest.raises(NightdeskError):
        await store.conversations.rebind(THREAD, ConversationId("nowhere"))

    assert await store.conversations.bound(THREAD) is None
    assert await store.conversations.earlier(THREAD) == []


async def test_two_threads_may_share_a_conversation(store: Store) -> None:
    other = ThreadRef(THREAD.channel, "2")
    conversation = await store.conversations.bind(THREAD, DESK)

    await store.conversations.rebind(other, conversation)

    assert await store.conversations.bound(THREAD) == conversation
    assert await store.conversations.bound(other) == conversation


async def test_a_conversation_is_made_with_its_first_entries(store: Store, rows: Rows) -> None:
    opening = [rows.entry("Good morning."), rows.entry("Three things ran.")]

    await store.conversations.create(NEW, DESK, opening=opening)

    entries = await store.conversations.entries(NEW)
    assert texts(entries) == ["Good morning.", "Three things ran."]
    assert [entry.seq for entry in entries] == [1, 2]


async def test_a_conversation_that_exists_is_left_alone(store: Store, rows: Rows) -> None:
    await store.conversations.create(NEW, DESK, opening=[rows.entry("first")])

    await store.conversations.create(NEW, AgentName("other"), opening=[rows.entry("second")])

    conversation = await store.conversations.get(NEW)
    assert conversation is not None
    assert conversation.agent == DESK
    assert texts(await store.conversations.entries(NEW)) == ["first"]


async def test_an_entry_comes_back_as_it_was_stored(store: Store, clock: ManualClock) -> None:
    entry = Entry(
        role=Role.ASSISTANT,
        text='"quotes", \\ and a \0 and \N{WAVING HAND SIGN}',
        at=clock.now() + timedelta(microseconds=1),
        turn=TurnId("t1"),
        by=key_of(ADA),
        tool_calls=(ToolCall(id=ToolCallId("c1"), name="web.get", arguments='{"url": "x"}'),),
        call=ToolCallId("c0"),
        model="offline",
        seq=1,
    )

    await store.conversations.create(NEW, DESK, opening=[entry])

    assert await store.conversations.entries(NEW) == [entry]


async def test_the_title_is_the_first_words_of_the_first_person(store: Store, rows: Rows) -> None:
    words = "please  look\nat the build, " + "and the tests " * 9
    opening = [rows.entry("hello", role=Role.ASSISTANT), rows.entry(words, role=Role.USER)]

    await store.conversations.create(NEW, DESK, opening=[*opening, rows.entry("x", role=Role.USER)])

    conversation = await store.conversations.get(NEW)
    assert conversation is not None
    assert conversation.title == "please look at the build, and the tests and the tests and th"
    assert len(conversation.title) == 60


async def test_an_unknown_conversation_is_not_there_and_says_nothing(store: Store) -> None:
    assert await store.conversations.get(NEW) is None
    assert await store.conversations.entries(NEW) == []


async def test_the_latest_entries_are_limited(store: Store, rows: Rows) -> None:
    await store.conversations.create(
        NEW, DESK, opening=[rows.entry(str(number)) for number in range(10)]
    )

    assert texts(await store.conversations.entries(NEW, limit=3)) == ["7", "8", "9"]


def _summary(rows: Rows, text: str, covers: int) -> Entry:
    entry = rows.entry(text, role=Role.SUMMARY)
    return Entry(role=entry.role, text=text, at=entry.at, turn=entry.turn, covers=covers)


async def test_a_summary_stands_first_for_what_it_covers(store: Store, rows: Rows) -> None:
    opening = [
        *(rows.entry(str(number)) for number in range(1, 7)),
        _summary(rows, "one to four", 4),
        rows.entry("8"),
    ]
    await store.conversations.create(NEW, DESK, opening=opening)

    assert texts(await store.conversations.entries(NEW)) == ["one to four", "5", "6", "8"]


async def test_only_the_latest_summary_stands(store: Store, rows: Rows) -> None:
    opening = [
        *(rows.entry(str(number)) for number in range(1, 5)),
        _summary(rows, "one and two", 2),
        rows.entry("6"),
        _summary(rows, "one to three", 3),
        rows.entry("8"),
    ]
    await store.conversations.create(NEW, DESK, opening=opening)

    assert texts(await store.conversations.entries(NEW)) == ["one to three", "4", "6", "8"]


async def test_the_summary_is_there_whatever_the_limit(store: Store, rows: Rows) -> None:
    opening = [
        rows.entry("1"),
        _summary(rows, "one", 1),
        *(rows.entry(str(number)) for number in range(3, 10)),
    ]
    await store.conversations.create(NEW, DESK, opening=opening)

    assert texts(await store.conversations.entries(NEW, limit=3)) == ["one", "8", "9"]
