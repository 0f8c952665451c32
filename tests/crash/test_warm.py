"""The processes that are killed begin with everything imported, or hundreds of them take long."""

from pathlib import Path

from tests.support.crash_world import world


async def test_on_sqlite_a_life_imports_nothing(tmp_path: Path) -> None:
    async with world(tmp_path) as people:
        process = people.start()
        await process.ready()
        assert process.imported == ()


async def test_on_postgres_a_life_imports_nothing(tmp_path: Path, postgres_url: str) -> None:
    async with world(tmp_path, url=postgres_url) as people:
        process = people.start()
        await process.ready()
        assert process.imported == ()
