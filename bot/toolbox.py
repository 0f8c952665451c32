"""The tools an agent has, and the rules for them."""

from bot.policy import LivePolicy
from bot.process import Parts
from gateway.access import authorize
from runtime.facts import FactsReader
from runtime.reminders import ReminderService
from runtime.schedules import ScheduleService
from runtime.tools.desk import DeskTools
from runtime.tools.files import FileTools
from runtime.tools.registry import Toolbox


def all_tools(parts: Parts, schedules: ScheduleService, reminders: ReminderService) -> Toolbox:
    """Every tool of this desk."""
    desk = DeskTools(
        facts=FactsReader(parts.store, parts.timetable, parts.clock),
        schedules=schedules,
        reminders=reminders,
        timetable=parts.timetable,
        team=parts.team,
        authorize=authorize,
        clock=parts.clock,
    )
    files = FileTools(parts.store.files)
    tools = (*desk.tools(), *files.tools(), *parts.more_tools)
    return Toolbox(tools, clock=parts.clock, ids=parts.ids)


def live_rules(parts: Parts, tools: Toolbox) -> LivePolicy:
    """The rules for the tools, read again when their file changes."""
    return LivePolicy(
        parts.policy_path,
        parts.read_policy,
        specs=tools.tool_specs,
        agents=lambda: [agent.name for agent in parts.team().agents],
    )
