"""A power cut between the last agent's answer and the end of its run, and a change before the next life.

Between the two lives the schedule is deleted, or its channel leaves the list, or comes onto it.
What was answered is delivered once or kept, and what is recorded of it is what people saw.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

import pytest

from adapters.memory.store import MemoryStore
from adapters.models.scripted import Step
from runtime.model.completion import ModelRequest
from runtime.model.schedule import Occurrence, OccurrenceState, ScheduleState
from runtime.model.team import Team
from runtime.model.turn import TurnState, briefing_id_of, turn_of_run
from runtime.schedules.abandoned import DELETED
from runtime.schedules.firings import WORKFLOW
from tests.scenario.test_approvals_crash import Fuse, PowerCut
from tests.support.approving import Asking
from tests.support.build import ANN, OPS
from tests.support.clock import ManualClock
from tests.support.handing import Agents, hands, in_memory
from tests.support.planning import planned

NOTE = "_Handed over: desk → research, which has this thread now._"
LAST = 1
"""The place of the last agent in the run."""


@dataclass
class Crashing(Agents):
    """Agents of which the last one lights the fuse as it answers."""

    listed: bool = True
    fuse: Fuse | None = None
    store: MemoryStore | None = None

    def team(self) -> Team:
        known = super().team()
        return known if self.listed else replace(known, channels=())

    def answer(self, _: ModelRequest) -> Step:
        if self.fuse is not None and self.store is not None:
            parts = self.store.outbox, self.store.schedules, self.store.handoffs
            self.fuse.watch(self.store, *parts)
            self.fuse = None
        return "Because."

    def let_live(self) -> None:
        """Take the fuse out of the store, which outlives the process."""
        store = self.store
        assert store is not None
        self.fuse = None
        parts = store.approvals, store.turns, store.grants
        for part in (*parts, store.outbox, store.schedules, store.handoffs):
            for name in [name for name in vars(part) if not name.startswith("_")]:
                delattr(part, name)


@dataclass(frozen=True)
class Left:
    """What a life left that was cut off.

    Attributes:
        occurrence: its planned time.
        answered: the last agent's turn had ended.
        enqueued: the message was in the outbox.
        seen: it was sent.
    """

    occurrence: Occurrence
    answered: bool
    enqueued: bool
    seen: bool

    @property
    def ended(self) -> bool:
        return self.occurrence.state is not OccurrenceState.DUE


def agents(*, listed: bool = True) -> Crashing:
    clock = ManualClock()
    store = in_memory(clock)
    reach = {"desk": ["research"], "research": list[str]()}
    world = Crashing(store, reach, {"desk": hands("research")}, clock=clock, listed=listed)
    world.store = store
    world.say["research"] = world.answer
    return world


def posts(world: Crashing) -> list[str]:
    return [shown.text for shown in world.chat.shown if shown.thread == OPS]


async def left_by(world: Crashing) -> Left:
    store = world.store
    assert store is not None
    [occurrence] = await store.schedules.history()
    run = occurrence.run
    return Left(
        occurrence,
        answered=await store.turns.state(turn_of_run(run, LAST)) is TurnState.DONE,
        enqueued=await store.outbox.get(briefing_id_of(run)) is not None,
        seen=bool(posts(world)),
    )


async def cut(world: Crashing, at: int) -> Left | None:
    """A life that dies at that await after the answer; None where it did not die."""
    fuse = world.fuse = Fuse(at)
    try:
        async with world.life() as life:
            await planned(life)
            await life.desk.fire()
    except* PowerCut:
        pass
    world.let_live()
    return await left_by(world) if fuse.dead else None


async def live_on(world: Crashing, left: Left) -> Occurrence:
    """Another life, and what it wrote of the planned time."""
    async with world.life() as life:
        # An engine that remembers goes on with a run until it has stored how that ended.
        run, schedule = left.occurrence.run, left.occurrence.schedule
        durable = life.desk.desk.parts.durable
        await durable.start(WORKFLOW, run, {"schedule": schedule})
        await durable.result(run)
        await life.desk.fire()
        await bound_right(world, life)
    return (await left_by(world)).occurrence


async def bound_right(world: Crashing, life: Asking) -> None:
    """The thread of what was sent is the last agent's."""
    for shown in world.chat.shown:
        assert shown.thread == OPS
        thread = replace(OPS, root=shown.message)
        conversation = await life.desk.desk.parts.store.conversations.bound(thread)
        assert conversation is not None
        handed = await life.desk.desk.parts.store.handoffs.of(conversation)
        assert handed is not None
        assert handed.taker == "research"


async def deleted(world: Crashing, at: int) -> bool:
    left = await cut(world, at)
    if left is None:
        return False
    assert world.store is not None
    await world.store.schedules.change(
        left.occurrence.schedule,
        was=ScheduleState.ACTIVE,
        becomes=ScheduleState.DELETED,
        next_at=None,
        by=ANN,
    )
    now = await live_on(world, left)
    found = now.state, now.result, now.delivery
    if left.answered:
        assert posts(world) == [f"Because.\n\n{NOTE}"], f"cut at {at}"
        assert found == (OccurrenceState.DONE, "Because.", "sent"), f"cut at {at}"
    else:
        assert posts(world) == [], f"cut at {at}"
        assert found == (OccurrenceState.FAILED, "", f"not sent: {DELETED}"), f"cut at {at}"
    return True


async def done_after(world: Crashing, left: Left, at: int) -> Occurrence:
    """Another life, in which the run ends well with what was answered before."""
    now = await live_on(world, left)
    assert (now.state, now.result) == (OccurrenceState.DONE, "Because."), f"cut at {at}"
    return now


async def unlisted(world: Crashing, at: int) -> bool:
    left = await cut(world, at)
    if left is None:
        return False
    world.listed = False
    now = await done_after(world, left, at)
    assert len(posts(world)) == left.seen, f"cut at {at}"
    said = "sent" if left.seen else "kept, not sent: "
    assert now.delivery.startswith(said), f"cut at {at}: {now.delivery}"
    return True


async def listed(world: Crashing, at: int) -> bool:
    left = await cut(world, at)
    if left is None:
        return False
    world.listed = True
    now = await done_after(world, left, at)
    if left.ended:
        assert posts(world) == [], f"cut at {at}"
        assert now == left.occurrence, f"cut at {at}"
    else:
        assert posts(world) == [f"Because.\n\n{NOTE}"], f"cut at {at}"
        assert now.delivery == "sent", f"cut at {at}"
    return True


@pytest.mark.parametrize(
    ("change", "at_first"),
    [(deleted, True), (unlisted, True), (listed, False)],
    ids=["deleted", "unlisted", "listed"],
)
async def test_cut_off_behind_the_answer_people_see_what_is_recorded(
    change: Callable[[Crashing, int], Awaitable[bool]], at_first: bool
) -> None:
    for at in range(1, 200):
        if not await change(agents(listed=at_first), at):
            assert at > 10, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")
