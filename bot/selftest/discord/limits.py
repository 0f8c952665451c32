"""The fake Discord's rate limits: a bucket for each route and channel, and all of them together."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

OVERALL = 50
PER_BUCKET = {
    "POST /channels/{channel_id}/messages": (5, 5.0),
    "PATCH /channels/{channel_id}/messages/{message_id}": (5, 5.0),
    "POST /webhooks/{webhook_id}/{webhook_token}": (5, 2.0),
}
"""Requests, and the seconds in which they may come."""


@dataclass(slots=True)
class _Bucket:
    until: float = 0.0
    used: int = 0


@dataclass(slots=True)
class RateLimitAnswer:
    """What a request hears of its bucket.

    Attributes:
        headers: what every answer tells.
        wait: seconds to wait; 0 where the request may pass.
        everything: all requests have to wait.
    """

    headers: dict[str, str]
    wait: float = 0.0
    everything: bool = False


@dataclass(slots=True)
class RateLimits:
    """Counts requests.

    Attributes:
        now: the time, in seconds.
        refused: how many requests were refused.
    """

    now: Callable[[], float]
    refused: int = 0
    _buckets: dict[tuple[str, str], _Bucket] = field(default_factory=dict)
    _lately: deque[float] = field(default_factory=deque)

    def ask(self, route: str, about: str) -> RateLimitAnswer:
        """Count a request, or refuse it."""
        now = self.now()
        if "/webhooks/" not in route and "/interactions/" not in route:
            while self._lately and self._lately[0] <= now - 1.0:
                self._lately.popleft()
            if len(self._lately) >= OVERALL:
                self.refused += 1
                wait = self._lately[0] + 1.0 - now
                return RateLimitAnswer({"X-RateLimit-Scope": "global"}, wait, everything=True)
            self._lately.append(now)
        if route not in PER_BUCKET:
            return RateLimitAnswer({})
        return self._in_bucket(route, about, now)

    def _in_bucket(self, route: str, about: str, now: float) -> RateLimitAnswer:
        most, seconds = PER_BUCKET[route]
        bucket = self._buckets.setdefault((route, about), _Bucket())
        if bucket.until <= now:
            bucket.until, bucket.used = now + seconds, 0
        left = max(0, most - bucket.used - 1)
        headers = {
            "X-RateLimit-Limit": str(most),
            "X-RateLimit-Remaining": str(left),
            "X-RateLimit-Reset": f"{bucket.until:.3f}",
            "X-RateLimit-Reset-After": f"{bucket.until - now:.3f}",
            "X-RateLimit-Bucket": f"{abs(hash(route)):x}",
        }
        if bucket.used >= most:
            self.refused += 1
            return RateLimitAnswer(headers | {"X-RateLimit-Scope": "user"}, bucket.until - now)
        bucket.used += 1
        return RateLimitAnswer(headers)
