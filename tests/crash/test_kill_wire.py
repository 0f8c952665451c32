"""Killed where a platform makes it hard: between the wire and the row, and the row and the wire.

A life dies at a request, before the platform has done it or after, or at a call of a port
(`tests.support.crash_points`); the next life recovers, and then dies at the next place.
"""

import asyncio
import signal
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from pathlib import Path

import pytest

from bot.selftest.discord.content import Posted
from bot.selftest.discord.sender import command, press
from tests.support.crash_discord import (
    CALLBACK,
    FILL,
    FOLLOW_UP,
    POST,
    TAKE_BACK,
    THREAD,
    Discord,
    channel,
    discord_world,
    person,
)
from tests.support.crash_places import Places
from tests.support.crash_platforms import Lives
from tests.support.crash_points import AFTER, BEFORE, Point, arm
from tests.support.crash_process import Process
from tests.support.crash_sockets import socket_world
from tests.support.crash_strikes import Strike
from tests.support.crash_telegram import Telegram, group, telegram_world
from tests.support.crash_world import World
from tests.support.crash_world import channel as slack_channel

KILLED_WITHIN = 120.0
"""Seconds, on the busiest of machines, after which a place is taken for one that is not passed."""

Place = Point | Strike
Act = Callable[[int], Awaitable[object]]

POLLING: Mapping[Place, int] = {
    Point("inbox.append", BEFORE): 1,
    Point("inbox.append", AFTER): 1,
    Strike("getUpdates", BEFORE): 1,
    Strike("getUpdates", AFTER): 1,
    Strike("sendMessage", BEFORE): 1,
    Strike("sendMessage", AFTER): 2,
    Point("chat.send", AFTER): 2,
    Point("outbox.sent", BEFORE): 2,
    Point("outbox.sent", AFTER): 1,
}
"""How often Telegram has the answer after a kill there: it can find no message again."""
MENTION = (
    Point("inbox.append", AFTER),
    Strike(THREAD, BEFORE),
    Strike(THREAD, AFTER),
    Strike(POST, BEFORE),
    Strike(POST, AFTER),
    Point("chat.send", AFTER),
    Point("outbox.sent", BEFORE),
)
FOR_ALL = (
    Strike(POST, BEFORE),
    Strike(POST, AFTER),
    Strike(TAKE_BACK, BEFORE),
    Strike(TAKE_BACK, AFTER),
    Point("chat.send", AFTER),
    Point("outbox.sent", BEFORE),
)
FOR_ONE = (
    Strike(FILL, BEFORE),
    Strike(FILL, AFTER),
    Point("chat.send", AFTER),
    Point("outbox.sent", BEFORE),
)
UNDER: Mapping[Place, int] = {Strike(FOLLOW_UP, BEFORE): 1, Strike(FOLLOW_UP, AFTER): 2}
"""What one person is shown in a message of its own is in nobody's history, and has no nonce."""
SOCKET = (Point("inbox.append", BEFORE), Point("inbox.append", AFTER))


@pytest.fixture
def folder(on_sqlite: Places) -> Path:
    """A data folder in which the program has been."""
    made, _ = on_sqlite.new("here")
    return made


async def test_telegram_over_the_poll(folder: Path) -> None:
    async with telegram_world(folder, by_webhook=False) as people:
        places = list(POLLING)
        await _die_and_recover(people, places, lambda n: people.mention(group(n)), group)
        seen = {place: len(_shown(people, group(n))) for n, place in enumerate(POLLING)}
        assert seen == POLLING
        verdict = people.verdict()
        assert (verdict.lost, verdict.double, verdict.skipped) == ((), (), ())


async def test_telegram_killed_again_and_again_while_it_sends(folder: Path) -> None:
    async with telegram_world(folder, by_webhook=False) as people:
        process = people.start()
        await process.ready()
        for number, phase in enumerate((BEFORE, BEFORE, AFTER, AFTER)):
            strike = Strike("sendMessage", phase)
            people.striker.armed = (strike, process.pid)
            if number == 0:
                await people.mention(group(0))
            await _killed(process, strike)
            await people.kill(process)
            process = people.start()
        await people.live(process)
        assert len(_shown(people, group(0))) == 3


async def test_discord_mentions(folder: Path) -> None:
    async with discord_world(folder) as people:
        await _die_and_recover(people, MENTION, lambda n: people.mention(channel(n)), channel)
        verdict = people.verdict()
        assert verdict.acknowledged == len(MENTION)
        assert (verdict.lost, verdict.double, verdict.copies) == ((), (), ())
        assert verdict.violations == ()
        threads = [room for room in people.discord.rooms.values() if room.parent]
        assert len(threads) == len(MENTION)


@pytest.mark.parametrize("told", [True, False], ids=["nonces told", "nonces kept"])
@pytest.mark.parametrize("late", [False, True], ids=["within the window", "after it"])
async def test_discord_finds_what_it_sent_within_the_nonce_window_and_after_it(
    folder: Path, told: bool, late: bool
) -> None:
    async with discord_world(folder) as people:
        people.discord.keeps_nonces = told
        here = channel(0)
        await _die(people, Strike(POST, AFTER), here, lambda: people.mention(here))
        if late:
            _age(people, seconds=120)
            people.discord.nonces.clear()
        await people.live()
        verdict = people.verdict()
        assert (verdict.lost, verdict.double, verdict.copies) == ((), (), ())
        assert len(people.discord.visible()) == 1


async def test_discord_commands_whose_answer_is_for_all(folder: Path) -> None:
    async with discord_world(folder) as people:
        await _die_and_recover(people, FOR_ALL, lambda n: people.command(channel(n)), channel)
        verdict = people.verdict()
        assert (verdict.lost, verdict.double, verdict.copies) == ((), (), ())
        assert verdict.violations == ()
        assert people.empty_replies() == []


async def test_discord_commands_whose_answer_is_for_one(folder: Path) -> None:
    async with discord_world(folder) as people:
        await _die_and_recover(people, FOR_ONE, lambda n: _ask_privately(people, n), channel)
        shown = [len(people.discord.visible(channel(n))) for n in range(len(FOR_ONE))]
        assert shown == [1] * len(FOR_ONE)
        assert people.empty_replies() == []


async def test_discord_presses_answered_under_their_message(folder: Path) -> None:
    async with discord_world(folder) as people:
        cards = [people.discord.post(channel(n), {"content": "a card"}) for n in range(len(UNDER))]
        places = list(UNDER)
        await _die_and_recover(people, places, lambda n: _press_nothing(people, cards[n]), channel)
        shown = {at: len(people.discord.visible(channel(n))) - 1 for n, at in enumerate(UNDER)}
        assert shown == UNDER


@pytest.mark.parametrize("phase", [BEFORE, AFTER])
async def test_discord_between_the_row_the_deferral_and_the_answer(
    folder: Path, phase: str
) -> None:
    """What Discord never heard of takes no reply, so the answer comes as a direct message."""
    async with discord_world(folder) as people:

        async def ask(number: int) -> None:
            asked = people.discord.interaction(
                2, command("schedule", "list"), channel=channel(number), user=person(1)
            )
            await people.discord.gateway.tell("INTERACTION_CREATE", asked)

        sends, called = Point("chat.send", BEFORE), Strike(CALLBACK, phase)
        process = people.start(point=sends)
        await process.ready()
        assert await people.connected()
        people.striker.armed = (called, process.pid)
        await ask(0)
        await _killed(process, called)
        await people.kill(process)
        await _killed(people.start(point=sends), sends)
        _age(people, seconds=15)
        await people.live()
        [shown] = people.discord.visible()
        place = people.discord.direct[person(1)] if phase == BEFORE else channel(0)
        assert shown.channel == place


async def test_slack_between_frame_row_and_ack(folder: Path) -> None:
    async with socket_world(folder) as people:
        for number, point in enumerate(SOCKET):
            process = people.start(point=point, armed_by=people.folder / f"arm{number}")
            await process.ready()
            (people.folder / f"arm{number}").touch()
            mention = people.mention(place=slack_channel(number), twice=False)
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(mention)
                await _killed(process, point)
                process = people.start()
            await process.ready()
            await people.quiet()
            await process.stop()
        assert _once_each(people) == [1, 1]


def _once_each(people: World) -> list[int]:
    verdict = people.verdict()
    assert (verdict.lost, verdict.double_turns, verdict.double_posts) == ((), (), ())
    return [len(people.answers(said)) for said in people.said]


async def _die_and_recover(
    people: Lives,
    places: "list[Place] | tuple[Place, ...]",
    act: Act,
    where: Callable[[int], int | str],
) -> None:
    """Do it and die at each place in turn; the next life does what the one before it left."""
    for number, place in enumerate(places):
        await _die(people, place, str(where(number)), partial(act, number))
    await people.live()


async def _die(
    people: Lives, place: Place, where: str, act: Callable[[], Awaitable[object]]
) -> None:
    """Do it, in that chat, and die at the place."""
    armed_by = people.folder / f"arm{where}"
    point = place if isinstance(place, Point) else None
    process = people.start(point=point, armed_by=armed_by)
    await process.ready()
    assert await people.connected(), f"nobody hears what is to lead to {place}"
    await people.quiet()
    arm(armed_by, where)
    if isinstance(place, Strike):
        people.striker.armed = (place, process.pid)
    await act()
    await _killed(process, place)
    await people.kill(process)


async def _killed(process: Process, place: Place) -> None:
    try:
        async with asyncio.timeout(KILLED_WITHIN):
            code = await process.ended()
    except TimeoutError:
        raise AssertionError(f"{place} was not passed in {KILLED_WITHIN} s") from None
    assert code == -signal.SIGKILL, f"{place} killed nothing: it ended with {code}"


def _shown(people: Telegram, chat: int) -> list[str]:
    return [text for place, text in people.wire() if place == str(chat)]


async def _ask_privately(people: Discord, number: int) -> None:
    assert await people.use(2, command("schedule", "list"), channel=channel(number))


async def _press_nothing(people: Discord, card: Posted) -> None:
    pressed = press(card, "gone.action:abc")
    assert await people.use(3, pressed, channel=card.channel, message=card)


def _age(people: Lives, *, seconds: int) -> None:
    """Let what is on its way out have been written so many seconds earlier."""
    micros = seconds * 1_000_000
    people.rows(
        f"UPDATE outbox SET created_at = created_at - {micros}, not_before = not_before - {micros}"  # noqa: S608 - a number
    )
