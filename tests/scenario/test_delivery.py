"""Each message once on the platform, whatever happens between us, the platform and the store."""

import asyncio
import errno
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from pathlib import Path

import pytest

from adapters.markup import parse
from adapters.memory.durable import MemoryDurable
from adapters.memory.store import MemoryStore
from adapters.models.scripted import Pause, Step
from adapters.timing.timetable import CronsimTimetable
from bot.parts import Opened
from bot.role import Role
from bot.running.lifecycle import working
from bot.wiring.desk import Desk, Parts, wire
from gateway.outbound.indoubt import SENT_AGAIN
from runtime.errors import Ambiguous, Permanent, Retryable
from runtime.ids import MessageId, OutboxId, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.completion import ModelRequest
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.ports import ChatLimits
from tests.support.build import ANN, OPS, TERMINAL, outbox_item, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.desk import passing, running_desk
from tests.support.eventually import eventually
from tests.support.faults import failing_times
from tests.support.ticker import ClockTicker

TWO_A_SECOND = ChatLimits(per_channel=2.0, overall=2.0)


@dataclass(slots=True)
class Forgetful(MemoryChat):
    """A platform that cannot always be asked.

    Attributes:
        deaf: raised by the next questions, one each.
        asked: the messages that were asked for, in order.
        meanwhile: happens while a message is on its way.
    """

    deaf: deque[Exception] = field(default_factory=deque)
    asked: list[OutboxId] = field(default_factory=list)
    meanwhile: Callable[[OutboxItem], Awaitable[None]] | None = None

    async def send(self, item: OutboxItem) -> MessageId:
        if self.meanwhile is not None:
            await self.meanwhile(item)
            self.meanwhile = None
        return await MemoryChat.send(self, item)

    async def find(self, item: OutboxItem) -> MessageId | None:
        self.asked.append(item.id)
        if self.deaf:
            raise self.deaf.popleft()
        return await MemoryChat.find(self, item)


@dataclass(slots=True)
class Unheard(MemoryChat):
    """A platform whose answer to the beginning of a draft never arrives."""

    async def begin_draft(
        self, thread: ThreadRef, *, requester: Principal, text: str
    ) -> MessageId | None:
        await MemoryChat.begin_draft(self, thread, requester=requester, text=text)
        await asyncio.Event().wait()
        return None


async def test_while_the_platform_cannot_be_asked_nothing_is_sent_again(tmp_path: Path) -> None:
    chat = Forgetful()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [Retryable("down"), Retryable("still down"), Retryable("slower", after=30.0)]
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await passing(desk, 1.0, lambda: len(chat.asked) == 4)
        await desk.quiet()
        assert chat.texts == ["Fine."]
        [item] = chat.shown
        stored = await desk.desk.parts.store.outbox.get(item.item.id)
        assert stored is not None
        assert stored.state is OutboxState.SENT


async def test_a_restart_while_the_platform_cannot_be_asked_sends_nothing_again(
    tmp_path: Path,
) -> None:
    chat, clock = Forgetful(), ManualClock()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [Retryable("down")] * 4
    for life in range(3):
        async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
            if life == 0:
                await desk.say("hello")
            await passing(desk, 0.1, partial(_more, chat.asked, than=len(chat.asked)))
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await passing(desk, 1.0, lambda: not chat.deaf and len(chat.asked) == 5)
        await desk.quiet()
    assert chat.texts == ["Fine."]


async def test_what_may_be_there_and_cannot_be_asked_for_a_day_is_set_aside(
    tmp_path: Path,
) -> None:
    chat = Forgetful()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [Retryable("down", after=3600.0)] * 30
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await passing(desk, 1800.0, lambda: len(chat.shown) == 2)
        assert chat.texts[0] == "Fine."
        assert "sent or not, nobody could tell for a day" in chat.texts[1]


async def test_owners_are_told_where_a_message_was_for_and_how_to_send_it_again(
    tmp_path: Path,
) -> None:
    chat = MemoryChat()
    chat.faults.append(Permanent("the bot is not in the channel"))
    async with running_desk(tmp_path, chat=chat) as desk:
        row = outbox_item("the numbers", key="b1", at=desk.clock.now(), thread=OPS)
        await desk.desk.parts.store.outbox.enqueue([row])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        [told] = chat.texts
    assert "A message to #ops (terminal) could not be sent and was set aside." in told
    assert "Why: the bot is not in the channel" in told
    assert "It began: “the numbers”" in told
    assert f"`nightdesk outbox retry {row.id}`" in told


async def test_messages_go_on_while_one_cannot_be_asked_for(tmp_path: Path) -> None:
    chat = Forgetful()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf.append(Retryable("down", after=600.0))
    async with running_desk(tmp_path, chat=chat) as desk:
        outbox = desk.desk.parts.store.outbox
        await desk.say("hello")
        await passing(desk, 0.1, lambda: chat.asked)
        await outbox.enqueue([outbox_item("elsewhere", key="e1", at=desk.clock.now(), thread=OPS)])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        assert chat.texts == ["Fine.", "elsewhere"]


async def test_a_message_that_another_process_took_on_stops_nothing(tmp_path: Path) -> None:
    """We stood still so long that we were taken for dead, and the other did not find our message."""
    chat = Forgetful()
    async with running_desk(tmp_path, chat=chat) as desk:
        outbox = desk.desk.parts.store.outbox

        async def taken_over(item: OutboxItem) -> None:
            await outbox.take_on(owner="all-0", by="other", platforms=[TERMINAL])
            await outbox.postpone(
                item.id, item.attempts + 1, until=desk.clock.now(), error="taken over"
            )

        chat.meanwhile = taken_over
        assert await desk.ask("hello") == "Fine."
        assert await desk.ask("still there?") == "Fine."


async def _seconds_pass(seconds: int, desk: Desk, clock: ManualClock) -> None:
    """Let so many pass; what is on its way arrives in each, however long it takes."""
    for _ in range(seconds):
        await clock.advance(1.0)
        await desk.engine.settled()


@pytest.mark.parametrize("second", ["arrives", "is unknown too"])
async def test_a_private_answer_of_which_the_platform_cannot_tell_is_sent_once_more(
    second: str,
) -> None:
    """Its one reader may see it twice; a channel would be told nothing at all, and the owner is."""
    chat, clock = Forgetful(limits=TWO_A_SECOND), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    private = replace(outbox_item("for you", at=clock.now()), only_for=ANN)
    await store.outbox.enqueue([private])
    await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    chat.deaf += [Permanent("not to be asked")] * 2
    chat.faults += [Retryable("slow down", after=3.0)]
    chat.faults += [Ambiguous("broke")] if second == "is unknown too" else []
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await _seconds_pass(10, desk, clock)
    stored = await store.outbox.get(private.id)
    assert stored is not None
    if second == "arrives":
        assert (chat.texts, stored.state) == (["for you"], OutboxState.SENT)
    else:
        assert stored.state is OutboxState.DEAD
        assert "nobody can tell" in stored.error
        assert [text for text in chat.texts if text == "for you"] == ["for you"]


async def test_a_message_for_all_of_which_the_platform_cannot_tell_is_set_aside() -> None:
    chat, clock = Forgetful(), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    await store.outbox.enqueue([outbox_item("for all", at=clock.now())])
    await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    chat.deaf += [Permanent("not to be asked")]
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await settle()
        await desk.engine.settled()
    assert await store.outbox.count(OutboxState.DEAD) == 1
    assert "for all" not in chat.texts


@pytest.mark.parametrize("second", ["arrives", "is unknown too"])
async def test_where_no_platform_key_tells_a_message_is_sent_once_more_and_not_twice(
    second: str,
) -> None:
    chat, clock = Forgetful(limits=replace(TWO_A_SECOND, may_repeat=True)), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    item = outbox_item("for all", at=clock.now())
    await store.outbox.enqueue([item])
    await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    chat.deaf += [Permanent("it keeps no key")] * 2
    chat.faults += [Ambiguous("broke")] if second == "is unknown too" else []
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await _seconds_pass(10, desk, clock)
    stored = await store.outbox.get(item.id)
    assert stored is not None
    assert [text for text in chat.texts if text == "for all"] == ["for all"]
    assert stored.state is (OutboxState.SENT if second == "arrives" else OutboxState.DEAD)


async def test_where_no_key_tells_each_crash_may_cost_a_copy_and_never_the_message() -> None:
    chat, clock = Forgetful(limits=replace(TWO_A_SECOND, may_repeat=True)), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    await store.outbox.enqueue([item := outbox_item("for all", at=clock.now())])
    [first] = await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    await store.outbox.postpone(item.id, first.attempts, until=clock.now(), error=SENT_AGAIN)
    await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    chat.deaf += [Permanent("it keeps no key")]
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await _seconds_pass(10, desk, clock)
    assert chat.texts == ["for all"]


async def test_what_answers_are_read_with_comes_in_beside_the_first(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And not with the start, and in a thread, for it would hold the loop up."""
    loaded = list[bool]()
    on_the_loop = threading.get_ident()
    monkeypatch.setattr(parse, "load", lambda: loaded.append(threading.get_ident() == on_the_loop))
    chat, clock = MemoryChat(), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await settle()
        assert loaded == []
        await store.outbox.enqueue([outbox_item("for all", at=clock.now())])
        desk.dispatcher.wake()
        await eventually(lambda: loaded)
        await desk.engine.settled()
    assert loaded == [False]


async def test_what_cannot_be_loaded_beside_the_first_answer_ends_nothing(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def load() -> None:
        raise OSError(errno.EMFILE, "too many open files")

    monkeypatch.setattr(parse, "load", load)
    chat, clock = MemoryChat(), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await store.outbox.enqueue([outbox_item("for all", at=clock.now())])
        desk.dispatcher.wake()
        await eventually(lambda: "markup.not_loaded" in caplog.messages)
        await desk.engine.settled()
        await settle()
    assert chat.texts == ["for all"]


async def test_who_stood_still_between_claim_and_send_sends_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was taken for dead meanwhile, and the other has the message now."""
    chat = MemoryChat()
    async with running_desk(tmp_path, chat=chat, alone=False) as desk:
        outbox = desk.desk.parts.store.outbox
        claim = outbox.claim

        async def slowly(
            *, now: datetime, owner: str, limit: int, platforms: Sequence[Platform], first: bool
        ) -> list[OutboxItem]:
            claimed = await claim(
                now=now, owner=owner, limit=limit, platforms=platforms, first=first
            )
            await outbox.take_on(owner=owner, by="taker", platforms=platforms)
            return claimed

        monkeypatch.setattr(outbox, "claim", slowly)
        await outbox.enqueue([outbox_item("for all", at=desk.clock.now())])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        assert chat.texts == []
        assert await outbox.count(OutboxState.SENDING) == 1


async def test_what_stood_still_while_it_sent_ends_as_its_taker_says(tmp_path: Path) -> None:
    chat = Forgetful()
    async with running_desk(tmp_path, chat=chat, alone=False) as desk:
        outbox = desk.desk.parts.store.outbox

        async def taken_and_found(item: OutboxItem) -> None:
            [taken] = await outbox.take_on(owner="all-0", by="taker", platforms=[TERMINAL])
            await outbox.sent(item.id, taken.attempts, MessageId("theirs"))

        chat.meanwhile = taken_and_found
        await desk.ask("hello")
        stored = await outbox.get(chat.shown[0].item.id)
        assert stored is not None
        assert (stored.state, stored.message_id) == (OutboxState.SENT, "theirs")


async def test_a_growing_answer_that_was_not_written_down_becomes_the_answer(
    tmp_path: Path,
) -> None:
    """The first life ends after the platform made the draft, and before the store knew of it."""
    clock, chat = ManualClock(), Unheard(takes_drafts=True)

    def slow(_: ModelRequest) -> list[Step]:
        return ["Half ", Pause(1.5), "an ", Pause(3600.0)]

    async with running_desk(tmp_path, slow, chat=chat, clock=clock) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: chat.drafts)
    async with running_desk(tmp_path, lambda _: "A whole one.", chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert [(shown.text, shown.message) for shown in chat.shown] == [("A whole one.", "d1")]


async def test_what_we_send_now_is_not_taken_for_what_an_earlier_life_was_sending(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The outbox is read for what is left over, and only then is anything claimed from it."""
    clock, chat, looked = ManualClock(), Forgetful(), asyncio.Event()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    await store.outbox.enqueue([outbox_item("once", at=clock.now())])
    take_on = store.outbox.take_on

    async def slowly(*, owner: str, by: str, platforms: Sequence[Platform]) -> list[OutboxItem]:
        await settle()
        found = await take_on(owner=owner, by=by, platforms=platforms)
        looked.set()
        return found

    async def looked_first(_: OutboxItem) -> None:
        await looked.wait()

    chat.meanwhile = looked_first

    monkeypatch.setattr(store.outbox, "take_on", slowly)
    async with working(desk := _desk(store, chat, clock), _opened(desk)):
        await settle()
        await desk.engine.settled()
        assert chat.texts == ["once"]
        item = await store.outbox.get(outbox_item().id)
        assert item is not None
        assert (item.state, item.attempts) == (OutboxState.SENT, 1)


async def test_a_database_that_goes_away_between_two_questions_stops_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.ask("hello")
        outbox = desk.desk.parts.store.outbox
        monkeypatch.setattr(outbox, "next_time", failing_times(outbox.next_time, 3))
        monkeypatch.setattr(outbox, "claim", failing_times(outbox.claim, 2))
        await desk.say("still there?")
        async with asyncio.TaskGroup() as tasks:
            quiet = tasks.create_task(desk.quiet())
            await passing(desk, 5.0, quiet.done)
        assert desk.chat.texts == ["Fine.", "Fine."]


async def test_a_platform_that_answers_nonsense_is_asked_again(tmp_path: Path) -> None:
    chat = Forgetful()
    chat.faults.append(Ambiguous("the line broke"))
    chat.deaf += [KeyError("messages"), Ambiguous("again")]
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello")
        await passing(desk, 1.0, lambda: len(chat.asked) == 3)
        await desk.quiet()
        assert chat.texts == ["Fine."]


async def test_quiet_does_not_wait_for_a_platform_that_is_not_here(tmp_path: Path) -> None:
    elsewhere = ThreadRef(ChannelRef(Platform("elsewhere"), "w", "c"))
    async with running_desk(tmp_path) as desk:
        outbox = desk.desk.parts.store.outbox
        await outbox.enqueue([outbox_item("lost?", at=desk.clock.now(), thread=elsewhere)])
        assert await desk.ask("hello") == "Fine."
        assert await outbox.count(OutboxState.PENDING) == 1


@pytest.mark.parametrize("asked", [1e12, float("inf"), float("nan")])
async def test_who_asks_for_a_senseless_wait_is_asked_again_after_a_day(
    tmp_path: Path, asked: float
) -> None:
    chat = MemoryChat()
    chat.faults.append(Retryable("ratelimited", after=asked))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("one")
        await desk.quiet()
        assert chat.texts == []
        await desk.clock.advance(86_401.0)
        await desk.quiet()
        assert chat.texts == ["Fine."]


async def test_owners_hear_of_a_message_that_waited_a_day_in_vain(tmp_path: Path) -> None:
    chat = MemoryChat()
    chat.faults += [Retryable("ratelimited", after=1e6)] * 2
    async with running_desk(tmp_path, chat=chat) as desk:
        row = outbox_item("the numbers", key="b1", at=desk.clock.now(), thread=OPS)
        await desk.desk.parts.store.outbox.enqueue([row])
        desk.desk.dispatcher.wake()
        await desk.quiet()
        await desk.clock.advance(86_401.0)
        await desk.quiet()
        await passing(desk, 86_400.0, lambda: chat.texts != [])
    assert "tried for a day: ratelimited" in chat.texts[0]


async def test_quiet_does_not_wait_for_what_stands_behind_a_postponed_message(
    tmp_path: Path,
) -> None:
    chat = MemoryChat()
    chat.faults.append(Retryable("ratelimited", after=600.0))
    async with running_desk(tmp_path, chat=chat) as desk:
        for text in ("one", "two"):
            await desk.say(text)
        await desk.quiet()
        assert chat.texts == []
        await desk.clock.advance(601.0)
        await desk.quiet()
        assert chat.texts == ["Fine.", "Fine."]


def _more(asked: list[OutboxId], *, than: int) -> bool:
    return len(asked) > than


def _opened(desk: Desk) -> Opened:
    return Opened(
        parts=desk.parts,
        ticker=ClockTicker(desk.parts.clock),
        serves_http=False,
        routes=(),
        listener=None,
    )


def _desk(store: MemoryStore, chat: MemoryChat, clock: ManualClock) -> Desk:
    return wire(
        Parts(
            role=Role.ALL,
            slot="all-0",
            team=team,
            alone=True,
            clock=clock,
            ids=TimeOrderedIds(clock),
            store=store,
            durable=MemoryDurable(clock),
            models={},
            chats={TERMINAL: chat},
            timetable=CronsimTimetable(),
        )
    )
