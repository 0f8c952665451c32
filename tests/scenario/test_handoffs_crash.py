"""A power cut at every await on the way of a hand-off: it happens, and it happens once."""

from pathlib import Path

import pytest

from runtime.model.approval import ApprovalState
from runtime.ports import Verdict
from tests.scenario.test_approvals_crash import Fuse, PowerCut
from tests.support.approving import BOB, Asking
from tests.support.handing import Agents, hands, says, way

CUTS = range(1, 400, 2)
"""Before each call: behind it the disk is as it is before the next one."""


def agents(folder: Path, verdict: Verdict) -> Agents:
    folder.mkdir(mode=0o700)
    return Agents(
        folder,
        {"desk": ["research"], "research": ["desk"]},
        {"desk": hands("research", "find out why"), "research": says("Because.")},
        verdict=verdict,
    )


def watch(fuse: Fuse, life: Asking) -> None:
    store = life.desk.desk.parts.store
    fuse.watch(store, store.handoffs, store.conversations)


async def one_try(world: Agents, at: int) -> bool:
    """A life that dies at that await, and another that goes on; False where it did not die."""
    fuse = Fuse(at)
    try:
        async with world.life() as life:
            if world.verdict is Verdict.ASK:
                approval = await life.asked("why?")
                watch(fuse, life)
                await life.press(approval)
            else:
                watch(fuse, life)
                await life.desk.ask("why?")
    except* PowerCut:
        pass
    async with world.life() as life:
        await life.desk.quiet()
        await life.desk.fire()
        for waits in await life.waiting():
            assert waits.state is ApprovalState.PENDING, f"a person has to look, cut at {at}"
            await life.press(waits, who=BOB)
        await happened_once(life, at)
    return fuse.dead


async def happened_once(life: Asking, at: int) -> None:
    said = life.desk.chat.texts
    assert [one.taker for one in await way(life)] == ["research"], f"cut at {at}"
    cards = [text for text in said if "**desk handed this to research**" in text]
    assert len(cards) == 1, f"{len(cards)} cards, cut at {at}"
    answers = [text for text in said if text == "Because."]
    assert len(answers) == 1, f"{len(answers)} answers, cut at {at}"
    assert said.index(cards[0]) < said.index("Because."), f"cut at {at}"


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.ALLOW], ids=["approved", "allowed"])
async def test_cut_at_any_await_a_handoff_happens_once(tmp_path: Path, verdict: Verdict) -> None:
    for at in CUTS:
        if not await one_try(agents(tmp_path / str(at), verdict), at):
            assert at > 15, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")


async def test_a_person_who_gives_a_thread_while_the_process_dies_gives_it_once(
    tmp_path: Path,
) -> None:
    for at in CUTS:
        world = agents(tmp_path / str(at), Verdict.ALLOW)
        fuse = Fuse(at)
        try:
            async with world.life() as life:
                watch(fuse, life)
                await life.command("/handoff to research")
        except* PowerCut:
            pass
        async with world.life() as life:
            await life.desk.quiet()
            assert [one.taker for one in await way(life)] == ["research"], f"cut at {at}"
            assert "**research** has this thread now" in life.desk.chat.texts[-1]
            assert await life.desk.ask("why?") == "Because."
        if not fuse.dead:
            assert at > 5, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")
