"""A desk that nobody uses, for days: every duty of the process is done again and again."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from bot.running.duties import Duties
from runtime.model.meter import Period, Scope
from runtime.ports import Ledger
from tests.support.approving import people
from tests.support.build import DM
from tests.support.clock import ManualClock
from tests.support.desk import running_desk
from tests.support.paid import PaidModel, limited

Job = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Idled:
    """What idling cost.

    Attributes:
        calls: calls of the model.
        tokens: tokens that the ledger counted.
        spent: micro-units that it counted.
        duties: how often a duty was done.
    """

    calls: int
    tokens: int
    spent: int
    duties: int


class _EveryTime:
    """A ticker whose jobs all come whenever it is asked, and which wakes up when it should."""

    def __init__(self) -> None:
        self._jobs: dict[str, Job] = {}
        self._wakes: dict[str, tuple[datetime, Job]] = {}
        self.done = 0

    def every(self, seconds: float, name: str, job: Job) -> None:
        assert seconds > 0
        self._jobs[name] = job

    def wake_at(self, when: datetime, name: str, job: Job) -> None:
        self._wakes[name] = when, job

    def start(self) -> None:
        """It comes when it is asked."""

    async def stop(self) -> None:
        """Nothing is under way."""

    async def tick(self, now: datetime) -> None:
        """Do every job once, and those whose time has come."""
        due = [name for name, (when, _) in self._wakes.items() if when <= now]
        for _, job in [self._wakes.pop(name) for name in due]:
            await job()
        for job in list(self._jobs.values()):
            await job()
        self.done += len(due) + len(self._jobs)


async def idle(folder: Path, *, days: int, step: timedelta) -> Idled:
    """Be idle that long; before, one answer was given and one schedule paused."""
    clock, ticker = ManualClock(), _EveryTime()
    model = PaidModel(lambda _: "Fine.", clock=clock)
    async with running_desk(
        folder, clock=clock, model=model, members=limited(people(), 10_000_000)
    ) as desk:
        await desk.ask("hello", thread=DM)
        await desk.command("/schedule create every day at 9:00 Say hello --channel #ops")
        await desk.command("/schedule pause 1")
        ledger = desk.desk.parts.store.ledger
        spent_before, tokens_before = await _total(ledger)
        assert len(model.scripted.requests) == 1, "the desk that idles had a model to call"
        duties = Duties(desk.desk, ticker)
        duties.start()
        end = clock.now() + timedelta(days=days)
        while clock.now() < end:
            await clock.advance(step.total_seconds())
            await ticker.tick(clock.now())
            await desk.quiet()
        spent, tokens = await _total(ledger)
        return Idled(
            calls=len(model.scripted.requests) - 1,
            tokens=tokens - tokens_before,
            spent=spent - spent_before,
            duties=ticker.done,
        )


async def _total(ledger: Ledger) -> tuple[int, int]:
    """What was spent on all days, and how many tokens were used."""
    found = await ledger.series(Scope.ORGANISATION, "", Period.DAY, limit=400)
    tokens = sum(one.prompt_tokens + one.completion_tokens for one in found)
    return sum(one.spent for one in found), tokens
