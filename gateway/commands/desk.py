"""The desk that takes commands: reads them, hands each to its noun, words what went wrong."""

from collections.abc import Callable, Mapping

from gateway.commands.conversations import ConversationCommands
from gateway.commands.grammar import UsageError, explain, parse
from gateway.commands.help import help_command
from gateway.commands.model import ModelCommand
from gateway.commands.ports import Answer, Control, Noun, Request
from gateway.commands.schedules import ScheduleCommands
from gateway.commands.status import StatusCommand
from gateway.http import Health
from runtime import words
from runtime.clock import Clock
from runtime.errors import Refused
from runtime.ids import ModelName
from runtime.model.events import ButtonPress, Received
from runtime.model.messages import Content
from runtime.model.team import Team
from runtime.ports import ModelPort, Store, Timetable
from runtime.schedules import ScheduleService


class CommandDesk:
    """Answers commands and button presses. Implements `runtime.ports.Commands`."""

    def __init__(
        self,
        store: Store,
        schedules: ScheduleService,
        timetable: Timetable,
        control: Control,
        models: Mapping[ModelName, ModelPort],
        health: Health,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Take commands.

        Args:
            store: the database, to show what is in it.
            schedules: makes and changes schedules.
            timetable: reads times.
            control: acts on conversations.
            models: the models by name.
            health: looks at everything.
            team: the configuration as it is now.
            clock: for what is shown relative to now.
        """
        conversations = ConversationCommands(control, team=team, clock=clock)
        self._nouns: dict[str, Noun] = {
            "schedule": ScheduleCommands(
                schedules, store.schedules, timetable, team=team, clock=clock
            ),
            "new": conversations.new,
            "resume": conversations.resume,
            "stop": conversations.stop,
            "model": ModelCommand(models, team=team),
            "status": StatusCommand(health, store.schedules, team=team, clock=clock),
            "help": help_command,
        }

    async def answer(self, received: Received) -> tuple[Content, bool]:
        """See `runtime.ports.Commands`."""
        body = received.inbound.body
        if isinstance(body, ButtonPress):
            return Content("This button no longer does anything."), True
        request = Request(
            id=received.id,
            thread=received.inbound.thread,
            sender=received.inbound.sender,
            at=received.received_at,
        )
        answer = await self._carry_out(body.text, request)
        return Content(answer.text), answer.private

    async def _carry_out(self, text: str, request: Request) -> Answer:
        command = parse(text)
        if isinstance(command, UsageError):
            return Answer(explain(command))
        try:
            return await self._nouns[command.noun](command, request)
        except Refused as refused:
            return Answer(words.explain(refused))
