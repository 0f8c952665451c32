"""The tool that makes reminders."""

from collections.abc import Callable, Mapping
from typing import Annotated

from runtime.clock import Clock
from runtime.ids import derived
from runtime.model.access import Action
from runtime.model.localtime import show_time
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.team import Team
from runtime.model.tools import Json, Risk
from runtime.model.value import value
from runtime.ports import Timetable, ToolContext
from runtime.reminders import NewReminder, ReminderService
from runtime.signature import Arguments
from runtime.tools.registry import Effect, Tool
from runtime.tools.times import Time, asked_in, fixed_time, read_time


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
                exact=self.exact,
            ),
        )

    async def exact(self, arguments: Arguments, context: ToolContext) -> Mapping[str, Json]:
        """The time itself: “tomorrow” is another day when somebody says yes.

        Raises:
            Refused: it is none, or it has passed.
        """
        zone = self.team().zone_of(context.requester)
        now, said = self.clock.now(), arguments["when"]
        return {"when": await fixed_time(self.timetable, said, now=now, zone=zone)}

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
        # Done twice, after a crash, it may be past its time, and was made in time.
        this = derived("tool", key)
        known = await self.service.made(this)
        return self._told(known or await self._make(this, context, when, text))

    async def _make(self, key: str, context: ToolContext, when: str, text: str) -> Reminder:
        thread, now = asked_in(context), self.clock.now()
        zone = self.team().zone_of(context.requester)
        times = await read_time(self.timetable, when, now=now, zone=zone)
        return await self.service.create(
            NewReminder(
                key=key,
                person=context.requester,
                text=text.strip(),
                when=times,
                made_in=thread,
            )
        )

    def _told(self, made: Reminder) -> str:
        this = f"Reminder {made.number}"
        if made.state is not ReminderState.WAITING or made.next_at is None:
            return f"{this} was made, and is {made.state} by now: “{made.text}”."
        at = show_time(made.next_at, made.when.zone, now=self.clock.now())
        return (
            f"{this}: {at}, by direct message: “{made.text}”. Undo: /remind cancel {made.number}."
        )
