"""Messages that could not be delivered: shown, tried again, dropped; beside a running process."""

import json
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta

from adapters.sql.glance import glance
from bot.redaction import redactor
from bot.settings import Settings
from bot.status import describe_database
from runtime.clock import Clock, SystemClock
from runtime.errors import Conflict, Refused
from runtime.ids import OutboxId, TimeOrderedIds
from runtime.model.address import ThreadRef
from runtime.model.outbox import OutboxState
from runtime.model.team import Team
from runtime.model.value import value
from runtime.ports import DeadLetters, Store
from runtime.text import clipped

LATEST = 10
"""How many are shown where nobody says how many."""

_LONGEST = 80


@value(kw_only=True)
class DeadLetter:
    """A message that could not be delivered.

    Attributes:
        id: names it for `retry` and `drop`.
        place: where it was to go.
        written_at: when it was written.
        age: the same in words.
        reason: why it could not be delivered.
        text: how it begins.
    """

    id: str
    place: str
    written_at: datetime
    age: str
    reason: str
    text: str


class OutboxDesk:
    """The dead letters of a desk, whether it runs or not."""

    def __init__(self, settings: Settings, clock: Clock | None = None) -> None:
        """Nothing is opened yet.

        Args:
            settings: which database, and the team.
            clock: time; the machine's own where it is None.
        """
        self._settings = settings
        self._clock = clock or SystemClock()

    async def latest(self, limit: int = LATEST) -> list[DeadLetter]:
        """Those written last, the latest first.

        Raises:
            NightdeskError: the database cannot be read.
        """
        async with self._open() as letters:
            return await described(letters, self._settings, now=self._clock.now(), limit=limit)

    async def check(self, key: str) -> None:
        """See whether one could be tried again or dropped now.

        Raises:
            Refused: it is not there, or not dead.
            NightdeskError: the database cannot be read.
        """
        async with self._opened() as store:
            item = await store.outbox.get(OutboxId(key))
            with _explained():
                if item is None:
                    raise Conflict(f"there is no outbox row {key}")
                if item.state is not OutboxState.DEAD:
                    raise Conflict(f"outbox row {key} is {item.state}, not undeliverable")

    async def retry(self, key: str) -> None:
        """Put one in line again.

        Raises:
            Refused: it is not there, or not dead.
            NightdeskError: the database cannot be written.
        """
        async with self._open(writable=True) as letters:
            with _explained():
                await letters.retry(OutboxId(key), now=self._clock.now())

    async def drop(self, key: str) -> None:
        """Delete one for good; raises as `retry` does."""
        async with self._open(writable=True) as letters:
            with _explained():
                await letters.drop(OutboxId(key))

    @asynccontextmanager
    async def _open(self, *, writable: bool = False) -> AsyncIterator[DeadLetters]:
        async with self._opened(writable=writable) as store:
            yield store.dead_letters

    @asynccontextmanager
    async def _opened(self, *, writable: bool = False) -> AsyncIterator[Store]:
        async with glance(
            self._settings.database_url,
            data_dir=self._settings.data_dir,
            clock=self._clock,
            ids=TimeOrderedIds(self._clock),
            writable=writable,
        ) as found:
            if found is None or not found.readable:
                raise Refused(f"The database is {describe_database(found)}.")
            yield found.store


async def described(
    letters: DeadLetters, settings: Settings, *, now: datetime, limit: int = LATEST
) -> list[DeadLetter]:
    """Those written last, as people may see them: without secrets."""
    hide = redactor(settings.secrets())
    return [
        DeadLetter(
            id=item.id,
            place=_place(item.thread, settings.team),
            written_at=item.created_at,
            age=_age(now - item.created_at),
            reason=_short(hide(item.error)),
            text=_short(hide(item.content.text)),
        )
        for item in await letters.latest(limit=limit)
    ]


def in_words(letters: Sequence[DeadLetter]) -> str:
    """Dead letters for people, with how each begins."""
    if not letters:
        return "Every message could be delivered."
    return "\n".join(line for letter in letters for line in (one_line(letter), f"  {letter.text}"))


def one_line(letter: DeadLetter) -> str:
    """A dead letter without what it says."""
    return f"{letter.id}  {letter.place}, {letter.age} ago: {letter.reason}"


def to_json(letters: Sequence[DeadLetter]) -> str:
    """Dead letters for machines; times in ISO 8601."""
    return json.dumps([asdict(one) for one in letters], default=str, ensure_ascii=False, indent=2)


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except Conflict as error:
        raise Refused(f"{error}.", hint="`nightdesk outbox list` shows what there is.") from error


def _place(thread: ThreadRef, team: Team) -> str:
    rule = team.rule_of(thread.channel)
    name = f"#{rule.name}" if rule else thread.channel.channel
    return f"{name} ({thread.platform})"


def _age(span: timedelta) -> str:
    minutes = max(0, int(span.total_seconds() // 60))
    for size, unit in ((1440, "day"), (60, "hour"), (1, "minute")):
        if minutes >= size:
            count = minutes // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _short(text: str) -> str:
    line = " ".join(text.split())
    line = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in line)
    return clipped(line, _LONGEST)
