"""Waves of kills under load: people write, the program dies and starts again, until it is enough."""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bot.role import Role
from tests.support.crash_process import Process
from tests.support.crash_schedules import far, put
from tests.support.crash_world import CHANNELS, Verdict, World, channel
from tests.support.ports import free_port

ALIVE = (0.09, 0.25)
"""Seconds that a process lives after it became ready."""
UNBORN = 0.2
"""How many of the kills hit a process that is still starting."""
SCHEDULES = 8
"""Schedules that people ask to run now."""
SAID_IN_A_LIFE = 20
"""Messages that are written at the most while one process lives: on a busy machine a life is long,
and the program should not have to work off more for that."""
AT_ONCE = 40
"""Messages that are on their way to the program at the most."""

Starter = Callable[[], Process]
Starters = Callable[[World], Sequence[Starter]]
"""Who starts the processes of a world."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it.

    Attributes:
        kills: how many processes were killed.
        verdict: what became of the messages.
        requests: how many requests Slack got, each of which it examined.
        ready: how long each start took that was waited for, in seconds.
        seconds: how long it took in all.
    """

    kills: int
    verdict: Verdict
    requests: int
    ready: tuple[float, ...]
    seconds: float


def alone(world: World) -> list[Starter]:
    """One process that does everything."""
    return [world.start]


def split(world: World) -> list[Starter]:
    """The roles of the Procfile, two of `web` and of `worker`; Slack's events come to any `web`."""
    world.ports.append(free_port())
    return [
        lambda: world.start(Role.WEB, slot="web-0", port=world.ports[0]),
        lambda: world.start(Role.WEB, slot="web-1", port=world.ports[1]),
        lambda: world.start(Role.WORKER, slot="worker-0", port=0),
        lambda: world.start(Role.WORKER, slot="worker-1", port=0),
        lambda: world.start(Role.CLOCK, slot="clock-0", port=0),
    ]


async def survive(
    world: World,
    kills: int,
    *,
    starters: Sequence[Starter],
    pause: tuple[float, float] = (0.04, 0.12),
) -> Result:
    """Kill that many processes while people write; then let all become quiet, and judge.

    Args:
        world: the world.
        kills: how many.
        starters: start one process each; each wave kills one of them.
        pause: seconds between two messages, from and to.
    """
    began = time.monotonic()
    enough = asyncio.Event()
    ready: list[float] = []
    schedules = [far(number, channel(number)) for number in range(SCHEDULES)]
    await put(schedules, url=world.url, folder=world.folder)
    running = [start() for start in starters]
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_talk(world, tasks, enough, pause))
        ready += [await process.ready() for process in running]
        for _ in range(kills):
            place = world.chance.randrange(len(running))
            if world.chance.random() >= UNBORN:
                ready.append(await running[place].ready())
                await asyncio.sleep(world.chance.uniform(*ALIVE))
            else:
                await asyncio.sleep(world.chance.uniform(0.0, 0.2))
            await running[place].kill()
            running[place] = starters[place]()
        enough.set()
    await world.quiet()
    await asyncio.sleep(0.3)  # for what comes twice, and late
    for process in running:
        await process.ready()
    for process in running:
        await process.stop()
    took = time.monotonic() - began
    return Result(kills, world.verdict(), len(world.slack.calls), tuple(ready), took)


async def _talk(
    world: World, tasks: asyncio.TaskGroup, enough: asyncio.Event, pause: tuple[float, float]
) -> None:
    """Write in many places at once, until it is enough."""
    places, written = asyncio.Semaphore(AT_ONCE), 0
    while not enough.is_set():
        await asyncio.sleep(world.chance.uniform(*pause))
        if written >= SAID_IN_A_LIFE * world.lives:
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
