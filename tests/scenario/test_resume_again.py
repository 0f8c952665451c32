"""A `/resume` that is carried out again, after a death or a failure: it means what it meant."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from adapters.models.scripted import ScriptedModel
from runtime.model.completion import ModelRequest
from runtime.model.events import Command
from tests.support.build import QUIET
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.faults import failing_times


def echo(request: ModelRequest) -> str:
    return request.entries[-1].text


async def talked_twice(desk: DeskUnderTest) -> None:
    """The thread is in the second of its two conversations."""
    await desk.ask("old talk", thread=QUIET)
    await desk.clock.advance(60.0)
    await desk.command("new", thread=QUIET)
    await desk.ask("new talk", thread=QUIET)


async def resumed_and_died(
    desk: DeskUnderTest, patch: Callable[[Callable[..., Awaitable[object]]], None], did: Any
) -> None:
    """`/resume` is given; the process dies once `did`, in whose place `patch` puts it, is done."""
    dead = asyncio.Event()

    async def dies(*given: Any, **named: Any) -> object:
        await did(*given, **named)
        dead.set()
        return await asyncio.Future()

    patch(dies)
    await desk.say(body=Command(text="resume"), thread=QUIET)
    await dead.wait()


async def test_one_that_ended_a_stop_says_so_after_a_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    model = ScriptedModel(echo, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await talked_twice(desk)
        present = await desk.desk.parts.store.conversations.bound(QUIET)
        await desk.command("stop everything", thread=QUIET)
        stops = desk.desk.parts.store.stops
        await resumed_and_died(
            desk, lambda dies: monkeypatch.setattr(stops, "lift", dies), stops.lift
        )
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.quiet()
        assert desk.chat.texts[-1].startswith("**Everything goes on**: Ann had stopped it")
        assert await desk.desk.parts.store.conversations.bound(QUIET) == present


async def test_one_that_ended_a_stop_says_so_where_its_answer_failed_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    model = ScriptedModel(echo, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await talked_twice(desk)
        store = desk.desk.parts.store
        present = await store.conversations.bound(QUIET)
        await desk.command("stop everything", thread=QUIET)
        failing = failing_times(store.schedules.history, 1)
        monkeypatch.setattr(store.schedules, "history", failing)
        before = len(desk.chat.texts)
        await desk.say(body=Command(text="resume"), thread=QUIET)
        await passing(desk, 5.0, lambda: len(desk.chat.texts) > before)
        await desk.quiet()
        assert desk.chat.texts[-1].startswith("**Everything goes on**: Ann had stopped it")
        assert await store.conversations.bound(QUIET) == present


async def test_one_that_went_back_says_where_the_thread_is_after_a_death(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = ManualClock()
    model = ScriptedModel(echo, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await talked_twice(desk)
        conversations = desk.desk.parts.store.conversations
        latest, first = await conversations.earlier(QUIET)
        assert await conversations.bound(QUIET) == latest.id
        await resumed_and_died(
            desk,
            lambda dies: monkeypatch.setattr(conversations, "rebind", dies),
            conversations.rebind,
        )
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.quiet()
        assert desk.chat.texts[-1].startswith("This thread is in conversation 1: `old talk`.")
        assert await desk.desk.parts.store.conversations.bound(QUIET) == first.id
