"""No loops: how often a program is answered in a row, before a person must have said something.

A platform's own bots are not heard at all: every adapter drops what the platform signs as a bot's.
This is for programs that speak through an account like a person's, which the team lists as `bot`:
each message of theirs is a reason for one of ours, and ours may be a reason for one of theirs.
What is counted is the conversation's log, so a restart forgets nothing.
"""

import json
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple
from datetime import datetime, timedelta

from runtime.clock import Clock
from runtime.ids import AgentName, derived
from runtime.model.address import ChannelRef
from runtime.model.conversation import Entry, Role
from runtime.model.state import Kept, Space, StateFull, VersionConflict
from runtime.model.team import Team
from runtime.model.turn import TurnStart
from runtime.ports import States

MOST_IN_A_ROW = 6
"""Messages of programs and agents in one thread, without a person in between: three each."""
MOST_ANSWERS = (MOST_IN_A_ROW - 1) // 2
"""Answers to one program in one channel: with as many of its own, and one of ours to the person who
began it, that is five."""
UNANSWERED = "Not answered: too many messages of programs in a row."
"""What the log keeps in the place of an answer. It is not sent: it would be one message more."""
WINDOW = timedelta(minutes=10)
"""What is older is over: a program that says something now and then is answered each time."""

_PAIRS = Space(agent=AgentName(":pairs"))
"""No agent has such a name."""
_MOST_PAIRS = 1_000


def is_spent(entries: Sequence[Entry], team: Team, *, now: datetime) -> bool:
    """Whether an answer to the last of the entries would be one too many in a row.

    Never where a person wrote it. `entries` are the log up to the message that is to be answered.
    """
    asked = entries[-1] if entries else None
    if asked is None or asked.sender is None or not team.is_bot(asked.sender):
        return False
    count = 0
    for entry in reversed(entries):
        if entry.role is Role.USER and entry.sender and not team.is_bot(entry.sender):
            break
        if entry.at <= now - WINDOW:
            break
        count += _is_message(entry)
    return count >= MOST_IN_A_ROW


def _is_message(entry: Entry) -> bool:
    """Whether the thread shows it as a message: what was said, and no step on the way to it."""
    return entry.role is Role.USER or (entry.role is Role.ASSISTANT and not entry.tool_calls)


class Loops:
    """Counts, too, how often a program is answered in one channel, whatever thread it opens there.

    That is kept beside what agents keep, so that no restart and no other process forgets it.
    """

    def __init__(self, states: States, team: Callable[[], Team], clock: Clock) -> None:
        """Count in `states`; know programs from people by `team`."""
        self._states = states
        self._team = team
        self._clock = clock

    async def is_spent(self, start: TurnStart) -> bool:
        """Whether the turn is to be ended without an answer; otherwise it counts as one.

        Raises:
            StorageUnavailable: nothing was counted.
        """
        turn, team = start.turn, self._team()
        if turn.thread is None or not team.is_bot(turn.requester):
            return False
        if is_spent(start.entries, team, now=self._clock.now()):
            return True
        while True:
            try:
                return await self._is_spent(start, turn.thread.channel)
            except VersionConflict:
                continue  # another turn was counted meanwhile
            except StateFull:
                if not await self._forget_old():
                    return True

    async def _forget_old(self) -> bool:
        """Make room: forget counts that are over; False where there were none."""
        over = self._clock.now() - WINDOW
        old = [
            kept for kept in await self._states.list(_PAIRS, limit=_MOST_PAIRS) if kept.at <= over
        ]
        for kept in old:
            with suppress(VersionConflict):  # counted anew meanwhile
                await self._states.delete(_PAIRS, kept.key, read=kept.version)
        return bool(old)

    async def _is_spent(self, start: TurnStart, channel: ChannelRef) -> bool:
        turn, now = start.turn, self._clock.now()
        who = turn.requester
        key = derived("pair", *astuple(channel), *astuple(who))
        kept = await self._states.get(_PAIRS, key)
        if kept is not None and kept.call == turn.id:
            return False  # counted when it began
        times = json.loads(kept.value) if kept is not None else []
        recent = [at for at in times if at > (now - WINDOW).timestamp()]
        if len(recent) >= MOST_ANSWERS:
            return True
        count = Kept(
            key=key,
            value=json.dumps([*recent, now.timestamp()]),
            version=0,
            agent=start.agent,
            call=turn.id,
            at=now,
        )
        read = kept.version if kept is not None else 0
        await self._states.put(_PAIRS, count, read=read, most=_MOST_PAIRS)
        return False
