"""Conversations with a history, and people who go on talking in them."""

import asyncio
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from bench.desk import ANN, OPS, InstantChat
from bench.spoken import AT_ONCE, HISTORY, SENTENCE, Turns
from bench.spread import percentile
from bot.wiring.desk import Desk
from runtime.ids import AgentName, ConversationId, MessageId, TurnId
from runtime.model.address import ThreadRef, key_of
from runtime.model.conversation import Entry, Role
from runtime.model.events import Inbound, Message
from runtime.model.outbox import OutboxItem

_STORED_AT_ONCE = 100


def thread_of(number: int) -> ThreadRef:
    """The thread of that conversation."""
    return ThreadRef(OPS, f"1796000000.{number:06d}")


async def store_conversations(desk: Desk, count: int, *, messages: int = HISTORY) -> None:
    """Store conversations with a history, through the store's own port."""
    opening = _history(messages)
    for start in range(0, count, _STORED_AT_ONCE):
        async with asyncio.TaskGroup() as tasks:
            for number in range(start, min(count, start + _STORED_AT_ONCE)):
                tasks.create_task(_store(desk, number, opening))


async def _store(desk: Desk, number: int, opening: Sequence[Entry]) -> None:
    conversations = desk.parts.store.conversations
    key = ConversationId(f"bench-{number}")
    await conversations.create(key, AgentName("desk"), opening=opening)
    await conversations.rebind(thread_of(number), key)


def _history(messages: int) -> Sequence[Entry]:
    now = datetime.now(UTC)
    return [
        Entry(
            role=Role.ASSISTANT if number % 2 else Role.USER,
            text=SENTENCE,
            at=now,
            turn=TurnId(f"history-{number // 2}"),
            by=None if number % 2 else key_of(ANN),
        )
        for number in range(messages)
    ]


class People:
    """They say something, wait for the answer, and say the next thing elsewhere."""

    def __init__(self, desk: Desk, chat: InstantChat) -> None:
        self._desk = desk
        self._waiting: dict[ThreadRef, asyncio.Future[None]] = {}
        self._said = 0
        chat.on_sent = self._heard

    async def talk(self, threads: Sequence[ThreadRef], *, at_once: int = AT_ONCE) -> Turns:
        """One turn in each of the threads, so many at once; returns when all are delivered."""
        left, latencies = iter(threads), list[float]()
        began, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(at_once):
                tasks.create_task(self._person(left, latencies))
        await self._desk.engine.settled()
        return Turns(
            count=len(latencies),
            seconds=time.perf_counter() - began,
            cpu=time.process_time() - cpu,
            p50=percentile(latencies, 0.5),
            p99=percentile(latencies, 0.99),
        )

    async def _person(self, threads: Iterator[ThreadRef], latencies: list[float]) -> None:
        for thread in threads:
            began = time.perf_counter()
            await self.say(thread)
            latencies.append((time.perf_counter() - began) * 1000)

    async def say(self, thread: ThreadRef, text: str = SENTENCE) -> None:
        """Say something in the thread, and return when the answer is delivered."""
        self._said += 1
        answered: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[thread] = answered
        ts = f"1796083200.{self._said:06d}"
        await self._desk.ingress(
            Inbound(
                event_key=f"A0BENCH:T0BENCH:Ev{id(self)}{self._said}",
                content_key=f"{OPS.channel}:{ts}",
                thread=thread,
                sender=ANN,
                body=Message(text=text, message_id=MessageId(ts), mentioned=True),
                sent_at=datetime.now(UTC),
            )
        )
        await answered

    def _heard(self, item: OutboxItem) -> None:
        waiting = self._waiting.pop(item.thread, None)
        if waiting is not None and not waiting.done():
            waiting.set_result(None)
