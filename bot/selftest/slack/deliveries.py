"""Slack as it delivers on a bad day: twice, out of order, deaf to acknowledgements."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp

from bot.selftest.slack.sender import Signed

MOST_TRIES = 20
"""Slack tries four times, over minutes; these come faster, and so there are more."""
_PAUSE = 0.05

Deliver = Callable[[Signed], Awaitable[bool]]
"""Delivers a request; whether it was acknowledged."""


@dataclass(slots=True)
class BadDay:
    """How deliveries go wrong.

    Attributes:
        chance: decides.
        doubled: the part of requests that are delivered twice though they were acknowledged.
        lost: the part of acknowledgements that Slack does not hear.
        tries: how often each request was delivered, in the order of the requests.
    """

    chance: random.Random
    doubled: float = 0.1
    lost: float = 0.1
    tries: list[int] = field(default_factory=list)

    async def deliver(
        self, requests: Sequence[Signed], deliver: Deliver, *, at_once: int = 16
    ) -> int:
        """Deliver every request until it is acknowledged, in any order; how many never were."""
        self.tries = [0] * len(requests)
        order = list(range(len(requests)))
        order += [number for number in order if self.chance.random() < self.doubled]
        self.chance.shuffle(order)
        gate = asyncio.Semaphore(at_once)
        async with asyncio.TaskGroup() as tasks:
            done = [
                tasks.create_task(self._one(number, requests[number], deliver, gate))
                for number in order
            ]
        return sum(not task.result() for task in done)

    async def _one(
        self, number: int, request: Signed, deliver: Deliver, gate: asyncio.Semaphore
    ) -> bool:
        for attempt in range(MOST_TRIES):
            async with gate:
                self.tries[number] += 1
                heard = await deliver(request.again(attempt) if attempt else request)
            if heard and self.chance.random() >= self.lost:
                return True
            await asyncio.sleep(_PAUSE * attempt)
        return False


def by_webhook(base: str, session: aiohttp.ClientSession) -> Deliver:
    """Deliver over HTTP to the program at `base`."""

    async def deliver(request: Signed) -> bool:
        try:
            status, _ = await request.post(base, session)
        except aiohttp.ClientError:
            return False
        return status == HTTPStatus.OK

    return deliver
