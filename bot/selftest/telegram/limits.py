"""Flood control as Telegram describes it: 20 a minute in a group, 30 a second in all, and bans."""

import math
from collections import defaultdict, deque
from collections.abc import Callable

GROUP_MINUTE, ALL_SECOND, CHAT_BURST = 20, 30, 5
"""CHAT_BURST messages in CHAT_BURST seconds to one chat: "about one a second"."""


class Flood:
    """Counts what is sent, and says when it is too much."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._chats: defaultdict[int, deque[float]] = defaultdict(deque)
        self._all: deque[float] = deque()
        self._bans: dict[int, float] = {}
        self._banned_at: dict[int, float] = {}
        self.flight = 0.0
        """Seconds after the beginning of a ban in which what comes was on its way already."""
        self.breaches: list[str] = []

    def ban(self, chat: int, seconds: float) -> None:
        """Let nothing into that chat for a while."""
        self._banned_at[chat] = self._now()
        self._bans[chat] = self._now() + seconds

    def forgive(self) -> None:
        """Lift every ban: whoever was told of it is not there any more."""
        self._bans.clear()

    def take(self, chat: int) -> int:
        """Count a message; seconds to wait where it is one too many, else 0."""
        now = self._now()
        left = self._bans.get(chat, 0.0) - now
        if left > 0:
            if now >= self._banned_at[chat] + self.flight:
                self.breaches.append(f"something was sent to {chat} within a ban")
            return math.ceil(left)
        sent = self._chats[chat]
        _forget(sent, now - 60)
        _forget(self._all, now - 1)
        lately = sum(1 for at in sent if at > now - CHAT_BURST)
        wait = 0.0
        if chat < 0 and len(sent) >= GROUP_MINUTE:
            wait = sent[0] + 60 - now
        elif lately >= CHAT_BURST:
            wait = CHAT_BURST
        elif len(self._all) >= ALL_SECOND:
            wait = 1
        if wait > 0:
            self.ban(chat, math.ceil(wait))
            return math.ceil(wait)
        sent.append(now)
        self._all.append(now)
        return 0


def _forget(times: deque[float], before: float) -> None:
    while times and times[0] <= before:
        times.popleft()
