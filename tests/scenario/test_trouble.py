"""A database that takes nothing for a while, and code that breaks, in the middle of a turn."""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Script, Step, ToolCalls
from runtime.errors import StorageFull
from runtime.ids import TimeOrderedIds
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.messages import Content
from runtime.turns.hitches import STATUS
from tests.support.build import DM
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.faults import failing_times


def in_memory(
    script: Script = lambda _: "Fine.",
) -> AbstractAsyncContextManager[DeskUnderTest]:
    """A desk that waits for no thread and no disk, so that time passes for nothing else."""
    clock = ManualClock()
    home = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    return running_desk(home, script, clock=clock)


LATE = "_I could not save my work for {}. Nothing is lost._"


async def test_who_waits_is_told_at_once_and_the_answer_comes_when_the_disk_has_room(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[ModelRequest] = []

    def model(request: ModelRequest) -> Step:
        asked.append(request)
        return "Fine."

    async with in_memory(model) as desk:
        turns = desk.desk.parts.store.turns
        monkeypatch.setattr(turns, "finish", failing_times(turns.finish, 7, StorageFull))
        await desk.say("hello")
        await passing(desk, 1.0, lambda: desk.chat.statuses)
        assert desk.chat.statuses == [(DM, STATUS)]
        assert desk.chat.texts == []
        await passing(desk, 5.0, lambda: len(desk.chat.shown) == 2)
        await desk.quiet()
        assert desk.chat.texts == [LATE.format("35 seconds"), "Fine."]
        assert len(asked) == 1
        assert await desk.ask("and now?") == "Fine."
        assert len(desk.chat.shown) == 3


async def test_a_database_that_takes_nothing_is_no_try_of_the_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def model(request: ModelRequest) -> Step:
        done = request.entries[-1].role is Role.TOOL
        return "Fine." if done else ToolCalls.of("desk.facts")

    async with in_memory(model) as desk:
        turns = desk.desk.parts.store.turns
        begin = turns.begin
        monkeypatch.setattr(turns, "append", failing_times(turns.append, 5, StorageFull))
        await desk.say("hello")
        await passing(desk, 1.0, lambda: desk.chat.statuses)
        monkeypatch.setattr(turns, "begin", failing_times(begin, 2, StorageFull))
        await passing(desk, 5.0, lambda: len(desk.chat.shown) == 2)
        await desk.quiet()
        assert desk.chat.texts[1] == "Fine."
        assert "could not save my work" in desk.chat.texts[0]
        assert desk.chat.statuses.count((DM, STATUS)) == 7


async def test_a_moment_without_the_database_is_not_worth_a_word(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async with in_memory() as desk:
        turns = desk.desk.parts.store.turns
        monkeypatch.setattr(turns, "finish", failing_times(turns.finish, 1, StorageFull))
        await desk.say("hello")
        await passing(desk, 5.0, lambda: desk.chat.shown)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]


@dataclass(slots=True)
class Clumsy(MemoryChat):
    """A platform whose cutting of long messages has a mistake in it."""

    def split(self, content: Content) -> tuple[Content, ...]:
        if "poison" in content.text:
            raise IndexError("no such piece")
        return MemoryChat.split(self, content)


async def test_an_answer_that_cannot_be_cut_fails_its_turn_and_nothing_else(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def echo(request: ModelRequest) -> str:
        return request.entries[-1].text

    async with running_desk(tmp_path, echo, chat=Clumsy()) as desk:
        told = await desk.ask("poison")
        assert "went wrong on our side. Reference: " in told
        reference = told.rpartition(" ")[2]
        [record] = [record for record in caplog.records if record.msg == "turn.failed"]
        assert vars(record)["reference"] == reference
        assert await desk.ask("hello") == "hello"
