"""S9: a briefing to a thousand channels, as fast as each platform allows and no faster.

The real dispatcher and its pace, over the outbox in memory, in simulated time: every message takes
150 ms to the platform and back. The platform is the product's own fake as far as rate limits go.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from adapters.discord.outbound import DiscordChat
from adapters.discord.places import Places
from adapters.memory.store import MemoryStore
from adapters.slack.outbound import SlackChat
from adapters.telegram.outbound import TelegramChat
from bench.desk import InstantChat
from bench.report import Bound, Figure, Gate, Report
from bench.simulated import SimulatedClock, SimulatedLoop, simulate
from bench.spread import percentile
from bot.selftest.discord.limits import RateLimits
from bot.selftest.telegram.limits import Flood
from gateway.outbound.dispatcher import Dispatcher
from gateway.outbound.ends import Settled
from runtime.activity import Activity
from runtime.clock import Clock
from runtime.errors import Retryable
from runtime.ids import AgentName, MessageId, ModelName, OutboxId, Platform, TimeOrderedIds
from runtime.model.address import ChannelRef, ThreadRef
from runtime.model.messages import Content
from runtime.model.outbox import OutboxItem, OutboxState
from runtime.model.team import Agent, ChannelRule, Team
from runtime.ports import ChatLimits

CHANNELS = 1_000
_LATENCY = 0.15
_ANSWERS = 40
_ANSWER_EVERY = 0.4
_SLACK_ALL = 20
"""Slack names no figure for a workspace ("several hundred per minute"); this is what we keep to."""

Judge = Callable[[str], bool]
"""Whether the platform takes one more message into a channel now."""


@dataclass(frozen=True, slots=True)
class _Platform:
    """A platform, and what it allows.

    Attributes:
        name: what it is called.
        limits: what the adapter keeps to.
        judge: makes what it allows, by its clock.
        overall: messages a second in all.
        channel: the id of a channel.
    """

    name: str
    limits: Callable[[Clock], ChatLimits]
    judge: Callable[[Callable[[], float]], Judge]
    overall: int
    channel: Callable[[int], str] = str


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One briefing.

    Attributes:
        seconds: until its last message was there.
        refused: how often the platform said 429.
        answers: seconds from each answer to the moment it was there, while the briefing ran.
        most: messages that arrived within one second.
    """

    seconds: float
    refused: int
    answers: Sequence[float]
    most: int


@dataclass(slots=True)
class _Chat(InstantChat):
    """A platform that is 150 ms away and counts."""

    judge: Judge = lambda _: True
    clock: Clock | None = None
    refused: int = 0
    arrived: dict[OutboxId, float] = field(default_factory=dict)

    async def send(self, item: OutboxItem) -> MessageId:
        """Take it, or refuse it with 429."""
        assert self.clock is not None
        await asyncio.sleep(_LATENCY / 2)
        if not self.judge(item.thread.channel.channel):
            self.refused += 1
            raise Retryable("429", after=1.0)
        self.arrived[item.id] = self.clock.monotonic()
        await asyncio.sleep(_LATENCY / 2)
        return MessageId(item.id)


def _slack_takes(now: Callable[[], float]) -> Judge:
    """About one a second in a channel: as many more as `burst` allows, and not for long."""
    sent: dict[str, deque[float]] = {}
    everything: deque[float] = deque(maxlen=_SLACK_ALL + 1)

    def takes(channel: str) -> bool:
        here = sent.setdefault(channel, deque(maxlen=10))
        everything.append(now())
        crowded = len(everything) > _SLACK_ALL and everything[-1] - everything[0] < 1.0
        here.append(now())
        return not crowded and sum(at > now() - 5.0 for at in here) <= 7

    return takes


def _telegram_takes(now: Callable[[], float]) -> Judge:
    flood = Flood(now)
    return lambda channel: flood.take(int(channel)) == 0


def _discord_takes(now: Callable[[], float]) -> Judge:
    limits = RateLimits(now)
    route = "POST /channels/{channel_id}/messages"
    return lambda channel: limits.ask(route, channel).wait == 0


_PLATFORMS = (
    _Platform("slack", lambda clock: SlackChat("x", clock=clock).limits, _slack_takes, _SLACK_ALL),
    _Platform(
        "telegram",
        lambda clock: TelegramChat("1:x", clock=clock).limits,
        _telegram_takes,
        30,
        lambda number: str(-1_001_000_000_000 - number),
    ),
    _Platform(
        "discord",
        lambda clock: DiscordChat("x", clock=clock, places=Places()).limits,
        _discord_takes,
        50,
    ),
)


def measure() -> Report:
    """Send a briefing of one message, and one of three, to every channel of each platform."""
    gates: list[Gate] = []
    figures: list[Figure] = []
    runs = {(each.name, pieces): _one(each, pieces) for each in _PLATFORMS for pieces in (1, 3)}
    for each in _PLATFORMS:
        gates.append(_gate(each, runs[each.name, 1]))
        for pieces in (1, 3):
            figures += _figures(each, pieces, runs[each.name, pieces])
    idle = _LATENCY / 2
    answers = [seconds for run in runs.values() for seconds in run.answers]
    refused = sum(run.refused for run in runs.values())
    slowest = max(_over(each, pieces, runs[each.name, pieces]) for each, pieces in _every(runs))
    gates += [
        Gate(
            words="the slowest of all {} of what it may take",
            value=slowest,
            bound=Bound.AT_MOST,
            limit=1.0,
        ),
        Gate(words="429s {}", value=refused, bound=Bound.AT_MOST, limit=0, places=0),
        Gate(
            words="answers meanwhile p99 {}",
            value=percentile(answers, 0.99) / idle,
            bound=Bound.AT_MOST,
            limit=2.0,
            places=1,
            unit="x idle",
        ),
    ]
    note = f"simulated time; {CHANNELS:,} channels; may take 1.05 x the least + 1 s"
    return Report(id="S9", gates=tuple(gates), figures=tuple(figures), notes=(note,))


def _every(runs: Mapping[tuple[str, int], _Run]) -> Iterator[tuple[_Platform, int]]:
    return ((each, pieces) for each in _PLATFORMS for name, pieces in runs if name == each.name)


def least(messages: int, overall: int) -> float:
    """The seconds that so many messages need at least: the first second's worth goes at once."""
    return max(0.0, (messages - overall) / overall)


def _over(each: _Platform, pieces: int, run: _Run) -> float:
    """What it took in terms of what it may take."""
    return run.seconds / (1.05 * least(CHANNELS * pieces + _ANSWERS, each.overall) + 1.0)


def _gate(each: _Platform, run: _Run) -> Gate:
    return Gate(
        words=f"{each.name} {{}}",
        value=run.seconds,
        bound=Bound.AT_MOST,
        limit=round(1.05 * least(CHANNELS + _ANSWERS, each.overall) + 1.0, 1),
        places=1,
        unit=" s",
    )


def _figures(each: _Platform, pieces: int, run: _Run) -> Iterator[Figure]:
    what = f"{each.name}, {pieces} to each channel"
    minimum = least(CHANNELS * pieces + _ANSWERS, each.overall)
    yield Figure(what=f"{what}: took", value=run.seconds, unit="s", places=1)
    yield Figure(what=f"{what}: at least", value=minimum, unit="s", places=1)
    yield Figure(what=f"{what}: most in a second", value=run.most, unit="messages", places=0)
    yield Figure(
        what=f"{what}: an answer meanwhile, p99",
        value=percentile(run.answers, 0.99) * 1000,
        unit="ms",
        places=0,
    )


def _one(each: _Platform, pieces: int) -> _Run:
    loop = SimulatedLoop()
    return simulate(_brief(each, pieces, SimulatedClock(loop)), loop)


async def _brief(each: _Platform, pieces: int, clock: Clock) -> _Run:
    """A briefing, and people who are answered meanwhile."""
    name = Platform(each.name)
    channels = [ChannelRef(name, "", each.channel(1 + number)) for number in range(CHANNELS)]
    chat = _Chat(
        platform=name, limits=each.limits(clock), judge=each.judge(clock.monotonic), clock=clock
    )
    store = MemoryStore(clock=clock, ids=TimeOrderedIds(clock))
    dispatcher = _dispatcher(store, chat, channels, clock)
    messages = [
        _message(f"b{number}-{place}", ThreadRef(channel), clock.now(), proactive=True)
        for place in range(pieces)
        for number, channel in enumerate(channels)
    ]
    await store.outbox.enqueue(messages)
    asked: dict[OutboxId, float] = {}
    async with asyncio.TaskGroup() as tasks:
        running = tasks.create_task(dispatcher.run())
        for number in range(_ANSWERS):
            await clock.sleep(_ANSWER_EVERY)
            thread = ThreadRef(ChannelRef(name, "", each.channel(100_000 + number)))
            answer = _message(f"a{number}", thread, clock.now(), proactive=False)
            asked[answer.id] = clock.monotonic()
            await store.outbox.enqueue([answer])
            dispatcher.wake()
        while await store.outbox.count(OutboxState.SENT) < len(messages) + _ANSWERS:
            await clock.sleep(0.05)
        running.cancel()
    return _Run(
        seconds=max(chat.arrived[message.id] for message in messages) - _LATENCY / 2,
        refused=chat.refused,
        answers=[chat.arrived[answer] - at for answer, at in asked.items()],
        most=_most(sorted(chat.arrived.values())),
    )


def _dispatcher(
    store: MemoryStore, chat: _Chat, channels: Sequence[ChannelRef], clock: Clock
) -> Dispatcher:
    team = Team(
        name="Night shift",
        zone="UTC",
        members=(),
        channels=tuple(ChannelRule(ref=c, name=c.channel, proactive=True) for c in channels),
        agents=(Agent(name=AgentName("desk"), model=ModelName("offline"), instructions="."),),
    )

    async def settled(_: OutboxItem, __: OutboxState, ___: str, ____: MessageId | None) -> None:
        """Nobody is told."""

    told: Settled = settled
    return Dispatcher(
        store.outbox,
        {chat.platform: chat},
        store.trust,
        team=lambda: team,
        clock=clock,
        ids=TimeOrderedIds(clock),
        owner="bench",
        alone=True,
        activity=Activity(),
        settled=told,
    )


_WORDS = Content("Good morning. Two runs failed in the night; the thread has them.")


def _message(key: str, thread: ThreadRef, at: datetime, *, proactive: bool) -> OutboxItem:
    return OutboxItem(
        id=OutboxId(key),
        thread=thread,
        content=_WORDS,
        proactive=proactive,
        not_before=at,
        created_at=at,
    )


def _most(times: Sequence[float]) -> int:
    """The most of them within any second."""
    most = first = 0
    for number, at in enumerate(times):
        while times[first] <= at - 1.0:
            first += 1
        most = max(most, number - first + 1)
    return most
