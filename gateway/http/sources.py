"""What one source of requests may ask of us, and how much of it is left."""

import ipaddress
from functools import lru_cache

from runtime.clock import Clock
from runtime.model.value import value


@value(kw_only=True)
class RequestLimits:
    """What one source may ask of us.

    A request that proves to be genuine does not count against the rate, and is not refused for it:
    a platform that delivers fast, or shares a proxy's address with everybody, is always heard.

    Attributes:
        body_bytes: the longest body.
        body_seconds: how long a body may take to arrive.
        per_second: requests that are not genuine, a second, from one source.
        burst: how many of them may come at once.
        sources: how many sources are remembered; the longest known is forgotten first.
    """

    body_bytes: int = 256 * 1024
    body_seconds: float = 10.0
    per_second: float = 20.0
    burst: float = 400.0
    sources: int = 10_000


DEFAULT_LIMITS = RequestLimits()


class SourceLimit:
    """A token bucket for each source, in bounded memory."""

    def __init__(self, limits: RequestLimits, clock: Clock) -> None:
        self._limits = limits
        self._clock = clock
        # Tokens, and when they were counted. Changed in place: this is on the way of every request.
        self._buckets: dict[str, list[float]] = {}

    def take(self, source: str) -> bool:
        """Take a token; False where the source has none left."""
        now, limits = self._clock.monotonic(), self._limits
        bucket = self._buckets.get(source)
        if bucket is None:
            bucket = self._buckets[source] = [limits.burst, now]
            if len(self._buckets) > limits.sources:
                del self._buckets[next(iter(self._buckets))]
        tokens = min(limits.burst, bucket[0] + (now - bucket[1]) * limits.per_second)
        bucket[1] = now
        bucket[0] = tokens - 1 if tokens >= 1 else tokens
        return tokens >= 1

    def would_take(self, source: str) -> bool:
        """Whether the source has a token left, for a request that costs none if it is genuine."""
        bucket = self._buckets.get(source)
        if bucket is None or bucket[0] >= 1:
            return True
        passed = self._clock.monotonic() - bucket[1]
        return bucket[0] + passed * self._limits.per_second >= 1

    def give_back(self, source: str) -> None:
        """Return the token that was taken for a request that proved to be genuine."""
        bucket = self._buckets.get(source)
        if bucket is not None:
            bucket[0] += 1

    def __len__(self) -> int:
        return len(self._buckets)


@lru_cache(maxsize=4096)
def source_of(remote: str | None) -> str:
    """What counts as one source: an IPv4 address, or the /64 that one IPv6 customer is given."""
    if remote is None or ":" not in remote:
        return remote or "local"
    try:
        return str(ipaddress.ip_network((remote.partition("%")[0], 64), strict=False))
    except ValueError:
        return remote
