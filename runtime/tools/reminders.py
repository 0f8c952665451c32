"""The tool that makes reminders."""

from collections.abc import Callable
from typing import Annotated

from runtime.clock import Clock
from runtime.ids import derived
from runtime.model.access import Action
from runtime.model.localtime import show_time
from runtime.model.team import Team
from runtime.model.tools import Risk
from runtime.model.value import value
from runtime.ports import Timetable, ToolContext
from runtime.reminders import NewReminder, ReminderService
from runtime.tools.registry import Effect, Tool
from runtime.tools.times import Time, asked_in, read_time


@value(kw_only=True)
class ReminderTools:
    """The functions of the tools, each for the person that the agent acts for.

    Attributes:
        service: makes reminders.
        timetable: reads times.
        team: the configuration as it is now.
        clock: the clock.
    """

    service: ReminderService
    timetable: Timetable
    team: Callable[[], Team]
    clock: Clock

    def tools(self) -> tuple[Tool, ...]:
        """The tools, for the registry."""
        return (
            Tool(
                name="reminder.create",
                about="Remind the person you are talking with, by direct message, of something.",
                run=self.create,
                needs=Action.REMIND,
                risk=Risk.WRITE,
                effect=Effect.OWN,
            ),
        )

    async def create(
        self,
        context: ToolContext,
        key: str,
        /,
        *,
        when: Time,
        text: Annotated[str, "What the person is to be reminded of, in their words."],
    ) -> str:
        """`reminder.create`."""
        team = self.team()
        thread = asked_in(context)
        times = await read_time(
            self.timetable,
            when,
            now=self.clock.now(),
            zone=team.zone_of(context.requester),
        )
        reminder = await self.service.create(
            NewReminder(
                key=derived("tool", key),
                person=context.requester,
                text=text.strip(),
                when=times,
                made_in=thread,
            )
        )
        at = reminder.next_at or self.clock.now()
        return (
            f"Reminder {reminder.number}: {show_time(at, times.zone, now=self.clock.now())}, by "
            f"direct message: “{reminder.text}”. Undo: /remind cancel {reminder.number}."
        )
