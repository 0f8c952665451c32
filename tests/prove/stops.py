"""P7: STOP stops: acknowledged in one second, and after two nothing is at work and nothing sent.

100 stops of the real program in six bad states. In four of them many are stopped at once, in one
process. What ignores that it is to end costs its process, and so does what holds the event loop of
a worker: those are started again, as by a service manager, and have to stay silent.
"""

import asyncio
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from bot.role import Role
from tests.prove.report import Check, Outcome
from tests.support.crash_world import channel, world
from tests.support.postgres import running_postgres
from tests.support.stop_states import Stopped, Stops, ended_hard, side_by_side

AT_ONCE = 10
TOGETHER = ("stream", "retry", "ask")
"""States that one process can be in many times at once."""
COUNTS = {"stream": 22, "retry": 22, "ask": 10, "flood": 16, "tool": 15, "hog": 15}
"""A hundred; one agent may ask people ten times within an hour."""
ACKNOWLEDGED_WITHIN = 1.0
SILENT_WITHIN = 2.0


def stops_everything() -> Outcome:
    """P7: STOP stops."""
    with tempfile.TemporaryDirectory(prefix="nd-prove-") as folder:
        alone = Path(folder) / "alone"
        alone.mkdir(mode=0o700)
        seen, wrong = asyncio.run(of_one_process(alone, COUNTS))
        many = Path(folder) / "many"
        many.mkdir(mode=0o700)
        with running_postgres() as server, server.database() as url:
            held, more = asyncio.run(of_a_worker(many, url, COUNTS["hog"]))
    return outcome([*seen, *held], [*wrong, *more])


def outcome(seen: Sequence[Stopped], wrong: Sequence[str]) -> Outcome:
    """What was seen, as figures."""
    met = Counter(one.state for one in seen)
    answered = [one.acknowledged for one in seen if one.acknowledged is not None]
    left = [what for one in seen for what in one.left] + list(wrong)
    figures = {}
    for state in met:
        mine = [one for one in seen if one.state == state]
        figures[f"{state}: stops"] = float(len(mine))
        figures[f"{state}: worst acknowledgement, s"] = max(o.acknowledged or 60.0 for o in mine)
        figures[f"{state}: worst silence, s"] = max(o.silent for o in mine)
    return Outcome(
        tried=f"{len(seen)} stops in {len(met)} states",
        checks=(
            Check(what="not stopped", value=len(seen) - sum(one.ok for one in seen)),
            Check(what="left over", value=len(left)),
            Check(
                what="worst acknowledgement",
                value=max(answered, default=60.0),
                most=ACKNOWLEDGED_WITHIN,
                unit=" s",
                places=2,
            ),
            Check(
                what="worst until silence",
                value=max((one.silent for one in seen), default=60.0),
                most=SILENT_WITHIN,
                unit=" s",
                places=2,
            ),
        ),
        figures=figures,
        notes=left[:10],
    )


async def of_one_process(
    folder: Path, counts: Mapping[str, int]
) -> tuple[list[Stopped], list[str]]:
    """The states of one process over SQLite, and how often it meets each."""
    seen: list[Stopped] = []
    wrong: list[str] = []
    async with world(folder) as people:
        stops = Stops(people)
        process = stops.start()
        await process.ready()
        together = [state for state in TOGETHER for _ in range(counts.get(state, 0))]
        people.chance.shuffle(together)
        for first in range(0, len(together), AT_ONCE):
            seen += await side_by_side(stops, together[first : first + AT_ONCE])
        for number in range(counts.get("flood", 0)):
            seen.append(await stops.stop("flood", channel(AT_ONCE + number)))
        for number in range(counts.get("tool", 0)):
            seen.append(await stops.stop("tool", channel(number)))
            wrong += await ended_hard(process)
            process = stops.start()
            await process.ready()
        await process.kill()
        wrong += _at_work_again(stops)
    return seen, wrong


async def of_a_worker(folder: Path, url: str, count: int) -> tuple[list[Stopped], list[str]]:
    """A worker whose event loop is held, among several processes."""
    seen: list[Stopped] = []
    wrong: list[str] = []
    async with world(folder, url=url) as people:
        stops = Stops(people)
        web = stops.start(Role.WEB, slot="web-0", port=people.ports[0])
        await web.ready()
        worker = stops.start(Role.WORKER, slot="worker-0", port=0)
        await worker.ready()
        for number in range(count):
            seen.append(await stops.stop("hog", channel(number)))
            wrong += await ended_hard(worker)
            worker = stops.start(Role.WORKER, slot="worker-0", port=0)
            await worker.ready()
        wrong += _at_work_again(stops)
    return seen, wrong


def _at_work_again(stops: Stops) -> list[str]:
    """What the next lives took up of turns that were stopped: their models and tools ran once."""
    asked = {mark: stops.asked(mark) for mark in stops.marks}
    return [f"{mark}: its model was asked {n} times" for mark, n in asked.items() if n > 1]
