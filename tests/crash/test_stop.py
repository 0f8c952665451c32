"""STOP of the real program in six bad states, once each; `make prove` counts a hundred, and times.

No time is measured here: this machine may be busy. What is left over is looked for.
"""

from bot import stopfile
from tests.prove.stops import of_a_worker, of_one_process
from tests.support.crash_places import Places
from tests.support.crash_world import channel, world
from tests.support.eventually import eventually
from tests.support.stop_states import Stops, ended_hard


async def test_one_process_stops_whatever_it_is_doing(on_sqlite: Places) -> None:
    folder, _ = on_sqlite.new("here")
    once = {"stream": 1, "retry": 1, "ask": 1, "flood": 1, "tool": 1}
    seen, wrong = await of_one_process(folder, once)
    assert [one.state for one in seen if not one.ok] == []
    assert wrong == []
    assert {one.state for one in seen} == set(once)


async def test_one_process_whose_event_loop_is_held_is_stopped_from_the_shell(
    on_sqlite: Places,
) -> None:
    folder, _ = on_sqlite.new("here")
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


async def test_a_worker_whose_event_loop_is_held_is_stopped_by_another_process(
    on_postgres: Places,
) -> None:
    folder, url = on_postgres.new("here")
    assert url is not None
    (seen,), wrong = await of_a_worker(folder, url, 1)
    assert seen.ok
    assert wrong == []
