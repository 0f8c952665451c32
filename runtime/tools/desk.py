"""What an agent can see of its desk: what it knows of itself, and the time."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime

from runtime.clock import Clock
from runtime.facts import FactsReader
from runtime.model.access import Action
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.model.tools import Risk
from runtime.model.value import value
from runtime.ports import ToolContext
from runtime.tools.registry import Effect, Tool


@value(kw_only=True)
class DeskTools:
    """The functions of the tools, each in the name of the person that the agent acts for.

    Attributes:
        facts: reads what the desk knows of itself.
        team: the configuration as it is now.
        clock: the clock.
    """

    facts: FactsReader
    team: Callable[[], Team]
    clock: Clock

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name="desk.facts",
                about="What this desk knows of itself: its schedules, what ran, failed or was "
                "missed in the last 24 hours, what waits for approval, what was spent and may be. "
                "JSON, times in UTC.",
                run=self.read_facts,
                needs=Action.SCHEDULE_READ,
                risk=Risk.READ,
                effect=Effect.NONE,
            ),
            Tool(
                name="time.now",
                about="The time now, in the person's own time zone.",
                run=self.tell_time,
                needs=Action.CONVERSE,
                risk=Risk.READ,
                effect=Effect.NONE,
            ),
        )

    async def read_facts(self, context: ToolContext, _key: str, /) -> str:
        """`desk.facts`."""
        facts = await self.facts.read(self.team(), context.agent)
        return json.dumps(asdict(facts), default=_plain, ensure_ascii=False)

    async def tell_time(self, context: ToolContext, _key: str, /) -> str:
        """`time.now`."""
        zone = self.team().zone_of(context.requester)
        return f"{show_time(self.clock.now(), zone)} ({zone})"


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is no fact")
