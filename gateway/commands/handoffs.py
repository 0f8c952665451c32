"""`/handoff`: which agent has a thread, and who gives it to whom."""

from collections.abc import Callable

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from runtime.access import authorize
from runtime.approvals.cards import fenced_text
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.handoffs import Handoffs
from runtime.model.access import Action
from runtime.model.handoff import Handoff
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.text import clipped, verbatim

_TASK = 160


class HandoffCommands:
    """The commands of the noun `handoff`."""

    def __init__(self, handoffs: Handoffs, *, team: Callable[[], Team], clock: Clock) -> None:
        """Give threads through `handoffs`, for the people of `team`."""
        self._handoffs = handoffs
        self._team = team
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        match command.verb:
            case "show":
                authorize(self._team(), request.sender, Action.CONVERSE)
                return await self._show(request)
            case "back":
                authorize(self._team(), request.sender, Action.HAND_OFF)
                done = await self._handoffs.back(request.thread, request.sender, key=request.id)
                return await self._given(done)
            case _:
                return await self._to(command.args[0], request)

    async def _to(self, written: str, request: Request) -> Answer:
        has, _ = await self._handoffs.who(request.thread)
        near = self._handoffs.within_reach(request.thread, has, written)
        action = Action.HAND_OFF if near else Action.ASSIGN
        authorize(self._team(), request.sender, action)
        done = await self._handoffs.move(request.thread, written, request.sender, key=request.id)
        return await self._given(done)

    async def _given(self, handoff: Handoff) -> Answer:
        goes_on = f" What {handoff.giver} is doing goes on; `/stop` stops it."
        return Answer(
            f"**{handoff.taker}** has this thread now, and knows what was said."
            + (goes_on if await self._handoffs.busy(handoff) else ""),
            private=False,
        )

    async def _show(self, request: Request) -> Answer:
        has, _ = await self._handoffs.who(request.thread)
        way = await self._handoffs.way(request.thread)
        if not way:
            return Answer(f"**{has}** has this thread, from the start.")
        lines = [self._line(handoff) for handoff in reversed(way)]
        return Answer(f"**{has}** has this thread.\n" + "\n".join(lines))

    def _line(self, handoff: Handoff) -> str:
        team = self._team()
        at = show_time(handoff.at, team.zone, now=self._clock.now())
        by = f", by {name_of(team, handoff.by)}" if handoff.by is not None else ""
        return f"- {handoff.giver} → {handoff.taker}, {at}{by}{_task(handoff)}"


def _task(handoff: Handoff) -> str:
    if not handoff.task:
        return "" if handoff.by is not None else ": done"
    line = fenced_text(" ".join(handoff.task.split())).replace("`", "'")
    return f": `{verbatim(clipped(line, _TASK))}`"
