"""Discord's rate limits, kept before Discord has to remind us of them.

Discord names a bucket in each answer: how much is left in it and when it is full again. A bucket
counts for a route and what it is about, such as one channel. Beside the buckets there are 50
requests a second in all, from which interactions are exempt
(https://discord.com/developers/docs/topics/rate-limits).
"""

from collections import OrderedDict, deque
from collections.abc import Mapping
from dataclasses import dataclass

from runtime.clock import Clock

OVERALL = 50
"""Requests a second."""
_REMEMBERED = 5_000


@dataclass(slots=True)
class _Bucket:
    """What Discord last told of a bucket.

    Attributes:
        left: requests that it takes before `until`.
        until: when it is full again, in monotonic seconds.
    """

    left: int
    until: float


class Buckets:
    """Says how long a request has to wait."""

    def __init__(self, clock: Clock) -> None:
        """Count by `clock`."""
        self._clock = clock
        self._names: OrderedDict[str, str] = OrderedDict()
        self._buckets: OrderedDict[tuple[str, str], _Bucket] = OrderedDict()
        self._lately: deque[float] = deque()
        self._everything_until = 0.0

    def wait(self, route: str, about: str, *, counted: bool = True) -> float:
        """Seconds until such a request may be made; 0 where it may be made now, which counts it.

        Args:
            route: the method and the path without its ids.
            about: what it is about: a channel, a server, a webhook.
            counted: it counts among the 50 a second.
        """
        now = self._clock.monotonic()
        bucket = self._bucket(route, about)
        waits = [bucket.until - now] if bucket is not None and bucket.left <= 0 else []
        if counted:
            waits += [self._everything_until - now, self._overall(now)]
        longest = max(waits, default=0.0)
        if longest > 0:
            return longest
        if bucket is not None:
            bucket.left -= 1
        if counted:
            self._lately.append(now)
        return 0.0

    def room(self, route: str, about: str) -> int:
        """How many more such requests fit now, as far as it is known."""
        bucket = self._bucket(route, about)
        if bucket is None or bucket.until <= self._clock.monotonic():
            return OVERALL
        return bucket.left

    def learn(self, route: str, about: str, headers: Mapping[str, str]) -> None:
        """Take in what an answer tells of its bucket."""
        name = headers.get("X-RateLimit-Bucket")
        left = _number(headers.get("X-RateLimit-Remaining"))
        after = _number(headers.get("X-RateLimit-Reset-After"))
        if name is None or left is None or after is None:
            return
        self._names[route] = name
        _bound(self._names)
        key, until = (name, about), self._clock.monotonic() + after
        known = self._buckets.get(key)
        # Answers can overtake each other: within one period the lowest number is the latest.
        if known is not None and known.until > self._clock.monotonic():
            left = min(left, known.left)
        self._buckets[key] = _Bucket(int(left), until)
        self._buckets.move_to_end(key)
        _bound(self._buckets)

    def hold(self, route: str, about: str, seconds: float, *, everything: bool) -> None:
        """Discord said to wait: with this bucket, or with everything."""
        until = self._clock.monotonic() + seconds
        if everything:
            self._everything_until = max(until, self._everything_until)
            return
        name = self._names.setdefault(route, route)
        self._buckets[name, about] = _Bucket(0, until)

    def _bucket(self, route: str, about: str) -> _Bucket | None:
        """What is known of the bucket; None where nothing is, or it is full again."""
        key = (self._names.get(route, route), about)
        bucket = self._buckets.get(key)
        if bucket is not None and bucket.until <= self._clock.monotonic():
            del self._buckets[key]
            return None
        return bucket

    def _overall(self, now: float) -> float:
        while self._lately and self._lately[0] <= now - 1.0:
            self._lately.popleft()
        return self._lately[0] + 1.0 - now if len(self._lately) >= OVERALL else 0.0


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text is not None else None
    except ValueError:
        return None


def _bound(known: OrderedDict[str, str] | OrderedDict[tuple[str, str], _Bucket]) -> None:
    while len(known) > _REMEMBERED:
        known.popitem(last=False)
