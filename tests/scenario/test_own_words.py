"""Our own words name commands as each platform takes them; what a model says stays as it is."""

# ruff: noqa: RUF001 - phones and models write typographic marks

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.models.offline import OfflineModel
from adapters.models.scripted import Step
from runtime.approvals import cards
from runtime.errors import Refused
from runtime.forms import REASON
from runtime.ids import AgentName, MessageId
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval
from runtime.model.completion import ModelRequest
from runtime.model.events import FormSubmit
from runtime.model.team import Member, MemberRole
from runtime.ports import ChatLimits, Verdict
from runtime.schedules.firings import WORKFLOW
from runtime.schedules.service import NewSchedule
from runtime.text import unmarked
from tests.support.approving import BOB, Asking, World
from tests.support.build import DM, OPS, TERMINAL
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.desk import running_desk
from tests.support.eventually import eventually
from tests.support.handing import Agents, hands, in_memory, says
from tests.support.planning import planned

THREAD = OPS.under(MessageId("t1"))
PLACES = [
    pytest.param("nightdesk", DM, "/nightdesk ", id="one command, direct"),
    pytest.param("nightdesk", OPS, "/nightdesk ", id="one command, channel"),
    pytest.param("nightdesk", THREAD, "!", id="one command, thread"),
    pytest.param("", DM, "/", id="own commands, direct"),
    pytest.param("", THREAD, "/", id="own commands, thread"),
]
"""What the platform has, where people write, and how a command begins there."""
NOTICES = [("nightdesk", "/nightdesk "), ("", "/")]
"""The same for what goes to people's direct conversations."""


def chat_with(command: str) -> MemoryChat:
    return MemoryChat(limits=ChatLimits(per_channel=1e6, overall=1e6, burst=1000, command=command))


@asynccontextmanager
async def asking(folder: Path, command: str, thread: ThreadRef) -> AsyncIterator[Asking]:
    """A desk where a question waits whose card has no room for it."""
    world = World(folder, chat=chat_with(command), calls=({"branch": "x" * 1_500},))
    async with world.life() as life:
        await speak(life, "push it", thread)
        yield life


async def speak(life: Asking, text: str, thread: ThreadRef) -> None:
    await life.desk.say(text, thread=thread, mentioned=True)
    await life.desk.quiet()


@pytest.mark.parametrize(("command", "thread", "begins"), PLACES)
async def test_of_an_approval(tmp_path: Path, command: str, thread: ThreadRef, begins: str) -> None:
    async with asking(tmp_path, command, thread) as life:
        [approval] = await life.waiting()
        this = cards.short_id(approval)
        by_hand = f"`{begins}approve accept {this} {cards.short_hash(approval)}` approves it."
        card = life.card(approval)
        assert card.thread == thread
        assert by_hand in card.text
        assert f"`{begins}approve show {this}` sends all of it" in card.text

        await speak(life, "and this?", thread)
        assert life.desk.chat.texts[-1] == (
            "Queued: I answer this after the message before it, which waits for approval "
            f"`{this}` of `{approval.frozen.tool}`: its buttons decide, or `{begins}approve "
            f"{this}` and `{begins}approve deny {this}`. `{begins}stop` ends that one."
        )

        await life.desk.clock.advance(31 * 60)
        await life.desk.fire()
        [reminder] = [s for s in life.desk.chat.shown if "still waits" in s.text]
        assert reminder.thread == thread
        assert reminder.text.endswith(f"`{begins}approve show {this}` shows it.")

        await life.press(approval, cards.DENY, thread=thread)
        pressed = life.card(approval)
        assert pressed.item.draft == card.message
        assert "Denied by Bob" in pressed.text
        assert by_hand in pressed.text


async def test_the_reason_of_a_no_stays_as_its_person_wrote_it(tmp_path: Path) -> None:
    async with asking(tmp_path, "nightdesk", THREAD) as life:
        [approval] = await life.waiting()
        no = FormSubmit(
            action=cards.DENY, value=approval.id, answers=((REASON, "see /policy show"),)
        )
        await life.desk.say(body=no, sender=BOB, thread=THREAD)
        await life.desk.quiet()
        for text in (life.card(approval).text, await shown_by_command(life, approval)):
            assert "Denied by Bob: see /policy show\n" in text
            assert text == unmarked(text)


async def test_the_reason_of_a_no_keeps_the_marks_that_phones_write(tmp_path: Path) -> None:
    async with asking(tmp_path, "nightdesk", THREAD) as life:
        [approval] = await life.waiting()
        why = "not “now” – don’t, see… ½\u202e"
        no = FormSubmit(action=cards.DENY, value=approval.id, answers=((REASON, why),))
        await life.desk.say(body=no, sender=BOB, thread=THREAD)
        await life.desk.quiet()
        card = life.card(approval).text
        assert "Denied by Bob: not “now” – don’t, see… ½⟨U+202E⟩\n" in card


async def shown_by_command(life: Asking, approval: Approval) -> str:
    await life.desk.command(f"/approve show {cards.short_id(approval)}", sender=BOB)
    return life.desk.chat.texts[-1]


async def test_what_a_tool_says_on_a_card_stays_as_it_is(tmp_path: Path) -> None:
    world = World(tmp_path, chat=chat_with("nightdesk"))

    def fail() -> None:
        raise Refused("Write /status there.")

    world.before = fail
    async with world.life() as life:
        approval = await life.asked()
        await life.press(approval)
        assert "It failed: Write /status there." in life.card(approval).text


@pytest.mark.parametrize(("command", "thread", "begins"), PLACES)
async def test_of_a_hand_off(command: str, thread: ThreadRef, begins: str) -> None:
    clock = ManualClock()
    agents = Agents(
        in_memory(clock),
        {"desk": ["research"], "research": []},
        {
            "desk": hands("research", "say `/stop`\n/stop", ""),
            "research": says("Type `/stop` now."),
        },
        verdict=Verdict.ALLOW,
        clock=clock,
        chat=chat_with(command),
    )
    async with agents.life() as life:
        await speak(life, "why?", thread)
        card, answer = life.desk.chat.texts
        assert "say `/stop`\n/stop" in card
        assert f"`{begins}handoff back` gives it back to desk, `{begins}handoff show`" in card
        assert answer == "Type `/stop` now."


@pytest.mark.parametrize(("command", "thread", "begins"), PLACES)
async def test_of_a_stop(tmp_path: Path, command: str, thread: ThreadRef, begins: str) -> None:
    async with running_desk(tmp_path, chat=chat_with(command)) as desk:
        await desk.command("/stop everything")
        said = await desk.ask("hello?", thread=thread, mentioned=True)
        assert said.startswith("I do not answer this. Everything was stopped by Ann")
        assert f"`{begins}resume everything`" in said


@pytest.mark.parametrize(("command", "begins"), NOTICES)
async def test_of_a_schedule_that_may_not_run_any_more(
    tmp_path: Path, command: str, begins: str
) -> None:
    async with running_desk(tmp_path, chat=chat_with(command)) as desk:
        team = desk.team
        bob = Member(name="Bob", role=MemberRole.OPERATOR, principals=(BOB,))
        desk.team = replace(team, members=(*team.members, bob))
        await desk.desk.schedules.create(
            NewSchedule(
                key="k",
                when=desk.desk.parts.timetable.read("every hour", now=desk.clock.now(), zone="UTC"),
                instruction="Brief us",
                agent=AgentName("desk"),
                target=OPS,
                made_by=BOB,
                made_in=DM,
            )
        )
        desk.team = replace(team, members=(*team.members, replace(bob, role=MemberRole.GUEST)))
        await desk.clock.advance(timedelta(hours=1))
        await desk.fire()
        paused = desk.chat.texts
        assert len(paused) == 3
        for text in paused:
            assert f"`{begins}schedule resume 1`" in text
            assert f"(`{begins}member list` shows" in text


@pytest.mark.parametrize(("command", "begins"), NOTICES)
async def test_of_members_and_strangers(tmp_path: Path, command: str, begins: str) -> None:
    async with running_desk(tmp_path, chat=chat_with(command)) as desk:
        await desk.command("/member add terminal:zed operator")
        [welcome] = [text for text in desk.chat.texts if "let you into" in text]
        assert f"{begins}help shows what I know, and {begins}whoami what" in welcome

        await desk.say("hello?", sender=Principal(TERMINAL, "local", "who"))
        await eventually(lambda: any("to let them in" in text for text in desk.chat.texts))
        [told] = [text for text in desk.chat.texts if "to let them in" in text]
        assert f"write `{begins}member add terminal:who member`" in told


async def test_what_a_model_says_stays_as_it_is(tmp_path: Path) -> None:
    def answer(_: ModelRequest) -> Step:
        return "Write `/schedule list`, or /stop."

    async with running_desk(tmp_path, answer, chat=chat_with("nightdesk")) as desk:
        for thread in (DM, THREAD):
            said = await desk.ask("how?", thread=thread, mentioned=True)
            assert said == "Write `/schedule list`, or /stop."


async def test_it_is_the_same_after_a_restart(tmp_path: Path) -> None:
    """The mark is for making rows only; what is stored says it as it is sent."""
    async with asking(tmp_path, "nightdesk", THREAD) as life:
        [approval] = await life.waiting()
        row = life.card(approval).item
        stored = await life.desk.desk.parts.store.outbox.get(row.id)
        assert stored is not None
        assert stored.content == row.content
        assert not stored.content.ours
        world = life.world
    async with world.life() as life:
        await life.desk.quiet()
        shown = [s for s in life.desk.chat.shown if s.item.id == row.id]
        assert [s.text for s in shown] == [row.content.text]


@pytest.mark.parametrize(("command", "thread", "begins"), PLACES)
async def test_a_model_is_told_how_commands_are_written(
    tmp_path: Path, command: str, thread: ThreadRef, begins: str
) -> None:
    told: list[str] = []

    def answer(request: ModelRequest) -> Step:
        told.append(request.instructions)
        return "Fine."

    async with running_desk(tmp_path, answer, chat=chat_with(command)) as desk:
        await desk.ask("hello", thread=thread, mentioned=True)
        own = desk.team.agents[0].instructions
    said = (
        f"Commands of this chat begin with `{begins}` here: write `{begins}schedule show 3` where "
        "a tool or anybody else writes `/schedule show 3`."
    )
    assert told == ["\n\n".join(part for part in (own, said if command else "") if part)]


@pytest.mark.parametrize(("command", "begins"), NOTICES)
@pytest.mark.parametrize(
    ("instruction", "said"),
    [
        ("help", "`{}help` lists every command."),
        (
            "what is scheduled? /stop",
            "what is scheduled? /stop (at the start of every hour, to #ops)",
        ),
        ("remind everybody: /status at noon", "/status at noon"),
    ],
)
async def test_of_a_result_without_a_model(
    tmp_path: Path, command: str, begins: str, instruction: str, said: str
) -> None:
    """Its words are ours, but for those of the instructions that it names."""
    chat, clock = chat_with(command), ManualClock()
    async with running_desk(tmp_path, chat=chat, clock=clock, model=OfflineModel()) as desk:
        await planned(Asking(World(tmp_path), desk), instruction)
        await desk.fire()
        [result] = [shown.text for shown in chat.shown if shown.thread == OPS]
        assert said.format(begins) in result
        [run] = await desk.desk.parts.store.schedules.history()
        assert said.format("/") in run.result
        assert (result, run.result) == (unmarked(result), unmarked(run.result))


async def result_of(instruction: str, folder: Path, *, cut_off: bool) -> list[str]:
    """What a schedule says, cut off or not behind the end of its turn; then the next life."""
    chat, clock, met = chat_with("nightdesk"), ManualClock(), list[object]()
    store = in_memory(clock)

    async def never(rows: object) -> None:
        met.append(rows)
        await asyncio.Event().wait()

    with pytest.MonkeyPatch.context() as patch:
        if cut_off:
            patch.setattr(store.outbox, "enqueue", never)
        async with running_desk(store, chat=chat, clock=clock, model=OfflineModel()) as desk:
            await planned(Asking(World(folder), desk), instruction)
            await desk.desk.schedules.tick()
            await eventually(lambda: chat.texts or met)
    assert bool(chat.texts) is not cut_off
    async with running_desk(store, chat=chat, clock=clock, model=OfflineModel()) as desk:
        [run] = await store.schedules.history()
        durable = desk.desk.parts.durable
        await durable.start(WORKFLOW, run.run, {"schedule": run.schedule})
        await durable.result(run.run)
        await desk.quiet()
    return chat.texts


@pytest.mark.parametrize("instruction", ["help", "what is scheduled? /stop"])
async def test_of_a_result_that_is_told_in_the_next_life(tmp_path: Path, instruction: str) -> None:
    at_once = await result_of(instruction, tmp_path, cut_off=False)
    later = await result_of(instruction, tmp_path, cut_off=True)
    assert later == at_once == [unmarked(later[0])]


async def test_the_result_of_a_model_stays_as_it_is(tmp_path: Path) -> None:
    world = World(tmp_path, chat=chat_with("nightdesk"))
    async with world.life(lambda _: "Write `/schedule list`, or /stop.") as life:
        await planned(life)
        await life.desk.fire()
        assert life.desk.chat.texts[-1] == "Write `/schedule list`, or /stop."


async def test_what_people_wrote_is_repeated_as_they_wrote_it(tmp_path: Path) -> None:
    chat = chat_with("nightdesk")
    async with running_desk(tmp_path, chat=chat, model=OfflineModel()) as desk:
        await desk.command("schedule create every day at 10:00 /status of `/help` --channel #ops")
        await desk.command("schedule list")
        assert "`/status of '/help'`" in chat.texts[0]
        assert "`/status of '/help'`" in chat.texts[1]
        await desk.command("remind me in 2 hours to say /stop")
        assert "say /stop. `/nightdesk remind cancel 1` takes it back." in chat.texts[-1]
        await desk.command("remind list")
        assert chat.texts[-1].endswith("say /stop")
        answer = await desk.ask("what is scheduled?")
        assert "#1 /status of `/help`" in answer
        answer = await desk.ask("please remind me in 3 hours to run /stop")
        assert "“run /stop”" in answer
        assert "/nightdesk remind cancel 2" in answer
        store = desk.desk.parts.store
        entries = [
            entry.text
            for one in await store.conversations.earlier(DM)
            for entry in await store.conversations.entries(one.id)
        ]
        assert any("#1 /status of" in text for text in entries)
        assert all(text == unmarked(text) for text in (*entries, *chat.texts))
