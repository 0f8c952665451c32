"""Waves of kills under load: people write, the program dies and starts again, until it is enough.

A process is killed once it has used so much of a processor as chance gave it, not so much time: so
the moment falls within what it does, on a machine of any speed.
"""

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from bot.role import Role
from tests.support.crash_process import Process
from tests.support.crash_schedules import far, put
from tests.support.crash_timer import Span
from tests.support.crash_world import CHANNELS, Verdict, World, channel
from tests.support.ports import free_port

UNBORN = 0.25
"""How many of the kills are to hit a process that is still starting."""
WORKS = 0.5
"""What a process does at the most after it became ready, as a part of what its start took: about what
it takes to answer a few messages."""
IDLE = 1.0
"""When a process is killed that finds less than that to do: see `Process.spent`."""
SCHEDULES = 8
"""Schedules that people ask to run now."""
SAID_IN_A_LIFE = 10
"""Messages that are written at the most for each process that is started: the program should not have
to work off more at the end for lives that are long or short."""
AT_ONCE = 40
"""Messages that are on their way to the program at the most."""

Starter = Callable[[Span | None], Process]
"""Starts a process, which is killed at the end of the span."""
Starters = Callable[[World], Sequence[Starter]]
"""Who starts the processes of a world."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        kills: how many processes were killed.
        within: how many of the kills came when an acknowledged message had no answer yet.
        verdict: what became of the messages.
        requests: how many requests Slack got, each of which it examined.
        ready: how long each start took that came to its end, in seconds.
        seconds: how long it took in all.
    """

    kills: int
    within: int
    verdict: Verdict
    requests: int
    ready: tuple[float, ...]
    seconds: float


def alone(world: World) -> list[Starter]:
    """One process that does everything."""
    return [lambda span: world.start(span=span)]


def split(world: World) -> list[Starter]:
    """The roles of the Procfile, two of `web` and of `worker`; Slack's events come to any `web`."""
    world.ports.append(free_port())
    first, second = world.ports
    return [
        lambda span: world.start(Role.WEB, slot="web-0", port=first, span=span),
        lambda span: world.start(Role.WEB, slot="web-1", port=second, span=span),
        lambda span: world.start(Role.WORKER, slot="worker-0", port=0, span=span),
        lambda span: world.start(Role.WORKER, slot="worker-1", port=0, span=span),
        lambda span: world.start(Role.CLOCK, slot="clock-0", port=0, span=span),
    ]


@dataclass(slots=True)
class _Waves:
    """The kills in one world.

    Attributes:
        world: the world.
        left: the kills that are still to come.
        within: how many of those before came when an acknowledged message had no answer yet.
        ready: how long each start took that came to its end, in seconds.
    """

    world: World
    left: Iterator[int]
    within: int = 0
    ready: list[float] = field(default_factory=list)

    async def lives(self, start: Starter) -> None:
        """Start a process and see it die, until it is enough."""
        start_takes = 0.0
        for _ in self.left:
            process = start(self._span(start_takes))
            took = await process.spent(idle=IDLE)
            self.within += self.world.owes()
            if took is not None:
                self.ready.append(took)
                start_takes = process.used

    def _span(self, start_takes: float) -> Span:
        """What a life may use, by chance, where that is known of a start."""
        chance = self.world.chance
        if start_takes and chance.random() < UNBORN:
            return Span(starts=chance.uniform(0, start_takes))
        return Span(works=chance.uniform(0, WORKS))


async def survive(
    world: World,
    kills: int,
    *,
    starters: Sequence[Starter],
    pause: tuple[float, float] = (0.04, 0.12),
    said_in_a_life: int = SAID_IN_A_LIFE,
    at_once: int = AT_ONCE,
) -> Result:
    """Kill that many processes while people write; then let all become quiet, and judge.

    Args:
        world: the world.
        kills: how many.
        starters: start one process each; each of them is killed again and again.
        pause: seconds between two messages, from and to.
        said_in_a_life: see `SAID_IN_A_LIFE`.
        at_once: see `AT_ONCE`.
    """
    began, enough = time.monotonic(), asyncio.Event()
    schedules = [far(number, channel(number)) for number in range(SCHEDULES)]
    await put(schedules, url=world.url, folder=world.folder)
    waves = _Waves(world, iter(range(kills)))
    async with asyncio.TaskGroup() as tasks:
        talk = _talk(world, tasks, enough, kills * 3 // 2, pause, said_in_a_life, at_once)
        tasks.create_task(talk)
        async with asyncio.TaskGroup() as lives:
            for start in starters:
                lives.create_task(waves.lives(start))
        running = [start(None) for start in starters]
        enough.set()
    await world.quiet()
    await asyncio.sleep(0.3)  # for what comes twice, and late
    for process in running:
        await process.ready()
    for process in running:
        await process.stop()
    return Result(
        kills=kills,
        within=waves.within,
        verdict=world.verdict(),
        requests=len(world.slack.calls),
        ready=tuple(waves.ready),
        seconds=time.monotonic() - began,
    )


async def _talk(
    world: World,
    tasks: asyncio.TaskGroup,
    enough: asyncio.Event,
    least: int,
    pause: tuple[float, float],
    said_in_a_life: int,
    at_once: int,
) -> None:
    """Write in many places at once, until it is enough, and so often at least."""
    places, written = asyncio.Semaphore(at_once), 0
    while not enough.is_set() or written < least:
        await asyncio.sleep(world.chance.uniform(*pause))
        if written >= said_in_a_life * world.lives and not enough.is_set():
            continue
        written += 1
        await places.acquire()
        task = tasks.create_task(_say(world))
        task.add_done_callback(lambda _: places.release())


async def _say(world: World) -> None:
    kind = world.chance.random()
    answered = [said for said in world.said[-50:] if said.thread and world.answers(said)]
    if kind < 0.35 and answered:
        await world.reply(world.chance.choice(answered))
    elif kind < 0.45:
        await world.direct()
    elif kind < 0.52:
        number = world.chance.randrange(SCHEDULES)
        await world.command(f"schedule run {number + 1}", place=channel(CHANNELS - 1 - number))
    else:
        await world.mention(twice=kind < 0.85)
