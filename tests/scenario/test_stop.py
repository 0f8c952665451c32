"""Stopping a turn: what is stopped, what is said of it, and what goes on."""

from pathlib import Path

import pytest

from adapters.models.scripted import Pause, Step
from runtime.model.completion import ModelRequest
from runtime.model.events import Command
from tests.support.build import DM
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.eventually import eventually
from tests.support.faults import failing_once

NEVER = 3600.0


def slow_at_first(request: ModelRequest) -> list[Step]:
    """Take an hour for the first message of a conversation, and no time for the others."""
    return [Pause(NEVER), "late"] if len(request.entries) == 1 else ["Next."]


async def asked(desk: DeskUnderTest, text: str) -> None:
    """Let Ann ask something that takes long, and wait until the model works at it."""
    await desk.say(text)
    await eventually(lambda: desk.clock.sleeping >= 2)


async def test_a_stop_whose_answer_could_not_be_stored_at_once_is_still_said_to_have_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with running_desk(tmp_path, slow_at_first) as desk:
        await asked(desk, "hello")
        inbox = desk.desk.parts.store.inbox
        monkeypatch.setattr(inbox, "finish", failing_once(inbox.finish))
        await desk.say(body=Command(text="stop"))
        await passing(desk, 5.0, lambda: desk.chat.shown)
        assert desk.chat.texts == ["Stopped."]


async def test_a_turn_from_before_a_fresh_start_can_be_stopped(tmp_path: Path) -> None:
    async with running_desk(tmp_path, slow_at_first) as desk:
        await asked(desk, "hello")
        await desk.say(body=Command(text="new"))
        await eventually(lambda: desk.chat.shown)
        await desk.command("stop")
        assert desk.chat.texts[-1] == "Stopped."
        assert not await desk.desk.control.stop(DM)
