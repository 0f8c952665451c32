"""What turns need from outside."""

from collections.abc import Callable, Mapping

from runtime.approvals.questions import Questions
from runtime.clock import Clock
from runtime.halt import Halt
from runtime.handoffs import Handoffs
from runtime.ids import IdSource, Platform
from runtime.model.team import Team
from runtime.model.value import value
from runtime.notices import Notices
from runtime.outbox import Splitter
from runtime.parked import Parked
from runtime.ports import Budget, ChatPort, Sender, Store, Tools
from runtime.routing.asking import Routing
from runtime.turns.executor import Executor
from runtime.turns.replays import Replays


@value(kw_only=True)
class TurnDeps:
    """The ports, services and values that are the same for all turns of a process."""

    store: Store
    routing: Routing
    replays: Replays
    chats: Mapping[Platform, ChatPort]
    team: Callable[[], Team]
    tools: Tools
    executor: Executor
    questions: Questions
    notices: Notices
    parked: Parked
    halt: Halt
    budget: Budget
    handoffs: Handoffs
    split: Splitter
    clock: Clock
    ids: IdSource
    owner: str
    alone: bool
    wake_outbox: Callable[[], None]
    sender: Sender
