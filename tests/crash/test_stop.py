"""STOP of the real program in six bad states, once each; `make prove` counts a hundred, and times.

No time is measured here: this machine may be busy. What is left over is looked for. That takes three
seconds after each stop, so the worlds of all states are side by side.
"""

import asyncio
from pathlib import Path

from bot import stopfile
from tests.prove.stops import of_a_worker, of_one_process
from tests.support.crash_places import Places
from tests.support.crash_world import channel, world
from tests.support.eventually import eventually
from tests.support.stop_states import Stops, ended_hard

OF_ONE_PROCESS = (("stream", "retry", "ask"), ("flood",), ("tool",))
"""States that one process can be in; those of a line meet their stops in the same one."""


async def test_a_process_stops_whatever_it_is_doing(on_sqlite: Places, on_postgres: Places) -> None:
    folder, url = on_postgres.new("worker")
    assert url is not None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_stopped_from_the_shell(on_sqlite.new("shell")[0]))
        stopped = [
            tasks.create_task(of_one_process(on_sqlite.new(states[0])[0], dict.fromkeys(states, 1)))
            for states in OF_ONE_PROCESS
        ]
        # Its event loop is held, and another process stops it.
        stopped.append(tasks.create_task(of_a_worker(folder, url, 1)))
    seen = [one for task in stopped for one in task.result()[0]]
    assert [one.state for one in seen if not one.ok] == []
    assert [wrong for task in stopped for wrong in task.result()[1]] == []
    states = [state for line in OF_ONE_PROCESS for state in line]
    assert sorted(one.state for one in seen) == sorted([*states, "hog"])


async def _stopped_from_the_shell(folder: Path) -> None:
    """One process whose event loop is held, so that it hears no message."""
    async with world(folder) as people:
        stops = Stops(people)
        process = stops.start()
        await process.ready()
        await stops.begin("hog", channel(0))
        stopfile.write(folder / stopfile.NAME)
        assert await ended_hard(process) == []
        process = stops.start()
        await process.ready()
        await eventually(lambda: not stopfile.is_there(folder / stopfile.NAME))
        in_force = "SELECT kind FROM stops WHERE lifted_at IS NULL"
        assert people.rows(in_force) == [("everything",)]
        assert people.open_work() == []
        assert [stops.asked(mark) for mark in stops.marks] == [1]
        await process.stop()
