"""A thread with a SQLite connection that works off whatever one tick of the loop collected.

The writer is such a thread, and this is its group commit: it is woken once for each tick, goes on
collecting while a commit is in flight, and tells all waiters of a commit in one call. The figures
behind each of the three are in `docs/adr/0004-group-commit.md`. The reader of small questions is
the other one.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import Empty, SimpleQueue
from typing import Generic, TypeVar

from adapters.sql.checkpoints import QUIET, Checkpoints
from adapters.sql.trail import Trail
from adapters.sql.transaction import DriverTransaction, First, Work
from runtime.errors import NightdeskError, StorageDamaged, StorageFull

T = TypeVar("T")

MOST_IN_ONE_COMMIT = 500
"""Units in one transaction at the most, so that the first does not wait long for the last."""

MOST_BESIDE_FIRST = 8
"""Others in a transaction with those that go first, and after such for a while: what comes first in
the midst of a large commit waits for it, and then for the loop to see to all who are told of it."""
SHARE_BESIDE_FIRST = 8
"""Where more of them wait, one in so many: while as many come as go, a line of any length passes in
so many commits, and who stands at its end (STOP, at times) does not wait for each eight ahead."""
FIRST_AGAIN = 1.0
"""Seconds for which another of those is expected."""

MOST_TURNS = 2
"""Turns of the loop that a commit is held back for while each of them brings more."""

Translate = Callable[[sqlite3.Error], NightdeskError]


class _Unit(Generic[T]):
    """A unit of work and whoever waits for it."""

    __slots__ = ("error", "future", "result", "work")

    def __init__(self, work: Work[T], future: asyncio.Future[T]) -> None:
        self.work = work
        self.future = future
        self.result: T | None = None
        self.error: Exception | None = None


_Units = Sequence[_Unit[object]]


class ConnectionThread:
    """Runs units of work in a thread of its own, in order, many to a transaction."""

    def __init__(
        self,
        name: str,
        connection: sqlite3.Connection,
        *,
        begin: str,
        translate: Translate,
        checkpoints: Checkpoints | None = None,
        trail: Trail | None = None,
    ) -> None:
        """Start the thread.

        Args:
            name: the thread's name.
            connection: used by the thread alone from now on, and closed by it.
            begin: how a transaction begins.
            translate: what a driver's error means to the caller.
            checkpoints: of the connection, where it writes.
            trail: records what the units of a transaction have to say to the audit log.
        """
        self._loop = asyncio.get_running_loop()
        self._connection = connection
        self._cursor = connection.cursor()
        self._transaction = DriverTransaction(self._cursor)
        self._begin = begin
        self._translate = translate
        self._checkpoints = checkpoints
        self._trail = trail
        self._tick: list[_Unit[object]] = []
        self._first: deque[_Unit[object]] = deque()
        self._waiting: deque[_Unit[object]] = deque()
        self._expected_until = float("-inf")
        self._expects_first = False
        self._seen = self._turns = 0
        self._queue: SimpleQueue[_Units | None] = SimpleQueue()
        self._closed: asyncio.Future[None] = self._loop.create_future()
        self._closing = False
        # A daemon, because a process that ends without closing must end: nothing that is not
        # committed was acknowledged.
        self._thread = threading.Thread(target=self._live, name=name, daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether units are worked off."""
        return self._thread.is_alive() and not self._closing

    def submit(self, work: Work[T]) -> asyncio.Future[T]:
        """Run the unit, in its turn or `First`; the future ends once its transaction has.

        Raises:
            NightdeskError: the thread is closed.
        """
        if self._closing:
            raise NightdeskError("the store is closed")
        future: asyncio.Future[T] = self._loop.create_future()
        if not self._tick:
            self._loop.call_soon(self._hand_over_soon)
        self._tick.append(_Unit(work, future))  # type: ignore[arg-type]
        return future

    async def close(self) -> None:
        """Work off what was submitted, then close the connection and end the thread."""
        if not self._closing:
            self._closing = True
            self._hand_over()
            self._queue.put(None)
        await asyncio.shield(self._closed)
        self._thread.join()

    def _hand_over_soon(self) -> None:
        """Hand over once a turn of the loop brings nothing more, or a few have passed.

        A commit costs as much as ten of its rows, and the thread hardly runs while the loop does.
        """
        count = len(self._tick)
        if self._seen < count and self._turns < MOST_TURNS:
            self._seen = count
            self._turns += 1
            self._loop.call_soon(self._hand_over_soon)
        else:
            self._hand_over()

    def _hand_over(self) -> None:
        """Give the thread everything that the loop collected, and wake it once."""
        self._seen = self._turns = 0
        if self._tick:
            now = self._loop.time()
            first = [unit for unit in self._tick if isinstance(unit.work, First)]
            if first:
                self._expected_until = now + FIRST_AGAIN
                self._first.extend(first)
            self._expects_first = now < self._expected_until
            self._queue.put([unit for unit in self._tick if not isinstance(unit.work, First)])
            self._tick = []

    # ---- in the thread

    def _live(self) -> None:
        last = False
        while not last or self._first or self._waiting:
            last = last or self._collect()
            # What the last ones read is freed here, where it was made, and all of it at once.
            units = self._chosen()
            if units:
                self._transact(units)
                self._in_loop(self._tell, units)
                self._copy_what_presses()
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._connection.close()
        self._in_loop(self._closed.set_result, None)

    def _collect(self) -> bool:
        """Take up what was handed over, at least one tick's worth; True where it is the last."""
        with suppress(Empty):
            left = self._first or self._waiting
            tick = self._queue.get_nowait() if left else self._next()
            while tick is not None:
                self._waiting.extend(tick)
                tick = self._queue.get_nowait()
            return True
        return False

    def _chosen(self) -> list[_Unit[object]]:
        """The units of the next transaction: those that go first, if any, then others."""
        units = [self._first.popleft() for _ in range(len(self._first))]
        waiting, most = len(self._waiting), MOST_IN_ONE_COMMIT
        if units or self._expects_first:
            most = min(most, max(MOST_BESIDE_FIRST, waiting // SHARE_BESIDE_FIRST))
        units += [self._waiting.popleft() for _ in range(min(most, waiting))]
        return units

    def _next(self) -> _Units | None:
        """The next tick's worth; the journal is copied while there is none, if that is owed."""
        checkpoints = self._checkpoints
        if checkpoints is not None and checkpoints.owed:
            with suppress(Empty):
                return self._queue.get(timeout=QUIET)
            checkpoints.copy()
        return self._queue.get()

    def _copy_what_presses(self) -> None:
        """Copy the journal where that cannot wait, whoever does."""
        checkpoints = self._checkpoints
        if checkpoints is not None and checkpoints.pressing():
            checkpoints.copy()

    def _transact(self, units: list[_Unit[object]]) -> None:
        """Run the units in one transaction; where that fails as a whole, all of them failed.

        A unit hardly ever raises. So they are run bare, which saves two statements for each; only
        when one raised, all is undone and run again with a savepoint around each unit. Where a
        record cannot be made, each has a transaction of its own, for nobody knows whose it is.
        """
        try:
            if not self._run_bare(units):
                self._run_apart(units)
        except Exception as error:  # noqa: BLE001 - it is raised where the units are awaited
            self._roll_back()
            if len(units) > 1 and not isinstance(error, sqlite3.Error):
                for unit in units:
                    self._transact([unit])
                return
            for unit in units:
                unit.error = self._translate(error) if isinstance(error, sqlite3.Error) else error

    def _run_bare(self, units: list[_Unit[object]]) -> bool:
        """Run the units side by side; False where one raised and others have to be run again.

        Where one came meanwhile that goes first, the rest is left for later transactions.
        """
        self._start()
        for count, unit in enumerate(units, 1):
            self._run(unit)
            if unit.error is not None:
                self._cursor.execute("ROLLBACK")
                return len(units) == 1
            if self._first and not isinstance(unit.work, First):
                self._waiting.extendleft(reversed(units[count:]))
                del units[count:]
                break
        self._commit()
        return True

    def _run_apart(self, units: _Units) -> None:
        """Run the units so that each can be undone without the others."""
        self._start()
        events = self._transaction.events
        for unit in units:
            said = len(events)
            self._cursor.execute("SAVEPOINT unit")
            self._run(unit)
            if unit.error is not None:
                self._cursor.execute("ROLLBACK TO unit")
                del events[said:]
            self._cursor.execute("RELEASE unit")
        self._commit()

    def _start(self) -> None:
        self._transaction.events.clear()
        self._cursor.execute(self._begin)

    def _commit(self) -> None:
        """Commit, with what is to be recorded of it."""
        if self._trail is not None and self._transaction.events:
            self._trail.add(self._transaction, self._transaction.events)
        self._cursor.execute("COMMIT")

    def _run(self, unit: _Unit[object]) -> None:
        """Run one unit; whatever it raises goes to whoever waits for it."""
        unit.error = None
        try:
            unit.result = unit.work(self._transaction)
        except sqlite3.Error as error:
            unit.error = self._translate(error)
            # On a full or failing disk SQLite may have undone the whole transaction already.
            lost = isinstance(unit.error, StorageFull | StorageDamaged)
            if lost or not self._connection.in_transaction:
                raise
        except Exception as error:  # noqa: BLE001 - it is raised where the unit is awaited
            unit.error = error

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            with suppress(sqlite3.Error):
                self._cursor.execute("ROLLBACK")

    @staticmethod
    def _tell(units: _Units) -> None:
        """In the loop's thread: hand each outcome to whoever waits, unless they have gone away."""
        for unit in units:
            future = unit.future
            if future.done():
                continue
            if unit.error is not None:
                future.set_exception(unit.error)
            else:
                future.set_result(unit.result)

    def _in_loop(self, call: Callable[[T], object], argument: T) -> None:
        # A loop that is closed has nobody left who waits.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call, argument)
