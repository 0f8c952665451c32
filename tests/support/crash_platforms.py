"""Worlds in which the program is killed while it talks to any platform: what they have in common.

A world is a strict fake of one platform, people who write, the processes and the database. What
became of each message is read in two places that the program has no say in: the fake's record of
what was accepted on the wire, and the database, by statements of our own. Whatever a person says
carries a mark that nothing else has, and so does what the program says to it.

A process dies at a moment by chance, at a call of a port (`crash_points`), or at a request on the
wire (`crash_strikes`).
"""

import asyncio
import itertools
import random
import re
import sqlite3
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import aiohttp
import psycopg

from adapters.sql.store import open_store
from runtime.clock import SystemClock
from runtime.ids import ReminderId, TimeOrderedIds, following
from runtime.model.address import ChannelRef, Principal, ThreadRef
from runtime.model.reminder import Reminder
from runtime.model.schedule import When, WhenKind
from tests.support.clock import settle
from tests.support.crash_points import Point
from tests.support.crash_process import Process, start
from tests.support.crash_program import MARK, Plan, known
from tests.support.crash_strikes import Strike, Striker
from tests.support.ports import free_port

PATIENCE_SECONDS = 120.0
"""How long a process may take to take a request, or to get any further, on a busy machine."""
DOUBLED = 0.3
"""The part of what happens that the program is told twice."""
LATER = "tomorrow at 3:33"
"""When a schedule is to run that a test only makes."""
_SETTLE = 0.02
"""Seconds until the fake has read what a killed process wrote last."""
_MARKED = re.compile(r"m\d{5}e")
_TRIED_TOO_OFTEN = "I tried this "
"""How a message is answered whose turn was killed again and again: `given_up` counts those."""
_TEMPTATIONS = (
    "<!channel> and <!here>",
    "@everyone, @channel!",
    "<@300000000000000077> and <@&1> look",
    "![a picture](https://evil.example/p.png)",
    "[a link](https://evil.example/?leak=1)",
    "`@everyone` *bold* _and_ ~so~ on",
)
"""What a model may come to say that would ping people, show a picture or hide an address."""


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody did and the program has taken in.

    Attributes:
        mark: what only it carries.
        place: where its answer belongs.
        key: the key of its event, for what starts a turn; else empty.
    """

    mark: str
    place: str
    key: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of what the program has taken in.

    Attributes:
        acknowledged: how much that was.
        lost: marks of what has no answer in its place, or not the effect it asked for.
        double: marks of what was worked on, or took effect, more than once.
        copies: marks of what is more than once on the wire, once for each further copy.
        excused: those copies that a kill explains, which hit between acceptance and commit.
        hits: how many messages were hit like that.
        skipped: what the platform was told to forget before it was stored.
        strays: messages on the wire that answer nothing.
        violations: what the platform, or we, do not allow in a request.
        given_up: how many were answered that they were tried too often.
        unheard: how many nobody had acknowledged, nor stored.
    """

    acknowledged: int
    lost: tuple[str, ...]
    double: tuple[str, ...]
    copies: tuple[str, ...]
    excused: int
    hits: int
    skipped: tuple[str, ...]
    strays: tuple[str, ...]
    violations: tuple[str, ...]
    given_up: int
    unheard: int

    @property
    def unexcused(self) -> int:
        """Copies that no kill explains."""
        return len(self.copies) - self.excused


@dataclass
class Lives(ABC):
    """A world: the program's lives, and what is around them.

    Attributes:
        folder: the program's data folder; SQLite is in it.
        url: a Postgres database, or None.
        session: posts to the program.
        chance: decides what is by chance.
        told: what was taken in.
        striker: kills at a request.
    """

    folder: Path
    url: str | None
    session: aiohttp.ClientSession
    chance: random.Random
    striker: Striker
    port: int = field(default_factory=free_port)
    told: list[Told] = field(default_factory=list)
    hits: Counter[str] = field(default_factory=Counter)
    pressed: list[Told] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    _processes: list[Process] = field(default_factory=list)
    _started: float = 0.0
    _server: "psycopg.Connection[tuple[str, ...]] | None" = None
    _count: int = 0

    # ---- what a platform says of itself

    @property
    @abstractmethod
    def strikes(self) -> Sequence[Strike]:
        """Requests at which a process may die by chance."""

    @abstractmethod
    def connection(self) -> dict[str, str]:
        """The settings that connect the program with the fake."""

    @abstractmethod
    def wire(self) -> list[tuple[str, str]]:
        """Every message on the wire: where, and what it says."""

    @abstractmethod
    def violations(self) -> Sequence[str]:
        """What the fake found wrong."""

    @abstractmethod
    async def say(self) -> None:
        """Let somebody do something."""

    @abstractmethod
    def reminders(self, count: int, *, every: float) -> list[Reminder]:
        """Reminders that fall due one after the other, in seconds between."""

    async def connected(self, *, within: float = PATIENCE_SECONDS) -> bool:
        """Wait, so many seconds at the most, until a ready process hears; whether one does."""
        return True

    def untaken(self) -> Sequence[str]:
        """What was said to the program and is still on its way into the database."""
        return ()

    def unheard(self) -> int:
        """How much nobody had acknowledged, nor stored."""
        return 0

    # ---- processes

    @property
    def base(self) -> str:
        """Where the program listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def lives(self) -> int:
        """How many processes were started."""
        return len(self._processes)

    def start(
        self,
        *,
        point: Point | None = None,
        armed_by: Path | None = None,
        thinks: float = 0.01,
    ) -> Process:
        """Start a process; see `crash_program.Plan`."""
        environment = {
            "HOME": str(self.folder),
            "NIGHTDESK_DATA_DIR": str(self.folder),
            "NIGHTDESK_HTTP__PORT": str(self.port),
            "NIGHTDESK_NO_SPEND": "1",
            **self.connection(),
        }
        if self.url is not None:
            environment["NIGHTDESK_DATABASE_URL"] = self.url
        plan = Plan(
            settings=known(environment, self.folder),
            folder=self.folder,
            thinks=thinks,
            point=point,
            armed_by=armed_by,
        )
        self._processes.append(start(plan))
        self._started = time.monotonic()
        return self._processes[-1]

    def impatient(self, since: float) -> bool:
        """Whether the process that was started last took too long for what began at that time."""
        return time.monotonic() - max(since, self._started) > PATIENCE_SECONDS

    async def kill(self, process: Process) -> None:
        """Kill it, unless it is dead, and note what it was sending."""
        self.striker.armed = None
        await process.kill()
        await asyncio.sleep(_SETTLE)
        await settle()
        there = set(_marks(text for _, text in self.wire()))
        sending = _marks(body for (body,) in self.rows(_SENDING))
        self.hits.update(there.intersection(sending))

    async def close(self) -> None:
        """Leave nothing running, and let go of the database."""
        for process in self._processes:
            if process.alive:
                await process.kill()
        if self._server is not None:
            self._server.close()

    # ---- the database

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        """Ask the database, past the program."""
        if self.url is None:
            with closing(sqlite3.connect(self.folder / "nightdesk.db", timeout=5)) as file, file:
                return file.execute(statement).fetchall()
        if self._server is None:
            self._server = psycopg.connect(self.url, autocommit=True)
        found = self._server.execute(statement.encode())
        return found.fetchall() if found.description else []

    async def quiet(self) -> None:
        """Wait until all is taken in and the database has no open work.

        Fails when nothing changes for too long.
        """
        before: Sequence[object] = ()
        deadline = 0.0
        # What is said first: what has just been taken in is open work.
        while left := [*self.untaken(), *self.rows(_OPEN_WORK)]:
            if left != before:
                before, deadline = left, time.monotonic() + PATIENCE_SECONDS
            assert time.monotonic() < deadline, f"still open: {left[:5]} of {len(left)}"
            await asyncio.sleep(0.05)

    async def live(self, process: "Process | None" = None) -> None:
        """Start a process, or let that one go on, until all is done; it ends in order."""
        while True:
            process = process or self.start()
            await process.ready()
            await self.quiet()
            await process.stop()
            process = None
            if not self.rows(_OPEN_WORK):  # some of it may have come while the process ended
                return

    async def put(self, reminders: Sequence[Reminder]) -> None:
        """Store them while no process runs; the tables are made where there are none."""
        clock = SystemClock()
        ids = TimeOrderedIds(clock)
        async with open_store(self.url, data_dir=self.folder, clock=clock, ids=ids) as store:
            for reminder in reminders:
                await store.reminders.add(reminder)

    # ---- people

    def marked(self, words: str = "") -> tuple[str, str]:
        """A new mark, and a text that carries it."""
        self._count += 1
        mark = f"m{self._count:05d}e"
        return mark, f"{words}{MARK}{mark} {self.chance.choice(_TEMPTATIONS)}"

    def answered(self, told: Told) -> bool:
        """Whether its answer is in its place."""
        return any(told.mark in text for place, text in self.wire() if place == told.place)

    def verdict(self) -> Verdict:
        """Judge, when all is quiet."""
        wire = self.wire()
        posts = Counter(_marks(text for _, text in wire))
        done = {told.mark for told in self.told if self.answered(told)}
        sent = Counter(turn for (turn,) in self.rows(_turns_ended(self.url)))
        turns: dict[str, list[str]] = {}
        for key, turn in self.rows(_TURNS):
            turns.setdefault(key, []).append(turn)
        lost, double, given_up = [], [], 0
        for told in self.told:
            mine = turns.get(told.key, []) if told.key else []
            gave_up = any(self._gave_up(turn) for turn in mine) if told.mark not in done else False
            given_up += gave_up
            if told.mark not in done and not gave_up:
                lost.append(told.mark)
            if len(mine) > 1 or any(sent[turn] > 1 for turn in mine):
                double.append(told.mark)
        made = Counter(_marks(body for (body,) in self.rows("SELECT body FROM schedules")))
        double += [mark for mark, count in made.items() if count > 1]
        ended = set(_marks(body for (body,) in self.rows(_DONE)))
        lost += [f"{press.mark} pressed" for press in self.pressed if press.mark not in ended]
        copies = [mark for mark, count in posts.items() for _ in range(count - 1)]
        excused = sum(min(count - 1, self.hits[mark]) for mark, count in posts.items())
        return Verdict(
            acknowledged=len(self.told) + len(self.pressed),
            lost=tuple(lost),
            double=tuple(double),
            copies=tuple(copies),
            excused=excused,
            hits=self.hits.total(),
            skipped=tuple(self.skipped),
            strays=_strays([text for _, text in wire], given_up),
            violations=tuple(self.violations()),
            given_up=given_up,
            unheard=self.unheard(),
        )

    def _gave_up(self, turn: str) -> bool:
        """Whether its message was answered with words of ours: it was tried too often."""
        answer = following("answer", turn)
        sent = f"SELECT body FROM outbox WHERE id = '{answer}' AND state = 'sent'"  # noqa: S608 - our own id
        return any(not _MARKED.search(body) for (body,) in self.rows(sent))


def _strays(wire: Sequence[str], given_up: int) -> tuple[str, ...]:
    """What answers nothing: of the words that a turn was given up, those of no such turn."""
    others = [text for text in wire if not _MARKED.search(text)]
    tried = [text for text in others if text.startswith(_TRIED_TOO_OFTEN)]
    return (*(text for text in others if text not in tried), *tried[given_up:])


async def passed(true: Callable[[], bool], *, within: float) -> bool:
    """Wait until it is true, for so many seconds at the most; whether it became so."""
    deadline = time.monotonic() + within
    for _ in itertools.takewhile(lambda _: not true(), itertools.count()):
        if time.monotonic() > deadline:
            return False
        await asyncio.sleep(0.005)
    return True


def reminder(number: int, who: Principal, text: str, *, after: float) -> Reminder:
    """A reminder that falls due so many seconds from now."""
    now = SystemClock().now()
    at = now + timedelta(seconds=after)
    return Reminder(
        id=ReminderId(f"reminder-{number}"),
        person=who,
        text=text,
        when=When(kind=WhenKind.ONCE, at=at, zone="Europe/Berlin", said="once"),
        made_in=ThreadRef(ChannelRef(who.platform, "", who.user)),
        next_at=at,
        created_at=now,
    )


def _marks(texts: Iterable[str]) -> Iterator[str]:
    """The mark of each text that has one; a text says it once or more."""
    for text in texts:
        yield from set(_MARKED.findall(text))


_OPEN_WORK = (
    "SELECT 'inbox', id FROM inbox WHERE state <> 'done' "
    "UNION ALL SELECT 'turn', id FROM turns WHERE state = 'running' "
    "UNION ALL SELECT 'outbox', id FROM outbox WHERE state IN ('pending', 'sending') "
    "UNION ALL SELECT 'reminder', id FROM reminders WHERE state = 'waiting'"
)
_SENDING = "SELECT body FROM outbox WHERE state = 'sending'"
_DONE = "SELECT body FROM reminders WHERE state = 'done'"
_TURNS = (
    "SELECT inbox.event_key, turns.id FROM inbox JOIN turns ON turns.inbox = inbox.id "
    "WHERE inbox.lane = 'turn'"
)


def _turns_ended(url: str | None) -> str:
    """The turn of each answer in a log, once for each answer."""
    if url is None:
        one = "json_each('[' || body || ']') AS one"
        turn, role = "json_extract(one.value, '$[3]')", "json_extract(one.value, '$[0]')"
    else:
        one = "json_array_elements(('[' || body || ']')::json) AS one"
        turn, role = "one->>3", "one->>0"
    return f"SELECT {turn} FROM entries, {one} WHERE {role} = 'assistant'"  # noqa: S608 - our own
