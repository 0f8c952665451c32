"""`Durable` in memory: the same promises for as long as the object lives."""

import asyncio
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from runtime.clock import Clock
from runtime.errors import (
    ConfigurationError,
    NightdeskError,
    Permanent,
    RunCancelled,
    RunFailed,
)
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.ports import Workflow

_Outcome = Json | NightdeskError


@dataclass(slots=True, kw_only=True, eq=False)
class _Record:
    """All there is of a run.

    Attributes:
        journal: what steps and waits came to, by the order in which the body reached them.
        signals: signals not taken yet, by topic.
        keys: the keys of all signals so far.
        stirred: notified when a signal came or the run was cancelled.
        ended: set once the run has ended and its body has returned.
        ended_at: when that was.
    """

    workflow: str
    payload: Json
    partition: str | None
    parent: RunId | None
    state: RunState = RunState.QUEUED
    outcome: _Outcome = None
    journal: dict[int, _Outcome] = field(default_factory=dict)
    signals: dict[str, deque[Json]] = field(default_factory=dict)
    keys: set[str] = field(default_factory=set)
    stirred: asyncio.Condition = field(default_factory=asyncio.Condition)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    ended_at: datetime | None = None


class MemoryDurable:
    """Runs workflows from dictionaries: a `runtime.ports.Durable`.

    `close` breaks off what is under way, as a crash would, and `open` goes on with it from what
    was recorded, so that tests can try both. Nothing outlives the object.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._workflows: dict[str, Workflow] = {}
        self._records: dict[RunId, _Record] = {}
        self._lines: dict[str, deque[RunId]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._opened: asyncio.TaskGroup | None = None

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known.

        Raises:
            ConfigurationError: the name is taken, or it is too late.
        """
        if name in self._workflows or self._opened is not None:
            raise ConfigurationError(f"workflow {name!r} is registered twice, or after `open`")
        self._workflows[name] = workflow

    async def open(self) -> None:
        """Go on with the unfinished runs."""
        self._opened = await asyncio.TaskGroup().__aenter__()
        for run, record in self._records.items():
            if record.state.ended and not record.ended.is_set():
                self._leave(run, record)  # cancelled, and then broken off by `close`
            elif record.state is RunState.RUNNING:
                self._spawn(run)

    async def close(self) -> None:
        """Stop here, leaving unfinished runs to be gone on with by the next `open`."""
        if (group := self._opened) is None:
            return
        self._opened = None
        for task in self._tasks:
            task.cancel()
        await group.__aexit__(None, None, None)

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        """Start a run; one whose id was started before is left as it is.

        Raises:
            ConfigurationError: there is no such workflow.
        """
        self._begin(workflow, run, payload, partition=partition, parent=None)

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        """Send a signal; the same key again is not delivered to that run twice.

        Raises:
            Permanent: there is no such run.
        """
        record = self._started(run)
        if key not in record.keys:
            record.keys.add(key)
            record.signals.setdefault(topic, deque()).append(_plain(value))
            await _stir(record)

    async def cancel(self, run: RunId) -> None:
        """Cancel a run and its children; one that ended, or was never started, is left alone."""
        for one in self._family(run):
            record = self._records[one]
            if not record.state.ended:
                waits_in_line = record.state is RunState.QUEUED
                record.state = RunState.CANCELLED
                record.outcome = RunCancelled(f"run {one} was cancelled")
                await _stir(record)
                if waits_in_line:
                    self._leave(one, record)

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is; None where it was never started."""
        record = self._records.get(run)
        return None if record is None else record.state

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end; what it returned.

        Raises:
            NightdeskError: it failed, was cancelled, or was never started.
        """
        record = self._started(run)
        await record.ended.wait()
        return _said(record.outcome)

    async def take_over(self, slot: str) -> int:  # noqa: ARG002 - nobody else lives in this memory
        """Nothing: there is no other process."""
        return 0

    async def forget(self, *, before: datetime) -> int:
        """Delete runs that ended before that time, with their children; how many."""
        old = [
            family
            for family in map(self._family, self._records)
            if self._records[family[0]].parent is None
            and all(self._ended_before(run, before) for run in family)
        ]
        gone = [run for family in old for run in family]
        for run in gone:
            del self._records[run]
        return len(gone)

    # ---------------------------------------------------------------------- private

    def _ended_before(self, run: RunId, before: datetime) -> bool:
        ended_at = self._records[run].ended_at
        return ended_at is not None and ended_at < before

    def _started(self, run: RunId) -> _Record:
        try:
            return self._records[run]
        except KeyError:
            raise Permanent(f"run {run} was never started") from None

    def _begin(
        self,
        workflow: str,
        run: RunId,
        payload: Json,
        *,
        partition: str | None,
        parent: RunId | None,
    ) -> None:
        if self._opened is None:
            raise ConfigurationError("durable execution is not open")
        if workflow not in self._workflows:
            raise ConfigurationError(f"no workflow is registered as {workflow!r}")
        if run in self._records:
            return
        record = _Record(
            workflow=workflow, payload=_plain(payload), partition=partition, parent=parent
        )
        self._records[run] = record
        if partition is not None:
            self._lines.setdefault(partition, deque()).append(run)
        if self._may_play(run, record):
            self._spawn(run)

    def _may_play(self, run: RunId, record: _Record) -> bool:
        return record.partition is None or self._lines[record.partition][0] == run

    def _spawn(self, run: RunId) -> None:
        if self._opened is not None:
            self._records[run].state = RunState.RUNNING
            task = self._opened.create_task(self._play(run))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _play(self, run: RunId) -> None:
        record = self._records[run]

        async def body() -> Json:
            context = _Context(self, run, record, self._clock)
            return _plain(await self._workflows[record.workflow](context, record.payload))

        # Whatever a body raises is the run's outcome, and no other run's concern.
        (outcome,) = await asyncio.gather(body(), return_exceptions=True)
        if not record.state.ended:
            record.outcome = _judge(outcome)
            failed = isinstance(record.outcome, NightdeskError)
            record.state = RunState.FAILED if failed else RunState.COMPLETED
        self._leave(run, record)

    def _leave(self, run: RunId, record: _Record) -> None:
        """The run has ended: tell who waits for it, and let the next of its partition begin."""
        record.ended.set()
        record.ended_at = self._clock.now()
        if record.partition is None:
            return
        line = self._lines[record.partition]
        was_first = line[0] == run
        line.remove(run)
        if not line:
            del self._lines[record.partition]
        elif was_first:
            self._spawn(line[0])

    def _family(self, run: RunId) -> list[RunId]:
        """The run, if there is one, and its descendants."""
        family = [run] if run in self._records else []
        for one in family:
            family.extend(child for child, r in self._records.items() if r.parent == one)
        return family

    async def child(self, parent: RunId, workflow: str, run: RunId, payload: Json) -> Json:
        """Start a run as a child of another and wait for its result; for a run's body."""
        self._begin(workflow, run, payload, partition=None, parent=parent)
        return await self.result(run)


class _Context:
    """A `runtime.ports.RunContext`: one playing of one run."""

    def __init__(self, durable: MemoryDurable, run: RunId, record: _Record, clock: Clock) -> None:
        self._durable = durable
        self._run = run
        self._record = record
        self._clock = clock
        self._reached = 0

    @property
    def run(self) -> RunId:
        """The run."""
        return self._run

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:  # noqa: ARG002
        """Do the work, or return what it returned before."""
        place = self._next()
        if place not in self._record.journal:
            self._go_on()
            outcome = await _tried(work)
            await self._clock.sleep(0)  # as it would be while the result is written
            self._go_on()
            self._record.journal[place] = outcome
        return _said(self._record.journal[place])

    async def wait(self, topic: str) -> Json:
        """Wait for a signal on that topic."""
        place = self._next()
        if place not in self._record.journal:
            signals = self._record.signals.setdefault(topic, deque())
            async with self._record.stirred:
                await self._record.stirred.wait_for(lambda: signals or self._record.state.ended)
                self._go_on()
                self._record.journal[place] = signals.popleft()
        return _said(self._record.journal[place])

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start a child and wait for its result."""
        self._go_on()
        result = await self._durable.child(self._run, workflow, run, payload)
        self._go_on()
        return result

    def _next(self) -> int:
        self._reached += 1
        return self._reached

    def _go_on(self) -> None:
        """End the body where the run was cancelled; no `except` of a workflow may hold it."""
        if self._record.state.ended:
            raise asyncio.CancelledError


async def _stir(record: _Record) -> None:
    async with record.stirred:
        record.stirred.notify_all()


async def _tried(work: Callable[[], Awaitable[Json]]) -> _Outcome:
    """What the work came to; an error of ours is recorded, any other is a defect that ends it."""
    try:
        return _plain(await work())
    except NightdeskError as error:
        return error


def _judge(outcome: Json | BaseException) -> _Outcome:
    if isinstance(outcome, BaseException) and not isinstance(outcome, NightdeskError):
        return RunFailed(f"{type(outcome).__name__}: {outcome}")
    return outcome


def _said(outcome: _Outcome) -> Json:
    if isinstance(outcome, NightdeskError):
        raise outcome
    return outcome


def _plain(value: Json) -> Json:
    """The value as a database would give it back: refuses what JSON cannot hold."""
    read: Json = json.loads(json.dumps(value, allow_nan=False))
    return read
