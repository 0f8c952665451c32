"""What one process is made of: the implementations of its ports, and a few values."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime, timedelta
from pathlib import Path

from bot.role import Role
from bot.wiring.policy import Read as ReadPolicy
from gateway.health import Check
from runtime.clock import Clock
from runtime.ids import AgentName, IdSource, ModelName, Platform, TurnId
from runtime.model.team import Team
from runtime.model.tools import ToolSpec
from runtime.model.value import value
from runtime.people.roster import Roster
from runtime.policy.book import PolicyBook
from runtime.ports import ChatPort, Durable, ModelPort, Policy, Store, Timetable
from runtime.stopping import HardStop, stays
from runtime.tools.registry import Tool


def _no_rules(_specs: Sequence[ToolSpec], _agents: Sequence[AgentName]) -> PolicyBook:
    """What holds without a file."""
    return PolicyBook()


@value(kw_only=True)
class Parts:
    """The implementations of the ports, and the values, that one process is made of.

    Attributes:
        role: what the process does.
        slot: its stable name.
        team: the configuration as it is now.
        roster: adds whom the chat added, where platforms need to know that; else it is made.
        alone: no other process writes to the database.
        clock: time.
        ids: identity.
        store: the database.
        durable: runs.
        models: the models by name.
        chats: the platforms by name.
        timetable: times that people write.
        looks: one look at each platform, for readiness.
        kept: how long what is settled is kept.
        totals: how long it is kept what was spent in a day and in a month.
        policy_path: where the rules for tools are, to be read again when they change; or None.
        read_policy: reads them, for the tools and the agents there are.
        policy: judges in their place; for tests.
        more_tools: beside those there are; for tests.
        hard_stop: ends this process where what was stopped does not let go.
        stop_file: a file that stops everything once it is there; or None.
        stopped_among: whether another process stopped one of these turns; asked from a thread, and
            None where no other process can.
    """

    role: Role
    slot: str
    team: Callable[[], Team]
    alone: bool
    clock: Clock
    ids: IdSource
    store: Store
    durable: Durable
    models: Mapping[ModelName, ModelPort]
    chats: Mapping[Platform, ChatPort]
    timetable: Timetable
    looks: Sequence[Callable[[], Awaitable[Check]]] = ()
    kept: timedelta = timedelta(days=30)
    totals: timedelta = timedelta(days=400)
    policy_path: Path | None = None
    read_policy: ReadPolicy = _no_rules
    policy: Policy | None = None
    more_tools: tuple[Tool, ...] = ()
    hard_stop: HardStop = stays
    stop_file: Path | None = None
    stopped_among: Callable[[Sequence[TurnId]], bool] | None = None
    roster: Roster | None = None


class Passes:
    """When the schedules were last looked at."""

    def __init__(self) -> None:
        self._last: datetime | None = None

    def note(self, now: datetime) -> None:
        """They were looked at now."""
        self._last = now

    def last(self) -> datetime | None:
        """When, or None where they were not yet."""
        return self._last
