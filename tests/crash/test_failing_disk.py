"""A disk that fails a write: the program stops and says so, and the next life owes nobody."""

import resource

from tests.support.crash_places import Places
from tests.support.crash_world import world

LOOKS = 0.2
"""Seconds between two looks at the store, by which the program sees that it cannot go on."""


async def test_a_write_that_fails_ends_the_program_and_loses_nothing(on_sqlite: Places) -> None:
    folder, _ = on_sqlite.new("here")
    async with world(folder) as people:
        process = people.start(looks=LOOKS)
        await process.ready()
        await people.mention()
        await people.quiet()
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
        status = await people.attempt()
        assert status >= 500
        assert await process.ended() > 0
        process = people.start()
        await process.ready()
        await people.mention()
        await people.quiet()
        await process.stop()
        verdict = people.verdict()
        assert (verdict.acknowledged, verdict.lost, verdict.double_posts) == (2, (), ())
        assert people.rows("PRAGMA integrity_check") == [("ok",)]
