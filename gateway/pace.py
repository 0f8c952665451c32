"""How fast a platform may be sent to: one place in time for each message, in order."""

from collections import OrderedDict
from collections.abc import Mapping
from enum import Enum, auto

from runtime.clock import Clock
from runtime.ids import OutboxId, Platform
from runtime.model.address import ChannelRef
from runtime.model.outbox import OutboxItem
from runtime.ports import ChatLimits

_REMEMBERED = 10_000
"""Channels whose last place is remembered, and places that are; older ones are long past."""
_PLATFORM_SLACK = 0.1
"""Seconds by which messages may run ahead of a platform's own rate, so that few need not wait."""


class Pace:
    """Gives each message the earliest moment that keeps its channel and its platform in limits.

    Places are counted in monotonic seconds, so that a changed wall clock does not bunch them.
    """

    def __init__(self, limits: Mapping[Platform, ChatLimits], clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._channels: OrderedDict[ChannelRef, float] = OrderedDict()
        self._platforms: dict[Platform, float] = {}
        self._places: OrderedDict[tuple[OutboxId, _Line], float] = OrderedDict()

    def wait(self, item: OutboxItem) -> float:
        """Seconds until the message may go; 0 where it may go now, which uses its places up.

        A message takes its channel's place first and the platform's only when that has come, so
        that a channel that has to wait long does not hold the others up.
        """
        now = self._clock.monotonic()
        if not self._places and self._both_are_free(item, now):
            self._take(item, _Line.CHANNEL, now)
            self._take(item, _Line.PLATFORM, now)
            return 0.0
        for line in (_Line.CHANNEL, _Line.PLATFORM):
            if (item.id, line) not in self._places:
                self._places[item.id, line] = self._take(item, line, now)
                self._forget_unclaimed()
            if self._places[item.id, line] > now:
                return self._places[item.id, line] - now
        for line in _Line:
            del self._places[item.id, line]
        return 0.0

    def _both_are_free(self, item: OutboxItem, now: float) -> bool:
        """Whether the message may go at once, as most may: then no place is to be kept for it."""
        limits = self._limits[item.thread.platform]
        slack = (limits.burst - 1) / limits.per_channel
        return (
            self._channels.get(item.thread.channel, 0.0) - slack <= now
            and self._platforms.get(item.thread.platform, 0.0) - _PLATFORM_SLACK <= now
        )

    def _forget_unclaimed(self) -> None:
        """Let go of places whose messages never came back: others sent them, or nobody may."""
        if len(self._places) > _REMEMBERED:
            self._places.popitem(last=False)

    def hold(self, item: OutboxItem, seconds: float) -> None:
        """The platform said to wait: nothing goes to that channel before."""
        channel = item.thread.channel
        until = self._clock.monotonic() + seconds
        self._channels[channel] = max(until, self._channels.get(channel, 0.0))

    def _take(self, item: OutboxItem, line: "_Line", now: float) -> float:
        """Take the next place in a line, and move the line's end behind it."""
        limits = self._limits[item.thread.platform]
        if line is _Line.PLATFORM:
            end = max(self._platforms.get(item.thread.platform, 0.0), now)
            self._platforms[item.thread.platform] = end + 1 / limits.overall
            return max(end - _PLATFORM_SLACK, now)
        channel = item.thread.channel
        slack = (limits.burst - 1) / limits.per_channel
        end = max(self._channels.get(channel, 0.0), now)
        self._channels[channel] = end + 1 / limits.per_channel
        self._channels.move_to_end(channel)
        if len(self._channels) > _REMEMBERED:
            self._channels.popitem(last=False)
        return max(end - slack, now)


class _Line(Enum):
    """What a message queues for, in this order."""

    CHANNEL = auto()
    PLATFORM = auto()
