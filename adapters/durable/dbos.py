"""`Durable` by DBOS Transact: on a SQLite file in one process, on Postgres over many.

Importing this module does not import DBOS; `open` does, in a thread.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.durable.plays import Lines, Plays
from adapters.durable.settings import Pace, Settings
from runtime.clock import Clock
from runtime.errors import ConfigurationError, StorageUnavailable
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.model.value import value
from runtime.ports import Workflow

if TYPE_CHECKING:  # not hiding an arrow: the same folder, and half a second to import
    from adapters.durable.engine import DurableEngine

log = logging.getLogger("nightdesk.durable")

_MILLISECOND = 0.001


@value(kw_only=True)
class _Session:
    """What exists between `open` and `close`."""

    engine: "DurableEngine"
    plays: Plays
    thread: ThreadPoolExecutor
    watchers: asyncio.TaskGroup
    watches: tuple[asyncio.Task[None], ...]


class DbosDurable:
    """Runs workflows by DBOS: a `runtime.ports.Durable`, of which a process may open one.

    While it is open, the threads of DBOS are the default executor of the loop; `close` gives the
    loop a new one.

    A cancelled run is `CANCELLED` at once, while a step of it that is under way still returns. The
    next run of its partition waits for that, unless it is done by another process.

    A workflow may catch the errors of `runtime.errors` that a step or a child raises: it gets the
    same ones when it is played again. Any other error is a defect that ends the run.
    """

    def __init__(
        self,
        url: str | None,
        *,
        data_dir: Path,
        slot: str,
        clock: Clock,
        takes_work: bool = True,
        pace: Pace = Pace(),  # noqa: B008 - a frozen value
    ) -> None:
        """Take the settings; nothing is opened.

        Args:
            url: a Postgres database, where DBOS gets the schema `dbos`; None for the file
                `dbos.db` in the data folder.
            data_dir: the data folder.
            slot: the name of this process slot. It is the same after a restart, and never in use
                twice: the unfinished runs of a slot are gone on with by whoever opens under it.
            clock: stamps the rows of the file, and paces the look for runs cancelled elsewhere.
            takes_work: whether runs that wait in a partition are done here. A process that does
                not take work leaves what it starts, with or without a partition, to one that does.
            pace: how often the database is asked.
        """
        self._settings = Settings(
            url=url,
            data_dir=data_dir,
            slot=slot,
            clock=clock,
            takes_work=takes_work,
            pace=pace,
        )
        self._workflows: dict[str, Workflow] = {}
        self._lines = Lines()
        self._opened: _Session | None = None

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known.

        Raises:
            ConfigurationError: the name is taken, or it is too late.
        """
        if name in self._workflows or self._opened is not None:
            raise ConfigurationError(f"workflow {name!r} is registered twice, or after `open`")
        self._workflows[name] = workflow

    async def unfinished(self) -> bool:
        """Whether there may be runs to go on with; asked before `open`, and without loading DBOS.

        On Postgres always: whoever shares the database may start one at any time.
        """
        if self._settings.url is not None:
            return True
        from adapters.durable import database  # noqa: PLC0415 - SQLAlchemy, where it is needed

        return await asyncio.to_thread(database.unfinished, self._settings.data_dir)

    async def open(self) -> None:
        """Launch DBOS and go on with the unfinished runs of this slot.

        Raises:
            ConfigurationError: durable execution is open already in this process.
        """
        plays = Plays(self._workflows)
        thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="durable")
        loop = asyncio.get_running_loop()
        try:
            engine = await loop.run_in_executor(thread, self._launch, plays, loop)
        except BaseException:
            thread.shutdown(wait=False)
            raise
        watchers = await asyncio.TaskGroup().__aenter__()
        # Another process could cancel our runs, and a connection break, only there.
        shared = self._settings.url is not None
        watches = (self._watch(plays, engine), self._watch_claims(plays, engine)) if shared else ()
        self._opened = _Session(
            engine=engine,
            plays=plays,
            thread=thread,
            watchers=watchers,
            watches=tuple(watchers.create_task(watch) for watch in watches),
        )

    async def close(self) -> None:
        """Stop here. Steps under way are broken off, and done again by whoever goes on."""
        if (session := self._opened) is None:
            return
        self._opened = None
        for watch in session.watches:
            watch.cancel()
        await session.watchers.__aexit__(None, None, None)
        await session.plays.stop()
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(session.thread, session.engine.destroy_blocking)
        await session.plays.stop()  # what a queue handed over meanwhile
        session.thread.shutdown()
        # DBOS made its executor the loop's default, and has shut it down.
        loop.set_default_executor(ThreadPoolExecutor(thread_name_prefix="asyncio"))

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        """Start a run; one whose id was started before is left as it is.

        Raises:
            ConfigurationError: there is no such workflow.
        """
        session = self._session
        session.plays.known(workflow)
        if partition is None and self._settings.takes_work:
            await session.plays.give_way(run, _pause)
            await session.engine.start(workflow, run, payload)
            return
        line = run if partition is None else partition  # a line of its own is in nobody's way
        async with self._lines(line):
            await session.engine.enqueue(workflow, run, payload, line)
            await self._let_the_stamp_pass()

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        """Send a signal; the same key again is not delivered to that run twice.

        Raises:
            Permanent: there is no such run.
        """
        await self._session.engine.send(run, topic, value, key)
        await self._let_the_stamp_pass()

    async def cancel(self, run: RunId) -> None:
        """Cancel a run and its children; one that ended, or was never started, is left alone."""
        session = self._session
        await session.engine.cancel(run)
        await session.plays.release(session.engine)

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is; None where it was never started."""
        return await self._session.engine.state(run)

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end; what it returned.

        Raises:
            NightdeskError: it failed, was cancelled, or was never started.
        """
        return await self._session.engine.result(run)

    async def take_over(self, slot: str) -> int:
        """Put the unfinished runs of a dead process back in line, for any live one; how many.

        Raises:
            Retryable: some could not be; call again.
        """
        session = self._session
        if slot == self._settings.slot:
            return 0  # not dead: it asks
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(session.thread, session.engine.recover_blocking, slot)

    async def forget(self, *, before: datetime) -> int:
        """Delete runs that ended before that time, with their children; a page at most."""
        return await self._session.engine.forget(before)

    @property
    def _session(self) -> _Session:
        if self._opened is None:
            raise ConfigurationError("durable execution is not open")
        return self._opened

    def _launch(self, plays: Plays, loop: asyncio.AbstractEventLoop) -> "DurableEngine":
        from adapters.durable.launch import launch  # noqa: PLC0415 - 0.6 s and 50 MB, in this thread

        return launch(self._settings, plays.play, loop)

    async def _let_the_stamp_pass(self) -> None:
        """Keep what the caller does next out of this millisecond.

        DBOS takes the runs of a partition, and the signals of a topic, in the order of their
        stamps, which Postgres makes in milliseconds: of a thousand starts in a row a hundred
        would share one. The file's stamps never do (`adapters.durable.database.Stamps`).
        """
        if self._settings.url is not None:
            await _pause(_MILLISECOND)

    async def _watch(self, plays: Plays, engine: "DurableEngine") -> None:
        """Let go of waiting runs that another process cancelled."""
        while True:
            await self._settings.clock.sleep(self._settings.pace.watch)
            with suppress(StorageUnavailable):  # it is seen at the next look
                await plays.release(engine)

    async def _watch_claims(self, plays: Plays, engine: "DurableEngine") -> None:
        """Put back runs that were taken up here with nobody hearing of it.

        That is so where the connection breaks in the commit that takes them up, or before they are
        begun: nobody would play them until the next start, and their partition would stand still.
        Seen at two looks, because a run that was just taken up is not in play yet. Of a crowd that
        was taken up at once the last is so late: while some of them come into play, none is lost.
        """
        loop, before = asyncio.get_running_loop(), set[RunId]()
        while True:
            await self._settings.clock.sleep(self._settings.pace.claims)
            with suppress(StorageUnavailable):
                pending = await loop.run_in_executor(None, engine.pending_blocking)
                unheard = pending - plays.runs
                lost = before if before <= unheard else set[RunId]()
                if lost:
                    log.warning("durable.put_back", extra={"runs": sorted(lost)})
                    await loop.run_in_executor(None, engine.put_back_blocking, lost)
                before = unheard - lost


async def _pause(seconds: float) -> None:
    """Let real time pass: what is waited for is the clock of a database."""
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over
