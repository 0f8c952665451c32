"""Replies in a briefing's thread before it is written down that the briefing was sent."""

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from gateway.inbound.early import HELD_FOR
from runtime.errors import Ambiguous, Retryable
from runtime.ids import AgentName, ConversationId, MessageId, OutboxId, TurnId
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Entry, Role
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import Store
from tests.support.build import OPS, outbox_item
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.faults import failing_times
from tests.support.handing import in_memory

BRIEFING = ConversationId("briefing")
UNDER = OPS.under(MessageId("m1"))
"""The thread under the first message that `MemoryChat` shows."""
OTHER = OPS.under(MessageId("other"))


@dataclass(slots=True)
class Slow(MemoryChat):
    """A platform on which things happen while a message is on its way.

    Attributes:
        meanwhile: happens once the message is shown, and before we hear so.
        deaf: raised by the next questions, one each.
    """

    meanwhile: Callable[[], Awaitable[None]] | None = None
    deaf: deque[Exception] = field(default_factory=deque)

    async def send(self, item: OutboxItem) -> MessageId:
        message = await MemoryChat.send(self, item)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return message

    async def find(self, item: OutboxItem) -> MessageId | None:
        if self.deaf:
            raise self.deaf.popleft()
        return await MemoryChat.find(self, item)


def recalling(request: ModelRequest) -> str:
    """Say what of the conversation came before the question."""
    return "I know: " + " | ".join(entry.text for entry in request.entries[:-1])


async def brief(desk: DeskUnderTest) -> None:
    """Have a briefing sent to #ops, of a conversation that knows it."""
    await write_briefing(desk.desk.parts.store, desk.clock)
    desk.desk.dispatcher.wake()


async def write_briefing(store: Store, clock: ManualClock) -> None:
    told = Entry(role=Role.ASSISTANT, text="All is well.", at=clock.now(), turn=TurnId("briefing"))
    await store.conversations.create(BRIEFING, AgentName("desk"), opening=[told])
    item = outbox_item("All is well.", thread=OPS, proactive=True, at=clock.now())
    await store.outbox.enqueue([replace(item, binds=BRIEFING)])


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])
@pytest.mark.parametrize("mentioned", [True, False], ids=["mention", "plain reply"])
async def test_a_reply_before_the_thread_is_bound_reaches_the_briefings_conversation(
    tmp_path: Path, alone: bool, mentioned: bool
) -> None:
    chat = Slow()
    async with running_desk(tmp_path, recalling, chat=chat, alone=alone) as desk:

        async def reply() -> None:
            await desk.say("How come?", thread=UNDER, mentioned=mentioned)
            await passing(desk, 0.2, lambda: desk.clock.sleeping)
            await desk.clock.advance(1.0)

        chat.meanwhile = reply
        await brief(desk)
        await passing(desk, 0.2, lambda: len(chat.shown) == 2)
        await desk.quiet()
        assert chat.texts == ["All is well.", "I know: All is well."]
        assert await desk.desk.parts.store.conversations.bound(UNDER) == BRIEFING
        assert await desk.ask("And now?", thread=UNDER) == (
            "I know: All is well. | How come? | I know: All is well."
        )


async def test_a_reply_after_a_life_that_ended_before_it_knew_that_it_had_sent_is_heard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, chat = ManualClock(), Slow()
    async with running_desk(tmp_path, recalling, chat=chat, clock=clock) as desk:
        outbox = desk.desk.parts.store.outbox
        monkeypatch.setattr(outbox, "sent", failing_times(outbox.sent, 99))
        await brief(desk)
        await passing(desk, 0.1, lambda: chat.shown)
    chat.deaf += [Retryable("down")] * 3
    async with running_desk(tmp_path, recalling, chat=chat, clock=clock) as desk:
        await desk.say("How come?", thread=UNDER)
        await passing(desk, 0.5, lambda: len(chat.shown) == 2)
        await desk.quiet()
        assert chat.texts == ["All is well.", "I know: All is well."]


async def test_a_reply_that_was_accepted_early_is_heard_by_the_next_life(tmp_path: Path) -> None:
    clock, chat = ManualClock(), Slow()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [Retryable("down")] * 9
    async with running_desk(tmp_path, recalling, chat=chat, clock=clock) as desk:
        await brief(desk)
        await passing(desk, 0.1, lambda: len(chat.deaf) < 9)
        await desk.say("How come?", thread=UNDER)
    chat.deaf.clear()
    async with running_desk(tmp_path, recalling, chat=chat, clock=clock) as desk:
        await passing(desk, 0.5, lambda: len(chat.shown) == 2)
        await desk.quiet()
        assert chat.texts == ["All is well.", "I know: All is well."]


async def test_what_others_write_meanwhile_in_a_thread_that_is_not_ours_is_not_heard(
    tmp_path: Path,
) -> None:
    chat = Slow()
    async with running_desk(tmp_path, recalling, chat=chat) as desk:

        async def chatter() -> None:
            for text in ("lunch?", "yes"):
                await desk.say(text, thread=OTHER)

        chat.meanwhile = chatter
        await brief(desk)
        await passing(desk, 0.2, lambda: desk.desk.activity.quiet and chat.meanwhile is None)
        await desk.quiet()
        assert chat.texts == ["All is well."]
        store = desk.desk.parts.store
        assert await store.conversations.bound(OTHER) is None
        assert await store.inbox.pending() == []


async def test_who_mentions_us_elsewhere_does_not_wait_for_ever() -> None:
    chat, clock = Slow(), ManualClock()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [Retryable("down", after=600.0)] * 9
    # In memory: while a disk is written to, the time that passes here would go on.
    async with running_desk(in_memory(clock), recalling, chat=chat, clock=clock) as desk:
        await brief(desk)
        await passing(desk, 0.1, lambda: len(chat.deaf) < 9)
        asked_at = desk.clock.monotonic()
        await desk.say("Hello?", thread=OTHER, mentioned=True)
        await passing(desk, 1.0, lambda: len(chat.shown) == 2)
        assert chat.texts[1] == "I know: "
        assert desk.clock.monotonic() - asked_at <= HELD_FOR + 10
        briefing = await desk.desk.parts.store.outbox.get(OutboxId("o1"))
        assert briefing is not None
        assert briefing.state is OutboxState.SENDING


async def test_a_thread_that_gets_another_conversation_by_a_message_in_it_is_answered_from_that(
    tmp_path: Path,
) -> None:
    """What the process remembers of the thread is of before."""
    async with running_desk(tmp_path, recalling) as desk:
        assert await desk.ask("hello", thread=OTHER, mentioned=True) == "I know: "
        store = desk.desk.parts.store
        await write_briefing(store, desk.clock)
        item = outbox_item("Again.", key="o2", thread=OTHER, at=desk.clock.now())
        await store.outbox.enqueue([replace(item, binds=BRIEFING)])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        assert await desk.ask("and?", thread=OTHER) == "I know: All is well."
