"""The first owner, through the whole core on each platform, and through the program."""

import asyncio
import io
import logging
import re
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.memory.store import MemoryStore
from bot.running.lifecycle import tell_owners
from bot.wiring.people import offer_ownership
from runtime.ids import MessageId, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.events import Body, Command, Message
from runtime.model.team import ChannelRule, Listen, MemberRole
from runtime.storing import STORE_PAUSE
from tests.support.build import role_of, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import passing, running_desk
from tests.support.fake_telegram import ADA, BOB
from tests.support.faults import failing_times
from tests.support.telegram_program import CONFIG, running_program

CODE = re.compile(r"link ([2-9A-Z]{4}-[2-9A-Z]{4}-[2-9A-Z]{4})")


@pytest.mark.parametrize("name", ["slack", "telegram", "discord"])
@pytest.mark.parametrize("bare", [False, True])
async def test_a_stranger_with_the_code_is_owner_and_nothing_else_of_strangers_gets_through(
    name: str, *, bare: bool
) -> None:
    platform = Platform(name)
    eve, mallory = (Principal(platform, "T1", user) for user in ("eve", "mallory"))
    ops = ChannelRef(platform, "T1", "ops")
    alone = ThreadRef(ChannelRef(platform, "T1", "dm"))
    rules = (ChannelRule(ref=ops, name="ops", listen=Listen.ALL),)
    clock, chat = ManualClock(), MemoryChat(platform=platform)
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    nobody = replace(team(), members=(), channels=rules)
    async with running_desk(store, clock=clock, chat=chat, members=nobody) as desk:

        async def says(who: Principal, body: Body, thread: ThreadRef = alone) -> list[str]:
            before = len(chat.shown)
            await desk.say(sender=who, thread=thread, body=body)
            await desk.quiet()
            return [each.text for each in chat.shown[before:] if each.item.only_for == who]

        code = await desk.desk.people.first.offer("all-0")
        said = code if bare else f"link {code}"
        private = Message(text=said, message_id=MessageId("1"), direct=True)
        public = Message(text=said, message_id=MessageId("2"), mentioned=True)
        hello = Message(text="hello", message_id=MessageId("3"), direct=True)

        [refused] = await says(eve, public, ThreadRef(ops, "9"))
        assert refused.startswith("You are not a member of")
        assert await says(eve, hello) == []  # refused once an hour
        [refused] = await says(eve, Command(text=said))
        assert "not good" in refused
        assert desk.desk.people.roster.team().member_of(eve) is None

        [welcome] = await says(eve, private)
        assert welcome.startswith("You are the owner of Night shift now.")
        assert role_of(desk.desk.people.roster.team(), eve) is MemberRole.OWNER
        await says(eve, hello)
        assert chat.texts[-1] == "Fine."
        [refused] = await says(mallory, private)
        assert "not good" in refused
        assert (await says(mallory, hello))[0].startswith("You are not a member of")


async def test_the_program_shows_the_code_on_standard_output_and_nowhere_else(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    config = CONFIG.replace(f'[[members]]\nname = "Ada"\nrole = "owner"\ntelegram = {ADA}\n', "")
    assert "[[members]]" not in config
    async with running_program(tmp_path, by_webhook=False, config=config) as program:
        shown = capsys.readouterr()
        found = CODE.search(shown.out)
        assert found is not None
        assert "Nobody is owner on telegram yet" in shown.out
        program.telegram.send.message(f"link {found[1]}")
        await program.arrives()
        [welcome] = await program.shown(1)
        assert "You are the owner of Night shift now" in welcome.text
        assert welcome.chat == ADA
        program.telegram.send.message(f"/member add {BOB} member Bob")
        program.telegram.send.message("/whoami")
        await program.arrives()
        texts = [each.text for each in await program.shown(3, seen=lambda p: p.chat == ADA)]
        assert any(f"Bob (telegram:{BOB}) is member" in text for text in texts)
        assert any(f"telegram = {ADA}" in text for text in texts)
    assert found[1] not in shown.err + caplog.text
    assert not any(found[1] in text for text in _logs(tmp_path))

    # The next start knows them, and shows nothing.
    async with running_program(tmp_path, by_webhook=False, config=config):
        assert CODE.search(capsys.readouterr().out) is None


async def test_where_somebody_is_owner_no_code_is_shown(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with running_program(tmp_path, by_webhook=False):
        assert CODE.search(capsys.readouterr().out) is None


def _logs(folder: Path) -> list[str]:
    found = [path for path in folder.rglob("*") if path.is_file() and "log" in path.name]
    return [path.read_text(errors="replace") for path in found]


class _NobodyReads(io.StringIO):
    def write(self, _text: str) -> int:
        raise BrokenPipeError("nobody reads")


@pytest.mark.parametrize("closed", [True, False])
async def test_a_start_goes_on_where_nobody_reads_its_output(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, *, closed: bool
) -> None:
    chat, clock = MemoryChat(platform=Platform("slack")), ManualClock()
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    nobody = replace(team(), members=())
    async with running_desk(store, clock=clock, chat=chat, members=nobody) as desk:
        monkeypatch.setattr(sys, "stdout", None if closed else _NobodyReads())
        await offer_ownership(desk.desk.parts, desk.desk.people)
        monkeypatch.undo()
    assert ("people.owner_code_not_shown" in caplog.text) is not closed


async def test_a_start_goes_on_when_the_database_can_be_reached_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path, clock=ManualClock()) as desk:
        members = desk.desk.parts.store.members
        away = failing_times(members.withdraw, 2)
        monkeypatch.setattr(members, "withdraw", away)
        async with asyncio.TaskGroup() as tasks:
            started = tasks.create_task(tell_owners(desk.desk))
            await passing(desk, STORE_PAUSE, started.done)
