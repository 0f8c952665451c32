"""The tools an agent has, and the rules for them."""

from collections.abc import Callable

from bot.wiring.doors import splitter
from bot.wiring.policy import LivePolicy
from bot.wiring.process import Parts
from bot.witness import note_policy
from runtime.facts import FactsReader
from runtime.handoffs import Handoffs
from runtime.reminders import ReminderService
from runtime.schedules.service import ScheduleService
from runtime.tools.checkpoint import CheckpointTools
from runtime.tools.desk import DeskTools
from runtime.tools.files import FileTools
from runtime.tools.grants import withheld
from runtime.tools.handing import HandingTools
from runtime.tools.messages import MessageTools
from runtime.tools.registry import Toolbox
from runtime.tools.reminders import ReminderTools
from runtime.tools.schedules import ScheduleTools
from runtime.tools.state import StateTools


def all_tools(
    parts: Parts,
    schedules: ScheduleService,
    reminders: ReminderService,
    handoffs: Handoffs,
    wake_outbox: Callable[[], None],
) -> Toolbox:
    """Every tool of this desk."""
    desk = DeskTools(
        facts=FactsReader(parts.store, parts.timetable, parts.clock),
        team=parts.team,
        clock=parts.clock,
    )
    planned = ScheduleTools(
        service=schedules,
        schedules=parts.store.schedules,
        timetable=parts.timetable,
        team=parts.team,
        clock=parts.clock,
    )
    reminding = ReminderTools(
        service=reminders, timetable=parts.timetable, team=parts.team, clock=parts.clock
    )
    files = FileTools(parts.store.files)
    states = StateTools(states=parts.store.states, clock=parts.clock)
    messages = MessageTools(
        store=parts.store,
        team=parts.team,
        split=splitter(parts),
        clock=parts.clock,
        wake_outbox=wake_outbox,
    )
    gates = CheckpointTools(parts.store.approvals, parts.team)
    # Models are offered the tools in this order: what makes something first.
    create, *changes = planned.tools()
    tools = [*desk.tools(), create, *reminding.tools(), *changes]
    groups = (files, states, messages, HandingTools(handoffs), gates)
    tools += [tool for group in groups for tool in group.tools()]
    return Toolbox(
        [*tools, *parts.more_tools],
        clock=parts.clock,
        ids=parts.ids,
        withheld=lambda agent: withheld(parts.team(), agent),
    )


def live_rules(parts: Parts, tools: Toolbox) -> LivePolicy:
    """The rules for the tools, read again when their file changes."""

    async def noted(usable: bool) -> None:  # noqa: FBT001 - what the policy tells
        await note_policy(parts.store.audit, parts.policy_path, usable=usable)

    return LivePolicy(
        parts.policy_path,
        parts.read_policy,
        specs=tools.tool_specs,
        agents=lambda: [agent.name for agent in parts.team().agents],
        noted=noted,
    )
