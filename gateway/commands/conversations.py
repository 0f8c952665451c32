"""`/new` and `/resume`: what a person does to the conversation of a thread."""

from collections.abc import Callable, Collection

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Control, Request
from runtime.access import authorize
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.model.access import Action
from runtime.model.conversation import Conversation
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.text import verbatim

_SHOWN = 10
"""Conversations that a list has: those that the thread was in last."""
_DIGITS = 5


class ConversationCommands:
    """Begins conversations, and goes back to earlier ones."""

    def __init__(self, control: Control, *, team: Callable[[], Team], clock: Clock) -> None:
        """Act through `control`, for the people of `team`."""
        self._control = control
        self._team = team
        self._clock = clock

    async def new(self, _command: ParsedCommand, request: Request) -> Answer:
        """`/new`."""
        team = self._team()
        authorize(team, request.sender, Action.CONVERSE)
        rule = team.rule_of(request.thread.channel)
        agent = rule.agent if rule else team.agents[0].name
        await self._control.new(request.thread, agent, key=request.id)
        return Answer("A fresh conversation begins here. `/resume` goes back.", private=False)

    async def resume(self, command: ParsedCommand, request: Request) -> Answer:
        """`/resume [number]`.

        Conversations are numbered by age, so that a command that is carried out again after a crash
        means the same one whatever the thread is bound to by then. Without a number it goes back
        to the oldest at most: in that one it only says where the thread is.
        """
        authorize(self._team(), request.sender, Action.CONVERSE)
        bound = await self._control.earlier(request.thread)
        by_age = sorted(bound, key=lambda conversation: (conversation.created_at, conversation.id))
        present = by_age.index(bound[0]) if bound else 0
        if command.args:
            chosen = _number(command.args[0], len(by_age)) - 1
        elif present == 1:  # one is older: that is what "go back" means
            chosen = 0
        else:
            return Answer(self._choice(by_age, present, bound[:_SHOWN]))
        await self._control.resume(request.thread, by_age[chosen].id)
        return Answer(
            f"Back in conversation {chosen + 1}: {_title(by_age[chosen])}.", private=False
        )

    def _choice(
        self, by_age: list[Conversation], present: int, shown: Collection[Conversation]
    ) -> str:
        if len(by_age) <= 1:
            return "This thread has no other conversation yet. `/new` begins one."
        zone, now = self._team().zone, self._clock.now()
        lines = [
            f"{place + 1}. {_title(conversation)}, begun "
            f"{show_time(conversation.created_at, zone, now=now)}"
            + (" (the present one)" if place == present else "")
            for place, conversation in enumerate(by_age)
            if conversation in shown
        ]
        if more := len(by_age) - len(lines):
            are = "is 1" if more == 1 else f"are {more}"
            lines.append(f"There {are} more: every number from 1 to {len(by_age)} is one.")
        here = f"This thread is in conversation 1: {_title(by_age[0])}. " if present == 0 else ""
        return f"{here}Which one? Write `/resume <number>`.\n" + "\n".join(lines)


def _title(conversation: Conversation) -> str:
    title = verbatim(conversation.title).replace("`", "'").strip()
    return f"`{title}`" if title else "nothing said yet"


def _number(text: str, most: int) -> int:
    if text.isdecimal() and len(text) <= _DIGITS and 1 <= int(text) <= most:
        return int(text)
    if most <= 1:
        raise Refused("This thread has no other conversation.", hint="/new begins one.")
    two = most == 2  # noqa: PLR2004 - both are named then
    right = "/resume 1 or /resume 2" if two else f"/resume with a number from 1 to {most}"
    raise Refused(f"There is no conversation “{text[:20]}” here.", hint=f"Write {right}.")
