"""Whether the program is of use, which is more than being alive."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from datetime import datetime, timedelta
from typing import Protocol

from runtime.clock import Clock
from runtime.errors import NightdeskError, StorageUnavailable
from runtime.model.value import value
from runtime.ports import Store

log = logging.getLogger("nightdesk.health")

OUTBOX_OLD = timedelta(minutes=5)
"""A message that waits longer than this says that a platform does not take them."""
CLOCK_OLD = timedelta(seconds=90)
"""A scheduler whose last pass is older than this has stopped; it passes every 30 s."""


@value(kw_only=True)
class Check:
    """One thing that must hold for the program to be of use.

    Attributes:
        name: what was looked at: `database`, `outbox`, `clock`.
        ok: it is as it should be.
        age_seconds: how long ago it last went well, or None where that says nothing.
        detail: what was found, in words.
    """

    name: str
    ok: bool
    age_seconds: float | None = None
    detail: str = ""


class Health(Protocol):
    """Knows whether the program is of use, which is more than being alive."""

    async def readiness(self) -> Sequence[Check]:
        """Look at everything that readiness means. Never raises: a failure is a check."""
        ...


class Readiness:
    """Looks at everything that readiness means. Implements `Health`."""

    def __init__(
        self,
        store: Store,
        *,
        clock: Clock,
        last_tick: Callable[[], datetime | None] | None = None,
        platforms: Sequence[Callable[[], Awaitable[Check]]] = (),
    ) -> None:
        """Look.

        Args:
            store: the database.
            clock: for ages.
            last_tick: when schedules were last looked at; None where this process does not.
            platforms: one look at each enabled platform.
        """
        self._store = store
        self._clock = clock
        self._last_tick = last_tick
        self._platforms = platforms

    async def readiness(self) -> list[Check]:
        """Every check; a failure is a check too."""
        checks = [await self._database(), await self._outbox()]
        if self._last_tick is not None:
            checks.append(self._scheduler(self._last_tick()))
        checks.extend([await look() for look in self._platforms])
        return checks

    async def _database(self) -> Check:
        try:
            await self._store.check()
        except (NightdeskError, OSError) as error:
            return _failed("database", error)
        return Check(name="database", ok=True, age_seconds=0.0, detail="answers")

    async def _outbox(self) -> Check:
        try:
            oldest = await self._store.outbox.oldest_pending()
        except (NightdeskError, OSError) as error:
            return _failed("outbox", error)
        if oldest is None:
            return Check(name="outbox", ok=True, detail="nothing waits")
        age = self._clock.now() - oldest
        return Check(
            name="outbox",
            ok=age < OUTBOX_OLD,
            age_seconds=age.total_seconds(),
            detail="oldest message that is not delivered",
        )

    def _scheduler(self, last: datetime | None) -> Check:
        if last is None:
            return Check(name="scheduler", ok=False, detail="no pass yet")
        age = self._clock.now() - last
        return Check(
            name="scheduler",
            ok=age < CLOCK_OLD,
            age_seconds=age.total_seconds(),
            detail="last look at the schedules",
        )


def _failed(name: str, error: NightdeskError | OSError) -> Check:
    """The failed check, which anybody on the network may read and `/status` shows in a chat.

    It says what kind of trouble it is; addresses, users and paths stay in the log.
    """
    log.warning("health.failed", extra={"check": name}, exc_info=error)
    kind = type(error) if isinstance(error, NightdeskError) else StorageUnavailable
    return Check(name=name, ok=False, detail=str(kind()))
