"""No loops: how often a program is answered in a row, before a person must have said something.

A platform's own bots are not heard at all: every adapter drops what the platform signs as a bot's.
This is for programs that speak through an account like a person's, which the team lists as `bot`:
each message of theirs is a reason for one of ours, and ours may be a reason for one of theirs.
What is counted is the conversation's log, so a restart forgets nothing.
"""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from runtime.clock import Clock
from runtime.model.address import ChannelRef, Principal
from runtime.model.conversation import Entry, Role
from runtime.model.team import Team
from runtime.model.turn import TurnStart

MOST_IN_A_ROW = 6
"""Messages of programs and agents in one thread, without a person in between: three each."""
UNANSWERED = "Not answered: too many messages of programs in a row."
"""What the log keeps in the place of an answer. It is not sent: it would be one message more."""
WINDOW = timedelta(minutes=10)
"""What is older is over: a program that says something now and then is answered each time."""


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

    In this process and since its start: what is said in one thread is counted from the log.
    """

    def __init__(self, team: Callable[[], Team], clock: Clock) -> None:
        """Know programs from people by `team`."""
        self._team = team
        self._clock = clock
        self._answers: dict[tuple[ChannelRef, Principal], deque[datetime]] = {}

    def is_spent(self, start: TurnStart) -> bool:
        """Whether the turn is to be ended without an answer; otherwise it counts as one."""
        turn, team, now = start.turn, self._team(), self._clock.now()
        if turn.thread is None or not team.is_bot(turn.requester):
            return False
        if is_spent(start.entries, team, now=now):
            return True
        answers = self._answers.setdefault((turn.thread.channel, turn.requester), deque())
        while answers and answers[0] <= now - WINDOW:
            answers.popleft()
        if turn.fence > 1:  # counted when it began
            return False
        if len(answers) >= MOST_IN_A_ROW // 2:
            return True
        answers.append(now)
        return False
