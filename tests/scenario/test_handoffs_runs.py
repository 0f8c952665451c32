"""Hand-offs in a run of a schedule: the next agent goes on in the run, and has its thread."""

import json
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.models.scripted import Step, ToolCalls
from runtime.model.address import ThreadRef
from runtime.model.approval import ApprovalState
from runtime.model.audit import AuditKind
from runtime.model.completion import ModelRequest, Usage
from runtime.model.handoff import DEEPEST
from runtime.model.meter import Period, Scope
from runtime.model.schedule import Occurrence, OccurrenceState
from runtime.ports import AuditQuery, Verdict
from tests.scenario.test_approvals_crash import Fuse, PowerCut
from tests.support.approving import BOB, Asking, Rules, World
from tests.support.build import ANN, OPS, QUIET
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, running_desk
from tests.support.eventually import eventually
from tests.support.handing import Agents, Says, answers_of, hands, in_memory, says
from tests.support.paid import PaidModel, limited
from tests.support.planning import planned

HOUR = 3600.0
NOTE = "_Handed over: desk → research, which has this thread now._"


def agents(clock: ManualClock, **say: Says) -> Agents:
    reach = {"desk": ["research"], "research": ["desk", "deploy"], "deploy": []}
    told = {"desk": hands("research", "find out why", "by noon"), "research": says("Because.")}
    return Agents(
        in_memory(clock), reach, {**told, "deploy": says("Deployed."), **say}, clock=clock
    )


def posts(text: str, *, then: str) -> Says:
    """An agent that posts to #ops, and answers then."""

    def say(request: ModelRequest) -> Step:
        if answers_of(request):
            return then
        return ToolCalls.of("message.send", json.dumps({"channel": "#ops", "text": text}))

    return say


def paid(
    world: Agents, clock: ManualClock, chat: MemoryChat
) -> AbstractAsyncContextManager[DeskUnderTest]:
    """One life of the agents, whose calls cost something; the policy lets everything run."""
    return running_desk(
        world.home,
        chat=chat,
        clock=clock,
        model=PaidModel(world.script, clock=clock, usage=Usage(100, 2000)),
        members=limited(world.team(), 10_000_000),
        policy=Rules(Verdict.ALLOW),
    )


async def ended(life: Asking) -> Occurrence:
    store = life.desk.desk.parts.store
    schedule = await store.schedules.get(1)
    assert schedule is not None
    [latest, *_] = await store.schedules.history(schedule=schedule.id)
    return latest


async def test_the_next_agent_goes_on_in_the_run_and_has_the_thread(clock: ManualClock) -> None:
    world = agents(clock)
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        [posted] = life.desk.chat.shown
        assert (posted.thread, posted.text) == (OPS, f"Because.\n\n{NOTE}")
        name, request = world.requests[-1]
        opening, asked = request.entries
        assert name == "research"
        assert "look around" in opening.text
        assert asked.text == (
            "find out why\n\n[handed over by desk; no person typed it]\n"
            "[what desk gave along]\nby noon"
        )
        assert asked.sender is None
        latest = await ended(life)
        assert (latest.state, latest.result) == (OccurrenceState.DONE, "Because.")
        # A reply is for the agent that has it now, and it can be given back.
        thread = replace(OPS, root=posted.message)
        await life.desk.say("since when?", thread=thread)
        await life.desk.quiet()
        assert world.requests[-1][0] == "research"
        await life.desk.command("handoff back", thread=thread)
        assert "**desk** has this thread now" in life.desk.chat.texts[-1]


async def test_it_is_explained_as_one_run(clock: ManualClock) -> None:
    world = agents(clock)
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        await life.desk.command("/why", thread=OPS)
        told = life.desk.chat.texts[-1]
        assert "Trigger: schedule 1 (every hour), made by Ann" in told
        assert "Agent: desk → research" in told
        assert "Tool `handoff.to`" in told


async def test_a_post_of_the_second_agent_is_explained_from_the_first_on(
    clock: ManualClock,
) -> None:
    chat = MemoryChat()
    world = agents(clock, research=posts("It is the disk.", then="Because."))
    async with paid(world, clock, chat) as desk:
        await planned(Asking(World(Path(), clock=clock, chat=chat), desk), target=QUIET)
        await desk.fire()
        assert chat.texts == ["It is the disk."]
        await desk.command("/why", thread=OPS)
        told = chat.texts[-1]
        assert "Agent: desk → research" in told
        assert "Tool `handoff.to`" in told
        assert "Tool `message.send`" in told
        assert "in 3 calls" in told


async def test_what_an_agent_posts_besides_is_not_the_delivery_of_the_result(
    clock: ManualClock,
) -> None:
    async with agents(clock, desk=posts("Look here.", then="The result.")).life() as life:
        await planned(life, target=QUIET)
        await life.desk.fire()
        assert [shown.text for shown in life.desk.chat.shown] == ["Look here."]
        assert (await ended(life)).delivery.startswith("kept, not sent: ")


async def test_all_of_it_is_paid_from_the_one_budget_of_the_run(clock: ManualClock) -> None:
    world, chat = agents(clock), MemoryChat()
    async with paid(world, clock, chat) as desk:
        # What the first call cost, and the most that the second may cost, are more than that.
        create = "/schedule create every day at 10:00 look around --channel #ops --budget 0.03"
        await desk.command(create)
        await clock.advance(2 * HOUR)
        await desk.fire()
        assert [name for name, _ in world.requests] == ["desk"]
        assert "What would cost more waits, and goes on once there is room." in chat.texts[-1]
        await desk.command("/schedule budget 1 1")
        await eventually(lambda: f"Because.\n\n{NOTE}" in chat.texts)
        [schedule] = await desk.desk.parts.store.schedules.all()
        [run] = await desk.desk.parts.store.ledger.series(
            Scope.SCHEDULE, schedule.id, Period.FIRING, limit=5
        )
        assert (run.calls, run.spent) == (2, 40_200)


async def test_no_ring_and_no_more_than_five_in_a_row(clock: ManualClock) -> None:
    names = [f"a{number}" for number in range(DEEPEST + 2)]
    world = agents(clock)
    world.reach = {
        "desk": names[:1],
        **{name: [*names[at + 1 : at + 2], "desk"] for at, name in enumerate(names)},
    }

    def on(name: str, to: str) -> Says:
        def say(request: ModelRequest) -> Step:
            told = answers_of(request)
            if len(told) == 2:
                return f"{name}: {' | '.join(told)}"
            wish = {"agent": "desk" if name != "desk" and not told else to, "task": "go on"}
            return ToolCalls.of("handoff.to", json.dumps(wish))

        return say

    world.say = {
        name: on(name, to) for name, to in zip(["desk", *names], [*names, ""], strict=True)
    }
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        [posted] = life.desk.chat.shown
        assert posted.text.startswith("a4: desk had this already (desk → a0 → a1 → a2 → a3 → a4).")
        assert "This was handed over 5 times, and 5 is the most." in posted.text
        assert posted.text.endswith(
            "_Handed over: desk → a0 → a1 → a2 → a3 → a4, which has this thread now._"
        )


async def test_where_policy_asks_the_owners_are_asked_and_the_run_goes_on(
    clock: ManualClock,
) -> None:
    world = agents(clock)
    world.verdict = Verdict.ASK
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        [approval] = await life.waiting()
        assert {shown.thread.channel.channel for shown in life.desk.chat.shown} == {"dm-ann"}
        await life.press(approval, who=ANN)
        await life.desk.quiet()
        assert f"Because.\n\n{NOTE}" in life.desk.chat.texts
        assert await life.state(approval) is ApprovalState.DONE


async def test_a_task_that_the_taker_completes_is_the_result(clock: ManualClock) -> None:
    def work(_: ModelRequest) -> Step:
        return ToolCalls.of("task.complete", json.dumps({"outcome": "All is well."}))

    async with agents(clock, research=work).life() as life:
        await planned(life)
        await life.desk.fire()
        [posted] = life.desk.chat.shown
        assert posted.text == f"All is well.\n\n{NOTE}"


async def test_a_channel_off_the_list_gets_nothing(clock: ManualClock) -> None:
    world = agents(clock)
    async with world.life() as life:
        elsewhere = ThreadRef(replace(OPS.channel, channel="elsewhere"))
        await planned(life, target=elsewhere)
        await life.desk.fire()
        assert life.desk.chat.shown == []
        latest = await ended(life)
        assert latest.delivery.startswith("kept, not sent: ")
        assert latest.result == "Because."


async def test_a_stop_of_the_taker_ends_the_run(clock: ManualClock) -> None:
    world = agents(clock)
    async with world.life() as life:
        await planned(life)
        await life.desk.command("stop agent research")
        await life.desk.fire()
        latest = await ended(life)
        assert (latest.state, latest.delivery) == (
            OccurrenceState.FAILED,
            "not sent: Somebody stopped it.",
        )
        assert "research" not in {name for name, _ in world.requests}


async def test_a_run_that_waits_for_people_is_stopped_by_its_one_id(clock: ManualClock) -> None:
    world = agents(clock, research=hands("deploy"))
    world.verdict = Verdict.ASK
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        [first] = await life.waiting()
        await life.press(first, who=ANN)
        await life.desk.quiet()
        [second] = await life.waiting()
        assert second.agent == "research"
        assert second.turn[-8:] == first.turn[-8:]
        await life.desk.command(f"stop {first.turn[-8:]}")
        assert await life.state(second) is ApprovalState.CANCELLED
        await life.desk.fire()
        assert (await ended(life)).delivery == "not sent: Somebody stopped it."


async def test_the_agent_that_has_it_stops_where_the_schedule_is_deleted(
    clock: ManualClock,
) -> None:
    world = agents(clock, research=hands("deploy"))
    world.verdict = Verdict.ASK
    async with world.life() as life:
        await planned(life)
        await life.desk.fire()
        [first] = await life.waiting()
        await life.press(first, who=ANN)
        await life.desk.quiet()
        [second] = await life.waiting()
        await life.desk.command("schedule delete 1")
        await life.desk.quiet()
        assert await life.state(first) is ApprovalState.DONE
        assert await life.state(second) is ApprovalState.CANCELLED
        assert await life.desk.desk.parts.store.stops.under_way() == []
        assert (await ended(life)).state is OccurrenceState.FAILED


async def one_try(world: Agents, at: int) -> bool:
    """A life that dies at that await of the run, and another that goes on."""
    fuse, watched = Fuse(at), list[object]()
    try:
        async with world.life() as life:
            await planned(life)
            store = life.desk.desk.parts.store
            fuse.watch(store, store.handoffs, store.conversations, store.outbox)
            watched += store.approvals, store.turns, store.grants
            watched += store.handoffs, store.conversations, store.outbox
            await life.desk.fire()
            for waits in await life.waiting():
                await life.press(waits, who=ANN)
            await life.desk.quiet()
    except* PowerCut:
        pass
    for part in watched:
        for name in [name for name in vars(part) if not name.startswith("_")]:
            delattr(part, name)
    async with world.life() as life:
        await life.desk.fire()
        for waits in await life.waiting():
            assert waits.state is ApprovalState.PENDING, f"a person has to look, cut at {at}"
            await life.press(waits, who=BOB)
            await life.desk.quiet()
        # It is nobody's turn yet where a parked turn was decided about in the life before.
        await eventually(lambda: [shown for shown in life.desk.chat.shown if shown.thread == OPS])
        await life.desk.quiet()
        posted = [shown.text for shown in life.desk.chat.shown if shown.thread == OPS]
        assert posted == [f"Because.\n\n{NOTE}"], f"cut at {at}"
        assert (await ended(life)).state is OccurrenceState.DONE, f"cut at {at}"
        store = life.desk.desk.parts.store
        moved = AuditQuery(kind=AuditKind.TURN_HANDED_OVER, limit=9)
        assert len(await store.audit.find(moved)) == 1, f"cut at {at}"
    return fuse.dead


@pytest.mark.parametrize(
    ("verdict", "cuts"),
    [(Verdict.ASK, range(1, 400, 3)), (Verdict.ALLOW, range(1, 400))],
    ids=["approved", "allowed"],
)
async def test_cut_at_any_await_a_run_is_handed_over_once(verdict: Verdict, cuts: range) -> None:
    for at in cuts:
        world = agents(ManualClock())
        world.verdict = verdict
        if not await one_try(world, at):
            assert at > 15, "too few awaits were passed to mean anything"
            return
    raise AssertionError("it never came to an end")
