"""How fast a platform may be sent to: one place in time for each message, answers first."""

from collections import OrderedDict, deque
from collections.abc import Mapping

from runtime.clock import Clock
from runtime.ids import OutboxId, Platform
from runtime.model.address import ChannelRef
from runtime.model.outbox import OutboxItem
from runtime.ports import ChatLimits

_REMEMBERED = 10_000
"""Channels whose last place is remembered; older ones are long past."""
_PLENTY = _REMEMBERED // 2
"""While fewer are remembered, nobody keeps account of who was sent to lately."""
_MOST_PLACES = 50_000
"""Places that are kept for messages: two for each that waits."""
_PLATFORM_SLACK = 0.1
"""Seconds by which messages may run ahead of a platform's own rate, so that few need not wait."""
_WINDOW = 1.002
"""Seconds in which a platform takes a second's worth of messages; a little more than one, for what
is sent in time can arrive closer together."""

_SOON = 0.001
"""Seconds that are not worth another try: a stored time is a microsecond off as it is."""


class Pace:
    """Gives each message the earliest moment that keeps its channel and its platform in limits.

    Whoever asked waits for their answer, so an answer takes the next place of what nobody asked
    for, which moves to the end of the line: a long briefing does not stand before it.

    Places are counted in monotonic seconds, so that a changed wall clock does not bunch them.
    """

    def __init__(self, limits: Mapping[Platform, ChatLimits], clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        self._channels: OrderedDict[ChannelRef, _Line] = OrderedDict()
        self._platforms: dict[Platform, _Line] = {}
        self._places: OrderedDict[tuple[OutboxId, _Line], float] = OrderedDict()

    def wait(self, item: OutboxItem) -> float:
        """Seconds until the message may go; 0 where it may go now, which uses its places up.

        A message takes its channel's place first and the platform's only when that has come, so
        that a channel that has to wait long does not hold the others up.
        """
        now = self._clock.monotonic()
        channel, platform = self._channel(item), self._platform(item)
        if not self._places and channel.is_free(now) and platform.is_free(now):
            channel.go(now, first=not item.proactive)
            platform.go(now, first=not item.proactive)
            return 0.0
        lines = (channel, platform)
        for line in lines:
            key = (item.id, line)
            if key not in self._places:
                self._places[key] = line.take(now, first=not item.proactive)
                self._forget_unclaimed()
            if self._places[key] <= now + _SOON and item.proactive and line.gave_way():
                self._places[key] = line.take(now, first=False)
            if self._places[key] > now + _SOON:
                return self._places[key] - now
        crowd = platform.crowd(now)
        if crowd > 0:  # others came late, and are in the second that this one was to be in
            again = platform.take(now, first=False) if item.proactive else now
            self._places[item.id, platform] = max(again, now + crowd)
            return self._places[item.id, platform] - now
        for line in lines:
            del self._places[item.id, line]
        platform.leave(now)
        return 0.0

    def hold(self, item: OutboxItem, seconds: float) -> None:
        """The platform said to wait: nothing goes to that channel before."""
        self._channel(item).close_until(self._clock.monotonic() + seconds)

    def _forget_unclaimed(self) -> None:
        """Let go of places whose messages never came back: others sent them, or nobody may."""
        if len(self._places) > _MOST_PLACES:
            self._places.popitem(last=False)

    def _platform(self, item: OutboxItem) -> "_Line":
        name = item.thread.channel.platform
        line = self._platforms.get(name)
        if line is None:
            rate = self._limits[name].overall
            line = self._platforms[name] = _Line(rate, _PLATFORM_SLACK, most=int(rate))
        return line

    def _channel(self, item: OutboxItem) -> "_Line":
        channel = item.thread.channel
        line = self._channels.get(channel)
        if line is None:
            limits = self._limits[channel.platform]
            line = _Line(limits.per_channel, (limits.burst - 1) / limits.per_channel)
            self._channels[channel] = line
            if len(self._channels) > _REMEMBERED:
                self._channels.popitem(last=False)
        elif len(self._channels) > _PLENTY:
            self._channels.move_to_end(channel)
        return line


class _Line:
    """The places of one channel, or of one platform."""

    __slots__ = ("_closed_until", "_end", "_given", "_lately", "_owed", "_slack", "_spacing")

    def __init__(self, rate: float, slack: float, *, most: int = 0) -> None:
        """Give places.

        Args:
            rate: so many a second.
            slack: seconds by which they may run ahead of it.
            most: so many in any second at the most, however far they run ahead or come late; 0 for
                no such bound, and above what can be remembered there is none either.
        """
        bounded = 0 < most <= _REMEMBERED
        self._spacing = (_WINDOW if bounded else 1.0) / rate
        self._slack = slack
        self._end = 0.0
        self._closed_until = 0.0
        # Most lines are of channels, of which there are many, and need neither.
        self._lately = deque[float](maxlen=most) if bounded else None
        self._given: deque[float] | None = None
        self._owed = 0

    def is_free(self, now: float) -> bool:
        """Whether a message may go at once."""
        free = self._end - self._slack <= now and self._closed_until <= now
        return free and (self._lately is None or self.crowd(now) <= 0)

    def go(self, now: float, *, first: bool) -> None:
        """A message goes at once, where `is_free` says so; `first` as for `take`."""
        if self._given:
            self.take(now, first=first)
        else:
            self._end = max(self._end, now) + self._spacing
        self.leave(now)

    def leave(self, now: float) -> None:
        """A message goes now."""
        if self._lately is not None:
            self._lately.append(now)

    def crowd(self, now: float) -> float:
        """Seconds until the last second has room for one more."""
        lately = self._lately
        if not lately or len(lately) < (lately.maxlen or 0):
            return 0.0
        return lately[0] + _WINDOW - _SOON - now

    def take(self, now: float, *, first: bool) -> float:
        """Take a place.

        Args:
            now: the time.
            first: take the next one of a message that is not, if one waits. That one will hear by
                `gave_way` that it is to take another.
        """
        given = self._given
        if given:
            soonest = max(now, self._closed_until)
            while given and given[0] < soonest:
                given.popleft()
            if first and given:
                self._owed += 1
                return given.popleft()
        place = self._next(now)
        self._end = max(self._end, now) + self._spacing
        if not first and place > now:
            self._give(place)
        return place

    def gave_way(self) -> bool:
        """Whether whoever's place has come is to take another: an answer has gone in it."""
        if not self._owed:
            return False
        self._owed -= 1
        return True

    def close_until(self, when: float) -> None:
        """Let nothing go before that time."""
        self._closed_until = max(when, self._closed_until)
        self._end = max(when, self._end)

    def _give(self, place: float) -> None:
        """Remember a place that an answer may take."""
        if self._given is None:
            self._given = deque()
        if len(self._given) < _REMEMBERED:
            self._given.append(place)

    def _next(self, now: float) -> float:
        return max(self._end - self._slack, self._closed_until, now)
