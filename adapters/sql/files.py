"""Bytes that came in or are to go out: `runtime.ports.Files`.

A file is kept in pieces, each written on its own, so that a large one keeps no other write
waiting; it is there once its last row says that it is whole.
"""

from collections.abc import AsyncIterator
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy import bindparam

from adapters.sql.codec import micros, plain
from adapters.sql.database import Database
from adapters.sql.schema import file_pieces, files
from adapters.sql.transaction import Transaction, Value
from adapters.sql.upsert import insert
from runtime.clock import Clock
from runtime.errors import Permanent, Refused
from runtime.ids import FileId
from runtime.model.files import OutFile, too_large

PIECE = 128 * 1024
"""Bytes in a row."""
_FORGET_AT_ONCE = 20

_WHOLE = sa.select(files.c.name, files.c.media_type, files.c.size).where(
    files.c.id == bindparam("this")
)
_KEEP = insert(files).values({column.name: bindparam(column.name) for column in files.c})
_KEEP = _KEEP.on_conflict_do_nothing()
_PIECE = insert(file_pieces).values(
    {column.name: bindparam(column.name) for column in file_pieces.c}
)
_PIECE = _PIECE.on_conflict_do_update(
    index_elements=[file_pieces.c.file, file_pieces.c.number],
    set_={"bytes": _PIECE.excluded.bytes, "kept_at": _PIECE.excluded.kept_at},
)
"""Writes a piece; over that of an earlier try, which never became whole."""
_PIECES = (
    sa.select(file_pieces.c.bytes)
    .where(file_pieces.c.file == bindparam("this"))
    .order_by(file_pieces.c.number)
)
_REST = sa.delete(file_pieces).where(
    file_pieces.c.file == bindparam("this"),
    file_pieces.c.number >= bindparam("from", type_=sa.BigInteger),
)
"""Deletes pieces beyond the last."""
_OLD = (
    sa.select(file_pieces.c.file)
    .where(file_pieces.c.kept_at < bindparam("before", type_=sa.BigInteger))
    .group_by(file_pieces.c.file)
    .order_by(file_pieces.c.file)
    .limit(bindparam("limit", type_=sa.BigInteger))
)
_DELETE = sa.delete(files).where(files.c.id == bindparam("this"))


class SqlFiles:
    """Files in a database."""

    def __init__(self, database: Database, *, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def keep(
        self,
        file: FileId,
        pieces: AsyncIterator[bytes],
        *,
        name: str,
        media_type: str,
        most: int,
    ) -> OutFile:
        """Store a file under that id: see the port."""
        there = await self.find(file)
        if there is not None:
            return there
        kept_at = micros(self._clock.now())
        size = number = 0
        async for piece in _even(pieces):
            size += len(piece)
            if size > most:
                await self._database.write(lambda t: t.run(_REST, {"this": file, "from": 0}))
                raise Refused(too_large(name, most))
            row: dict[str, Value] = {
                "file": file,
                "number": number,
                "bytes": piece,
                "kept_at": kept_at,
            }
            await self._put(row)
            number += 1
        whole: dict[str, Value] = {
            "id": file,
            "name": plain(name),
            "media_type": plain(media_type),
            "size": size,
            "kept_at": kept_at,
        }

        def finish(transaction: Transaction) -> None:
            transaction.run(_REST, {"this": file, "from": number})
            transaction.run(_KEEP, whole)

        await self._database.write(finish)
        return OutFile(id=file, name=plain(name), media_type=plain(media_type), size=size)

    async def read(self, file: FileId) -> bytes:
        """The bytes of a file: see the port."""
        there = await self.find(file)
        if there is None:
            raise Permanent(f"there is no file {file}, or not any more")
        rows = await self._database.scan(lambda t: t.all(_PIECES, {"this": file}))
        return b"".join(row[0] for row in rows)

    async def forget(self, *, before: datetime) -> int:
        """Delete old files: see the port."""
        forgotten = 0
        page: dict[str, Value] = {"before": micros(before), "limit": _FORGET_AT_ONCE}
        while rows := await self._database.scan(lambda t: t.all(_OLD, page)):
            for row in rows:
                await self._delete(row[0])
            forgotten += len(rows)
        return forgotten

    async def _put(self, row: dict[str, Value]) -> None:
        await self._database.write(lambda t: t.run(_PIECE, row))

    async def _delete(self, file: str) -> None:
        def work(transaction: Transaction) -> None:
            transaction.run(_DELETE, {"this": file})
            transaction.run(_REST, {"this": file, "from": 0})

        await self._database.write(work)

    async def find(self, file: FileId) -> OutFile | None:
        """What is known of a whole file: see the port."""
        row = await self._database.read(lambda t: t.one(_WHOLE, {"this": file}))
        if row is None:
            return None
        name, media_type, size = row
        return OutFile(id=file, name=name, media_type=media_type, size=size)


async def _even(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same bytes in pieces of one size, at least one; the last may be shorter."""
    held = bytearray()
    none_yet = True
    async for piece in pieces:
        held += piece
        while len(held) >= PIECE:
            yield bytes(held[:PIECE])
            del held[:PIECE]
            none_yet = False
    if held or none_yet:
        yield bytes(held)
