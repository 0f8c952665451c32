"""A world in which the program is killed: a fake Slack, people who write, processes, the database.

Processes are forked from a server that has imported the program, and are killed with SIGKILL. What
became of each message is read afterwards in two places that the program has no say in: the fake's
record of what was posted, and the database, by statements of our own.
"""

import asyncio
import random
import sqlite3
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psycopg

from bot.role import Role
from runtime.ids import derived, following
from tests.support.crash_points import Point
from tests.support.crash_process import Process, start
from tests.support.crash_program import MARK, Plan, known
from tests.support.crash_timer import Span
from tests.support.fake_slack import TEAM, TOKEN, FakeSlack, Posted
from tests.support.fake_slack_events import ADA, SECRET, Signed, SlackSender
from tests.support.ports import free_port

CHANNELS = 40
"""Slack takes one message a second in a channel, and so the program sends no more; many channels
let many people talk at once."""
DIRECTS = 10
"""The same for direct messages."""
PATIENCE_SECONDS = 120.0
"""How long a process may take to take a request, or to get any further, on a busy machine."""

_TEMPTATIONS = (
    "<!channel> and <!here>",
    "@everyone, @channel!",
    "<@U0EVE> look",
    "![a picture](https://evil.example/p.png)",
    "[a link](https://evil.example/?leak=1)",
    "https://evil.example/preview",
    "<https://evil.example|a link>",
    "`<!channel>` *bold* _and_ ~so~ on",
)
"""What a model may come to say that would ping people, show a picture or hide an address."""

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
        lost: marks of those without an answer on Slack, or with another than they have to have.
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


@dataclass
class World:
    """Everything outside of the program.

    Attributes:
        folder: the program's data folder; SQLite is in it.
        url: a Postgres database, or None.
        slack: what the program posts to.
        session: posts to the program.
        chance: decides what is by chance.
        ports: where the program listens; Slack's events come to any of them.
        filler: what every message says besides.
        said: what was acknowledged.
        runs: how many runs of a schedule were asked for, and acknowledged.
    """

    folder: Path
    url: str | None
    slack: FakeSlack
    session: aiohttp.ClientSession
    chance: random.Random
    ports: list[int] = field(default_factory=lambda: [free_port()])
    filler: str = ""
    said: list[Said] = field(default_factory=list)
    runs: int = 0
    _sender: SlackSender = field(default_factory=lambda: SlackSender(time.time))
    _processes: list[Process] = field(default_factory=list)
    _server: "psycopg.Connection[tuple[str, ...]] | None" = None
    _count: int = 0
    _started: float = 0.0

    @property
    def base(self) -> str:
        """Where the next request goes, as by the choice of a load balancer."""
        return f"http://127.0.0.1:{self.chance.choice(self.ports)}"

    def now(self) -> float:
        """The time, in seconds."""
        return self._sender.now()

    # ---- processes

    def environment(self, slot: str = "", *, port: int | None = None) -> dict[str, str]:
        """The settings of a process."""
        environment = {
            "HOME": str(self.folder),
            "NIGHTDESK_DATA_DIR": str(self.folder),
            "NIGHTDESK_HTTP__PORT": str(self.ports[0] if port is None else port),
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

    @property
    def lives(self) -> int:
        """How many processes were started."""
        return len(self._processes)

    def start(
        self,
        role: Role = Role.ALL,
        *,
        slot: str = "",
        port: int | None = None,
        thinks: float = 0.01,
        streams: bool = False,
        looks: float | None = None,
        span: Span | None = None,
        point: Point | None = None,
        armed_by: Path | None = None,
        trace: Path | None = None,
    ) -> Process:
        """Start a process; see `crash_program.Plan`."""
        plan = Plan(
            settings=known(self.environment(slot, port=port), self.folder),
            folder=self.folder,
            role=role,
            thinks=thinks,
            streams=streams,
            looks=looks,
            span=span,
            point=point,
            armed_by=armed_by,
            trace=trace,
        )
        self._processes.append(start(plan))
        self._started = time.monotonic()
        return self._processes[-1]

    def impatient(self, since: float) -> bool:
        """Whether the process that was started last took too long for what began at that time."""
        return time.monotonic() - max(since, self._started) > PATIENCE_SECONDS

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
        text = f"<@U0BOT> {MARK}{mark} {self._temptation()}"
        ts = self.slack.say(text, channel=place).ts
        events = [self._sender.signed_event(text, channel=place, ts=ts, kind="app_mention")]
        if twice:
            events.append(self._sender.signed_event(text, channel=place, ts=ts))
            self.chance.shuffle(events)
        return await self._deliver(Said(mark, place, ts, ts), events)

    async def reply(self, to: Said) -> Said:
        """Somebody writes on in a thread, without a mention."""
        mark = self._mark()
        text = f"and {MARK}{mark} {self._temptation()}"
        ts = self.slack.say(text, channel=to.channel, thread_ts=to.thread).ts
        event = self._sender.signed_event(text, channel=to.channel, ts=ts, thread_ts=to.thread)
        return await self._deliver(Said(mark, to.channel, ts, to.thread), [event])

    async def direct(self) -> Said:
        """Somebody writes to the bot alone."""
        mark = self._mark()
        text = f"psst, {MARK}{mark} {self._temptation()}"
        place = direct(self.chance.randrange(DIRECTS))
        ts = self.slack.say(text, channel=place).ts
        event = self._sender.signed_event(text, channel=place, ts=ts)
        return await self._deliver(Said(mark, place, ts, ""), [event])

    async def ask(self, *, place: str) -> str:
        """Somebody asks what will not be answered; the root of the thread."""
        text = "<@U0BOT> take your time"
        ts = self.slack.say(text, channel=place).ts
        await self.post(self._sender.signed_event(text, channel=place, ts=ts, kind="app_mention"))
        return ts

    async def stop(self, *, place: str, root: str) -> None:
        """Somebody stops what is under way in a thread."""
        text = "!stop"
        ts = self.slack.say(text, channel=place, thread_ts=root).ts
        await self.post(self._sender.signed_event(text, channel=place, ts=ts, thread_ts=root))

    async def command(self, text: str, *, place: str, answered_at: str = "") -> None:
        """Somebody types `/nightdesk` and the text; the answer comes to the address named."""
        reply_url = self.slack.response_url(answered_at or f"r{self._mark()}")
        await self.post(self._sender.command(text, reply_url=reply_url, channel=place))
        self.runs += text.startswith("schedule run")

    async def attempt(self) -> int:
        """Somebody mentions the bot and Slack tries once; the status of the answer."""
        text = f"<@U0BOT> {MARK}{self._mark()}"
        signed = self._sender.signed_event(text, channel=channel(0), kind="app_mention")
        status, _ = await signed.post(self.base, self.session)
        return status

    async def post(self, signed: Signed) -> None:
        """Post until it is acknowledged, as Slack does, but faster."""
        began, tries, status = time.monotonic(), 0, 0
        while True:
            try:
                delivery = signed.again(tries) if tries else signed
                status, _ = await delivery.post(self.base, self.session)
                if status == 200:
                    return
            except aiohttp.ClientError:
                pass
            tries += 1
            assert not self.impatient(began), f"it is answered {status}: {signed.body!r}"
            await asyncio.sleep(self.chance.uniform(0.01, 0.03) * min(tries, 5))

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

    def _temptation(self) -> str:
        return self.chance.choice(_TEMPTATIONS) + self.filler

    # ---- what became of it

    def answers(self, said: Said) -> list[Posted]:
        """What the bot posted that carries the mark of a message."""
        return [post for post in self.slack.visible() if said.mark in (post.markdown or post.text)]

    def owes(self) -> bool:
        """Whether one of the last messages that were acknowledged has no answer yet."""
        return not all(self.answers(said) for said in reversed(self.said[-20:]))

    def rows(self, statement: str) -> list[tuple[str, ...]]:
        """Ask the database, past the program."""
        if self.url is None:
            with closing(sqlite3.connect(self.folder / "nightdesk.db", timeout=5)) as file:
                return file.execute(statement).fetchall()
        if self._server is None:
            self._server = psycopg.connect(self.url, autocommit=True)
        return self._server.execute(statement.encode()).fetchall()

    def close(self) -> None:
        """Let go of the database."""
        if self._server is not None:
            self._server.close()

    def open_work(self) -> list[str]:
        """What the database says is still to be done."""
        return [f"{what} {key}" for what, key in self.rows(_OPEN_WORK)]

    async def quiet(self, *, within: float = PATIENCE_SECONDS) -> None:
        """Wait until the database has no open work; fails when nothing changes for that long."""
        before, deadline = [""], 0.0
        while left := self.open_work():
            if left != before:
                before, deadline = left, time.monotonic() + within
            assert time.monotonic() < deadline, f"still open: {left[:5]} of {len(left)}"
            await asyncio.sleep(0.05)

    def verdict(self) -> Verdict:
        """Judge every acknowledged message, when all is quiet."""
        turns = _turns_by_message(self.rows(_TURNS))
        texts = {post.id: post.markdown or post.text for post in self.slack.visible() if post.id}
        posts = Counter(post.id for post in self.slack.visible() if post.id)
        logged = Counter(turn for (turn,) in self.rows(_answered(self.url)))
        lost, twice, given_up = [], [], 0
        for said in self.said:
            mine = turns.get((said.channel, said.ts), [])
            answered = [turn for turn in mine if posts[following("answer", turn)]]
            gave_up = any(_tried_too_often(texts[following("answer", turn)]) for turn in answered)
            if not answered or not (self.answers(said) or gave_up):
                lost.append(said.mark)
            if len(mine) > 1 or any(logged[turn] > 1 for turn in mine):
                twice.append(said.mark)
            given_up += gave_up
        runs = "SELECT run, manual, state FROM occurrences WHERE state IN ('done', 'failed')"
        asked_for = [(run, state) for run, manual, state in self.rows(runs) if manual]
        ended = [run for run, _ in asked_for]
        # One that was killed in each of its tries says so in the channel, as a message does.
        given_up += sum(state == "failed" for _, state in asked_for)
        lost += [run for run in ended if not posts[derived("briefing", run)]]
        lost += ["a run"] * (self.runs - len(ended))
        twice += ["a run"] * (len(ended) - self.runs)
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


_OPEN_WORK = (
    "SELECT 'inbox', id FROM inbox WHERE state <> 'done' "
    "UNION ALL SELECT 'turn', id FROM turns WHERE state = 'running' "
    "UNION ALL SELECT 'outbox', id FROM outbox WHERE state IN ('pending', 'sending') "
    "UNION ALL SELECT 'occurrence', run FROM occurrences WHERE state = 'due'"
)
_TURNS = (
    "SELECT inbox.event_key, turns.id FROM inbox JOIN turns ON turns.inbox = inbox.id "
    "WHERE inbox.lane = 'turn'"
)


def _answered(url: str | None) -> str:
    """The turn of each answer in a log, once for each answer."""
    if url is None:
        one = "json_each('[' || body || ']') AS one"
        turn, role = "json_extract(one.value, '$[3]')", "json_extract(one.value, '$[0]')"
    else:
        one = "json_array_elements(('[' || body || ']')::json) AS one"
        turn, role = "one->>3", "one->>0"
    return f"SELECT {turn} FROM entries, {one} WHERE {role} = 'assistant'"  # noqa: S608 - our own


def _tried_too_often(text: str) -> bool:
    """Whether it says that the turn was killed in each of its tries."""
    return text.startswith("I tried this ")


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
            made.close()
