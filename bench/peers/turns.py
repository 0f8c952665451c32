"""What turns are measured against: raw sqlite3 as the limit, and aiosqlite as most people write it.

Both do the bare minimum of a durable turn: store the message, load fifty and read them, for a model
is to be shown them, store the answer and the outgoing message, mark it as sent. Neither looks at
what it stores or decides anything.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path

import aiosqlite
import msgspec

from bench.child import live, obey, say
from bench.machine import SERVER_CORE, own_usage
from bench.peers import history
from bench.spoken import AT_ONCE, Stretch, Turns
from bench.spread import percentile

FILE = "peer.db"

Talk = Callable[[Sequence[int]], Awaitable[Turns]]
Read = Callable[[str], object]
"""Reads a message that was loaded."""

READERS: Mapping[str, Read] = {
    "raw": json.loads,
    "raw-msgspec": msgspec.json.decode,
    "raw-unread": lambda body: body,
}
"""Ways to read fifty messages; with the library's own, as the target was set; and not at all."""


def prepare(path: Path, conversations: int) -> None:
    """Make the database with its conversations."""
    database = sqlite3.connect(path)
    database.executescript(history.SCHEMA)
    heads, log = history.conversations(conversations)
    with database:
        database.executemany("INSERT INTO conversations VALUES (?, ?)", heads)
        database.executemany(history.ENTRY, log)
    database.close()


class RawTurns:
    """The limit: no event loop, 64 turns in each three commits."""

    def __init__(self, path: Path, read: Read) -> None:
        self._read = read
        self._database = sqlite3.connect(path, isolation_level=None)
        self._database.executescript("PRAGMA synchronous = FULL")
        self._said = 0

    async def talk(self, conversations: Sequence[int]) -> Turns:
        """One turn in each conversation."""
        latencies: list[float] = []
        began, cpu = time.perf_counter(), time.process_time()
        for start in range(0, len(conversations), AT_ONCE):
            group = time.perf_counter()
            some = conversations[start : start + AT_ONCE]
            self._group(some)
            latencies += [(time.perf_counter() - group) * 1000] * len(some)
        return _turns(latencies, began, cpu)

    def _group(self, conversations: Sequence[int]) -> None:
        run = self._database.execute
        run("BEGIN IMMEDIATE")
        asked = [self._ask(conversation) for conversation in conversations]
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        replies = [self._answer(*one) for one in zip(conversations, asked, strict=True)]
        run("COMMIT")
        run("BEGIN IMMEDIATE")
        for reply in replies:
            run(history.SENT, (reply,))
        run("COMMIT")

    def _ask(self, conversation: int) -> int | None:
        run = self._database.execute
        self._said += 1
        key = f"Ev{self._said}"
        row = run(history.INBOX, (key, conversation, history.MESSAGE)).lastrowid
        [seq] = run(history.ADVANCE, (conversation,)).fetchall()[0]
        run(history.ENTRY, (conversation, seq, history.MESSAGE))
        said = [self._read(body) for (body,) in run(history.LOAD, (conversation,)).fetchall()]
        return row if said else None

    def _answer(self, conversation: int, asked: int | None) -> int | None:
        run = self._database.execute
        [seq] = run(history.ADVANCE, (conversation,)).fetchall()[0]
        run(history.ENTRY, (conversation, seq, history.ANSWER))
        run(history.DONE, (asked,))
        return run(history.OUTBOX, (conversation, history.ANSWER)).lastrowid


class NaiveTurns:
    """aiosqlite: one connection, a lock around each transaction, a transaction for each step."""

    def __init__(self, database: aiosqlite.Connection) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._said = 0

    async def talk(self, conversations: Sequence[int]) -> Turns:
        """One turn in each conversation, 64 at once."""
        left, latencies = iter(conversations), list[float]()
        began, cpu = time.perf_counter(), time.process_time()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(AT_ONCE):
                tasks.create_task(self._person(left, latencies))
        return _turns(latencies, began, cpu)

    async def _person(self, conversations: Iterator[int], latencies: list[float]) -> None:
        for conversation in conversations:
            began = time.perf_counter()
            await self._turn(conversation)
            latencies.append((time.perf_counter() - began) * 1000)

    async def _turn(self, conversation: int) -> None:
        self._said += 1
        asked = await self._store(history.INBOX, (f"Ev{self._said}", conversation, history.MESSAGE))
        await self._log(conversation, history.MESSAGE)
        async with self._database.execute(history.LOAD, (conversation,)) as cursor:
            for (body,) in await cursor.fetchall():
                json.loads(body)
        await self._log(conversation, history.ANSWER)
        await self._store(history.DONE, (asked,))
        reply = await self._store(history.OUTBOX, (conversation, history.ANSWER))
        await self._store(history.SENT, (reply,))

    async def _log(self, conversation: int, body: str) -> None:
        async with self._lock:
            async with self._database.execute(history.ADVANCE, (conversation,)) as cursor:
                [[seq]] = await cursor.fetchall()
            await self._database.execute(history.ENTRY, (conversation, seq, body))
            await self._database.commit()

    async def _store(self, statement: str, values: tuple[object, ...]) -> int | None:
        async with self._lock:
            async with self._database.execute(statement, values) as cursor:
                row = cursor.lastrowid
            await self._database.commit()
        return row


def _turns(latencies: Sequence[float], began: float, cpu: float) -> Turns:
    return Turns(
        count=len(latencies),
        seconds=time.perf_counter() - began,
        cpu=time.process_time() - cpu,
        p50=percentile(latencies, 0.5),
        p99=percentile(latencies, 0.99),
    )


async def _serve(talk: Talk) -> None:
    async def turns(some: msgspec.Raw) -> Turns:
        return await talk(msgspec.json.decode(some, type=Stretch).numbers())

    async def usage(_: msgspec.Raw) -> object:
        return own_usage()

    say("ready")
    await obey({"turns": turns, "usage": usage})


async def _live(arguments: Sequence[str]) -> None:
    folder, count, kind = arguments
    path, conversations = Path(folder) / FILE, int(count)
    prepare(path, conversations)
    if kind in READERS:
        await _serve(RawTurns(path, READERS[kind]).talk)
        return
    async with aiosqlite.connect(path) as database:
        await database.execute("PRAGMA synchronous = FULL")
        await _serve(NaiveTurns(database).talk)


if __name__ == "__main__":
    live(_live, core=SERVER_CORE)
