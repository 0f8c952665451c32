"""The desk that takes commands: reads them, hands each to its noun, words what went wrong."""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace
from typing import assert_never

from gateway.commands.approvals import ApprovalCommands
from gateway.commands.budget import BudgetCommands, BudgetServices
from gateway.commands.budgetcards import BudgetCards
from gateway.commands.channels import ChannelCommands, TellOwners
from gateway.commands.conversations import ConversationCommands
from gateway.commands.grammar import UsageError, explain, parse
from gateway.commands.handoffs import HandoffCommands
from gateway.commands.help import HelpCommand
from gateway.commands.home import Home
from gateway.commands.members import MemberCommands, PeopleServices
from gateway.commands.model import ModelCommands
from gateway.commands.people import PeopleCommands
from gateway.commands.policy import PolicyCommands, Rules, ToolTable
from gateway.commands.ports import Answer, Control, Noun, Press, Request, Submit
from gateway.commands.reminders import ReminderCommands
from gateway.commands.schedules import ScheduleCommands
from gateway.commands.spelling import spelled
from gateway.commands.status import StatusCommand
from gateway.commands.stopping import StopCommands
from gateway.commands.why import WhyCommand
from gateway.health import Health
from runtime import words
from runtime.approvals import cards
from runtime.approvals.service import ApprovalService
from runtime.clock import Clock
from runtime.errors import Permanent, Refused, Retryable
from runtime.explaining import Explainer
from runtime.forms import (
    APPROVAL_DENY,
    APPROVAL_EDIT,
    REMINDER_CREATE,
    REMINDER_SNOOZE,
    SCHEDULE_CREATE,
    form_for,
)
from runtime.handoffs import Handoffs
from runtime.ids import Platform
from runtime.model.events import (
    ButtonPress,
    ChannelChanged,
    Command,
    FormSubmit,
    HomeOpened,
    Message,
    Received,
    Unknown,
)
from runtime.model.messages import Content
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import Answered, ChatPort, OpensForms, Store, Timetable
from runtime.reminders import DONE, SNOOZE, SNOOZE_UNTIL, ReminderService
from runtime.routing.asking import Routing
from runtime.schedules.service import ScheduleService
from runtime.stopping import Stopping
from runtime.text import unmarked
from runtime.trust import TrustService

log = logging.getLogger("nightdesk.commands")


@value(kw_only=True)
class Services:
    """What commands act through.

    Attributes:
        store: the database, to show what is in it.
        schedules: makes and changes schedules.
        reminders: makes and changes reminders.
        people: who is who, and who changes that.
        timetable: reads times.
        control: acts on conversations.
        stopping: stops and resumes.
        routing: chooses models, and asks them.
        health: looks at everything.
        chats: the platforms by name.
        trust: what became known of channels.
        approvals: what people say to what agents ask.
        handoffs: which agent has which thread.
        rules: what agents may do.
        tools: the tools there are.
        home: draws people's pages.
        budget: what may be spent.
        tell_owners: tells every owner something, once for each key.
        team: the configuration as it is now.
        clock: for what is shown relative to now.
    """

    store: Store
    schedules: ScheduleService
    reminders: ReminderService
    people: PeopleServices
    timetable: Timetable
    control: Control
    stopping: Stopping
    routing: Routing
    health: Health
    chats: Mapping[Platform, ChatPort]
    trust: TrustService
    approvals: ApprovalService
    handoffs: Handoffs
    rules: Rules
    tools: ToolTable
    home: Home
    budget: BudgetServices
    tell_owners: TellOwners
    team: Callable[[], Team]
    clock: Clock


class CommandDesk:
    """Answers commands and button presses. Implements `runtime.ports.Commands`."""

    def __init__(self, services: Services) -> None:
        """Take commands, and let the services carry them out."""
        team, clock = services.team, services.clock
        conversations = ConversationCommands(services.control, team=team, clock=clock)
        stops = _stops(services, conversations)
        budgets = _budgets(services)
        people = PeopleCommands(services.people.roster, services.people.first, clock=clock)
        reminders = ReminderCommands(services.reminders, services.timetable, team=team, clock=clock)
        schedules = _schedules(services, budgets)
        models = ModelCommands(
            services.routing, services.handoffs, services.budget.pauses, team=team
        )
        self._channels = _channels(services)
        approvals = _approvals(services)
        self._chats, self._home, self._team = services.chats, services.home, team
        self._people = services.people
        self._nouns: dict[str, Noun] = {
            "schedule": schedules,
            "channel": self._channels,
            "remind": reminders,
            "approve": approvals,
            "deny": approvals.deny_here,
            "handoff": HandoffCommands(services.handoffs, team=team, clock=clock),
            "policy": PolicyCommands(
                services.rules, services.tools, services.approvals, team=team, clock=clock
            ),
            "member": MemberCommands(services.people, clock=clock),
            "whoami": people.whoami,
            "link": people.link,
            "unlink": people.unlink,
            "budget": budgets,
            "cost": budgets.cost,
            "new": conversations.new,
            "resume": stops.resume,
            "stop": stops.stop,
            "model": models,
            "status": _status(services),
            "why": WhyCommand(Explainer(services.store, team=team, clock=clock), team=team),
            "help": HelpCommand(services.chats),
        }
        self._presses: dict[str, Press] = {
            DONE: reminders.done,
            SNOOZE: reminders.snooze,
            SNOOZE_UNTIL: reminders.snooze_until,
            cards.APPROVE: approvals.approve,
            cards.ALWAYS: approvals.always,
            cards.DENY: approvals.deny,
            cards.EDIT: approvals.edit,
            cards.HAPPENED: approvals.happened,
            cards.FAILED: approvals.not_happened,
            **_budget_cards(services, stops, models).presses,
        }
        self._submits: dict[str, Submit] = {
            SCHEDULE_CREATE: schedules.make_form,
            REMINDER_CREATE: reminders.make_form,
            REMINDER_SNOOZE: reminders.snooze_form,
            APPROVAL_DENY: approvals.deny_form,
            APPROVAL_EDIT: approvals.edit_form,
        }
        self._unknown: set[str] = set()

    async def answer(self, received: Received) -> Answered | None:
        """See `runtime.ports.Commands`."""
        await self._people.look()
        body = received.inbound.body
        request = Request(
            id=received.id,
            thread=received.inbound.thread,
            sender=received.inbound.sender,
            at=received.received_at,
            direct=isinstance(body, Command | Message) and body.direct,
        )
        if self._team().is_bot(request.sender):
            log.info("command.of_a_program", extra={"row": received.id})
            return None
        if isinstance(body, Command | ButtonPress) and await self._asked_with_form(body, request):
            return None
        match body:
            case Command(text=text) | Message(text=text):
                return await self._carry_out(text, request)
            case ButtonPress() as press:
                return await self._pressed(press, request)
            case FormSubmit() as form:
                return await self._submitted(form, request)
            case Unknown(kind=kind):
                self._note_unknown(f"{request.thread.platform} {kind}")
                return None
            case HomeOpened():
                await self._home.draw(request.sender, request.thread)
                return None
            case ChannelChanged() as changed:
                await self._channels.changed(changed, request)
                return None
            case _ as never:
                assert_never(never)

    async def _asked_with_form(self, body: Command | ButtonPress, request: Request) -> bool:
        """Open the form that the command or press is answered with; False where there is none.

        Where the platform does not open it, words have to do.
        """
        form = form_for(body)
        chat: object = self._chats.get(request.thread.platform)
        if form is None or not body.trigger or not isinstance(chat, OpensForms):
            return False
        value = body.value if isinstance(body, ButtonPress) else ""
        try:
            await chat.open_form(
                form,
                trigger=body.trigger,
                value=value,
                thread=request.thread,
                reply_url=body.reply_url,
            )
        except (Retryable, Permanent) as error:
            log.info("form.not_opened", extra={"form": form.action, "why": str(error)})
            return False
        return True

    async def _carry_out(self, text: str, request: Request) -> Answered:
        command = parse(text)
        if isinstance(command, UsageError):
            return self._answered(Answer(explain(command)), request)
        did = f"{command.noun} {command.verb}".strip()
        return await self._doing(did, self._nouns[command.noun](command, request), request)

    async def _pressed(self, press: ButtonPress, request: Request) -> Answered:
        act = self._presses.get(press.action)
        if act is None:
            return self._answered(Answer("This button no longer does anything."), request)
        return await self._doing(f"button {press.action}", act(press, request), request)

    async def _submitted(self, form: FormSubmit, request: Request) -> Answered:
        act = self._submits.get(form.action)
        if act is None:
            return self._answered(Answer("This form no longer does anything."), request)
        return await self._doing(f"form {form.action}", act(form, request), request)

    async def _doing(self, did: str, work: Awaitable[Answer], request: Request) -> Answered:
        """Do the work, and say what it was and whether it was refused."""
        try:
            answer = await work
        except Refused as refused:
            answer = Answer(words.explain(refused), refused=True)
        return replace(self._answered(answer, request), did=did, refused=answer.refused)

    def _answered(self, answer: Answer, request: Request) -> Answered:
        content = None
        if answer.text:
            chat = self._chats.get(request.thread.platform)
            text = (
                spelled(answer.text, chat.limits, request.thread) if chat else unmarked(answer.text)
            )
            content = Content(text, answer.buttons, answer.files)
        return Answered(content, private=answer.private, updates=answer.updates)

    def _note_unknown(self, kind: str) -> None:
        """Log a kind of event that this version does not know, once."""
        if kind not in self._unknown:
            self._unknown.add(kind)
            log.warning("event.unknown_kind", extra={"kind": kind})


def _channels(services: Services) -> ChannelCommands:
    return ChannelCommands(
        services.trust,
        services.chats,
        services.store.outbox,
        team=services.team,
        clock=services.clock,
        tell_owners=services.tell_owners,
    )


def _approvals(services: Services) -> ApprovalCommands:
    files = services.store.files
    return ApprovalCommands(
        services.approvals,
        files,
        team=services.team,
        holds=services.stopping.holds,
        clock=services.clock,
    )


def _stops(services: Services, conversations: ConversationCommands) -> StopCommands:
    return StopCommands(
        services.stopping,
        services.store,
        go_back=conversations.resume,
        team=services.team,
        clock=services.clock,
    )


def _budgets(services: Services) -> BudgetCommands:
    return BudgetCommands(
        services.budget,
        services.store,
        team=services.team,
        providers=lambda: {one.info.provider for one in services.routing.catalogue().values()},
        clock=services.clock,
    )


def _budget_cards(services: Services, stops: StopCommands, models: Noun) -> BudgetCards:
    return BudgetCards(
        services.budget,
        services.store,
        stop=stops.stop,
        model=models,
        routing=services.routing,
        team=services.team,
        clock=services.clock,
    )


def _schedules(services: Services, budgets: BudgetCommands) -> ScheduleCommands:
    return ScheduleCommands(
        services.schedules,
        services.store.schedules,
        services.timetable,
        budgets,
        holds=services.stopping.holds,
        team=services.team,
        clock=services.clock,
    )


def _status(services: Services) -> StatusCommand:
    return StatusCommand(
        services.health,
        services.store,
        services.handoffs,
        services.stopping,
        team=services.team,
        clock=services.clock,
    )
