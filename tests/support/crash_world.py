"""A world in which the program is killed: a fake Slack, people who write, processes, the database.

Processes are forked from a server that has imported the program, and are killed with SIGKILL. What
became of each message is read afterwards in two places that the program has no say in: the fake's
record of what was posted, and the database, by statements of our own.
"""

import asyncio
import multiprocessing
import os
import random
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import aiohttp
import psycopg

from bot.role import Role
from runtime.ids import derived
from tests.support import crash_program
from tests.support.crash_points import Point
from tests.support.crash_program import MARK, Plan
from tests.support.fake_slack import TEAM, TOKEN, FakeSlack, Posted
from tests.support.fake_slack_events import ADA, SECRET, Signed, SlackSender
from tests.support.program import free_port

CHANNELS = 40
"""Slack takes one message a second in a channel, and so the program sends no more; many channels
let many people talk at once."""
DIRECTS = 10
"""The same for direct messages."""
PATIENCE_SECONDS = 40.0

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(["tests.support.crash_warm"])

_HEAD = f"""
[team]
name = "Night shift"
timezone = "Europe/Berlin"

[slack]
workspace = "{TEAM}"

[[members]]
name = "Ada"
role = "owner"
slack = "{ADA}"

[[agents]]
name = "desk"
model = "offline"
instructions = "Be brief."
"""


def channel(number: int) -> str:
    """One of the channels."""
    return f"C{number:08d}"


def direct(number: int) -> str:
    """One of the direct conversations."""
    return f"D{number:08d}"


@dataclass(frozen=True, slots=True)
class Said:
    """A message that somebody wrote and that the program acknowledged.

    Attributes:
        mark: a word that no other message has.
        channel: where.
        ts: its id.
        thread: the root of its thread; empty for a direct message.
    """

    mark: str
    channel: str
    ts: str
    thread: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the messages that were acknowledged.

    Attributes:
        acknowledged: how many there were.
        lost: marks of those without an answer on Slack.
        double_turns: marks of those that were worked on more than once to the end.
        double_posts: what Slack has more than once.
        given_up: how many were answered that they were tried too often.
        violations: what Slack, or we, do not allow in a request.
    """

    acknowledged: int
    lost: tuple[str, ...]
    double_turns: tuple[str, ...]
    double_posts: tuple[str, ...]
    given_up: int
    violations: tuple[str, ...]


class Process:
    """A process of the program."""

    def __init__(self, process: ForkServerProcess, ready: Connection) -> None:
        self._process = process
        self._ready = ready
        self.started = time.monotonic()
        self._took: float | None = None

    @property
    def alive(self) -> bool:
        """Whether it runs."""
        return self._process.is_alive()

    async def ready(self) -> float:
        """Wait until it is ready; the seconds that it took. Fails where it ends before."""
        if self._took is not None:
            return self._took
        await _readable(self._ready.fileno())
        try:
            at = float(self._ready.recv())
        except EOFError:
            raise AssertionError(f"ended before it was ready: {await self.ended()}") from None
        self._took = at - self.started
        return self._took

    async def ended(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        await _readable(self._process.sentinel)
        self._process.join()
        code = self._process.exitcode
        assert code is not None
        return code

    async def kill(self) -> None:
        """Kill it as a power cut would."""
        if self._process.is_alive():
            self._process.kill()
        await self.ended()
        self._ready.close()

    async def stop(self) -> None:
        """Tell it to stop, and see that it ends in order."""
        pid = self._process.pid
        assert pid is not None
        os.kill(pid, signal.SIGTERM)
        code = await self.ended()
        self._ready.close()
        assert code == 0, f"it ended with {code}"


@dataclass
class World:
    """Everything outside of the program.

    Attributes:
        folder: the program's data folder; SQLite is in it.
        url: a Postgres database, or None.
        slack: what the program posts to.
        session: posts to the program.
        chance: decides what is by chance.
        port: where the program listens.
        said: what was acknowledged.
    """

    folder: Path
    url: str | None
    slack: FakeSlack
    session: aiohttp.ClientSession
    chance: random.Random
    port: int = field(default_factory=free_port)
    said: list[Said] = field(default_factory=list)
    _sender: SlackSender = field(default_factory=lambda: SlackSender(time.time))
    _processes: list[Process] = field(default_factory=list)
    _count: int = 0

    # ---- processes

    def environment(self, slot: str = "", *, port: int | None = None) -> dict[str, str]:
        """The settings of a process."""
        environment = {
            "HOME": str(self.folder),
            "NIGHTDESK_DATA_DIR": str(self.folder),
            "NIGHTDESK_HTTP__PORT": str(self.port if port is None else port),
            "NIGHTDESK_SLACK__SIGNING_SECRET": SECRET,
            "NIGHTDESK_SLACK__BOT_TOKEN": TOKEN,
            "NIGHTDESK_SLACK__BASE_URL": self.slack.url,
            "NIGHTDESK_NO_SPEND": "1",
        }
        if self.url is not None:
            environment["NIGHTDESK_DATABASE_URL"] = self.url
        if slot:
            environment["NIGHTDESK_SLOT"] = slot
        return environment

    def start(
        self,
        role: Role = Role.ALL,
        *,
        slot: str = "",
        port: int | None = None,
        thinks: float = 0.01,
        streams: bool = False,
        point: Point | None = None,
        armed_by: Path | None = None,
        trace: Path | None = None,
    ) -> Process:
        """Start a process; see `crash_program.Plan`."""
        plan = Plan(
            environment=self.environment(slot, port=port),
            folder=self.folder,
            role=role,
            thinks=thinks,
            streams=streams,
            point=point,
            armed_by=armed_by,
            trace=trace,
        )
        ours, theirs = _FORKS.Pipe(duplex=False)
        process = _FORKS.Process(target=crash_program.live_by, args=(plan, theirs), daemon=True)
        process.start()
        theirs.close()
        self._processes.append(Process(process, ours))
        return self._processes[-1]

    async def kill_all(self) -> None:
        """Leave nothing running."""
        for process in self._processes:
            if process.alive:
                await process.kill()

    # ---- people

    async def mention(self, *, place: str = "", twice: bool = True) -> Said:
        """Somebody mentions the bot, in any channel. Slack tells of it in two events."""
        place = place or channel(self.chance.randrange(CHANNELS))
        mark = self._mark()
        text = f"<@U0BOT> {MARK}{mark}"
        ts = self.slack.say(text, channel=place).ts
        events = [self._sender.signed_event(text, channel=place, ts=ts, kind="app_mention")]
        if twice:
            events.append(self._sender.signed_event(text, channel=place, ts=ts))
            self.chance.shuffle(events)
        return await self._deliver(Said(mark, place, ts, ts), events)

    async def reply(self, to: Said) -> Said:
        """Somebody writes on in a thread, without a mention."""
        mark = self._mark()
        text = f"and {MARK}{mark}"
        ts = self.slack.say(text, channel=to.channel, thread_ts=to.thread).ts
        event = self._sender.signed_event(text, channel=to.channel, ts=ts, thread_ts=to.thread)
        return await self._deliver(Said(mark, to.channel, ts, to.thread), [event])

    async def direct(self) -> Said:
        """Somebody writes to the bot alone."""
        mark = self._mark()
        text = f"psst, {MARK}{mark}"
        place = direct(self.chance.randrange(DIRECTS))
        ts = self.slack.say(text, channel=place).ts
        event = self._sender.signed_event(text, channel=place, ts=ts)
        return await self._deliver(Said(mark, place, ts, ""), [event])

    async def command(self, text: str, *, place: str) -> None:
        """Somebody types `/nightdesk` and the text, until it works."""
        reply_url = self.slack.response_url(f"r{self._mark()}")
        await self.post(self._sender.command(text, reply_url=reply_url, channel=place))

    async def post(self, signed: Signed) -> None:
        """Post until it is acknowledged, as Slack does, but faster."""
        deadline, tries = time.monotonic() + PATIENCE_SECONDS, 0
        while True:
            try:
                status, _ = await (signed.again(tries) if tries else signed).post(
                    f"http://127.0.0.1:{self.port}", self.session
                )
                if status == 200:
                    return
            except aiohttp.ClientError:
                pass
            tries += 1
            assert time.monotonic() < deadline, "nobody takes the event"
            await asyncio.sleep(self.chance.uniform(0.01, 0.03))

    async def _deliver(self, said: Said, events: Sequence[Signed]) -> Said:
        """Deliver each event until it is acknowledged, and three in ten once more later."""
        for event in events:
            await self.post(event)
            if said not in self.said:
                self.said.append(said)
        for event in events:
            if self.chance.random() < 0.3:
                await asyncio.sleep(self.chance.uniform(0.0, 0.3))
                await self.post(event.again())
        return said

    def _mark(self) -> str:
        self._count += 1
        return f"m{self._count:05d}e"

    # ---- what became of it

    def answers(self, said: Said) -> list[Posted]:
        """What the bot posted that carries the mark of a message."""
        return [post for post in self.slack.visible() if said.mark in (post.markdown or post.text)]

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        """Ask the database, past the program."""
        if self.url is None:
            with closing(sqlite3.connect(self.folder / "nightdesk.db", timeout=5)) as file:
                return file.execute(statement).fetchall()
        with psycopg.connect(self.url) as server:
            return server.execute(statement.encode()).fetchall()

    def open_work(self) -> list[str]:
        """What the database says is still to be done."""
        found = [
            f"inbox {row}" for (row,) in self.rows("SELECT id FROM inbox WHERE state <> 'done'")
        ]
        found += [
            f"outbox {row}"
            for (row,) in self.rows("SELECT id FROM outbox WHERE state IN ('pending', 'sending')")
        ]
        due = self.rows("SELECT run FROM occurrences WHERE state = 'due'")
        return found + [f"occurrence {row}" for (row,) in due]

    async def quiet(self, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait until the database has no open work."""
        deadline = time.monotonic() + within
        while left := self.open_work():
            assert time.monotonic() < deadline, f"still open: {left[:5]} of {len(left)}"
            await asyncio.sleep(0.05)

    def verdict(self) -> Verdict:
        """Judge every acknowledged message, when all is quiet."""
        turns = _turns_by_message(self.rows(_TURNS))
        posts = Counter(post.id for post in self.slack.visible() if post.id)
        logged = Counter(turn for (turn,) in self.rows(_answered(self.url)))
        lost, twice, given_up = [], [], 0
        for said in self.said:
            mine = turns.get((said.channel, said.ts), [])
            answered = [turn for turn in mine if posts[derived("answer", turn)]]
            if not answered:
                lost.append(said.mark)
            if len(mine) > 1 or any(logged[turn] > 1 for turn in mine):
                twice.append(said.mark)
            given_up += bool(answered) and not self.answers(said)
        shown = [said.mark for said in self.said if len(self.answers(said)) > 1]
        orphans = [post.ts for post in self.slack.visible() if not post.id and not post.only_for]
        return Verdict(
            acknowledged=len(self.said),
            lost=tuple(lost),
            double_turns=tuple(twice),
            double_posts=(*shown, *(key for key, count in posts.items() if count > 1), *orphans),
            given_up=given_up,
            violations=tuple(self.slack.violations),
        )


_TURNS = (
    "SELECT inbox.content_key, turns.id FROM inbox JOIN turns ON turns.inbox = inbox.id "
    "WHERE inbox.lane = 'turn'"
)


def _answered(url: str | None) -> str:
    """The turn of each answer in a log, once for each answer."""
    if url is None:
        turn, role = "json_extract(body, '$.turn')", "json_extract(body, '$.role')"
    else:
        turn, role = "body::json->>'turn'", "body::json->>'role'"
    return f"SELECT {turn} FROM entries WHERE {role} = 'assistant'"  # noqa: S608 - our own words


def _turns_by_message(
    rows: Sequence[tuple[str, ...]],
) -> dict[tuple[str, str], list[str]]:
    found: dict[tuple[str, str], list[str]] = {}
    for key, turn in rows:
        place, _, ts = key.partition(":")
        found.setdefault((place, ts), []).append(turn)
    return found


@asynccontextmanager
async def world(
    folder: Path, *, url: str | None = None, seed: int | None = None
) -> AsyncIterator[World]:
    """A world with a folder for the program; nothing runs when it ends."""
    channels = "".join(
        f'\n[[channels]]\nplatform = "slack"\nid = "{channel(number)}"\nname = "#c{number}"\n'
        "listen = true\nproactive = true\n"
        for number in range(CHANNELS)
    )
    (folder / "nightdesk.toml").write_text(_HEAD + channels)
    async with FakeSlack() as slack, aiohttp.ClientSession() as session:
        slack.channels.update(map(channel, range(CHANNELS)))
        slack.channels.update(map(direct, range(DIRECTS)))
        made = World(folder, url, slack, session, random.Random(seed))
        try:
            yield made
        finally:
            await made.kill_all()


async def _readable(descriptor: int) -> None:
    """Wait until there is something to read, or the other end is closed."""
    loop = asyncio.get_running_loop()
    seen = asyncio.Event()
    loop.add_reader(descriptor, seen.set)
    try:
        await seen.wait()
    finally:
        loop.remove_reader(descriptor)
