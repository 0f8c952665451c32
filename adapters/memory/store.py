"""The store in memory: a twin of the one in a database; `adapters.memory` says what it is for."""

from dataclasses import replace
from datetime import datetime

from adapters.memory.approvals import MemoryApprovals
from adapters.memory.audit import MemoryAudit
from adapters.memory.budgets import MemoryBudgets
from adapters.memory.deadletters import MemoryDeadLetters
from adapters.memory.files import MemoryFiles
from adapters.memory.grants import MemoryGrants
from adapters.memory.handoffs import MemoryHandoffs
from adapters.memory.inbox import MemoryConversations, MemoryInbox
from adapters.memory.ledger import MemoryLedger
from adapters.memory.members import MemoryMembers
from adapters.memory.modelbook import MemoryModelBook
from adapters.memory.outbox import MemoryOutbox
from adapters.memory.people import MemoryPeople
from adapters.memory.reminders import MemoryReminders
from adapters.memory.schedules import MemorySchedules
from adapters.memory.state import MemoryStates
from adapters.memory.stops import MemoryStops
from adapters.memory.tables import Tables, WorkerRow
from adapters.memory.trust import MemoryChannelTrust
from adapters.memory.turns import MemoryTurns
from runtime.clock import Clock
from runtime.ids import IdSource
from runtime.ports import Worker


class MemoryWorkers:
    """`runtime.ports.Workers` in memory."""

    def __init__(self, tables: Tables) -> None:
        self._tables = tables

    async def beat(self, worker: Worker) -> bool:
        """Write a sign of life: see the port."""
        row = self._tables.workers.setdefault(worker.slot, WorkerRow(worker))
        if row.worker.life not in ("", worker.life):
            return False
        row.worker = worker
        return True

    async def get(self, slot: str) -> Worker | None:
        """The worker of that slot: see the port."""
        row = self._tables.workers.get(slot)
        return None if row is None else row.worker

    async def let_go(self, worker: Worker) -> bool:
        """End a life's hold on its slot: see the port."""
        row = self._tables.workers.get(worker.slot)
        if row is None or row.worker != worker or not worker.life:
            return False
        row.worker = replace(worker, life="")
        return True

    async def known(self) -> list[Worker]:
        """Workers whose work nobody took over: see the port."""
        known = [row.worker for row in self._tables.workers.values() if not _is_taken(row)]
        return sorted(known, key=lambda worker: (worker.seen_at, worker.slot))

    async def take_over(self, slot: str, *, seen_at: datetime, by: str) -> bool:
        """Claim a silent worker's work: see the port."""
        row = self._tables.workers.get(slot)
        if row is None or row.worker.seen_at != seen_at or _is_taken(row):
            return False
        row.taken_at, row.taken_by = seen_at, by
        return True

    async def inherit(self, slot: str, *, by: str) -> list[str]:
        """Claim the take-overs that a worker left under way: see the port."""
        left = [
            (name, row)
            for name, row in self._tables.workers.items()
            if row.taken_by == slot and _is_taken(row)
        ]
        for _, row in left:
            row.taken_by = by
        return sorted(name for name, _ in left)

    async def taken_up(self, slot: str, *, by: str) -> None:
        """End a take-over: see the port."""
        row = self._tables.workers.get(slot)
        if row is not None and row.taken_by == by:
            row.taken_by = None


class MemoryStore:
    """`runtime.ports.Store` in memory: everything is gone with the process."""

    def __init__(self, *, clock: Clock, ids: IdSource) -> None:
        tables = Tables(audit=MemoryAudit(clock))
        self._tables = tables
        self._inbox = MemoryInbox(tables)
        self._conversations = MemoryConversations(tables, clock=clock, ids=ids)
        self._turns = MemoryTurns(tables, clock=clock)
        self._outbox = MemoryOutbox(tables)
        self._dead_letters = MemoryDeadLetters(tables)
        self._schedules = MemorySchedules(tables)
        self._workers = MemoryWorkers(tables)
        self._files = MemoryFiles(clock)
        self._reminders = MemoryReminders(self._outbox)
        self._people = MemoryPeople(tables.audit)
        self._members = MemoryMembers(tables.audit)
        self._approvals = MemoryApprovals(self._outbox, tables.audit)
        self._grants = MemoryGrants(tables.audit)
        self._trust = MemoryChannelTrust(tables.audit)
        self._modelbook = MemoryModelBook()
        self._stops = MemoryStops(tables)
        self._ledger = MemoryLedger()
        self._budgets = MemoryBudgets(tables, self._modelbook)
        self._states = MemoryStates()
        self._handoffs = MemoryHandoffs(tables)

    @property
    def inbox(self) -> MemoryInbox:
        """Accepted events."""
        return self._inbox

    @property
    def conversations(self) -> MemoryConversations:
        """Conversations and bindings."""
        return self._conversations

    @property
    def turns(self) -> MemoryTurns:
        """Turns."""
        return self._turns

    @property
    def outbox(self) -> MemoryOutbox:
        """Messages on their way out."""
        return self._outbox

    @property
    def dead_letters(self) -> MemoryDeadLetters:
        """Messages that could not be delivered."""
        return self._dead_letters

    @property
    def schedules(self) -> MemorySchedules:
        """Schedules and their planned times."""
        return self._schedules

    @property
    def workers(self) -> MemoryWorkers:
        """Processes."""
        return self._workers

    @property
    def files(self) -> MemoryFiles:
        """Files that came in or are to go out."""
        return self._files

    @property
    def reminders(self) -> MemoryReminders:
        """What people want to be told."""
        return self._reminders

    @property
    def people(self) -> MemoryPeople:
        """Who is who over the platforms."""
        return self._people

    @property
    def members(self) -> MemoryMembers:
        """Who was made a member in the chat."""
        return self._members

    @property
    def approvals(self) -> MemoryApprovals:
        """Questions to people."""
        return self._approvals

    @property
    def grants(self) -> MemoryGrants:
        """What people allowed for a time."""
        return self._grants

    @property
    def trust(self) -> MemoryChannelTrust:
        """What became known of channels."""
        return self._trust

    @property
    def handoffs(self) -> MemoryHandoffs:
        """How threads came to their agents."""
        return self._handoffs

    @property
    def states(self) -> MemoryStates:
        """What agents keep."""
        return self._states

    @property
    def audit(self) -> MemoryAudit:
        """What was decided and done."""
        return self._tables.audit

    @property
    def ledger(self) -> MemoryLedger:
        """What was spent and is held."""
        return self._ledger

    @property
    def budgets(self) -> MemoryBudgets:
        """What people decided about money."""
        return self._budgets

    @property
    def stops(self) -> MemoryStops:
        """What people stopped."""
        return self._stops

    @property
    def modelbook(self) -> MemoryModelBook:
        """What people chose of models, and which providers are out."""
        return self._modelbook

    async def check(self) -> None:
        """Memory always answers."""


def _is_taken(row: WorkerRow) -> bool:
    return row.taken_at == row.worker.seen_at
