"""People who are not in the team: who is refused, who is let be, and what the owners hear."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.errors import StorageUnavailable
from runtime.ids import MessageId
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Body, Command, FormSubmit, HomeOpened
from tests.support.build import DM, OPS, QUIET, STRANGER, TERMINAL
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock, settle
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.faults import failing_once

OWNERS = ThreadRef(ChannelRef(TERMINAL, "local", "dm-ann"))
EVERYTHING = QUIET
"""A channel with `listen = "all"`."""


def refusals(desk: DeskUnderTest) -> list[ThreadRef]:
    return [shown.thread for shown in desk.chat.shown if "not a member" in shown.text]


def notices(desk: DeskUnderTest) -> list[str]:
    return [shown.text for shown in desk.chat.shown if shown.thread == OWNERS]


async def test_who_talks_with_others_in_a_channel_that_is_heard_as_a_whole_is_let_be(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.say("lunch?", thread=EVERYTHING, sender=STRANGER)
            await desk.clock.advance(7200.0)
        await desk.say("and you?", thread=EVERYTHING.under(MessageId("1")), sender=STRANGER)
        await desk.quiet()
        assert refusals(desk) == []


@pytest.mark.parametrize("how", ["mention", "direct message", "command"])
async def test_who_speaks_to_us_is_refused_once_an_hour(tmp_path: Path, how: str) -> None:
    thread = DM if how == "direct message" else EVERYTHING
    async with running_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.say(
                "hello",
                thread=thread,
                sender=STRANGER,
                mentioned=how == "mention",
                body=Command(text="status") if how == "command" else None,
            )
            await desk.clock.advance(1900.0)
        await desk.quiet()
        assert refusals(desk) == [thread, thread]


@pytest.mark.parametrize(
    "body",
    [
        Command(text="status", reply_url="answer/1/token"),
        FormSubmit(action="remind", value="", answers=(), reply_url="answer/1/token"),
    ],
    ids=["command", "form"],
)
async def test_whoever_is_shown_that_an_answer_comes_gets_one_each_time(
    tmp_path: Path, body: Body
) -> None:
    """Discord shows "thinking…" until the answer to that very command is there."""
    async with running_desk(tmp_path) as desk:
        for _ in range(3):
            await desk.say(thread=EVERYTHING, sender=STRANGER, body=body)
        await desk.quiet()
        assert refusals(desk) == [EVERYTHING] * 3
        await desk.say("hello", thread=EVERYTHING, sender=STRANGER, mentioned=True)
        await desk.quiet()
        assert len(refusals(desk)) == 3


async def test_who_only_opens_the_app_s_page_is_not_spoken_to_nor_of(tmp_path: Path) -> None:
    """Slack tells of the App Home and the assistant's pane as soon as they are looked at."""
    async with running_desk(tmp_path) as desk:
        await desk.say(sender=STRANGER, body=HomeOpened())
        await settle()
        await desk.quiet()
        assert desk.chat.shown == []
        await desk.say("hello", sender=STRANGER)
        await settle()
        await desk.quiet()
        assert refusals(desk) == [DM]
        assert len(notices(desk)) == 1


async def test_a_refusal_that_was_not_stored_is_said_when_the_platform_delivers_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path) as desk:
        outbox = desk.desk.parts.store.outbox
        monkeypatch.setattr(outbox, "enqueue", failing_once(outbox.enqueue))
        with pytest.raises(StorageUnavailable):
            await desk.say("let me in", sender=STRANGER, key="one")
        await desk.say("let me in", sender=STRANGER, key="one")
        await desk.quiet()
        assert refusals(desk) == [DM]


async def test_the_owners_are_told_of_strangers_once_a_day_in_all(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat()
    others = [Principal(TERMINAL, "local", name) for name in ("mallory", "trudy")]
    async with running_desk(tmp_path, clock=clock, chat=chat) as desk:
        for who in (STRANGER, *others, STRANGER):
            await desk.say("psst", thread=EVERYTHING, sender=who)
            await desk.say("hello", sender=who)
            await settle()
            await desk.quiet()
        [notice] = notices(desk)
        assert "terminal: eve" in notice
        assert "#quiet" in notice
        assert "did not react" in notice
    async with running_desk(tmp_path, clock=clock, chat=chat) as desk:
        await desk.say("again", sender=others[0])
        await settle()
        await desk.quiet()
        assert len(notices(desk)) == 1
        await clock.advance(timedelta(days=1).total_seconds())
        await desk.say("good morning", sender=others[1])
        await settle()
        await desk.quiet()
        assert len(notices(desk)) == 2
        assert "trudy" in notices(desk)[1]
        assert "refused" in notices(desk)[1]


async def test_the_platform_of_the_owner_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stranger's event is acknowledged whatever it takes to reach an owner."""

    async def never(who: Principal) -> ThreadRef:
        await asyncio.Event().wait()
        raise AssertionError(who)

    chat = MemoryChat()
    monkeypatch.setattr(MemoryChat, "direct", lambda _, who: never(who))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello", sender=STRANGER)
        await desk.quiet()
        assert refusals(desk) == [DM]
        assert await desk.ask("hello", thread=OPS, mentioned=True) == "Fine."
