"""Whether schedules may still run: each does so with the rights that who made it has now.

Looked at when a planned time comes. Where the right is gone the schedule is paused, and its
channel, who made it and the owners hear that once, with how to give it back. So is one that failed
time after time: what nobody repairs costs money and goes on saying the same.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping

from runtime.access import permits
from runtime.approvers import name_of
from runtime.clock import Clock
from runtime.egress import Withheld, clear, clear_personal
from runtime.errors import Conflict, Permanent, Retryable
from runtime.ids import OutboxId, Platform, RunId, derived
from runtime.model.access import Action
from runtime.model.address import ThreadRef
from runtime.model.messages import Content, Proactive
from runtime.model.schedule import OccurrenceState, Schedule, ScheduleState
from runtime.model.team import Team
from runtime.model.value import value
from runtime.outbox import Splitter, compose
from runtime.ports import ChatPort, Store
from runtime.text import verbatim

log = logging.getLogger("nightdesk.schedules")

TellOwners = Callable[[str, str], Awaitable[bool]]
"""Tells every owner something, once for each key."""
_QUOTE = 200
MOST_FAILURES = 5
"""Runs of a schedule that may fail one after the other."""


def objection(team: Team, schedule: Schedule) -> str:
    """Why the schedule may not run, as the team is now; empty where it may."""
    if permits(team, schedule.made_by, Action.SCHEDULE_WRITE):
        return ""
    member = team.member_of(schedule.made_by)
    name = name_of(team, schedule.made_by)
    now = f"is only {member.role} now" if member else f"is no longer in {team.name}"
    return f"{name}, who made it, {now}, and a schedule runs with the rights of who made it"


def remedy(schedule: Schedule) -> str:
    """How to give it back."""
    return (
        "To let it go on, give them a role that may have schedules (`/member list` shows who has "
        f"which), then `/schedule resume {schedule.number}`. Or make it anew in your own name with "
        f"`/schedule create`, and `/schedule delete {schedule.number}`."
    )


@value(kw_only=True)
class ScheduleHolds:
    """Pauses schedules whose right is gone.

    Attributes:
        store: the database.
        chats: the platforms by name.
        team: the team as it is now.
        split: cuts a text into messages.
        clock: the clock.
        tell_owners: tells the owners.
    """

    store: Store
    chats: Mapping[Platform, ChatPort]
    team: Callable[[], Team]
    split: Splitter
    clock: Clock
    tell_owners: TellOwners

    async def hold(self, run: RunId, schedule: Schedule) -> None:
        """Pause the schedule, to which there is an objection, because of this run of it.

        Said again for the same run, as after a crash, it pauses nothing more and tells nobody
        twice; of several runs of one schedule the one that paused it tells.
        """
        why = objection(self.team(), schedule)
        if why and await self._paused(run, schedule):
            log.warning("schedule.held", extra={"schedule": schedule.id, "why": why})
            await self._tell(run, schedule, self._words(schedule, why, remedy(schedule)))

    async def failed(self, run: RunId, schedule: Schedule, *, stopped: str) -> None:
        """Pause the schedule where this run is the last of too many that failed in a row.

        Said again for the same run, it pauses nothing more and tells nobody twice. A run whose
        error is `stopped` did not fail. Of a schedule that was resumed one more failure is enough.
        """
        found = await self.store.schedules.history(schedule=schedule.id, limit=MOST_FAILURES)
        failures = [
            one for one in found if one.state is OccurrenceState.FAILED and one.error != stopped
        ]
        if len(failures) < MOST_FAILURES or schedule.state is ScheduleState.FINISHED:
            return
        if not await self._paused(run, schedule):
            return
        why = f"it failed {MOST_FAILURES} times in a row, the last time with: {failures[0].error}"
        log.warning("schedule.held", extra={"schedule": schedule.id, "why": why})
        hint = (
            f"`/schedule show {schedule.number}` shows its runs; "
            f"`/schedule resume {schedule.number}` lets it go on."
        )
        await self._tell(run, schedule, self._words(schedule, why, hint))

    async def _paused(self, run: RunId, schedule: Schedule) -> bool:
        """Pause it; whether it is this run that says so."""
        if schedule.state is ScheduleState.FINISHED:  # this was its only time
            return True
        if schedule.state is not ScheduleState.ACTIVE:
            return schedule.held == run
        try:
            await self.store.schedules.change(
                schedule.id,
                was=ScheduleState.ACTIVE,
                becomes=ScheduleState.PAUSED,
                next_at=None,
                held=run,
            )
        except Conflict:
            now = await self.store.schedules.by_id(schedule.id)
            return now is not None and now.held == run
        return True

    async def _tell(self, run: RunId, schedule: Schedule, text: str) -> None:
        key = f"schedule {schedule.id} held by {run}"
        place = await self._tell_channel(key, schedule, text)
        await self._tell_maker(key, schedule, text, besides=place)
        await self.tell_owners(key, text)

    async def _tell_channel(self, key: str, schedule: Schedule, text: str) -> ThreadRef:
        known = await self.store.trust.of(schedule.target.channel)
        message = Proactive(
            id=OutboxId(derived(key, "channel")),
            thread=schedule.target,
            content=Content(text, ours=True),
        )
        cleared = clear(message, self.team(), known)
        if not isinstance(cleared, Withheld):
            now = self.clock.now()
            await self.store.outbox.enqueue(compose(cleared, split=self.split, now=now))
        return schedule.target

    async def _tell_maker(
        self, key: str, schedule: Schedule, text: str, *, besides: ThreadRef
    ) -> None:
        """Tell who made it, if they are still in the team; the owners are told anyway."""
        who, team = schedule.made_by, self.team()
        chat = self.chats.get(who.platform)
        if chat is None or permits(team, who, Action.TOLD):
            return
        try:
            thread = await chat.direct(who)
        except (Retryable, Permanent) as error:
            log.info("schedule.maker_not_told", extra={"why": str(error)})
            return
        message = Proactive(
            id=OutboxId(derived(key, "maker")), thread=thread, content=Content(text, ours=True)
        )
        cleared = clear_personal(message, team, who)
        if thread != besides and not isinstance(cleared, Withheld):
            now = self.clock.now()
            await self.store.outbox.enqueue(compose(cleared, split=self.split, now=now))

    def _words(self, schedule: Schedule, why: str, how_to_go_on: str) -> str:
        what = verbatim(" ".join(schedule.instruction.split())[:_QUOTE].replace("`", "'"))
        if schedule.state is ScheduleState.FINISHED:
            return f"Schedule {schedule.number} (`{what}`) did not run: {why}."
        return f"Schedule {schedule.number} (`{what}`) is paused: {why}.\n{how_to_go_on}"
