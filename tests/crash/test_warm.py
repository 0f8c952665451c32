"""The processes that are killed begin with everything imported, or hundreds of them take long."""

from tests.support.crash_places import Places
from tests.support.crash_world import world


async def test_a_life_imports_nothing(places: Places) -> None:
    folder, url = places.new("here")
    async with world(folder, url=url) as people:
        process = people.start()
        await process.ready()
        assert process.imported == ()
