"""`/remind`: me, list, done, snooze, cancel; and the buttons of a reminder."""

import asyncio
import re
from collections.abc import Callable

from gateway.commands.grammar import ParsedCommand
from gateway.commands.ports import Answer, Request
from gateway.commands.words import unquoted
from runtime.access import authorize
from runtime.asking import read_sentence
from runtime.clock import Clock
from runtime.errors import NotATime, Refused
from runtime.forms import UNTIL, WHAT, WHEN
from runtime.model.access import Action
from runtime.model.events import ButtonPress, FormSubmit
from runtime.model.localtime import show_distance, show_time
from runtime.model.messages import Content
from runtime.model.reminder import Reminder, ReminderState
from runtime.model.schedule import When, WhenKind
from runtime.model.team import Team
from runtime.ports import Timetable
from runtime.reminders import SNOOZES, NewReminder, ReminderService
from runtime.text import verbatim

_LONGEST_NUMBER = 9
# "/remind snooze 3 1 hour" is in an hour.
_A_WHILE = re.compile(
    r"(?:for\s+)?(?=(?:\d+|an?|half\s+an)\s*(?:min|hour|day|week)|\d+\s*[mhd]\b)", re.IGNORECASE
)
_ONE_TIME = "Write for example: in 2 hours, tomorrow at 9am, monday at 10, 2026-12-01 14:00."


class ReminderCommands:
    """The commands of the noun `remind`, and its buttons and forms."""

    def __init__(
        self,
        service: ReminderService,
        timetable: Timetable,
        *,
        team: Callable[[], Team],
        clock: Clock,
    ) -> None:
        """Make and change reminders through `service`."""
        self._service = service
        self._timetable = timetable
        self._team = team
        self._clock = clock

    async def __call__(self, command: ParsedCommand, request: Request) -> Answer:
        """Carry out one of them."""
        authorize(self._team(), request.sender, Action.REMIND)
        match command.verb:
            case "me":
                return await self._make(command, request)
            case "list":
                return await self._list(request)
            case "snooze":
                reminder = await self._find(command.args[0], request)
                return await self._snooze_until(reminder, " ".join(command.args[1:]), request)
            case "done":
                reminder = await self._service.done(await self._find(command.args[0], request))
                return Answer(self._done(reminder))
            case _:
                reminder = await self._service.cancel(await self._find(command.args[0], request))
                return Answer(f"Reminder {reminder.number} is cancelled.")

    async def done(self, press: ButtonPress, request: Request) -> Answer:
        """The button Done."""
        reminder = await self._pressed(press.value, request)
        await self._service.done(reminder)
        return Answer("", updates=_ended(reminder, "done"))

    async def snooze(self, press: ButtonPress, request: Request) -> Answer:
        """A button that says for how long."""
        this, _, key = press.value.partition(":")
        reminder = await self._pressed(this, request)
        if key not in SNOOZES:
            raise Refused("This button no longer does anything.")
        until = request.at + SNOOZES[key][1]
        return await self._snoozed(
            reminder,
            When(kind=WhenKind.ONCE, at=until, zone=self._zone(request), said=SNOOZES[key][0]),
            request,
        )

    async def snooze_until(self, press: ButtonPress, request: Request) -> Answer:
        """The button that asks for another time, where the platform has no form to ask with."""
        reminder = await self._pressed(press.value, request)
        return Answer(
            "When shall I remind you again? Write, for example: "
            f"`/remind snooze {reminder.number} tomorrow at 9am`"
        )

    async def snooze_form(self, form: FormSubmit, request: Request) -> Answer:
        """The form of that button."""
        reminder = await self._pressed(form.value, request)
        return await self._snooze_until(reminder, dict(form.answers).get(UNTIL, ""), request)

    async def make_form(self, form: FormSubmit, request: Request) -> Answer:
        """The form of `/remind me` without its words."""
        authorize(self._team(), request.sender, Action.REMIND)
        answers = dict(form.answers)
        when = await self._read(answers.get(WHEN, ""), request)
        return await self._made(when, answers.get(WHAT, "").strip(), request)

    async def _make(self, command: ParsedCommand, request: Request) -> Answer:
        zone = self._zone(request, command.options.get("tz", ""))
        # Not on the loop: the first time that is read brings in what reads it.
        when, text = await asyncio.to_thread(
            read_sentence, command.tail, self._timetable, now=request.at, zone=zone
        )
        return await self._made(when, unquoted(text), request)

    async def _made(self, when: When, text: str, request: Request) -> Answer:
        reminder = await self._service.create(
            NewReminder(
                key=request.id,
                person=request.sender,
                text=text,
                when=when,
                made_in=request.thread,
            )
        )
        now = self._clock.now()
        again = (
            f" It comes again {self._timetable.describe(when)}."
            if when.kind is WhenKind.CRON
            else ""
        )
        if reminder.next_at is None:
            return Answer(f"Reminder {reminder.number} was made.")
        by = "by direct message" if reminder.next_at > now else "so it comes at once"
        return Answer(
            f"Reminder {reminder.number}: {self._next(reminder)}, {by}: "
            f"{verbatim(reminder.text)}.{again} `/remind cancel {reminder.number}` takes it back."
        )

    async def _list(self, request: Request) -> Answer:
        reminders = await self._service.open_of(request.sender)
        if not reminders:
            return Answer("You have no reminders. `/remind me in 2 hours to call Bob` makes one.")
        lines = []
        for one in reminders:
            said = self._next(one) if one.next_at else "reminded, not done"
            again = " (again and again)" if one.when.kind is WhenKind.CRON else ""
            lines.append(f"- **{one.number}** {said}{again}: {verbatim(one.text)}")
        return Answer("**Your reminders**\n" + "\n".join(lines))

    async def _snooze_until(self, reminder: Reminder, words: str, request: Request) -> Answer:
        if found := _A_WHILE.match(words):
            words = f"in {words[found.end() :]}"
        try:
            when = await self._read(words, request)
        except NotATime as error:
            raise NotATime(error.message, hint=_ONE_TIME) from None
        if when.kind is WhenKind.CRON:
            raise Refused(
                "A reminder is put off to one time, not to one that repeats.",
                hint=f"{_ONE_TIME} For {verbatim(when.said)} make another, with /remind me.",
            )
        return await self._snoozed(reminder, when, request)

    async def _snoozed(self, reminder: Reminder, when: When, request: Request) -> Answer:
        until = self._timetable.next_after(when, request.at)
        if until is None:
            raise Refused("That time has passed, or never comes.")
        moved = await self._service.snooze(reminder, until, key=request.id)
        if moved.state is not ReminderState.WAITING:
            raise Refused(f"Reminder {moved.number} is {moved.state} already.")
        again = self._next(moved)
        apart = moved.id != reminder.id
        also = f", as reminder {moved.number}. Reminder {reminder.number} keeps its own times"
        return Answer(
            f"I remind you again {again}{also if apart else ''}.",
            updates=_ended(reminder, f"again {again}"),
        )

    async def _read(self, words: str, request: Request) -> When:
        return await asyncio.to_thread(
            self._timetable.read, words.strip(), now=request.at, zone=self._zone(request)
        )

    async def _find(self, text: str, request: Request) -> Reminder:
        number = text.removeprefix("#")
        if not (number.isdecimal() and number.isascii() and len(number) <= _LONGEST_NUMBER):
            raise Refused(
                f"“{text[:20]}” is no reminder's number.", hint="/remind list shows the numbers."
            )
        return await self._service.find(int(number), request.sender)

    async def _pressed(self, value: str, request: Request) -> Reminder:
        authorize(self._team(), request.sender, Action.REMIND)
        return await self._service.pressed(value, request.sender)

    def _zone(self, request: Request, named: str = "") -> str:
        return self._timetable.check_zone(named or self._team().zone_of(request.sender))

    def _done(self, reminder: Reminder) -> str:
        """What to say once it is done: what comes again and again does so all the same."""
        this = f"Reminder {reminder.number}"
        if reminder.state is not ReminderState.WAITING:
            return f"{this} is done."
        again = f"comes again {self._next(reminder)}"
        return f"{this} {again}. `/remind cancel {reminder.number}` ends it."

    def _next(self, reminder: Reminder) -> str:
        """When it comes: `Mon 23 Nov 09:00 CET (in 2 days)`."""
        now = self._clock.now()
        at = reminder.next_at or now
        zone = reminder.when.zone
        return f"{show_time(at, zone, now=now)} ({show_distance(at - now)})"


def _ended(reminder: Reminder, how: str) -> Content:
    """What the message of a reminder becomes once its buttons have done their work."""
    return Content(f"**Reminder:** {reminder.text}\n_{how[:1].upper()}{how[1:]}._")
