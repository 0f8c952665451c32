"""STOP in the states in which a desk can be: what ends, what is held, what goes on afterwards."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.scripted import Pause, ScriptedModel, Step, ToolCalls
from runtime.errors import ModelUnavailable, Retryable
from runtime.ids import AgentName, MessageId, StopId
from runtime.model.access import Action
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import ApprovalState
from runtime.model.completion import ModelRequest
from runtime.model.conversation import Role
from runtime.model.events import Command, Received
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.schedule import OccurrenceState
from runtime.model.stop import Stop, StopKind
from runtime.model.tools import Risk
from runtime.model.turn import TurnState
from runtime.ports import ToolContext, Verdict
from runtime.stopping import GRACE
from runtime.tools.registry import Effect, Tool
from tests.support.approving import BOB, MEL, Rules, World, people
from tests.support.build import ANN, DM, OPS, QUIET
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import DeskUnderTest, passing, running_desk
from tests.support.eventually import eventually

NEVER = 3600.0
STOPS = ("stop", "stop everything", "stop agent desk", "stop mine")
EVERYTHING = "Everything was stopped by Ann, Mon 5 Jan 09:00 CET."


def growing(_: ModelRequest) -> list[Step]:
    return ["It ", Pause(1.5), "grows ", Pause(1.5), "and ", Pause(NEVER), "ends."]


async def state_of(desk: DeskUnderTest) -> list[TurnState]:
    found = await desk.desk.parts.store.stops.under_way()
    return [work.state for work in found]


# ---- 1: in the middle of an answer


@pytest.mark.parametrize("how", STOPS)
async def test_an_answer_that_grows_is_broken_off_and_its_model_is_left(
    tmp_path: Path, how: str
) -> None:
    chat, clock = MemoryChat(takes_drafts=True), ManualClock()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, chat=chat, clock=clock, model=model) as desk:
        await desk.say("hello")
        await passing(desk, 0.5, lambda: len(chat.drafts) >= 2)
        grown = len(chat.drafts)

        await desk.command(how)

        assert model.abandoned == 1
        assert len(chat.drafts) == grown
        assert await state_of(desk) == []
        # What was begun is closed; the rest of the answer never comes.
        assert [str(shown.message) for shown in chat.shown].count("d1") == 1
        await clock.advance(NEVER)
        await desk.quiet()
        assert not any("ends." in text for text in chat.texts)


# ---- 2: in a tool


class Stubborn:
    """A tool with outside effects that ignores that it is cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.let_go = asyncio.Event()
        self.runs = 0

    def tool(self) -> Tool:
        async def run(_context: ToolContext, _key: str, /) -> str:
            self.runs += 1
            self.begun.set()
            while not self.let_go.is_set():
                with suppress(asyncio.CancelledError):
                    await self.let_go.wait()
            return "deployed"

        return Tool(
            name="deploy.now",
            about="Deploy.",
            run=run,
            needs=Action.CONVERSE,
            risk=Risk.EXTERNAL,
            effect=Effect.OUTSIDE,
            timeout=NEVER,
        )


def deploying(request: ModelRequest) -> Step:
    told = [entry.text for entry in request.entries if entry.role is Role.TOOL]
    return f"It is {told[-1]}." if told else ToolCalls.of("deploy.now")


async def test_a_tool_that_ignores_the_stop_has_no_result_and_costs_its_process(
    tmp_path: Path,
) -> None:
    stubborn, hard = Stubborn(), list[str]()
    chat, clock, allowed = MemoryChat(), ManualClock(), Rules(verdict=Verdict.ALLOW)
    async with running_desk(
        tmp_path,
        deploying,
        chat=chat,
        clock=clock,
        policy=allowed,
        tools=[stubborn.tool()],
        hard_stop=hard.append,
    ) as desk:
        await desk.say("deploy")
        await stubborn.begun.wait()
        await desk.say(body=Command(text="stop"))
        await eventually(lambda: chat.shown)
        assert chat.texts == [
            "Stopped.\n`deploy.now` had begun: it may have happened. I do not repeat it."
        ]
        assert hard == []
        await passing(desk, GRACE / 2, lambda: hard)
        # Where the process were not ended, nothing would come of it either.
        stubborn.let_go.set()
        await desk.quiet()
        assert len(chat.shown) == 1
    async with running_desk(
        tmp_path, deploying, chat=chat, clock=clock, policy=allowed, tools=[stubborn.tool()]
    ) as desk:
        await desk.quiet()
        assert stubborn.runs == 1
        assert len(chat.shown) == 1


async def test_a_tool_that_lets_go_costs_nothing(tmp_path: Path) -> None:
    begun, hard = asyncio.Event(), list[str]()

    async def run(_context: ToolContext, _key: str, /) -> str:
        begun.set()
        await asyncio.Event().wait()
        return ""

    tool = Tool(
        name="deploy.now",
        about="Deploy.",
        run=run,
        needs=Action.CONVERSE,
        risk=Risk.EXTERNAL,
        timeout=NEVER,
    )
    async with running_desk(
        tmp_path,
        deploying,
        policy=Rules(verdict=Verdict.ALLOW),
        tools=[tool],
        hard_stop=hard.append,
    ) as desk:
        await desk.say("deploy")
        await begun.wait()
        await desk.command("stop")
        await desk.clock.advance(GRACE * 3)
        assert hard == []


async def test_what_was_approved_and_runs_when_it_is_stopped_is_looked_at_by_a_person(
    tmp_path: Path,
) -> None:
    stubborn, world = Stubborn(), World(tmp_path)
    async with running_desk(
        tmp_path,
        deploying,
        chat=world.chat,
        members=people(),
        policy=world.rules,
        tools=[stubborn.tool()],
    ) as desk:
        await desk.say("deploy")
        await desk.quiet()
        (approval,) = await desk.desk.asks.approvals.waiting()
        await desk.say(body=Command(text=f"approve accept {approval.id}"), sender=BOB)
        await stubborn.begun.wait()
        await desk.say(body=Command(text="stop everything"))
        await eventually(lambda: any("is stopped" in text for text in world.chat.texts))
        found = await desk.desk.parts.store.approvals.get(approval.id)
        assert found is not None
        assert found.state is ApprovalState.UNKNOWN
        stubborn.let_go.set()
        await desk.quiet()
        assert stubborn.runs == 1


# ---- 3: waiting for an approval


async def test_what_waits_for_approval_waits_on_and_runs_after_the_resume(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.command("stop everything")
        assert await state_of(life.desk) == [TurnState.WAITING]
        await life.press(approval, who=BOB)
        await life.desk.fire()
        assert await life.state(approval) is ApprovalState.APPROVED
        assert world.ran == []
    async with world.life() as life:
        await life.desk.fire()
        assert world.ran == []
        await life.desk.command("resume everything")
        await life.desk.fire()
        await eventually(lambda: "Told: pushed main" in world.chat.texts)
        assert world.ran == ["main"]


async def test_a_stop_in_its_thread_takes_what_waits_for_approval_back(tmp_path: Path) -> None:
    world = World(tmp_path)
    async with world.life() as life:
        approval = await life.asked()
        await life.desk.command("stop")
        assert await life.state(approval) is ApprovalState.CANCELLED
        assert await state_of(life.desk) == []


# ---- 4: between two tries of a model


@pytest.mark.parametrize("how", STOPS)
async def test_a_model_that_is_tried_again_later_is_not_tried_again(
    tmp_path: Path, how: str
) -> None:
    clock = ManualClock()
    model = ScriptedModel(lambda _: ModelUnavailable("busy"), clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: len(model.requests) == 1)
        await eventually(lambda: clock.sleeping)
        await desk.command(how)
        await clock.advance(NEVER)
        await desk.quiet()
        assert len(model.requests) == 1
        assert await state_of(desk) == []


# ---- 5: in the outbox


async def flooded(desk: DeskUnderTest) -> None:
    """Let an answer be refused by its platform for half a minute."""
    desk.chat.faults.append(Retryable("slow down", after=30.0))
    await desk.say("hello", thread=OPS, mentioned=True)
    outbox = desk.desk.parts.store.outbox
    await desk.quiet()
    assert await outbox.count(OutboxState.PENDING) == 1


async def test_what_waits_in_the_outbox_is_held_and_goes_out_after_the_resume(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path) as desk:
        await flooded(desk)
        await desk.command("stop everything")
        await desk.clock.advance(3 * NEVER)
        await desk.quiet()
        assert "Fine." not in desk.chat.texts
        assert "1 message is held" in desk.chat.texts[0]
        # It stands in nobody's way, in its own thread neither.
        await desk.command("status", thread=OPS)
        assert "Stopped: everything.**\n" + EVERYTHING in desk.chat.texts[-1]
        assert "Everything works" not in desk.chat.texts[-1]
        await desk.command("resume everything")
        assert "1 message that waited: sent now." in desk.chat.texts[-2] + desk.chat.texts[-1]
        assert desk.chat.texts.count("Fine.") == 1


async def test_what_waits_in_the_outbox_of_a_stopped_thread_is_taken_back(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await flooded(desk)
        await desk.command("stop", thread=OPS)
        await desk.clock.advance(3 * NEVER)
        await desk.quiet()
        assert desk.chat.texts == ["Stopped. 1 message not sent yet: taken back."]


async def test_what_is_being_sent_when_it_is_stopped_is_not_tried_again(tmp_path: Path) -> None:
    chat = Sending()
    async with running_desk(tmp_path, chat=chat) as desk:
        await desk.say("hello", thread=OPS, mentioned=True)
        await chat.sends.wait()
        await desk.say(body=Command(text="stop mine"))
        await eventually(lambda: chat.shown)
        chat.lets.set()
        await desk.clock.advance(NEVER)
        await desk.quiet()
        assert chat.texts == ["Stopped."]


@dataclass(slots=True)
class Sending(MemoryChat):
    """A platform that takes its time over the first message, and refuses it for now."""

    sends: asyncio.Event = field(default_factory=asyncio.Event)
    lets: asyncio.Event = field(default_factory=asyncio.Event)

    async def send(self, item: OutboxItem) -> MessageId:
        if self.sends.is_set():
            return await MemoryChat.send(self, item)
        self.sends.set()
        await self.lets.wait()
        raise Retryable("slow down", after=30.0)


# ---- while something is stopped


async def test_a_message_meets_one_clear_answer_and_no_model(tmp_path: Path) -> None:
    clock = ManualClock()
    model = ScriptedModel(lambda _: "Fine.", clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.command("stop everything")
        assert await desk.ask("hello?") == (
            f"I do not answer this. {EVERYTHING} An operator can end that: "
            "`/resume everything`. Please say it again after that."
        )
        assert model.requests == []
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        assert "I do not answer this." in await desk.ask("and now?")
        assert model.requests == []
        await desk.command("resume")
        assert desk.chat.texts[-1].startswith("**Everything goes on**")
        assert await desk.ask("and now?") == "Fine."
        assert len(model.requests) == 1


async def test_an_agent_that_is_not_stopped_goes_on(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        store = desk.desk.parts.store
        other = AgentName("other")
        stop = Stop(id=StopId("s"), kind=StopKind.AGENT, agent=other, by=ANN, at=desk.clock.now())
        await store.stops.order(stop, closing=lambda _: ())
        await desk.desk.stopping.look()
        assert await desk.ask("hello") == "Fine."
        await desk.command("stop agent desk")
        assert "The agent `desk` was stopped by Ann" in await desk.ask("hello")
        await desk.command("resume agent Desk")
        assert await desk.ask("hello") == "Fine."


async def test_planned_times_pass_as_missed_and_are_told_at_the_resume(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command("schedule create every hour Look", thread=OPS)
        await desk.command("stop everything")
        for _ in range(3):
            await desk.clock.advance(timedelta(hours=1))
            await desk.fire()
        history = await desk.desk.parts.store.schedules.history()
        assert [one.state for one in history] == [OccurrenceState.MISSED] * 3
        assert history[0].error.startswith(EVERYTHING)
        await desk.command("schedule run 1")
        assert desk.chat.texts[-1].startswith(EVERYTHING)
        await desk.command("resume everything")
        assert "- schedule 1: 3 planned times passed; `/schedule run 1`" in desk.chat.texts[-1]
        await desk.clock.advance(timedelta(hours=1))
        await desk.fire()
        assert "Fine." in desk.chat.texts


async def test_reminders_come_late(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command("remind me in 5 minutes to stretch")
        await desk.command("stop everything")
        await desk.clock.advance(600)
        await desk.fire()
        assert not any("stretch" in text for text in desk.chat.texts[1:])
        await desk.command("resume everything")
        await desk.fire()
        assert "stretch" in desk.chat.texts[-1]


async def test_a_result_that_was_to_be_posted_is_held(tmp_path: Path) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command("schedule create every hour Look", thread=OPS)
        desk.chat.faults.append(Retryable("slow down", after=30.0))
        await desk.clock.advance(timedelta(hours=1))
        await desk.fire()
        await desk.command("stop agent desk")
        await desk.clock.advance(NEVER / 2)
        await desk.quiet()
        assert "Fine." not in desk.chat.texts
        await desk.command("resume agent desk")
        assert "Fine." in desk.chat.texts


# ---- by another process


@pytest.mark.parametrize("alone", [True, False])
async def test_a_stop_that_another_process_stored_is_obeyed_with_the_next_look(
    tmp_path: Path, *, alone: bool
) -> None:
    clock = ManualClock()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, alone=alone) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        store, now = desk.desk.parts.store, clock.now()
        stop = Stop(id=StopId("s"), kind=StopKind.EVERYTHING, by=ANN, at=now)
        await store.stops.order(stop, closing=lambda _: ())
        await desk.desk.stopping.look()
        await eventually(lambda: model.abandoned == 1)
        await desk.quiet()
        assert desk.chat.texts == []


async def test_what_began_before_this_process_knew_is_answered_that_it_is_stopped(
    tmp_path: Path,
) -> None:
    async with running_desk(tmp_path, growing) as desk:
        store, now = desk.desk.parts.store, desk.clock.now()
        stop = Stop(id=StopId("s"), kind=StopKind.EVERYTHING, by=ANN, at=now)
        await store.stops.order(stop, closing=lambda _: ())
        await desk.say("hello")
        await eventually(lambda: desk.clock.sleeping >= 2)
        await desk.desk.stopping.look()
        await desk.quiet()
        assert [text[:21] for text in desk.chat.texts] == ["I do not answer this."]


# ---- who, what, and in which line


async def test_a_stop_waits_behind_no_command_and_no_early_reply(tmp_path: Path) -> None:
    clock = ManualClock()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.say("hello")
        await eventually(lambda: model.requests)
        lets, begun = asyncio.Event(), asyncio.Event()
        inner = desk.desk.mailboxes._command

        async def slow(received: Received) -> None:
            begun.set()
            await lets.wait()
            await inner(received)

        desk.desk.mailboxes._command = slow
        await desk.say(body=Command(text="status"))
        await begun.wait()
        await desk.say(body=Command(text="stop"))
        await eventually(lambda: "Stopped." in desk.chat.texts)
        lets.set()
        await desk.quiet()


async def told(
    desk: DeskUnderTest, text: str, *, thread: ThreadRef = DM, sender: Principal = ANN
) -> None:
    """Let somebody give a command while something runs, and wait for its answer."""
    seen = len(desk.chat.shown)
    await desk.say(thread=thread, sender=sender, body=Command(text=text))
    await eventually(lambda: len(desk.chat.shown) > seen)


async def test_who_may_stop_what(tmp_path: Path) -> None:
    clock = ManualClock()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model, members=people()) as desk:
        await desk.say("hello", thread=QUIET, sender=ANN)
        await eventually(lambda: model.requests)
        for text in ("stop", "stop everything", "stop agent desk"):
            await told(desk, text, thread=QUIET, sender=MEL)
            assert "That needs the role operator" in desk.chat.texts[-1]
        await told(desk, "stop mine", thread=QUIET, sender=MEL)
        assert desk.chat.texts[-1] == "Nothing runs that you asked for."
        assert await state_of(desk) == [TurnState.RUNNING]
        await told(desk, "status", sender=BOB)
        (listed,) = [line for line in desk.chat.texts[-1].split("\n") if "desk runs" in line]
        this = listed.split("`")[1]
        await told(desk, f"stop {this}", sender=MEL)
        assert "That needs the role operator" in desk.chat.texts[-1]
        await told(desk, f"stop {this}", sender=BOB)
        assert desk.chat.texts[-1] == "Stopped."
        assert await state_of(desk) == []
        await desk.say("hello", thread=DM, sender=MEL)
        await eventually(lambda: len(model.requests) == 2)
        await told(desk, "stop", thread=DM, sender=MEL)
        assert desk.chat.texts[-1] == "Stopped."
        await told(desk, "stop everything", sender=BOB)
        await told(desk, "resume everything", sender=MEL)
        assert "That needs the role operator" in desk.chat.texts[-1]
        assert len(desk.desk.halt.active) == 1


async def test_a_run_is_stopped_by_the_number_of_its_schedule(tmp_path: Path) -> None:
    clock = ManualClock()
    model = ScriptedModel(growing, clock=clock)
    async with running_desk(tmp_path, clock=clock, model=model) as desk:
        await desk.command("schedule create every hour Look", thread=OPS)
        await desk.command("stop 1")
        assert desk.chat.texts[-1].startswith("No run of schedule 1 is under way.")
        await desk.clock.advance(timedelta(hours=1))
        await desk.desk.schedules.tick()
        await eventually(lambda: model.requests)
        await told(desk, "stop 1")
        await desk.quiet()
        assert "Stopped." in desk.chat.texts
        assert model.abandoned == 1
        (occurrence,) = await desk.desk.parts.store.schedules.history()
        assert occurrence.state is OccurrenceState.FAILED


@pytest.mark.parametrize(
    ("said", "answered"),
    [
        ("stop agent dosk", "There is no agent dosk.\nThere is desk."),
        ("stop zzzzzzzz", "Nothing runs as zzzzzzzz.\n/status shows what runs, with its id."),
        ("stop abc", "Nothing runs as abc.\n/status shows what runs, with its id."),
        ("stop the press", "I do not know what “the press” is.\nWrite /stop, /stop <id>, "),
        ("resume everything", "Everything as a whole is not stopped."),
        ("resume agent desk", "The agent desk is not stopped."),
        ("resume agent nobody", "There is no agent nobody.\nThere is desk."),
        ("resume 01J9ZZZZ", "What was stopped by its id, or in its thread, has ended"),
        ("stop", "Nothing is running in this thread."),
    ],
)
async def test_what_cannot_be_done_is_said(tmp_path: Path, said: str, answered: str) -> None:
    async with running_desk(tmp_path) as desk:
        await desk.command(said)
        assert desk.chat.texts[-1].startswith(answered)


async def test_a_second_stop_says_who_was_first(tmp_path: Path) -> None:
    async with running_desk(tmp_path, members=people()) as desk:
        await desk.command("stop everything")
        await desk.clock.advance(60)
        await desk.command("stop all", sender=BOB)
        assert desk.chat.texts[-1].startswith(EVERYTHING)
