"""The processes of one desk, and runs that outlive them."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Protocol

from runtime.ids import RunId
from runtime.model.run import RunState
from runtime.model.tools import Json
from runtime.model.value import value


@value(kw_only=True)
class Worker:
    """A process slot, as the others see it.

    Attributes:
        slot: its stable name: the same after a restart of the same process.
        role: what it does: `all`, `web`, `worker`, `clock`.
        seen_at: its last sign of life, by its own clock.
        life: which life of the process that is: another after a restart; empty for none, where
            the process has let go of the slot.
    """

    slot: str
    role: str
    seen_at: datetime
    life: str = ""


class Workers(Protocol):
    """Which processes are alive."""

    async def beat(self, worker: Worker) -> bool:
        """Write a sign of life, and hold the slot with it.

        False, and nothing is written, where another life holds the slot.
        """
        ...

    async def get(self, slot: str) -> Worker | None:
        """The worker of that slot, or None."""
        ...

    async def let_go(self, worker: Worker) -> bool:
        """End that life's hold on its slot: of its own accord, or because it is dead.

        False, and nothing is changed, where it gave a sign of life after `seen_at`, or no longer
        holds the slot.
        """
        ...

    async def known(self) -> list[Worker]:
        """All whose work nobody took over since their last sign of life, the oldest sign first.

        Whether one lives, its signs tell by changing: their times are of its own machine's clock.
        """
        ...

    async def take_over(self, slot: str, *, seen_at: datetime, by: str) -> bool:
        """Claim a silent worker's work: True for exactly one caller for that `seen_at`.

        The take-over is under way until `by` calls `taken_up`.
        """
        ...

    async def inherit(self, slot: str, *, by: str) -> list[str]:
        """Claim the take-overs that the worker `slot`, which is gone, left under way.

        Returns the slots whose work they are about; not those that came back to life since.
        `slot` may be `by` itself, in an earlier life.
        """
        ...

    async def taken_up(self, slot: str, *, by: str) -> None:
        """Say that the take-over is complete: nothing of that worker's work is left to claim."""
        ...


class RunContext(Protocol):
    """What a workflow may use. Everything else it does must be inside a step."""

    @property
    def run(self) -> RunId:
        """The run."""
        ...

    async def step(self, name: str, work: Callable[[], Awaitable[Json]]) -> Json:
        """Do the work, or, where it completed before a crash, return what it returned then.

        The work may be done twice if the crash came before its result was stored.
        """
        ...

    async def wait(self, topic: str) -> Json:
        """Wait for a signal on that topic, however long; survives restarts. One call takes one."""
        ...

    async def child(self, workflow: str, run: RunId, payload: Json) -> Json:
        """Start another run as a child of this one and wait for its result."""
        ...


Workflow = Callable[[RunContext, Json], Awaitable[Json]]


class Durable(Protocol):
    """Runs workflows so that a crash loses no completed step."""

    def register(self, name: str, workflow: Workflow) -> None:
        """Make a workflow known. Before `open`, in every process, with the same names."""
        ...

    async def open(self) -> None:
        """Connect, and go on with the unfinished runs of this process slot."""
        ...

    async def close(self) -> None:
        """Stop here, leaving unfinished runs to be gone on with."""
        ...

    async def start(
        self, workflow: str, run: RunId, payload: Json, *, partition: str | None = None
    ) -> None:
        """Start a run; one whose id was started before is left as it is.

        With a partition, the runs of that partition are done one at a time in the order in
        which they were started, by any process that works; without one, at once.
        """
        ...

    async def signal(self, run: RunId, topic: str, value: Json, *, key: str) -> None:
        """Send a signal; the same key again is not delivered twice. It may come before the wait."""
        ...

    async def cancel(self, run: RunId) -> None:
        """Cancel a run and its children, as soon as their steps under way return."""
        ...

    async def state(self, run: RunId) -> RunState | None:
        """Where the run is; None where it was never started."""
        ...

    async def result(self, run: RunId) -> Json:
        """Wait for the run to end; what it returned.

        Raises:
            NightdeskError: it failed or was cancelled.
        """
        ...

    async def take_over(self, slot: str) -> int:
        """Go on here with the unfinished runs of a dead process; returns how many.

        The caller has made sure that it is dead (`Workers.take_over`).
        """
        ...

    async def forget(self, *, before: datetime) -> int:
        """Delete runs that ended before that time, a page of them at most; returns how many.

        A run whose child or parent has not ended stays. What was forgotten can be started anew.
        """
        ...
