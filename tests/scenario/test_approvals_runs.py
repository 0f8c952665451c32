"""Approvals of runs, which nobody waits for, and among many processes."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from runtime.approvals import cards
from runtime.ids import TurnId, derived
from runtime.model.approval import ApprovalState
from runtime.model.schedule import OccurrenceState, ScheduleState
from runtime.model.turn import briefing_id_of
from runtime.schedules.abandoned import DELETED
from tests.support.approving import BOB, Asking, World
from tests.support.build import ANN, OPS, T0, outbox_item
from tests.support.eventually import eventually
from tests.support.planning import planned

HOUR = 3600.0


async def scheduled(life: Asking) -> None:
    """Let an hourly schedule come due that uses the tool."""
    await planned(life, "push it")
    await life.desk.fire()


async def test_a_run_asks_the_owners_and_goes_on_when_one_says_yes(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        (approval,) = await life.waiting()
        assert {s.thread.channel.channel for s in life.desk.chat.shown} == {"dm-ann"}
        assert world.ran == []

        await life.press(approval, who=ANN, wait=False)
        await eventually(lambda: "Told: pushed main" in life.desk.chat.texts)

        await life.desk.quiet()
        assert world.ran == ["main"]
        results = [s for s in life.desk.chat.shown if s.text == "Told: pushed main"]
        assert [result.thread for result in results] == [OPS]


async def test_a_run_that_nobody_decides_about_is_refused_when_it_expires(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        (approval,) = await life.waiting()
        await life.desk.clock.advance(HOUR)
        await life.desk.desk.asks.vigil.tick()
        await eventually(lambda: any("nobody decided in time" in t for t in life.desk.chat.texts))
        assert world.ran == []
        assert await life.state(approval) is ApprovalState.EXPIRED


async def test_a_stopped_run_that_waited_ends(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        (approval,) = await life.waiting()
        store = life.desk.desk.parts.store
        await life.desk.command(f"stop {approval.turn[-8:]}")
        (occurrence,) = await store.schedules.history()
        assert occurrence.state is OccurrenceState.FAILED
        assert await life.state(approval) is ApprovalState.CANCELLED


@pytest.mark.parametrize("place", [None, 1, 2])
async def test_a_stop_says_of_a_runs_result_only_what_became_of_that(
    tmp_path: Path, place: int | None
) -> None:
    world = World(tmp_path)
    async with world.life(lambda _: "All is well.") as life:
        await scheduled(life)
        store = life.desk.desk.parts.store
        (occurrence,) = await store.schedules.history()
        assert occurrence.delivery == "sent"
        first = briefing_id_of(occurrence.run)
        key = "posted" if place is None else derived(first, str(place))
        late = outbox_item(key=key, thread=OPS, proactive=True, at=T0 + timedelta(days=1))
        await store.outbox.enqueue([replace(late, turn=TurnId(occurrence.run))])
        await life.desk.command(f"stop {occurrence.run[-8:]}")
        assert life.desk.chat.texts[-1] == "Stopped. 1 message not sent yet: taken back."
        (occurrence,) = await store.schedules.history()
        kept = "kept, not sent: stopped by Ann"
        assert occurrence.delivery == ("sent" if place is None else kept)


async def test_a_run_that_waits_ends_when_its_schedule_is_deleted(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        (approval,) = await life.waiting()
        store = life.desk.desk.parts.store
        await life.desk.command("schedule delete 1")
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert all("its schedule was deleted" in face for face in life.faces(approval))
        assert life.buttons(approval) == []
        assert await store.stops.under_way() == []
        assert await store.turns.parked() == []
        (occurrence,) = await store.schedules.history()
        assert (occurrence.state, occurrence.delivery) == (
            OccurrenceState.FAILED,
            f"not sent: {DELETED}",
        )
        assert "already cancelled" in await life.press(approval, who=ANN)
        assert world.ran == []


async def test_a_yes_that_came_with_the_deletion_runs_nothing_either(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        await scheduled(life)
        (approval,) = await life.waiting()
        store = life.desk.desk.parts.store
        schedule = await store.schedules.get(1)
        assert schedule is not None
        # As where the process died before it told the run.
        await store.schedules.change(
            schedule.id, was=schedule.state, becomes=ScheduleState.DELETED, next_at=None, by=ANN
        )
        await life.press(approval, who=ANN)
        await life.desk.quiet()
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert await store.turns.parked() == []
        assert world.ran == []


async def test_among_many_processes_a_parked_turn_goes_on_by_the_queue(tmp_path: Path) -> None:
    world = World(tmp_path, alone=False)
    async with world.life() as life:
        await life.desk.say("push it")
        await eventually(lambda: life.desk.chat.shown)
        (approval,) = await life.waiting()
        await life.desk.say("and then?")

        await life.press(approval, who=BOB, wait=False)

        await eventually(lambda: "Told: pushed main" in life.desk.chat.texts)
        assert world.ran == ["main"]
        needed = "**Approval needed: "
        await eventually(lambda: sum(needed in text for text in life.desk.chat.texts) == 2)
        (second,) = await life.waiting()
        assert second.turn != approval.turn
        await life.press(second, cards.DENY, who=BOB, wait=False)
        await eventually(lambda: "said no" in life.desk.chat.texts[-1])
