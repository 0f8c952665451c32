"""What works in the background: mailboxes, firings, and what this process owes."""

from collections.abc import Callable, Sequence

from bot.role import Role
from bot.wiring.doors import splitter
from bot.wiring.people import schedule_holds
from bot.wiring.process import Parts
from gateway.outbound.dispatcher import Dispatcher
from runtime.activity import Activity
from runtime.engine import Owed, planned, unanswered
from runtime.halt import Halt
from runtime.mailboxes.mailboxes import Mailboxes
from runtime.mailboxes.queue import WORKFLOW as MAILBOX
from runtime.mailboxes.queue import QueueDispatch, QueueWorker
from runtime.mailboxes.queued import QueuedNotice
from runtime.parked import Parked
from runtime.schedules.abandoned import Withdraw
from runtime.schedules.firings import WORKFLOW as FIRING
from runtime.schedules.firings import Firings
from runtime.turns.runner import TurnRunner


def mailboxes(
    parts: Parts,
    turns: TurnRunner,
    activity: Activity,
    wake_outbox: Callable[[], None],
    parked: Parked,
) -> Mailboxes:
    """Each conversation's lane in this process."""
    queued = QueuedNotice(
        parts.store, split=splitter(parts), clock=parts.clock, wake_outbox=wake_outbox
    )
    return Mailboxes(turns, queued=queued, clock=parts.clock, activity=activity, parked=parked)


def register_workflows(
    parts: Parts,
    turns: TurnRunner,
    mailboxes: Mailboxes,
    activity: Activity,
    wake_outbox: Callable[[], None],
    halt: Halt,
    withdraw: Withdraw,
) -> None:
    """Tell the durable engine what a firing and a mailbox do."""
    firings = Firings(
        parts.store,
        turns,
        halt=halt,
        withdraw=withdraw,
        holds=schedule_holds(parts, wake_outbox),
        team=parts.team,
        split=splitter(parts),
        clock=parts.clock,
        owner=parts.slot,
        wake_outbox=wake_outbox,
        activity=activity,
    )
    parts.durable.register(FIRING, firings.workflow)
    worker = QueueWorker(parts.store, mailboxes, QueueDispatch(parts.durable), clock=parts.clock)
    parts.durable.register(MAILBOX, worker.workflow)


def owed(parts: Parts, dispatcher: Dispatcher) -> Sequence[Owed]:
    """What this process has to see done: of others' work only what it delivers."""
    match parts.role:
        case Role.ALL if parts.alone:
            return (planned(parts.store), dispatcher.undelivered)
        case Role.ALL:
            return (unanswered(parts.store), planned(parts.store), dispatcher.undelivered)
        case Role.WEB:
            return (dispatcher.undelivered,)
        case Role.WORKER | Role.CLOCK:
            return ()
