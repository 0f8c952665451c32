"""The policy's file for `nightdesk doctor`: read as a start reads it, against every tool."""

from adapters.memory.durable import MemoryDurable
from adapters.memory.store import MemoryStore
from adapters.timing.timetable import CronsimTimetable
from bot.configuration.policyfile import read_policy
from bot.diagnosis import Diagnosis, State
from bot.role import Role
from bot.settings import Settings
from bot.wiring.desk import Parts, wire
from runtime.clock import Clock
from runtime.errors import ConfigurationError
from runtime.ids import TimeOrderedIds
from runtime.model.tools import ToolSpec
from runtime.policy.rules import Layer

_LAYER = "policy"


def look_at_policy(settings: Settings, clock: Clock) -> Diagnosis:
    """Whether the rules for tools can be used, and how many there are."""
    path, names = settings.policy_path, [agent.name for agent in settings.team.agents]
    try:
        book = read_policy(path, specs=_specs(settings, clock), agents=names)
    except ConfigurationError as error:
        todo = (
            "Correct it: a start ends here, and what runs already goes on with the rules before it."
        )
        return Diagnosis(_LAYER, State.WRONG, str(error), todo)
    if not path.exists():
        return Diagnosis(_LAYER, State.OK, f"there is no {path}: the preset read_only holds")
    layers = "; ".join(map(_said, [book.team, *book.agents.values()]))
    return Diagnosis(_LAYER, State.OK, f"{path}: {layers}")


def _specs(settings: Settings, clock: Clock) -> list[ToolSpec]:
    """Every tool that a desk offers, from one that is wired in memory and never started."""
    ids = TimeOrderedIds(clock)
    parts = Parts(
        role=Role.ALL,
        slot=settings.slot_for(Role.ALL),
        team=lambda: settings.team,
        alone=True,
        clock=clock,
        ids=ids,
        store=MemoryStore(clock=clock, ids=ids),
        durable=MemoryDurable(clock),
        models={},
        chats={},
        timetable=CronsimTimetable(),
    )
    return list(wire(parts).asks.tools.tool_specs())


def _said(layer: Layer) -> str:
    preset = f"preset {layer.preset}, " if layer.preset else ""
    return f"{layer.name} {preset}{len(layer.rules)} rule{'' if len(layer.rules) == 1 else 's'}"
