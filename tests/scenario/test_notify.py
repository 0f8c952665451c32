"""`notify`: the call runs, and people are told of it once, where they are."""

import json
from functools import partial
from pathlib import Path

from runtime.ports import Judged, Verdict
from runtime.tools.registry import Effect
from tests.scenario.test_approvals_crash import Fuse, PowerCut, cut_while
from tests.scenario.test_approvals_runs import scheduled
from tests.support.approving import Rules, World
from tests.support.build import OPS
from tests.support.eventually import eventually

_AWAITS = 10
"""Where a turn with one call can be cut, at the least."""
NOTIFY = Judged(verdict=Verdict.ALLOW, reason="team rule 1, line 4", notify=True)
TOLD = "For your information: `git.push` ran, called by desk for Ann."


def telling(folder: Path) -> World:
    """A world whose policy says `notify` of every push."""
    rules = Rules(Verdict.ALLOW, words={json.dumps({"branch": "main"}): NOTIFY})
    return World(folder, rules=rules)


async def test_the_thread_is_told_once_that_it_ran(tmp_path: Path) -> None:
    world = telling(tmp_path)
    async with world.life() as life:
        await life.desk.say("push it")
        await life.desk.quiet()

        assert world.ran == ["main"]
        (told,) = [one for one in life.desk.chat.shown if one.text.startswith(TOLD)]
        assert "team rule 1, line 4" in told.text
        answer = next(one for one in life.desk.chat.shown if one.text == "Told: pushed main")
        assert told.thread == answer.thread


async def test_what_only_runs_tells_nobody(tmp_path: Path) -> None:
    world = World(tmp_path, rules=Rules(Verdict.ALLOW))
    async with world.life() as life:
        await life.desk.say("push it")
        await life.desk.quiet()
        assert life.desk.chat.texts == ["Told: pushed main"]


async def test_of_a_run_the_owners_are_told(tmp_path: Path) -> None:
    world = telling(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        await eventually(lambda: len(life.desk.chat.shown) == 2)

        (told,) = [one for one in life.desk.chat.shown if one.text.startswith(TOLD)]
        assert told.thread.channel.channel == "dm-ann"
        (said,) = [one for one in life.desk.chat.shown if one is not told]
        assert (said.thread, said.text) == (OPS, "Told: pushed main")


async def test_it_is_told_that_it_failed(tmp_path: Path) -> None:
    world = telling(tmp_path)

    def fail() -> None:
        raise ValueError("no remote")

    world.before = fail
    async with world.life() as life:
        await life.desk.say("push it")
        await life.desk.quiet()
        assert any("`git.push` ran, and failed, called by" in text for text in life.desk.chat.texts)


async def test_it_is_told_once_wherever_the_process_died(tmp_path: Path) -> None:
    fuse, at = Fuse(1), 1
    while at == 1 or fuse.dead:
        world, fuse = telling(tmp_path / str(at)), Fuse(at)
        world.folder.mkdir(mode=0o700)
        world.effect = Effect.OWN
        try:
            async with world.life() as life:
                await cut_while(life, fuse, partial(life.desk.ask, "push it"))
        except* PowerCut:
            pass
        world.before = world.after = lambda: None
        async with world.life() as life:
            await life.desk.quiet()
        assert world.ran == ["main"], at
        assert sum(one.text.startswith(TOLD) for one in world.chat.shown) == 1, at
        at += 1
    assert at > _AWAITS
