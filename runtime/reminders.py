"""Reminders: made in words, sent once by direct message, done or snoozed by the person.

The table is the truth. A tick reads what is due, asks the platform for the person's direct
conversation, and then writes the next state and the message in one transaction: whoever is first
sends it, so any number of processes may tick.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from runtime.access import permits
from runtime.clock import Clock
from runtime.egress import Withheld, clear_personal
from runtime.errors import Conflict, Permanent, Refused, Retryable
from runtime.ids import OutboxId, Platform, ReminderId, derived
from runtime.model.access import Action, Resource
from runtime.model.address import Principal, ThreadRef
from runtime.model.localtime import show_time
from runtime.model.messages import Button, Cleared, Content, Proactive, Reply
from runtime.model.reminder import Reminder, ReminderEvent, ReminderState, after
from runtime.model.schedule import When, WhenKind
from runtime.model.team import Team
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store, Timetable

log = logging.getLogger("nightdesk.reminders")

DONE = "reminder.done"
SNOOZE = "reminder.snooze"
SNOOZE_UNTIL = "reminder.snooze_until"
SNOOZES: Mapping[str, tuple[str, timedelta]] = {
    "10m": ("In 10 min", timedelta(minutes=10)),
    "1h": ("In 1 hour", timedelta(hours=1)),
    "1d": ("In 1 day", timedelta(days=1)),
}
"""The snooze buttons: what each carries, says and means."""

TRY_AGAIN = timedelta(seconds=30)
"""How long until a reminder is tried again whose person could not be reached."""
LATE = timedelta(minutes=5)
"""From this lateness on the message says when it was planned for."""
MOST_OPEN = 100
"""Reminders that a person may have waiting."""
_AT_ONCE = 200
_TRIES = 3
"""How often a change is tried again that another one overtook."""


@value(kw_only=True)
class NewReminder:
    """A reminder as a person asks for it.

    Attributes:
        key: names the asking: the inbox row or the tool call. The same key makes one reminder.
        person: who is to be reminded.
        text: of what.
        when: the times, as the timetable read them.
        made_in: where they asked.
    """

    key: str
    person: Principal
    text: str
    when: When
    made_in: ThreadRef


def _id_of(key: str) -> ReminderId:
    return ReminderId(derived("reminder", key))


class ReminderService:
    """Makes, changes and sends reminders."""

    def __init__(
        self,
        store: Store,
        timetable: Timetable,
        chats: Mapping[Platform, ChatPort],
        *,
        team: Callable[[], Team],
        split: Splitter,
        clock: Clock,
        wake_outbox: Callable[[], None],
        held: Callable[[], bool] = lambda: False,
    ) -> None:
        """Serve the reminders of `store` to the people of `team`, over `chats`.

        None is sent while `held` says so; those that are due come late then.
        """
        self._held = held
        self._reminders = store.reminders
        self._timetable = timetable
        self._chats = chats
        self._team = team
        self._split = split
        self._clock = clock
        self._wake_outbox = wake_outbox
        self._listeners: list[Callable[[], None]] = []
        self._under_way: set[Platform] = set()
        self._put_off: dict[Platform, datetime] = {}
        self._failures = Counter[ReminderId]()

    def on_change(self, listener: Callable[[], None]) -> None:
        """Call the listener whenever a reminder was given a time, to wake the ticker early."""
        self._listeners.append(listener)

    # ---- making and changing

    async def create(self, new: NewReminder) -> Reminder:
        """Store a reminder; for a key that made one before, that one.

        A single time that passed since it was asked for stands: it is sent at once.

        Raises:
            Refused: its time never comes, it says nothing, or the person has too many.
        """
        if known := await self.made(new.key):
            return known
        if not new.text:
            raise Refused(
                "Of what am I to remind you?",
                hint="For example: /remind me in 2 hours to call Bob.",
            )
        open_now = await self._reminders.open_of(self._also(new.person), limit=MOST_OPEN + 1)
        waiting = sum(one.state is ReminderState.WAITING for one in open_now)
        if waiting >= MOST_OPEN:
            raise Refused(
                f"You have {MOST_OPEN} reminders waiting, which is the most.",
                hint="/remind list shows them, /remind cancel <number> takes one away.",
            )
        now = self._clock.now()
        reminder = await self._reminders.add(
            Reminder(
                id=_id_of(new.key),
                person=new.person,
                text=new.text,
                when=new.when,
                made_in=new.made_in,
                next_at=self._first(new.when, now),
                created_at=now,
            )
        )
        log.info("reminder.made", extra={"reminder": reminder.id, "next": str(reminder.next_at)})
        self._announce()
        return reminder

    async def made(self, key: str) -> Reminder | None:
        """What was made for that key, or None."""
        return await self._reminders.by_id(_id_of(key))

    async def open_of(self, person: Principal) -> list[Reminder]:
        """The person's reminders that are not done, those that come first at the top."""
        return await self._reminders.open_of(self._also(person))

    async def find(self, number: int, person: Principal) -> Reminder:
        """The person's reminder of that number.

        Raises:
            Refused: there is none; those of others are none.
        """
        reminder = await self._reminders.get(number)
        if reminder is None or not self._own(reminder, person):
            raise Refused(
                f"You have no reminder {number}.", hint="/remind list shows those you have."
            )
        return reminder

    async def pressed(self, value: str, person: Principal) -> Reminder:
        """The reminder whose id a button carries.

        Raises:
            Refused: it is somebody else's, or is there no more.
        """
        reminder = await self._reminders.by_id(ReminderId(value))
        if reminder is None:
            raise Refused("This reminder is not there any more.", hint="/remind list shows yours.")
        if not self._own(reminder, person):
            raise Refused("This reminder is somebody else's.", hint="/remind list shows yours.")
        return reminder

    async def done(self, reminder: Reminder) -> Reminder:
        """Note that it is done; one that comes again and again comes again.

        Raises:
            Refused: it was cancelled.
        """
        if reminder.when.kind is WhenKind.CRON and reminder.state is ReminderState.WAITING:
            return reminder
        return await self._change(reminder, ReminderEvent.DONE, None)

    async def cancel(self, reminder: Reminder) -> Reminder:
        """Cancel it.

        Raises:
            Refused: it is done.
        """
        return await self._change(reminder, ReminderEvent.CANCELLED, None)

    async def snooze(self, reminder: Reminder, until: datetime, *, key: str) -> Reminder:
        """Remind again at that time; one that comes again and again keeps its own times too.

        A time that passed since it was asked for stands.

        Raises:
            Refused: it was cancelled.
        """
        if reminder.when.kind is WhenKind.CRON:
            zone = self._team().zone_of(reminder.person)
            said = f"again, {reminder.when.said}"
            when = When(kind=WhenKind.ONCE, at=until, zone=zone, said=said)
            return await self.create(
                NewReminder(
                    key=f"snooze {key}",
                    person=reminder.person,
                    text=reminder.text,
                    when=when,
                    made_in=reminder.made_in,
                )
            )
        return await self._change(reminder, ReminderEvent.SNOOZED, until)

    # ---- sending

    async def tick(self) -> datetime | None:
        """Send what is due; returns when to look again, or None where nothing waits."""
        if self._held():
            return None
        now = self._clock.now()
        # Side by side, and whatever becomes of one: a platform that does not answer is alone late.
        ends = await asyncio.gather(
            *(self._send_due(platform, now) for platform in self._chats), return_exceptions=True
        )
        times = [await self._reminders.next_time(after=now)]
        for end in ends:
            if isinstance(end, BaseException):
                raise end
            times.append(end)
        return min((at for at in times if at is not None), default=None)

    async def _send_due(self, platform: Platform, now: datetime) -> datetime | None:
        """Send what is due on that platform; returns when to look again, where that is known.

        One that cannot be sent puts the rest off, and comes last the next time: it is most likely
        the platform, but may be this person.
        """
        # Farther away it is of a clock that was set back since.
        if now < (put_off := self._put_off.get(platform, now)) <= now + TRY_AGAIN:
            return put_off
        if platform in self._under_way:  # an earlier tick's, which says when to look again
            return None
        self._under_way.add(platform)
        try:
            due = await self._reminders.due(now=now, platform=platform, limit=_AT_ONCE)
            for reminder in sorted(due, key=lambda one: self._failures[one.id]):
                if not await self._remind(reminder, now):
                    self._put_off[platform] = self._clock.now() + TRY_AGAIN
                    return self._put_off[platform]
        finally:
            self._under_way.discard(platform)
        return now if len(due) == _AT_ONCE else None

    async def _remind(self, reminder: Reminder, now: datetime) -> bool:
        """Send it; False where the platform could not be asked."""
        rows = []
        try:
            message = await self._message(reminder, now)
        except Retryable as error:
            self._failures[reminder.id] += 1
            log.warning("reminder.put_off", extra={"reminder": reminder.id, "why": str(error)})
            return False
        self._failures.pop(reminder.id, None)
        becomes, next_at = after(reminder.state, ReminderEvent.REMINDED), None
        if isinstance(message, Withheld):
            becomes = ReminderState.CANCELLED
            log.error("reminder.withheld", extra={"reminder": reminder.id, "why": message.reason})
        else:
            rows = compose(message, split=self._split, now=now)
            next_at = self._again(reminder.when, now)
            becomes = ReminderState.WAITING if next_at else becomes
        if await self._reminders.remind(reminder, becomes=becomes, next_at=next_at, rows=rows):
            log.info("reminder.due", extra={"reminder": reminder.id, "planned": reminder.next_at})
            self._wake_outbox()
        return True

    async def _message(self, reminder: Reminder, now: datetime) -> Reply | Cleared | Withheld:
        """The message: to the person's direct conversation, or else where they asked.

        Raises:
            Retryable: the platform could not be asked where that is.
        """
        planned = reminder.next_at or now
        content = self.card(reminder, planned, now=now)
        this = OutboxId(derived("reminder", reminder.id, planned.isoformat()))
        try:
            thread = await self._chats[reminder.person.platform].direct(reminder.person)
        except Permanent as error:
            log.warning("reminder.no_direct", extra={"reminder": reminder.id, "why": str(error)})
            if not permits(self._team(), reminder.person, Action.REMIND):
                return Withheld("the person is no member of the team any more")
            return Reply(
                id=this, thread=reminder.made_in, content=content, only_for=reminder.person
            )
        message = Proactive(id=this, thread=thread, content=content)
        return clear_personal(message, self._team(), reminder.person)

    def card(self, reminder: Reminder, planned: datetime, *, now: datetime) -> Content:
        """What the person sees, with buttons to say that it is done, or when to say it again."""
        late = now - planned >= LATE
        zone = reminder.when.zone
        was = f"\n_It was for {show_time(planned, zone, now=now)}._" if late else ""
        buttons = [Button("Done", DONE, reminder.id)]
        buttons += [
            Button(label, SNOOZE, f"{reminder.id}:{key}") for key, (label, _) in SNOOZES.items()
        ]
        buttons.append(Button("Another time…", SNOOZE_UNTIL, reminder.id))
        return Content(f"**Reminder:** {reminder.text}{was}", tuple(buttons))

    # ---- within

    async def _change(
        self, reminder: Reminder, event: ReminderEvent, next_at: datetime | None
    ) -> Reminder:
        """Apply the event to the reminder as it is, again where it has come due meanwhile."""
        for _ in range(_TRIES):
            try:
                becomes = after(reminder.state, event)
            except Conflict:
                raise Refused(f"Reminder {reminder.number} is {reminder.state} already.") from None
            if becomes is reminder.state and next_at == reminder.next_at:
                return reminder
            changed = await self._changed(reminder, becomes, next_at)
            reminder = await self._reminders.by_id(reminder.id) or reminder
            if changed:
                self._announce()
                return reminder
        raise Conflict(f"reminder {reminder.number} keeps changing")

    async def _changed(
        self, reminder: Reminder, becomes: ReminderState, next_at: datetime | None
    ) -> bool:
        """Write the change; False where the reminder is no longer as it was read."""
        try:
            await self._reminders.change(
                reminder.id, was=reminder.state, becomes=becomes, next_at=next_at
            )
        except Conflict:
            return False
        return True

    def _own(self, reminder: Reminder, person: Principal) -> bool:
        theirs = Resource(belongs_to=reminder.person)
        return permits(self._team(), person, Action.REMIND, theirs)

    def _also(self, person: Principal) -> tuple[Principal, ...]:
        """The person, on every platform where they are known."""
        member = self._team().member_of(person)
        return member.principals if member else (person,)

    def _first(self, when: When, now: datetime) -> datetime:
        if when.kind is WhenKind.ONCE and when.at is not None:
            return when.at
        first = self._timetable.next_after(when, now)
        if first is None:
            raise Refused("That time never comes.")
        return first

    def _again(self, when: When, now: datetime) -> datetime | None:
        return self._timetable.next_after(when, now) if when.kind is WhenKind.CRON else None

    def _announce(self) -> None:
        for listener in self._listeners:
            listener()
