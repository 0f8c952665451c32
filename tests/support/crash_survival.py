"""Kills at random in the world of any platform, while people do things; and what came of it."""

import asyncio
import time
from dataclasses import dataclass

from tests.support.crash_platforms import Lives, Verdict, passed
from tests.support.crash_process import Process

ALIVE = (0.05, 0.25)
"""Seconds that a process lives after it became ready, where chance kills it."""
AT_ONCE = 20
"""What is on its way to the program at the most."""
SAID_IN_A_LIFE = 10
"""What people do at the most for each process that was started: on a busy machine a life is long, and the
program should not have to work off more for that."""
CONNECTED_WITHIN = 0.5
"""Seconds after which a process is killed that hears nobody yet, too."""
STRIKE_WITHIN = 0.5
"""Seconds in which a request that is to kill must come; then chance kills."""


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a run.

    Attributes:
        kills: how many processes were killed.
        struck: how many of them at a request.
        verdict: what became of what was taken in.
        seconds: how long it took.
    """

    kills: int
    struck: int
    verdict: Verdict
    seconds: float


async def survive(
    people: Lives,
    kills: int,
    *,
    pause: tuple[float, float] = (0.07, 0.18),
    said_in_a_life: int = SAID_IN_A_LIFE,
) -> Result:
    """Kill that many processes while people write; then let all become quiet, and judge.

    Args:
        people: the world.
        kills: how many.
        pause: seconds between two things that people do, from and to.
        said_in_a_life: see `SAID_IN_A_LIFE`.
    """
    began, enough, struck = time.monotonic(), asyncio.Event(), 0
    await people.put(people.reminders(kills, every=0.5))
    process = people.start()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_talk(people, tasks, enough, pause, said_in_a_life))
        for _ in range(kills):
            kind = people.chance.random()
            if kind < 0.15:  # while it starts
                await asyncio.sleep(people.chance.uniform(0.0, 0.2))
            else:
                await process.ready()
                await people.connected(within=CONNECTED_WITHIN)
                if kind < 0.55:
                    struck += await _struck(people, process)
                else:
                    await asyncio.sleep(people.chance.uniform(*ALIVE))
            await people.kill(process)
            process = people.start()
        enough.set()
    await people.quiet()
    await asyncio.sleep(0.3)  # for what comes twice, and late
    await people.live(process)
    return Result(kills, struck, people.verdict(), time.monotonic() - began)


async def _struck(people: Lives, process: Process) -> bool:
    """Let a request kill it; whether one did in time."""
    strike = people.chance.choice(people.strikes)
    people.striker.armed = (strike, process.pid)
    return await passed(lambda: people.striker.armed is None, within=STRIKE_WITHIN)


async def _talk(
    people: Lives,
    tasks: asyncio.TaskGroup,
    enough: asyncio.Event,
    pause: tuple[float, float],
    said_in_a_life: int,
) -> None:
    """Let people do things side by side, until it is enough."""
    places, said = asyncio.Semaphore(AT_ONCE), 0
    while not enough.is_set():
        await asyncio.sleep(people.chance.uniform(*pause))
        if said >= said_in_a_life * people.lives:
            continue
        said += 1
        await places.acquire()
        task = tasks.create_task(people.say())
        task.add_done_callback(lambda _: places.release())
