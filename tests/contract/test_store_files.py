"""The promises of `runtime.ports.Files`, on every implementation."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from runtime.errors import Permanent, Refused
from runtime.ids import FileId
from runtime.model.files import OutFile
from runtime.ports import Store
from tests.support.clock import ManualClock
from tests.support.stores import Opener

REPORT = FileId("report")
MOST = 1_000_000
LONG = bytes(range(256)) * 2_000  # half a megabyte: several pieces, the last one short


async def pieces(*given: bytes, breaks: bool = False) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece
    if breaks:
        raise ConnectionResetError("the line broke")


async def keep(store: Store, *given: bytes, most: int = MOST, breaks: bool = False) -> OutFile:
    return await store.files.keep(
        REPORT,
        pieces(*given, breaks=breaks),
        name="report.csv",
        media_type="text/csv",
        most=most,
    )


@pytest.mark.parametrize(
    "given", [(), (b"",), (b"a",), (LONG,), (LONG[:7], LONG[7:]), (b"x" * 131_072,)]
)
async def test_what_was_kept_is_read(store: Store, given: tuple[bytes, ...]) -> None:
    kept = await keep(store, *given)

    whole = b"".join(given)
    assert kept == OutFile(id=REPORT, name="report.csv", media_type="text/csv", size=len(whole))
    assert await store.files.read(REPORT) == whole
    assert await store.files.find(REPORT) == kept


async def test_what_was_kept_is_there_after_a_restart(open_again: Opener) -> None:
    async with open_again() as store:
        await keep(store, LONG)
    async with open_again() as store:
        assert await store.files.read(REPORT) == LONG


async def test_a_whole_file_is_left_as_it_is(store: Store) -> None:
    first = await keep(store, b"first")

    assert await keep(store, b"and second") == first
    assert await store.files.read(REPORT) == b"first"


async def test_a_file_that_broke_off_is_not_there_and_can_be_kept_again(store: Store) -> None:
    with pytest.raises(ConnectionResetError):
        await keep(store, LONG, breaks=True)
    with pytest.raises(Permanent, match="no file report"):
        await store.files.read(REPORT)
    assert await store.files.find(REPORT) is None

    await keep(store, b"short")

    assert await store.files.read(REPORT) == b"short"


async def test_a_file_that_is_too_large_is_refused_and_not_kept(store: Store) -> None:
    with pytest.raises(Refused, match=r"report\.csv has more than 0\.5 MB"):
        await keep(store, LONG, most=500_000)
    with pytest.raises(Permanent):
        await store.files.read(REPORT)


async def test_a_file_of_exactly_the_most_is_kept(store: Store) -> None:
    assert (await keep(store, LONG, most=len(LONG))).size == len(LONG)


async def test_old_files_are_forgotten_and_young_ones_stay(
    store: Store, clock: ManualClock
) -> None:
    await keep(store, LONG)
    await clock.advance(timedelta(days=2))
    young = FileId("young")
    await store.files.keep(young, pieces(b"y"), name="y", media_type="", most=MOST)

    assert await store.files.forget(before=clock.now() - timedelta(days=1)) == 1
    assert await store.files.forget(before=clock.now() - timedelta(days=1)) == 0
    assert await store.files.read(young) == b"y"
    with pytest.raises(Permanent):
        await store.files.read(REPORT)
