"""A process from start to end: open, recover, work, drain, close."""

import asyncio
import logging
import signal
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from contextlib import (
    AbstractAsyncContextManager,
    AsyncExitStack,
    asynccontextmanager,
    contextmanager,
    suppress,
)
from dataclasses import replace

from adapters.markup import parse
from bot.collector import collector_spared, keep
from bot.currency import tell_of_others
from bot.parts import Listener, Opened, open_parts
from bot.platforms.opened import Hear
from bot.role import Role
from bot.running.duties import Duties
from bot.running.watchdog import Watchdog
from bot.settings import Settings
from bot.wiring.desk import Desk, wire
from bot.wiring.people import offer_ownership
from bot.witness import note_start
from gateway.http.server import build_app, serve
from runtime.errors import StorageUnavailable
from runtime.ports import Accept
from runtime.stopping import HardStop, stays
from runtime.storing import until_stored

log = logging.getLogger("nightdesk.lifecycle")

LOOK_AT_STORE_EVERY = 5.0
"""Seconds between two looks whether the database was found damaged."""

Opening = Callable[[Settings, Role], AbstractAsyncContextManager[Opened]]


async def run(
    settings: Settings, role: Role, *, opening: Opening = open_parts, hard: HardStop = stays
) -> int:
    """Run one process until it is told to stop; the exit code.

    Args:
        settings: what was decided before.
        role: what the process does.
        opening: opens its parts.
        hard: ends the process where what was stopped does not let go.

    Raises:
        ConfigurationError: it cannot start as it is configured.
    """
    stop = _Stop(settings.drain_seconds)
    try:
        with stop.by_signals():
            await _live(settings, role, opening, hard, stop)
    except asyncio.CancelledError:
        if not stop.cut:
            raise
        log.warning("process.cut", extra={"role": role})
        return 0
    except BaseExceptionGroup as group:
        raise _only_cause(group) from group
    log.info("process.ended", extra={"role": role})
    return 0


async def _live(
    settings: Settings, role: Role, opening: Opening, hard: HardStop, stop: "_Stop"
) -> None:
    async with opening(settings, role) as opened:
        keep()  # the platforms' libraries, above all
        desk = wire(replace(opened.parts, hard_stop=hard))
        desk.rules.read()
        async with working(desk, opened):
            await note_start(opened.parts.store.audit, settings, role)
            await tell_owners(desk)
            async with open_doors(desk, opened, settings, stop.told):
                log.info("process.ready", extra={"role": role, "slot": opened.parts.slot})
                stop.started()
                await stop.told.wait()
            await _drain(desk, settings.drain_seconds)


async def tell_owners(desk: Desk) -> None:
    """Say what a start says to owners, or to who will be one, once the database can be reached."""

    async def tell() -> None:
        await offer_ownership(desk.parts, desk.people)
        await tell_of_others(desk.parts, desk.money.limits, desk.dispatcher.wake)

    clock, what = desk.parts.clock, "what owners are told at the start"
    await until_stored(tell, clock=clock, what=what, trouble=StorageUnavailable)


def _only_cause(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one error in a task group's group, where it is one; else the group."""
    error: BaseException = group
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


@asynccontextmanager
async def working(desk: Desk, opened: Opened) -> AsyncIterator[None]:
    """Work while the block runs: recover first, then mailboxes, outbox, schedules."""
    async with asyncio.TaskGroup() as tasks, AsyncExitStack() as stack:
        desk.mailboxes.open(tasks, desk.commands)
        stack.callback(desk.mailboxes.close)
        desk.stopping.open(tasks)
        stack.callback(desk.stopping.close)
        stack.enter_context(_watched(desk))
        duties = Duties(desk, opened.ticker)
        await duties.appear()
        stack.push_async_callback(duties.leave)
        stack.push_async_callback(duties.stop)
        stack.callback(tasks.create_task(duties.until_lost()).cancel)
        await desk.parts.durable.open()
        stack.push_async_callback(desk.parts.durable.close)
        # First, and alone: whatever is found `SENDING` now, an earlier life was sending.
        await duties.recover()
        stack.callback(tasks.create_task(desk.ingress.run()).cancel)
        if desk.delivers:
            # Where workers delivered too, each would keep a pace of its own.
            stack.callback(tasks.create_task(desk.dispatcher.run()).cancel)
        duties.start()
        stack.push_async_callback(duties.stop)
        stack.callback(tasks.create_task(_until_damaged(desk)).cancel)
        stack.enter_context(collector_spared())
        desk.activity.on_first(lambda: _load_what_shows(tasks))
        stack.callback(desk.activity.on_first, None)
        yield


def _load_what_shows(tasks: asyncio.TaskGroup) -> None:
    """Load what answers are read with beside the first of them, and not on the loop.

    Where that fails, the text that needs it loads it.
    """

    async def load() -> None:
        try:
            await asyncio.to_thread(parse.load)
        except (OSError, ImportError) as error:
            log.warning("markup.not_loaded", extra={"error": str(error)})

    tasks.create_task(load())


@contextmanager
def _watched(desk: Desk) -> Iterator[None]:
    """Have a thread see, while the block runs, that a loop that is held stops all the same."""
    parts = desk.parts

    def stop_is_stored() -> bool:
        if parts.stop_file is not None and parts.stop_file.exists():
            return True
        here = [turn for turn, _ in desk.stopping.at_work.all()]
        return parts.stopped_among is not None and parts.stopped_among(here)

    watchdog = Watchdog(asyncio.get_running_loop(), stop_is_stored, parts.hard_stop)
    watchdog.start()
    try:
        yield
    finally:
        watchdog.close()


async def _until_damaged(desk: Desk) -> None:
    """End the process where its database is damaged, even if all it does is to refuse requests.

    A life that begins examines the file, and knows whether one can go on with it.

    Raises:
        StorageDamaged: it is.
    """
    while True:
        await desk.parts.clock.sleep(LOOK_AT_STORE_EVERY)
        with suppress(StorageUnavailable):
            await desk.parts.store.check()


@asynccontextmanager
async def open_doors(
    desk: Desk, opened: Opened, settings: Settings, stop: asyncio.Event
) -> AsyncIterator[None]:
    """Let people in while the block runs: HTTP where there is something to serve, the terminal."""
    async with AsyncExitStack() as stack:
        if opened.serves_http:
            routes = [make(desk.ingress) for make in opened.routes]
            app = build_app(routes, desk.health, clock=desk.parts.clock)
            http = settings.http
            port = await stack.enter_async_context(serve(app, http.host, http.port))
            log.info("http.listening", extra={"host": http.host, "port": port})
        for hear in opened.hears:
            await stack.enter_async_context(_alongside(_hear(hear, desk.ingress.in_stream)))
        if opened.listener is not None:
            accept, settled = desk.ingress.in_stream, desk.engine.settled
            listener = opened.listener(accept, settled, desk.parts.store)
            await stack.enter_async_context(_alongside(_until_left(listener, stop)))
        yield


async def _hear(hear: Hear, accept: Accept) -> None:
    await hear(accept)


@asynccontextmanager
async def _alongside(work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do the work while the block runs, and cancel it at its end."""
    async with asyncio.TaskGroup() as tasks:
        task = tasks.create_task(work)
        try:
            yield
        finally:
            task.cancel()


async def _until_left(listener: Listener, stop: asyncio.Event) -> None:
    """Listen until the person leaves, and stop the process then."""
    try:
        await listener.run()
    finally:
        stop.set()


async def _drain(desk: Desk, seconds: float) -> None:
    """Let what is under way end, within the deadline; the rest goes on at the next start."""
    log.info("process.draining", extra={"seconds": seconds})
    try:
        async with asyncio.timeout(seconds):
            await desk.engine.settled()
    except TimeoutError:
        log.warning("process.drain_cut", extra={"seconds": seconds})


class _Stop:
    """What signals do: SIGTERM and SIGINT stop, a second one without draining.

    One alone does, too, where the start gets nowhere: it has as long as draining would have.

    Attributes:
        told: a signal has come.
        cut: the process ends without draining.
    """

    def __init__(self, seconds: float) -> None:
        """Let a start go on for so many seconds once a signal has come."""
        self.told = asyncio.Event()
        self.cut = False
        self._seconds = seconds
        self._main = asyncio.current_task()
        self._starting = True
        self._end: asyncio.TimerHandle | None = None

    @contextmanager
    def by_signals(self) -> Iterator[None]:
        """Listen to the signals while the block runs."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
        for number in before:
            loop.add_signal_handler(number, self._tell)
        try:
            yield
        finally:
            self.started()
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    def started(self) -> None:
        """The start is over."""
        self._starting = False
        if self._end is not None:
            self._end.cancel()

    def _tell(self) -> None:
        if self.told.is_set():
            self._cut()
        elif self._starting:
            self._end = asyncio.get_running_loop().call_later(self._seconds, self._cut)
        self.told.set()

    def _cut(self) -> None:
        self.cut = True
        if self._main is not None:
            self._main.cancel()
