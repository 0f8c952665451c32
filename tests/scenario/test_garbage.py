"""What a turn leaves behind in memory: nothing that only the garbage collector would find.

Each turn holds its whole conversation. Where it is part of a circle, the conversation stays until
the collector looks, which it then does often and in the midst of other turns.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import Script, ScriptedModel, Step, ToolCalls
from runtime.ids import AgentName, ConversationId, TurnId
from runtime.model.completion import Finished, ModelRequest
from runtime.model.conversation import Entry, Role
from runtime.model.outbox import OutboxItem
from runtime.turns.course import Course
from tests.support.build import DM, team
from tests.support.desk import running_desk


@contextmanager
def only_for_the_collector() -> Iterator[list[object]]:
    """Collects into the list what became garbage in the block and was not freed at once."""
    found: list[object] = []
    gc.collect()
    gc.disable()
    try:
        yield found
        gc.set_debug(gc.DEBUG_SAVEALL)
        gc.collect()
        found += gc.garbage
    finally:
        gc.set_debug(0)
        gc.garbage.clear()
        gc.enable()


def _at_once(_: ModelRequest) -> str:
    return "Fine."


def _with_a_tool(request: ModelRequest) -> Step:
    if request.entries[-1].role is Role.TOOL:
        return "Fine."
    return ToolCalls.of("schedule.list")


@pytest.mark.parametrize("script", [_at_once, _with_a_tool])
async def test_a_conversation_is_freed_with_its_turn(tmp_path: Path, script: Script) -> None:
    async with running_desk(tmp_path, script) as desk:
        await desk.ask("hello")
        with only_for_the_collector() as found:
            await desk.ask("hello again")
        assert [one for one in found if isinstance(one, Course | Entry)] == []


async def test_a_conversation_is_freed_before_the_end_of_its_turn_is_stored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, held = ScriptedModel(_at_once), list[int]()
    async with running_desk(tmp_path, model=model) as desk:
        store = desk.desk.parts.store
        finish = store.turns.finish

        async def counted(*given: Any, **named: Any) -> list[OutboxItem]:
            model.requests.clear()
            await store.check()  # the writer holds what its last commit read until it has another
            held.append(_told_before())
            return await finish(*given, **named)

        monkeypatch.setattr(store.turns, "finish", counted)
        told = Entry(role=Role.USER, text="before", at=desk.clock.now(), turn=TurnId("before"))
        key = ConversationId("told")
        await store.conversations.create(key, AgentName("desk"), opening=[told] * 3)
        await store.conversations.rebind(DM, key)
        del told
        await desk.ask("hello")
    assert held == [0]


def _told_before() -> int:
    return sum(isinstance(one, Entry) and one.text == "before" for one in gc.get_objects())


async def test_an_answer_that_is_always_the_same_is_not_kept_beyond_its_turn(
    tmp_path: Path,
) -> None:
    members = team()
    agents = (replace(members.agents[0], temperature=0.0),)
    async with running_desk(
        tmp_path, lambda _: "Fine.", members=replace(members, agents=agents)
    ) as desk:
        before = _answers()
        await desk.ask("hello")
        assert _answers() <= before


def _answers() -> int:
    gc.collect()
    return sum(isinstance(one, Finished) for one in gc.get_objects())
