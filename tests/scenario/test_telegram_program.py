"""The whole program on Telegram, by long polling and by webhook."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from bot.selftest.telegram.server import SECRET_HEADER
from tests.support.eventually import eventually
from tests.support.fake_telegram import (
    ADA,
    BOB,
    FORUM,
    GROUP,
    SECRET,
    TOPIC,
    USERNAME,
    Fault,
    Posted,
)
from tests.support.telegram_program import Program, running_program


@pytest.fixture(params=[False, True], ids=["polling", "webhook"])
async def program(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Program]:
    async with running_program(tmp_path, by_webhook=request.param) as running:
        yield running


def in_group(posted: Posted) -> bool:
    return posted.chat == GROUP


async def test_a_private_message_is_answered_once(program: Program) -> None:
    program.telegram.send.message("hello")
    await program.arrives(repeats=3)
    [answer] = await program.shown(1)
    assert "No language model is connected" in answer.text
    assert (answer.chat, answer.reply_to) == (ADA, None)
    await program.delivered()
    assert len(program.telegram.world.visible()) == 1


async def test_a_mention_in_a_group_is_answered_in_its_chain_and_a_reply_needs_none(
    program: Program,
) -> None:
    root = program.telegram.send.message(f"@{USERNAME} hello", chat=GROUP)["message"]["message_id"]
    program.telegram.send.message("not for you", chat=GROUP)
    await program.arrives()
    [answer] = await program.shown(1)
    assert (answer.chat, answer.reply_to) == (GROUP, root)
    program.telegram.send.message("what is scheduled?", chat=GROUP, reply_to=answer.id)
    await program.arrives()
    _, second = await program.shown(2)
    assert "no schedules" in second.text
    assert second.reply_to == root


async def test_a_topic_is_a_conversation(program: Program) -> None:
    program.telegram.send.message(f"@{USERNAME} hello", chat=FORUM, topic=TOPIC)
    program.telegram.send.message("what is scheduled?", chat=FORUM, topic=TOPIC)
    await program.arrives()
    answers = await program.shown(2)
    assert [(a.chat, a.topic, a.reply_to) for a in answers] == [(FORUM, TOPIC, None)] * 2


@pytest.mark.parametrize(
    "text",
    [
        "/schedule list",
        f"/schedule@{USERNAME} list",
        f"@{USERNAME} schedule list",
        f"@{USERNAME} !schedule list",
    ],
)
async def test_a_command_of_a_group_is_answered_to_its_sender(program: Program, text: str) -> None:
    program.telegram.send.message(text, chat=GROUP)
    await program.arrives()
    [answer] = await program.shown(1)
    assert answer.chat == ADA
    assert "no schedules" in answer.text


async def test_a_briefing_arrives_and_its_chain_knows_it(program: Program) -> None:
    send = program.telegram.send
    send.message(
        '/schedule create "every weekday at 8:30" Post the morning briefing --channel #ops',
        chat=GROUP,
    )
    await program.arrives()
    await program.shown(1)
    send.message("/schedule run 1", chat=GROUP)
    await program.arrives()
    [briefing] = await program.shown(1, seen=lambda p: in_group(p) and "Briefing" in p.text)
    assert briefing.reply_to is None
    assert "#1 Post the morning briefing" in briefing.text
    await program.delivered()
    send.message("repeat that", chat=GROUP, reply_to=briefing.id)
    await program.arrives()
    [again] = await program.shown(1, seen=lambda p: p.reply_to == briefing.id)
    assert "#1 Post the morning briefing" in again.text


async def test_a_reminder_comes_with_buttons_that_are_answered(program: Program) -> None:
    program.telegram.send.message("/remind me in 1 minute to look at the report")
    await program.arrives()
    [told] = await program.shown(1)
    assert told.chat == ADA


async def test_a_press_of_a_button_that_is_gone_says_so_and_stops_to_wait(
    program: Program,
) -> None:
    world = program.telegram.world
    card = world.write(ADA, world.me, topic=None, reply_to=None, text="Sure?")
    program.telegram.send.press(Posted(ADA, card["message_id"], buttons=[("Yes", "gone:1")]))
    await program.arrives()
    await eventually(lambda: len(world.presses) == 1, "an answered press")
    [answer] = await program.shown(1)
    assert answer.chat == ADA


@pytest.mark.parametrize("lost", [1, 2])
async def test_an_answer_whose_sending_broke_off_is_there_twice_at_the_most(
    program: Program, lost: int
) -> None:
    program.telegram.faults = [Fault("lost_answer", "sendMessage")] * lost
    program.telegram.send.message("hello")
    await program.arrives()
    sent = program.telegram.called
    await eventually(lambda: len(sent("sendMessage")) >= 2, "the second try")
    await program.delivered()
    answers = [p for p in program.telegram.world.visible() if "No language model" in p.text]
    assert len(answers) == 2


async def test_a_request_that_was_never_taken_is_made_again(program: Program) -> None:
    program.telegram.faults = [Fault("rate", "sendMessage", retry_after=1)]
    program.telegram.send.message("hello")
    await program.arrives()
    await program.shown(1)
    await program.delivered()
    assert len(program.telegram.world.visible()) == 1


async def test_a_stranger_is_told_their_number_once(program: Program) -> None:
    program.telegram.world.blocked.clear()
    for _ in range(2):
        program.telegram.send.message("hello", user=BOB)
    await program.arrives()
    # Each in a chat of their own: which of the two comes first is left open.
    told_ada, told_bob = sorted(await program.shown(2), key=lambda post: post.chat != ADA)
    assert (told_bob.chat, told_ada.chat) == (BOB, ADA)
    assert f"telegram: {BOB}" in told_bob.text
    await program.delivered()
    assert len(program.telegram.world.visible()) == 2


async def test_what_is_not_said_to_it_starts_nothing(program: Program) -> None:
    send = program.telegram.send
    first = send.message("to nobody", chat=GROUP)
    send.edit(first, f"@{USERNAME} do it")
    send.bot_is("left", "member")
    program.telegram.world.happen(telepathy={})
    send.message("hello")
    await program.arrives()
    [answer] = await program.shown(1)
    assert answer.chat == ADA


async def test_the_menus_are_in_the_members_rights(program: Program) -> None:
    menus = program.telegram.world.menus
    await eventually(lambda: f"chat:{ADA}" in menus, "the menus")
    names = {scope: [c["command"] for c in commands] for scope, commands in menus.items()}
    assert names["default"] == ["help"]
    assert {"schedule", "status", "stop"} <= set(names[f"chat:{ADA}"])
    assert {"schedule", "stop"} <= set(names["all_group_chats"])


async def test_readiness_says_how_it_hears(program: Program) -> None:
    check = (await program.ready())["telegram"]
    assert check["ok"] is True
    assert USERNAME in str(check["detail"])
    assert isinstance(check["age_seconds"], float)


async def test_a_forged_update_is_refused_and_starts_nothing(tmp_path: Path) -> None:
    async with running_program(tmp_path, by_webhook=True) as program:
        hook = program.telegram.world.webhook
        assert hook.url == f"{program.base}/telegram/webhook"
        assert hook.kinds == ["message", "callback_query", "my_chat_member"]
        update = program.telegram.send.message("hello")
        program.telegram.world.updates.clear()
        async with aiohttp.ClientSession() as session:
            for secret in ("", "wrong", SECRET[:-1]):
                headers = {SECRET_HEADER: secret}
                async with session.post(hook.url, json=update, headers=headers) as answer:
                    assert (answer.status, await answer.text()) == (401, "")
        assert await refused_without_its_body(program) == b"HTTP/1.1 401 Unauthorized\r\n"
        assert program.telegram.world.visible() == []


async def refused_without_its_body(program: Program) -> bytes:
    """The first line of the answer to a head whose body has not come yet."""
    host, port = program.base.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = [
        "POST /telegram/webhook HTTP/1.1",
        f"Host: {host}",
        f"{SECRET_HEADER}: {'A' * 40}",
        "Content-Length: 200000",
    ]
    writer.write("\r\n".join([*head, "", ""]).encode())
    line = await reader.readline()
    writer.write(b"x" * 200_000)  # so that the server need not wait for it
    await writer.drain()
    writer.close()
    await writer.wait_closed()
    return line


async def test_polling_has_no_address_to_post_to(tmp_path: Path) -> None:
    async with running_program(tmp_path, by_webhook=False) as program:
        url = f"{program.base}/telegram/webhook"
        async with program.session.post(url, json={"update_id": 1}) as answer:
            assert answer.status == 404
