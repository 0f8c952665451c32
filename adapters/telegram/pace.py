"""How fast a chat may be written to, beside what the dispatcher keeps: groups, bans, edits.

Telegram takes 20 messages a minute in a group (Bot FAQ, "My bot is hitting limits"), edits counted,
and asks a bot that writes too much to keep silent for some seconds. Final messages come before
what only shows progress: that may use a part of a group's minute and never a moment of a ban.
"""

from collections import OrderedDict, deque
from dataclasses import dataclass, field

from adapters.telegram.places import is_private
from runtime.clock import Clock

GROUP_MINUTE = 20
"""Messages and edits a minute in a group."""
FOR_PROGRESS = 10
"""How many of them may only show progress."""
GROUP_PAUSE = 3.0
"""Seconds between two signs of progress in a group."""
PRIVATE_PAUSE = 1.0
"""The same in a private chat."""

_MINUTE = 61.0  # a second more: the other side counts when a message arrives
_REMEMBERED = 5_000


@dataclass(slots=True)
class _Chat:
    """What a chat was sent lately, in monotonic seconds.

    Attributes:
        sent: when, within a minute.
        quiet_until: the end of a ban.
        progressed: the last sign of progress.
    """

    sent: deque[float] = field(default_factory=deque)
    quiet_until: float = 0.0
    progressed: float = float("-inf")


class Pace:
    """Says whether a chat may be written to now."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._chats: OrderedDict[int, _Chat] = OrderedDict()
        self._quiet_until = 0.0

    def wait(self, chat: int) -> float:
        """Seconds until a final message may go; 0 where it may go now, which counts it."""
        now, known = self._clock.monotonic(), self._chat(chat)
        free, lately = max(self._quiet_until, known.quiet_until), len(_lately(known, now))
        if not is_private(chat) and lately >= GROUP_MINUTE:
            free = max(free, known.sent[0] + _MINUTE)
        if free > now:
            return free - now
        known.sent.append(now)
        return 0.0

    def may_progress(self, chat: int, *, as_message: bool = True) -> bool:
        """Whether progress may be shown now, which counts it; "typing" is no message."""
        now, known = self._clock.monotonic(), self._chat(chat)
        pause = PRIVATE_PAUSE if is_private(chat) else GROUP_PAUSE
        full = len(_lately(known, now)) >= FOR_PROGRESS and not is_private(chat)
        quiet = max(self._quiet_until, known.quiet_until) > now
        if quiet or full or now - known.progressed < pause:
            return False
        known.progressed = now
        if as_message:
            known.sent.append(now)
        return True

    def ban(self, chat: int, seconds: float) -> None:
        """Telegram asks for silence. From two chats at once it means the whole bot."""
        now = self._clock.monotonic()
        others = (known for id_, known in self._chats.items() if id_ != chat)
        if any(known.quiet_until > now for known in others):
            self._quiet_until = max(self._quiet_until, now + seconds)
        known = self._chat(chat)
        known.quiet_until = max(known.quiet_until, now + seconds)

    def _chat(self, chat: int) -> _Chat:
        known = self._chats.setdefault(chat, _Chat())
        self._chats.move_to_end(chat)
        if len(self._chats) > _REMEMBERED:
            self._chats.popitem(last=False)
        return known


def _lately(known: _Chat, now: float) -> deque[float]:
    while known.sent and known.sent[0] <= now - _MINUTE:
        known.sent.popleft()
    return known.sent
