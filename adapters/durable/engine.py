"""DBOS Transact, spoken to in the words of the port. Importing this module imports DBOS.

That takes 0.6 s and 50 MB, so it is imported by `adapters.durable.launch` alone, in a thread.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import partial
from typing import Any, TypeVar

import sqlalchemy as sa
from dbos import (
    DBOS,
    SetEnqueueOptions,
    SetWorkflowID,
    WorkflowHandleAsync,
    WorkflowStatus,
    WorkflowStatusString,
    error,
)
from dbos._utils import INTERNAL_QUEUE_NAME

from adapters.durable import wire
from adapters.durable.settings import Settings
from runtime.errors import Permanent, Retryable, RunCancelled, RunFailed, StorageUnavailable
from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json

Play = Callable[["DurableEngine", str, RunId, Json, str | None], Awaitable[Json]]
"""Plays a run: by which engine, the workflow's name, the run, its payload and its partition."""

_T = TypeVar("_T")

VERSION = "1"
"""DBOS goes on only with runs of its own application version. By default that is a hash of the
code, so a deployment would strand every run; it is raised by hand when old runs must not go on."""
_QUEUE = "mailboxes"
_FOREVER_SECONDS = 100 * 365 * 86_400.0
_RECOVERIES = 5

_STATES = {
    WorkflowStatusString.ENQUEUED.value: RunState.QUEUED,
    WorkflowStatusString.DELAYED.value: RunState.QUEUED,
    WorkflowStatusString.PENDING.value: RunState.RUNNING,
    WorkflowStatusString.SUCCESS.value: RunState.COMPLETED,
    WorkflowStatusString.ERROR.value: RunState.FAILED,
    WorkflowStatusString.MAX_RECOVERY_ATTEMPTS_EXCEEDED.value: RunState.FAILED,
    WorkflowStatusString.CANCELLED.value: RunState.CANCELLED,
}

_ENDED = frozenset(status for status, state in _STATES.items() if state.ended)
_AWAY = (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.InterfaceError)
"""What a database says that takes nothing just now, and not of what it was asked."""
_PAGE = 50
"""Runs to delete at once, which keeps everybody else waiting for a few milliseconds."""


class DurableEngine:
    """The launched DBOS of this process.

    Methods whose names say `blocking` belong in a thread; the others on the loop it was launched
    for. `step`, `receive` and `child` are for a run's own body; every other method may be called
    from anywhere, a run's body and its steps included. It raises `StorageUnavailable` where the
    database takes nothing just now and DBOS does not wait for it.
    """

    def __init__(self, dbos: DBOS, settings: Settings, play: Play) -> None:
        self._dbos = dbos
        self._settings = settings
        self._held = ExitStack()

        # Unlimited, because DBOS counts a restart as an attempt: a run that waits for a person
        # would be given up after a hundred restarts.
        @DBOS.workflow(name="nightdesk.run", max_recovery_attempts=None)
        async def entry(workflow: str, payload: Json, partition: str | None) -> Json:
            return wire.plain(await play(self, workflow, _own_id(), payload, partition))

        self._entry = entry

    # ------------------------------------------------------------------ from anywhere

    async def start(self, workflow: str, run: RunId, payload: Json) -> None:
        """Start a run in this process, unless it is known."""

        async def call() -> None:
            await self._begin(workflow, run, payload)

        await _apart(call)

    async def enqueue(self, workflow: str, run: RunId, payload: Json, partition: str) -> None:
        """Put a run at the end of a partition's line, unless it is known."""

        async def call() -> None:
            with SetWorkflowID(run), SetEnqueueOptions(queue_partition_key=partition):
                await DBOS.enqueue_workflow_async(_QUEUE, self._entry, workflow, payload, partition)

        await _apart(call)

    async def send(self, run: RunId, topic: str, value: Json, key: str) -> None:
        """Store a signal for a run.

        Raises:
            Permanent: there is no such run.
        """
        try:
            await _apart(lambda: DBOS.send_async(run, value, topic, idempotency_key=key))
        except error.DBOSNonExistentWorkflowError as caught:
            raise Permanent(f"run {run} was never started") from caught

    async def cancel(self, run: RunId) -> None:
        """Mark a run and its descendants as cancelled; one that has ended is left as it is."""
        await _apart(lambda: DBOS.cancel_workflow_async(run, cancel_children=True))

    async def cancelled(self, runs: Sequence[RunId]) -> list[RunId]:
        """Those of the runs that were cancelled."""
        found = await _apart(
            lambda: DBOS.list_workflows_async(
                workflow_ids=list(runs),
                status=WorkflowStatusString.CANCELLED.value,
                load_input=False,
                load_output=False,
            )
        )
        return [RunId(status.workflow_id) for status in found]

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is; None where it was never started."""
        found = await _apart(
            lambda: DBOS.list_workflows_async(
                workflow_ids=[run], load_input=False, load_output=False
            )
        )
        return _STATES[found[0].status] if found else None

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end; what it returned.

        Raises:
            NightdeskError: it failed, was cancelled, or was never started.
        """

        async def call() -> Json:
            return await self._outcome(await DBOS.retrieve_workflow_async(run))

        try:
            return await _apart(call)
        except error.DBOSNonExistentWorkflowError as caught:
            raise Permanent(f"run {run} was never started") from caught

    async def forget(self, before: datetime) -> int:
        """Delete runs that ended before that time, with their descendants; a page at most."""
        gone: list[str] = []
        for run in await self._ended(before):
            family = await self._family(run)
            if family is not None:
                gone += family
        if gone:
            await _apart(lambda: DBOS.delete_workflows_async(gone))
        return len(gone)

    # -------------------------------------------------------------- from a run's body

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do the work, or return what is stored of it."""

        async def done() -> Json:
            return wire.plain(await work())

        return await DBOS.run_step_async({"name": name}, done)

    async def receive(self, topic: str) -> Json:
        """Take the oldest signal on the topic, waiting for it as long as it takes."""
        received: Json = await DBOS.recv_async(topic, timeout_seconds=_FOREVER_SECONDS)
        return received

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start a run as a child of this one and wait for its result.

        Raises:
            NightdeskError: it failed or was cancelled.
        """
        await self._begin(workflow, run, payload)
        # By its row, not by the handle that was just returned: that one raises a child's error as
        # it was, and a parent that is played again would see it as it was stored.
        handle: WorkflowHandleAsync[Json] = await DBOS.retrieve_workflow_async(
            run, existing_workflow=False
        )
        return await self._outcome(handle)

    # ------------------------------------------------------------------- in a thread

    def launch_blocking(self, loop: asyncio.AbstractEventLoop) -> None:
        """Migrate, go on with this slot's unfinished runs, and begin to take work."""
        if not self._settings.takes_work:
            DBOS.listen_queues([])
        # DBOS plays runs on the loop that runs in the thread which launches it. Launching on the
        # loop itself would hold it up for as long as the database takes to answer.
        asyncio._set_running_loop(loop)  # noqa: SLF001 - a loop's own way to say that it runs here
        try:
            DBOS.launch()
        finally:
            asyncio._set_running_loop(None)  # noqa: SLF001
        DBOS.register_queue(
            _QUEUE,
            partition_concurrency=1,
            polling_interval_sec=self._settings.pace.queue,
            on_conflict="always_update",
        )

    def recover_blocking(self, slot: str) -> int:
        """Put the unfinished runs of a dead slot back in line; returns how many there were.

        Raises:
            Retryable: some could not be; call again.
        """
        with _as_ours():
            total = left = len(self._pending(slot))
            for _ in range(_RECOVERIES):
                if not left:
                    return total
                # A private call. Taking over from a dead process is what DBOS sells as
                # Conductor; since 3.0 nothing public does it. It logs an error on one run and goes
                # on with the next, so what it left behind is counted, never assumed.
                DBOS._recover_pending_workflows([slot])  # noqa: SLF001
                left = len(self._pending(slot))
        raise Retryable(f"{left} runs of {slot} could not be taken over")

    def pending_blocking(self) -> set[RunId]:
        """The runs that this slot has taken up, as the database knows them."""
        with _as_ours():
            return {RunId(status.workflow_id) for status in self._pending(self._settings.slot)}

    def put_back_blocking(self, runs: Iterable[RunId]) -> None:
        """Put runs that this slot has taken up, and does not play, back where they were in line."""
        with _as_ours():
            for run in runs:
                # As `_recover_pending_workflows` does, which knows only all runs of a slot.
                self._dbos._sys_db.reenqueue_for_recovery(  # noqa: SLF001
                    run, [self._settings.slot], INTERNAL_QUEUE_NAME
                )

    def destroy_blocking(self) -> None:
        """Stop, and forget everything that DBOS keeps for the whole process."""
        self._held.close()

    def until_destroyed(self, stack: ExitStack) -> None:
        """Keep what the stack holds until `destroy_blocking`."""
        self._held = stack.pop_all()

    # ---------------------------------------------------------------------- private

    async def _begin(self, workflow: str, run: RunId, payload: Json) -> None:
        with SetWorkflowID(run):
            await DBOS.start_workflow_async(self._entry, workflow, payload, None)

    async def _ended(self, before: datetime) -> list[str]:
        """Runs without a parent that ended before that time: one page, the oldest first."""
        found = await _apart(
            lambda: DBOS.list_workflows_async(
                status=list(_ENDED),
                completed_before=before.isoformat(),
                has_parent=False,
                limit=_PAGE,
                load_input=False,
                load_output=False,
            )
        )
        return [status.workflow_id for status in found]

    async def _family(self, run: str) -> list[str] | None:
        """The run and its descendants; None where one of those has not ended."""
        family, parents = [run], [run]
        while parents:
            children = partial(
                DBOS.list_workflows_async,
                parent_workflow_id=parents,
                load_input=False,
                load_output=False,
            )
            found = await _apart(children)
            if any(status.status not in _ENDED for status in found):
                return None
            parents = [status.workflow_id for status in found]
            family += parents
        return family

    async def _outcome(self, handle: WorkflowHandleAsync[Json]) -> Json:
        run = handle.get_workflow_id()
        try:
            return await handle.get_result(polling_interval_sec=self._settings.pace.result)
        except error.DBOSAwaitedWorkflowCancelledError as caught:
            raise RunCancelled(f"run {run} was cancelled") from caught
        except error.DBOSException as caught:
            raise RunFailed(f"run {run}: {caught}") from caught

    def _pending(self, slot: str) -> list[WorkflowStatus]:
        return DBOS.list_workflows(
            executor_id=slot,
            status=WorkflowStatusString.PENDING.value,
            app_version=VERSION,
            load_input=False,
            load_output=False,
        )


def _own_id() -> RunId:
    run = DBOS.workflow_id
    if run is None:
        raise RuntimeError("DBOS plays a run without its id")
    return RunId(run)


async def _apart(call: Callable[[], Coroutine[Any, Any, _T]]) -> _T:
    """Make a call that DBOS does not take for a step, or a child, of the run that makes it.

    DBOS knows its caller by a context variable, so the call is made in an empty context.
    """
    with _as_ours():
        try:
            async with asyncio.TaskGroup() as group:
                made = group.create_task(call(), context=contextvars.Context())
        except BaseExceptionGroup as caught:
            raise caught.exceptions[0] from None
        return made.result()


@contextmanager
def _as_ours() -> Iterator[None]:
    """Say in our words that the database takes nothing: those of its driver end a process."""
    try:
        yield
    except _AWAY as error:
        raise StorageUnavailable(f"Runs cannot be stored or read now. ({error.orig})") from error
