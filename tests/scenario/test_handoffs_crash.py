"""A power cut at every await on the way of a hand-off: it happens, and it happens once."""

from collections.abc import Callable
from pathlib import Path

import pytest

from adapters.memory.store import MemoryStore
from runtime.ids import MessageId
from runtime.model.approval import ApprovalState
from runtime.model.events import Body, Command, Message
from runtime.ports import Verdict
from tests.scenario.test_approvals_crash import Fuse, PowerCut
from tests.support.approving import BOB, Asking
from tests.support.clock import ManualClock
from tests.support.handing import Agents, hands, in_memory, says, way

EVERY = range(1, 400)
"""A cut before and behind each call, on a store in memory, which is quick."""
SOME = range(1, 400, 12)
"""Of them a few on a disk."""

Home = Callable[[int], Path | MemoryStore]
"""Where the gateway lives of which the power is cut at that await."""


@pytest.fixture(params=["memory", "disk"])
def lives(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[range, Home]:
    """At which awaits the power is cut, and where the gateway lives."""
    if request.param == "memory":
        return EVERY, lambda _: in_memory(ManualClock())

    def home(at: int) -> Path:
        folder = tmp_path / str(at)
        folder.mkdir(mode=0o700)
        return folder

    return SOME, home


def agents(home: Path | MemoryStore, verdict: Verdict) -> Agents:
    return Agents(
        home,
        {"desk": ["research"], "research": ["desk"]},
        {"desk": hands("research", "find out why"), "research": says("Because.")},
        verdict=verdict,
    )


async def cut(world: Agents, at: int, said: Body) -> bool:
    """A life that dies at that await after that was said; False where it did not die."""
    fuse, watched = Fuse(at), list[object]()
    try:
        async with world.life() as life:
            approval = await life.asked("why?") if world.verdict is Verdict.ASK else None
            store = life.desk.desk.parts.store
            fuse.watch(store, store.handoffs, store.conversations)
            watched += store.approvals, store.turns, store.grants
            watched += store.handoffs, store.conversations
            if approval is not None:
                await life.press(approval)
            else:
                await life.desk.say(body=said)
                await life.desk.quiet()
    except* PowerCut:
        pass
    # A store in memory outlives the process, and is to count no more.
    for part in watched:
        for name in [name for name in vars(part) if not name.startswith("_")]:
            delattr(part, name)
    return fuse.dead


async def one_try(world: Agents, at: int) -> bool:
    """A life that dies at that await, and another that goes on; False where it did not die."""
    died = await cut(world, at, Message(text="why?", message_id=MessageId("m"), direct=True))
    async with world.life() as life:
        await life.desk.quiet()
        await life.desk.fire()
        for waits in await life.waiting():
            assert waits.state is ApprovalState.PENDING, f"a person has to look, cut at {at}"
            await life.press(waits, who=BOB)
        await happened_once(life, at)
    return died


async def happened_once(life: Asking, at: int) -> None:
    said = life.desk.chat.texts
    assert [one.taker for one in await way(life)] == ["research"], f"cut at {at}"
    cards = [text for text in said if "**desk handed this to research**" in text]
    assert len(cards) == 1, f"{len(cards)} cards, cut at {at}"
    answers = [text for text in said if text == "Because."]
    assert len(answers) == 1, f"{len(answers)} answers, cut at {at}"
    assert said.index(cards[0]) < said.index("Because."), f"cut at {at}"


@pytest.mark.parametrize("verdict", [Verdict.ASK, Verdict.ALLOW], ids=["approved", "allowed"])
async def test_cut_at_any_await_a_handoff_happens_once(
    lives: tuple[range, Home], verdict: Verdict
) -> None:
    cuts, home = lives
    for at in cuts:
        if not await one_try(agents(home(at), verdict), at):
            assert at > 15, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")


async def test_a_person_who_gives_a_thread_while_the_process_dies_gives_it_once() -> None:
    for at in EVERY:
        world = agents(in_memory(ManualClock()), Verdict.ALLOW)
        died = await cut(world, at, Command(text="handoff to research"))
        async with world.life() as life:
            await life.desk.quiet()
            assert [one.taker for one in await way(life)] == ["research"], f"cut at {at}"
            assert "**research** has this thread now" in life.desk.chat.texts[-1]
            assert await life.desk.ask("why?") == "Because."
        if not died:
            assert at > 5, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")
