"""The runs that are in play in this process: each is a task that DBOS started."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Protocol
from weakref import WeakValueDictionary

from runtime.errors import ConfigurationError, RunCancelled
from runtime.ids import RunId
from runtime.model.tools import Json
from runtime.ports import Workflow

_GRACE_SECONDS = 1.0

CROWD = 4
"""Busy runs that a further start gives way to. Of a thousand that are started in a row hundreds
would be with the engine at once, all on one core, and whoever waits for an acknowledgement behind
them."""
LOOKS = 5
LOOK_SECONDS = 0.002
"""A start gives way for so many looks of so many seconds, and is made then: the engine's database
may be slow, which takes none of the core."""


class Powers(Protocol):
    """What a run's body can do, by DBOS (`adapters.durable.engine.DurableEngine`)."""

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do the work, or return what is stored of it."""
        ...

    async def receive(self, topic: str) -> Json:
        """Take the oldest signal on the topic, waiting for it as long as it takes."""
        ...

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start a run as a child of this one and wait for its result."""
        ...

    async def cancelled(self, runs: Sequence[RunId]) -> list[RunId]:
        """Those of the runs that were cancelled."""
        ...


class Lines:
    """Locks by name, first come first served, that exist while somebody holds or awaits them."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def __call__(self, name: str) -> asyncio.Lock:
        """The lock of that name."""
        lock = self._locks.get(name)
        if lock is None:
            self._locks[name] = lock = asyncio.Lock()
        return lock


class Plays:
    """Plays runs, and lets go of those that were cancelled while they waited."""

    def __init__(self, workflows: Mapping[str, Workflow]) -> None:
        self._workflows = workflows
        self._tasks: dict[asyncio.Task[Any], RunId] = {}
        self._bodies: set[asyncio.Task[Any]] = set()
        self._runs: set[RunId] = set()
        self._at_work = 0
        self._patience: dict[RunId, set[asyncio.Timeout]] = {}
        self._partitions = Lines()
        self._stopping = False

    @property
    def busy(self) -> int:
        """Runs in play here that the engine has to do with: between steps, or storing one.

        Not those that wait for a signal or a child, nor those whose step is being done: that
        waits for a model most of the time, while the engine's part is all CPU.
        """
        return len(self._bodies) - len(self._patience) - self._at_work

    @property
    def runs(self) -> set[RunId]:
        """Runs that are in play here, or whose result is being stored."""
        return set(self._tasks.values())

    async def give_way(self, run: RunId, pause: Callable[[float], Awaitable[None]]) -> None:
        """Let busy runs get on before this one is started, for 10 ms at most.

        Not where it is in play here already: its start will find that, and do nothing.
        """
        for _ in range(LOOKS):
            if self.busy < CROWD or run in self._runs:
                return
            await pause(LOOK_SECONDS)

    def known(self, workflow: str) -> Workflow:
        """The workflow of that name.

        Raises:
            ConfigurationError: there is none.
        """
        try:
            return self._workflows[workflow]
        except KeyError:
            raise ConfigurationError(f"no workflow is registered as {workflow!r}") from None

    async def play(
        self, powers: Powers, workflow: str, run: RunId, payload: Json, partition: str | None
    ) -> Json:
        """Play the run, from its start or from where it was; DBOS calls this in the run's task.

        DBOS sees to it that a partition's runs come one at a time, but takes a cancelled one for
        gone while its last step is still under way; the lock is for those two.
        """
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine that runs is in a task
        self._tasks[task] = run
        task.add_done_callback(self._tasks.pop)
        if self._stopping:
            # It came too late to be begun, and stays unfinished for whoever opens next.
            raise asyncio.CancelledError
        body = self.known(workflow)
        line: AbstractAsyncContextManager[None] = (
            nullcontext() if partition is None else self._partitions(partition)
        )
        self._bodies.add(task)
        self._runs.add(run)
        try:
            async with line:
                return await body(_Context(powers, self, run), payload)
        finally:
            self._bodies.discard(task)
            self._runs.discard(run)

    async def working(self, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do a step's work; its run is not busy meanwhile."""
        self._at_work += 1
        try:
            return await work()
        finally:
            self._at_work -= 1

    async def patiently(self, run: RunId, wait: Awaitable[Json]) -> Json:
        """Wait, unless the run is cancelled meanwhile.

        DBOS tells a cancelled run so when it next writes, and one that waits does not write.

        Raises:
            RunCancelled: it was. It is over: DBOS takes no further step of it.
        """
        patience = asyncio.timeout(None)
        self._patience.setdefault(run, set()).add(patience)
        try:
            async with patience:
                return await wait
        except TimeoutError:
            if not patience.expired():
                raise
            raise RunCancelled(f"run {run} was cancelled") from None
        finally:
            self._patience[run].discard(patience)
            if not self._patience[run]:
                del self._patience[run]

    async def release(self, powers: Powers) -> None:
        """Look which of the waiting runs were cancelled, and end their waiting."""
        if not self._patience:
            return
        now = asyncio.get_running_loop().time()
        for run in await powers.cancelled(list(self._patience)):
            for patience in self._patience.get(run, ()):
                if not patience.expired():
                    patience.reschedule(now)

    async def stop(self) -> None:
        """Break off what is in play and begin nothing more; it stays unfinished in the database."""
        self._stopping = True
        for task in self._bodies:
            task.cancel()
        # One whose body has ended is about to store its result.
        await self._join(_GRACE_SECONDS)
        for task in self._tasks:
            task.cancel()
        await self._join(None)

    async def _join(self, seconds: float | None) -> None:
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=seconds)


class _Context:
    """A `runtime.ports.RunContext`."""

    def __init__(self, powers: Powers, plays: Plays, run: RunId) -> None:
        self._powers = powers
        self._plays = plays
        self._run = run

    @property
    def run(self) -> RunId:
        """The run."""
        return self._run

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do the work, or return what it returned before a crash."""
        return await self._powers.step(name, lambda: self._plays.working(work))

    async def wait(self, topic: str) -> Json:
        """Wait for a signal on that topic."""
        return await self._plays.patiently(self._run, self._powers.receive(topic))

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start a child and wait for its result."""
        self._plays.known(workflow)
        child = self._powers.child(workflow, run, payload)
        return await self._plays.patiently(self._run, child)
