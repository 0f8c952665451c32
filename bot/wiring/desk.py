"""Each port meets its implementation here, and each service its ports. No decisions."""

from collections.abc import Callable
from dataclasses import replace

from bot.role import Role
from bot.wiring import doors, handing, runs, toolbox
from bot.wiring.authority import Authority, authority
from bot.wiring.models import look_of, routing_of
from bot.wiring.money import Money
from bot.wiring.money import money as money_of
from bot.wiring.people import people_services, roster_of
from bot.wiring.policy import LivePolicy
from bot.wiring.process import Parts, Passes
from bot.wiring.stops import said_of, stopping_of
from gateway.commands.desk import CommandDesk, Services
from gateway.commands.grammar import cannot_wait
from gateway.commands.home import Home
from gateway.commands.members import PeopleServices
from gateway.health import Readiness
from gateway.inbound.bindings import Bindings
from gateway.inbound.ingress import Ingress
from gateway.inbound.urgent import Carry, Urgent
from gateway.outbound.aftermath import Aftermath
from gateway.outbound.dispatcher import Dispatcher
from runtime.activity import Activity
from runtime.approvals.elsewhere import Elsewhere
from runtime.engine import Engine
from runtime.facts import FactsReader
from runtime.halt import Halt
from runtime.handoffs import Handoffs
from runtime.ids import ConversationId
from runtime.mailboxes.commands import CommandLane
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.model.address import ThreadRef
from runtime.model.events import Received
from runtime.model.value import value
from runtime.notices import Notices
from runtime.people.roster import Roster
from runtime.ports import Budget
from runtime.rebinding import ConversationControl
from runtime.reminders import ReminderService
from runtime.routing.asking import Routing
from runtime.schedules.service import ScheduleService
from runtime.stopping import Stopping
from runtime.tools.registry import Toolbox
from runtime.trust import TrustService
from runtime.turns.deps import TurnDeps
from runtime.turns.replays import Replays
from runtime.turns.runner import TurnRunner

__all__ = ["Desk", "Parts", "Passes", "wire"]


@value(kw_only=True)
class Desk:
    """One process, put together and not yet started."""

    parts: Parts
    activity: Activity
    ingress: Ingress
    dispatcher: Dispatcher
    mailboxes: Mailboxes
    commands: CommandLane
    schedules: ScheduleService
    reminders: ReminderService
    people: PeopleServices
    rules: LivePolicy
    asks: Authority
    money: Money
    engine: Engine
    halt: Halt
    stopping: Stopping

    @property
    def delivers(self) -> bool:
        """Whether this process sends what the outbox holds."""
        return self.parts.role in (Role.ALL, Role.WEB)

    @property
    def fires(self) -> bool:
        """Whether this process fires schedules."""
        return self.parts.role in (Role.ALL, Role.CLOCK)

    health: Readiness
    passes: Passes


@value(kw_only=True)
class _Core:
    """What works, before there is a way in."""

    parts: Parts
    activity: Activity
    halt: Halt
    dispatcher: Dispatcher
    people: PeopleServices
    schedules: ScheduleService
    reminders: ReminderService
    handoffs: Handoffs
    rules: LivePolicy
    asks: Authority
    money: Money
    routing: Routing
    turns: TurnRunner
    mailboxes: Mailboxes


def _core(parts: Parts, roster: Roster) -> _Core:
    activity, halt = Activity(), Halt(parts.store.stops)
    aftermath = Aftermath(parts.store, doors.notices(parts, _awake), team=parts.team)
    dispatcher = doors.dispatcher(parts, activity, aftermath, halt)
    wake = dispatcher.wake
    schedules = ScheduleService(
        parts.store,
        parts.timetable,
        parts.durable,
        clock=parts.clock,
        changed=activity.note,
        held=said_of(parts, halt),
    )
    reminders = _reminders(parts, wake, halt)
    handoffs = handing.handoffs(parts)
    tools = toolbox.all_tools(parts, schedules, reminders, handoffs, wake)
    rules, split = toolbox.live_rules(parts, tools), doors.splitter(parts)
    asks = authority(parts, tools, rules, halt=halt, split=split, wake_outbox=wake)
    aftermath.on_shown(asks.book.shown)
    aftermath.on_refused(Elsewhere(asks.book))
    routing = routing_of(parts, wake)
    money = money_of(parts, asks, catalogue=routing.catalogue, split=split, wake_outbox=wake)
    deps = _turn_deps(
        parts, dispatcher, tools, asks, handoffs, halt, budget=money.spending, routing=routing
    )
    turns = TurnRunner(deps)
    mailboxes = runs.mailboxes(parts, turns, activity, wake, asks.parked)
    asks.resumption.on_drain(mailboxes.drain)
    schedules.give_way(lambda: mailboxes.turning > 0)
    withdraw = asks.questions.turn_over
    runs.register_workflows(parts, turns, mailboxes, activity, wake, halt, withdraw)
    return _Core(
        parts=parts,
        activity=activity,
        halt=halt,
        dispatcher=dispatcher,
        people=people_services(parts, roster, wake),
        schedules=schedules,
        reminders=reminders,
        handoffs=handoffs,
        rules=rules,
        asks=asks,
        money=money,
        routing=routing,
        turns=turns,
        mailboxes=mailboxes,
    )


def _awake() -> None:
    """Do nothing: the dispatcher looks by itself at what it brought about."""


def wire(parts: Parts) -> Desk:
    """Put a process together."""
    roster = roster_of(parts)
    parts = replace(parts, team=roster.team)
    core, passes = _core(parts, roster), Passes()
    activity, mailboxes, dispatcher = core.activity, core.mailboxes, core.dispatcher
    bindings = Bindings(parts.store.conversations, alone=parts.alone)
    drain = mailboxes.drain if parts.alone else _left_to_the_queue
    control = ConversationControl(parts.store, drain=drain, forget_binding=bindings.forget)
    stopping = stopping_of(
        parts,
        core.halt,
        core.turns,
        mailboxes,
        drain=drain,
        asks=core.asks,
        wake_outbox=dispatcher.wake,
    )
    urgent = Urgent(cannot_wait, activity=activity)
    handing.connect(parts, core.handoffs, control)
    ingress = doors.ingress(parts, bindings, mailboxes, activity, dispatcher.wake, roster, urgent)
    _tell_of_bindings(dispatcher, control, ingress)
    health = _health(parts, passes, core.routing)
    services = _services(core, control=control, stopping=stopping, health=health)
    commands = _commands(parts, services, dispatcher.wake)
    urgent.on(_at_once(commands, dispatcher))
    return Desk(
        parts=parts,
        activity=activity,
        ingress=ingress,
        dispatcher=dispatcher,
        mailboxes=mailboxes,
        commands=commands,
        health=health,
        passes=passes,
        schedules=core.schedules,
        reminders=core.reminders,
        people=core.people,
        rules=core.rules,
        asks=core.asks,
        money=core.money,
        engine=_engine(parts, mailboxes, activity, dispatcher),
        halt=core.halt,
        stopping=stopping,
    )


def _engine(
    parts: Parts, mailboxes: Mailboxes, activity: Activity, dispatcher: Dispatcher
) -> Engine:
    return Engine(
        parts.store,
        mailboxes,
        activity=activity,
        clock=parts.clock,
        owed=runs.owed(parts, dispatcher),
    )


def _services(
    core: _Core, *, control: ConversationControl, stopping: Stopping, health: Readiness
) -> Services:
    parts, asks = core.parts, core.asks
    return Services(
        store=parts.store,
        schedules=core.schedules,
        reminders=core.reminders,
        people=core.people,
        timetable=parts.timetable,
        control=control,
        stopping=stopping,
        routing=core.routing,
        health=health,
        chats=parts.chats,
        trust=TrustService(parts.store.trust, team=parts.team),
        approvals=asks.approvals,
        handoffs=core.handoffs,
        rules=asks.rules,
        tools=asks.tools,
        home=_home(parts, core.money),
        budget=core.money.for_commands,
        tell_owners=doors.notices(parts, core.dispatcher.wake).tell,
        team=parts.team,
        clock=parts.clock,
    )


def _home(parts: Parts, money: Money) -> Home:
    facts = FactsReader(parts.store, parts.timetable, parts.clock)
    limits = money.for_commands.limits
    return Home(parts.store, facts, parts.chats, limits, team=parts.team, clock=parts.clock)


def _health(parts: Parts, passes: Passes, routing: Routing) -> Readiness:
    return Readiness(
        parts.store,
        clock=parts.clock,
        last_tick=passes.last if parts.role in (Role.ALL, Role.CLOCK) else None,
        platforms=[*parts.looks, look_of(parts, routing)],
    )


def _tell_of_bindings(
    dispatcher: Dispatcher, control: ConversationControl, ingress: Ingress
) -> None:
    def bound(thread: ThreadRef, conversation: ConversationId) -> None:
        control.bound(thread, conversation)
        ingress.look()

    dispatcher.on_bound(bound)


def _left_to_the_queue(conversation: ConversationId) -> None:
    """Do nothing: among many processes the queue hands out what waits, and nobody else may."""


def _reminders(parts: Parts, wake_outbox: Callable[[], None], halt: Halt) -> ReminderService:
    return ReminderService(
        parts.store,
        parts.timetable,
        parts.chats,
        team=parts.team,
        split=doors.splitter(parts),
        clock=parts.clock,
        wake_outbox=wake_outbox,
        held=lambda: halt.of(None) is not None,
    )


def _commands(parts: Parts, services: Services, wake_outbox: Callable[[], None]) -> CommandLane:
    return CommandLane(
        parts.store.inbox,
        CommandDesk(services),
        split=doors.splitter(parts),
        clock=parts.clock,
        ids=parts.ids,
        wake_outbox=wake_outbox,
    )


def _at_once(commands: CommandLane, dispatcher: Dispatcher) -> Carry:
    """Carries out what cannot wait, and has the answer sent before what else is to be written."""

    async def carry(received: Received) -> None:
        await commands(received)
        dispatcher.hurry()

    return carry


def _turn_deps(
    parts: Parts,
    dispatcher: Dispatcher,
    tools: Toolbox,
    asks: Authority,
    handoffs: Handoffs,
    halt: Halt,
    *,
    budget: Budget,
    routing: Routing,
) -> TurnDeps:
    split = doors.splitter(parts)
    return TurnDeps(
        store=parts.store,
        routing=routing,
        replays=Replays(),
        chats=parts.chats,
        team=parts.team,
        tools=tools,
        executor=asks.executor,
        questions=asks.questions,
        notices=Notices(parts.chats, team=parts.team, split=split, clock=parts.clock),
        parked=asks.parked,
        halt=halt,
        handoffs=handoffs,
        budget=budget,
        split=split,
        clock=parts.clock,
        ids=parts.ids,
        owner=parts.slot,
        alone=parts.alone,
        wake_outbox=dispatcher.wake,
        sender=dispatcher,
    )
