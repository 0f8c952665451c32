"""SIGTERM while a model is answering: the whole program, connected to a fake Slack."""

import asyncio
import logging
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, ScriptedModel
from tests.support.clock import ManualClock
from tests.support.eventually import eventually
from tests.support.fake_slack import FakeSlack
from tests.support.program import Program, one_life

AN_HOUR = 3_600.0


def holding(clock: ManualClock) -> ScriptedModel:
    """A model that says nothing until an hour of its own clock is over."""
    return ScriptedModel(lambda _: [Pause(AN_HOUR), "Here it is."], name="offline", clock=clock)


async def asked(program: Program, model: ScriptedModel) -> None:
    """Ask it something, and return when the model is at it."""
    await program.mention("think about it", ts=program.sender.next_ts())
    await eventually(lambda: model.requests, "the model is asked")


async def test_an_answer_under_way_at_sigterm_goes_out_before_the_program_ends(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "nightdesk.lifecycle")
    clock = ManualClock()
    model = holding(clock)
    async with FakeSlack() as slack:
        more = {"NIGHTDESK_DRAIN_SECONDS": "600"}
        async with one_life(tmp_path, slack, model=model, more=more) as program:
            await asked(program, model)
            program.stop()
            await eventually(
                lambda: "process.draining" in caplog.messages or program.task.done(), "it drains"
            )
            assert (program.ended, model.abandoned, slack.visible()) == (None, 0, [])
            await clock.advance(timedelta(seconds=AN_HOUR))
            async with asyncio.timeout(60):
                assert await program.task == 0
        assert [posted.markdown for posted in slack.visible()] == ["Here it is."]
        assert slack.violations == []
    assert "process.drain_cut" not in caplog.messages
    assert len(model.requests) == 1


async def test_an_answer_that_takes_longer_is_cut_and_given_once_by_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    held = holding(ManualClock())
    quick = ScriptedModel(lambda _: "Here it is.", name="offline")
    async with FakeSlack() as slack:
        more = {"NIGHTDESK_DRAIN_SECONDS": "0"}
        async with one_life(tmp_path, slack, model=held, more=more) as program:
            await asked(program, held)
            program.stop()
            async with asyncio.timeout(60):
                assert await program.task == 0
        assert "process.drain_cut" in caplog.messages
        assert (held.abandoned, slack.visible()) == (1, [])
        async with one_life(tmp_path, slack, model=quick) as program:
            assert await program.shown(1) == ["Here it is."]
            await program.delivered()
        assert len(slack.visible()) == 1
        assert slack.violations == []
    assert len(quick.requests) == 1
