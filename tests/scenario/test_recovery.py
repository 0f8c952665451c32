"""One life ends in the middle, the next goes on: nothing lost, nothing done twice."""

from pathlib import Path

import pytest

from adapters.models.scripted import Pause, Step, ToolCalls
from adapters.sql.store import open_store
from runtime.errors import Ambiguous, NightdeskError
from runtime.ids import TimeOrderedIds
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from tests.support.build import TERMINAL, outbox_item
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk, stopped
from tests.support.eventually import eventually
from tests.support.faults import failing_times


async def test_a_turn_that_died_at_the_model_is_answered_by_the_next_life(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat()
    asked: list[ModelRequest] = []

    def slow(request: ModelRequest) -> list[Step]:
        asked.append(request)
        return [Pause(3600.0), "too late"]

    async with running_desk(tmp_path, slow, chat=chat, clock=clock) as desk:
        await desk.say("hello")
        await eventually(lambda: asked)
    async with running_desk(tmp_path, lambda _: "Here I am.", chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert chat.texts == ["Here I am."]


async def test_what_was_answered_is_not_asked_again(tmp_path: Path) -> None:
    """The tool ran in the first life; the second goes on from its result in the log."""
    clock, chat = ManualClock(), MemoryChat()
    asked: list[ModelRequest] = []

    def first(request: ModelRequest) -> Step | list[Step]:
        if request.entries[-1].role is Role.TOOL:
            asked.append(request)
            return [Pause(3600.0)]
        return ToolCalls.of("desk.facts")

    async with running_desk(tmp_path, first, chat=chat, clock=clock) as desk:
        await desk.say("hello")
        await eventually(lambda: asked)
    again: list[ModelRequest] = []

    def second(request: ModelRequest) -> Step:
        again.append(request)
        return "Done."

    async with running_desk(tmp_path, second, chat=chat, clock=clock) as desk:
        await desk.quiet()
    assert chat.texts == ["Done."]
    assert [entry.role for entry in again[0].entries] == [Role.USER, Role.ASSISTANT, Role.TOOL]


async def test_a_message_accepted_by_a_life_that_ended_is_answered(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat()
    async with running_desk(tmp_path, lambda _: [Pause(3600.0)], chat=chat, clock=clock) as desk:
        for text in ("one", "two", "three"):
            await desk.say(text)

    def echo(request: ModelRequest) -> str:
        return request.entries[-1].text

    async with running_desk(tmp_path, echo, chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert chat.texts == ["one", "two", "three"]


async def test_a_message_that_kills_its_turn_three_times_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, chat = ManualClock(), MemoryChat()
    for life in range(3):
        asked: list[ModelRequest] = []

        def die(request: ModelRequest, asked: list[ModelRequest] = asked) -> list[Step]:
            asked.append(request)
            return [Pause(3600.0)]

        async with running_desk(tmp_path, die, chat=chat, clock=clock) as desk:
            if life == 0:
                await desk.say("poison")
            await eventually(asked.__len__)
            _cut_the_power(desk, monkeypatch)
    async with running_desk(tmp_path, lambda _: "Fine.", chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert "tried this 3 times" in chat.texts[0]
        assert await desk.ask("hello") == "Fine."


@pytest.mark.parametrize("alone", [True, False], ids=["alone", "among many"])
async def test_an_orderly_end_of_the_process_is_no_try_of_the_turn(
    tmp_path: Path, alone: bool
) -> None:
    clock, chat = ManualClock(), MemoryChat()
    for life in range(5):
        asked: list[ModelRequest] = []

        def slow(request: ModelRequest, asked: list[ModelRequest] = asked) -> list[Step]:
            asked.append(request)
            return [Pause(3600.0)]

        async with running_desk(tmp_path, slow, chat=chat, clock=clock, alone=alone) as desk:
            if life == 0:
                await desk.say("hello")
            await eventually(asked.__len__)
    async with running_desk(tmp_path, chat=chat, clock=clock, alone=alone) as desk:
        await eventually(lambda: chat.shown)
        await desk.quiet()
        assert chat.texts == ["Fine."]


async def test_a_send_that_may_have_arrived_is_looked_up_and_not_repeated(tmp_path: Path) -> None:
    chat = MemoryChat()
    chat.faults.append(Ambiguous("the line broke"))
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.ask("hello")
        assert chat.texts == ["Fine."]


async def test_a_row_left_in_sending_is_sent_by_the_next_life_if_it_never_arrived(
    tmp_path: Path,
) -> None:
    clock, chat = ManualClock(), MemoryChat()
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=tmp_path, clock=clock, ids=ids) as store:
        await store.outbox.enqueue([outbox_item("lost", at=clock.now())])
        await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert chat.texts == ["lost"]


async def test_a_row_left_in_sending_is_not_sent_again_if_it_arrived(tmp_path: Path) -> None:
    clock, chat = ManualClock(), MemoryChat()
    ids = TimeOrderedIds(clock)
    async with open_store(None, data_dir=tmp_path, clock=clock, ids=ids) as store:
        await store.outbox.enqueue([outbox_item("there", at=clock.now())])
        [claimed] = await store.outbox.claim(now=clock.now(), owner="all-0", platforms=[TERMINAL])
        await chat.send(claimed)
    async with running_desk(tmp_path, chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert chat.texts == ["there"]


async def test_stop_ends_the_turn_and_nothing_of_it_is_sent(tmp_path: Path) -> None:
    chat = MemoryChat()
    asked: list[ModelRequest] = []

    def slow(request: ModelRequest) -> list[Step]:
        asked.append(request)
        return [Pause(3600.0), "too late"] if len(asked) == 1 else ["Next."]

    async with running_desk(tmp_path, slow, chat=chat) as desk:
        await desk.say("hello")
        await eventually(lambda: asked)
        assert await stopped(desk)
        assert not await stopped(desk)
        await desk.quiet()
        assert chat.texts == []
        assert await desk.ask("again") == "Next."


async def test_stop_closes_an_answer_that_was_growing(tmp_path: Path) -> None:
    chat = MemoryChat(takes_drafts=True)

    def slow(_: ModelRequest) -> list[Step]:
        return ["It ", Pause(1.5), "grows ", Pause(1.5), "and ", Pause(3600.0)]

    async with running_desk(tmp_path, slow, chat=chat) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: len(chat.drafts) >= 2)
        assert await stopped(desk)
        await desk.quiet()
        assert [(shown.text, shown.message) for shown in chat.shown] == [("_Stopped._", "d1")]


async def test_a_growing_answer_of_a_life_that_ended_becomes_the_answer_of_the_next(
    tmp_path: Path,
) -> None:
    clock, chat = ManualClock(), MemoryChat(takes_drafts=True)

    def slow(_: ModelRequest) -> list[Step]:
        return ["Half ", Pause(1.5), "an ", Pause(3600.0)]

    async with running_desk(tmp_path, slow, chat=chat, clock=clock) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: chat.drafts)
    async with running_desk(tmp_path, lambda _: "A whole one.", chat=chat, clock=clock) as desk:
        await desk.quiet()
        assert [(shown.text, shown.message) for shown in chat.shown] == [("A whole one.", "d1")]


async def test_among_many_processes_a_row_that_met_a_database_error_does_not_wait_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path, alone=False) as desk:
        turns = desk.desk.parts.store.turns
        begin = failing_times(turns.begin, 2, NightdeskError)
        monkeypatch.setattr(turns, "begin", begin)
        await desk.say("hello")
        await passing(desk, 5.0, lambda: desk.chat.shown)
        await desk.quiet()
        assert desk.chat.texts == ["Fine."]


def _cut_the_power(desk: DeskUnderTest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the life end as by a crash: what it would still write at its end is lost."""
    turns = desk.desk.parts.store.turns
    monkeypatch.setattr(turns, "hand_back", failing_times(turns.hand_back, 99))
