"""The command desk over memory, with what its ports were asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from adapters.memory.store import MemoryStore
from adapters.models.scripted import ScriptedModel
from adapters.timing.timetable import CronsimTimetable
from bot.wiring.people import read_person
from gateway.commands.desk import CommandDesk, Services
from gateway.commands.home import Home
from gateway.commands.members import PeopleServices
from gateway.health import Check
from runtime.approvals.book import ApprovalBook, QuestionLimits
from runtime.approvals.posting import Cards
from runtime.approvals.questions import Questions
from runtime.approvals.service import ApprovalService
from runtime.clock import Clock
from runtime.facts import FactsReader
from runtime.halt import Halt
from runtime.handoffs import Handoffs
from runtime.ids import AgentName, ConversationId, InboxId, TimeOrderedIds, TurnId
from runtime.model.address import Principal, ThreadRef
from runtime.model.approval import Approval
from runtime.model.conversation import Conversation
from runtime.model.events import Body, Command, Lane, Received
from runtime.model.team import Team
from runtime.model.tools import Risk
from runtime.outbox import whole
from runtime.people.firstowner import FirstOwner
from runtime.people.members import MemberService
from runtime.people.roster import Roster
from runtime.policy.book import PolicyBook
from runtime.policy.engine import RulePolicy
from runtime.ports import ModelPort, Store, ToolContext
from runtime.reminders import ReminderService
from runtime.routing.asking import Routing
from runtime.schedules.service import ScheduleService
from runtime.stopping import Stopping
from runtime.tools.registry import Tool, Toolbox
from runtime.trust import TrustService
from runtime.turns.atwork import AtWork
from tests.support.build import ANN, DM, T0, inbound, team
from tests.support.chat import MemoryChat
from tests.support.clock import ManualClock
from tests.support.paid import budget_services
from tests.support.routing import routing_over
from tests.support.runs import RecordingDurable


@dataclass
class FakeControl:
    """Conversations of one thread, latest bound first, and what was done to them."""

    bound: list[Conversation] = field(default_factory=list)
    begun: dict[str, AgentName] = field(default_factory=dict)

    async def new(self, thread: ThreadRef, agent: AgentName, *, key: str) -> ConversationId:
        self.begun[key] = agent
        return ConversationId(key)

    async def earlier(self, thread: ThreadRef) -> list[Conversation]:
        return list(self.bound)

    async def resume(self, thread: ThreadRef, conversation: ConversationId) -> None:
        found = next(c for c in self.bound if c.id == conversation)
        self.bound.remove(found)
        self.bound.insert(0, found)


async def _look(_context: ToolContext, _key: str, /, *, name: str = "") -> str:
    return name


LOOK = Tool(name="git.push", about="Push.", run=_look, risk=Risk.EXTERNAL)


MAKE = Tool(name="schedule.create", about="Make.", run=_look, risk=Risk.WRITE)


@dataclass
class FakeRules:
    """Rules for what agents may do."""

    held: PolicyBook = field(default_factory=PolicyBook)
    trouble: str = ""

    def book(self) -> PolicyBook:
        return self.held


async def _nobody_asked(_turn: TurnId) -> None:
    """No turn asked people."""


def stopping_over(store: Store, *, clock: Clock, team: Callable[[], Team]) -> Stopping:
    """What stops and resumes in a store, in a process where nothing runs."""
    return Stopping(
        store,
        Halt(store.stops),
        at_work=AtWork(),
        interrupt=lambda _: None,
        drain=lambda _: None,
        over=_nobody_asked,
        team=team,
        split=whole,
        clock=clock,
        wake_outbox=lambda: None,
    )


@dataclass
class FakeHealth:
    checks: Sequence[Check] = (Check(name="database", ok=True, age_seconds=0.0, detail="answers"),)

    async def readiness(self) -> Sequence[Check]:
        return self.checks


@dataclass
class CommandBench:
    """A command desk and everything around it."""

    clock: ManualClock
    store: MemoryStore
    schedules: ScheduleService
    reminders: ReminderService
    roster: Roster
    people: PeopleServices
    rules: FakeRules
    chat: MemoryChat
    teams: list[Team]
    control: FakeControl
    health: FakeHealth
    durable: RecordingDurable
    desk: CommandDesk
    told: dict[str, str]
    routing: Routing
    given: int = 0

    async def __call__(
        self,
        text: str,
        *,
        thread: ThreadRef = DM,
        sender: Principal = ANN,
        key: str = "",
        body: Body | None = None,
    ) -> str:
        """Give a command; returns the answer, what only the sender sees in brackets."""
        self.given += 1
        direct = thread == DM
        row = Received(
            id=InboxId(key or f"row-{self.given}"),
            lane=Lane.COMMAND,
            inbound=inbound(
                thread=thread, sender=sender, body=body or Command(text=text, direct=direct)
            ),
            received_at=self.clock.now(),
        )
        answered = await self.desk.answer(row)
        if answered is None or answered.content is None:
            return ""
        text = answered.content.text
        return f"({text})" if answered.private else text


async def _nothing(_approval: Approval) -> None:
    """No turn waits."""


def command_bench(
    *,
    model: ModelPort | None = None,
    more: Sequence[ModelPort] = (),
    configured: Team | None = None,
    chat: MemoryChat | None = None,
) -> CommandBench:
    """A desk at noon of Friday, 20 November 2026; in Berlin, where the team is, it is 13:00."""
    clock = ManualClock(T0)
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    durable, timetable = RecordingDurable(), CronsimTimetable()
    schedules = ScheduleService(store, timetable, durable, clock=clock)
    control, health = FakeControl(), FakeHealth()
    model = model or ScriptedModel(lambda _: "Fine.")
    teams = [configured or team(model=model.info.name)]
    roster = Roster(
        lambda: teams[-1],
        store.people,
        store.members,
        clock=clock,
        new_code=lambda: "ABCD2345WXYZ",
    )
    chat = chat or MemoryChat()
    reminders = ReminderService(
        store,
        timetable,
        {chat.platform: chat},
        team=roster.team,
        split=lambda _platform, content: (content,),
        clock=clock,
        wake_outbox=lambda: None,
    )
    told: dict[str, str] = {}

    async def tell_owners(key: str, text: str) -> bool:
        return told.setdefault(key, text) is text

    rules = FakeRules()
    toolbox = Toolbox([LOOK, MAKE], clock=clock, ids=TimeOrderedIds(clock))
    policy = RulePolicy(rules.book, read=toolbox.arguments, clock=clock)
    book = ApprovalBook(
        store,
        Cards({chat.platform: chat}, team=roster.team, split=whole, clock=clock),
        team=roster.team,
        clock=clock,
        resume=_nothing,
        wake_outbox=lambda: None,
    )
    live = frozenset({chat.platform})
    people = PeopleServices(
        roster=roster,
        members=MemberService(
            store.members,
            store.outbox,
            roster,
            {chat.platform: chat},
            live=live,
            split=whole,
            clock=clock,
            wake_outbox=lambda: None,
        ),
        first=FirstOwner(
            store.members, roster, live=live, clock=clock, new_code=lambda: "FRST2345WNER"
        ),
        read=read_person,
    )
    routing = routing_over(
        store, [model, *more], team=roster.team, clock=clock, tell_owners=tell_owners
    )
    budget = budget_services(store, chat, team=roster.team, clock=clock)
    desk = CommandDesk(
        Services(
            store=store,
            schedules=schedules,
            reminders=reminders,
            people=people,
            timetable=timetable,
            control=control,
            stopping=stopping_over(store, clock=clock, team=roster.team),
            routing=routing,
            health=health,
            chats={chat.platform: chat},
            trust=TrustService(store.trust, team=roster.team),
            home=Home(
                store,
                FactsReader(store, timetable, clock),
                {chat.platform: chat},
                budget.limits,
                team=roster.team,
                clock=clock,
            ),
            approvals=ApprovalService(
                book, toolbox, Questions(book, toolbox, policy, QuestionLimits())
            ),
            handoffs=Handoffs(store, team=roster.team, clock=clock),
            rules=rules,
            tools=toolbox,
            budget=budget,
            tell_owners=tell_owners,
            team=roster.team,
            clock=clock,
        )
    )
    return CommandBench(
        rules=rules,
        clock=clock,
        store=store,
        schedules=schedules,
        reminders=reminders,
        roster=roster,
        people=people,
        chat=chat,
        teams=teams,
        durable=durable,
        control=control,
        health=health,
        desk=desk,
        told=told,
        routing=routing,
    )
